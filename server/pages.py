"""Results to what the codec can carry: objects become resources, functions forms and links.

The encoder asks for each object when it comes to it, so an object inside a list inside another
object's attribute needs no walk of its own, and cycles and depth are the encoder's to find.

Standard, sections 14.5 and 20.1.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType, MemberDescriptorType, MethodType
from typing import Any, Final
from urllib.parse import quote

import attrs

from hyperglyph.codec import EncodeError, Extension, Form, Link, Resource
from hyperglyph.transport.http.bodies import Body, pack_body
from hyperglyph.transport.http.conditional import etag_of
from hyperglyph.transport.http.status import RemoteError, TransportError

from .builders import To
from .decorators import hidden_names
from .docstrings import documented
from .endpoints import ClassEndpoint, FunctionEndpoint, Unservable
from .resource import fields_of, is_record
from .state import ConfigurationError, TokenMaker, TokenSigner
from .table import Endpoints

__all__ = ["Converters", "Pages"]

logger = logging.getLogger("hyperglyph.server")

Converters = Mapping[type, Callable[[Any], Any]]

_NO_CONVERTERS: Final[Converters] = MappingProxyType({})


_NOT_THERE: Final = "which is not registered, or is hidden"


class _NoURL(LookupError):
    """What stands in a result has no URL on this service."""


def describe(value: object) -> str:
    """What an object is, for a log line: its kind and name, not its content."""
    name = getattr(value, "__qualname__", None)
    module = getattr(value, "__module__", None) or type(value).__module__
    if isinstance(name, str):
        return f"a {type(value).__name__} {module}.{name}"
    return f"an instance of {type(value).__module__}.{type(value).__qualname__}"


@attrs.define(eq=False)
class Pages:
    """Makes pages of what is registered in `endpoints`."""

    endpoints: Endpoints
    signer: TokenSigner
    converters: Converters = _NO_CONVERTERS
    legacy: bool = False
    _root: tuple[int, str, Body] | None = None

    def root(self, mount: str) -> Body:
        """The root page: a resource with a form or link for each function and class.

        It names its own absolute path, so that it means the same with and without the trailing
        slash of its URL. REQ-OLD-1.
        """
        cached = self._root
        if cached is not None and cached[0] == self.endpoints.version and cached[1] == mount:
            return cached[2]
        version, table = self.endpoints.snapshot()
        offers = {
            name: endpoint.offer
            for name, endpoint in table.items()
            if isinstance(endpoint, FunctionEndpoint) or not endpoint.hidden
        }
        page = pack_body(Resource(offers, url=f"{quote(mount)}/"))
        self._root = version, mount, page
        return page

    def pack(self, value: object, mount: str, *, partial: bool = False) -> Body:
        """The message for a result.

        Raises Unservable, naming the object and where it stands, for what is neither registered
        nor data, and for a page that cannot be made.
        """
        return self.message(mount, partial=partial).pack(value)

    def message(self, mount: str, *, partial: bool = False) -> Message:
        """One message in the making."""
        return Message(self, f"{quote(mount)}/", partial)

    def token(
        self, endpoint: ClassEndpoint, instance: object, maker: TokenMaker | None = None
    ) -> str:
        """The reference to an instance. Raises Unservable if it has none."""
        try:
            state = endpoint.state.read(instance)
            maker = maker or self.signer.maker(endpoint.name)
            return maker.make(state, self._in_state)
        except (ConfigurationError, RemoteError):
            raise
        except Exception as error:
            raise Unservable(f"there is no reference to {describe(instance)}: {error}") from error

    def home(self, endpoint: ClassEndpoint, instance: object) -> str | None:
        """The root of the service where an instance lives; None: here. Raises Unservable."""
        if endpoint.home is None:
            return None
        try:
            return endpoint.home(endpoint.state.read(instance))
        except RemoteError:
            raise
        except Exception as error:
            raise Unservable(f"where is {describe(instance)}? {error}") from error

    def _in_state(self, value: object) -> object:
        """What stands in a state for a value that the codec does not know."""
        converter = self.converter_of(type(value))
        if converter is not None:
            return converter(value)
        endpoint = self.endpoints.of_class(type(value))
        if endpoint is None:
            raise TypeError(f"its state holds {describe(value)}; {_hint(value)}")
        return Link(f"/{endpoint.url}/{self.token(endpoint, value)}/")

    def converter_of(self, cls: type) -> Callable[[Any], Any] | None:
        """The function given for a type or the nearest of its bases."""
        if not self.converters:
            return None
        return next(
            (self.converters[base] for base in cls.__mro__ if base in self.converters), None
        )


def _hint(value: object) -> str:
    if hasattr(value, "read"):
        return "return hyperglyph.blob(it, content_type)"
    return f"convert it, or give Router(convert={{{type(value).__name__}: ...}})"


@attrs.define(eq=False, slots=False)
class Message:
    """One message: what its objects become under a prefix, and which profiles it has had."""

    pages: Pages
    prefix: str
    partial: bool
    #: Whether the message is made for its tag, and its forms name none.
    versions: bool = False
    _seen: set[str] = attrs.field(factory=set[str])
    _foreign: set[str] = attrs.field(factory=set[str])
    _listings: dict[type, _Listing] = attrs.field(factory=dict[type, "_Listing"])
    _refused: tuple[object, str] | None = None

    def pack(self, value: object) -> Body:
        """Encode a result. Raises Unservable."""
        try:
            return pack_body(value, default=self.convert)
        except EncodeError as error:
            reason = error.reason if self._refused is None else self._refused[1]
            raise Unservable(f"{reason} (at {error.path})") from None

    def convert(self, value: object) -> object:
        """What stands in the message for an object that the codec does not know.

        A value that cannot be there is returned as it is: the encoder knows its place.
        """
        cls = type(value)
        listing = self._listings.get(cls)
        if listing is not None:
            return listing.resource(value)
        pages = self.pages
        if cls in pages.converters:
            return pages.converters[cls](value)
        endpoint = pages.endpoints.of_class(cls)
        if endpoint is not None:
            return self.page(endpoint, value)
        if isinstance(value, To):
            return self._to(value)
        wire: Callable[[Any], Extension] | None = getattr(cls, "__glyph_wire__", None)
        if wire is not None:  # an object of another service, held through a client
            return self._from_elsewhere(wire(value))
        if callable(value):
            try:
                return self._offer(value)
            except _NoURL:
                return self._refuse(value, f"the result holds {describe(value)}, {_NOT_THERE}")
        converter = pages.converter_of(cls)
        if converter is not None:
            return converter(value)
        if is_record(value):
            return self._record(value)
        return self._refuse(value, _why_not(value))

    def _from_elsewhere(self, extension: Extension) -> Extension:
        profile: object = extension.attributes.get("profile")
        if isinstance(profile, str):
            # It may come first of its profile, and none of ours may take its forms from it.
            self._foreign.add(profile)
            self._listings.clear()
        return extension

    def _refuse(self, value: object, reason: str) -> object:
        self._refused = value, reason
        return value

    # --- instances ----------------------------------------------------------------------------

    def url(self, value: object) -> str | None:
        """Where the result is found by GET: of instances and links. None if it has no URL."""
        if isinstance(value, To) and not value.is_form:
            value = self._to(value)
        if isinstance(value, Link | Resource):
            return value.url
        wire: Callable[[Any], Extension] | None = getattr(type(value), "__glyph_wire__", None)
        if wire is not None:
            extension = wire(value)
            return extension.url if isinstance(extension, Link | Resource) else None
        endpoint = self.pages.endpoints.of_class(type(value))
        return None if endpoint is None else self._path(endpoint, value)

    def elsewhere(self, value: object) -> str | None:
        """The URL of an instance that lives at another service; None for all else."""
        endpoint = self.pages.endpoints.of_class(type(value))
        home = None if endpoint is None else self.pages.home(endpoint, value)
        return None if endpoint is None or home is None else self._below(home, endpoint, value)

    def _path(self, endpoint: ClassEndpoint, instance: object) -> str:
        return self._below(self.pages.home(endpoint, instance) or self.prefix, endpoint, instance)

    def _below(self, root: str, endpoint: ClassEndpoint, instance: object) -> str:
        return f"{root}{endpoint.url}/{self.pages.token(endpoint, instance)}/"

    def _visitor(self, home: str, endpoint: ClassEndpoint, instance: object) -> Resource | Link:
        """What stands for an instance that lives at another service, which has its data."""
        url = self._below(home, endpoint, instance)
        if not self.partial:
            return Link(url)
        name = endpoint.name
        profile = {} if name in self._foreign else {"profile": name}
        return Resource.from_wire("resource", {"url": url, **profile, "partial": True}, {})

    def page(self, endpoint: ClassEndpoint, instance: object) -> Extension:
        """The page of an instance; partial if the message has had one of its kind already.

        REQ-PART-2 and REQ-PART-7.
        """
        if endpoint.home is not None:
            home = self.pages.home(endpoint, instance)
            if home is not None:
                return self._visitor(home, endpoint, instance)
        name = endpoint.name
        if self._is_listed(endpoint):
            listing = _Listing(self.pages, endpoint, f"{self.prefix}{endpoint.url}/")
            if endpoint.home is None:
                self._listings[type(instance)] = listing
            return listing.resource(instance)
        url = self._below(self.prefix, endpoint, instance)
        self._seen.add(name)
        attributes = {"url": url, "name": name, "profile": name}
        if endpoint.doc:
            attributes["doc"] = endpoint.doc
        content = _data_of(endpoint, instance)
        content.update(endpoint.offers)
        for embedded, method in endpoint.embedded.items():
            content[embedded] = _embedded(endpoint, method, instance, method.doc)
        resource = Resource.from_wire("resource", attributes, content)
        if endpoint.conditional and not self.versions:
            version = self.version(resource)
            for name in endpoint.conditional:
                content[name] = _if_unchanged(endpoint.offers[name], version)
        return resource

    def _is_listed(self, endpoint: ClassEndpoint) -> bool:
        """Whether the message has the forms and links of a class, which its instances share."""
        name = endpoint.name
        if endpoint.conditional:  # these forms are each instance's own
            return False
        return self.partial and name in self._seen and name not in self._foreign

    def version(self, page: object) -> str:
        """The version that the forms on the page of an instance name: the tag of the page as it
        would be if they named none. Raises Unservable.
        """
        message = Message(self.pages, self.prefix, partial=False, versions=True)
        body = message.pack(page)
        if body.rest is not None:
            raise Unservable("a page with a blob in it has no version that if_unchanged could name")
        return etag_of(body.root)

    def _record(self, value: object) -> object:
        """The fields of a value that is data with names. REQ-OLD-5."""
        cls = type(value)
        for base in cls.__mro__[1:]:
            if self.pages.endpoints.of_class(base) is not None:
                return self._refuse(value, _why_not(value))
        hidden = hidden_names(cls)
        names = (name for name in (fields_of(cls) or {}).values() if not name.startswith("_"))
        content = {name: getattr(value, name) for name in names if name not in hidden}
        return content if self.pages.legacy else Resource(content)

    # --- forms and links ----------------------------------------------------------------------

    def _place(self, target: object) -> tuple[FunctionEndpoint, str]:
        """The endpoint of a function, class or bound method, and where it is. Raises _NoURL."""
        endpoint = self.pages.endpoints.of_target(target)
        if isinstance(endpoint, ClassEndpoint):
            if endpoint.hidden:
                raise _NoURL
            return endpoint.constructor, self.prefix
        if endpoint is not None:
            return endpoint, self.prefix
        if isinstance(target, MethodType):
            instance: object = target.__self__
            owner = self.pages.endpoints.of_class(type(instance))
            method = None if owner is None else owner.method_of(target.__func__)
            if owner is not None and method is not None:
                return method, self._path(owner, instance)
        raise _NoURL

    def _offer(self, target: object) -> Form | Link:
        endpoint, prefix = self._place(target)
        return endpoint.offer_at(prefix)

    def _to(self, to: To) -> object:
        target = to.target
        owner = self.pages.endpoints.of_class(type(target))
        if owner is not None and not to.is_form:
            return Link(self._path(owner, target))
        try:
            endpoint, prefix = self._place(target)
        except _NoURL:
            kind = "form" if to.is_form else "link"
            return self._refuse(
                to, f"the result holds a {kind} to {describe(target)}, {_NOT_THERE}"
            )
        if to.is_form:
            return endpoint.form_at(prefix)
        if not endpoint.marks.safe or endpoint.parameters.required:
            return self._refuse(
                to, f"{endpoint.name} is not safe to follow or needs arguments: it has no link"
            )
        return endpoint.link_at(prefix)


class _Listing:
    """Makes the partial resources of a class in one message, and keeps what is the same in all.

    REQ-PART-3.
    """

    __slots__ = ("_endpoint", "_maker", "_pages", "_root")

    def __init__(self, pages: Pages, endpoint: ClassEndpoint, root: str) -> None:
        self._pages = pages
        self._endpoint = endpoint
        self._root = root
        self._maker = pages.signer.maker(endpoint.name)

    def resource(self, instance: object) -> Extension:
        """What stands for an instance whose forms and links the message has already."""
        endpoint = self._endpoint
        url = f"{self._root}{self._pages.token(endpoint, instance, self._maker)}/"
        content = _data_of(endpoint, instance)
        for embedded, method in endpoint.embedded.items():
            content[embedded] = _embedded(endpoint, method, instance, "")
        return endpoint.listed.fill(url, content)


def _if_unchanged(offer: Form | Link, version: str) -> Form | Link:
    headers = {**offer.headers, "If-Match": version}
    return type(offer).from_wire(
        offer.name, {**offer.attributes, "headers": headers}, offer.content
    )


def _why_not(value: object) -> str:
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        return "the result holds a generator, which is sent only as the whole result: make a list"
    if inspect.iscoroutine(value):
        value.close()  # or Python warns that nobody awaited it
        return "the result holds a coroutine: await it, and return what it gives"
    return (
        f"the result holds {describe(value)}, which is neither registered nor data; {_hint(value)}"
    )


def _data_of(endpoint: ClassEndpoint, instance: object) -> dict[str, Any]:
    """The public data of an instance: its own attributes, then those of its class.

    Raises Unservable for an attribute with the name of a method, and for one that raises.
    """
    members = endpoint.members
    content: dict[str, Any] = dict(getattr(instance, "__dict__", ()))
    if not members.shown.issuperset(content):
        for name in content.keys() - members.shown:
            if name in members.methods:
                raise Unservable(f"{describe(instance)}: {name} is a method and an attribute")
            if not members.shows(name):
                del content[name]
    for name in members.data:
        # What is computed once and kept has to stand in the same place every time.
        content.pop(name, None)
        try:
            content[name] = getattr(instance, name)
        except Exception as error:
            if isinstance(error, AttributeError) and _may_be_unset(type(instance), name):
                continue
            if _is_downstream(error):
                raise
            raise Unservable(
                f"{endpoint.name}.{name} raised {type(error).__name__} in a page"
            ) from error
    return content


def _may_be_unset(cls: type, name: str) -> bool:
    """Whether an attribute that is not there is a slot or field, not a property that failed."""
    member = inspect.getattr_static(cls, name, None)
    return not isinstance(member, property | cached_property) and (
        member is None or isinstance(member, MemberDescriptorType)
    )


def _is_downstream(error: Exception) -> bool:
    """Whether it tells of a call to another service, which the router answers with 502."""
    return isinstance(error, TransportError) or (isinstance(error, RemoteError) and error.received)


def _embedded(
    endpoint: ClassEndpoint, method: FunctionEndpoint, instance: object, doc: str
) -> Link:
    try:
        content = method.function(instance)
    except Exception:  # the page is worth having without it
        logger.warning("%s.%s could not be embedded", endpoint.name, method.name, exc_info=True)
        return method.link_at("")
    return documented(Link(method.url, inline=True, content=content), doc)
