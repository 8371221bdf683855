"""Where an instance lives: here, or at another service that has the class under the same name.

A class may define a class method

    @classmethod
    def __glyph_home__(cls, state): ...

It is given what the constructor would be given, complete with defaults, and returns the URL of the
other service's root page, or None for what lives here. It is asked before an instance is made, so
that need not be possible here. (A class that opens its own instances, as a PersistentResource does,
is given the state as it stands in the reference.) Both services have the same secret: the reference
is the same there, only behind another URL. What follows:

- a call of a reference that came here answers 307: the caller repeats it at the other service;
- links to the instance, and results that are it, lead there; in a list it is a partial resource
  without data, for clients that know these, else a link.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import quote, unquote, urlsplit

from hyperglyph.transport.http.messages import Incoming
from hyperglyph.transport.http.urls import check_url, is_same_authority

__all__ = ["Home", "has_authority", "home_of_class", "is_here", "repeated_at", "root_of_service"]

#: A state to the root of another service, with a slash at its end, or None.
Home = Callable[[Mapping[str, Any]], str | None]


def home_of_class(cls: type) -> Home | None:
    """How a class tells where an instance lives. Raises TypeError for what is no class method."""
    tell: Any = getattr(cls, "__glyph_home__", None)
    if tell is None:
        return None
    if not (inspect.ismethod(tell) and tell.__self__ is cls):
        raise TypeError(f"{cls.__qualname__}.__glyph_home__ is not a class method")

    def home(state: Mapping[str, Any]) -> str | None:
        url: object = tell(dict(state))
        if url is None:
            return None
        try:
            return root_of_service(cast("str", url))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{cls.__qualname__}.__glyph_home__ returned {url!r:.80}, not the URL of a root "
                f"page: {error}"
            ) from None

    return home


def root_of_service(url: str) -> str:
    """The URL of a service's root page, with a slash at its end. Raises ValueError for others."""
    check_url(url)
    if "?" in url or "#" in url:
        raise ValueError("the URL of a service has no query and no fragment")
    return url if url.endswith("/") else f"{url}/"


def repeated_at(root: str, request: Incoming) -> str:
    """Where a request is made again at the service with this root page: same path, same query."""
    query = f"?{request.query}" if request.query else ""
    return f"{root.removesuffix('/')}{quote(request.path)}{query}"


def is_here(home: str, request: Incoming) -> bool:
    """Whether a root page is that of the service which a request has reached."""
    path = unquote(urlsplit(home).path)
    return path == f"{request.mount}/" and has_authority(home, request.header("host") or "")


def has_authority(url: str, host: str) -> bool:
    """Whether a URL names the host of a Host header."""
    split = urlsplit(url)
    return is_same_authority(split.scheme, split.netloc, host)
