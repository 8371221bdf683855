"""Text and bytes: lengths, framing, UTF-8, and the forms that subclasses take."""

import re
import unicodedata
from enum import StrEnum
from typing import Any

import pytest
from codec_help import both_ways, refuse, refuse_value, same

from hyperglyph.codec import DecodeError, LimitExceeded, Limits, Truncated, decode, encode


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("", b"u;"),
        ("a", b"u1:a;"),
        ("é", b"u2:\xc3\xa9;"),
        ("\U0001f600", b"u4:\xf0\x9f\x98\x80;"),
        ("\x00;:\n", b"u4:\x00;:\n;"),
        ("e\u0301", b"u3:e\xcc\x81;"),
        ("a" * 10_000, b"u10000:" + b"a" * 10_000 + b";"),
        ("a" * 123_456, b"u123456:" + b"a" * 123_456 + b";"),
        (b"", b"b;"),
        (b"\x00\xff;", b"b3:\x00\xff;;"),
        (b"x" * 99_999, b"b99999:" + b"x" * 99_999 + b";"),
        ([None, True, False], b"LN;T;F;;"),
    ],
    ids=range(12),
)
def test_text_and_bytes(value: Any, wire: bytes) -> None:
    both_ways(value, wire)


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (b"u0:;", ""),
        (b"b00:;", b""),
        (b"u001:a;", "a"),
        (b"u" + b"0" * 64 + b"1:a;", "a"),
        (b"u" + b"0" * 65 + b":;", ""),
        (b"u000001:a;", "a"),
        (b"u0000000003:abc;", "abc"),
    ],
)
def test_other_spellings_of_lengths(wire: bytes, value: object) -> None:
    assert same(decode(wire), value)


@pytest.mark.parametrize(
    "wire", [b"u0:", b"u", b"u1", b"u1:", b"u1:a", b"b10:123456789", b"u4:\xf0"]
)
def test_cut(wire: bytes) -> None:
    refuse(wire, f"the message is cut short (at byte {len(wire)})", Truncated)


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (b"ua;", "malformed length or id: digits expected (at byte 0)"),
        (b"u-1:a;", "malformed length or id: digits expected (at byte 0)"),
        (b"u+1:a;", "malformed length or id: digits expected (at byte 0)"),
        (b"u :;", "malformed length or id: digits expected (at byte 0)"),
        (b"u:;", "malformed length or id: digits expected (at byte 0)"),
        (b"u1;", "':' expected after a length, found ';' (at byte 0)"),
        (b"u1 :a;", "':' expected after a length, found ' ' (at byte 0)"),
        (b"u1_0:aaaaaaaaaa;", "':' expected after a length, found '_' (at byte 0)"),
        (b"u\xd9\xa1:a;", "malformed length or id: digits expected (at byte 0)"),
        (b"u1:ab;", "';' expected, found 'b' (at byte 4)"),
        (b"u2:a;b", "';' expected, found 'b' (at byte 5)"),
        (b"u1:a\x00;", "';' expected, found byte 0x00 (at byte 4)"),
        (b"u00001:ab;", "';' expected, found 'b' (at byte 8)"),
        (b"u12345678901:", "length or id of more than 10 digits after 64 zeros (at byte 0)"),
        (
            b"u" + b"0" * 65 + b"1:a;",
            "length or id of more than 10 digits after 64 zeros (at byte 0)",
        ),
        (
            b"u" + b"0" * 66 + b":;",
            "length or id of more than 10 digits after 64 zeros (at byte 0)",
        ),
        (b"LT;b1:ab;;", "';' expected, found 'b' (at byte 7)"),
    ],
)
def test_malformed_framing(wire: bytes, says: str) -> None:
    refuse(wire, says)


