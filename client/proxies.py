"""What a caller holds in the place of links, forms and resources.

A proxy has no public names of its own: they all belong to its content. What there is to know about
it, the functions `url_of`, `content_of`, `reload` and `client_of` tell.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Never, cast

from hyperglyph.codec import MISSING, Extension, Form, Input, Link, Resource
from hyperglyph.transport.http.binding import bind_arguments, signature_of
from hyperglyph.transport.http.forms import pack
from hyperglyph.transport.http.urls import resolve

if TYPE_CHECKING:
    from .client import Client

__all__ = [
    "FormProxy",
    "LinkProxy",
    "Proxy",
    "ResourceProxy",
    "client_of",
    "content_of",
    "reload",
    "to_wire",
    "url_of",
]


class Proxy:
    """What all proxies share. Equal by type, URL and attributes; hashed by URL."""

    __slots__ = ("__weakref__", "_base", "_client", "_extension", "_name", "_url")

    def __init__(
        self, client: Client, extension: Extension, base: str, name: str | None = None
    ) -> None:
        self._client = client
        self._extension = extension
        self._base = base
        self._name = name
        self._url: str | None = None

    def _resolved(self) -> str:
        """The proxy's URL, joined when it is first asked for. Raises ValueError."""
        if self._url is None:
            reference = cast("Form | Link | Resource", self._extension).url
            self._url = resolve(self._base, reference)
        return self._url

    def _identity(self) -> tuple[Any, ...]:
        attributes = {k: v for k, v in self._extension.attributes.items() if k != "url"}
        return type(self), self._resolved(), attributes

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Proxy):
            return NotImplemented
        return self is other or self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._resolved())

    def __bool__(self) -> bool:
        return True

    def __copy__(self) -> Proxy:
        return self

    def __deepcopy__(self, memo: object) -> Proxy:
        return self

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError(
            "a proxy belongs to its client and cannot be pickled: "
            "keep hyperglyph.url_of(it), and get() that URL again"
        )


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
            self._cached = self._form.inputs
            return self._cached

    @property
    def __signature__(self) -> inspect.Signature:
        return signature_of(self._inputs)

    @property
    def __name__(self) -> str:
        return self._name or self._resolved().partition("?")[0].rpartition("/")[2] or "form"

    @property
    def _form(self) -> Form:
        return cast("Form", self._extension)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        form = self._form
        bound = bind_arguments(self.__name__, self._inputs, args, kwargs)
        url = self._resolved()
        return self._client._exchange(  # pyright: ignore[reportPrivateUsage]
            lambda target: pack(form, target, bound, to_wire), url, self._base
        )

    def __repr__(self) -> str:
        try:
            return f"<form {self.__name__}{self.__signature__} {self._resolved()}>"
        except ValueError as error:
            return f"<form, broken: {error}>"


class LinkProxy(Proxy):
    """A link as a function without arguments: calling it asks for what it leads to."""

    __slots__ = ("_answer",)

    _answer: Any

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.Signature()

    @property
    def __name__(self) -> str:
        return self._name or self._resolved().partition("?")[0].rpartition("/")[2] or "link"

    @property
    def _link(self) -> Link:
        return cast("Link", self._extension)

    def __call__(self) -> Any:
        link = self._link
        if link.method != "GET":
            raise ValueError(f"link: it is safe to follow only with GET, not {link.method!r:.40}")
        if link.inline:
            return self._inlined()
        headers = tuple(link.headers.items())
        if any(name.lower() != "accept" for name, _ in headers):
            raise ValueError("link: it may set no header but Accept")
        return self._client._follow(  # pyright: ignore[reportPrivateUsage]
            self._resolved(), self._base, headers
        )

    def _inlined(self) -> Any:
        try:
            return self._answer
        except AttributeError:
            from .page import wrap

            self._answer = wrap(self._extension.content, self._resolved(), self._client, self._name)
            return self._answer

    def __repr__(self) -> str:
        try:
            return f"<link {self.__name__}() {self._resolved()}>"
        except ValueError as error:
            return f"<link, broken: {error}>"


