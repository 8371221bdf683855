"""Decoded pages to proxies. Pages without extensions never come here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperglyph.codec import Extension, Form, Link, Resource
from hyperglyph.transport.http.shapes import is_dict, is_list
from hyperglyph.transport.http.urls import resolve

from .proxies import FormProxy, LinkProxy, ResourceProxy

if TYPE_CHECKING:
    from .client import Client

__all__ = ["wrap"]


def wrap(value: Any, base: str, client: Client, name: str | None = None) -> Any:
    """Put proxies in the place of links, forms and resources.

    `base` is the URL that references in `value` are relative to; `name` is the name by which the
    value was found. Lists and dicts, fresh from the decoder, are changed in place. What is inside
    a resource is wrapped when it is asked for.
    """
    proxy = _wrap_one(value, base, client, name)
    if proxy is not value:
        return proxy
    stack: list[Any] = [value]
    while stack:
        container = stack.pop()
        for key, item in _entries(container):
            replaced = _wrap_one(item, base, client, None)
            if replaced is not item:
                container[key] = replaced
            elif is_list(item) or is_dict(item):
                stack.append(item)
    return value


def _entries(container: object) -> list[tuple[Any, Any]]:
    if is_dict(container):
        return list(container.items())
    if is_list(container):
        return list(enumerate(container))
    return []


def _wrap_one(value: Any, base: str, client: Client, name: str | None) -> Any:
    """A proxy for an extension; a value that needs none is returned as it is."""
    if not isinstance(value, Extension):
        return value
    if isinstance(value, Resource):
        return ResourceProxy(client, value, base, name)
    if isinstance(value, Form):
        return FormProxy(client, value, base, name)
    if isinstance(value, Link):
        return LinkProxy(client, value, base, name)
    content: object = value.content
    if not (is_list(content) or is_dict(content) or isinstance(content, Extension)):
        return value
    # Every extension moves the base of its content, unknown ones too.
    reference = value.attributes.get("url")
    inner = resolve(base, reference) if isinstance(reference, str) else base
    return type(value).from_wire(value.name, value.attributes, wrap(content, inner, client))
