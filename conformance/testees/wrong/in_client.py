"""Faults of a client: this package's own, in which one function does something else."""

# The functions that are put in the place of others are typed by those.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false, reportUnknownVariableType=false, reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from http.cookiejar import CookieJar
from typing import Any, Final

import attrs

from hyperglyph.client import answers, core, exchange, page, proxies
from hyperglyph.client.origin import OriginPolicy
from hyperglyph.codec import MISSING, DecodeError, Extension, Input, Link, Truncated
from hyperglyph.transport.http import bodies, forms, messages
from hyperglyph.transport.http.sequences import End
from hyperglyph.transport.http.status import TransportError
from hyperglyph.transport.http.urls import Base

from .faults import Fault

__all__ = ["FAULTS", "Plant", "put", "result", "run", "wrap"]

#: Puts a fault in its place. It is called in the testee's own process, and nothing undoes it.
Plant = Callable[[], None]
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def run(plant: Plant) -> Callable[[], None]:
    """The client's testee with this fault."""

    def main() -> None:
        from .. import client

        plant()
        client.main([])

    return main


# --- how faults are planted -----------------------------------------------------------------------


def put(owner: object, name: str, instead: object) -> Plant:
    """Something else stands in the place of what `owner` has by this name."""
    return lambda: setattr(owner, name, instead)


def wrap(owner: Any, name: str, changed: Callable[..., Any]) -> Plant:
    """`changed` is called in the place of a function or method, which is its first argument."""
    real = getattr(owner, name)
    return put(owner, name, lambda *args, **kwargs: changed(real, *args, **kwargs))


def result(owner: Any, name: str, change: Callable[[Any], Any]) -> Plant:
    """What a function or method gives is changed."""
    return wrap(owner, name, lambda real, *args, **kwargs: change(real(*args, **kwargs)))


def all_of(*plants: Plant) -> Plant:
    def planted() -> None:
        for plant in plants:
            plant()

    return planted


# --- where a request goes, and what with it -------------------------------------------------------


def _without_at(real: Any, policy: Any, source: Any, target: str) -> None:
    real(policy, source, target.replace("@", ""))


def _by_http(url: str) -> str:
    return url.replace("gopher:", "http:").replace("ftp:", "http:")


async def _sent_twice(real: Any, *args: Any) -> Any:
    try:
        return await real(*args)
    except TransportError:
        return await real(*args)


def _with_cookies(real: Any, *args: Any, **kwargs: Any) -> None:
    real(*args, **{**kwargs, "cookies": CookieJar()})


def _with_referer(real: Any, self: Any, packed: Any) -> Any:
    return [*real(self, packed), ("Referer", self._source or "x")]


def _without_accept(real: Any, self: Any, packed: forms.Packed) -> Any:
    made = real(self, packed)
    return made if packed.method == "GET" else [pair for pair in made if pair[0] != "Accept"]


def _keeps_the_type(packed: forms.Packed) -> forms.Packed:
    if packed.method != "GET":
        return packed
    headers = (*packed.headers, ("Content-Type", "application/vnd.hyperglyph"))
    return attrs.evolve(packed, headers=headers)


# --- URLs -----------------------------------------------------------------------------------------


def _no_base(real: Any, value: Any, base: Any) -> Any:
    return [(value, base)] if isinstance(value, Extension) else real(value, base)


def _one_base(real: Any, self: Base, reference: str | None) -> Base:
    parent: Any = getattr(self, "_parent", None)
    skip = parent is not None and parent._parent is not None
    moved: Base = real(parent if skip else self, reference)
    return moved


def _respelled(method: str, url: str, *args: Any, **kwargs: Any) -> messages.Request:
    return messages.Request(method, url.replace("%7e", "~").removesuffix("?"), *args, **kwargs)


# --- arguments and envelopes ----------------------------------------------------------------------


