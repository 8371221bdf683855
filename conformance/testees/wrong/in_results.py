"""Faults of a client in what it makes of pages and answers, and of arguments."""

# The functions that are put in the place of others are typed by those.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false, reportUnknownVariableType=false, reportUnknownMemberType=false
from __future__ import annotations

import contextlib
import pydoc
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hyperglyph.client import about, core, exchange, page, proxies
from hyperglyph.codec import MISSING, DecodeError, Error, Extension, Input, hypermedia
from hyperglyph.transport.http import forms
from hyperglyph.transport.http.messages import Answered, Request
from hyperglyph.transport.http.negotiate import MEDIA_TYPE
from hyperglyph.transport.http.status import RemoteError, TransportError

from .faults import Fault
from .in_client import Plant, put, result, run

__all__ = ["FAULTS"]


# --- pages ---------------------------------------------------------------------------------------


def _text_in_any_case() -> None:
    """Attributes are found in any spelling of their names."""
    inner: Callable[..., str | None] = vars(hypermedia)["_text"]

    def text(self: Extension, name: str, default: str | None = None) -> str | None:
        for key in self.attributes:
            if isinstance(key, str) and key != name and key.lower() == name:
                return inner(Extension(self.name, {name: self.attributes[key]}, None), name)
        return inner(self, name, default)

    put(hypermedia, "_text", text)()


def _needs_doc() -> None:
    """Links and forms whose `doc` is no text are of no use."""
    for kind in (proxies.LinkProxy, proxies.FormProxy):
        inner = kind.__call__

        def called(self: Any, *args: Any, _inner: Any = inner, **kwargs: Any) -> Any:
            if not isinstance(self._extension.attributes.get("doc", ""), str):
                raise ValueError("doc is no text")  # noqa: TRY004 - as for other attributes
            return _inner(self, *args, **kwargs)

        put(kind, "__call__", called)()


def _fetches_profiles() -> None:
    inner = proxies.ResourceProxy.__init__

    def made(self: Any, source: Any, extension: Any, *rest: Any) -> None:
        inner(self, source, extension, *rest)
        profile = extension.attributes.get("profile")
        if isinstance(profile, str) and profile.startswith("http"):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(profile, timeout=1).close()  # noqa: S310 - the fault

    put(proxies.ResourceProxy, "__init__", made)()


def _finds_code() -> None:
    """What has the name of something importable becomes that."""
    inner = vars(proxies)["ResourceProxy"]._local

    def local(self: Any, name: Any) -> Any:
        value = inner(self, name)
        found = pydoc.locate(value.name) if isinstance(value, Extension) else None
        return value if found is None else repr(found)

    put(proxies.ResourceProxy, "_local", local)()


def _defaults_inside() -> None:
    """Defaults are resolved against the URL of their form."""

    def wrapped(self: Any, entry: Input) -> Input:
        if not isinstance(entry.value, Extension):
            return entry
        value = page.wrap(entry.value, self._inside(), self._page)
        return Input.from_wire("input", {**entry.attributes, "value": value}, None)

    put(proxies.FormProxy, "_with_proxies", wrapped)()


def _plain_dicts_only() -> None:
    """The members of an ordered dict are not found."""
    inner: Any = vars(proxies.ResourceProxy)["_content"].fget

    def content(self: Any) -> Mapping[Any, Any]:
        held = inner(self)
        return held if type(held) is dict else {}

    put(proxies.ResourceProxy, "_content", property(content))()


def _no_first_of_its_kind() -> None:
    put(proxies.ResourceProxy, "_offers", property(lambda self: {}))()


def _base_before_redirects() -> None:
    inner = exchange.Exchange.run

    async def asked(self: Any, make: Any, url: str, source: str | None) -> Answered:
        response = await inner(self, make, url, source)
        response.url = url
        return response

    put(exchange.Exchange, "run", asked)()


# --- arguments -----------------------------------------------------------------------------------


