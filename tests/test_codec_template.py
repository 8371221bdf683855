"""Extensions made by a template: the bytes, the looks and the errors of those made one by one."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

from hyperglyph.codec import EncodeError, Extension, Limits, Resource, decode, encode
from hyperglyph.codec.errors import Refused
from hyperglyph.codec.template import Template

FIXED: dict[str, str | bool] = {"profile": "Usér", "partial": True, "x;": "", "whole": False}
LISTED = Template("resource", "url", FIXED)

TEXTS = ["/User/a/", "", "a;b", "é", "e\u0301", "u1:a;", "x" * 70_000]
CONTENTS: list[Any] = [
    None,
    "text",
    b"octets",
    {},
    {"id": 7, "name": "é", "list": [1, {"a": None}]},
    {1: "one", "two": 2},
    OrderedDict(a=1),
    [],
    [{"a": 1}],
    {1, 2},
    Extension("other", {"url": "u"}, {"a": 1}),
]


def plainly(text: str, content: Any) -> Extension:
    return Extension("resource", {"url": text, **FIXED}, content)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("content", CONTENTS)
def test_the_bytes(text: str, content: Any) -> None:
    filled, plain = LISTED.fill(text, content), plainly(text, content)
    placed: list[tuple[Any, Any]] = [
        (filled, plain),
        ([filled, filled], [plain, plain]),
        ({"k": filled, "l": {"m": filled}}, {"k": plain, "l": {"m": plain}}),
    ]
    for here, there in placed:
        assert encode(here) == encode(there)
        assert encode(here, canonical=True) == encode(there, canonical=True)
        assert encode(here, normalize=True) == encode(there, normalize=True)


def test_the_spelling() -> None:
    template = Template("x", "u", {"t": True, "f": False, "é": "ü", "n": ""})
    head = b"Xu1:x;Du1:u;u1:y;u1:t;T;u1:f;F;u2:\xc3\xa9;u2:\xc3\xbc;u1:n;u;;"
    assert encode(template.fill("y", 7)) == head + b"i7;;"
    assert encode(template.fill("y", {"a": 7})) == head + b"Du1:a;i7;;;"
    assert encode(Template("x", "u", {}).fill("y", None)) == b"Xu1:x;Du1:u;u1:y;;N;;"


def test_those_of_several_templates_in_turn() -> None:
    other = Template("other", "name", {})
    values = [make.fill(f"{number}", number) for number in range(4) for make in (LISTED, other)]
    assert decode(encode(values), extensions={}) == [
        Extension(one.name, one.attributes, one.content) for one in values
    ]


def test_whoever_looks_sees_an_extension() -> None:
    content = {"id": 7}
    filled = LISTED.fill("/User/a/", content)
    assert isinstance(filled, Extension)
    assert (filled.name, filled.content) == ("resource", content)
    assert filled.attributes == {"url": "/User/a/", **FIXED}
    assert list(filled.attributes) == ["url", *FIXED]
    assert filled == LISTED.fill("/User/a/", {"id": 7})
    assert filled != LISTED.fill("/User/b/", content)
    assert filled != LISTED.fill("/User/a/", {})
    assert "'url': '/User/a/'" in repr(filled)
    with pytest.raises(TypeError):
        hash(filled)


def test_attributes_belong_to_whom_asked() -> None:
    fixed: dict[str, str | bool] = {"profile": "User"}
    template = Template("resource", "url", fixed)
    filled = template.fill("a", None)
    filled.attributes["profile"] = fixed["profile"] = "Other"
    assert (
        filled.attributes == template.fill("a", None).attributes == {"url": "a", "profile": "User"}
    )


def test_read_back_they_are_resources() -> None:
    found = decode(encode([LISTED.fill(text, {"n": text}) for text in TEXTS]))
    assert found == [Resource.from_wire("resource", {"url": t, **FIXED}, {"n": t}) for t in TEXTS]


def test_a_hook_may_return_them() -> None:
    class Thing:
        def __init__(self, number: int) -> None:
            self.number = number

    def default(thing: Thing) -> Extension:
        return LISTED.fill(f"/{thing.number}/", {"n": thing.number})

    things = [Thing(number) for number in range(3)]
    plain = [plainly(f"/{number}/", {"n": number}) for number in range(3)]
    assert encode(things, default=default) == encode(plain)
    assert encode({"a": things}, default=default) == encode({"a": plain})


def said(make: Callable[[], bytes]) -> str:
    try:
        make()
    except EncodeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("depth", range(1, 8))
def test_depth_is_counted_alike(depth: int) -> None:
    limits = Limits(depth=depth)
    contents: list[Any] = [{}, {"a": {"b": [1]}}, {1: []}, [{}], None]
    for content in contents:
        filled, plain = [LISTED.fill("u", content)], [plainly("u", content)]
        assert said(lambda: encode(filled, limits=limits)) == said(  # noqa: B023 - called at once
            lambda: encode(plain, limits=limits)  # noqa: B023
        )


@pytest.mark.parametrize(
    ("text", "content", "path"),
    [
        ("u", {"a": 1j}, "$[1].content.a"),
        ("u", {"a": [{"b": 1j}]}, "$[1].content.a[0].b"),
        ("u", {"\ud800": 1}, "$[1].content{'\\ud800'}"),
        ("u", {1: 1j}, "$[1].content[1]"),
        ("u", 1j, "$[1].content"),
        ("\ud800", None, "$[1].attributes.url"),
    ],
)
def test_where_an_error_is(text: str, content: Any, path: str) -> None:
    filled, plain = LISTED.fill(text, content), plainly(text, content)
    message = said(lambda: encode([1, filled]))
    assert message == said(lambda: encode([1, plain]))
    assert message.endswith(f"(at {path})")


def test_a_cycle_through_one() -> None:
    errors: list[str] = []
    for make in (LISTED.fill, plainly):
        content: dict[str, Any] = {}
        content["again"] = [make("u", content)]
        errors.append(said(lambda: encode(content)))  # noqa: B023 - called at once
    assert errors[0] == errors[1]
    assert errors[0].startswith(("the value contains itself", "nesting deeper than 100"))


@pytest.mark.parametrize("make", [LISTED.fill, plainly])
def test_content_that_changes_while_it_is_encoded(make: Callable[[str, Any], Extension]) -> None:
    class Thing:
        pass

    content: dict[str, Any] = {"a": Thing(), "b": 1}

    def default(_: Thing) -> int:
        content["c"] = 2
        return 1

    message = said(lambda: encode([make("u", content)], default=default))
    assert message == "the dict changed while it was encoded (at $[0].content)"


class Key:
    """Hashable, which an extension is not."""


def test_they_are_no_keys() -> None:
    with pytest.raises(EncodeError, match="Filled cannot be a key of a dict or an item of a set"):
        encode({Key(): 1}, default=lambda _: LISTED.fill("u", None))


def test_text_that_the_wire_cannot_carry() -> None:
    for name, varied, fixed in (("\ud800", "u", "a"), ("x", "\ud800", "a"), ("x", "u", "\ud800")):
        with pytest.raises(Refused, match="surrogate"):
            Template(name, varied, {"a": fixed})
