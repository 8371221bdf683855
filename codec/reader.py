"""Reading a message as it arrives (standard, section "Streaming", REQ-MSG-5)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .blob import Blob
from .decoder import Parser
from .hypermedia import KINDS
from .limits import DEFAULT_LIMITS, Limits
from .scanner import NeedMore
from .trailers import Trailers
from .types import Extension

__all__ = ["Reader"]


class Reader:
    """An incremental decoder: the same values and faults as `decode`, whatever the pieces.

        reader = Reader()
        for piece in pieces:
            reader.feed(piece)
        value = reader.close()

    The root is at hand as soon as its last byte was fed (`has_root`, `root`); its blobs fill while
    chunks come in, and hold everything once `complete`. Memory: the root, at most `limits.message`
    bytes, until it is decoded; of blobs 1 MiB each, the rest in temporary files.

    With `followed` another message may come behind this one: once it is `complete`, whatever was
    fed of the next is in `rest` (see `SequenceReader`).

    After an error the reader is of no further use; blobs that it made are closed.
    """

    def __init__(
        self,
        *,
        limits: Limits = DEFAULT_LIMITS,
        extensions: Mapping[str, type[Extension]] = KINDS,
        followed: bool = False,
    ) -> None:
        self._buffer = bytearray()
        self._parser = Parser(self._buffer, limits, extensions)
        self._limits = limits
        self._followed = followed
        self._trailers: Trailers | None = None
        self._root: Any = None

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next piece. Raises DecodeError at the first fault, LimitExceeded."""
        if isinstance(data, memoryview) and not (data.contiguous and data.format == "B"):
            data = data.tobytes()  # whose items may be wider than a byte
        try:
            if self._trailers is not None:
                self._trailers.feed(data)
            else:
                self._feed_root(data)
        except BaseException:
            self.abandon()
            raise

    def _feed_root(self, data: bytes | bytearray | memoryview) -> None:
        buffer, parser = self._buffer, self._parser
        before = len(buffer)
        room = self._limits.message - before
        data = memoryview(data)
        buffer += data[:room]
        if len(data) <= room and buffer.find(b";", before) < 0:
            return  # nothing ends in this piece: asking at each tiny one would not be linear
        try:
            self._root = parser.parse()
        except NeedMore:
            if len(data) > room:
                raise parser.unfinished(before + len(data)) from None
            return
        self._trailers = Trailers(
            parser.blobs,
            self._limits,
            parser.whitespace,
            parser.position,
            followed=self._followed,
        )
        rest = bytes(buffer[parser.position :])
        buffer.clear()
        self._trailers.feed(rest)
        self._trailers.feed(data[room:])

    @property
    def has_root(self) -> bool:
        """Whether the root is complete."""
        return self._trailers is not None

    @property
    def root(self) -> Any:
        """The root; its blobs may still be filling. Raises ValueError before `has_root`."""
        if self._trailers is None:
            raise ValueError("the root of the message has not arrived yet")
        return self._root

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """The blobs of the root that were met so far, in the order of their appearance."""
        return tuple(self._parser.blobs.values())

    @property
    def complete(self) -> bool:
        """Whether the root and all of its blobs are there; only white space may follow."""
        return self._trailers is not None and not self._trailers.open

    @property
    def rest(self) -> bytes:
        """What was fed of the next message, if one may follow."""
        return b"" if self._trailers is None else self._trailers.rest

    def close(self) -> Any:
        """The input ends here: return the root. Raises Truncated if anything is missing."""
        try:
            if self._trailers is None:
                with suppress(NeedMore):
                    self._parser.parse()  # what was held back may be too long already
                raise self._parser.unfinished(len(self._buffer))
            self._trailers.close()
        except BaseException:
            self.abandon()
            raise
        return self._root

    def abandon(self) -> None:
        """Give up on the message: close its blobs and with them their temporary files."""
        self._parser.close_blobs()
