"""Values that Python has no type for: `Extension` and `Period` (`Blob` is in blob.py).

Standard, section "Data model".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Self

import attrs

__all__ = ["NAN", "RESERVED_NAMES", "Extension", "Period"]

#: The one NaN that the decoder returns. Python's containers compare by identity first, so with one
#: object a second NaN key is found to be the duplicate that the standard says it is.
NAN: Final = float("nan")

#: Extension names that the standard keeps for itself (REQ-EXT-4).
RESERVED_NAMES: Final = frozenset(
    {
        "integer", "unicode", "string", "bytearray", "float", "datetime", "timedelta",
        "nil", "true", "false", "bool", "list", "set", "dict", "ordered_dict",
        "extension", "blob", "request", "response",
    }
)  # fmt: skip

_MICROSECOND: Final = timedelta(microseconds=1)
MAX_YEARS: Final = 999_999_999  # the bound that timedelta puts on days


def _check_name(_: Extension, __: attrs.Attribute[str], name: str) -> None:
    if not isinstance(name, str):
        raise TypeError(f"the name of an extension is a str, not {type(name).__name__}")
    if name in RESERVED_NAMES:
        raise ValueError(f"the extension name {name!r} is reserved by the standard")


def _check_attributes(
    _: Extension, __: attrs.Attribute[Any], attributes: Mapping[str, Any]
) -> None:
    if not isinstance(attributes, Mapping):
        raise TypeError(f"attributes are a mapping, not {type(attributes).__name__}")
    for key in attributes:
        if not isinstance(key, str):
            raise TypeError(f"the name of an attribute is a str, not {type(key).__name__}")


@attrs.frozen(eq=True, unsafe_hash=False)
class Extension:
    """A named value of the wire: attributes, and content that may be any value.

    Unknown extensions decode to this class and encode back to the same bytes. The known ones
    (`hyperglyph.codec.hypermedia`) are its subclasses. Not hashable: its attributes are a dict.

    Raises TypeError or ValueError when built with a reserved name or attributes that are not
    named by text; decoded ones are taken as they came.
    """

    name: str = attrs.field(validator=_check_name)
    attributes: Mapping[str, Any] = attrs.field(factory=dict, validator=_check_attributes)
    content: Any = None

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def from_wire(cls, name: str, attributes: Mapping[str, Any], content: Any) -> Self:
        """Build one as the decoder does: nothing is checked (REQ-EXT-3, REQ-EXT-4)."""
        self = cls.__new__(cls)
        _set_name(self, name)
        _set_attributes(self, attributes)
        _set_content(self, content)
        return self


#: They write what is frozen, in a third less time than `object.__setattr__`.
_set_name, _set_attributes, _set_content = (
    vars(Extension)[slot].__set__ for slot in ("name", "attributes", "content")
)


def _check_number(_: Any, attribute: attrs.Attribute[int], value: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{attribute.name} of a period is an int, not {type(value).__name__}")


@attrs.frozen(order=False, cache_hash=True)
class Period:
    """A duration with calendar years or months, which have no fixed length (REQ-DUR-4).

    `years` and `months` are kept as they were written: 12 months are not 1 year. All three parts
    have the same sign. A duration without years and months is a `datetime.timedelta`.

    Raises ValueError when both are zero, the signs differ, or either is over 999,999,999.
    """

    years: int = attrs.field(default=0, validator=_check_number)
    months: int = attrs.field(default=0, validator=_check_number)
    timedelta: timedelta = attrs.field(
        default=timedelta(0), validator=attrs.validators.instance_of(timedelta)
    )

    def __attrs_post_init__(self) -> None:
        if not self.years and not self.months:
            raise ValueError("a period has years or months; use datetime.timedelta for the rest")
        if max(abs(self.years), abs(self.months)) > MAX_YEARS:
            raise ValueError(f"years and months of a period are at most {MAX_YEARS:,}")
        parts = (self.years, self.months, self.timedelta // _MICROSECOND)
        if min(parts) < 0 < max(parts):
            raise ValueError("years, months and timedelta of a period have the same sign")
