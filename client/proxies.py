"""What a caller holds in the place of links, forms and resources.

A proxy has no public names of its own: they all belong to its content. What there is to know about
it, the functions `url_of`, `content_of`, `reload` and `client_of` tell. Only calls make requests,
and a name that a partial resource does not have yet.

Standard, section 14: REQ-LINK-1 to REQ-LINK-3, REQ-INPUT-1, REQ-INPUT-2, REQ-RES-1 to REQ-RES-5.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Never, Self, cast

from hyperglyph.codec import Extension, Form, Input, Link, Resource
from hyperglyph.transport.http.binding import bind_arguments, signature_of
from hyperglyph.transport.http.forms import conditions_of_link, headers_of_link, pack
from hyperglyph.transport.http.shapes import is_dict, is_list, is_mapping
from hyperglyph.transport.http.urls import Base

from .shown import (
    describe_form,
    describe_link,
    describe_resource,
    names_shown,
    printable,
    record,
    table,
)

if TYPE_CHECKING:
    from .core import BaseClient
    from .page import Page

__all__ = ["PLAIN", "FormProxy", "LinkProxy", "Proxy", "ResourceProxy"]


#: Values without anything inside.
PLAIN = frozenset({str, int, float, bool, type(None), bytes, datetime, timedelta})


class Proxy:
    """What all proxies share. Equal by type, URL and attributes; hashed by URL.

    References are resolved against the base, which the page writes; where they may lead depends on
    the URL that the page came from.
    """

    __slots__ = ("__weakref__", "_base", "_extension", "_name", "_own", "_page")

    def __init__(
        self, page: Page, extension: Extension, base: Base, name: str | None = None
    ) -> None:
        self._page = page
        self._extension = extension
        self._base = base
        self._name = name
        self._own: Base | None = None

    @property
    def _client(self) -> BaseClient[Any]:
        return self._page.client

    def _resolved(self) -> str:
        """The proxy's URL, joined when it is asked for. Raises ValueError."""
        return self._inside().url()

    def _inside(self) -> Base:
        """The base of what is inside. Raises ValueError if it is not text."""
        if self._own is None:
            reference = cast("Form | Link | Resource", self._extension).url
            self._own = self._base.moved(reference)
        return self._own

    def _key(self) -> str | None:
        """The URL, None for one that is broken: comparing does not raise."""
        try:
            return self._resolved()
        except ValueError:
            return None

    def _identity(self) -> tuple[Any, ...]:
        attributes = self._extension.attributes
        # The same object may be in one page whole, and partial, without its label, in another.
        kept = {k: v for k, v in attributes.items() if k not in ("url", "partial", "name", "doc")}
        key = self._key()
        return type(self), attributes.get("url") if key is None else key, kept

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Proxy):
            return NotImplemented
        return self is other or self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._key())

    def __bool__(self) -> bool:
        return True

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError(
            "a proxy belongs to its client and cannot be pickled: "
            "keep hyperglyph.url_of(it), and get() that URL again"
        )

    def __glyph_wire__(self) -> Extension:
        """What stands for it in the result of a server that holds it: itself, found from anywhere.

        Raises ValueError for a URL that is none.
        """
        extension = self._extension
        attributes = {**extension.attributes, "url": self._resolved()}
        return type(extension).from_wire(extension.name, attributes, extension.content)

    def _called(self, kind: str) -> str:
        """The name by which the proxy was found, else what its URL ends with."""
        if self._name is not None:
            return self._name
        return (self._key() or "").partition("?")[0].rpartition("/")[2] or kind


class FormProxy(Proxy):
    """A form as a function: calling it binds arguments and sends them."""

    __slots__ = ("_cached",)

    _cached: tuple[Input, ...]

    @property
    def _inputs(self) -> tuple[Input, ...]:
        """The form's inputs, read once. Raises ValueError if they are malformed."""
        try:
            return self._cached
        except AttributeError:
            self._cached = tuple(map(self._with_proxies, self._form.inputs))
            return self._cached

    def _with_proxies(self, entry: Input) -> Input:
        # A default that travelled goes back; a request has no base (REQ-URL-4, REQ-URL-14).
        value = entry.value
        if not (is_list(value) or is_dict(value) or isinstance(value, Extension)):
            return entry
        from .page import wrap

        wrapped = wrap(value, self._base, self._page)
        return Input.from_wire("input", {**entry.attributes, "value": wrapped}, None)

    @property
    def __signature__(self) -> inspect.Signature:
        return signature_of(self._inputs)

    @property
    def __name__(self) -> str:
        return self._called("form")

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return describe_form(self.__name__, self._form, self._inputs, self._resolved())

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        # The mark of a routine, for which `help()` shows name and signature.
        return self

    @property
    def _form(self) -> Form:
        return cast("Form", self._extension)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        from .about import to_wire

        form = self._form
        bound = bind_arguments(printable(self.__name__, 80), self._inputs, args, kwargs)
        url = self._resolved()
        return self._client._exchange(  # pyright: ignore[reportPrivateUsage]
            lambda target: pack(form, target, bound, to_wire), url, self._page.url
        )

    def __repr__(self) -> str:
        try:
            signature = printable(str(self.__signature__), 200)
            return f"<form {printable(self.__name__)}{signature} {printable(self._resolved())}>"
        except ValueError as error:
            return f"<form, broken: {printable(str(error))}>"


