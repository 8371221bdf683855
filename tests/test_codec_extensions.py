"""Extensions of unknown and reserved names, and the grammar of all extensions."""

import pickle
from collections import OrderedDict
from types import MappingProxyType
from typing import Any

import pytest
from codec_help import both_ways, read, refuse, refuse_value, same

from hyperglyph.codec import Extension, Link, Truncated, decode, encode
from hyperglyph.codec.types import RESERVED_NAMES


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (Extension("x"), b"Xu1:x;D;N;;"),
        (Extension("", {"a": [1]}, {2}), b"Xu;Du1:a;Li1;;;Si2;;;"),
        (Extension("x", OrderedDict(a=1), "c"), b"Xu1:x;Ou1:a;i1;;u1:c;;"),
        (Extension("x", {}, Extension("y")), b"Xu1:x;D;Xu1:y;D;N;;;"),
        (Extension("x", {"a": Extension("y")}), b"Xu1:x;Du1:a;Xu1:y;D;N;;;N;;"),
    ],
)
def test_extensions(value: Any, wire: bytes) -> None:
    both_ways(value, wire)


def test_white_space() -> None:
    value = decode(b" X u1:x; D u1:a; i1; ; N; ; ")
    assert same(value, Extension("x", {"a": 1}))
    assert same(read(b"X \nu1:x;\t\tO ; L ;\v;"), Extension("x", OrderedDict(), []))


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (b"Xb1:x;D;N;;", "the name of an extension is text, found 'b' (at byte 1)"),
        (b"X;", "the name of an extension is text, found ';' (at byte 1)"),
        (b"X\x00", "the name of an extension is text, found byte 0x00 (at byte 1)"),
        (b"Xu1:x;L;N;;", "the attributes of an extension are a dict, found 'L' (at byte 6)"),
        (b"Xu1:x; ;", "the attributes of an extension are a dict, found ';' (at byte 7)"),
        (b"Xu1:x;D;;", "an extension without content (at byte 8)"),
        (b"Xu1:x;D;N;N;;", "';' expected at the end of an extension, found 'N' (at byte 10)"),
        (b"Xu1:x;D;N; L", "';' expected at the end of an extension, found 'L' (at byte 11)"),
        (b"Xu1:x;Di1;i2;;N;;", "the name of an attribute is text, not int (at byte 7)"),
        (b"Xu1:x;Ou1:a;N;b1:a;N;;N;;", "the name of an attribute is text, not bytes (at byte 14)"),
        (b"Xu1:x;DL;N;;N;;", "the name of an attribute is text, found 'L' (at byte 7)"),
        (b"Xu1:x;Du1:a;N;u1:a;N;;N;;", "duplicate key or item 'a' (at byte 14)"),
        (b"Xu1:x;Di1;N;z", "the name of an attribute is text, not int (at byte 7)"),
        (b"Xu1:x;Du1:a;;N;;", "a key without a value (at byte 12)"),
        (b"Xu1:\xff;D;N;;", "text is not UTF-8: invalid start byte (at byte 1)"),
        (b"Xu1:xx", "';' expected, found 'x' (at byte 5)"),
    ],
)
def test_malformed(wire: bytes, says: str) -> None:
    refuse(wire, says)


@pytest.mark.parametrize(
    "wire", [b"X", b"X ", b"Xu1:", b"Xu1:x;", b"Xu1:x; ", b"Xu1:x;D", b"Xu1:x;D;", b"Xu1:x;D;N;"]
)
def test_cut(wire: bytes) -> None:
    refuse(wire, f"the message is cut short (at byte {len(wire)})", Truncated)


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_reserved_names_decode_and_encode_back(name: str) -> None:
    wire = b"Xu%d:%b;Du1:a;i1;;L;;" % (len(name), name.encode())
    value = decode(wire)
    assert type(value) is Extension
    assert (value.name, value.attributes, value.content) == (name, {"a": 1}, [])
    assert encode(value) == wire
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Extension(name)
    assert str(caught.value) == f"the extension name {name!r} is reserved by the standard"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((b"x",), "the name of an extension is a str, not bytes"),
        (("x", [1]), "attributes are a mapping, not list"),
        (("x", {1: 2}), "the name of an attribute is a str, not int"),
    ],
)
def test_constructor(arguments: tuple[Any, ...], says: str) -> None:
    with pytest.raises(TypeError) as caught:
        Extension(*arguments)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (Extension.from_wire(b"x", {}, 1), "the name of an extension is text (at $)"),  # type: ignore[arg-type]
        (Extension.from_wire("x", [], 1), "attributes are a dict, not list (at $)"),  # type: ignore[arg-type]
        (Extension.from_wire("x", {1: 2}, 1), "the name of an attribute is text, not int (at $)"),  # type: ignore[dict-item]
        (Extension("x", {"a": 1j}), None),
        (Extension("x", {}, [1j]), None),
        (Extension("x", {}, "\ud800"), "text holds a surrogate, U+D800 (at $.content)"),
    ],
)
def test_what_cannot_be_encoded(value: Extension, says: str | None) -> None:
    if says is None:
        path = "$.attributes.a" if value.attributes else "$.content[0]"
        says = f"cannot encode builtins.complex; convert it first or pass default= (at {path})"
    refuse_value(value, says)


def test_a_name_with_a_surrogate() -> None:
    refuse_value(Extension("\udc80"), "text holds a surrogate, U+DC80 (at $)")
    refuse_value([Extension("\udc80")], "text holds a surrogate, U+DC80 (at $[0])")


def test_attributes_may_be_any_mapping() -> None:
    value = Extension("x", MappingProxyType({"b": 1, "a": 2}))
    assert encode(value) == b"Xu1:x;Du1:b;i1;u1:a;i2;;N;;"
    assert encode(value, canonical=True) == b"Xu1:x;Du1:a;i2;u1:b;i1;;N;;"


def test_extensions_are_values() -> None:
    value = Extension("x", {"a": 1}, [2])
    assert value == Extension("x", {"a": 1}, [2])
    assert value != Extension("x", {"a": 1}, [3])
    assert value != Extension("y", {"a": 1}, [2])
    assert repr(value) == "Extension(name='x', attributes={'a': 1}, content=[2])"
    assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)
    with pytest.raises(AttributeError):
        value.name = "y"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


class Mine(Extension):
    pass


def test_the_table_of_extensions() -> None:
    wire = b"LXu4:link;D;N;;Xu4:mine;D;N;;;"
    link, mine = decode(wire, extensions={"mine": Mine})
    assert type(link) is Extension
    assert type(mine) is Mine
    assert encode([link, mine]) == wire
    link, mine = read(wire)
    assert type(link) is Link
    assert type(mine) is Extension
    assert [type(value) for value in read(wire, extensions={})] == [Extension, Extension]
