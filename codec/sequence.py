"""Reading one message after another as they arrive: the items of a sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .blob import Blob
from .hypermedia import KINDS
from .limits import DEFAULT_LIMITS, Limits
from .reader import Reader
from .scanner import Whitespace
from .types import Extension

__all__ = ["SequenceReader"]

#: What is left of a piece is copied once for each item in it: short pieces keep that linear.
_STEP: Final = 4_096


class SequenceReader:
    """Decodes messages that follow each other without anything between but white space.

        reader = SequenceReader()
        for piece in pieces:
            for value in reader.feed(piece):
                ...
        reader.close()

    A value comes as soon as its message is complete, the content of its blobs included. `limits`
    hold for each message; memory is that of one.

    After an error the reader is of no further use; blobs of the message that was being read are
    closed, those of values handed out are their owners'.
    """

    def __init__(
        self, *, limits: Limits = DEFAULT_LIMITS, extensions: Mapping[str, type[Extension]] = KINDS
    ) -> None:
        self._limits = limits
        self._extensions = extensions
        self._reader: Reader | None = None
        self._between = Whitespace(limits)
        #: The blobs of the value that came last.
        self.blobs: tuple[Blob, ...] = ()

    def feed(self, piece: bytes | memoryview) -> Iterator[Any]:
        """The values that a piece completes; to be read to its end before the next is fed.

        Raises DecodeError, whose offset is that in the message at fault, and LimitExceeded.
        """
        data = memoryview(piece)
        for start in range(0, len(data), _STEP):
            rest: bytes | memoryview = data[start : start + _STEP]
            while rest:
                reader = self._reader
                if reader is None:
                    rest = rest[self._between.skip(rest, 0) :]
                    if not rest:
                        break
                    reader = self._reader = Reader(
                        limits=self._limits, extensions=self._extensions, followed=True
                    )
                reader.feed(rest)
                if not reader.complete:
                    break
                rest = reader.rest
                self._reader = None
                self._between = Whitespace(self._limits)
                self.blobs = reader.blobs
                yield reader.close()

    def close(self) -> None:
        """The input ends here. Raises Truncated inside a message."""
        if self._reader is not None:
            self._reader.close()

    def abandon(self) -> None:
        """Give up: close the blobs of the message that is being read."""
        if self._reader is not None:
            self._reader.abandon()
