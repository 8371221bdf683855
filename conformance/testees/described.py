"""What a client of this package gives, in the words of spec/testee.md ("Results")."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import hyperglyph as glyph
from hyperglyph.client.proxies import FormProxy, LinkProxy, Proxy, ResourceProxy
from hyperglyph.codec import MISSING, Error
from hyperglyph.transport.http.shapes import is_dict, is_list
from hyperglyph.transport.http.urls import resolve

from ..typed import to_json

# The judge wants to know what a page has, and where, of which proxies show a part only.
# pyright: reportPrivateUsage=false


def described(value: Any) -> dict[str, Any]:
    """A value, with what a page is made of in it, as JSON."""
    if isinstance(value, Proxy):
        return _proxy(value)
    if isinstance(value, glyph.Items | glyph.AsyncItems):
        return {"type": "sequence"}
    if isinstance(value, Error):
        return _failure(value)
    if isinstance(value, glyph.Extension):
        return {
            "type": "extension",
            "name": value.name,
            "attributes": described(value.attributes),
            "content": described(value.content),
        }
    if is_dict(value):
        pairs = value.items()
        return {
            "type": "ordered_dict" if isinstance(value, OrderedDict) else "dict",
            "pairs": [[to_json(key), described(held)] for key, held in pairs],
        }
    if is_list(value):
        return {"type": "list", "items": list(map(described, value))}
    return to_json(value)


def _proxy(value: Proxy) -> dict[str, Any]:
    told: dict[str, Any] = {}
    url = _url(value)
    if url is not None:
        told["url"] = url
    if isinstance(value, ResourceProxy):
        return {"type": "resource", **told, "members": sorted(map(str, value))}
    if isinstance(value, LinkProxy):
        return {"type": "link", **told}
    assert isinstance(value, FormProxy)
    try:
        inputs = [entry.label for entry in value._inputs]
    except ValueError:  # one that cannot be called
        return {"type": "form", **told}
    return {"type": "form", **told, "inputs": inputs}


def _failure(error: Error) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "failure"}
    for name in ("message", "logref", "code"):
        if error.attributes.get(name) is not None:
            with suppress(ValueError):  # of a wrong kind
                value = getattr(error, name)
                told[name] = described(value) if name == "code" else value
    return told


def _url(value: Proxy) -> str | None:
    """The URL of what has one, and one that can be told."""
    try:
        return glyph.url_of(value)
    except ValueError:
        return None


# Where everything in a page leads


def described_urls(page: Any, base: str) -> list[str | None]:
    """The absolute URL of each part of a page that may have one, in the order of the message."""
    return list(_urls(page, base))


def _urls(value: Any, base: str) -> Iterator[str | None]:
    if isinstance(value, FormProxy):
        yield _url(value)
        for entry in value._inputs:
            if entry.value is not MISSING:
                yield from _urls(entry.value, base)
    elif isinstance(value, LinkProxy):
        yield _url(value)
        yield from _urls(glyph.content_of(value), _url(value) or base)
    elif isinstance(value, ResourceProxy):
        yield _url(value)
        for name in value._content:
            yield from _urls(value._local(name), _url(value) or base)
    elif isinstance(value, glyph.Extension):
        moved = _resolved(base, value.attributes.get("url"))
        yield moved
        yield from _urls(value.content, moved or base)
    elif isinstance(value, glyph.Blob):
        yield value.attributes.get("url")
    elif is_dict(value):
        for held in value.values():
            yield from _urls(held, base)
    elif is_list(value):
        for held in value:
            yield from _urls(held, base)


def _resolved(base: str, reference: object) -> str | None:
    """Where a part leads of which a client makes no proxy."""
    if not isinstance(reference, str):
        return None
    try:
        return resolve(base, reference)
    except ValueError:
        return None
