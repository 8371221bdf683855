"""Decoded messages to what a caller holds. Messages without extensions never come here.

Standard, section 15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from hyperglyph.codec import Blob, Extension, Form, Link, Resource
from hyperglyph.transport.http.shapes import is_dict, is_list, is_mapping
from hyperglyph.transport.http.urls import Base

from .proxies import PLAIN, FormProxy, LinkProxy, Proxy, ResourceProxy

if TYPE_CHECKING:
    from .core import BaseClient

__all__ = ["Page", "wrap"]


@attrs.define(eq=False)
class Page:
    """What the proxies of one message share: the client, the URL that the message came from, and
    the first full resource of each profile, from which partial ones take their forms and links
    (standard, section 20.1).

    `url` says where a page may lead. A base does not: the page writes it.
    """

    client: BaseClient[Any]
    url: str
    profiles: Mapping[str, Resource] = attrs.field(factory=dict[str, Resource])
    _offers: dict[str, Mapping[str, Extension]] = attrs.field(
        factory=dict[str, Mapping[str, Extension]], init=False
    )

    def offers(self, profile: str | None) -> Mapping[str, Extension]:
        """The forms, and the links without content, of the first full resource of a profile.

        REQ-PART-4.
        """
        if profile is None or profile not in self.profiles:
            return {}
        found = self._offers.get(profile)
        if found is None:
            content = self.profiles[profile].content
            found = {}
            if is_mapping(content):
                found = {name: value for name, value in content.items() if _is_offer(value)}
            self._offers[profile] = found
        return found


#: What the decoder made, to what the caller holds of it.
_PROXIES: Final[Mapping[type, Callable[..., Proxy]]] = {
    Resource: ResourceProxy,
    Form: FormProxy,
    Link: LinkProxy,
}


def _is_offer(value: object) -> bool:
    if isinstance(value, Link):
        return value.content is None and value.attributes.get("inline") is not True
    return isinstance(value, Form)


def wrap(value: Any, base: Base, page: Page, name: str | None = None) -> Any:
    """Put proxies in the place of links, forms and resources, and absolute URLs into blobs.

    `base` is what references in `value` are relative to; `name` is the name by which the
    value was found. Containers, fresh from the decoder, are changed in place. What is inside a
    resource is wrapped when it is asked for. REQ-URL-2 to REQ-URL-5 and REQ-EXT-7.
    """
    make = _PROXIES.get(cast("type[object]", type(value)))
    if make is not None:
        return make(page, value, base, name)
    stack = _opened(value, base)
    while stack:
        container, base = stack.pop()
        for key, item in _entries(container):
            kind = cast("type[object]", type(item))
            if kind in PLAIN:
                continue
            make = _PROXIES.get(kind)
            if make is None:
                stack += _opened(item, base)
            elif isinstance(container, Extension):
                object.__setattr__(container, "content", make(page, item, base))
            else:
                container[key] = make(page, item, base)
    return value


def _opened(value: object, base: Base) -> list[tuple[Any, Base]]:
    """A container with the base for what it holds; nothing for what holds nothing."""
    if is_list(value) or is_dict(value):
        return [(value, base)]
    if isinstance(value, Extension):
        # Every extension moves the base of its content, unknown ones too.
        reference = value.attributes.get("url")
        return [(value, base.moved(reference) if isinstance(reference, str) else base)]
    if isinstance(value, Blob):
        # A caller has no use for a URL without its base.
        reference = value.attributes.get("url")
        if isinstance(reference, str):
            attributes = {key: item for key, item in value.attributes.items() if key != "url"}
            with suppress(ValueError):  # it has none, then; the page is not lost for it
                attributes["url"] = base.moved(reference).url()
            value.attributes = attributes
    return []


def _entries(container: object) -> Iterable[tuple[Any, Any]]:
    """What is in a container, by where it stands; it may be replaced meanwhile."""
    if is_dict(container):
        return container.items()
    if is_list(container):
        return enumerate(container)
    assert isinstance(container, Extension)
    return [(None, container.content)]
