"""`Client(auth=...)`: a user name and password, or what the transport's library has for it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any, cast

from hyperglyph.transport.http.messages import AsyncTransport, AuthFlow, Transport

__all__ = ["authenticated"]

Headers = tuple[tuple[str, str], ...]


def authenticated(
    headers: Headers, auth: Any, transport: Transport | AsyncTransport
) -> tuple[Headers, AuthFlow | None]:
    """The user's headers with what `auth` adds to them, or how requests are authenticated.

    Raises TypeError, ValueError for what cannot be sent.
    """
    if auth is None:
        return headers, None
    if any(name.lower() == "authorization" for name, _ in headers):
        raise ValueError("give auth or the header Authorization, not both")
    if isinstance(auth, tuple):
        pair = cast("tuple[object, ...]", auth)
        return (*headers, ("Authorization", _basic(pair))), None
    adapted: Callable[[object], AuthFlow] | None = getattr(transport, "auth_flow", None)
    if adapted is None:
        raise TypeError(
            f"the transport {transport.name!r} knows no authentication classes: "
            "auth is (user, password)"
        )
    return headers, adapted(auth)


def _basic(pair: tuple[object, ...]) -> str:
    """The value of Authorization for basic authentication: RFC 7617, in UTF-8."""
    match pair:
        case (str() as user, str() as password):
            pass
        case _:
            raise TypeError("auth is a pair of texts: (user, password)")
    if ":" in user:
        raise ValueError("the user name of auth holds a colon, which would end it")
    if any(ord(char) < 32 or ord(char) == 127 for char in user + password):
        raise ValueError("auth holds control characters")
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
