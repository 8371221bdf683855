"""Messages as bodies: their length before they are sent, and reading them as they come."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Generic, Protocol, TypeVar

import attrs

from hyperglyph.codec import (
    KINDS,
    MISSING,
    Blob,
    Extension,
    LimitExceeded,
    Limits,
    Reader,
    decode,
    encode_pieces,
)
from hyperglyph.codec.limits import DEFAULT_LIMITS, LENGTH_DIGITS, LENGTH_ZEROS

from .codings import Inflater
from .waiting import Pieces, each

__all__ = [
    "BlobSink",
    "Body",
    "InflatingSink",
    "MessageSink",
    "Sink",
    "pack_body",
    "read_into",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


#: How a blob begins. Text may hold the same.
_BLOB: Final = re.compile(rb"B[0-9]+:[DO]")
_BLOB_HEAD: Final = 2 + LENGTH_ZEROS + LENGTH_DIGITS


@attrs.define
class Body:
    """A message ready to be sent: its `root`, then `rest`, the pieces of its blobs if it has any.

    `length` is that of the whole, or None if the size of a blob is not known. REQ-HEAD-10.
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


class Sink(Protocol[T_co]):
    """Where the pieces of a body go as they arrive, and what they make in the end."""

    def feed(self, piece: bytes, /) -> None: ...

    def close(self) -> T_co:
        """What the body was. Raises if it is cut short."""
        ...

    def abandon(self) -> None:
        """Give back what it holds; the body is of no use. May be repeated."""
        ...


async def read_into(sink: Sink[T], pieces: Pieces) -> T:
    """Read a body to its end. Raises what the sink and the pieces raise; nothing is then held."""
    try:
        async for piece in each(pieces):
            sink.feed(piece)
        return sink.close()
    except BaseException:
        sink.abandon()
        raise


class MessageSink:
    """Decodes a body while it arrives: the value, and its blobs, which are spooled.

    A body without blobs is decoded when all of it is there. `at_root` is called once the root is
    there and only blobs may follow. `empty` is what a body of no bytes stands for, if it may be.
    Raises DecodeError.
    """

    def __init__(
        self,
        *,
        limits: Limits,
        extensions: Mapping[str, type[Extension]] = KINDS,
        at_root: Callable[[], object] | None = None,
        empty: object = MISSING,
    ) -> None:
        self._limits = limits
        self._extensions = extensions
        self._at_root = at_root
        self._empty = empty
        self._gathered = bytearray()
        self._reader: Reader | None = None

    def feed(self, piece: bytes, /) -> None:
        if self._reader is not None:
            self._read(self._reader, piece)
            return
        known = max(0, len(self._gathered) - _BLOB_HEAD)
        self._gathered += piece
        if len(self._gathered) > self._limits.message or _BLOB.search(self._gathered, known):
            self._reader = Reader(limits=self._limits, extensions=self._extensions)
            self._read(self._reader, self._taken())

    def _taken(self) -> bytes:
        message = bytes(self._gathered)
        self._gathered.clear()  # one copy is enough
        return message

    def _read(self, reader: Reader, piece: bytes) -> None:
        reader.feed(piece)
        if self._at_root is not None and reader.has_root and not reader.complete:
            self._at_root()
            self._at_root = None

    def close(self) -> tuple[Any, tuple[Blob, ...]]:
        if self._reader is not None:
            return self._reader.close(), self._reader.blobs
        if not self._gathered and self._empty is not MISSING:
            return self._empty, ()
        # Decoding at once is faster.
        return decode(self._taken(), limits=self._limits, extensions=self._extensions), ()

    def abandon(self) -> None:
        if self._reader is not None:
            self._reader.abandon()


class BlobSink:
    """A body that is a file, spooled while it arrives. Raises LimitExceeded."""

    def __init__(self, attributes: Mapping[str, Any], *, limits: Limits) -> None:
        self._blob = Blob.from_wire(attributes)
        self._limit = limits.blob_size
        self._size = 0

    def feed(self, piece: bytes, /) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise LimitExceeded(f"body of more than {self._limit} bytes", self._size)
        self._blob.write_spool(piece)

    def close(self) -> Blob:
        return self._blob

    def abandon(self) -> None:
        self._blob.close()


class InflatingSink(Generic[T]):
    """Hands on what is inside a compressed body. Raises Inflation, and what `sink` raises.

    It is inflated in bounded steps: the sink stops a bomb before it has unfolded.
    """

    def __init__(self, sink: Sink[T]) -> None:
        self._sink = sink
        self._inflater = Inflater()

    def feed(self, piece: bytes, /) -> None:
        for step in self._inflater.feed(piece):
            self._sink.feed(step)

    def close(self) -> T:
        for step in self._inflater.close():
            self._sink.feed(step)
        return self._sink.close()

    def abandon(self) -> None:
        self._sink.abandon()
