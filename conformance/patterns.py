"""Patterns for typed values (spec/testee.md "A pattern"): what an answer must be, so far as said.

A pattern is a typed value, in which any part may be one of the following, or the description of a
proxy that a client gives (spec/testee.md "Results").
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from .shapes import NotTyped, Typed, characters_of, items_of, kind_of, octets_of, pairs_of, same

#: What a client's values may be besides typed values.
PROXIES = ("resource", "link", "form", "sequence", "failure")
_ABSENT: Mapping[str, Any] = {"type": "absent"}


def mismatch(value: Typed, pattern: Typed, where: str = "$") -> str | None:
    """Return in words the first thing at which a value does not fit a pattern, or None.

    `where` is the path of the value in its message. Raise NotTyped for a value that is no typed
    value, and for a pattern that is none.
    """
    kind = pattern.get("type")
    if kind == "any":
        return None
    if kind == "either":
        return _either(value, pattern, where)
    if kind == "matches":
        return _matches(value, pattern, where)
    if kind == "mapping":
        return _mapping(value, pattern, where)
    if kind == "resource" and "has" in pattern:
        return _resource(value, pattern, where)
    if kind in PROXIES:
        return _proxy(value, pattern, where)
    if kind == "extension" and "with" in pattern:
        return _extension(value, pattern, where)
    if is_plain(pattern):
        if value.get("type") not in PROXIES and same(value, pattern):
            return None
        return _differs(value, pattern, where)
    return _parts(value, pattern, where)


def is_plain(pattern: object) -> bool:
    """Tell whether a pattern is nothing but a typed value, so that comparing is enough."""
    if isinstance(pattern, list):
        return all(map(is_plain, cast("list[object]", pattern)))
    if not isinstance(pattern, dict):
        return True
    members = cast("dict[str, object]", pattern)
    special = ("any", "either", "matches", "mapping", *PROXIES)
    return (
        members.get("type") not in special
        and "with" not in members
        and all(map(is_plain, members.values()))
    )


def attributes_of(extension: Typed) -> dict[str, Typed]:
    """Return what an extension's attributes, or a dict, hold under keys that are texts."""
    held = extension["attributes"] if extension.get("type") == "extension" else extension
    return {characters_of(key): value for key, value in pairs_of(held) if kind_of(key) == "unicode"}


def brief(value: object) -> str:
    """A value in one line of at most 160 characters."""
    text = str(value)
    return text if len(text) <= 160 else f"{text[:100]}…{text[-50:]}"


def _either(value: Typed, pattern: Typed, where: str) -> str | None:
    found = [mismatch(value, choice, where) for choice in pattern["of"]]
    return None if None in found else "; nor ".join(str(reason) for reason in found)


def _matches(value: Typed, pattern: Typed, where: str) -> str | None:
    if value.get("type") != "unicode":
        return f"{where}: {brief(value)} is no text"
    if re.search(pattern["regex"], characters_of(value)) is None:
        return f"{where}: {brief(characters_of(value))!r} does not match {pattern['regex']!r}"
    return None


def _mapping(value: Typed, pattern: Typed, where: str) -> str | None:
    if value.get("type") not in ("dict", "ordered_dict"):
        return f"{where}: {brief(value)} is no dict"
    return _has(attributes_of(value), pattern["has"], where)


def _resource(value: Typed, pattern: Typed, where: str) -> str | None:
    if value.get("type") != "extension" or value["name"] != "resource":
        return f"{where}: {brief(value)} is no resource"
    return _mapping(value["content"], {"has": pattern["has"]}, where)


def _extension(value: Typed, pattern: Typed, where: str) -> str | None:
    if value.get("type") != "extension" or value["name"] != pattern["name"]:
        return f"{where}: {brief(value)} is no {pattern['name']}"
    found = _has(attributes_of(value), pattern["with"], f"{where}@")
    if found is None and "content" in pattern:
        found = mismatch(value["content"], pattern["content"], f"{where}.content")
    return found


