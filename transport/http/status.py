"""HTTP statuses and exceptions, in both directions.

    HyperglyphError
     +- TransportError                         no whole answer arrived
     |   +- DeadlineExceeded (TimeoutError)    ... because a time limit passed first
     +- RemoteError                            an answer with a status of 4xx or 5xx
         +- ClientError                        4xx: the request is at fault
         |   +- BadRequest 400 .. HeadersTooLarge 431
         +- ServerError                        5xx: the server is at fault
             +- BadGateway 502, Unavailable 503, GatewayTimeout 504

The same classes are raised by the client that receives such an answer, and by a function that wants
it sent.

Standard, section 19.2.
"""

from __future__ import annotations

import http
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Literal, Self

from hyperglyph.codec.errors import HyperglyphError

from .messages import first_header

__all__ = [
    "BadGateway",
    "BadRequest",
    "ClientError",
    "Conflict",
    "ContentTooLarge",
    "DeadlineExceeded",
    "Forbidden",
    "GatewayTimeout",
    "HeadersTooLarge",
    "MethodNotAllowed",
    "MisdirectedRequest",
    "NotFound",
    "Outcome",
    "Phase",
    "PreconditionFailed",
    "RemoteError",
    "RequestTimeout",
    "ServerError",
    "StaleReference",
    "TooManyRequests",
    "TransportError",
    "Unauthorized",
    "Unavailable",
    "UnsupportedMediaType",
    "UriTooLong",
    "checked_challenge",
    "error_class",
    "outcome_if_cut",
    "reason_phrase",
]

Phase = Literal["connect", "send", "wait", "read"]
Outcome = Literal["done", "not done", "unknown"]


class TransportError(HyperglyphError):
    """A call failed on its way; no whole answer arrived.

    `phase` is where: "connect", "send" (the request), "wait" (for the head of the answer) or
    "read" (its body). `outcome` is what became of the call at the other side: "done", "not done"
    or "unknown". Only what is "not done" may be repeated without thought.
    """

    def __init__(
        self, message: str, *, phase: Phase, outcome: Outcome, reused: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.phase: Phase = phase
        self.outcome: Outcome = outcome
        #: Whether the connection had served an earlier request.
        self.reused = reused

    def __str__(self) -> str:
        return f"{self.message} (phase: {self.phase}, outcome: {self.outcome})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_transport_error, (
            type(self),
            self.message,
            self.phase,
            self.outcome,
            self.reused,
        )


def outcome_if_cut(status: int) -> Outcome:
    """What became of a call whose answer, of that status, is cut short."""
    return "done" if status < 300 else "unknown"


class DeadlineExceeded(TransportError, TimeoutError):
    """The total deadline passed, or one wait took longer than the connect or idle limit."""


def _rebuild_transport_error(
    cls: type[TransportError], message: str, phase: Phase, outcome: Outcome, reused: bool
) -> TransportError:
    return cls(message, phase=phase, outcome=outcome, reused=reused)


def _shown(text: object, width: int = 500) -> str:
    text = str(text)
    if len(text) > width:
        text = text[: width - 3] + "..."
    if text.isprintable():
        return text
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return shown if len(shown) <= width else shown[: width - 3] + "..."


