"""The shortcut of `decode`: what it takes, and that it never differs from the parser.

`test_codec_properties.py` compares the two for messages of any kind: `decode` tries the shortcut,
`Reader` never does.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from codec_help import same, seconds, timed

from hyperglyph.codec import (
    KINDS,
    DecodeError,
    Extension,
    Limits,
    Link,
    Period,
    Resource,
    decode,
    encode,
)
from hyperglyph.codec.quick import NOT_TAKEN, quick_decode

INFINITY = float("inf")


def quick(
    message: bytes,
    limits: Limits | None = None,
    extensions: Mapping[str, type[Extension]] = KINDS,
) -> Any:
    return quick_decode(message, limits or Limits(), extensions)


VALUES: list[Any] = [
    0,
    -7,
    10**100,
    1.5,
    -0.0,
    5e-324,
    INFINITY,
    -INFINITY,
    "",
    "ten bytes.",
    "äöü",
    "a;b",
    ";;;",
    ["ä;ö;", "ä;ö;", "plain"],
    "x" * 98 + ";" * 902,
    ";" * 5000,
    ["a;b", "a;c", "a;b"],
    b"",
    b";",
    b"\x00\xff;",
    None,
    True,
    False,
    datetime(2012, 9, 1, tzinfo=UTC),
    timedelta(days=-1, microseconds=1),
    Period(months=7),
    [],
    {},
    set(),
    OrderedDict(),
    [[], {}, [[], [set(), OrderedDict()]]],
    {1, "one", b"1", 2.5},
    {"a": 1, 2: {"b": [3, {}]}, None: 4, 2.5: 5, b"": 6},
    OrderedDict([("z", 1), ("a", [2])]),
    [{"name": "a", "n": number} for number in range(50)],
    Link("http://example.org/", content=[1]),
    Resource({"go": Link("go"), "n": 1}, url="u"),
    [Extension("mine", OrderedDict(a=1), Extension("other", {}, {"k": []}))],
    OrderedDict(a=Extension("x", {}, None)),
]


@pytest.mark.parametrize("value", VALUES)
def test_it_takes_what_encoders_write(value: object) -> None:
    assert same(quick(encode(value)), value)
    assert same(quick(encode([value])), [value])


def test_nan_is_the_one_of_the_parser() -> None:
    assert quick(b"Lfnan;;")[0] is decode(b" fnan;")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b";",
        b"i1",
        b"i1;i2;",
        b"i1;x",
        b"L",
        b"L;;",
        b"LL;",
        b" i1;",
        b"i1; ",
        b"i+1;",
        b"i;",
        b"i-;",
        b"i1_0;",
        "i\u00b2;".encode("latin-1"),
        b"i" + b"1" * 641 + b";",
        b"u1:\xff;",
        b"Lu1:\xff;u2:\xc3\xa4;;",
        b"u2:\xff;;",
        b"u0;",
        b"ux:;",
        b"u12345678901:a;",
        b"u5:a;",
        b"u2:abc;",
        b"u1;a;",
        b"b2:a;;;",
        b"b:;",
        b"f1.5;",
        b"f0X1.0000000000000p+0;",
        b"f0x1.0000000000000p+9999;",
        b"d2012-13-01T00:00:00.000Z;",
        b"pP;",
        b"t;",
        b"Di1;;",
        b"Di1;N;i1;N;;",
        b"Di1;N;T;N;;",
        b"Si1;i1;;",
        b"DL;N;;",
        b"DD;N;;",
        b"SS;;",
        b"SL;;",
        b"SXu1:a;D;N;;;",
        b"DXu1:a;D;N;;N;;",
        b"OXu1:a;D;N;;N;;",
        b"Xu1:a;D;;",
        b"Xu1:a;D;N;N;;",
        b"Xi1;D;N;;",
        b"Xu1:a;L;N;;",
        b"Xu1:a;Di1;N;;N;;",
        b"B0:Du12:content-type;u1:x;;;c0;",
        b"D" + b"".join(b"i%d;N;" % (n * (2**61 - 1)) for n in range(70)) + b";",
        b"S" + b"".join(b"i%d;" % (n * (2**61 - 1)) for n in range(70)) + b";",
    ],
)
def test_the_rest_is_left_to_the_parser(message: bytes) -> None:
    assert quick(message) is NOT_TAKEN


class Hashable(Extension):
    """A user's class may have a hash; on the wire an extension is no key all the same."""

    __hash__ = object.__hash__  # type: ignore[assignment]