def _without_defaults(real: Any, name: str, inputs: Any, args: Any, kwargs: Any) -> Any:
    bound = real(name, inputs, args, kwargs)
    return [pair for at, pair in enumerate(bound) if at < len(args) or pair[0] in kwargs]


def _as_called(real: Any, name: str, inputs: Any, args: Any, kwargs: Any) -> Any:
    named = list(kwargs)
    return sorted(
        real(name, inputs, args, kwargs),
        key=lambda pair: named.index(pair[0]) if pair[0] in kwargs else -1,
    )


def _value_but_nil(self: Input) -> Any:
    value = self.attributes.get("value")
    return MISSING if value is None else value


def _nothing_for_none(real: Any, value: Any, **kwargs: Any) -> Any:
    return real(value, **kwargs) if value else bodies.Body(b"", None, 0)


def _without_content_type(packed: forms.Packed) -> forms.Packed:
    if packed.body is None or packed.body.length != 0:
        return packed
    kept = tuple(pair for pair in packed.headers if pair[0] != "Content-Type")
    return attrs.evolve(packed, headers=kept)


# --- answers --------------------------------------------------------------------------------------


def _ends_at(error: type[Exception]) -> Callable[..., AsyncGenerator[Any]]:
    """The items of a sequence up to an error, which is not told."""

    async def items(real: Any, *args: Any, **kwargs: Any) -> AsyncGenerator[Any]:
        try:
            async for item in real(*args, **kwargs):
                yield item
        except error:
            pass

    return items


async def _decodes_errors(real: Any, response: Any, **kwargs: Any) -> Any:
    if "vnd" not in (response.header("content-type") or ""):
        raise DecodeError("no message", 0)
    return await real(response, **kwargs)


def _skips_malformed(real: Any, *args: Any) -> Any:
    try:
        return real(*args)
    except DecodeError:
        return None, ()


