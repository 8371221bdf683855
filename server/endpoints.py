"""Functions and classes as they are served: what `table.py` leads to.

All that a page of a class needs but the instance's own data is made here, once, when it is
registered; what could go wrong in a call is refused then.

Standard, sections 14.3 and 14.4.
"""

from __future__ import annotations

import inspect
import logging
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Final, cast
from urllib.parse import quote

import attrs

from hyperglyph.codec import MISSING, EncodeError, Form, Input, Link
from hyperglyph.codec.template import Template
from hyperglyph.transport.http.binding import Parameters
from hyperglyph.transport.http.bodies import pack_body
from hyperglyph.transport.http.conditional import check_date
from hyperglyph.transport.http.forms import ENVELOPES

from .decorators import Marks, hidden_names, marks_of, optional
from .docstrings import docstring_of, documented
from .homes import Home, home_of_class
from .resource import Members, members_of, refuse_class
from .state import State

__all__ = [
    "ClassEndpoint",
    "Endpoint",
    "FunctionEndpoint",
    "Identity",
    "Style",
    "Unservable",
    "identity_of",
    "make_endpoint",
]

logger = logging.getLogger("hyperglyph.server")

Function = Callable[..., Any]
Identity = tuple[str, str]
Offer = Form | Link


class Unservable(TypeError):
    """A result holds something that is not registered and is no data, or a page cannot be made."""


@attrs.frozen
class Style:
    """How a router shows what it serves: for clients of 2012, with docstrings.

    Standard, section 22 (REQ-OLD-2, REQ-OLD-6, REQ-OLD-8).
    """

    legacy: bool = False
    docstrings: bool = False


PLAIN: Final = Style()


@attrs.define(eq=False, slots=False)
class FunctionEndpoint:
    """A function, constructor or method as it is served.

    `url` is relative: that of a function to the root, that of a method to its instance. `offer` is
    the form or link that stands for it in a page with that base.
    """

    name: str
    function: Function
    parameters: Parameters
    marks: Marks
    url: str
    inputs: tuple[str | Input, ...]
    offer: Offer
    #: What travels of its docstring.
    doc: str
    legacy: bool
    #: Whether it is a coroutine function.
    waits: bool
    #: Module and qualified name: an object with the same ones is a new definition of the old.
    identity: Identity | None

    @property
    def target(self) -> object:
        """The object that was registered."""
        return self.function

    @property
    def allow(self) -> str:
        """The methods that it answers, as the header says it."""
        return "GET, HEAD, POST" if self.marks.safe else self.method

    @property
    def method(self) -> str:
        """The method of its form. What is safe answers POST, too: see `decorators.safe`."""
        return _method_of(self.marks)

    def envelope_for(self, method: str) -> str:
        """How the arguments of a request with a method that it answers travel."""
        return "form" if method != self.method else _envelope_of(self.marks)

    def offer_at(self, prefix: str) -> Offer:
        """The same form or link with its URL below another one."""
        offer = _offer(prefix + self.url, self.marks, self.inputs, self.legacy)
        return documented(offer, self.doc)

    def form_at(self, prefix: str) -> Form:
        """A form, also where a link would do."""
        return documented(_form(prefix + self.url, self.marks, self.inputs, self.legacy), self.doc)

    def link_at(self, prefix: str) -> Link:
        """A link to what needs no arguments."""
        return documented(Link(prefix + self.url), self.doc)

    @cached_property
    def hints(self) -> Mapping[str, tuple[Any, ...]]:
        """The types that each annotated parameter names, read when the first value needs it."""
        function: Any = self.function
        if inspect.isclass(function):
            function = cast("Any", function).__init__
        elif not inspect.isroutine(function):
            function = getattr(function, "func", None) or type(function).__call__
        try:
            hints = typing.get_type_hints(function)
        except (NameError, TypeError, AttributeError) as error:
            logger.warning("%s: its annotations cannot be read: %s", self.name, error)
            return {}
        return {name: typing.get_args(hint) or (hint,) for name, hint in hints.items()}


