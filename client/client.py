"""`Client`: opens pages and makes the calls of their proxies."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from hyperglyph.codec import Limits, Link
from hyperglyph.transport.http.forms import Packed
from hyperglyph.transport.http.messages import Deadline, Request, Response, Transport
from hyperglyph.transport.http.negotiate import MEDIA_TYPE
from hyperglyph.transport.http.status import RemoteError, TransportError
from hyperglyph.transport.http.urls import check_url, resolve

from .answers import read_answer, read_error
from .deadline import body_pieces, timeout_header
from .origin import OriginPolicy
from .page import wrap
from .proxies import LinkProxy

__all__ = ["Client", "get"]

MAX_HOPS: Final = 5
ACCEPT: Final = f"{MEDIA_TYPE}, */*;q=0.5"

_TO_GET: Final = frozenset({301, 302, 303})
_SAME_METHOD: Final = frozenset({307, 308})


def _make_transport(name: str) -> Transport:
    if name == "httpx":
        from hyperglyph.transport.adapters.httpx import HttpxTransport

        return HttpxTransport()
    raise ValueError(f"there is no transport {name!r}; there is: 'httpx', or give an instance")


class Client:
    """Calls other programs. Usable from any thread, and as a context manager.

    `transport` is an adapter or its name. `timeout` bounds a whole call, less the time that the
    bytes of blobs take; `connect` the time to a connection; `idle` each wait for the peer; all in
    seconds, None for no limit. `headers` go to the first origin opened and to those in `origins`
    only. `errors` are exception classes to raise for the answers that carry their status and code.
    """

    def __init__(
        self,
        transport: Transport | str | None = None,
        *,
        timeout: float | None = 30.0,
        connect: float | None = 5.0,
        idle: float | None = 15.0,
        headers: Mapping[str, str] | None = None,
        origins: Iterable[str] = (),
        limits: Limits | None = None,
        errors: Iterable[type[RemoteError]] = (),
    ) -> None:
        if transport is None or isinstance(transport, str):
            transport = _make_transport(transport or "httpx")
        self._transport = transport
        self._timeout = timeout
        self._connect = connect
        self._idle = idle
        self._origins = OriginPolicy(headers or {}, origins)
        self._limits = limits or Limits()
        self._errors = tuple(errors)
        given = {name.lower() for name in headers or {}}
        standard = (("Accept", ACCEPT), ("User-Agent", "hyperglyph"))
        self._standard = tuple(pair for pair in standard if pair[0].lower() not in given)

    def get(self, url: str) -> Any:
        """What is at a URL: the root page of a service becomes an object with its functions."""
        self._origins.open(url)
        return self._follow(url, url)

    def close(self) -> None:
        """Close all connections. Proxies that are still held open new ones when used."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client over {self._transport.name}>"

    # --- for proxies --------------------------------------------------------------------------

    def _follow(self, url: str, source: str, headers: tuple[tuple[str, str], ...] = ()) -> Any:
        """GET a URL that was found in the page at `source`."""
        return self._exchange(lambda target: Packed("GET", target, headers, None), url, source)

    def _exchange(self, make: Callable[[str], Packed], url: str, source: str) -> Any:
        """Make a call to `url` and follow where it leads: its value, or its exception.

        `make` packs the request for a URL; it is asked again where a redirect keeps the body.
        """
        self._origins.check_hop(source, check_url(url))
        deadline = Deadline(self._timeout)
        packed = make(url)
        done = False
        hops = 0
        while True:
            try:
                response = self._send(packed, deadline)
                try:
                    location = _location(response)
                    if location is None:
                        return self._value(response, deadline)
                    for _ in response.body:  # to have the connection back
                        pass
                finally:
                    response.close()
            except TransportError as error:
                if done:
                    error.outcome = "done"
                raise
            hops += 1
            target = self._redirected(response, packed, location, hops)
            if response.status in _SAME_METHOD:
                packed = make(target)
            else:
                # The server has carried out what was asked; only its answer is missing.
                done = done or packed.method != "GET"
                accept = tuple(pair for pair in packed.headers if pair[0].lower() == "accept")
                packed = Packed("GET", target, accept, None)

    def _redirected(self, response: Response, packed: Packed, location: str, hops: int) -> str:
        """The URL that a redirect leads to. Raises RemoteError if it is not to be followed."""
        if hops > MAX_HOPS:
            _refuse(response, f"more than {MAX_HOPS} redirects")
        try:
            target = check_url(resolve(response.url, location))
            self._origins.check_hop(response.url, target)
        except ValueError as error:
            _refuse(response, f"a redirect that is not followed: {error}")
        if (
            response.status in _SAME_METHOD
            and packed.body is not None
            and not self._origins.may_carry_body(response.url, target)
        ):
            _refuse(response, "a redirect leads with the request's body to an origin not listed")
        return target

    def _send(self, packed: Packed, deadline: Deadline) -> Response:
        own = packed.headers
        replaced = {name.lower() for name, _ in own}
        standard = (pair for pair in self._standard if pair[0].lower() not in replaced)
        request = Request(
            packed.method,
            packed.url,
            [
                *standard,
                ("Accept-Encoding", "gzip"),
                *own,
                *self._origins.headers_for(packed.url),
                *timeout_header(deadline),
            ],
            deadline=deadline,
            connect=self._connect,
            idle=self._idle,
            safe=packed.method == "GET",
        )
        if packed.body is not None:
            request.body = body_pieces(packed.body, deadline)
            request.length = packed.body.length
        try:
            return self._transport.send(request)
        except TransportError as error:
            # A server may close an idle connection while the request is on its way. Only what is
            # safe is sent again, once, on a new connection.
            if not (request.safe and error.reused and error.phase in ("send", "wait")):
                raise
            if isinstance(error, TimeoutError):
                raise
        return self._transport.send(request)

    def _value(self, response: Response, deadline: Deadline) -> Any:
        if not 200 <= response.status < 300:
            raise read_error(response, limits=self._limits, declared=self._errors)
        if response.status == 201 and (location := response.header("location")) is not None:
            for _ in response.body:
                pass
            return LinkProxy(self, Link(location), response.url)
        answer = read_answer(response, limits=self._limits, deadline=deadline)
        if not answer.has_extensions:
            return answer.value
        return wrap(answer.value, response.url, self)


def _location(response: Response) -> str | None:
    if response.status in _TO_GET or response.status in _SAME_METHOD:
        return response.header("location")
    return None


def _refuse(response: Response, message: str) -> NoReturn:
    raise RemoteError.from_response(
        response.status, message, url=response.url, headers=response.headers
    )


_default: Client | None = None
_default_lock = threading.Lock()


def get(url: str) -> Any:
    """What is at a URL, by a client that the whole process shares and that keeps no headers."""
    global _default  # noqa: PLW0603 - made once
    if _default is None:
        with _default_lock:
            if _default is None:
                _default = Client()
                atexit.register(_default.close)
    return _default.get(url)
