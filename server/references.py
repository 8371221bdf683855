"""From a token back to an instance, and from a received reference to the instance it means.

Standard, section 17 (REQ-REF-6, REQ-REF-7).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from urllib.parse import unquote, urlsplit

import attrs

from hyperglyph.codec import Link, Resource
from hyperglyph.transport.http.messages import Incoming
from hyperglyph.transport.http.status import BadRequest, ClientError

from .endpoints import ClassEndpoint, FunctionEndpoint, Unservable
from .homes import has_authority, is_here, repeated_at
from .moved import Moved
from .state import TokenSigner
from .table import Endpoints, Place

__all__ = ["References"]


@attrs.frozen
class References:
    """Makes instances for one service.

    A class may define `__glyph_home__` (see `homes`), and `__glyph_open__(cls, state)`, which
    returns a context manager: it is entered with the instance and left, with the exception if
    there is one, before the answer goes out.
    """

    endpoints: Endpoints
    signer: TokenSigner
    legacy: bool = False

    def instance(self, owner: ClassEndpoint, token: str, stack: ExitStack) -> object:
        """The instance that a token means.

        Raises BadRequest or StaleReference, and what the author's constructor raises.
        REQ-REF-2 and REQ-RES-6.
        """
        return self.opened(owner, self.signer.read(owner.name, token), stack)

    def elsewhere(self, place: Place, request: Incoming) -> str | None:
        """The URL at another service of what a request asks for, if the instance lives there.

        Raises BadRequest or StaleReference for its token.
        """
        owner, token = place.owner, place.token
        if owner is None or owner.home is None or token is None:
            return None
        home = self._home(owner, token)
        if home is None:
            return None
        if is_here(home, request):
            raise Unservable(
                f"{owner.cls.__qualname__}.__glyph_home__ returned the URL of this very service: "
                "None is for what lives here"
            )
        return repeated_at(home, request)

    def _home(self, owner: ClassEndpoint, token: str) -> str | None:
        state: Mapping[str, Any] = self.signer.read(owner.name, token)
        if owner.home is None:
            return None
        if not hasattr(owner.cls, "__glyph_open__"):
            state = owner.state.complete(state)
        return owner.home(state)

    def opened(self, owner: ClassEndpoint, state: Mapping[str, Any], stack: ExitStack) -> object:
        """The instance of a state. Raises StaleReference, and what the constructor raises."""
        opener: Any = getattr(owner.cls, "__glyph_open__", None)
        if opener is not None:
            opened: AbstractContextManager[object] = opener(state)
            return stack.enter_context(opened)
        arguments = owner.state.arguments(state)
        for name, value in arguments.items():
            if isinstance(value, Link):  # an instance in the state of another
                arguments[name] = self._meant(owner.constructor, name, value, stack)
        return owner.cls(**arguments)

    def arguments(
        self,
        call: FunctionEndpoint,
        given: Mapping[str, Any],
        request: Incoming,
        stack: ExitStack,
    ) -> Mapping[str, Any]:
        """Arguments as the function wants them.

        A reference becomes the instance where the parameter is annotated with its class or a base
        of it; all other links and resources stay data, those for `object`, too. Bytes become text
        where the parameter is annotated `str`: the 2012 Python implementation sends text so.
        REQ-URL-15 and REQ-OLD-4.
        """
        changed: dict[str, Any] = {}
        for name, value in given.items():
            if isinstance(value, bytes):
                hint = call.hints.get(name, ())
                if str in hint or (self.legacy and hint in ((), (Any,))):
                    changed[name] = _text(name, value)
            elif isinstance(value, Link | Resource):
                host = request.header("host") or ""
                changed[name] = self._meant(
                    call, name, value, stack, mount=request.mount, host=host
                )
        return {**given, **changed} if changed else given

    def _meant(
        self,
        call: FunctionEndpoint,
        name: str,
        value: Link | Resource,
        stack: ExitStack,
        *,
        mount: str = "",
        host: str | None = None,
    ) -> object:
        hints = call.hints.get(name, ())
        # Whoever writes `object` takes anything, and has asked for no instance.
        classes = [hint for hint in hints if isinstance(hint, type) and hint is not object]
        if not classes:
            return value
        try:
            place = self._place(value.url, mount, host)
        except ValueError:  # no text, or no URL
            return value
        if place is None or not issubclass(place[0].cls, tuple(classes)):
            return value
        try:
            return self.instance(*place, stack)
        except Moved as moved:  # that object has, not the call
            raise BadRequest(
                f"{name!r} refers to an object that has moved to {moved.url}: "
                "reload it, and send it anew"
            ) from None

    def _place(
        self, url: str | None, mount: str, host: str | None
    ) -> tuple[ClassEndpoint, str] | None:
        """The class and token in a URL, if it is one of this service."""
        split = urlsplit(url or "")
        if host is None:
            if split.scheme or split.netloc:
                return None
        elif not has_authority(url or "", host):
            return self._visitor(url or "")
        path = unquote(split.path)
        if split.query or not path.startswith(f"{mount}/"):
            return None
        place = self.endpoints.find(path[len(mount) :])
        if place is None or place.owner is None or place.call is not None or place.token is None:
            return None
        return place.owner, place.token

    def _visitor(self, url: str) -> tuple[ClassEndpoint, str] | None:
        """The class and token in the URL of an instance that lives at another service, if it is
        spelled as pages of this service spell it.
        """
        root, *parts = url.rsplit("/", 3)
        place = self.endpoints.find("/".join(["", *map(unquote, parts)]))
        if place is None or place.owner is None or place.call is not None or place.token is None:
            return None
        owner, token = place.owner, place.token
        if owner.home is None:
            return None
        try:
            home = self._home(owner, token)
        except ClientError:  # of a service with another secret: a link like any other
            return None
        return (owner, token) if home == f"{root}/" else None


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadRequest(f"the argument {name!r} is text, and not UTF-8") from None
