"""`Router`: what is served, and how a request becomes a call and a result a response.

    request -> policy -> endpoint -> arguments -> your function -> page -> response

No I/O: bytes come in with the `Incoming` request and go out with the `Response`; adapters wait.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, NoReturn, TypeVar, overload

import attrs

from hyperglyph.codec import Blob, DecodeError, Error, LimitExceeded, Limits, Reader
from hyperglyph.transport.adapters.wsgi import WSGIAdapter
from hyperglyph.transport.http.bodies import Body, pack_body
from hyperglyph.transport.http.forms import unpack_form
from hyperglyph.transport.http.messages import PIECE, Deadline, Incoming, Response
from hyperglyph.transport.http.negotiate import MEDIA_TYPE
from hyperglyph.transport.http.status import (
    BadGateway,
    BadRequest,
    ContentTooLarge,
    GatewayTimeout,
    MethodNotAllowed,
    NotFound,
    RemoteError,
    ServerError,
    TransportError,
    declared_code,
)

from .context import CURRENT, Context
from .endpoints import Endpoint, Endpoints, make_endpoint
from .pages import Pages
from .policy import Policy, check_content, deadline_of, effective_method

__all__ = ["Router"]

logger = logging.getLogger("hyperglyph.server")

F = TypeVar("F", bound=Callable[..., Any])

_TYPE = ("Content-Type", MEDIA_TYPE)
_ROOT_HEADERS = (
    ("Vary", "Accept, Accept-Encoding, Authorization"),
    ("Cache-Control", "private, no-cache"),
)


@attrs.define
class _Call:
    """What is known of a request while it is served."""

    request: Incoming
    logref: str
    method: str = ""
    route: str = "-"
    deadline: Deadline = attrs.field(factory=lambda: Deadline(None))
    blobs: list[Blob] = attrs.field(factory=list[Blob])
    reader: Reader | None = None
    allow: str = ""

    def close(self) -> None:
        """Close what the call received and what it returned; it has gone out."""
        if self.reader is not None:
            self.reader.abandon()
        for blob in self.blobs:
            blob.discard()


class Router:
    """A table of functions, served at `/` (the root page) and `/name`.

        router = Router()

        @router.add()
        def hello(name="World"):
            return "Hello " + name

    It is a WSGI application; `Server(router)` serves it from a thread. `allowed_hosts` are the
    names under which it may be reached, beside addresses, localhost and the machine's own name.
    `limits` are those of a request (default: `Limits.server()`).

    Functions may be added and replaced while it is served, from any thread.
    """

    def __init__(self, *, allowed_hosts: Iterable[str] = (), limits: Limits | None = None) -> None:
        self._endpoints = Endpoints()
        self._pages = Pages(self._endpoints)
        self._policy = Policy(allowed_hosts)
        self._limits = limits or Limits.server()
        self._body_limit = self._limits.message + self._limits.blobs * self._limits.blob_size

    # --- registering --------------------------------------------------------------------------

    @overload
    def add(self, target: F, *, name: str | None = None) -> F: ...
    @overload
    def add(self, *, name: str | None = None) -> Callable[[F], F]: ...
    def add(self, target: F | None = None, *, name: str | None = None) -> F | Callable[[F], F]:
        """Serve a function under its name: `@router.add()`, `@router.add`, `router.add(f)`.

        Returns the function unchanged. Raises TypeError, naming the parameter, for one that no
        form can offer; ValueError for a name that is taken by another function.
        """

        def register(function: F) -> F:
            self._endpoints.add(make_endpoint(function, name))
            return function

        return register if target is None else register(target)

    def __repr__(self) -> str:
        return f"<Router with {len(self._endpoints)} functions>"

    # --- protocols ----------------------------------------------------------------------------

    @cached_property
    def wsgi(self) -> WSGIAdapter:
        """The router as a WSGI application."""
        return WSGIAdapter(self)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self.wsgi(environ, start_response)

    # --- serving ------------------------------------------------------------------------------

    def handle(self, request: Incoming, /) -> Response:
        """Answer a request. Raises nothing but what ends the process."""
        started = time.perf_counter()
        call = _Call(request, secrets.token_hex(6))
        try:
            response = self._respond(call)
        except RemoteError as error:
            response = self._fail(call, error)
        except (Exception, SystemExit):
            # The text of an undeclared exception may hold anything; it stays in the log.
            logger.exception("logref %s: %s failed", call.logref, call.route)
            response = self._fail(call, ServerError("internal error"))
        if request.method == "HEAD":
            response.body = ()
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(
                "%s %s %d %s bytes %.1f ms logref %s",
                call.method or "-",
                call.route,
                response.status,
                response.header("content-length") or "?",
                (time.perf_counter() - started) * 1000,
                call.logref,
            )
        return response

    def _respond(self, call: _Call) -> Response:
        request = call.request
        self._policy.check(request)
        call.method = effective_method(request)
        call.deadline = deadline_of(request)
        path = request.path
        if path in ("", "/"):
            call.route = "/"
            return self._root(call)
        endpoint = self._endpoints.get(path[1:]) if path.startswith("/") else None
        if endpoint is None:
            raise NotFound("there is nothing of that name")
        call.route = f"/{endpoint.name}"
        return self._call(call, endpoint)

    def _root(self, call: _Call) -> Response:
        if call.method != "GET":
            _refuse_method(call, "GET")
        page = self._pages.root(call.request.mount)
        length = ("Content-Length", str(len(page)))
        return Response(200, (_TYPE, length, *_ROOT_HEADERS), _pieces(page, None))

    def _call(self, call: _Call, endpoint: Endpoint) -> Response:
        if call.method != "POST":
            _refuse_method(call, "POST")
        check_content(call.request)
        arguments = endpoint.parameters.bind(self._read(call))
        left = call.deadline.left()
        if left is not None and left <= 0:
            raise GatewayTimeout("the deadline passed before the call began")
        token = CURRENT.set(
            Context(call.method, call.route, call.request.headers, call.deadline, call.logref)
        )
        try:
            result = endpoint.function(**arguments)
        except RemoteError as error:
            if error.received:
                self._downstream_failed(call)
            raise
        except TransportError:
            self._downstream_failed(call)
        finally:
            CURRENT.reset(token)
        if result is None:
            call.close()
            return Response(204, ())
        return self._result(call, result)

    def _read(self, call: _Call) -> object:
        """The body's value. Raises RemoteError."""
        request = call.request
        if request.length is not None and request.length > self._body_limit:
            raise ContentTooLarge(f"the body has more than {self._body_limit} bytes")
        try:
            value, call.reader = unpack_form(request.body, limits=self._limits)
        except LimitExceeded as error:
            raise ContentTooLarge(str(error)) from None
        except DecodeError as error:
            raise BadRequest(f"malformed message: {error}") from None
        return value

    def _result(self, call: _Call, result: object) -> Response:
        body = pack_body(result, default=self._pages.convert_at(call.request.mount))
        call.blobs = body.blobs
        headers: list[tuple[str, str]] = [_TYPE]
        if body.length is not None:
            headers.append(("Content-Length", str(body.length)))
        if body.rest is None:
            pieces: Iterable[bytes] = _pieces(body.root, None)
        else:
            pieces = _watched(body, call)
        return Response(200, headers, pieces, on_close=call.close)

    def _downstream_failed(self, call: _Call) -> NoReturn:
        logger.exception("logref %s: a call that %s made failed", call.logref, call.route)
        raise BadGateway("a call made by this server failed") from None

    def _fail(self, call: _Call, error: RemoteError) -> Response:
        """The response for an exception: its message, code and data travel, nothing else."""
        code = declared_code(type(error)) if error.code is None else error.code
        attributes: dict[str, Any] = {} if code is None else {"code": code}
        try:
            page = pack_body(
                Error(error.message, logref=call.logref, content=error.data, **attributes)
            )
            if page.rest is not None:
                raise TypeError("the data of an error holds a blob")
        except Exception:
            logger.exception("logref %s: the error itself cannot be encoded", call.logref)
            page = pack_body(Error("internal error", logref=call.logref))
            error = ServerError()
        call.close()
        headers = [_TYPE, ("Content-Length", str(page.length))]
        if call.allow:
            headers.append(("Allow", call.allow))
        return Response(error.status, headers, (page.root,))


def _refuse_method(call: _Call, allowed: str) -> NoReturn:
    call.allow = "GET, HEAD" if allowed == "GET" else allowed
    raise MethodNotAllowed(f"only {call.allow} here")


def _pieces(root: bytes, rest: Iterator[bytes] | None) -> Iterable[bytes]:
    if rest is None and len(root) <= PIECE:
        return (root,)
    return _slices(root, rest)


def _slices(root: bytes, rest: Iterator[bytes] | None) -> Iterator[bytes]:
    for start in range(0, len(root), PIECE):
        yield root[start : start + PIECE]
    if rest is not None:
        yield from rest


def _watched(body: Body, call: _Call) -> Iterator[bytes]:
    """A body whose blobs come from files: a failure ends the response early, and is logged."""
    try:
        yield from _slices(body.root, body.rest)
    except Exception:
        logger.exception("logref %s: a blob of %s could not be read", call.logref, call.route)
        raise
