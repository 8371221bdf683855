"""Which IP addresses are public: what a page of a public origin may lead to.

A link is written by the other side. Followed without a look at where it leads, it turns the caller
into a way around firewalls: to services of this machine, of the network around it, to a cloud's
metadata (169.254.169.254).

Standard, section 15.2 (REQ-URL-12).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

__all__ = ["Address", "AddressPolicy", "address_of", "address_policy", "is_public"]

Address = IPv4Address | IPv6Address
#: Whether an address may be connected to.
AddressPolicy = Callable[[Address], bool]

#: IPv6 addresses that stand for an IPv4 address, and where in them it is (bits from the right):
#: mapped, compatible, NAT64 (RFC 6052), 6to4.
_EMBEDDING: Final = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)
#: IANA's registry of special purposes. What `ipaddress` says of them differs among Pythons.
_SPECIAL_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
            "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        ),
    )
)  # fmt: skip
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_SPECIAL_6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NUMBER: Final = re.compile(r"0[xX][0-9A-Fa-f]{1,8}|[0-9]{1,12}")


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet: no loopback, link-local or private one.

    An IPv6 address that stands for an IPv4 address is what that is. Multicast, reserved,
    documentation and unspecified addresses are not public either.
    """
    if isinstance(address, IPv6Address):
        for network, shift in _EMBEDDING:
            if address in network:
                return is_public(IPv4Address((int(address) >> shift) & 0xFFFFFFFF))
        return address in _GLOBAL_UNICAST and not any(address in special for special in _SPECIAL_6)
    return not any(address in special for special in _SPECIAL_4)


def address_of(host: str) -> Address | None:
    """The address that the host of a URL is, in any spelling that a resolver takes, or None.

    `127.1`, `2130706433`, `0x7f000001` and `0177.0.0.1` are 127.0.0.1.
    """
    text = host.strip("[]").rstrip(".")
    try:
        return ip_address(text)
    except ValueError:
        pass
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        *front, last = [_number(part) for part in parts]
    except ValueError:  # an octal number with an 8 in it
        return None
    if any(number > 255 for number in front) or last >= 256 ** (4 - len(front)):
        return None
    value = last
    for index, number in enumerate(front):
        value += number << (24 - 8 * index)
    return IPv4Address(value)


def _number(text: str) -> int:
    if text[:2].lower() == "0x":
        return int(text, 16)
    return int(text, 8) if text.startswith("0") else int(text)


def address_policy(more: Iterable[str] | AddressPolicy = ()) -> AddressPolicy:
    """The rule that public addresses may be connected to, and `more`.

    `more` are addresses and networks ("10.0.0.0/8"), or a function that says it of an address that
    is not public. Raises ValueError for text that is neither address nor network.
    """
    if isinstance(more, str):
        raise TypeError("addresses is a list of addresses and networks, not a str")
    if callable(more):
        return lambda address: is_public(address) or more(address)
    networks = [ip_network(entry) for entry in more]
    return lambda address: is_public(address) or any(address in network for network in networks)
