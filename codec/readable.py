"""A message laid out for a person: one line an object, with offset, length and type.

    >>> print(readable(b"Du6:answer;Li42;T;;;"))
           0      20  dict, 1 pair
           1      10    unicode, 6 bytes: 'answer'
          11       8    list, 2 items
          12       4      integer: 42
          16       2      true

The fault is the decoder's: `decode` says where a message goes wrong, and only what stands before
that is laid out. So the scan here can trust the grammar of what it sees.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from .decoder import decode
from .errors import DecodeError
from .limits import DEFAULT_LIMITS, Limits
from .scanner import show_byte

__all__ = ["readable"]

_SHOWN = 60  # characters or bytes of a value
_SCALARS: Final = {
    "i": "integer", "f": "float", "d": "datetime", "p": "timedelta",
    "T": "true", "F": "false", "N": "nil", "u": "unicode", "b": "bytearray",
}  # fmt: skip
_CONTAINERS: Final = {
    "L": "list", "S": "set", "D": "dict", "O": "ordered dict", "X": "extension", "B": "blob",
}  # fmt: skip
_COUNTED: Final = re.compile(rb"[ub]([0-9]+):")
_BLOB: Final = re.compile(rb"B([0-9]+):")
_CHUNK: Final = re.compile(rb"c([0-9]+)(?::([0-9]+):|;)")


def readable(message: bytes | bytearray | memoryview, *, limits: Limits = DEFAULT_LIMITS) -> str:
    """Lay out a message, or as much of one as stands before its first fault, which is marked.

    Never raises for the content of `message`.
    """
    data = bytes(message)
    try:
        decode(data, limits=limits)
    except DecodeError as fault:
        lines = _Layout(data[: fault.offset]).lines()
        lines.append(f"{fault.offset:>8} {'!':>7}  {fault.reason}")
        lines.append(f"{'':>18}{_context(data, fault.offset)}")
        return "\n".join(lines)
    return "\n".join(_Layout(data).lines())


def _context(data: bytes, offset: int) -> str:
    if offset >= len(data):
        return "the input ends here"
    rest = data[offset : offset + 24]
    return f"found {show_byte(data[offset])}, as in {rest!r}{'...' if data[offset + 24 :] else ''}"


@attrs.define
class _Row:
    """A line of the layout. `end` is known when the object's last byte was seen."""

    start: int
    depth: int
    text: str
    kind: str = ""
    end: int | None = None
    objects: int = 0

    def render(self) -> str:
        length = "..." if self.end is None else str(self.end - self.start)
        return f"{self.start:>8} {length:>7}  {'  ' * self.depth}{self.text}{self._count()}"

    def _count(self) -> str:
        if self.kind in "DO" and self.kind:
            return f", {_plural(self.objects // 2, 'pair')}"
        return f", {_plural(self.objects, 'item')}" if self.kind in "LS" and self.kind else ""


class _Layout:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.rows: list[_Row] = []
        self.open: list[_Row] = []

    def lines(self) -> list[str]:
        position = 0
        while position < len(self.data):
            if self.data[position] in b" \t\v\r\n":
                position += 1
            else:
                position = self._token(position)
        return [row.render() for row in self.rows]

    def _token(self, position: int) -> int:
        """Lay out what begins here, and return the position behind it."""
        prefix = chr(self.data[position])
        if prefix == ";" and self.open:
            self.open.pop().end = position + 1
            return position + 1
        row = _Row(position, len(self.open), "")
        self.rows.append(row)
        if prefix == "c":
            return self._chunk(row)
        if self.open:
            self.open[-1].objects += 1
        if prefix in _CONTAINERS:
            row.kind, row.text = prefix, _CONTAINERS[prefix]
            self.open.append(row)
            head = _BLOB.match(self.data, position)
            if head:
                row.text += f" {int(head[1])}"
            unread = len(self.data) if prefix == "B" else position + 1
            return head.end() if head else unread
        end = self._scalar(row, prefix)
        row.end = end if end <= len(self.data) else None
        return end

    def _scalar(self, row: _Row, prefix: str) -> int:
        """Fill in the row of a scalar and return where it ends."""
        row.text = _SCALARS.get(prefix, "unfinished")
        head = _COUNTED.match(self.data, row.start)
        if head:
            length, start = int(head[1]), head.end()
            octets = self.data[start : start + length]
            row.text += f", {_plural(length, 'byte')}: {_show(octets, text=prefix == 'u')}"
            return start + length + 1
        end = self.data.find(b";", row.start)
        literal = self.data[row.start + 1 : end if end >= 0 else None]
        if prefix in "ub":
            row.text += ", 0 bytes" if end >= 0 else ""
        elif literal:
            row.text += f": {_shorten(repr(literal)[2:-1])}"
        return end + 1 if end >= 0 else len(self.data) + 1

    def _chunk(self, row: _Row) -> int:
        head = _CHUNK.match(self.data, row.start)
        if head is None:
            row.text = "unfinished chunk"
            return len(self.data)
        number, length = int(head[1]), head[2]
        if length is None:
            row.text, end = f"end of blob {number}", head.end()
        else:
            row.text = f"chunk of blob {number}, {_plural(int(length), 'byte')}"
            end = head.end() + int(length) + 1
        row.end = end if end <= len(self.data) else None
        return end


def _show(octets: bytes, *, text: bool) -> str:
    return _shorten(repr(octets.decode("utf-8", "replace") if text else octets))


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
