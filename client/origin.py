"""Which headers go to which origin, and which hop from one to the next is taken.

Hypermedia means following links that the other side wrote. What a user gave the client for one
server must not reach another because a page said so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from hyperglyph.transport.http.urls import check_url, origin_of

__all__ = ["OriginPolicy", "checked_headers"]

#: Of the user's own headers, those that carry no secret of one server.
_COMMON: Final = frozenset({"accept", "user-agent", "traceparent", "x-request-id"})

#: What the protocol or the adapter writes, a user cannot.
_OWN: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-disposition",
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
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def checked_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Headers of the user's, as they may be sent. Raises ValueError, TypeError."""
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError("headers are a dict of text to text")
        if name.lower() in _OWN:
            raise ValueError(f"the header {name} is written by the client itself")
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"the header {name!r:.40} holds characters that are not printable")
        # RFC 9110, section 5.5; what is not Latin-1 has no bytes.
        if not value.isprintable() or max(value, default="") > "\xff" or value != value.strip():
            raise ValueError(
                f"the value of the header {name} holds characters that are not printable Latin-1, "
                "or blanks around it"
            )
    return tuple(headers.items())


class OriginPolicy:
    """Which origins the user's headers are meant for.

    These are the origins listed, and the first one that the user asked for by a URL of his own.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._listed = frozenset(map(origin_of, origins))
        self._home: tuple[str, str, str] | None = None

    def open(self, url: str) -> None:
        """Take note of a URL that the user, not a page, asked for. Raises ValueError."""
        origin = origin_of(url)
        if self._home is None:
            self._home = origin

    def trusts(self, url: str) -> bool:
        """Whether the user's headers and cookies are meant for this URL."""
        origin = origin_of(url)
        return origin == self._home or origin in self._listed

    def headers_for(
        self, url: str, headers: tuple[tuple[str, str], ...]
    ) -> tuple[tuple[str, str], ...]:
        """Those of the user's headers that go to this URL."""
        if not headers or self.trusts(url):
            return headers
        return tuple(pair for pair in headers if pair[0].lower() in _COMMON)

    def may_carry_body(self, source: str, target: str) -> bool:
        """Whether a redirect with method and body may lead from one URL to the other."""
        origin = origin_of(target)
        return origin == origin_of(source) or origin in self._listed

    def check_hop(self, source: str, target: str) -> None:
        """Raise ValueError if a page at `source` cannot lead to `target`."""
        check_url(target)
        if "@" in (urlsplit(target).netloc if "@" in target else ""):
            # It would travel on in every URL made from this one; some adapters send it as well.
            raise ValueError(
                "the URL holds a user name or password; "
                "give them to the client: Client(auth=(user, password))"
            )
        if origin_of(source)[0] == "https" and origin_of(target)[0] != "https":
            raise ValueError("a link or redirect leads from https to http")
