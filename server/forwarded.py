"""What a proxy in front says of a request: `Router(trusted_proxies=...)`.

A proxy that ends TLS or takes a prefix off the path tells of it in X-Forwarded-Proto, X-Forwarded-
Host and X-Forwarded-Prefix. Anybody can write these headers, so they count only where the peer at
the other end of the connection is a proxy that the router was told of, and which sets all three
itself; from others they are headers like any that nobody asks for.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

import attrs

from hyperglyph.transport.http.messages import Incoming
from hyperglyph.transport.http.status import BadRequest

__all__ = ["Forwarded"]

_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+;=:@%-]+)+/?")

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Forwarded:
    """Applies the headers of trusted proxies, and of nobody else.

    `proxies` are IP addresses and networks ("10.0.0.0/8"), or "unix" for whoever speaks over a Unix
    socket. Raises ValueError for what is neither.
    """

    def __init__(self, proxies: Iterable[str] = ()) -> None:
        if isinstance(proxies, str):
            raise TypeError("trusted_proxies is a list of addresses, not a str")
        given = tuple(proxies)
        self._unix = "unix" in given
        self._networks = tuple(_network(entry) for entry in given if entry != "unix")
        self._known: dict[str, bool] = {}

    def applied(self, request: Incoming) -> Incoming:
        """The request as it reached the proxy, if it came from one; else the same.

        Raises BadRequest for a header that holds no one value, or one that cannot be.
        """
        if not (self._unix or self._networks) or not self._trusts(request.peer):
            return request
        told = attrs.evolve(request)
        if (scheme := _only(request, "x-forwarded-proto")) is not None:
            if scheme not in ("http", "https"):
                raise BadRequest("malformed X-Forwarded-Proto")
            told.scheme = scheme
        if (host := _only(request, "x-forwarded-host")) is not None:
            # Which hosts are answered for is checked afterwards, with this one.
            others = [pair for pair in request.headers if pair[0].lower() != "host"]
            told.headers = [("host", host), *others]
        if (prefix := _only(request, "x-forwarded-prefix")) is not None:
            told.mount = _prefix(prefix) + request.mount
        return told

    def _trusts(self, peer: str | None) -> bool:
        if not peer:
            return self._unix and peer == ""
        trusted = self._known.get(peer)
        if trusted is None:
            trusted = self._is_trusted(peer)
            if len(self._known) < 1000:
                self._known[peer] = trusted
        return trusted

    def _is_trusted(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def _network(entry: str) -> _Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError as error:
        raise ValueError(
            f"trusted_proxies are IP addresses, networks, or 'unix': {error}"
        ) from None


def _only(request: Incoming, name: str) -> str | None:
    """The value of a header; None if it is absent or empty."""
    values = request.values(name)
    if len(values) > 1 or (values and "," in values[0]):
        # A proxy that adds to what it was sent passes on what anybody has written.
        raise BadRequest(
            f"{name.title()} has more than one value: the proxy in front has to set it"
        )
    return (values[0].strip() or None) if values else None


def _prefix(value: str) -> str:
    """The prefix, percent-decoded, without a slash at its end."""
    if value == "/":
        return ""
    prefix = unquote(value.rstrip("/"))
    if _PREFIX.fullmatch(value) is None or {".", ".."} & set(prefix.split("/")):
        raise BadRequest("malformed X-Forwarded-Prefix")
    if not prefix.isprintable() or "//" in prefix or "\\" in prefix:
        raise BadRequest("malformed X-Forwarded-Prefix")
    return prefix
