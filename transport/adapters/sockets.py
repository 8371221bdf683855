"""Connections by name, under a rule about addresses: what is checked is what is connected to."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final

from hyperglyph.transport.http.addresses import AddressPolicy

__all__ = ["address_at", "check_address", "connected", "is_readable", "permitted", "resolved"]

#: What `getaddrinfo` gives of one address.
Resolved = tuple[Any, Any, int, str, Any]

_REFUSED: Final = (
    "a page of a public origin leads to {}, which is no public address: "
    "if it may, Client(addresses=[{!r}])"
)


def resolved(host: str, port: int, allowed: AddressPolicy | None) -> list[Resolved]:
    """The addresses of a name that may be connected to. Raises OSError if there is none."""
    return permitted(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), allowed)


def permitted(given: Iterable[Resolved], allowed: AddressPolicy | None) -> list[Resolved]:
    """Those of the addresses that may be connected to. Raises OSError if that is none of them."""
    found = list(given)
    if allowed is None:
        return found
    kept = [entry for entry in found if allowed(ip_address(entry[4][0]))]
    if found and not kept:
        address = found[0][4][0]
        raise PermissionError(_REFUSED.format(address, address))
    return kept


def check_address(address: str | None, allowed: AddressPolicy | None) -> None:
    """Raise OSError for a peer that may not be spoken to. One without an address may."""
    if address is not None and allowed is not None and not allowed(ip_address(address)):
        raise PermissionError(_REFUSED.format(address, address))


def address_at(sock: socket.socket) -> str | None:
    """The IP address at the other end of a connection; None where there is none, or no more."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            return str(sock.getpeername()[0])
    return None


def connected(
    found: Iterable[Resolved],
    seconds: Callable[[], float | None],
    local_address: str | None = None,
) -> socket.socket:
    """A connection to the first address that answers. `seconds` is asked how long it may take."""
    last: OSError | None = None
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(seconds())
            if local_address is not None:
                sock.bind((local_address, 0))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            last = error
            if isinstance(error, TimeoutError):
                break
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise last or OSError("the name has no address")


def is_readable(sock: socket.socket) -> bool:
    """Whether an idle connection has something to say, which can only be its end."""
    if sock.fileno() < 0:
        return True
    if not hasattr(select, "poll"):  # pragma: no cover - Windows
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
