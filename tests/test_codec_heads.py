"""The heads of extensions, read and written at once: the same as token by token, or not at all."""

import io
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import pytest
from codec_help import fault_of, same, seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperglyph.codec import (
    KINDS,
    DecodeError,
    EncodeError,
    Extension,
    Form,
    Limits,
    Link,
    Reader,
    Resource,
    decode,
    encode,
)
from hyperglyph.codec.quick import NOT_TAKEN, quick_decode

ATTRIBUTES: list[Mapping[Any, Any]] = [
    {},
    {"url": "/User/a/"},
    {"url": "/User/b/", "profile": "User", "partial": True},
    {"profile": "Usér", "partial": False, "url": "/User/é/"},
    {"url": ""},
    {"url": "a;b"},
    {"url": "a;b;", "x": "y"},
    {"x;u1:a": "b"},
    {"x;u1:b": "b"},
    {"url": 7, "x": 1.5},
    {"url": None},
    {"x": 1 << 80, "y": b"x;"},
    {"x": [1, {}], "url": "u"},
    {"x": {"url": "u"}},
    {f"k{number}": "v" for number in range(40)},
    OrderedDict(url="u", x="y"),
]


def read(message: bytes, limits: Limits | None = None) -> Any:
    reader = Reader(limits=limits or Limits())
    reader.feed(message)
    return reader.close()


def resources(attributes: Mapping[Any, Any], count: int = 3) -> list[Extension]:
    return [
        Resource.from_wire("resource", attributes, {"n": [number], "url": "u"})
        for number in range(count)
    ]


@pytest.mark.parametrize("attributes", ATTRIBUTES)
def test_repeated_attributes(attributes: Mapping[Any, Any]) -> None:
    value = resources(attributes)
    message = encode(value)
    assert same(quick_decode(message, Limits(), KINDS), value)
    assert same(read(message), value)


def test_attributes_in_turn() -> None:
    value = [one for _ in range(80) for each in ATTRIBUTES for one in resources(each, 1)]
    message = encode(value)
    assert same(quick_decode(message, Limits(), KINDS), value)
    assert same(read(message), value)


@pytest.mark.parametrize("attributes", ATTRIBUTES)
def test_the_last_of_a_message_may_be_another(attributes: Mapping[Any, Any]) -> None:
    first = {"url": "u", "a": "1", "b": "2", "c": "3", "d": "4", "e": "5", "f": "6"}
    contents: list[Any] = [None, []]
    for content in contents:
        value = [Link.from_wire("link", each, content) for each in (first, first, attributes)]
        assert same(quick_decode(encode(value), Limits(), KINDS), value)


def test_each_has_a_dict_of_its_own() -> None:
    first, second, third = decode(encode([Link("a")] * 3))
    assert first.attributes == second.attributes == third.attributes
    first.attributes["x"] = second.attributes["y"] = 1
    assert third.attributes == {"url": "a"}


def test_extensions_of_several_names() -> None:
    value = [
        Link("a"),
        Form("a", values=["x"]),
        Resource({}, url="a"),
        Extension("é", {"url": "a"}),
    ]
    value = value * 40
    assert same(quick_decode(encode(value), Limits(), KINDS), value)


def test_extensions_inside_each_other() -> None:
    value: Any = None
    for number in range(20):
        value = Link(f"{number}", content=[Link("in", content=value)])
    assert same(quick_decode(encode(value), Limits(), KINDS), value)


HEAD = b"Xu1:a;Du3:url;u1:b;;"


@pytest.mark.parametrize(
    "bad",
    [
        HEAD,
        HEAD + b";",
        HEAD + b"N;N;;",
        b"Xu1:a;Du3:url;u1:b;",
        b"Xu1:a;Du3:url;;N;;",
        b"Xu1:a;Du3:url;u2:b;;N;;",
        b"Xu1:a;Du3:url;u1:\xff;;N;;",
        b"Xu1:a;Du3:url;u1:b;u3:url;u1:b;;N;;",
        b"Xu1:a;Di1;u1:b;;N;;",
        b"Xu1:a;Du3:url;u1:b;i1;N;;N;;",
        b"Xu1:a;Du3:urx;u1:\xff;;N;;",
        b"Xi1;Du3:url;u1:b;;N;;",
        b"XT;D;N;;",
        b"Xu1:a;D",
        b"Xu1:a;",
        b"DXu1:a;D;N;;N;;",
        b"SXu1:a;D;N;;;",
        b"Si1;" + HEAD + b"N;;;",
        HEAD + HEAD + b"N;;N;;",
    ],
)
@pytest.mark.parametrize("before", [b"", HEAD + b"N;;", (HEAD + b"N;;") * 2, b"Xu1:a;D;N;;" * 80])
def test_malformed_ones_are_left_to_the_parser(before: bytes, bad: bytes) -> None:
    message = b"L" + before + bad + b";"
    assert quick_decode(message, Limits(), {}) is NOT_TAKEN or read(message) == decode(message)
    if bad != HEAD + HEAD + b"N;;N;;":
        with pytest.raises(DecodeError) as quickly:
            decode(message)
        with pytest.raises(DecodeError) as slowly:
            read(message)
        assert str(quickly.value) == str(slowly.value)


