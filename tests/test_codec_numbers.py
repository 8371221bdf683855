"""Integers and floats."""

import math
import sys
from collections.abc import Iterator
from enum import IntEnum, IntFlag

import pytest
from codec_help import both_ways, refuse, refuse_value, same
from hypothesis import given
from hypothesis import strategies as st

from hyperglyph.codec import LimitExceeded, Limits, Truncated, decode, encode
from hyperglyph.codec.numbers import write_integer
from hyperglyph.codec.types import NAN

BIG = Limits(integer_digits=30_000)


class Level(IntEnum):
    HIGH = 3


class Bits(IntFlag):
    A = 1
    B = 2


class Loud(int):
    """A subclass whose own methods must not be asked."""

    def __repr__(self) -> str:
        return "loud"

    def __str__(self) -> str:
        return "LOUD"

    def __index__(self) -> int:
        return 99


@pytest.fixture(params=[640, 0, 4300])
def digit_switch(request: pytest.FixtureRequest) -> Iterator[int]:
    """The interpreter's own limit of digits, set by somebody else."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(request.param)
    yield request.param
    assert sys.get_int_max_str_digits() == request.param
    sys.set_int_max_str_digits(before)


@pytest.mark.parametrize(
    ("number", "wire"),
    [
        (0, b"i0;"),
        (1, b"i1;"),
        (-1, b"i-1;"),
        (2**63, b"i9223372036854775808;"),
        (10**17, b"i100000000000000000;"),
        (10**18 - 1, b"i999999999999999999;"),
        (10**18, b"i1000000000000000000;"),
        (-(10**18) + 1, b"i-999999999999999999;"),
        (-(10**18), b"i-1000000000000000000;"),
        (10**40, b"i1" + b"0" * 40 + b";"),
        (-(10**700), b"i-1" + b"0" * 700 + b";"),
        (10**4300 - 1, b"i" + b"9" * 4300 + b";"),
    ],
    ids=range(12),
)
def test_integers(number: int, wire: bytes) -> None:
    both_ways(number, wire)


@pytest.mark.parametrize(
    ("wire", "number"),
    [
        (b"i+1;", 1),
        (b"i01;", 1),
        (b"i-0;", 0),
        (b"i-01;", -1),
        (b"i+0000;", 0),
        (b"i" + b"0" * 18 + b"7;", 7),
        (b"i" + b"0" * 4299 + b"7;", 7),
    ],
)
def test_other_spellings_of_integers(wire: bytes, number: int) -> None:
    assert same(decode(wire), number)


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (b"i;", "malformed integer '' (at byte 0)"),
        (b"i-;", "malformed integer '-' (at byte 0)"),
        (b"i+-1;", "malformed integer '+-1' (at byte 0)"),
        (b"i1_0;", "malformed integer '1_0' (at byte 0)"),
        (b"i 1;", "malformed integer ' 1' (at byte 0)"),
        (b"i1 ;", "malformed integer '1 ' (at byte 0)"),
        (b"i1.0;", "malformed integer '1.0' (at byte 0)"),
        (b"i0x1;", "malformed integer '0x1' (at byte 0)"),
        (b"i\xd9\xa1;", r"malformed integer '\xd9\xa1' (at byte 0)"),
        (b"LT;i1e5;;", "malformed integer '1e5' (at byte 3)"),
        (b"i" + b"x" * 41 + b";", f"malformed integer '{'x' * 40}...' (at byte 0)"),
        (b"i" + b"x" * 40 + b";", f"malformed integer '{'x' * 40}' (at byte 0)"),
    ],
)
def test_malformed_integers(wire: bytes, says: str) -> None:
    refuse(wire, says)


@pytest.mark.parametrize("digits", [1, 17, 18, 19, 640, 641, 1000, 4300])
@pytest.mark.parametrize("sign", [b"", b"-"])
def test_the_limit_of_digits(digits: int, sign: bytes) -> None:
    limits = Limits(integer_digits=digits)
    says = f"integer of more than {digits} digits (at byte 0)"
    for extra in (-1, 0):
        wire = b"i" + sign + b"9" * max(1, digits + extra) + b";"
        number = decode(wire, limits=limits)
        assert encode(number, limits=limits) == wire
    refuse(b"i" + sign + b"9" * (digits + 1) + b";", says, LimitExceeded, limits=limits)
    number = -(10**digits) if sign else 10**digits
    refuse_value(number, f"integer of more than {digits} digits (at $)", limits=limits)
    refuse_value([number], f"integer of more than {digits} digits (at $[0])", limits=limits)


def test_leading_zeros_count_as_digits() -> None:
    limits = Limits(integer_digits=3)
    assert decode(b"i+007;", limits=limits) == 7
    assert decode(b"i000;", limits=limits) == 0
    says = "integer of more than 3 digits (at byte %d)"
    for literal in (b"i0007;", b"i+0007;", b"i-0000;", b"i" + b"0" * 99 + b";"):
        refuse(literal, says % 0, LimitExceeded, limits=limits)
        refuse(b"L" + literal + b";", says % 1, LimitExceeded, limits=limits)
    refuse(b"Li" + b"0" * 5_000 + b"7;;", "integer of more than 4300 digits (at byte 1)",
           LimitExceeded)  # fmt: skip


def test_a_sea_of_digits_is_refused_before_its_end() -> None:
    says = "integer of more than 4300 digits (at byte 0)"
    refuse(b"i" + b"9" * 5_000, says, LimitExceeded)
    refuse(b"i" + b"9" * 4_300, "the message is cut short (at byte 4301)", Truncated)


def test_integers_of_any_size_whatever_the_interpreter_grants(digit_switch: int) -> None:
    for digits in (639, 640, 641, 1279, 1281, 4300, 20_000):
        power: int = 10 ** (digits - 1)
        for number in (power, 10 * power - 1, 7 * power + 10**5):
            for signed in (number, -number):
                wire = encode(signed, limits=BIG)
                assert len(wire) == digits + 2 + (signed < 0)
                assert decode(wire, limits=BIG) == signed
                assert decode([b"i+00", b"i-00"][signed < 0] + wire[-digits - 1 :], limits=BIG) == (
                    signed
                )
    assert digit_switch == sys.get_int_max_str_digits()


@pytest.mark.parametrize("digits", [1, 2, 3, 17, 18, 19, 20, 577, 578, 579, 640, 641, 4300])
def test_the_digits_of_what_is_encoded(digits: int) -> None:
    limits = Limits(integer_digits=digits)
    says = f"integer of more than {digits} digits (at $)"
    for sign in (1, -1):
        most = sign * (10**digits - 1)
        assert decode(encode(most, limits=limits), limits=limits) == most
        refuse_value(most + sign, says, limits=limits)
        refuse_value(sign * 10 ** (5 * digits), says, limits=limits)


@given(st.integers())
def test_write_integer(number: int) -> None:
    assert write_integer(number) == str(number)


def test_subclasses_of_int_are_integers() -> None:
    assert encode([Level.HIGH, Bits.A | Bits.B, Loud(5), Loud(10**30)]) == (
        b"Li3;i3;i5;i1" + b"0" * 30 + b";;"
    )
    assert encode({Level.HIGH: Loud(1)}) == b"Di3;i1;;"
    refuse_value({1: 0, Loud(10**5000): 0}, "integer of more than 4300 digits (at ${loud})")


def test_bools_are_not_integers() -> None:
    both_ways([True, 1, False, 0], b"LT;i1;F;i0;;")


# --- Floats ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "wire"),
    [
        (0.0, b"f0x0.0p+0;"),
        (-0.0, b"f-0x0.0p+0;"),
        (1.5, b"f0x1.8000000000000p+0;"),
        (-2.5, b"f-0x1.4000000000000p+1;"),
        (0.1, b"f0x1.999999999999ap-4;"),
        (5e-324, b"f0x0.0000000000001p-1022;"),
        (sys.float_info.min, b"f0x1.0000000000000p-1022;"),
        (sys.float_info.max, b"f0x1.fffffffffffffp+1023;"),
        (math.inf, b"finf;"),
        (-math.inf, b"f-inf;"),
        (NAN, b"fnan;"),
    ],
)
def test_floats(number: float, wire: bytes) -> None:
    both_ways(number, wire)


@pytest.mark.parametrize(
    ("wire", "number"),
    [
        (b"f1;", 1.0),
        (b"f+1.;", 1.0),
        (b"f.5;", 0.5),
        (b"f-1E+3;", -1000.0),
        (b"f2e-3;", 0.002),
        (b"f1e-999;", 0.0),
        (b"f-1e-999;", -0.0),
        (b"f9007199254740993;", 9007199254740992.0),
        (b"f0x1;", 1.0),
        (b"f+0X1.8P+1;", 3.0),
        (b"f-0xA.p-1;", -5.0),
        (b"f0x0.8p1;", 1.0),
        (b"f0x1p-2000;", 0.0),
        (b"f0x1.00000000000008p+0;", 1.0),
        (b"f0x1.000000000000081p+0;", 1.0 + 2**-52),
        (b"f0x1.0000000000000p-1022;", sys.float_info.min),
        (b"fInF;", math.inf),
        (b"f+infinity;", math.inf),
        (b"f-INFINITY;", -math.inf),
        (b"f-nan;", NAN),
        (b"fNaN;", NAN),
        (b"f0" + b"0" * 799 + b";", 0.0),
        (b"f0x" + b"0" * 61 + b"1;", 1.0),
    ],
)
def test_other_spellings_of_floats(wire: bytes, number: float) -> None:
    assert same(decode(wire), number)


def test_there_is_one_nan() -> None:
    assert decode(b"fnan;") is NAN
    assert encode(float("-nan")) == b"fnan;"
    assert decode(b"Lf-nan;f+NAN;;") == [NAN, NAN]


@pytest.mark.parametrize(
    "literal",
    [
        *("", "-", ".", "+.", "e5", "1e", "1e+", "1_0", " 1", "1 ", "0x", "0x.8", "0x1.p", "x1"),
        *("0x1p", "0x1.8p+", "0xg", "1f", "nano", "infinit", "--1", "1.2.3", "\t1", "0b1", "1p3"),
    ],
)
def test_malformed_floats(literal: str) -> None:
    shown = literal.replace("\t", "\\t")
    refuse(b"f%b;" % literal.encode(), f"malformed float '{shown}' (at byte 0)")


@pytest.mark.parametrize(
    "literal",
    [
        *("1e309", "-1e999", "1.7976931348623159e308", "0x1p1024", "-0x1.0000000000000p+1024"),
        *("0x1.0000000000000p+1024", "0x1.fffffffffffff8p+1023"),
    ],
)
def test_floats_out_of_range(literal: str) -> None:
    refuse(b"f%b;" % literal.encode(), f"float '{literal}' is out of range (at byte 0)")


@pytest.mark.parametrize(
    "wire",
    [
        b"f" + b"1" * 801 + b";",
        b"f0x" + b"0" * 63 + b";",
        b"f0X" + b"0" * 63 + b";",
        b"f" + b"z" * 900,
        b"f" + b"0x" * 50 + b";",
    ],
)
def test_float_literals_that_are_too_long(wire: bytes) -> None:
    refuse(wire, "float literal is too long (at byte 0)", LimitExceeded)


class Celsius(float):
    pass


def test_subclasses_of_float_are_refused() -> None:
    says = f"cannot encode {__name__}.Celsius; convert it first or pass default= (at $[1])"
    refuse_value([1.0, Celsius(2)], says)
    assert encode(Celsius(2), default=float) == b"f0x1.0000000000000p+1;"
