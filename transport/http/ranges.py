"""A part of a body: Range and Content-Range (RFC 9110, chapter 14), one range of bytes.

The server's half cuts, the client's half asks for what is missing of a download that broke off.

Standard, section 19.5 (REQ-BLOBHTTP-4, REQ-BLOBHTTP-5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs

__all__ = ["Span", "range_from", "span_of", "unpack_content_range"]

_RANGE: Final = re.compile(r"(?ai:bytes)=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*")
_CONTENT_RANGE: Final = re.compile(r"(?ai:bytes) ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


@attrs.frozen
class Span:
    """The bytes from `start` up to, and without, `stop` of `size` in all; empty if there are none.

    An empty one stands for a range that cannot be satisfied (416).
    """

    start: int
    stop: int
    size: int

    @property
    def length(self) -> int:
        return self.stop - self.start

    def content_range(self) -> str:
        """The value of Content-Range."""
        if not self.length:
            return f"bytes */{self.size}"
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def span_of(values: Iterable[str], size: int) -> Span | None:
    """The part that the values of Range ask for of `size` bytes; None for all of it.

    So is what cannot be read, and more than one range: a server may ignore Range.
    """
    found = list(values)
    match = _RANGE.fullmatch(found[0]) if len(found) == 1 else None
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        if not last:
            return None
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), size if not last else min(size, int(last) + 1)
        if last and int(last) < int(first):
            return None
    return Span(start, stop, size) if start < stop else Span(0, 0, size)


def range_from(start: int) -> str:
    """The Range of what is missing behind the first `start` bytes."""
    return f"bytes={start}-"


def unpack_content_range(value: str | None) -> Span | None:
    """The part that an answer of 206 holds; None for what cannot be read."""
    match = None if value is None else _CONTENT_RANGE.fullmatch(value)
    if match is None:
        return None
    start, last, size = map(int, match.groups())
    return Span(start, last + 1, size) if start <= last < size else None