#: Some hold what looks like tokens of their own.
TEXTS = st.sampled_from(["", "b", "c", "é", ";", "x;u1:b", "x;u1:c", "x;;N", "DX;D", "x" * 1000])
SCALARS: st.SearchStrategy[Any] = TEXTS | st.sampled_from(
    ["b", "c", None, True, 7, -0.0, b"x;", b"u1:b"]
)


@st.composite
def alike(draw: st.DrawFn) -> bytes:
    """A message of extensions, of which most differ from another in one key, value or byte."""
    shape: list[Any] = [
        draw(TEXTS if place % 2 == 0 else SCALARS) for place in range(2 * draw(st.integers(0, 3)))
    ]
    wires: list[bytes] = []
    for _ in range(draw(st.integers(2, 6))):
        parts = [*shape]
        if draw(st.booleans()) and parts:
            place = draw(st.integers(0, len(parts) - 1))
            parts[place] = draw(SCALARS)
        attributes = draw(st.sampled_from([b"D", b"D", b"D", b"O"])) + b"".join(map(encode, parts))
        content = draw(st.sampled_from([b"N;", b"L;", b"Li1;;", b"Xu1:a;Du1:b;u1:c;;N;;", b""]))
        wire = b"X" + draw(st.sampled_from([b"u1:a;", b"u1:b;"])) + attributes + b";" + content
        wires.append(wire + b";")
    message = bytearray(b"L" + b"".join(wires) + b";")
    if draw(st.booleans()):
        place = draw(st.integers(0, len(message) - 1))
        message[place : place + 1] = draw(st.sampled_from([b"", b";", b"u", b"2", b"\xff", b"DX"]))
    return bytes(message)


@given(alike())
@settings(deadline=None, max_examples=500)
def test_however_alike_they_read_as_the_parser_reads(message: bytes) -> None:
    said: list[Any] = []
    for way in (decode, read):
        try:
            said.append(way(message))
        except DecodeError as error:
            said.append((type(error), str(error)))
    assert same(said[0], said[1])


class Fussy(Extension):
    @classmethod
    def from_wire(cls, name: str, attributes: Mapping[str, Any], content: Any) -> Any:
        raise LookupError("called")


@pytest.mark.parametrize("after", [b"N;", b"L;", b"D;"])
def test_no_class_of_a_user_is_called_in_a_third_place(after: bytes) -> None:
    message = b"Xu1:x;Du3:url;u1:b;;" + after + b"Xu1:a;D;N;;;"
    with pytest.raises(DecodeError):
        decode(message, extensions={"a": Fussy})


@pytest.mark.parametrize("nodes", range(2, 60))
def test_nodes_are_counted_as_the_parser_counts(nodes: int) -> None:
    message = encode([Link("a", content=[Link("b")]), Link("c"), Link("c")])
    limits = Limits(nodes=nodes)
    said: list[Any] = []
    for way in (decode, read):
        try:
            said.append(way(message, limits=limits))
        except DecodeError as error:
            said.append(str(error))
    assert said[0] == said[1]


@pytest.mark.parametrize("depth", range(1, 8))
def test_depth_is_counted_as_the_parser_counts(depth: int) -> None:
    limits = Limits(depth=depth)
    nothing: list[Any] = []
    link = Link("a", content=[Link("b", content=nothing)])
    plain: list[Any] = [
        Link.from_wire(
            "link", OrderedDict(url="a"), [Link.from_wire("link", OrderedDict(url="b"), nothing)]
        )
    ]
    message = encode([link])
    said: list[Any] = []
    for way in (decode, read):
        try:
            said.append(way(message, limits=limits))
        except DecodeError as error:
            said.append(str(error))
    assert said[0] == said[1]
    written: list[str] = []
    for value in ([link], plain):
        try:
            encode(value, limits=limits)
            written.append("")
        except EncodeError as error:
            written.append(str(error))
    assert written[0] == written[1]
    assert bool(written[0]) == (depth < 5)


class Word(str):
    """A key that is no plain text."""


@pytest.mark.parametrize("attributes", ATTRIBUTES)
def test_written_at_once_or_not(attributes: Mapping[Any, Any]) -> None:
    value = Extension("x", attributes, [1])
    other = Extension("x", {Word(key): item for key, item in attributes.items()}, [1])
    ordered = isinstance(attributes, OrderedDict)
    assert encode(value).replace(b"X" + b"u1:x;O", b"Xu1:x;D") == encode(other)
    assert encode(value).startswith(b"Xu1:x;O" if ordered else b"Xu1:x;D")
    assert encode([value, {"k": value}]) == b"L" + encode(value) + b"Du1:k;" + encode(value) + b";;"