Bind = Callable[[str, Sequence[Input], Sequence[Any], Mapping[str, Any]], list[tuple[str, Any]]]


def _binds(
    change: Callable[[Bind, str, Sequence[Input], Any, Any], list[tuple[str, Any]]],
) -> Plant:
    inner: Bind = vars(proxies)["bind_arguments"]
    return put(
        proxies,
        "bind_arguments",
        lambda name, inputs, args, kwargs: change(inner, name, inputs, args, kwargs),
    )


def _from_behind(
    inner: Bind, name: str, inputs: Sequence[Input], args: Any, kwargs: Any
) -> list[tuple[str, Any]]:
    return inner(name, inputs, args[::-1], kwargs)


def _nil_is_none(
    inner: Bind, name: str, inputs: Sequence[Input], args: Any, kwargs: Any
) -> list[tuple[str, Any]]:
    defaults = {entry.label: entry.value for entry in inputs if entry.value is not MISSING}
    return [
        (label, defaults.get(label) if value is None else value)
        for label, value in inner(name, inputs, args, kwargs)
    ]


def _obeys_types(
    inner: Bind, name: str, inputs: Sequence[Input], args: Any, kwargs: Any
) -> list[tuple[str, Any]]:
    types = {entry.label: entry.attributes.get("type") for entry in inputs}
    bound = inner(name, inputs, args, kwargs)
    for label, value in bound:
        if types.get(label) == "integer" and not isinstance(value, int):
            raise TypeError(f"{label} is an integer")
    return bound


def _relative_urls() -> None:
    """What is sent back has the URL that it had on its page."""
    inner = about.to_wire

    def wire(value: Any) -> Extension:
        made = inner(value)
        if "url" in made.attributes:
            attributes = {**made.attributes, "url": value._extension.attributes.get("url")}
            return type(made).from_wire(made.name, attributes, made.content)
        return made

    put(about, "to_wire", wire)()


# --- requests and answers ------------------------------------------------------------------------


def _sends(change: Callable[[Request], None]) -> Plant:
    inner = exchange.Exchange._sent

    async def sent(self: Any, request: Request) -> Answered:
        change(request)
        return await inner(self, request)

    return put(exchange.Exchange, "_sent", sent)


def _gets(change: Callable[[Answered], None]) -> Plant:
    """Something is done to each answer, or raised for it, before anything is made of it."""
    inner = exchange.Exchange._sent

    async def sent(self: Any, request: Request) -> Answered:
        response = await inner(self, request)
        change(response)
        return response

    return put(exchange.Exchange, "_sent", sent)


def _gives(change: Callable[[Answered, Any], Any]) -> Plant:
    """What an answer of 2xx gives is something else."""
    inner = core.BaseClient._value

    async def value(self: Any, response: Answered, made: Any) -> Any:
        return change(response, await inner(self, response, made))

    return put(core.BaseClient, "_value", value)


def _raises_values(response: Answered, value: Any) -> Any:
    held = value if isinstance(value, list) else [value]
    if any(isinstance(item, Error) for item in held):
        raise RemoteError("it is an error")
    return value


def _no_length(request: Request) -> None:
    if request.length:
        body: Any = request.body
        request.length, request.body = None, iter([body] if isinstance(body, bytes) else body)


def _shortened(request: Request) -> None:
    origin, slashes, path = request.url.partition("//")
    request.url = origin + slashes + (path.rstrip("/") if path.count("/") > 1 else path)


def _patch_is_put(request: Request) -> None:
    if request.method == "PATCH":
        request.method = "PUT"


def _not_known(response: Answered) -> None:
    if response.status in (202, 203, 226, 299):
        raise TransportError(f"{response.status}?", phase="read", outcome="done")


def _no_root_by_303(response: Answered) -> None:
    if response.status == 303 and response.url.count("/") == 3 and response.url.endswith("/"):
        raise TransportError("303?", phase="read", outcome="done")


