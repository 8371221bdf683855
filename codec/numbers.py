"""Integers and floats: each production of the grammar, its reader and its writer.

A reader takes the literal between the prefix and the `;`, and the offset of the prefix for its
errors. A writer returns the literal without either, as text: the encoder joins text.
"""

from __future__ import annotations

import re
from typing import Final

from .errors import DecodeError, LimitExceeded
from .limits import FLOAT_DECIMAL_WIDTH, FLOAT_HEX_WIDTH
from .types import NAN

__all__ = [
    "DIRECT",
    "read_float",
    "read_integer",
    "show",
    "write_float",
    "write_integer",
]

# --- integer = %s"i" [sign] 1*DIGIT ";"       vectors: integer ---------------------------------

# Up to this many digits int() and str() work whatever the interpreter's own switch is set to
# (sys.int_info.str_digits_check_threshold); beyond, numbers are halved until they fit.
DIRECT: Final = 640


def read_integer(literal: bytes | bytearray, offset: int, max_digits: int) -> int:
    """REQ-INT-1, REQ-INT-2. Raises DecodeError and LimitExceeded."""
    negative = literal[:1] == b"-"
    digits = literal[1:] if negative or literal[:1] == b"+" else literal
    # isdigit() of bytes knows ASCII digits only; int() would take blanks and underscores too.
    if not digits.isdigit():
        raise DecodeError(f"malformed integer {show(literal)}", offset)
    if len(digits) > max_digits:  # leading zeros count
        raise LimitExceeded(f"integer of more than {max_digits} digits", offset)
    number = int(digits) if len(digits) <= DIRECT else _join(digits)
    return -number if negative else number


def write_integer(number: int) -> str:
    """REQ-INT-3."""
    digits = _split(abs(number))
    return f"-{digits}" if number < 0 else digits


def _join(digits: bytes | bytearray) -> int:
    """int(digits) by halves: not quadratic, and independent of sys.set_int_max_str_digits."""
    if len(digits) <= DIRECT:
        return int(digits)
    low = len(digits) // 2
    power: int = 10**low
    return _join(digits[:-low]) * power + _join(digits[-low:])


def _split(number: int) -> str:
    """str(number) by halves, for number >= 0."""
    if number.bit_length() <= 3 * DIRECT:  # 10 takes more than three bits
        return str(number)
    low = number.bit_length() // 7  # about half of the digits
    head, tail = divmod(number, 10**low)
    return _split(head) + _split(tail).rjust(low, "0")


# --- float = %s"f" ( hex-float / decimal-float / float-name ) ";"       vectors: float

# hex-float = [ sign ] "0x" 1*HEXDIG [ "." *HEXDIG ] [ "p" [ sign ] 1*DIGIT ]
_HEX = re.compile(rb"[+-]?0x[0-9a-f]+(?:\.[0-9a-f]*)?(?:p[+-]?[0-9]+)?", re.IGNORECASE)
# decimal-float = [ sign ] ( 1*DIGIT [ "." *DIGIT ] / "." 1*DIGIT ) [ "e" [ sign ] 1*DIGIT ]
_DECIMAL = re.compile(rb"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?", re.IGNORECASE)
# float-name = [ sign ] ("inf" / "infinity" / "nan")
_NAME = re.compile(rb"[+-]?(inf|infinity|nan)", re.IGNORECASE)

_INFINITY = float("inf")


def read_float(literal: bytes | bytearray, offset: int) -> float:
    """REQ-FLT-1 to REQ-FLT-4. Raises DecodeError and LimitExceeded."""
    if len(literal) <= FLOAT_HEX_WIDTH and _HEX.fullmatch(literal):
        try:
            return float.fromhex(literal.decode("ascii"))
        except OverflowError:
            raise DecodeError(f"float {show(literal)} is out of range", offset) from None
    if len(literal) > (FLOAT_HEX_WIDTH if b"x" in literal.lower() else FLOAT_DECIMAL_WIDTH):
        raise LimitExceeded("float literal is too long", offset)
    if _DECIMAL.fullmatch(literal):
        number = float(literal)
        if number in (_INFINITY, -_INFINITY):
            raise DecodeError(f"float {show(literal)} is out of range", offset)
        return number
    name = _NAME.fullmatch(literal)
    if name is None:
        raise DecodeError(f"malformed float {show(literal)}", offset)
    if name[1].lower() == b"nan":
        return NAN
    return -_INFINITY if literal[:1] == b"-" else _INFINITY


def write_float(number: float) -> str:
    """REQ-FLT-5: Python's own float.hex() is the one spelling, byte for byte."""
    return number.hex()


def show(literal: bytes | bytearray) -> str:
    """A literal for an error message: printable, and short whatever was sent."""
    shown = repr(bytes(literal[:40]))[2:-1] + ("..." if len(literal) > 40 else "")
    return f"'{shown}'"
