"""Messages as bodies: their length before they are sent, and reading them as they come."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

import attrs

from hyperglyph.codec import KINDS, Blob, Extension, Limits, Reader, decode, encode_pieces
from hyperglyph.codec.limits import DEFAULT_LIMITS, LENGTH_DIGITS, LENGTH_ZEROS

__all__ = ["Body", "pack_body", "read_message"]


#: How a blob begins. Text may hold the same.
_BLOB: Final = re.compile(rb"B[0-9]+:[DO]")
_BLOB_HEAD: Final = 2 + LENGTH_ZEROS + LENGTH_DIGITS


@attrs.define
class Body:
    """A message ready to be sent: its `root`, then `rest`, the pieces of its blobs if it has any.

    `length` is that of the whole, or None if the size of a blob is not known.
    """

    root: bytes
    rest: Iterator[bytes] | None
    length: int | None
    blobs: list[Blob] = attrs.field(factory=list[Blob])


def pack_body(
    value: Any, *, default: Callable[[Any], Any] | None = None, limits: Limits = DEFAULT_LIMITS
) -> Body:
    """Encode a value. Raises EncodeError, and what `default` raises, before anything is sent."""
    pieces = encode_pieces(value, default=default, limits=limits)
    if not pieces.blobs:
        return Body(pieces.root, None, len(pieces.root))
    return Body(pieces.root, pieces.trailers(), pieces.size, list(pieces.blobs))


def read_message(
    pieces: Iterable[bytes],
    *,
    limits: Limits,
    extensions: Mapping[str, type[Extension]] = KINDS,
    at_root: Callable[[], object] | None = None,
) -> tuple[Any, tuple[Blob, ...]]:
    """Decode a body while it arrives: the value, and its blobs, which are spooled.

    A body without blobs is decoded when all of it is there. `at_root` is called once the root is
    there and only blobs may follow. Raises DecodeError, and whatever `pieces` raises; blobs
    received so far are then closed.
    """
    iterator = iter(pieces)
    gathered = bytearray()
    for piece in iterator:
        known = max(0, len(gathered) - _BLOB_HEAD)
        gathered += piece
        if len(gathered) > limits.message or _BLOB.search(gathered, known):
            break
    else:  # decoding at once is faster
        message = bytes(gathered)
        gathered.clear()  # one copy is enough
        return decode(message, limits=limits, extensions=extensions), ()
    reader = Reader(limits=limits, extensions=extensions)
    waiting = at_root is not None
    try:
        for piece in chain((bytes(gathered),), iterator):
            reader.feed(piece)
            if waiting and reader.has_root and not reader.complete:
                waiting = False
                assert at_root is not None
                at_root()
        return reader.close(), reader.blobs
    except BaseException:
        reader.abandon()
        raise