@pytest.mark.parametrize("wire", [b"u9999999999:", b"b9999999999:", b"b33554433:", b"u33554433:a"])
def test_declared_lengths_over_the_limit(wire: bytes) -> None:
    length = wire[1 : wire.index(b":")].decode()
    refuse(wire, f"declared length {length} is over the limit (at byte 0)", LimitExceeded)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"\xff", "invalid start byte"),
        (b"\x80", "invalid start byte"),
        (b"\xc0\x80", "invalid start byte"),
        (b"\xe0\x80\x80", "invalid continuation byte"),
        (b"\xed\xa0\x80", "invalid continuation byte"),
        (b"\xf4\x90\x80\x80", "invalid continuation byte"),
        (b"a\xc3", "unexpected end of data"),
    ],
)
def test_text_is_utf8(octets: bytes, reason: str) -> None:
    wire = b"u%d:%b;" % (len(octets), octets)
    refuse(wire, f"text is not UTF-8: {reason} (at byte 0)")
    refuse(b"Lu00%d:%b;;" % (len(octets), octets), f"text is not UTF-8: {reason} (at byte 1)")
    assert decode(b"b" + wire[1:]) == octets


def test_surrogates_are_refused() -> None:
    refuse_value("\ud800", "text holds a surrogate, U+D800 (at $)")
    refuse_value({"a": ["x\udfff"]}, "text holds a surrogate, U+DFFF (at $.a[0])")
    refuse_value({"x\udfffé": 0}, r"text holds a surrogate, U+DFFF (at ${'x\udfffé'})")
    refuse_value("\ud83d\ude00", "text holds a surrogate, U+D83D (at $)")
    refuse_value(["\udc80"], "text holds a surrogate, U+DC80 (at $[0])", normalize=True)
    refuse_value(Shout("\udc80"), "text holds a surrogate, U+DC80 (at $)")


@pytest.mark.parametrize("letter", ["T", "F", "N"])
def test_malformed_singletons(letter: str) -> None:
    refuse(f"{letter}:".encode(), "';' expected, found ':' (at byte 1)")
    refuse(f"L{letter} ;;".encode(), "';' expected, found ' ' (at byte 2)")
    refuse(letter.encode(), "the message is cut short (at byte 1)", Truncated)


class Shout(str):
    __slots__ = ()

    def __str__(self) -> str:
        return self.upper()

    def encode(self, *_: Any, **__: Any) -> bytes:
        return b"!"


class Colour(StrEnum):
    RED = "red"


class Octets(bytes):
    def __bytes__(self) -> bytes:
        return b"!"


def test_subclasses_are_sent_as_their_base() -> None:
    assert encode([Shout("a"), Colour.RED, Octets(b"x")]) == b"Lu1:a;u3:red;b1:x;;"
    assert encode({Colour.RED: Shout("b")}) == b"Du3:red;u1:b;;"


@pytest.mark.parametrize(
    "buffer",
    [bytearray(b"abc"), memoryview(b"abc"), memoryview(b"cba")[::-1], memoryview(b"xabc")[1:]],
)
def test_buffers_are_bytes(buffer: object) -> None:
    assert encode(buffer) == b"b3:abc;"
    assert encode({"k": buffer}) == b"Du1:k;b3:abc;;"


def test_normalize() -> None:
    text = "e\u0301"
    composed = unicodedata.normalize("NFC", text)
    assert decode(encode(text)) == text
    assert encode(text, normalize=True) == b"u2:\xc3\xa9;"
    assert decode(encode({text: [text, Shout(text)]}, normalize=True)) == {composed: [composed] * 2}
    says = r"two keys or items are the same on the wire: b'u2:\xc3\xa9;' (at $)"
    refuse_value({text: 1, composed: 2}, says, normalize=True)
    refuse_value({text, composed}, says, normalize=True)
    assert len(decode(encode({text: 1, composed: 2}))) == 2


def test_decode_takes_any_buffer() -> None:
    for wire in (b"u1:a;", bytearray(b"u1:a;"), memoryview(b"xu1:a;")[1:]):
        assert decode(wire) == "a"
    data = bytearray(b"b1:a;")
    value = decode(data)
    data[3] = 0x62
    assert value == b"a"


def test_small_limit_on_lengths() -> None:
    limits = Limits(message=20)
    assert decode(b"u15:" + b"a" * 15 + b";", limits=limits) == "a" * 15
    with pytest.raises(
        LimitExceeded, match=re.escape("message of more than 20 bytes (at byte 20)")
    ):
        decode(b"u16:" + b"a" * 16 + b";", limits=limits)
    with pytest.raises(LimitExceeded, match=r"declared length 21 is over the limit \(at byte 0\)"):
        decode(b"u21:a;", limits=limits)
    assert issubclass(LimitExceeded, DecodeError)