@attrs.define(eq=False, slots=False)
class ClassEndpoint:
    """A class as it is served: its constructor, the state of its instances, its members."""

    name: str
    cls: type
    url: str
    constructor: FunctionEndpoint
    state: State
    members: Members
    methods: dict[str, FunctionEndpoint]
    #: What every page of an instance has beside data: the forms and links of its methods.
    offers: dict[str, Offer]
    embedded: dict[str, FunctionEndpoint]
    #: What PUT, PATCH and DELETE of an instance's own URL do, by method.
    own: dict[str, FunctionEndpoint]
    #: Those of them whose forms name the version that they are meant for, by name.
    conditional: dict[str, FunctionEndpoint]
    marks: Marks
    #: Tells where an instance lives, if not all of them live here.
    home: Home | None
    identity: Identity | None

    @cached_property
    def listed(self) -> Template:
        """What stands for its instances in a listing, but for their URLs and data."""
        return Template("resource", "url", {"profile": self.name, "partial": True})

    @property
    def target(self) -> object:
        """The object that was registered."""
        return self.cls

    @property
    def hidden(self) -> bool:
        """Whether callers make no instances: they are reached by references only."""
        return self.marks.hidden

    @property
    def offer(self) -> Offer:
        """The form that makes an instance."""
        return self.constructor.offer

    @property
    def doc(self) -> str:
        """What travels of the class's docstring."""
        return self.constructor.doc

    def last_modified(self, instance: object) -> datetime | None:
        """When the page of an instance has changed last, if its class can tell.

        It does by a method `__glyph_modified__(self)`.
        """
        tell: Any = getattr(instance, "__glyph_modified__", None)
        when = None if tell is None else tell()
        return None if when is None else check_date(when)

    def offer_at(self, prefix: str) -> Offer:
        """The same form with its URL below another one."""
        return self.constructor.offer_at(prefix)

    def method_of(self, function: object) -> FunctionEndpoint | None:
        """The method that a function of the class is."""
        return next((m for m in self.methods.values() if m.function is function), None)


Endpoint = FunctionEndpoint | ClassEndpoint


# --- making them -----------------------------------------------------------------------------


def make_endpoint(target: object, name: str | None, style: Style = PLAIN) -> Endpoint:
    """Refuse here what could go wrong in a call.

    Raises TypeError, naming the parameter or member, for what cannot be called or has parameters
    that a form cannot offer; ValueError for a name that no URL can carry.
    """
    if not callable(target):
        raise TypeError(f"{type(target).__name__} objects cannot be called")
    name = _checked_name(target, name)
    if inspect.isclass(target):
        return _make_class(target, name, style)
    marks = marks_of(target)
    if marks.hidden or marks.embed:
        can_be = "and classes can be hidden" if marks.hidden else "can be embedded"
        raise TypeError(f"{name}: only methods {can_be}")
    return _make_function(name, target, marks, style)


def _make_function(
    name: str,
    function: Function,
    marks: Marks,
    style: Style,
    signed: Function | None = None,
) -> FunctionEndpoint:
    """`signed` has the signature to offer, if it is not that of the function itself."""
    parameters = Parameters.of(name, signed or function)
    if marks.cache is not None and not marks.safe:
        raise TypeError(f"{name}: only what is safe can be cached")
    if marks.embed and parameters.names:
        raise TypeError(f"{name}: what is embedded in a page takes no parameters")
    if marks.embed and (
        inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    ):
        raise TypeError(f"{name}: items come one by one, and what is embedded comes with its page")
    waits = _is_coroutine_function(function)
    if marks.embed and waits:
        raise TypeError(
            f"{name}: what is embedded in a page is a plain function: the page cannot wait for it"
        )
    _check_method(name, marks, parameters)
    if marks.own_url and signed is None:
        raise TypeError(f"{name}: only a method of a class has an object's own URL (own_url)")
    inputs = tuple(_input_of(p, style.legacy) for p in parameters.signature.parameters.values())
    url = "" if marks.own_url else quote(name, safe="")
    doc = docstring_of(function) if style.docstrings else ""
    return FunctionEndpoint(
        name=name,
        function=function,
        parameters=parameters,
        marks=marks,
        url=url,
        inputs=inputs,
        offer=documented(_offer(url, marks, inputs, style.legacy), doc),
        doc=doc,
        legacy=style.legacy,
        waits=waits,
        identity=identity_of(function),
    )


def _is_coroutine_function(function: Function) -> bool:
    return inspect.iscoroutinefunction(function) or (
        # An object that is called like one.
        not inspect.isroutine(function)
        and not inspect.isclass(function)
        and inspect.iscoroutinefunction(type(function).__call__)
    )


def _method_of(marks: Marks) -> str:
    return marks.method or ("GET" if marks.safe else "POST")


def _envelope_of(marks: Marks) -> str:
    return marks.envelope or ENVELOPES[_method_of(marks)][0]


