"""What a store is, and what all stores share: values are bytes of the codec, never pickles."""

from __future__ import annotations

import math
import secrets
from typing import Any, Final, Protocol, runtime_checkable

import attrs

from hyperglyph.codec import (
    DecodeError,
    EncodeError,
    HyperglyphError,
    Limits,
    decode,
    encode_pieces,
)
from hyperglyph.codec.limits import MAX_DEPTH

__all__ = ["Entry", "Store", "StoreError", "dump", "load", "new_version", "until"]

#: Who may write to a store has the server's trust: these bounds only keep mistakes small.
_LIMITS: Final = Limits(depth=MAX_DEPTH, nodes=10_000_000, message=256 * 1024 * 1024)


class StoreError(HyperglyphError):
    """A store cannot be read or written now; the message says which one, and why.

    `unknown` says that what was to be written may have been written all the same: the answer was
    lost. Else nothing was.
    """

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown


@attrs.frozen
class Entry:
    """A value as it was written, and which writing that was."""

    value: Any
    version: int


@runtime_checkable
class Store(Protocol):
    """Values by key, with versions, for any number of threads.

    A value is whatever the codec can carry but blobs; `get` returns a new one each time, in the
    codec's types (a tuple comes back as a list). Each writing gives the entry a version that no
    other writing has or had, so an entry that was deleted and made again is not taken for the old
    one. `expires_in` is in seconds; None: never. An entry that has expired is not there.

    Every writing is atomic. Methods raise StoreError if the store cannot be read or written, and
    EncodeError, naming the place, for a value that the codec cannot carry.
    """

    def get(self, key: str, /) -> Entry | None:
        """The entry, or None."""
        ...

    def put(self, key: str, value: Any, /, *, expires_in: float | None = None) -> int:
        """Write, whatever was there. Returns the version."""
        ...

    def compare_and_set(
        self, key: str, value: Any, version: int | None, /, *, expires_in: float | None = None
    ) -> int | None:
        """Write if the entry still has that version (None: if there is none).

        Returns the new version, or None if nothing was written.
        """
        ...

    def delete(self, key: str, version: int | None = None, /) -> bool:
        """Remove the entry (if it still has that version). Returns whether it was removed."""
        ...

    def close(self) -> None:
        """Let go of files and connections. May be repeated."""
        ...


def dump(value: Any) -> bytes:
    """A value as a store keeps it. Raises EncodeError."""
    pieces = encode_pieces(value, limits=_LIMITS)
    if pieces.blobs:
        raise EncodeError("a blob cannot be kept in a store; keep its bytes, or where they are")
    return pieces.root


def load(data: bytes, where: str) -> Any:
    """The value of what `dump` made. Raises StoreError: something else has written there."""
    try:
        return decode(data, limits=_LIMITS)
    except DecodeError as error:
        raise StoreError(f"{where} holds something that is no message: {error}") from None


def new_version() -> int:
    """Drawn, not counted: unique across processes and deletions without a counter to lock."""
    return secrets.randbits(62) + 1


def until(now: float, expires_in: float | None) -> float | None:
    """When an entry written now expires. Raises ValueError for a time that is none."""
    if expires_in is None:
        return None
    if not (math.isfinite(expires_in) and expires_in > 0):
        raise ValueError(f"expires_in is a positive number of seconds, not {expires_in!r}")
    return now + expires_in
