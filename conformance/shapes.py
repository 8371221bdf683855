"""The form of typed values and of octets in vectors: strict checks, and comparing.

Nothing here knows how Python represents a value, or the codec; `typed` does.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, cast

Typed: TypeAlias = Mapping[str, Any]

INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
FLOAT = re.compile(r"-?(?:0x1\.[0-9a-f]{13}p[+-][0-9]+|0x0\.[0-9a-f]{13}p-1022|0x0\.0p\+0|inf)|nan")
DATETIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{3}|[0-9]{6})(Z?)"
)
TIMEDELTA = re.compile(
    r"(-?)P([0-9]+)Y([0-9]+)M([0-9]+)DT([0-9]+)H([0-9]+)M([0-9]+)(?:\.([0-9]{6}))?S"
)
KINDS = (
    *("nil", "true", "false", "integer", "float", "datetime", "timedelta", "unicode", "bytearray"),
    *("list", "set", "dict", "ordered_dict", "extension", "blob"),
)


class NotTyped(ValueError):
    """The JSON is not a typed value: a mistake of the one who wrote it."""


def same(left: Typed, right: Typed) -> bool:
    """Tell whether two typed values are the same value of the data model.

    Sets are compared as multisets, dicts without order, ordered dicts and lists in order, and
    floats by their spelling, so that -0.0 is not 0.0 and nan is nan. Raise NotTyped.
    """
    return _flat(left) == _flat(right)


def wire(source: object) -> bytes:
    """Return the octets that the `wire` or `canonical` member of a vector stands for.

    A text stands for its ASCII octets, {"hex": …} for those it spells, {"repeat": …, "times": n}
    for n copies, and an array for all of its members, one after the other. Raise NotTyped.
    """
    if isinstance(source, str):
        if not source.isascii():
            raise NotTyped("a text on the wire must be ASCII")
        return source.encode("ascii")
    if isinstance(source, list):
        return b"".join(wire(part) for part in cast("list[object]", source))
    if isinstance(source, dict):
        members = cast("dict[str, Any]", source)
        if set(members) == {"hex"}:
            return _hex(members["hex"])
        if set(members) == {"repeat", "times"}:
            return wire(members["repeat"]) * times_of(members)
    raise NotTyped(f"not octets: {source!r}")


# Parts of a typed value; each raises NotTyped for what is none


def kind_of(typed: object) -> str:
    if not isinstance(typed, dict):
        raise NotTyped(f"not a typed value: {typed!r:.80}")
    kind = cast("dict[str, object]", typed).get("type")
    if not isinstance(kind, str) or kind not in KINDS:
        raise NotTyped(f"no such type: {kind!r:.80}")
    return kind


def members_of(typed: Typed, *names: str) -> None:
    """Refuse a member too many or too few: a misspelt one must not pass for an absent one."""
    if set(typed) != {"type", *names}:
        raise NotTyped(f"members of {typed['type']}: {', '.join(sorted(typed))}")


def spelled(typed: Typed, pattern: re.Pattern[str]) -> re.Match[str]:
    members_of(typed, "value")
    match = pattern.fullmatch(text_of(typed["value"]))
    if match is None:
        raise NotTyped(f"not the spelling of {typed['type']}: {typed['value']!r:.80}")
    return match


def text_of(value: object) -> str:
    if not isinstance(value, str):
        raise NotTyped(f"not text: {value!r:.80}")
    return value


def array_of(value: object) -> Sequence[Any]:
    if not isinstance(value, list):
        raise NotTyped(f"not an array: {value!r:.80}")
    return cast("Sequence[Any]", value)


def items_of(typed: Typed) -> Sequence[Any]:
    if "repeat" in typed and typed["type"] == "list":
        members_of(typed, "repeat", "times")
        return [typed["repeat"]] * times_of(typed)
    members_of(typed, "items")
    return array_of(typed["items"])


def pairs_of(typed: Typed) -> list[Sequence[Any]]:
    members_of(typed, "pairs")
    pairs = [array_of(pair) for pair in array_of(typed["pairs"])]
    if any(len(pair) != 2 for pair in pairs):
        raise NotTyped("a pair has two members")
    return pairs


def times_of(members: Typed) -> int:
    times = members["times"]
    if not isinstance(times, int) or isinstance(times, bool) or times < 0:
        raise NotTyped(f"not a count: {times!r:.80}")
    return times


def _hex(text: object) -> bytes:
    if not isinstance(text, str) or re.fullmatch(r"(?:[0-9a-f]{2})*", text) is None:
        raise NotTyped(f"not hexadecimal: {text!r:.80}")
    return bytes.fromhex(text)


def octets_of(typed: Typed, *others: str) -> bytes:
    if "repeat" in typed:
        members_of(typed, "repeat", "times", *others)
        return _hex(typed["repeat"]) * times_of(typed)
    members_of(typed, "hex", *others)
    return _hex(typed["hex"])


def characters_of(typed: Typed) -> str:
    if "codepoints" in typed:
        members_of(typed, "codepoints")
        try:
            return "".join(chr(int(text_of(code), 16)) for code in array_of(typed["codepoints"]))
        except (ValueError, OverflowError) as error:
            raise NotTyped(f"not code points: {error}") from None
    if "repeat" in typed:
        members_of(typed, "repeat", "times")
        return text_of(typed["repeat"]) * times_of(typed)
    members_of(typed, "value")
    return text_of(typed["value"])


# Comparing


def _flat(typed: Typed) -> str:
    """Return a text that is equal for two typed values exactly if they are the same value.

    Each part is preceded by its length, so that no content can pass for structure.
    """
    kind = kind_of(typed)
    if kind in ("list", "set"):
        parts = [_flat(item) for item in items_of(typed)]
    elif kind in ("dict", "ordered_dict"):
        parts = [_join("pair", map(_flat, pair)) for pair in pairs_of(typed)]
    elif kind == "extension":
        members_of(typed, "name", "attributes", "content")
        parts = [text_of(typed["name"]), _flat(typed["attributes"]), _flat(typed["content"])]
    elif kind == "blob":
        parts = [_flat(typed["attributes"]), octets_of(typed, "attributes").hex()]
    elif kind == "unicode":
        parts = [characters_of(typed)]
    elif kind == "bytearray":
        parts = [octets_of(typed).hex()]
    elif kind in ("nil", "true", "false"):
        members_of(typed)
        parts = []
    else:
        parts = [spelled(typed, _SPELLINGS[kind]).group()]
    return _join(kind, sorted(parts) if kind in ("set", "dict") else parts)


_SPELLINGS = {
    "integer": INTEGER,
    "float": FLOAT,
    "datetime": DATETIME,
    "timedelta": TIMEDELTA,
}


def _join(kind: str, parts: Iterable[str]) -> str:
    return kind + "(" + ",".join(f"{len(part)}:{part}" for part in parts) + ")"