def _check_method(name: str, marks: Marks, parameters: Parameters) -> None:
    """Raise TypeError for marks that contradict each other or the parameters. REQ-ENV-9."""
    method, envelope = _method_of(marks), _envelope_of(marks)
    if marks.safe and method != "GET":
        raise TypeError(f"{name}: what is safe is asked for with GET, not with {method}")
    others = ", ".join(other for other in ENVELOPES[method] if other != envelope)
    if envelope == "none" and parameters.names:
        raise TypeError(
            f"{name}: the envelope 'none' carries no arguments, and it has parameters; "
            f"of {method} there are also: {others}"
        )
    if envelope == "blob" and (len(parameters.names) != 1 or not parameters.required):
        raise TypeError(
            f"{name}: the envelope 'blob' carries one argument, so it has one parameter, without "
            f"a default; of {method} there are also: {others}"
        )


def _own(cls: type, methods: Mapping[str, FunctionEndpoint]) -> dict[str, FunctionEndpoint]:
    own: dict[str, FunctionEndpoint] = {}
    for name, endpoint in methods.items():
        if endpoint.marks.own_url:
            other = own.setdefault(endpoint.method, endpoint)
            if other is not endpoint:
                raise TypeError(
                    f"{cls.__qualname__}: {other.name} and {name} are both what "
                    f"{endpoint.method} of its own URL does"
                )
    return own


def _make_class(cls: type, name: str, style: Style) -> ClassEndpoint:
    refuse_class(cls)
    constructor = _make_function(name, cls, Marks(), style)
    members = members_of(cls)
    methods: dict[str, FunctionEndpoint] = {}
    for method, (function, marks) in members.methods.items():
        try:
            bound = partial(function, None)  # the same signature without `self`
            inspect.signature(bound)
        except ValueError:
            raise TypeError(f"{cls.__qualname__}.{method} takes no self") from None
        try:
            methods[method] = _make_function(method, function, marks, style, bound)
        except TypeError as error:
            raise TypeError(f"{cls.__qualname__}.{error}") from None
    state = State.of(cls, constructor.parameters, methods)
    registered: Any = getattr(cls, "__glyph_registered__", None)
    if registered is not None:
        registered(name, constructor.parameters)
    return ClassEndpoint(
        name=name,
        cls=cls,
        url=constructor.url,
        constructor=constructor,
        state=state,
        members=members,
        methods=methods,
        offers={method: endpoint.offer for method, endpoint in methods.items()},
        embedded={m: endpoint for m, endpoint in methods.items() if endpoint.marks.embed},
        own=_own(cls, methods),
        conditional={m: endpoint for m, endpoint in methods.items() if endpoint.marks.if_unchanged},
        marks=_marks_of_class(cls),
        home=home_of_class(cls),
        identity=identity_of(cls),
    )


def _marks_of_class(cls: type) -> Marks:
    marks = marks_of(cls)
    if marks.safe or marks.redirect or marks.method is not None:
        raise TypeError(f"{cls.__qualname__} is a class: only hidden and cache go with it")
    if marks_of(inspect.getattr_static(cls, "__init__")) != Marks() or "__init__" in hidden_names(
        cls
    ):
        raise TypeError(f"{cls.__qualname__}.__init__ is no method: decorate the class")
    return marks


def _checked_name(target: object, name: str | None) -> str:
    """REQ-URL-7."""
    if name is None:
        name = getattr(target, "__name__", None)
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


def _offer(url: str, marks: Marks, inputs: tuple[str | Input, ...], legacy: bool) -> Offer:
    """REQ-LINK-6."""
    return Link(url) if marks.safe and not inputs else _form(url, marks, inputs, legacy)


def _form(url: str, marks: Marks, inputs: tuple[str | Input, ...], legacy: bool) -> Form:
    """REQ-FORM-1 and REQ-FORM-7."""
    if marks.safe and legacy:
        return Form(url, method="POST", values=inputs)
    method, envelope = _method_of(marks), _envelope_of(marks)
    is_default = envelope == ENVELOPES[method][0]
    return Form(url, method=method, values=inputs, envelope=MISSING if is_default else envelope)


def _input_of(parameter: inspect.Parameter, legacy: bool) -> str | Input:
    """REQ-INPUT-7 and REQ-OLD-3."""
    default = parameter.default
    if default is inspect.Parameter.empty:
        return parameter.name
    if default is optional:
        return Input(parameter.name, optional=True)
    try:
        body = pack_body(default)
    except (EncodeError, OSError):
        return Input(parameter.name, optional=True)
    if body.rest is not None:  # a blob would travel with every page
        return Input(parameter.name, optional=True)
    # The 2012 Ruby implementation looks for `default` (standard, REQ-OLD-3).
    return Input(parameter.name, value=default, default=default if legacy else MISSING)


def identity_of(target: object) -> Identity | None:
    """By what a new definition of an object is known."""
    module = getattr(target, "__module__", None)
    qualname = getattr(target, "__qualname__", None)
    if isinstance(module, str) and isinstance(qualname, str) and "<lambda>" not in qualname:
        return module, qualname
    return None
