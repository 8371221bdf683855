"""The scalars of the grammar: a reader for each prefix, and a writer for each type.

A reader takes the input, the position of the prefix and the limits, and returns the value and the
position behind it. It raises `NeedMore` where the input ends first. A writer takes a value and
returns its token as text of Latin-1, one character a byte: joining text and encoding it once is
faster than joining bytes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from .errors import DecodeError, LimitExceeded, Refused, Surrogate
from .limits import DATETIME_WIDTH, FLOAT_DECIMAL_WIDTH, TIMEDELTA_WIDTH, Limits
from .numbers import read_float, read_integer, write_float, write_integer
from .scanner import CLOSE, COLON, NeedMore, expect, read_count, show_byte
from .times import read_datetime, read_timedelta, write_datetime, write_timedelta
from .types import Period

__all__ = ["SCALARS", "Buffer", "read_unicode", "write_unicode", "writers"]

Buffer = bytes | bytearray
Reader = Callable[[Buffer, int, Limits], tuple[Any, int]]
Writer = Callable[[Any], str]

# --- Readers -------------------------------------------------------------------------------------


def _literal(data: Buffer, position: int, width: int) -> tuple[Buffer, int]:
    """The bytes between a prefix and its `;`. The search is bounded by what may stand there."""
    end = data.find(b";", position + 1, position + width + 2)
    if end >= 0:
        return data[position + 1 : end], end + 1
    if len(data) < position + width + 2:
        raise NeedMore
    return data[position + 1 : position + width + 2], position  # too wide: its reader will say so


def _integer(data: Buffer, position: int, limits: Limits) -> tuple[int, int]:
    digits = limits.integer_digits
    literal, end = _literal(data, position, digits + 1)
    return read_integer(literal, position, digits), end


def _float(data: Buffer, position: int, _: Limits) -> tuple[float, int]:
    literal, end = _literal(data, position, FLOAT_DECIMAL_WIDTH)
    return read_float(literal, position), end


def _datetime(data: Buffer, position: int, _: Limits) -> tuple[Any, int]:
    literal, end = _literal(data, position, DATETIME_WIDTH)
    return read_datetime(literal, position), end


def _timedelta(data: Buffer, position: int, _: Limits) -> tuple[Any, int]:
    literal, end = _literal(data, position, TIMEDELTA_WIDTH)
    return read_timedelta(literal, position), end


def _octets(data: Buffer, position: int, limits: Limits) -> tuple[Buffer, int]:
    """length ":" octets, or nothing: REQ-LEN-1 to REQ-LEN-3. The `;` is the caller's to check."""
    if data[position + 1 : position + 2] == b";":
        return b"", position + 1
    length, colon = read_count(data, position + 1, position)
    if data[colon] != COLON:
        raise DecodeError(f"':' expected after a length, found {show_byte(data[colon])}", position)
    if length > limits.message:
        raise LimitExceeded(f"declared length {length} is over the limit", position)
    end = colon + 1 + length
    if end >= len(data):  # before anything is allocated (REQ-LIM-4)
        raise NeedMore
    return data[colon + 1 : end], end


def read_unicode(data: Buffer, position: int, limits: Limits) -> tuple[str, int]:
    """REQ-TXT-3."""
    octets, end = _octets(data, position, limits)
    try:
        text = octets.decode()  # Python's UTF-8 is as strict as REQ-TXT-1
    except UnicodeDecodeError as error:
        raise DecodeError(f"text is not UTF-8: {error.reason}", position) from None
    return text, expect(data, end, CLOSE)


def _bytearray(data: Buffer, position: int, limits: Limits) -> tuple[bytes, int]:
    """REQ-BYT-1."""
    octets, end = _octets(data, position, limits)
    return bytes(octets), expect(data, end, CLOSE)


def _singleton(value: bool | None) -> Reader:
    """REQ-SNG-1."""

    def read(data: Buffer, position: int, _: Limits) -> tuple[bool | None, int]:
        return value, expect(data, position + 1, CLOSE)

    return read


SCALARS: Final[dict[int, Reader]] = {
    ord("i"): _integer,
    ord("u"): read_unicode,
    ord("b"): _bytearray,
    ord("f"): _float,
    ord("d"): _datetime,
    ord("p"): _timedelta,
    ord("T"): _singleton(True),
    ord("F"): _singleton(False),
    ord("N"): _singleton(None),
}


# --- Writers -------------------------------------------------------------------------------------


def _utf8(text: str) -> str:
    try:
        return text.encode().decode("latin-1")
    except UnicodeEncodeError as error:  # REQ-TXT-2
        raise Surrogate(text, ord(text[error.start])) from None


def write_unicode(text: str) -> str:
    octets = text if text.isascii() else _utf8(text)
    return f"u{len(octets)}:{octets};" if octets else "u;"


def _write_nfc(text: str) -> str:
    return write_unicode(unicodedata.normalize("NFC", text))


def _write_bytearray(octets: bytes) -> str:
    return f"b{len(octets)}:{octets.decode('latin-1')};" if octets else "b;"


def _integer_writer(digits: int) -> Writer:
    def write(number: int) -> str:
        # 10 takes less than four bits: with more than these it is not worth the conversion.
        literal = write_integer(number) if number.bit_length() <= 4 * digits else ""
        if not 0 < len(literal.lstrip("-")) <= digits:
            raise Refused(f"integer of more than {digits} digits")
        return f"i{literal};"

    return write


@lru_cache(maxsize=32)
def writers(digits: int, normalize: bool) -> dict[type, Writer]:
    """The writers by exact type; they raise Refused.

    `digits` is the most that an integer may have; `normalize` brings text to NFC.
    """
    return {
        int: _integer_writer(digits),
        str: _write_nfc if normalize else write_unicode,
        bytes: _write_bytearray,
        bool: lambda value: "T;" if value else "F;",
        type(None): lambda _: "N;",
        float: lambda value: f"f{write_float(value)};",
        datetime: lambda value: f"d{write_datetime(value)};",
        timedelta: lambda value: f"p{write_timedelta(value)};",
        Period: lambda value: f"p{write_timedelta(value)};",
    }
