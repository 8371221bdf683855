"""What a class shows: its members, sorted once, when it is registered.

Members are looked up in the dictionaries of the class and its bases, never by a name from the wire.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import attrs

from hyperglyph.codec import Blob, Extension

from .decorators import Marks, hidden_names, marks_of

__all__ = ["Members", "Resource", "fields_of", "is_record", "members_of", "refuse_class"]


class Resource:
    """A base for classes that are served. It has no names of its own, public or not.

    `Router.add` takes classes that do not derive from it, too. Deriving says that instances are
    never mere data: one whose class is not registered cannot be in a result by accident.
    """

    __slots__ = ()


#: Their instances travel as data, so a page of one could never be seen.
_DATA = (
    int, float, str, bytes, bytearray, list, tuple, dict, set, frozenset, BaseException, enum.Enum,
    Blob, Extension,
)  # fmt: skip

#: Names of attributes that are kept for a class, whose instances may have any.
_KEPT: Final = 1_000


def refuse_class(cls: type) -> None:
    """Raise TypeError for a class whose instances could never be pages."""
    for base in _DATA:
        if issubclass(cls, base):
            raise TypeError(f"{cls.__qualname__} is a kind of {base.__name__}, which is no object")
    if inspect.isabstract(cls):
        names = ", ".join(sorted(cast("frozenset[str]", getattr(cls, "__abstractmethods__"))))  # noqa: B009
        raise TypeError(f"{cls.__qualname__} is abstract: {names}")


@attrs.frozen
class Members:
    """The public members of a class: `data` by name, and `methods` with their marks.

    `data` are attributes of the class, properties, slots and fields, in order; what an instance
    holds besides, it shows itself. `hidden` are the names that must not show. `shown` are those of
    attributes of instances that were found to show, so that none is looked at twice.
    """

    data: tuple[str, ...]
    methods: dict[str, tuple[Callable[..., Any], Marks]]
    hidden: frozenset[str]
    shown: set[str] = attrs.field(factory=set[str], eq=False)

    def shows(self, name: str) -> bool:
        """Whether an attribute that an instance holds itself is on its page."""
        if name.startswith("_") or name in self.hidden:
            return False
        if len(self.shown) < _KEPT:
            self.shown.add(name)
        return True


def fields_of(cls: type) -> dict[str, str] | None:
    """The fields of an attrs class or dataclass: attribute by parameter. None for others."""
    if attrs.has(cls):
        return {field.alias or field.name: field.name for field in attrs.fields(cls)}
    if dataclasses.is_dataclass(cls):
        return {field.name: field.name for field in dataclasses.fields(cls)}
    return None


def is_record(value: object) -> bool:
    """Whether a value is an instance of an attrs class or dataclass that is no Resource."""
    cls = type(value)
    return (attrs.has(cls) or dataclasses.is_dataclass(cls)) and not issubclass(cls, Resource)


def _definitions(cls: type) -> Iterator[tuple[str, object]]:
    """All public names of a class with their definitions, the bases' first."""
    for base in reversed(cls.__mro__):
        if base in (object, Resource):
            continue
        for name, member in vars(base).items():
            if not name.startswith("_"):
                yield name, member


def members_of(cls: type) -> Members:
    """Sort the members of a class.

    A method that overrides another keeps its marks. Class and static methods, nested classes and
    what is hidden show nowhere. Raises TypeError for a name that is a method in one class and an
    attribute in another.
    """
    hidden = set(hidden_names(cls))
    data: dict[str, None] = {}
    methods: dict[str, tuple[Callable[..., Any], Marks]] = {}
    never: set[str] = set()
    for name in (fields_of(cls) or {}).values():
        if not name.startswith("_"):
            data[name] = None
    for name, member in _definitions(cls):
        marks = marks_of(member)
        if marks.hidden:
            hidden.add(name)
        if inspect.isfunction(member):
            _, known = methods.get(name, (None, Marks()))
            methods[name] = member, known | marks
            never.discard(name)
        elif isinstance(member, classmethod | staticmethod) or inspect.isclass(member):
            never.add(name)
        else:
            _check_marks(cls, name, marks)
            data.setdefault(name)
            never.discard(name)
    hidden |= never
    for name in methods:
        if name in data and name not in hidden:
            raise TypeError(f"{cls.__qualname__}: {name} is a method and an attribute")
    return Members(
        tuple(name for name in data if name not in hidden),
        {name: method for name, method in methods.items() if name not in hidden},
        frozenset(hidden),
    )


def _check_marks(cls: type, name: str, marks: Marks) -> None:
    if marks.safe or marks.redirect or marks.cache is not None or marks.method is not None:
        raise TypeError(f"{cls.__qualname__}.{name} is no method: only hidden goes with it")
