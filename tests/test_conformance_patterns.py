"""Patterns for typed values, placeholders, and octets with values in them."""

from typing import Any

import pytest

from hyperglyph.conformance.patterns import mismatch
from hyperglyph.conformance.substitution import octets, substitute
from hyperglyph.conformance.typed import NotTyped

ANY = {"type": "any"}
ABSENT = {"type": "absent"}


def text(value: str) -> dict[str, Any]:
    return {"type": "unicode", "value": value}


def number(value: int) -> dict[str, Any]:
    return {"type": "integer", "value": str(value)}


def mapping(**members: object) -> dict[str, Any]:
    return {"type": "dict", "pairs": [[text(name), held] for name, held in members.items()]}


def extension(name: str, content: object, **attributes: object) -> dict[str, Any]:
    held = mapping(**attributes)
    return {"type": "extension", "name": name, "attributes": held, "content": content}


FORM = extension("form", {"type": "nil"}, url=text("add"), method=text("POST"))
PAGE = extension("resource", mapping(add=FORM, name=text("Bob")), url=text("./"))
BLOB = {"type": "blob", "attributes": mapping(**{"content-type": text("a/b")}), "hex": "00"}
PROXY = {"type": "resource", "url": "http://a/", "members": ["add", "name"]}

FITS: list[tuple[Any, Any]] = [
    (number(1), number(1)),
    (number(1), ANY),
    (PROXY, ANY),
    (text("ab-12"), {"type": "matches", "regex": "^[a-b]+-"}),
    (number(1), {"type": "either", "of": [text("1"), number(1)]}),
    (mapping(a=number(1), b=number(2)), {"type": "mapping", "has": {"b": number(2)}}),
    ({**mapping(a=number(1)), "type": "ordered_dict"}, {"type": "mapping", "has": {"b": ABSENT}}),
    (mapping(a=number(1), b=number(2)), mapping(b=ANY, a=number(1))),
    (
        {"type": "list", "items": [number(1), text("x")]},
        {"type": "list", "items": [ANY, text("x")]},
    ),
    ({"type": "list", "items": [number(1)] * 3}, {"type": "list", "repeat": ANY, "times": 3}),
    (FORM, {"type": "extension", "name": "form", "with": {"method": text("POST")}}),
    (FORM, {"type": "extension", "name": "form", "with": {"values": ABSENT}, "content": ANY}),
    (FORM, extension("form", ANY, url=ANY, method=text("POST"))),
    (PAGE, {"type": "resource", "has": {"name": text("Bob"), "__class__": ABSENT}}),
    (BLOB, {**BLOB, "attributes": {"type": "mapping", "has": {"content-type": ANY}}}),
    (PROXY, {"type": "resource", "members": ["add"]}),
    (PROXY, {"type": "resource", "url": {"type": "matches", "regex": "/$"}}),
    ({"type": "failure", "code": number(7)}, {"type": "failure", "code": number(7)}),
    ({"type": "sequence"}, {"type": "sequence"}),
]
FAILS: list[tuple[Any, Any, str]] = [
    (number(1), number(2), "$: {'type': 'integer', 'value': '1'}, not {'type': 'integer', 'value'"),
    (PROXY, number(2), "not {'type': 'integer'"),
    (text("ab"), {"type": "matches", "regex": "^c"}, "'ab' does not match '^c'"),
    (number(1), {"type": "matches", "regex": "1"}, "is no text"),
    (number(1), {"type": "either", "of": [text("1"), number(2)]}, "; nor $: "),
    (mapping(a=number(1)), {"type": "mapping", "has": {"b": ANY}}, "$.b: not there"),
    (number(1), {"type": "mapping", "has": {}}, "is no dict"),
    (mapping(a=number(1)), mapping(b=ANY), "no key {'type': 'unicode', 'value': 'b'}"),
    (mapping(a=number(1)), mapping(a=ANY, b=ANY), "1 pairs, not 2"),
    ({"type": "list", "items": [number(1)]}, {"type": "list", "items": [ANY, ANY]}, "not 2"),
    (
        {"type": "list", "items": [number(1), number(2)]},
        {"type": "list", "items": [ANY, number(3)]},
        "$[1]: ",
    ),
    (
        {**mapping(a=number(1)), "type": "ordered_dict"},
        mapping(a=ANY),
        "$: {'type': 'ordered_dict'",
    ),
    (FORM, {"type": "extension", "name": "link", "with": {}}, "is no link"),
    (
        FORM,
        {"type": "extension", "name": "form", "with": {"method": text("GET")}},
        "$@.method: ",
    ),
    (FORM, {"type": "extension", "name": "form", "with": {"url": ABSENT}}, "must not be there"),
    (FORM, {"type": "extension", "name": "form", "with": {}, "content": text("")}, "$.content: "),
    (FORM, extension("link", ANY), "is no link"),
    (PAGE, {"type": "resource", "has": {"name": text("Ann")}}, "$.name: "),
    (FORM, {"type": "resource", "has": {}}, "is no resource"),
    (PROXY, {"type": "resource", "members": ["add", "sub"]}, "without the members ['sub']"),
    (PROXY, {"type": "resource", "url": "http://b/"}, "$.url: 'http://a/', not 'http://b/'"),
    (BLOB, {**BLOB, "attributes": ANY, "hex": "01"}, "not the same octets"),
    (BLOB, {**BLOB, "attributes": {"type": "mapping", "has": {"url": ANY}}}, "$@.url: not there"),
    (PROXY, {"type": "link"}, "not {'type': 'link'}"),
    ({"type": "failure"}, {"type": "failure", "message": "no"}, "no message in"),
]


@pytest.mark.parametrize(("value", "pattern"), FITS)
def test_a_value_fits_its_pattern(value: Any, pattern: Any) -> None:
    assert mismatch(value, pattern) is None


@pytest.mark.parametrize(("value", "pattern", "reason"), FAILS)
def test_a_value_that_does_not_fit_is_told_where_and_why(
    value: Any, pattern: Any, reason: str
) -> None:
    found = mismatch(value, pattern)
    assert found is not None
    assert reason in found


def test_a_pattern_that_is_none_is_an_error_and_not_a_mismatch() -> None:
    with pytest.raises(NotTyped, match="no such type: 'textt'"):
        mismatch(number(1), {"type": "textt", "value": "1"})
    with pytest.raises(NotTyped, match="no pattern can stand in set"):
        mismatch({"type": "set", "items": []}, {"type": "set", "items": [ANY]})


def test_known_placeholders_are_replaced_in_every_text_and_other_braces_stay() -> None:
    source = {"target": "{origin}/x{2}", "parts": ["{host}", 3, None, {"{host}": "{other}"}]}
    places = {"origin": "http://127.0.0.1:20001", "host": "127.0.0.1:20001"}
    assert substitute(source, places) == {
        "target": "http://127.0.0.1:20001/x{2}",
        "parts": ["127.0.0.1:20001", 3, None, {"127.0.0.1:20001": "{other}"}],
    }


def test_octets_hold_values_at_any_depth() -> None:
    value = {"value": {"type": "set", "items": [text("b"), text("a")]}}
    assert octets(["ab", {"hex": "00"}, {"repeat": [value, "-"], "times": 2}]) == (
        b"ab\x00" + b"Su1:a;u1:b;;-" * 2
    )
    with pytest.raises(NotTyped, match="not octets"):
        octets({"valeu": value})
