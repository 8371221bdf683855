"""What an author says of a function, method or property, beside its name.

A mark is a private attribute of the function, read once, when the function or its class is
registered. It changes nothing about calling the function.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeVar, overload

import attrs

from hyperglyph.transport.http.forms import ENVELOPES, OVERRIDES

__all__ = [
    "Marks",
    "cache",
    "embed",
    "hidden",
    "hidden_names",
    "marks_of",
    "method",
    "optional",
    "redirect",
    "safe",
]

T = TypeVar("T")

_MARKS: Final = "__glyph__"
_HIDDEN: Final = "__glyph_hidden__"


@attrs.frozen
class Marks:
    """What the decorators said."""

    safe: bool = False
    embed: bool = False
    redirect: bool = False
    hidden: bool = False
    cache: str | None = None  # the Cache-Control of what it answers to GET
    method: str | None = None
    envelope: str | None = None
    own_url: bool = False  # whether it is what the method does to the object itself
    if_unchanged: bool = False  # whether its form names the version it is meant for

    def __or__(self, other: Marks) -> Marks:
        return Marks(
            self.safe or other.safe,
            self.embed or other.embed,
            self.redirect or other.redirect,
            self.hidden or other.hidden,
            other.cache or self.cache,
            *(
                (self.method, self.envelope, self.own_url, self.if_unchanged)
                if other.method is None
                else (other.method, other.envelope, other.own_url, other.if_unchanged)
            ),
        )


_NONE: Final = Marks()


def _carrier(target: object) -> object:
    """The object that holds the mark: a property has no room for one, its getter has."""
    if isinstance(target, property):
        return target.fget
    if isinstance(target, cached_property):
        return target.func
    return target


def marks_of(target: object) -> Marks:
    """The marks of a function, method or property; those of a redefinition are its own."""
    marks = getattr(_carrier(target), _MARKS, None)
    return marks if isinstance(marks, Marks) else _NONE


def _mark(target: T, marks: Marks) -> T:
    carrier = _carrier(target)
    try:
        setattr(carrier, _MARKS, marks_of(target) | marks)
    except AttributeError:
        raise TypeError(
            f"{type(target).__name__} objects cannot be decorated; decorate the function"
        ) from None
    return target


def _decorate(target: T | None, marks: Marks) -> T | Callable[[T], T]:
    if target is not None:
        return _mark(target, marks)

    def decorate(function: T) -> T:
        return _mark(function, marks)

    return decorate


@overload
def safe(target: T, /) -> T: ...
@overload
def safe() -> Callable[[T], T]: ...
def safe(target: T | None = None, /) -> T | Callable[[T], T]:
    """The call changes nothing: it is offered as a link, or as a GET form if it has parameters.

    A reader, a proxy on the way or the client itself may then repeat it. It still answers POST, so
    that forms held from before it was declared safe go on working.

    Standard, sections 14.2 and 18.1 (REQ-LINK-6, REQ-METHOD-7).
    """
    return _decorate(target, Marks(safe=True))


@overload
def embed(target: T, /) -> T: ...
@overload
def embed() -> Callable[[T], T]: ...
def embed(target: T | None = None, /) -> T | Callable[[T], T]:
    """A safe method without parameters whose result travels in the page, inside its link.

    It is called while the page is built. If it raises, the page has a plain link in its place and
    the log a line. Standard, section 14.2 (REQ-LINK-3, REQ-LINK-7).
    """
    return _decorate(target, Marks(safe=True, embed=True))


@overload
def redirect(target: T, /) -> T: ...
@overload
def redirect() -> Callable[[T], T]: ...
def redirect(target: T | None = None, /) -> T | Callable[[T], T]:
    """The call answers 303 with the URL of its result, instead of the result.

    For instances of registered classes and links. A result without a URL goes out as it is.
    """
    return _decorate(target, Marks(redirect=True))


@overload
def hidden(target: str, /, *names: str) -> Callable[[T], T]: ...
@overload
def hidden(target: T, /) -> T: ...
@overload
def hidden() -> Callable[[T], T]: ...
def hidden(target: Any = None, /, *names: str) -> Any:
    """Keep a method or property off the page, and uncallable.

    Of a class that is `@hidden`, callers make no instances: there is no constructor on the root
    page nor anywhere else, only references to instances that the service made. So of its
    subclasses.

    With names it decorates a class and keeps these attributes off its pages:
    `@hidden("password")`.
    """
    if not isinstance(target, str):
        return _decorate(target, Marks(hidden=True))
    kept = frozenset({target, *names})

    def decorate(cls: T) -> T:
        setattr(cls, _HIDDEN, kept | hidden_names(cls))
        return cls

    return decorate


def hidden_names(cls: object) -> frozenset[str]:
    """The attributes that a class or one of its bases hides by name."""
    bases: tuple[type, ...] = getattr(cls, "__mro__", ())
    return frozenset(name for base in bases for name in vars(base).get(_HIDDEN, ()))


def method(
    name: str,
    *,
    envelope: str | None = None,
    own_url: bool = False,
    if_unchanged: bool = False,
) -> Callable[[T], T]:
    """The HTTP method by which a function or method is called, and how its arguments travel.

        method          envelopes, the default first
        POST            form, none, blob                form    a dict of arguments as the body
        GET             query, none                     query   the same dict in the URL
        PUT, PATCH      blob, form                      none    no arguments
        DELETE          none, query, blob, form         blob    one file, which is the body

        @glyph.method("PUT")
        def upload(self, content): ...

    GET says that the call is safe. A blob envelope goes with functions of one parameter: it gets a
    Blob, which has arrived whole by then. With `own_url` a method of a class is what PUT, PATCH or
    DELETE of the object's own URL does; it has no URL besides, and shows on the page as a form
    under its name. With `if_unchanged`, too, the form names the version of the object on whose page
    it stands (If-Match): when that has changed since, the call is not made, and the caller gets
    PreconditionFailed.

    Raises ValueError for a method that there is not, and for an envelope that does not go with it.
    Standard, sections 18.1 and 18.3.
    """
    if name not in ENVELOPES:
        raise ValueError(f"there is no method {name!r:.40}; there are {', '.join(ENVELOPES)}")
    if envelope is not None and envelope not in ENVELOPES[name]:
        allowed = ", ".join(ENVELOPES[name])
        raise ValueError(f"the envelope {envelope!r:.40} does not go with {name}, but {allowed}")
    if own_url and name not in OVERRIDES:
        raise ValueError(f"own_url goes with PUT, PATCH and DELETE, not {name}")
    if if_unchanged and not own_url:
        raise ValueError("if_unchanged goes with own_url: it is the object that has a version")
    marks = Marks(
        safe=name == "GET",
        method=name,
        envelope=envelope,
        own_url=own_url,
        if_unchanged=if_unchanged,
    )

    def decorate(target: T) -> T:
        return _mark(target, marks)

    return decorate


def cache(*, max_age: int, public: bool = False) -> Callable[[T], T]:
    """How long caches may use an answer without asking again: `max_age` seconds.

    For safe functions and methods, and for classes, whose pages it is said of then. Without it an
    answer is kept by the caller's own cache alone, and is revalidated each time. `public` lets
    caches keep it that many share: say so only of what everybody may see.

    Raises ValueError for a negative number of seconds. Standard, section 19.4.
    """
    if isinstance(max_age, bool) or not isinstance(max_age, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"max_age is a whole number of seconds, not {type(max_age).__name__}")
    if max_age < 0:
        raise ValueError("max_age is a number of seconds from now, 0 or more")
    control = f"{'public' if public else 'private'}, max-age={max_age}"

    def decorate(target: T) -> T:
        return _mark(target, Marks(cache=control))

    return decorate


class _Optional:
    """The default of a parameter that may be left out and whose default does not travel."""

    def __repr__(self) -> str:
        return "hyperglyph.optional"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "optional"


#: `def search(text, limit=glyph.optional)`: the caller may leave it out, and then it is this.
optional: Any = _Optional()