_TABLE: Final[dict[str, tuple[str, Plant]]] = {
    "tells secrets to other origins": (
        "REQ-SAFE-1", put(OriginPolicy, "headers_for", lambda self, url, headers: headers)),
    "trusts every origin": (
        "REQ-SAFE-1", all_of(
            put(OriginPolicy, "trusts", lambda self, url: True),
            put(OriginPolicy, "headers_for", lambda self, url, headers: headers))),
    "goes from https to http": (
        "REQ-URL-11",
        wrap(OriginPolicy, "check_hop", lambda real, self, source, to: real(self, None, to))),
    "follows URLs with user names": (
        "REQ-URL-13", wrap(OriginPolicy, "check_hop", _without_at)),
    "follows any scheme by http": ("REQ-URL-10", result(proxies.Proxy, "_resolved", _by_http)),
    "sends unsafe calls twice": ("REQ-SAFE-2", wrap(exchange.Exchange, "_sent", _sent_twice)),
    "sends a Referer": ("REQ-SAFE-14", wrap(exchange.Exchange, "_headers", _with_referer)),
    "keeps cookies": ("REQ-SAFE-9", wrap(core.BaseClient, "__init__", _with_cookies)),
    "says that nothing was done": (
        "REQ-SAFE-3", put(
            exchange.Exchange, "tell", lambda self, error: setattr(error, "outcome", "not done"))),
    "ignores inline": ("REQ-LINK-3", put(Link, "inline", property(lambda self: False))),
    "takes any content for the answer": (
        "REQ-LINK-4", put(Link, "inline", property(lambda self: self.content is not None))),
    "follows links by any method": (
        "REQ-LINK-2", put(Link, "method", property(lambda self: "GET"))),
    "takes no base from unknown extensions": ("REQ-URL-3", wrap(page, "_opened", _no_base)),
    "forgets the second step of a base": ("REQ-URL-3", wrap(Base, "moved", _one_base)),
    "spells URLs anew when it sends": ("REQ-URL-8", put(exchange, "Request", _respelled)),
    "spells URLs anew when it reads": (
        "REQ-URL-8",
        result(Base, "url", lambda url: url.replace("%7E", "~").replace("%7e", "~"))),
    "keeps the method at 303": (
        "REQ-REDIR-1", all_of(
            put(exchange, "_TO_GET", frozenset()), put(exchange, "_SAME_METHOD", _REDIRECTS))),
    "turns 307 into GET": (
        "REQ-REDIR-3", all_of(
            put(exchange, "_TO_GET", _REDIRECTS), put(exchange, "_SAME_METHOD", frozenset()))),
    "carries bodies to any origin": (
        "REQ-REDIR-4", put(OriginPolicy, "may_carry_body", lambda self, source, target: True)),
    "follows redirects without end": ("REQ-REDIR-5", put(exchange, "MAX_HOPS", 50)),
    "gives up after four redirects": ("REQ-REDIR-5", put(exchange, "MAX_HOPS", 4)),
    "keeps a type without a body": (
        "REQ-REDIR-7", result(exchange.Exchange, "_redirected", _keeps_the_type)),
    "sends no defaults": ("REQ-ARG-3", wrap(proxies, "bind_arguments", _without_defaults)),
    "takes a default of nil for none": (
        "REQ-INPUT-3", put(Input, "value", property(_value_but_nil))),
    "sends arguments in the order of the call": (
        "REQ-ARG-5", wrap(proxies, "bind_arguments", _as_called)),
    "sends arguments the wrong way round": (
        "REQ-ARG-5", result(proxies, "bind_arguments", lambda bound: bound[::-1])),
    "sends nothing for no arguments": ("REQ-ENV-1", wrap(forms, "pack_body", _nothing_for_none)),
    "writes a blank as plus": (
        "REQ-ENV-3", result(forms, "pack_query", lambda url: url.replace("%20", "+"))),
    "escapes no plus": (
        "REQ-ENV-3",
        wrap(forms, "quote_from_bytes", lambda real, data, safe: real(data, safe="+"))),
    "does not escape the name of a blob": (
        "REQ-ENV-8", put(forms, "pack_name", lambda name: f'form-data; name="{name}"')),
    "lets forms set any header": (
        "REQ-FORM-4", put(forms, "_headers_of", lambda form: tuple(form.headers.items()))),
    "lets line breaks into heads": (
        "REQ-SAFE-7", put(forms, "_check_value", lambda kind, name, value: None)),
    "gives no type to empty bodies": (
        "REQ-HEAD-3", result(proxies, "pack", _without_content_type)),
    "accepts nothing when it posts": (
        "REQ-HEAD-1", wrap(exchange.Exchange, "_headers", _without_accept)),
    "takes a cut sequence for a whole one": (
        "REQ-SEQ-3", wrap(answers, "read_items", _ends_at(Truncated))),
    "hides what ended a sequence": (
        "REQ-SEQ-4", wrap(answers, "read_items", _ends_at(End))),
    "takes data of the first for that of all": (
        "REQ-PART-4", put(page, "_is_offer", lambda value: True)),
    "takes any body for a message": (
        "REQ-STATUS-12", put(answers, "is_hyperglyph", lambda given: True)),
    "loses the status behind a body": (
        "REQ-STATUS-6", wrap(core, "read_error", _decodes_errors)),
    "ignores the coding of a body": (
        "REQ-HEAD-8", put(answers, "_is_gzip", lambda response: False)),
    "waits for ever": ("REQ-TIME-4", put(messages.Deadline, "left", lambda self: None)),
    "skips what is malformed": (
        "REQ-STATUS-14", all_of(
            wrap(bodies.MessageSink, "close", _skips_malformed),
            wrap(bodies.MessageSink, "feed", _skips_malformed))),
}  # fmt: skip

FAULTS = tuple(
    Fault(name, "client", requirement, run(plant)) for name, (requirement, plant) in _TABLE.items()
)