class RemoteError(HyperglyphError):
    """An answer of 4xx or 5xx.

    Raised in a function, `message`, `code` and `data` travel to the caller in an error extension;
    `logref` is filled in by the server. Raised by a client, `status`, `url` and `headers` tell
    of the answer, and `received` is true.

    A subclass may set `code` for all of its instances.
    """

    status: int = 500
    code: int | str | None = None

    def __init__(
        self,
        message: str = "",
        *,
        logref: str = "",
        code: int | str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.logref = logref
        if code is not None:
            self.code = code
        self.data: dict[str, Any] = dict(data or {})
        self.url: str | None = None
        self.headers: tuple[tuple[str, str], ...] = ()
        self.received = False

    @classmethod
    def from_response(
        cls,
        status: int,
        message: str,
        *,
        logref: str = "",
        code: int | str | None = None,
        data: Mapping[str, Any] | None = None,
        url: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Self:
        """The exception as a client makes it of an answer, whatever the subclass's constructor."""
        self = cls.__new__(cls, message)
        RemoteError.__init__(self, message, logref=logref, code=code, data=data)
        self.status = status
        self.url = url
        self.headers = tuple(headers)
        self.received = True
        return self

    def __str__(self) -> str:
        # For terminals and logs: `message` and `logref` stay as they came.
        text = _shown(self.message) or f"{self.status} {reason_phrase(self.status)}"
        return f"{text} (logref: {_shown(self.logref)})" if self.logref else text

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by the constructor: a subclass of the user's may have another signature.
        return _rebuild_remote_error, (type(self), self.args, self.__dict__)


def _rebuild_remote_error(
    cls: type[RemoteError], args: tuple[Any, ...], state: dict[str, Any]
) -> RemoteError:
    self = cls.__new__(cls, *args)
    self.args = args
    self.__dict__.update(state)
    return self


def checked_challenge(challenge: str) -> str:
    """The same, if it can stand in a header. Raises ValueError."""
    if not challenge or not (challenge.isascii() and challenge.isprintable()):
        raise ValueError(f"{challenge!r} is no challenge, such as 'Basic realm=\"users\"'")
    return challenge


class ClientError(RemoteError):
    """4xx: the request is at fault."""

    status = 400


class BadRequest(ClientError):
    """400: a malformed request, or arguments that do not bind."""


class Unauthorized(ClientError):
    """401: the server does not know who asks.

    `challenge` says how to tell (the header WWW-Authenticate); without one, the router's is sent.
    """

    status = 401
    challenge: str | None = None

    def __init__(self, message: str = "", *, challenge: str | None = None, **options: Any) -> None:
        super().__init__(message, **options)
        if challenge is not None:
            self.challenge = checked_challenge(challenge)


class Forbidden(ClientError):
    """403: the server knows, and refuses."""

    status = 403


class NotFound(ClientError):
    """404: there is nothing of that name."""

    status = 404


class MethodNotAllowed(ClientError):
    """405: not with this method."""

    status = 405


class RequestTimeout(ClientError):
    """408: the request did not arrive in time."""

    status = 408


class Conflict(ClientError):
    """409: somebody else was first."""

    status = 409


class StaleReference(ClientError):
    """410: a true reference that no longer fits its class, or has expired."""

    status = 410


class PreconditionFailed(ClientError):
    """412: If-Match or its like does not hold."""

    status = 412


class ContentTooLarge(ClientError):
    """413: the request is larger than the server takes."""

    status = 413


class UriTooLong(ClientError):
    """414: the URL is longer than the server takes."""

    status = 414


class UnsupportedMediaType(ClientError):
    """415: the body is of a type or coding that the server does not take."""

    status = 415


class MisdirectedRequest(ClientError):
    """421: the server does not answer for this host."""

    status = 421


class TooManyRequests(ClientError):
    """429: too many requests of this client."""

    status = 429


class HeadersTooLarge(ClientError):
    """431: the head of the request is larger than the server takes."""

    status = 431


class ServerError(RemoteError):
    """5xx: the server, or a proxy in front of it, is at fault; its log says more under `logref`.

    `outcome` is that of the call, as of a `TransportError`: always "unknown". A function may have
    failed in its middle, and a proxy that answers may have lost the answer to a call that was made.
    """

    status = 500
    outcome: Outcome = "unknown"


class BadGateway(ServerError):
    """502: a call that the server made in turn failed."""

    status = 502


class Unavailable(ServerError):
    """503: too busy, or about to stop.

    `retry_after` says in how many seconds to try again (the header Retry-After), if anybody knows.
    """

    status = 503
    retry_after: int | None = None

    def __init__(
        self, message: str = "", *, retry_after: int | None = None, **options: Any
    ) -> None:
        super().__init__(message, **options)
        self.retry_after = retry_after

    @classmethod
    def from_response(cls, status: int, message: str, **options: Any) -> Self:
        self = super().from_response(status, message, **options)
        value = first_header(self.headers, "retry-after") or ""
        if value.isascii() and value.isdigit() and len(value) < 10:
            self.retry_after = int(value)
        return self


class GatewayTimeout(ServerError):
    """504: the deadline passed before the answer was there."""

    status = 504


_CLASSES: Final[Mapping[int, type[RemoteError]]] = {
    cls.status: cls
    for cls in (
        BadRequest,
        Unauthorized,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        RequestTimeout,
        Conflict,
        StaleReference,
        PreconditionFailed,
        ContentTooLarge,
        UriTooLong,
        UnsupportedMediaType,
        MisdirectedRequest,
        TooManyRequests,
        HeadersTooLarge,
        BadGateway,
        Unavailable,
        GatewayTimeout,
    )
}


def error_class(
    status: int, code: int | str | None = None, declared: Iterable[type[RemoteError]] = ()
) -> type[RemoteError]:
    """The class for a status: the one of `declared` with this status and code, else our own.

    REQ-STATUS-5 and REQ-SAFE-6.
    """
    if code is not None:
        for cls in declared:
            if cls.status == status and declared_code(cls) == code:
                return cls
    return _CLASSES.get(status) or (ServerError if status >= 500 else ClientError)


_OWN: Final = frozenset({RemoteError, ClientError, ServerError, *_CLASSES.values()})


def declared_code(cls: type[RemoteError]) -> int | str | None:
    """The code of an exception class: its own, else its name if it is not one of ours."""
    if cls.code is not None:
        return cls.code
    return None if cls in _OWN else cls.__name__


class _Phrases:
    """Phrases from our own table: one from the wire or a function could carry a line break."""

    table: ClassVar[Mapping[int, str]] = {status.value: status.phrase for status in http.HTTPStatus}


def reason_phrase(status: int) -> str:
    """The standard's phrase for a status, whatever the peer wrote. REQ-STATUS-13."""
    return _Phrases.table.get(status, "Unknown")