class LinkProxy(Proxy):
    """A link as a function without arguments: calling it asks for what it leads to."""

    __slots__ = ("_answer",)

    _answer: Any

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.Signature()

    @property
    def __name__(self) -> str:
        return self._called("link")

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return describe_link(self._link, self._resolved())

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        return self  # as for forms

    @property
    def _link(self) -> Link:
        return cast("Link", self._extension)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        bind_arguments(printable(self.__name__, 80), (), args, kwargs)
        link = self._link
        if link.method != "GET":
            raise ValueError(f"link: it is safe to follow only with GET, not {link.method!r:.40}")
        if link.inline:
            return self._client._held(  # pyright: ignore[reportPrivateUsage]
                self._inlined, self.__name__
            )
        conditions = conditions_of_link(link)
        return self._client._follow(  # pyright: ignore[reportPrivateUsage]
            self._resolved(),
            self._page.url,
            (*headers_of_link(link), *conditions),
            unchanged=self._inlined if conditions else None,
        )

    def _inlined(self) -> Any:
        try:
            return self._answer
        except AttributeError:
            from .page import wrap

            self._answer = wrap(self._extension.content, self._inside(), self._page, self._name)
            return self._answer

    def __repr__(self) -> str:
        try:
            return f"<link {printable(self.__name__)}() {printable(self._resolved())}>"
        except ValueError as error:
            return f"<link, broken: {printable(str(error))}>"


