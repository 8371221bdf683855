"""Sequences: the items of a generator's result, each as soon as it is there.

    sequence = *( message ) end ws
    end      = an extension `end` whose content is nil, or an error to be raised

What closes the items is itself a message, so that a body cut short is never taken for a whole one.
Its attribute `status` is the HTTP status that the error would have had in place of the items.

Standard, section 20.2.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

from hyperglyph.codec import (
    KINDS,
    Blob,
    DecodeError,
    Error,
    Extension,
    Limits,
    SequenceReader,
    Truncated,
    encode,
)

from .negotiate import parse_accept
from .waiting import Pieces, each

__all__ = [
    "SEQUENCE_TYPE",
    "End",
    "accepts_sequence",
    "check_item",
    "pack_end",
    "read_items",
]

SEQUENCE_TYPE: Final = "application/vnd.hyperglyph-seq"

#: The name of the extension that closes a sequence, and is like any other elsewhere (REQ-EXT-12).
_END: Final = "end"
_BEGIN: Final = encode(Extension(_END)).partition(b"D;")[0]


def accepts_sequence(values: Iterable[str]) -> bool:
    """Whether the values of Accept name the type; a range such as `*/*` never means it.

    REQ-SEQ-1.
    """
    return any(
        member.type == SEQUENCE_TYPE and weight > 0
        for value in values
        for member, weight in parse_accept(value)
    )


def check_item(message: bytes) -> None:
    """Raise ValueError for a message that would be taken for the end. REQ-SEQ-6."""
    if message.startswith(_BEGIN):
        raise ValueError("an extension named 'end' closes a sequence and cannot be an item of one")


def pack_end(error: Error | None = None, status: int = 500) -> bytes:
    """What closes a sequence; with an error to be raised at the other side. REQ-SEQ-2."""
    attributes = {} if error is None else {"status": status}
    return encode(Extension(_END, attributes, error))


class End(Exception):
    """The items ended with an error: its `status`, and the `error` that tells of it."""

    def __init__(self, status: int, error: Error) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error


async def read_items(
    pieces: Pieces,
    *,
    limits: Limits,
    extensions: Mapping[str, type[Extension]] = KINDS,
) -> AsyncIterator[tuple[Any, tuple[Blob, ...]]]:
    """The items of a body while it arrives, each with its blobs.

    Raises End where the items end with an error; DecodeError for a malformed body, Truncated for
    one that stops before its end; and what `pieces` raises. REQ-SEQ-3 to REQ-SEQ-5.
    """
    reader = SequenceReader(limits=limits, extensions=extensions)
    end: Extension | None = None
    try:
        async for piece in each(pieces):
            for value in reader.feed(piece):
                if end is not None:
                    raise DecodeError("a message after the end of the sequence", 0)
                if isinstance(value, Extension) and value.name == _END:
                    end = value
                else:
                    yield value, reader.blobs
        reader.close()
    finally:
        reader.abandon()
    if end is None:
        raise Truncated("the sequence is cut short: it has no end", 0)
    if end.content is not None:
        raise _failure(end)


def _failure(end: Extension) -> Exception:
    content, status = end.content, end.attributes.get("status", 500)
    if not isinstance(content, Error) or type(status) is not int or not 400 <= status < 600:
        return DecodeError("the end of a sequence holds neither nil nor an error", 0)
    return End(status, content)