def test_the_spelling() -> None:
    value = Extension("x", {"u": "y", "é": "", "t": True, "n": None, "i": 7, "b": b"o"}, 1)
    assert encode(value) == (
        b"Xu1:x;Du1:u;u1:y;u2:\xc3\xa9;u;u1:t;T;u1:n;N;u1:i;i7;u1:b;b1:o;;i1;;"
    )
    assert encode(Extension("x", {"b": "e\u0301", "a": "c"}), canonical=True) == (
        b"Xu1:x;Du1:a;u1:c;u1:b;u3:e\xcc\x81;;N;;"
    )
    assert encode(Extension("x", {"b": "e\u0301", "a": "c"}), normalize=True) == (
        b"Xu1:x;Du1:b;u2:\xc3\xa9;u1:a;u1:c;;N;;"
    )


@pytest.mark.parametrize(
    ("attributes", "path"),
    [
        ({"a": "b", "u": "\ud800"}, "$[1].attributes.u"),
        ({"\ud800": "b"}, "$[1].attributes{'\\ud800'}"),
        ({"u": 10**5000}, "$[1].attributes.u"),
        ({"u": 1j}, "$[1].attributes.u"),
    ],
)
def test_where_an_error_is(attributes: Mapping[str, Any], path: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode([1, Extension("x", attributes)])
    assert str(caught.value).endswith(f"(at {path})")
    with pytest.raises(EncodeError) as caught:
        encode([1, Extension("x", {"a": "b"}, {"c": 1j})])
    assert str(caught.value).endswith("(at $[1].content.c)")


def test_the_name_of_an_attribute_is_text() -> None:
    with pytest.raises(EncodeError, match="the name of an attribute is text"):
        encode(Extension.from_wire("x", {1: "a"}, None))  # type: ignore[dict-item]
    with pytest.raises(EncodeError, match="the name of an extension is text"):
        encode(Extension.from_wire(7, {}, None))  # type: ignore[arg-type]


def test_extensions_are_no_keys() -> None:
    class Hashable(Extension):
        __hash__ = object.__hash__  # type: ignore[assignment]

    places: list[Any] = [{Hashable("x")}, {(Hashable("x"),): 1}, {Hashable("x"): 1}]
    for place in places:
        with pytest.raises(EncodeError, match="Hashable cannot be a key of a dict or an item"):
            encode(place)
    assert encode(Extension("x", {"s": {1}}, {1})) == b"Xu1:x;Du1:s;Si1;;;Si1;;;"


class Lazy:
    """Stands for a value and says that it is of its class, as proxies of objects do."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def _claimed(self) -> Any:
        return self.value.__class__

    __class__: Any = property(_claimed)

    def items(self) -> Any:
        return self.value.items()

    def __iter__(self) -> Any:
        return iter(self.value)


def test_each_instance_says_of_which_class_it_is() -> None:
    asked: list[Any] = []

    def default(value: Any) -> Any:
        asked.append(value)
        return "asked"

    plain = Lazy.__new__(Lazy)
    plain.value = io.StringIO()
    values = [plain, Lazy([1]), plain, Lazy({"a": 1})]
    assert encode(values, default=default) == b"Lu5:asked;Li1;;u5:asked;Du1:a;i1;;;"
    assert asked == [plain, plain]


def test_the_hook_is_asked_for_each_instance() -> None:
    class Thing:
        pass

    things = [Thing(), Thing(), Thing()]
    names = {id(thing): number for number, thing in enumerate(things)}
    assert encode(things, default=lambda thing: names[id(thing)]) == b"Li0;i1;i2;;"
    with pytest.raises(EncodeError, match="cannot encode"):
        encode(things, default=lambda thing: thing)


def test_containers_in_attributes_belong_to_one() -> None:
    empties: list[Any] = [[], {}, set(), OrderedDict()]
    for empty in empties:
        values = decode(encode([Extension("x", {"url": "u", "x": empty})] * 4))
        assert all(one.attributes["x"] == empty for one in values)
        assert len({id(one.attributes["x"]) for one in values}) == 4


@pytest.mark.parametrize("nested", [b"Xu1:a;Du1:b;", b"Xu1:a;DDu1:b;", b"Xu1:a;Du1:b;L"])
def test_heads_inside_each_other_are_not_read_again_and_again(nested: bytes) -> None:
    message = b"L" + (nested * 15 + b";;") * 100
    assert seconds(lambda: fault_of(lambda: decode(message)), 1) < 2
