"""What there is to know about a proxy, as functions: proxies have no public names of their own.

Standard, section 15.2 (REQ-URL-14).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from hyperglyph.codec import MISSING, Extension, Form, Link, Resource
from hyperglyph.codec.errors import Refused

from .proxies import FormProxy, LinkProxy, Proxy, ResourceProxy

if TYPE_CHECKING:
    from .aio import AsyncClient
    from .client import Client

__all__ = ["client_of", "content_of", "reload", "to_wire", "url_of"]

# The functions here are the other half of the proxies, and so know their insides.
# pyright: reportPrivateUsage=false


def _proxy(value: object) -> Proxy:
    if not isinstance(value, Proxy):
        raise TypeError(f"not something from a page, but {type(value).__name__}")
    return value


def url_of(proxy: object) -> str:
    """The absolute URL of a link, form or resource. Raises ValueError for a record."""
    if isinstance(proxy, ResourceProxy) and proxy._is_record:
        raise ValueError("a record has no URL")
    return _proxy(proxy)._resolved()


def content_of(proxy: object) -> Any:
    """What is inside, without a request: a dict of a resource's members, or a link's inlined
    answer.
    """
    if isinstance(proxy, ResourceProxy):
        return {name: proxy._here(name) for name in proxy._names()}
    if isinstance(proxy, LinkProxy):
        return proxy._inlined()
    _proxy(proxy)
    return None


def reload(proxy: Any) -> Any:
    """Ask the server for the same URL again, and return what is there now; of an `AsyncClient`'s,
    a `Call` to be awaited.

    Raises ValueError for a record, TypeError for a form, which has nothing to be read.
    """
    if isinstance(proxy, FormProxy):
        raise TypeError("a form cannot be reloaded; reload the resource that it was found in")
    if isinstance(proxy, LinkProxy) and not proxy._link.inline:
        return proxy()
    url = url_of(proxy)
    return _proxy(proxy)._client._follow(url, _proxy(proxy)._page.url)


def client_of(proxy: object) -> Client | AsyncClient:
    """The client through which a proxy calls."""
    return cast("Client | AsyncClient", _proxy(proxy)._client)


def to_wire(value: object) -> Extension:
    """What stands for a proxy in a request: the same, with its absolute URL; a record whole.

    The hook for the encoder; refuses what is no proxy, which raises EncodeError with its path.
    REQ-URL-14 and REQ-RES-4.
    """
    if not isinstance(value, Proxy):
        cls = type(value)
        a_file = hasattr(value, "read")
        instead = "send hyperglyph.blob(it, content_type)" if a_file else "convert it first"
        raise Refused(f"cannot send {cls.__module__}.{cls.__qualname__}; {instead}")
    attributes = dict(value._extension.attributes)
    if isinstance(value, FormProxy):
        attributes.update(url=url_of(value), values=list(value._inputs))
        return Form.from_wire("form", attributes, None)
    if isinstance(value, LinkProxy):
        kept = {key: item for key, item in attributes.items() if key in ("method", "headers")}
        return Link.from_wire("link", {**kept, "url": url_of(value)}, None)
    assert isinstance(value, ResourceProxy)
    profile = attributes.get("profile")
    profile = profile if isinstance(profile, str) else MISSING
    if value._is_record:
        return Resource(content_of(value), profile=profile)
    return Resource({}, url=url_of(value), profile=profile)