class ResourceProxy(Proxy):
    """An object of the server: its content by attribute, or by item for any name."""

    __slots__ = ("_wrapped",)

    def __init__(
        self, client: Client, extension: Extension, base: str, name: str | None = None
    ) -> None:
        super().__init__(client, extension, base, name)
        self._wrapped: dict[str, Any] = {}

    @property
    def _content(self) -> Mapping[str, Any]:
        content = self._extension.content
        if not isinstance(content, Mapping):
            raise ValueError("resource: its content is not a dict")  # noqa: TRY004 - data
        return cast("Mapping[str, Any]", content)

    def __getitem__(self, name: str) -> Any:
        try:
            return self._wrapped[name]
        except KeyError:
            pass
        try:
            value = self._content[name]
        except KeyError:
            raise KeyError(name) from None
        from .page import wrap

        return self._wrapped.setdefault(name, wrap(value, self._resolved(), self._client, name))

    def __getattr__(self, name: str) -> Any:
        # Names of the interpreter's own protocols never come from a page.
        if not name.startswith("_"):
            try:
                return self[name]
            except KeyError:
                pass
            names = ", ".join(sorted(map(str, self._content))) or "none"
            raise AttributeError(
                f"the resource at {self._resolved()} has no {name!r}; there is: {names}",
                name=name,
                obj=self,
            )
        raise AttributeError(name, name=name, obj=self)

    def __dir__(self) -> list[str]:
        return [name for name in self._content if name.isidentifier() and name[0] != "_"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def __contains__(self, name: object) -> bool:
        return name in self._content

    @property
    def _is_record(self) -> bool:
        """Whether it is data without a URL of its own."""
        return self._extension.attributes.get("url") is None

    def _identity(self) -> tuple[Any, ...]:
        if not self._is_record:
            return super()._identity()
        return type(self), None, self._extension.attributes, self._extension.content

    def __hash__(self) -> int:
        if self._is_record:
            raise TypeError("a record, a resource without a URL, cannot be hashed")
        return super().__hash__()

    def __repr__(self) -> str:
        try:
            names = [str(name) for name in self._content]
            where = "" if self._is_record else f" {self._resolved()}"
        except ValueError as error:
            return f"<resource, broken: {error}>"
        shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        return f"<resource{where}: {shown}>"


def _proxy(value: object) -> Proxy:
    if not isinstance(value, Proxy):
        raise TypeError(f"not something from a page, but {type(value).__name__}")
    return value


def url_of(proxy: object) -> str:
    """The absolute URL of a link, form or resource. Raises ValueError for a record."""
    if isinstance(proxy, ResourceProxy) and proxy._is_record:  # pyright: ignore[reportPrivateUsage]
        raise ValueError("a record has no URL")
    return _proxy(proxy)._resolved()  # pyright: ignore[reportPrivateUsage]


def content_of(proxy: object) -> Any:
    """What is inside: a dict of a resource's members, or a link's inlined answer."""
    if isinstance(proxy, ResourceProxy):
        return {name: proxy[name] for name in proxy}
    if isinstance(proxy, LinkProxy):
        return proxy._inlined()  # pyright: ignore[reportPrivateUsage]
    _proxy(proxy)
    return None


def reload(proxy: Any) -> Any:
    """Ask the server for the same URL again, and return what is there now."""
    url = url_of(proxy)
    return client_of(proxy)._follow(url, url)  # pyright: ignore[reportPrivateUsage]


def client_of(proxy: object) -> Client:
    """The client through which a proxy calls."""
    return _proxy(proxy)._client  # pyright: ignore[reportPrivateUsage]


def to_wire(value: object) -> Extension:
    """What stands for a proxy in a request: the same, with its absolute URL.

    The hook for the encoder; raises TypeError for what is no proxy.
    """
    if not isinstance(value, Proxy):
        cls = type(value)
        raise TypeError(f"cannot send {cls.__module__}.{cls.__qualname__}; convert it first")
    extension = value._extension  # pyright: ignore[reportPrivateUsage]
    if isinstance(value, FormProxy):
        attributes = {**extension.attributes, "url": url_of(value)}
        return Form.from_wire("form", attributes, None)
    if isinstance(value, LinkProxy):
        return Link(url_of(value), inline=MISSING)
    url = url_of(value)
    profile = cast("Resource", extension).profile
    return Resource({}, url=url, profile=MISSING if profile is None else profile)