@pytest.mark.parametrize("message", [b"SXu1:a;D;N;;;", b"DXu1:a;D;N;;N;;", b"OXu1:a;D;N;;N;;"])
def test_extensions_with_a_hash_are_no_keys(message: bytes) -> None:
    assert quick(message, extensions={"a": Hashable}) is NOT_TAKEN
    assert type(quick(b"Xu1:a;D;N;;", extensions={"a": Hashable})) is Hashable


class Impostor(Extension):
    """What a user's class gives for an extension stands in no place where that is refused."""

    @classmethod
    def from_wire(cls, name: str, attributes: Mapping[str, Any], content: Any) -> Any:
        return content


@pytest.mark.parametrize(
    "message",
    [b"Xu1:x;Xu1:a;D;D;;N;;", b"XXu1:a;D;u1:x;;D;N;;", b"DXu1:a;D;i1;;N;;", b"SXu1:a;D;i1;;;"],
)
def test_what_a_class_of_a_user_gives_is_no_part_of_another(message: bytes) -> None:
    assert quick(message, extensions={"a": Impostor}) is NOT_TAKEN
    with pytest.raises(DecodeError):
        decode(message, extensions={"a": Impostor})


class Fussy(Extension):
    @classmethod
    def from_wire(cls, name: str, attributes: Mapping[str, Any], content: Any) -> Any:
        raise LookupError("called")


@pytest.mark.parametrize(
    "message",
    [b"DLXu1:a;D;N;;;N;;", b"SSXu1:a;D;N;;;;", b"DD;Xu1:a;D;N;;;", b"Xu1:x;i1;Xu1:a;D;N;;;"],
)
def test_no_class_of_a_user_is_called_behind_a_container_out_of_place(message: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(message, extensions={"a": Fussy})
    with pytest.raises(LookupError):
        decode(b"LXu1:a;D;N;;;", extensions={"a": Fussy})


@pytest.mark.parametrize(
    ("message", "limits"),
    [
        (b"LLi1;;;", Limits(depth=1)),
        (b"i12;", Limits(integer_digits=1)),
        (b"Li1;i1;;", Limits(nodes=2)),
        (b"D;", Limits(nodes=3)),
        (b"LS;D;;", Limits(nodes=8)),
        (b"Xu1:a;D;N;;", Limits(nodes=9)),
        (b"u3:abc;", Limits(message=6)),
    ],
)
def test_it_keeps_the_limits(message: bytes, limits: Limits) -> None:
    assert quick(message, limits) is NOT_TAKEN
    assert quick(message) is not NOT_TAKEN


@pytest.mark.parametrize(
    ("message", "limits"),
    [
        (b"Li1;;", Limits(depth=1)),
        (b"i12;", Limits(integer_digits=2)),
        (b"Li1;i1;;", Limits(nodes=3)),
        (b"D;", Limits(nodes=4)),
        (b"LS;D;;", Limits(nodes=9)),
        (b"Xu1:a;D;N;;", Limits(nodes=10)),
        (b"u3:abc;", Limits(message=7)),
    ],
)
def test_it_takes_what_is_at_a_limit(message: bytes, limits: Limits) -> None:
    assert same(quick(message, limits), decode(b" " + message))


def test_long_tokens_are_left_to_the_parser() -> None:
    assert quick(encode(b"x" * 5000)) is NOT_TAKEN
    assert quick(encode("x" * 100)) is not NOT_TAKEN


@timed
def test_texts_full_of_semicolons_take_linear_time() -> None:
    def message(count: int) -> bytes:
        return encode([";" * 500] * count)

    short, long = message(100), message(1600)
    assert seconds(lambda: quick(long)) < 50 * seconds(lambda: quick(short), repeat=9)
