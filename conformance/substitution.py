"""Placeholders in scenarios, and octets that hold values (spec/testee.md "Scenarios")."""

from collections.abc import Mapping
from typing import Any, cast

from hyperglyph.codec import encode
from hyperglyph.transport.http.shapes import is_dict

from .shapes import NotTyped, times_of
from .typed import Typed, from_json, wire


def substitute(source: Any, places: Mapping[str, str]) -> Any:
    """Return the JSON with each `{name}` of `places` replaced in every text, keys too.

    Braces around any other name stay as they are: a regular expression has them as well.
    """
    if isinstance(source, str):
        for name, text in places.items():
            source = source.replace("{" + name + "}", text)
        return source
    if isinstance(source, list):
        return [substitute(part, places) for part in cast("list[object]", source)]
    if isinstance(source, dict):
        members = cast("dict[str, Any]", source)
        return {substitute(name, places): substitute(members[name], places) for name in members}
    return source


def octets(source: object) -> bytes:
    """Return the octets that a scenario's member stands for.

    They are written as in vectors, and {"value": TYPED} in any place is the canonical form of a
    value. Raise NotTyped.
    """
    if isinstance(source, list):
        return b"".join(octets(part) for part in cast("list[object]", source))
    if isinstance(source, dict):
        members = cast("dict[str, Any]", source)
        if set(members) == {"value"}:
            return encode(from_json(members["value"]), canonical=True)
        if set(members) == {"repeat", "times"}:
            return octets(members["repeat"]) * times_of(members)
        if set(members) != {"hex"}:
            raise NotTyped(f"not octets: {members!r:.80}")
        return wire(members)
    return wire(source)


def ordered(arguments: Mapping[str, Typed]) -> Typed:
    """Return the ordered dict that arguments travel as (standard, "Envelopes")."""
    names = [{"type": "unicode", "value": name} for name in arguments]
    return {"type": "ordered_dict", "pairs": list(map(list, zip(names, arguments.values())))}  # noqa: B905


def body_of(source: object) -> bytes:
    """Return the octets of a body: any octets, or {"arguments": {NAME: TYPED}}. Raise NotTyped."""
    if is_dict(source) and "arguments" in source:
        return octets({"value": ordered(source["arguments"])})
    return octets(source)
