"""Docstrings that travel, where a router says so: as the attribute `doc` of what they describe."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import TypeVar, cast

from hyperglyph.codec import Form, Link

__all__ = ["docstring_of", "documented"]

Offer = TypeVar("Offer", bound=Form | Link)


def docstring_of(target: object) -> str:
    """What its author wrote about a function or class itself; "" if that is nothing."""
    while isinstance(target, functools.partial):
        target = cast("object", target.func)
    found: object = None
    if inspect.isclass(target):
        # Not an inherited one: that of `Resource` is about `Resource`.
        found = vars(target).get("__doc__")
        if dataclasses.is_dataclass(target) and str(found).startswith(f"{target.__name__}("):
            found = None  # nobody wrote that
    elif inspect.isroutine(target):  # an instance that can be called has only its class's
        found = target.__doc__
    return inspect.cleandoc(found) if isinstance(found, str) else ""


def documented(offer: Offer, doc: str) -> Offer:
    """The form or link with a docstring, if there is one."""
    if not doc:
        return offer
    attributes = {**offer.attributes, "doc": doc}
    return cast("Offer", type(offer).from_wire(offer.name, attributes, offer.content))