def _needs_a_length(response: Answered) -> None:
    framed = response.header("content-length") or response.header("transfer-encoding")
    # What has no address is made up, and was never framed.
    if framed is None and response.address is not None and response.status == 200:
        raise TransportError("no length", phase="read", outcome="unknown")


def _ours_only(response: Answered) -> None:
    kind = response.header("content-type") or ""
    if response.status == 200 and not kind.lower().startswith("application/vnd.hyperglyph"):
        raise DecodeError("no message", 0)


def _link_is_followed(response: Answered) -> None:
    if response.status == 201 and response.header("location"):
        response.status = 303


def _hides_infinity() -> None:
    """Only what this standard writes for infinity and NaN is read."""
    inner = vars(core)["read_answer"]

    async def read(response: Answered, **rest: Any) -> Any:
        answer = await inner(response, **rest)
        if "inf" in repr(answer.value) or "nan" in repr(answer.value):
            raise DecodeError("fInfinity", 0)
        return answer

    put(core, "read_answer", read)()


def _nil_is_empty(response: Answered, value: Any) -> Any:
    return "" if response.status in (204, 205) else value


_TABLE: Final[dict[str, tuple[str, Plant]]] = {
    "reads attributes in any case": ("REQ-EXT-8", _text_in_any_case),
    "refuses what is documented oddly": ("REQ-EXT-13", _needs_doc),
    "fetches profiles": ("REQ-RES-5", _fetches_profiles),
    "finds code by names of a page": ("REQ-SAFE-6", _finds_code),
    "resolves defaults inside the form": ("REQ-URL-4", _defaults_inside),
    "the base before redirects": ("REQ-URL-2", _base_before_redirects),
    "partial resources have nothing of the first": ("REQ-PART-4", _no_first_of_its_kind),
    "takes no ordered dicts": ("REQ-OLD-11", _plain_dicts_only),
    "binds from behind": ("REQ-ARG-1", _binds(_from_behind)),
    "takes nil for no argument": ("REQ-ARG-4", _binds(_nil_is_none)),
    "obeys the types of inputs": ("REQ-INPUT-5", _binds(_obeys_types)),
    "shortens urls": ("REQ-REF-1", _sends(_shortened)),
    "puts what is to be patched": ("REQ-METHOD-1", _sends(_patch_is_put)),
    "sends everything in chunks": ("REQ-HEAD-10", _sends(_no_length)),
    "sends old servers everything in chunks": ("REQ-OLD-14", _sends(_no_length)),
    "keeps its deadline to itself": (
        "REQ-TIME-1", put(exchange, "timeout_header", lambda deadline: ())),
    "makes a text of nothing": ("REQ-STATUS-2", _gives(_nil_is_empty)),
    "follows what was created": ("REQ-STATUS-3", _gets(_link_is_followed)),
    "knows few statuses": ("REQ-STATUS-4", _gets(_not_known)),
    "takes messages only": ("REQ-STATUS-12", _gets(_ours_only)),
    "posts again at 301": (
        "REQ-REDIR-2", put(exchange, "_TO_GET", frozenset({303}))),
    "raises errors that are values": ("REQ-ERROR-3", _gives(_raises_values)),
    "takes no page from 303": ("REQ-OLD-9", _gets(_no_root_by_303)),
    "needs a length": ("REQ-OLD-10", _gets(_needs_a_length)),
    "reads one spelling of infinity": ("REQ-OLD-12", _hides_infinity),
    "sends relative urls": ("REQ-URL-14", _relative_urls),
    "content types for all they are worth": (
        "REQ-HEAD-2", put(forms, "is_hyperglyph", lambda given: given == MEDIA_TYPE)),
    "compresses unasked": (
        "REQ-HEAD-9", result(exchange.Exchange, "_headers",
                             lambda headers: [*headers, ("Content-Encoding", "identity")])),
}  # fmt: skip

FAULTS = tuple(
    Fault(name, "client", requirement, run(plant)) for name, (requirement, plant) in _TABLE.items()
)
