"""The attributes of instances as data: read, and put back without the constructor.

What a class can hold is found once, when it is registered: slots, fields of attrs classes and
dataclasses, and what the constructors set.
"""

from __future__ import annotations

import dataclasses
import dis
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import attrs

from hyperglyph.transport.http.binding import Parameters

from .resource import fields_of

__all__ = ["Shape", "complete"]


@attrs.frozen
class Shape:
    """The attributes that the instances of a class can have. Read once, at registration."""

    slots: frozenset[str]
    has_dict: bool
    #: Properties, methods and the like: an instance's attribute of that name would hide them.
    taken: frozenset[str]
    #: The attribute in which a parameter is kept, as far as that can be seen.
    kept: Mapping[str, str]
    defaults: Mapping[str, Callable[[], Any]]
    converters: Mapping[str, Callable[[Any], Any]]

    @classmethod
    def of(cls, owner: type, parameters: Parameters) -> Shape:
        members = {
            name: value for base in reversed(owner.__mro__) for name, value in vars(base).items()
        }
        slots = frozenset(n for n, value in members.items() if inspect.ismemberdescriptor(value))
        written = _written_by_constructors(owner)
        fields = fields_of(owner) or {}
        kept = dict(fields)
        for name in parameters.names:
            if name not in kept:
                found = [n for n in (name, f"_{name}") if n in slots or n in written]
                if found:
                    kept[name] = found[0]
        defaults = {
            name: _constant(parameter.default)
            for name, parameter in parameters.signature.parameters.items()
            if parameter.default is not inspect.Parameter.empty
        }
        defaults.update(_field_defaults(owner))
        return cls(
            slots=slots,
            has_dict=owner.__dictoffset__ != 0,
            taken=frozenset(
                name
                for name, value in members.items()
                if name not in slots
                and (
                    isinstance(value, property | cached_property | classmethod | staticmethod)
                    or inspect.isfunction(value)
                )
            ),
            kept=kept,
            defaults=defaults,
            converters=_converters(owner),
        )

    def _is_state(self, name: str) -> bool:
        return not (name.startswith("__") or name in self.taken)

    def read(self, instance: object) -> dict[str, Any]:
        """The attributes that are set, but for what is computed."""
        state = dict(vars(instance)) if self.has_dict else {}
        for name in self.slots:
            try:
                state[name] = getattr(instance, name)
            except AttributeError:
                continue  # not set
        return {name: value for name, value in state.items() if self._is_state(name)}

    def write(self, instance: object, state: Mapping[str, Any]) -> None:
        """Set what the class can still hold; frozen classes too."""
        for name, value in state.items():
            if self._is_state(name) and (self.has_dict or name in self.slots):
                converter = self.converters.get(name)
                kept = value if converter is None else converter(value)
                object.__setattr__(instance, name, kept)


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value


def _written_by_constructors(owner: type) -> frozenset[str]:
    """The attributes that `__init__` of a class and its bases set, on whatever object."""
    found: set[str] = set()
    for base in owner.__mro__:
        function = vars(base).get("__init__")
        if inspect.isfunction(function):
            code = dis.get_instructions(function)
            found.update(i.argval for i in code if i.opname == "STORE_ATTR")
    return frozenset(found)


def _field_defaults(owner: type) -> Iterator[tuple[str, Callable[[], Any]]]:
    """By parameter; for fields that are none, by attribute."""
    if attrs.has(owner):
        for field in attrs.fields(owner):
            default: Any = field.default
            name = field.alias or field.name
            factory = getattr(default, "factory", None)
            if factory is None:
                if default is not attrs.NOTHING:
                    yield name, _constant(default)
            elif not default.takes_self:
                yield name, factory
    elif dataclasses.is_dataclass(owner):
        for entry in dataclasses.fields(owner):
            if entry.default_factory is not dataclasses.MISSING:
                yield entry.name, entry.default_factory
            elif entry.default is not dataclasses.MISSING:
                yield entry.name, _constant(entry.default)


def _converters(owner: type) -> dict[str, Callable[[Any], Any]]:
    if not attrs.has(owner):
        return {}
    return {
        field.name: field.converter
        for field in attrs.fields(owner)
        if field.converter is not None and not isinstance(field.converter, attrs.Converter)
    }


def complete(
    state: dict[str, Any], shape: Shape, parameters: Parameters, known: frozenset[str]
) -> str | None:
    """Give a state that an older class wrote what it misses. Returns the first without a default.

    `known` are the parameters that the constructor had then. One of these that has left no
    attribute was used up in the constructor, and is no state.
    """
    for name in dict.fromkeys((*parameters.signature.parameters, *shape.kept)):
        attribute = shape.kept.get(name)
        if attribute is not None and attribute not in state:
            # It had the other of the two names that a parameter's attribute can have.
            other = name if attribute != name else f"_{name}"
            if other in state and other not in shape.kept.values():
                state[attribute] = state.pop(other)
        if attribute in state or name in state or f"_{name}" in state or name in known:
            continue
        default = shape.defaults.get(name)
        if default is None:
            if name in parameters.names:
                return name
        elif attribute is not None:
            state[attribute] = default()
    return None
