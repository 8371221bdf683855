"""Typed values: the JSON in which vectors and testees write values of the data model.

Every value is an object with a "type"; scalars are always text, so that no number of JSON's own
can leak in and round or change what is compared. `spec/README.md` describes the form and
`spec/schemas/vectors.json` is its schema. This module turns them into Python values and back;
`shapes` compares them by the data model and not by Python's equality, for which 1 and True are one.
"""

import io
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Any

from hyperglyph.codec import Blob, Extension, Period
from hyperglyph.codec.types import NAN

from .shapes import (
    DATETIME,
    FLOAT,
    INTEGER,
    TIMEDELTA,
    NotTyped,
    Typed,
    characters_of,
    items_of,
    kind_of,
    members_of,
    octets_of,
    pairs_of,
    same,
    spelled,
    text_of,
    wire,
)

__all__ = ["NotTyped", "Typed", "Unbuildable", "from_json", "same", "to_json", "wire"]

# Below every setting of the interpreter's switch for long integers but its smallest.
_DIGITS = 600


class Unbuildable(ValueError):
    """The typed value is right, but no Python value can hold it (1 and True in one set)."""


def from_json(typed: Typed) -> Any:
    """Return the Python value that `typed` describes.

    Raise NotTyped if it is not a typed value and Unbuildable if Python cannot hold it.
    """
    return _build(typed, key=False)


def to_json(value: object) -> dict[str, Any]:
    """Return the typed form of a value as the decoder builds it; TypeError for any other."""
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    raise TypeError(f"no typed form for {type(value).__name__}")


# Reading


def _build(typed: Typed, *, key: bool) -> Any:
    kind = kind_of(typed)
    if kind == "list":
        items = [_build(item, key=key) for item in items_of(typed)]
        return tuple(items) if key else items
    if kind == "set":
        return _build_set(typed, key=key)
    if kind in ("dict", "ordered_dict"):
        return _build_dict(typed)
    if kind == "extension":
        members_of(typed, "name", "attributes", "content")
        content = _build(typed["content"], key=False)
        return Extension.from_wire(text_of(typed["name"]), _attributes(typed), content)
    if kind == "blob":
        return Blob.from_wire(_attributes(typed), io.BytesIO(octets_of(typed, "attributes")))
    return _SCALARS[kind](typed)


def _build_set(typed: Typed, *, key: bool) -> set[Any] | frozenset[Any]:
    items = [_build(item, key=True) for item in items_of(typed)]
    try:
        built = set(items)
    except TypeError as error:
        raise Unbuildable(f"not an item for a set of Python: {error}") from None
    if len(built) != len(items):
        raise Unbuildable("items that are equal in Python")
    return frozenset(built) if key else built


def _build_dict(typed: Typed) -> dict[Any, Any]:
    built: dict[Any, Any] = OrderedDict() if typed["type"] == "ordered_dict" else {}
    for pair in pairs_of(typed):
        name = _build(pair[0], key=True)
        try:
            if name in built:
                raise Unbuildable("keys that are equal in Python")
        except TypeError as error:
            raise Unbuildable(f"not a key for a dict of Python: {error}") from None
        built[name] = _build(pair[1], key=False)
    return built


def _attributes(typed: Typed) -> dict[Any, Any]:
    if kind_of(typed["attributes"]) not in ("dict", "ordered_dict"):
        raise NotTyped("attributes are a dict or an ordered_dict")
    return _build_dict(typed["attributes"])


def _build_integer(typed: Typed) -> int:
    text = spelled(typed, INTEGER).group()
    digits = text.lstrip("-")
    number = 0
    for start in range(0, len(digits), _DIGITS):
        piece = digits[start : start + _DIGITS]
        number = number * 10 ** len(piece) + int(piece)
    return -number if text[0] == "-" else number


def _build_float(typed: Typed) -> float:
    text = spelled(typed, FLOAT).group()
    return NAN if text == "nan" else float.fromhex(text)


def _build_datetime(typed: Typed) -> datetime:
    match = spelled(typed, DATETIME)
    *fields, fraction, zone = match.groups()
    year, month, day, hour, minute, second = map(int, fields)
    micro = int(fraction.ljust(6, "0"))
    zone_info = UTC if zone else None
    try:
        return datetime(year, month, day, hour, minute, second, micro, zone_info)
    except ValueError as error:
        raise NotTyped(f"{match.group()}: {error}") from None


