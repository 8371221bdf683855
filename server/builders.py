"""Small constructors for results: links, forms, blobs and errors as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO, Any, overload

import attrs

from hyperglyph.codec import MISSING, Blob, Error, Form, Input, Link

__all__ = ["To", "blob", "error", "form", "link"]


@attrs.frozen(eq=False)
class To:
    """Stands in a result for a link or form to an object; the page fills in where that is."""

    target: object
    is_form: bool


def blob(content: bytes | bytearray | memoryview | IO[bytes], content_type: str) -> Blob:
    """Bytes that travel beside a message, streamed: from memory, or from a binary file."""
    return Blob(content, content_type)


@overload
def link(target: str) -> Link: ...  # type: ignore[overload-overlap]  # pyright: ignore
@overload
def link(target: object) -> To: ...
def link(target: object) -> Link | To:
    """A link to a URL, on this service or another host, or to an object instead of its page.

    The object is an instance of a registered class, or a safe function or method without
    parameters, bound to such an instance.
    """
    return Link(target) if isinstance(target, str) else To(target, is_form=False)


@overload
def form(  # type: ignore[overload-overlap]  # pyright: ignore
    target: str, values: Iterable[str | Input] = ()
) -> Form: ...
@overload
def form(target: object) -> To: ...
def form(target: object, values: Iterable[str | Input] = ()) -> Form | To:
    """A form to a URL, with its inputs, or to a registered function, class or bound method.

    These stand for their form by themselves, too; a safe one without parameters for its link.
    """
    return Form(target, values=values) if isinstance(target, str) else To(target, is_form=True)


def error(
    message: str, *, code: int | str | None = None, data: Mapping[str, Any] | None = None
) -> Error:
    """A failure as a value: the caller gets it as a result. To make the call fail, raise."""
    return Error(message, code=MISSING if code is None else code, content=data)
