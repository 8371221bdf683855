"""Who asks: what `Router(authenticate=...)` makes of a request, before anything is looked up.

Standard, section 19.2 (REQ-STATUS-18).
"""

from __future__ import annotations

import binascii
import inspect
from base64 import b64decode
from collections.abc import Callable
from typing import Any, Final

import attrs

from hyperglyph.transport.http.messages import Caller, Incoming
from hyperglyph.transport.http.status import Unauthorized, checked_challenge

from .calls import Call
from .running import Running

__all__ = ["Authenticate", "Guard", "basic_credentials"]

#: The principal of a request, or None for nobody. May be a coroutine function.
Authenticate = Callable[[Incoming], Any]

_VARY: Final = "Accept, Accept-Encoding, Authorization"


@attrs.frozen
class Guard:
    """Asks the author's function. Without one everybody may come in, and is nobody."""

    authenticate: Authenticate | None
    #: The WWW-Authenticate of a 401 that names none of its own.
    challenge: str = attrs.field(validator=lambda _, __, value: checked_challenge(value))

    def __attrs_post_init__(self) -> None:
        given = self.authenticate
        if given is not None and not callable(given):
            raise TypeError(f"authenticate is a function, not {type(given).__name__}")

    @property
    def vary(self) -> str:
        """What an answer to GET depends on: whoever tells users apart may do so by a cookie."""
        return _VARY if self.authenticate is None else f"{_VARY}, Cookie"

    async def principal(self, call: Call, running: Running) -> Any:
        """Who asks. Raises Unauthorized for nobody, and what the function raises."""
        if self.authenticate is None:
            return None
        principal = self.authenticate(call.request)
        if inspect.iscoroutine(principal):
            # Whoever watches the caller takes the body, which is still to be read.
            principal = await running.wait(principal, call, Caller())
        if principal is None:
            raise Unauthorized("this service answers only to those it knows: who are you?")
        return principal


def basic_credentials(request: Incoming) -> tuple[str, str] | None:
    """The user name and password of HTTP's basic authentication (RFC 7617, in UTF-8).

    None if the request has none, or none that can be read. Comparing the password is the caller's:
    with `hmac.compare_digest`, or better by its hash.
    """
    values = request.values("authorization")
    if len(values) != 1:
        return None
    scheme, _, encoded = values[0].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None
