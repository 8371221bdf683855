"""Which headers go to which origin, and which hop from one to the next is taken.

Hypermedia means following links that the other side wrote. What a user gave the client for one
server must not reach another because a page said so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hyperglyph.transport.http.urls import origin_of

__all__ = ["OriginPolicy"]

#: Of the user's own headers, those that carry no secret of one server.
_COMMON: Final = frozenset({"accept", "user-agent", "traceparent", "x-request-id"})

#: What the protocol or the adapter writes, a user cannot.
_OWN: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "hyperglyph-timeout",
        "method",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class OriginPolicy:
    """The headers given to a client, and the origins that they are meant for.

    These are the origins listed, and the first one that the user asked for by a URL of his own.
    """

    def __init__(self, headers: Mapping[str, str], origins: Iterable[str]) -> None:
        for name, value in headers.items():
            if name.lower() in _OWN:
                raise ValueError(f"the header {name} is written by the client itself")
            if not value.isprintable() or not name.isascii() or not name.isprintable():
                raise ValueError(f"the header {name!r:.40} holds characters that are not printable")
        self._headers = tuple(headers.items())
        self._common = tuple(pair for pair in self._headers if pair[0].lower() in _COMMON)
        self._listed = frozenset(map(origin_of, origins))
        self._home: tuple[str, str, str] | None = None

    def open(self, url: str) -> None:
        """Take note of a URL that the user, not a page, asked for. Raises ValueError."""
        origin = origin_of(url)
        if self._home is None:
            self._home = origin

    def headers_for(self, url: str) -> tuple[tuple[str, str], ...]:
        """Those of the user's headers that go to this URL."""
        if not self._headers:
            return ()
        origin = origin_of(url)
        return self._headers if origin == self._home or origin in self._listed else self._common

    def may_carry_body(self, source: str, target: str) -> bool:
        """Whether a redirect with method and body may lead from one URL to the other."""
        origin = origin_of(target)
        return origin == origin_of(source) or origin in self._listed

    def check_hop(self, source: str, target: str) -> None:
        """Raise ValueError if a page at `source` cannot lead to `target`."""
        if origin_of(source)[0] == "https" and origin_of(target)[0] != "https":
            raise ValueError("a link or redirect leads from https to http")
