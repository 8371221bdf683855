"""Small constructors for results: links, forms, blobs and errors as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, overload

from hyperglyph.codec import MISSING, Blob, Error, Form, Input, Link

__all__ = ["blob", "error", "form", "link"]


def blob(content: bytes | bytearray | memoryview | IO[bytes], content_type: str) -> Blob:
    """Bytes that travel beside a message, streamed: from memory, or from a binary file."""
    return Blob(content, content_type)


def link(url: str) -> Link:
    """A link to a URL, on this service or another host."""
    return Link(url)


@overload
def form(target: str, values: Iterable[str | Input] = ()) -> Form: ...
@overload
def form(target: Callable[..., Any]) -> Callable[..., Any]: ...
def form(
    target: str | Callable[..., Any], values: Iterable[str | Input] = ()
) -> Form | Callable[..., Any]:
    """A form to a URL, with its inputs. A registered function stands for its form by itself."""
    if isinstance(target, str):
        return Form(target, values=values)
    return target


def error(
    message: str, *, code: int | str | None = None, data: Mapping[str, Any] | None = None
) -> Error:
    """A failure as a value: the caller gets it as a result. To make the call fail, raise."""
    return Error(message, code=MISSING if code is None else code, content=data)