class ResourceProxy(Proxy):
    """An object of the server: its content by attribute, or by item for any name.

    A partial one, of a listing, has its own data, and the forms and links that the first of its
    kind in the same message has. For any other name it asks once for what is at its URL.
    """

    __slots__ = ("_asked", "_full", "_wrapped")

    def __init__(
        self, page: Page, extension: Extension, base: Base, name: str | None = None
    ) -> None:
        Proxy.__init__(self, page, extension, base, name)  # `super()` finds it, and takes longer
        self._wrapped: dict[str, Any] | None = None
        self._full: ResourceProxy | None = None
        self._asked: Any = None  # a call for it, which others may wait for, too

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        url = None if self._is_record else self._key()
        return describe_resource(self, self._kind, url, self._first or self._extension)

    @property
    def _kind(self) -> str:
        """What to call it: its profile, where that is a word."""
        profile = self._extension.attributes.get("profile")
        if isinstance(profile, str) and profile.isidentifier() and len(profile) <= 60:
            return profile
        return "record" if self._is_record else "resource"

    @property
    def _content(self) -> Mapping[Any, Any]:
        content: object = self._extension.content
        if not is_mapping(content):
            raise ValueError("resource: its content is not a dict")
        return content

    @property
    def _offers(self) -> Mapping[str, Extension]:
        """What it has from the first full resource of its profile."""
        first = self._first
        return {} if first is None else self._page.offers(first.profile)

    @property
    def _first(self) -> Resource | None:
        """The first full resource of the profile of a partial one."""
        attributes = self._extension.attributes
        profile = attributes.get("profile")
        if attributes.get("partial") is not True or not isinstance(profile, str):
            return None
        return self._page.profiles.get(profile)

    def __glyph_wire__(self) -> Extension:
        content = {**self._content, **self._offers}
        attributes = {k: v for k, v in self._extension.attributes.items() if k != "partial"}
        if self._is_record:  # what is inside may be relative to where it stood
            content = {name: self._local(name) for name in content}
        else:
            attributes["url"] = self._resolved()
        return Resource.from_wire("resource", attributes, content)

    def _names(self) -> list[Any]:
        """All names there are, the resource's own first; no request is made."""
        names = dict.fromkeys(self._content)
        names.update(dict.fromkeys(self._offers))
        if self._full is not None:
            names.update(dict.fromkeys(self._full._content))
        return list(names)

    def _local(self, name: Any) -> Any:
        """What is here under a name. Raises KeyError, and makes no request."""
        try:
            value = self._content[name]
        except KeyError:
            value = self._offers[name]
        if type(value) in PLAIN:  # nothing to wrap, and no URL to join for it
            return value
        if self._wrapped is None:
            self._wrapped = {}
        elif name in self._wrapped:
            return self._wrapped[name]
        from .page import wrap

        wrapped = wrap(value, self._inside(), self._page, name if isinstance(name, str) else None)
        return self._wrapped.setdefault(name, wrapped)

    def _here(self, name: Any) -> Any:
        """What is here under a name, or in the whole where that has been fetched. Raises KeyError,
        and makes no request.
        """
        try:
            return self._local(name)
        except KeyError:
            if self._full is None:
                raise
        return self._full._local(name)

    def _fetched(self, name: Any, missing: Callable[[Any], Exception]) -> Any:
        """What the whole of a partial resource has under a name; it is asked for once.

        Raises what `missing` makes of a name that is not there. REQ-PART-5 and REQ-PART-6.
        """
        if self._extension.attributes.get("partial") is not True or self._is_record:
            raise missing(name)
        client = self._client

        def found(whole: ResourceProxy) -> Any:
            try:
                return whole._local(name)
            except KeyError:
                raise missing(name) from None

        whole: Any = self._full
        if whole is None:
            if self._asked is None or self._asked._failed:
                url = self._resolved()
                asked = client._follow(url, self._page.url)  # pyright: ignore[reportPrivateUsage]
                whole = client._after(asked, self._complete)  # pyright: ignore[reportPrivateUsage]
                self._asked = whole if self._full is None else None
            else:
                whole = self._asked
        return client._after(whole, found)  # pyright: ignore[reportPrivateUsage]

    def _complete(self, whole: Any) -> ResourceProxy:
        if not isinstance(whole, ResourceProxy):
            url = printable(self._resolved())
            raise ValueError(  # noqa: TRY004 - of the answer, not of an argument
                f"what is at {url} is not a resource any more"
            )
        self._full = whole
        self._asked = None
        return whole

    def __getitem__(self, name: Any) -> Any:
        try:
            return self._local(name)
        except KeyError:
            pass
        return self._fetched(name, KeyError)

    def __getattr__(self, name: str) -> Any:
        # Names of the interpreter's own protocols never come from a page.
        if not name.startswith("_"):
            content: object = self._extension.content
            value = content.get(name) if is_dict(content) else None
            if value is not None and type(value) in PLAIN:  # sooner than by the steps below
                return value
            try:
                return self._local(name)
            except KeyError:
                pass
            return self._fetched(name, self._no_attribute)
        raise AttributeError(name, name=name, obj=self)

    def _no_attribute(self, name: str) -> AttributeError:
        where = "the record" if self._is_record else f"the {self._kind} at {self._key()}"
        there_is = names_shown(sorted(self._names(), key=str)) or "nothing"
        return AttributeError(
            f"{printable(where)} has no {name!r}; there is: {there_is}", name=name, obj=self
        )

    def __dir__(self) -> list[str]:
        return sorted(
            name
            for name in self._names()
            if isinstance(name, str) and name.isidentifier() and name[0] != "_"
        )

    def __iter__(self) -> Iterator[Any]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __contains__(self, name: object) -> bool:
        return name in self._names()

    @property
    def _is_record(self) -> bool:
        """Whether it is data without a URL of its own."""
        return self._extension.attributes.get("url") is None

    def _identity(self) -> tuple[Any, ...]:
        if not self._is_record:
            return super()._identity()
        content = {name: self[name] for name in self._names()}
        return type(self), None, self._extension.attributes, content

    def __hash__(self) -> int:
        if self._is_record:
            raise TypeError("a record, a resource without a URL, cannot be hashed")
        return super().__hash__()

    def __repr__(self) -> str:
        try:
            if self._is_record:
                return f"<{self._kind}: {record(self)}>"
            names = names_shown(self._names(), 10)
            return f"<{self._kind} {printable(self._resolved())}: {names}>"
        except ValueError as error:
            return f"<resource, broken: {printable(str(error))}>"

    def _repr_html_(self) -> str:
        """A small table of what it offers, for notebooks."""
        return table(self, self._kind, None if self._is_record else self._key())

    def _ipython_key_completions_(self) -> list[Any]:
        return self._names()