def _build_timedelta(typed: Typed) -> timedelta | Period:
    match = spelled(typed, TIMEDELTA)
    sign = -1 if match.group(1) else 1
    years, months, days, hours, minutes, seconds = map(int, match.groups()[1:7])
    micro = int(match.group(8) or 0)
    try:
        delta = timedelta(days, seconds, micro, 0, minutes, hours) * sign
        if years or months:
            return Period(sign * years, sign * months, delta)
    except (ValueError, OverflowError) as error:
        raise Unbuildable(f"{match.group()}: {error}") from None
    return delta


def _constant(value: bool | None) -> Callable[[Typed], bool | None]:
    def build(typed: Typed) -> bool | None:
        members_of(typed)
        return value

    return build


_SCALARS: dict[str, Callable[[Typed], Any]] = {
    "integer": _build_integer,
    "unicode": characters_of,
    "bytearray": octets_of,
    "float": _build_float,
    "datetime": _build_datetime,
    "timedelta": _build_timedelta,
    "nil": _constant(None),
    "true": _constant(True),
    "false": _constant(False),
}
# Writing


def _write_text(value: str) -> dict[str, Any]:
    if any("\ud800" <= char <= "\udfff" for char in value):
        return {"type": "unicode", "codepoints": [f"{ord(char):04x}" for char in value]}
    return {"type": "unicode", "value": value}


def _write_integer(value: int) -> dict[str, Any]:
    sign, value, pieces = "-" if value < 0 else "", abs(value), list[str]()
    while value >= 10**_DIGITS:
        value, piece = divmod(value, 10**_DIGITS)
        pieces.append(f"{piece:0{_DIGITS}d}")
    return {"type": "integer", "value": sign + str(value) + "".join(reversed(pieces))}


def _write_float(value: float) -> dict[str, Any]:
    return {"type": "float", "value": "nan" if math.isnan(value) else value.hex()}


def _write_datetime(value: datetime) -> dict[str, Any]:
    zone = ""
    if value.tzinfo is not None:
        value, zone = value.astimezone(UTC), "Z"
    micro = value.microsecond
    fraction = f"{micro:06d}" if micro % 1000 else f"{micro // 1000:03d}"
    text = (
        f"{value.year:04d}-{value.month:02d}-{value.day:02d}"
        f"T{value.hour:02d}:{value.minute:02d}:{value.second:02d}.{fraction}{zone}"
    )
    return {"type": "datetime", "value": text}


def _write_timedelta(value: timedelta | Period) -> dict[str, Any]:
    years = months = 0
    delta = value
    if isinstance(delta, Period):
        years, months, delta = delta.years, delta.months, delta.timedelta
    sign = "-" if years < 0 or months < 0 or delta < timedelta(0) else ""
    delta = abs(delta)
    minutes, seconds = divmod(delta.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{delta.microseconds:06d}" if delta.microseconds else ""
    text = f"{sign}P{abs(years)}Y{abs(months)}M{delta.days}DT{hours}H{minutes}M{seconds}{fraction}S"
    return {"type": "timedelta", "value": text}


def _write_items(kind: str) -> Callable[[Iterable[object]], dict[str, Any]]:
    return lambda value: {"type": kind, "items": [to_json(item) for item in value]}


def _write_dict(value: Mapping[Any, Any]) -> dict[str, Any]:
    kind = "ordered_dict" if isinstance(value, OrderedDict) else "dict"
    pairs = [[to_json(name), to_json(held)] for name, held in value.items()]
    return {"type": kind, "pairs": pairs}


def _write_extension(value: Extension) -> dict[str, Any]:
    return {
        "type": "extension",
        "name": value.name,
        "attributes": to_json(value.attributes),
        "content": to_json(value.content),
    }


def _write_blob(value: Blob) -> dict[str, Any]:
    value.seek(0)
    return {"type": "blob", "attributes": to_json(value.attributes), "hex": value.read().hex()}


# In this order: a bool is also an int. str and bytes come before Sequence for the same reason.
_WRITERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], dict[str, Any]]], ...] = (
    (type(None), lambda value: {"type": "nil"}),
    (bool, lambda value: {"type": "true" if value else "false"}),
    (int, _write_integer),
    (str, _write_text),
    ((bytes, bytearray), lambda value: {"type": "bytearray", "hex": bytes(value).hex()}),
    (float, _write_float),
    (datetime, _write_datetime),
    ((timedelta, Period), _write_timedelta),
    (Extension, _write_extension),
    (Blob, _write_blob),
    (AbstractSet, _write_items("set")),
    (Mapping, _write_dict),
    (Sequence, _write_items("list")),
)
