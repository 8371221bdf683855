"""Faults of a client: this package's own, in which one function does something else."""

# The functions that are put in the place of others are typed by those.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false, reportUnknownVariableType=false, reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from http.cookiejar import CookieJar
from typing import Any, Final

import attrs

from hyperglyph.client import core, exchange, proxies
from hyperglyph.client.origin import OriginPolicy
from hyperglyph.codec import MISSING, Link
from hyperglyph.transport.http import forms
from hyperglyph.transport.http.bodies import Body
from hyperglyph.transport.http.status import TransportError
from hyperglyph.transport.http.urls import Base, check_url

from .faults import Fault

__all__ = ["FAULTS", "Plant", "around", "put", "run"]

Plant = Callable[[], None]


def run(plant: Plant) -> Callable[[], None]:
    def run() -> None:
        from .. import client

        plant()
        client.main([])

    return run


def put(owner: object, name: str, instead: object) -> Plant:
    return lambda: setattr(owner, name, instead)


def around(owner: Any, name: str, change: Callable[[Any], Any]) -> Plant:
    """What the function gives is something else."""
    inner = getattr(owner, name)

    def changed(*args: Any, **kwargs: Any) -> Any:
        return change(inner(*args, **kwargs))

    return put(owner, name, changed)


def _trusts_all() -> None:
    put(OriginPolicy, "trusts", lambda self, url: True)()
    put(OriginPolicy, "headers_for", lambda self, url, headers: headers)()


def _sends_again() -> None:
    async def sent(self: Any, request: Any) -> Any:
        try:
            return await self.settings.send(request)
        except TransportError:
            return await self.settings.send(request)

    put(exchange.Exchange, "_sent", sent)()


def _keeps_cookies() -> None:
    inner = core.BaseClient.__init__

    def made(self: Any, *args: Any, **kwargs: Any) -> None:
        inner(self, *args, **{"cookies": CookieJar(), **kwargs})

    put(core.BaseClient, "__init__", made)()


def _drops_defaults() -> None:
    inner = vars(proxies)["bind_arguments"]

    def bound(name: str, inputs: Sequence[Any], args: Any, kwargs: Any) -> Any:
        defaults = {entry.label: entry.value for entry in inputs if entry.value is not MISSING}
        held = inner(name, inputs, args, kwargs)
        return [pair for pair in held if not (pair[0] in defaults and pair[1] is defaults[pair[0]])]

    put(proxies, "bind_arguments", bound)()


def _without_content_type(packed: forms.Packed) -> forms.Packed:
    if packed.body is not None and packed.body.length == 0:
        return attrs.evolve(
            packed, headers=tuple(pair for pair in packed.headers if pair[0] != "Content-Type")
        )
    return packed


def _without_body(packed: forms.Packed) -> forms.Packed:
    if packed.body is not None and packed.body.root == b"O;":
        return attrs.evolve(packed, body=Body(b"", None, 0))
    return packed


def _tells_wrongly() -> None:
    put(exchange.Exchange, "tell", lambda self, error: setattr(error, "outcome", "not done"))()


def _one_base() -> None:
    inner = Base.moved

    def moved(self: Base, reference: str | None) -> Base:
        parent: Any = getattr(self, "_parent", None)
        return inner(self if parent is None or parent._parent is None else parent, reference)

    put(Base, "moved", moved)()


def _no_accept() -> None:
    inner = exchange.Exchange._headers

    def headers(self: Any, packed: forms.Packed) -> list[tuple[str, str]]:
        made = inner(self, packed)
        return made if packed.method == "GET" else [pair for pair in made if pair[0] != "Accept"]

    put(exchange.Exchange, "_headers", headers)()


def _keeps_the_type(packed: forms.Packed) -> forms.Packed:
    if packed.method != "GET":
        return packed
    headers = (*packed.headers, ("Content-Type", "application/vnd.hyperglyph"))
    return attrs.evolve(packed, headers=headers)


_TABLE: Final[dict[str, tuple[str, Plant]]] = {
    "secrets to every origin": ("REQ-SAFE-1", _trusts_all),
    "from https to http": (
        "REQ-URL-11", put(OriginPolicy, "check_hop", lambda self, source, url: check_url(url))),
    "sends what is unsafe again": ("REQ-SAFE-2", _sends_again),
    "ignores inline": ("REQ-LINK-3", put(Link, "inline", property(lambda self: False))),
    "the second step of a base is forgotten": ("REQ-URL-3", _one_base),
    "bodies to every origin": (
        "REQ-REDIR-4", put(OriginPolicy, "may_carry_body", lambda self, source, target: True)),
    "redirects without end": ("REQ-REDIR-5", put(exchange, "MAX_HOPS", 50)),
    "redirects become get": (
        "REQ-REDIR-3", put(exchange, "_TO_GET", frozenset({301, 302, 303, 307, 308}))),
    "a get after a redirect has a type": (
        "REQ-REDIR-7", around(exchange.Exchange, "_redirected", _keeps_the_type)),
    "drops defaults": ("REQ-ARG-3", _drops_defaults),
    "arguments the wrong way round": (
        "REQ-ARG-5", around(proxies, "bind_arguments", lambda bound: bound[::-1])),
    "no body for no arguments": ("REQ-ENV-1", around(proxies, "pack", _without_body)),
    "plus for a blank": (
        "REQ-ENV-3", around(forms, "pack_query", lambda url: url.replace("%20", "+"))),
    "an empty body has no type": ("REQ-HEAD-3", around(proxies, "pack", _without_content_type)),
    "posts accept nothing": ("REQ-HEAD-1", _no_accept),
    "keeps cookies": ("REQ-SAFE-9", _keeps_cookies),
    "says that nothing was done": ("REQ-SAFE-3", _tells_wrongly),
    "tells where it comes from": (
        "REQ-SAFE-14",
        around(exchange.Exchange, "_headers",
                lambda headers: [*headers, ("Referer", "http://example.org/")])),
    "spells urls anew": (
        "REQ-URL-8", around(Base, "url", lambda url: url.replace("%7E", "~").replace("%7e", "~"))),
}  # fmt: skip

FAULTS = tuple(
    Fault(name, "client", requirement, run(plant)) for name, (requirement, plant) in _TABLE.items()
)
