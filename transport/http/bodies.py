"""Messages as bodies: their length before they are sent, and reading them as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

from hyperglyph.codec import KINDS, Blob, Extension, Limits, Reader, encode_pieces
from hyperglyph.codec.limits import DEFAULT_LIMITS

__all__ = ["Body", "pack_body", "read_message"]


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
) -> tuple[Any, Reader]:
    """Decode a body while it arrives: the value, and the reader, whose blobs are spooled.

    `at_root` is called once the root is there and only blobs may follow. Raises DecodeError, and
    whatever `pieces` raises; blobs received so far are then closed.
    """
    reader = Reader(limits=limits, extensions=extensions)
    waiting = at_root is not None
    try:
        for piece in pieces:
            reader.feed(piece)
            if waiting and reader.has_root and not reader.complete:
                waiting = False
                assert at_root is not None
                at_root()
        return reader.close(), reader
    except BaseException:
        reader.abandon()
        raise