def _has(held: Mapping[str, Typed], wanted: Mapping[str, Typed], where: str) -> str | None:
    for name, pattern in wanted.items():
        there = held.get(name)
        if pattern == _ABSENT:
            found = None if there is None else f"{where}.{name}: must not be there"
        elif there is None:
            found = f"{where}.{name}: not there"
        else:
            found = mismatch(there, pattern, f"{where}.{name}")
        if found is not None:
            return found
    return None


def _proxy(value: Typed, pattern: Typed, where: str) -> str | None:
    """What the pattern of a proxy says must be so; of `members` at least these."""
    if value.get("type") != pattern["type"]:
        return _differs(value, pattern, where)
    for name, wanted in pattern.items():
        there = value.get(name)
        if there is None:
            return f"{where}: no {name} in {brief(value)}"
        if name == "members":
            missing = sorted(set(wanted) - set(there))
            found = f"{where}: without the members {missing}" if missing else None
        elif isinstance(wanted, Mapping):
            # A text of a proxy is plain JSON, and a pattern for it that of a text.
            held: Any = {"type": "unicode", "value": there} if isinstance(there, str) else there
            found = mismatch(held, cast("Typed", wanted), f"{where}.{name}")
        else:
            found = None if there == wanted else f"{where}.{name}: {there!r}, not {wanted!r}"
        if found is not None:
            return found
    return None


def _parts(value: Typed, pattern: Typed, where: str) -> str | None:
    """A value that has patterns in it: the same type, and each part fits."""
    kind = kind_of(pattern)
    if value.get("type") != kind:
        return _differs(value, pattern, where)
    if kind == "list":
        return _list(items_of(value), items_of(pattern), where)
    if kind == "ordered_dict":
        return _list(_flat(pairs_of(value)), _flat(pairs_of(pattern)), where)
    if kind == "dict":
        return _dict(pairs_of(value), pairs_of(pattern), where)
    if kind == "extension":
        if value["name"] != pattern["name"]:
            return f"{where}: {brief(value)} is no {pattern['name']}"
        return mismatch(value["attributes"], pattern["attributes"], f"{where}@") or mismatch(
            value["content"], pattern["content"], f"{where}.content"
        )
    if kind == "blob":
        if octets_of(value, "attributes") != octets_of(pattern, "attributes"):
            return f"{where}: not the same octets: {brief(value)}"
        return mismatch(value["attributes"], pattern["attributes"], f"{where}@")
    raise NotTyped(f"no pattern can stand in {kind}: {brief(pattern)}")


def _list(values: Sequence[Typed], patterns: Sequence[Typed], where: str) -> str | None:
    if len(values) != len(patterns):
        return f"{where}: {len(values)} items, not {len(patterns)}"
    return _first(
        mismatch(value, pattern, f"{where}[{index}]")
        for index, (value, pattern) in enumerate(zip(values, patterns, strict=True))
    )


def _flat(pairs: Sequence[Sequence[Any]]) -> list[Typed]:
    return [part for pair in pairs for part in pair]


def _dict(
    values: Sequence[Sequence[Any]], patterns: Sequence[Sequence[Any]], where: str
) -> str | None:
    if len(values) != len(patterns):
        return f"{where}: {len(values)} pairs, not {len(patterns)}"
    for wanted, pattern in patterns:
        there = [held for key, held in values if same(key, wanted)]
        if not there:
            return f"{where}: no key {brief(wanted)}"
        found = mismatch(there[0], pattern, f"{where}[{brief(wanted)}]")
        if found is not None:
            return found
    return None


def _first(found: Iterable[str | None]) -> str | None:
    return next((reason for reason in found if reason is not None), None)


def _differs(value: object, pattern: object, where: str) -> str:
    return f"{where}: {brief(value)}, not {brief(pattern)}"
