"""The pieces of the grammar that both the root and its trailers are made of.

Functions take the input and a position and return a value and the position behind it. An input
that ends too early is no fault here: `NeedMore` says so, and whoever knows whether more can come
turns it into `Truncated`.
"""

from __future__ import annotations

import re
from typing import Final

from .errors import DecodeError, LimitExceeded
from .limits import LENGTH_DIGITS, LENGTH_ZEROS, Limits

__all__ = ["CLOSE", "COLON", "NeedMore", "Whitespace", "object_offset", "read_count"]

CLOSE: Final = 0x3B  # ";"
COLON: Final = 0x3A
_DIGITS: Final = re.compile(rb"(0*)([0-9]*)")


class NeedMore(Exception):
    """The input ends inside a token."""


# --- number = *64"0" ( "0" / nonzero-digit *9DIGIT )       vectors: length


def read_count(data: bytes | bytearray | memoryview, position: int, offset: int) -> tuple[int, int]:
    """A length or a blob's id, REQ-LEN-1 and REQ-LEN-2; `offset` is for the error."""
    match = _DIGITS.match(data, position)
    assert match is not None  # it matches the empty string
    (zeros, digits), end = match.groups(), match.end()
    del match  # it would hold the buffer of a bytearray
    if len(zeros) > LENGTH_ZEROS + (not digits) or len(digits) > LENGTH_DIGITS:
        raise DecodeError(
            f"length or id of more than {LENGTH_DIGITS} digits after {LENGTH_ZEROS} zeros", offset
        )
    if end == len(data):
        raise NeedMore
    if end == position:
        raise DecodeError("malformed length or id: digits expected", offset)
    return int(digits or b"0"), end


def expect(data: bytes | bytearray | memoryview, position: int, byte: int) -> int:
    """The position behind `byte`, which must stand at `position`."""
    if position >= len(data):
        raise NeedMore
    if data[position] != byte:
        raise DecodeError(f"'{byte:c}' expected, found {show_byte(data[position])}", position)
    return position + 1


def show_byte(byte: int) -> str:
    return repr(chr(byte)) if 0x20 <= byte < 0x7F else f"byte 0x{byte:02x}"


# --- ws = *( SP / HTAB / VTAB / CR / LF )       vectors: whitespace

_WHITESPACE: Final = re.compile(rb"[ \t\v\r\n]*")


class Whitespace:
    """White space, counted over the whole message (REQ-MSG-2)."""

    def __init__(self, limits: Limits) -> None:
        self.left = limits.whitespace

    def skip(self, data: bytes | bytearray | memoryview, position: int) -> int:
        """The position of the first byte that is not white space."""
        match = _WHITESPACE.match(data, position)
        assert match is not None  # it matches the empty string
        end = match.end()
        del match
        self.left -= end - position
        if self.left < 0:
            raise LimitExceeded("too much white space", end + self.left)
        return end


# --- Finding an object again ---------------------------------------------------------------------


def object_offset(data: bytes | bytearray, position: int, index: int) -> int:
    """The offset of the object that stands `index` objects behind `position`.

    For errors only: the decoder does not remember where each key began. Everything before the
    object asked for was decoded already, so its grammar is not questioned here.
    """
    position = _skip_whitespace(data, position)
    for _ in range(index):
        position = _skip_whitespace(data, _skip_object(data, position))
    return position


def _skip_whitespace(data: bytes | bytearray, position: int) -> int:
    while data[position] in b" \t\v\r\n":
        position += 1
    return position


def _skip_object(data: bytes | bytearray, position: int) -> int:
    depth = 0
    while True:
        prefix = data[position : position + 1]
        if prefix in b" \t\v\r\n":
            position += 1
            continue
        if prefix in b"LSDOX":
            depth += 1
            position += 1
        elif prefix == b"B":
            depth += 1
            position = data.index(b":", position) + 1
        elif prefix == b";":
            depth -= 1
            position += 1
        elif prefix in b"ub" and data[position + 1] != CLOSE:
            colon = data.index(b":", position)
            position = colon + int(data[position + 1 : colon]) + 2
        else:
            position = data.index(b";", position) + 1
        if not depth:
            return position
