"""The table of what can be called. Dispatch looks a name up here and nowhere else.

Nothing is reachable that was not registered: no name from the wire ever goes to `getattr`.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any, cast
from urllib.parse import quote

import attrs

from hyperglyph.codec import EncodeError, Form, Input
from hyperglyph.transport.http.binding import Parameters
from hyperglyph.transport.http.bodies import pack_body

__all__ = ["Endpoint", "Endpoints", "make_endpoint"]

logger = logging.getLogger("hyperglyph.server")

Function = Callable[..., Any]


@attrs.frozen
class Endpoint:
    """A function as it is served. `url` is relative to the root; `form` has that URL."""

    name: str
    function: Function
    parameters: Parameters
    url: str
    inputs: tuple[str | Input, ...]
    form: Form
    #: Module and qualified name: an object with the same ones is a new definition of the old.
    identity: tuple[str, str] | None

    def form_at(self, prefix: str) -> Form:
        """The same form with its URL below another one."""
        return Form(prefix + self.url, method="POST", values=self.inputs)


def make_endpoint(function: Function, name: str | None) -> Endpoint:
    """Refuse here what could go wrong in a call.

    Raises TypeError for what is no function, or has parameters that a form cannot offer;
    ValueError for a name that no URL can carry.
    """
    if inspect.isclass(function):
        raise TypeError(f"{function.__qualname__} is a class; only functions can be added so far")
    if not callable(function):
        raise TypeError(f"{type(cast('object', function)).__name__} objects cannot be called")
    name = _checked_name(function, name)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{name}: async functions cannot be served so far")
    if inspect.isgeneratorfunction(function):
        raise TypeError(f"{name}: generators cannot be served so far; return a list")
    parameters = Parameters.of(name, function)
    inputs = tuple(map(_input_of, parameters.signature.parameters.values()))
    url = quote(name, safe="")
    return Endpoint(
        name=name,
        function=function,
        parameters=parameters,
        url=url,
        inputs=inputs,
        form=Form(url, method="POST", values=inputs),
        identity=_identity_of(function),
    )


def _checked_name(function: Function, name: str | None) -> str:
    if name is None:
        name = getattr(function, "__name__", None)
        if not isinstance(name, str) or name == "<lambda>":
            raise ValueError("lambdas, partials and other objects without a name need name=")
    if not isinstance(cast("object", name), str):
        raise TypeError(f"name is a str, not {type(name).__name__}")
    if not name or name.startswith("_"):
        raise ValueError(
            f"{name!r} cannot be served: names with an underscore in front are private"
        )
    if "/" in name or name in (".", "..") or not name.isprintable():
        raise ValueError(f"{name!r} cannot be one segment of a URL")
    return name


def _input_of(parameter: inspect.Parameter) -> str | Input:
    if parameter.default is inspect.Parameter.empty:
        return parameter.name
    try:
        body = pack_body(parameter.default)
    except (EncodeError, OSError):
        return Input(parameter.name, optional=True)
    if body.rest is not None:  # a blob would travel with every page
        return Input(parameter.name, optional=True)
    return Input(parameter.name, value=parameter.default)


def _identity_of(function: Function) -> tuple[str, str] | None:
    module = getattr(function, "__module__", None)
    qualname = getattr(function, "__qualname__", None)
    if isinstance(module, str) and isinstance(qualname, str) and "<lambda>" not in qualname:
        return module, qualname
    return None


class Endpoints:
    """The table. A change takes a lock, a look-up does not: it is one operation on a dict."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_name: dict[str, Endpoint] = {}
        self._by_function: dict[Hashable, Endpoint] = {}
        self._by_identity: dict[tuple[str, str], Endpoint] = {}
        #: Changes with the table.
        self.version = 0

    def __len__(self) -> int:
        return len(self._by_name)

    def snapshot(self) -> tuple[int, dict[str, Endpoint]]:
        """The version, and all endpoints by name, in the order in which they were added."""
        with self._lock:
            return self.version, self._by_name.copy()

    def get(self, name: str) -> Endpoint | None:
        return self._by_name.get(name)

    def of_function(self, function: object) -> Endpoint | None:
        """The endpoint that serves an object, or its newer definition, if one does."""
        if not isinstance(function, Hashable):
            return None
        endpoint = self._by_function.get(function)
        if endpoint is None and callable(function):
            identity = _identity_of(function)
            endpoint = None if identity is None else self._by_identity.get(identity)
        return endpoint

    def add(self, endpoint: Endpoint) -> None:
        """Enter an endpoint, or replace an older definition of the same object.

        Raises ValueError if something else has that name.
        """
        with self._lock:
            known = self._by_name.get(endpoint.name)
            if known is not None and known.function is not endpoint.function:
                if endpoint.identity is None or known.identity != endpoint.identity:
                    raise ValueError(f"{endpoint.name!r} is the name of another function already")
                logger.info("%s is replaced by its new definition", endpoint.name)
                if isinstance(known.function, Hashable):
                    self._by_function.pop(known.function, None)
            if isinstance(endpoint.function, Hashable):
                self._by_function[endpoint.function] = endpoint
            if endpoint.identity is not None:
                self._by_identity[endpoint.identity] = endpoint
            self._by_name[endpoint.name] = endpoint
            self.version += 1
