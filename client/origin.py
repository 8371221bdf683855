"""Which headers go to which origin, and which hop from one to the next is taken.

Hypermedia means following links that the other side wrote. What a user gave the client for one
server must not reach another because a page said so.

Standard, sections 15.2 and 21.2 (REQ-SAFE-1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from hyperglyph.transport.http.addresses import (
    Address,
    AddressPolicy,
    address_of,
    address_policy,
    is_public,
)
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
_LOOPBACK: Final = IPv4Address("127.0.0.1")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def checked_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Headers of the user's, as they may be sent. Raises ValueError, TypeError. REQ-SAFE-7."""
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

    And which addresses a page may lead to: one of an origin that was reached at a public address,
    or that is not known to be elsewhere, to those that `addresses` allows; others to all.
    """

    def __init__(
        self, origins: Iterable[str], addresses: Iterable[str] | AddressPolicy = ()
    ) -> None:
        self._listed = frozenset(map(origin_of, origins))
        self._home: tuple[str, str, str] | None = None
        self._allowed = address_policy(addresses)
        #: Origins whose answers have all come from addresses that are not public.
        self._inner: set[tuple[str, str, str]] = set()

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
        """Whether a redirect with method and body may lead from one URL to the other.

        REQ-REDIR-4.
        """
        origin = origin_of(target)
        return origin == origin_of(source) or origin in self._listed

    def reached(self, url: str, address: str | None) -> None:
        """Take note of where an answer came from; None where the transport does not know."""
        origin = origin_of(url)
        peer = _address_named(origin[1]) if address is None else ip_address(address)
        if peer is not None and not is_public(peer):
            self._inner.add(origin)
        else:
            self._inner.discard(origin)

    def addresses_from(self, source: str | None) -> AddressPolicy | None:
        """The rule for where a page at `source` leads to; None for no rule.

        None as the source is the user, who may ask for any URL.
        """
        if source is None or origin_of(source) in self._inner:
            return None
        return self._allowed

    def check_hop(self, source: str | None, target: str) -> None:
        """Raise ValueError if a page at `source` cannot lead to `target`; None is the user.

        REQ-URL-11 and REQ-URL-13.
        """
        check_url(target)
        if "@" in (urlsplit(target).netloc if "@" in target else ""):
            # It would travel on in every URL made from this one; some adapters send it as well.
            raise ValueError(
                "the URL holds a user name or password; "
                "give them to the client: Client(auth=(user, password))"
            )
        if source is None:
            return
        origin = origin_of(target)
        if origin_of(source)[0] == "https" and origin[0] != "https":
            raise ValueError("a link or redirect leads from https to http")
        # Names are resolved by the transport, which checks what it connects to.
        address, allowed = _address_named(origin[1]), self.addresses_from(source)
        if address is not None and allowed is not None and not allowed(address):
            raise ValueError(
                f"a page of a public origin leads to {origin[1]}, which is no public address: "
                f"if it may, Client(addresses=[{str(address)!r}])"
            )


def _address_named(host: str) -> Address | None:
    """The address that a host says by itself, without being resolved."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761
        return _LOOPBACK
    return address_of(host)
