"""`Router`: what is served, and how a request becomes a call and a result a response.

    request -> policy -> place -> instance, arguments -> your function -> page -> response

No I/O: bytes come in with the `Incoming` request and go out with the `Response`; adapters wait.
"""

from __future__ import annotations

import copy
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import Any, NoReturn, TypeVar, overload

from hyperglyph.codec import DecodeError, LimitExceeded, Limits
from hyperglyph.codec.blob import DEFAULT_CONTENT_TYPE
from hyperglyph.transport.adapters.wsgi import WSGIAdapter
from hyperglyph.transport.http.bodies import BlobSink, InflatingSink, Sink, read_into
from hyperglyph.transport.http.codings import Inflation
from hyperglyph.transport.http.disposition import unpack_name
from hyperglyph.transport.http.forms import NoneSink, form_sink, unpack_query
from hyperglyph.transport.http.messages import Incoming, Response
from hyperglyph.transport.http.status import (
    BadGateway,
    BadRequest,
    ContentTooLarge,
    GatewayTimeout,
    NotFound,
    RemoteError,
    ServerError,
    TransportError,
)
from hyperglyph.transport.http.waiting import finish

from .again import Again, pause
from .authentication import Authenticate, Guard
from .calls import Call, answer, discard_blobs, error_response, no_content, redirection
from .context import CURRENT, Context
from .endpoints import ClassEndpoint, FunctionEndpoint, Style, make_endpoint
from .forwarded import Forwarded
from .log import tame_traceback
from .moved import Moved
from .pages import Pages
from .policy import (
    Policy,
    check_conditions,
    check_content,
    deadline_of,
    effective_method,
    is_gzip,
)
from .references import References
from .state import ConfigurationError, Secret, TokenSigner
from .table import ROOT, Endpoints, Place

__all__ = ["Router"]

logger = logging.getLogger("hyperglyph.server")
logger.addFilter(tame_traceback)

T = TypeVar("T")


class Router:
    """A table of functions and classes, served at `/` (the root page) and `/name`.

        router = Router()

        @router.add()
        def hello(name="World"):
            return "Hello " + name

        @router.add()
        class User(Resource):
            def __init__(self, id):
                self.id = id

            @safe()
            def bio(self): ...

    It is a WSGI application; `Server(router)` serves it from a thread. `allowed_hosts` are the
    names under which it may be reached, beside addresses, localhost and the machine's own name.
    `limits` are those of a request (default: `Limits.server()`).

    An instance lives at a URL that holds its state, signed. `secret` is the key, or [new, old]
    while it changes; else the environment variable HYPERGLYPH_SECRET counts. `Server` and
    `LocalTransport` take a random key where there is none, other servers raise ConfigurationError
    when the first reference is made. `secret=EPHEMERAL` is a random key by choice, `unsigned_state`
    switches signing off. `state_max_age` is how many seconds references hold. Signed is not secret:
    whoever has the URL can read the state, and may use it.

    `authenticate` is a function of a request (an `Incoming`: look at its headers, leave its body)
    that returns who asks: any value, `context().principal` for what is called. For None the answer
    is 401, whatever was asked for, and so it is if the function raises Unauthorized; `challenge`
    is what a 401 says of how to tell (WWW-Authenticate). It is for the functions to refuse what
    that principal may not do: `raise Forbidden`. `bind_state=principal` ties references to who
    asked for them: another's is refused like a forged one. Any function without arguments will do
    that is called inside a call and returns data.

    `trusted_proxies` are the addresses or networks of proxies in front ("unix" for a Unix socket):
    X-Forwarded-Proto, -Host and -Prefix count where one of these sends them, from nobody else.

    `convert` are functions by type that make of values what can be sent: `{UUID: str}`.
    `docstrings` lets those of functions, methods and classes travel, for the caller's `help()`.
    `gzip` compresses answers for those who ask; our client asks unless the server is on the same
    machine, where it is never worth it. `gzip_requests` takes compressed requests, too.
    `legacy_clients` makes pages that the implementations of 2012 understand.

    Functions and classes may be added and replaced while it is served, from any thread.
    """

    def __init__(
        self,
        *,
        allowed_hosts: Iterable[str] = (),
        trusted_proxies: Iterable[str] = (),
        limits: Limits | None = None,
        secret: Secret | Iterable[Secret] | Any = None,
        unsigned_state: bool = False,
        state_max_age: float | None = None,
        authenticate: Authenticate | None = None,
        challenge: str = "Bearer",
        bind_state: Callable[[], object] | None = None,
        convert: Mapping[type, Callable[[Any], Any]] | None = None,
        docstrings: bool = False,
        gzip: bool = True,
        gzip_requests: bool = False,
        legacy_clients: bool = False,
    ) -> None:
        self._endpoints = Endpoints()
        self._guard = Guard(authenticate, challenge)
        if bind_state is not None and authenticate is None:
            raise ConfigurationError("bind_state ties references to a principal: authenticate=...")
        self._signer = TokenSigner(
            secret, unsigned=unsigned_state, max_age=state_max_age, owner=bind_state
        )
        self._pages = Pages(self._endpoints, self._signer, dict(convert or {}), legacy_clients)
        self._references = References(self._endpoints, self._signer, legacy_clients)
        self._style = Style(legacy_clients, docstrings)
        self._policy = Policy(allowed_hosts)
        self._forwarded = Forwarded(trusted_proxies)
        self._limits = limits or Limits.server()
        self._body_limit = self._limits.message + self._limits.blobs * self._limits.blob_size
        self._gzip = gzip
        self._gzip_requests = gzip_requests
        self._default: Callable[[ExitStack], object] | None = None

    # --- registering --------------------------------------------------------------------------

    @overload
    def add(self, target: T, *, name: str | None = None) -> T: ...
    @overload
    def add(self, *, name: str | None = None) -> Callable[[T], T]: ...
    def add(self, target: T | None = None, *, name: str | None = None) -> T | Callable[[T], T]:
        """Serve a function or class under its name: `@add()`, `@add`, `router.add(f)`.

        Returns the object unchanged. Raises TypeError, naming the parameter or member, for one
        that no form can offer; ValueError for a name that is taken by another object.
        """

        def register(given: T) -> T:
            self._endpoints.add(make_endpoint(given, name, self._style))
            return given

        return register if target is None else register(target)

    @overload
    def default(self, target: T) -> T: ...
    @overload
    def default(self) -> Callable[[T], T]: ...
    def default(self, target: T | None = None) -> T | Callable[[T], T]:
        """Make an object the root page: a class, made without arguments, or an instance.

        The class is registered, if it is not. Each request makes its own object, that of an
        instance from its state now. What else is registered is served, but the root page shows
        only the object.
        """

        def register(given: Any) -> Any:
            cls: type[Any] = given if isinstance(given, type) else type(given)
            endpoint = self._endpoints.of_class(cls)
            if endpoint is None or endpoint.cls is not cls:
                endpoint = self._registered(cls)
            if given is cls:
                if required := endpoint.constructor.parameters.required:
                    raise TypeError(
                        f"{cls.__qualname__} needs {', '.join(required)}: give default() an "
                        "instance instead of the class"
                    )
                if hasattr(cls, "__glyph_open__"):
                    raise TypeError(
                        f"each request would make and keep a {cls.__qualname__}: give default() "
                        "an instance instead of the class"
                    )
                self._default = lambda _: cls()
            else:
                state = endpoint.state.read(given)
                self._default = lambda stack: self._references.opened(endpoint, state, stack)
            return given

        return register if target is None else register(target)

    def _registered(self, cls: type) -> ClassEndpoint:
        endpoint = make_endpoint(cls, None, self._style)
        assert isinstance(endpoint, ClassEndpoint)
        self._endpoints.add(endpoint)
        return endpoint

    def allow_random_key(self) -> None:
        """For servers that live in this process: sign with a random key if none was given."""
        self._signer.allow_random_key()

    def __repr__(self) -> str:
        return f"<Router with {len(self._endpoints)} names>"

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
        call = Call(request, secrets.token_hex(6), self._guard.vary, self._guard.challenge)
        try:
            response = self._respond(call)
        except RemoteError as error:
            response = error_response(call, error)
        except (KeyboardInterrupt, GeneratorExit):
            call.close()
            raise
        except BaseException:
            # The text of an undeclared exception may hold anything; it stays in the log.
            logger.exception("logref %s: %s failed", call.logref, call.route)
            response = error_response(call, ServerError("internal error"))
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

    def _respond(self, call: Call) -> Response:
        request = call.request = self._forwarded.applied(call.request)
        self._policy.check(request)
        call.method = effective_method(request)
        call.deadline = deadline_of(request)
        try:
            call.principal = self._guard.principal(request)
        except (RemoteError, TransportError) as error:
            self._failed(call, error)
        place = self._endpoints.find(request.path)
        if place is None:
            raise NotFound("there is nothing of that name")
        call.route = place.route
        call.cache = place.cache or call.cache
        call.may_compress = self._gzip
        asked = place.asked(call.method)
        if asked is None:
            call.refuse_method(place.allow)
        place = asked
        if call.method != "GET":
            assert place.call is not None
            envelope = place.call.envelope_for(call.method)
            check_content(request, envelope=envelope, gzip=self._gzip_requests)
            check_conditions(request, own_url=place.call.marks.own_url)
        context = Context(
            call.method, call.route, request.headers, call.deadline, call.logref, call.principal
        )
        token = CURRENT.set(context)
        try:
            return self._reached(call, place, context)
        except Moved as moved:
            return redirection(call, moved.target(request), 307)
        except (RemoteError, TransportError) as error:
            self._failed(call, error)
        finally:
            CURRENT.reset(token)

    def _reached(self, call: Call, place: Place, context: Context) -> Response:
        """The answer of a place that may be asked so."""
        request = call.request
        if (home := self._references.elsewhere(place, request)) is not None:
            return redirection(call, home, 307)
        if place is ROOT and self._default is None:
            return answer(call, self._pages.root(request.mount))
        arguments = None if place.call is None else self._read(call, place.call)
        left = call.deadline.left()
        if left is not None and left <= 0:
            raise GatewayTimeout("the deadline passed before the call began")
        return self._attempts(call, place, arguments, context)

    def _attempts(self, call: Call, place: Place, given: object, context: Context) -> Response:
        """Make the call, and again where it lost a race and its class says that it may be."""
        retries = 0 if call.received else place.retries
        attempt = 0
        while True:
            # What a call does to its arguments is not for the next to see.
            mine = given if attempt == retries else copy.deepcopy(given)
            try:
                # Instances are let go before the answer is: what they keep is kept by then.
                with call.stack:
                    return self._answer(call, place, mine, context)
            except Again as again:
                attempt += 1
                if attempt > retries or not pause(attempt, call.deadline):
                    raise again.conflict from None
                call.discard()

    def _read(self, call: Call, function: FunctionEndpoint) -> object:
        """The arguments in the body or query, by name. Raises RemoteError."""
        request = call.request
        envelope = function.envelope_for(call.method)
        if call.method == "GET":
            return unpack_query(request.query, limits=self._limits)
        limit = self._limits.blob_size if envelope == "blob" else self._body_limit
        if request.length is not None and request.length > limit:
            raise ContentTooLarge(f"the body has more than {limit} bytes")
        try:
            if envelope in ("none", "query"):
                nothing = _received(request, NoneSink())
                if envelope == "none":
                    return nothing
                return unpack_query(request.query, limits=self._limits)
            if envelope == "blob":
                return self._read_blob(call, function)
            value, call.received = _received(request, form_sink(self._limits, call.deadline.pause))
        except LimitExceeded as error:
            raise ContentTooLarge(str(error)) from None
        except Inflation as error:
            raise BadRequest(str(error)) from None
        except DecodeError as error:
            raise BadRequest(f"malformed message: {error}") from None
        finally:
            call.deadline.resume()
        return value

    def _read_blob(self, call: Call, function: FunctionEndpoint) -> Mapping[str, object]:
        # Only a file that has come whole is handed on; until then no instance waits for it.
        name = unpack_name(call.request.values("content-disposition")[0])
        function.parameters.bind({name: None})
        content_type = call.request.header("content-type") or DEFAULT_CONTENT_TYPE
        call.deadline.pause()
        blob = _received(
            call.request, BlobSink({"content-type": content_type}, limits=self._limits)
        )
        call.received = (blob,)
        return {name: blob}

    def _answer(self, call: Call, place: Place, given: object, context: Context) -> Response:
        """Make the call, and a response of its result."""
        request = call.request
        message = self._pages.message(request.mount, partial=call.partial)
        if place is ROOT:
            assert self._default is not None
            result = self._default(call.stack)
            if (url := message.elsewhere(result)) is not None:
                return redirection(call, url)
            return answer(call, message.pack(result))
        function = place.call
        instance: object = None
        if place.token is not None:
            assert place.owner is not None
            if function is not None:  # what does not bind costs no instance
                function.parameters.bind(given)
            instance = self._references.instance(place.owner, place.token, call.stack)
            if function is None:
                call.last_modified = place.owner.last_modified(instance)
                return answer(call, message.pack(instance))
        assert function is not None
        arguments = self._references.arguments(
            function, function.parameters.bind(given), request, call.stack
        )
        if place.token is None:
            result = function.function(**arguments)
        else:
            result = function.function(instance, **arguments)
        call.last_modified = context.last_modified
        if result is None:
            return no_content(call)
        if function.marks.redirect or place.creates:
            url = message.url(result)
        else:
            url = message.elsewhere(result)
        if url is not None:
            return redirection(call, url)
        try:
            body = message.pack(result)
        except BaseException:
            discard_blobs(result)
            raise
        return answer(call, body)

    def _failed(self, call: Call, error: RemoteError | TransportError) -> NoReturn:
        """Raise an error that was declared; one of a call made in turn is not the caller's."""
        if isinstance(error, RemoteError) and not error.received:
            raise error
        logger.exception("logref %s: a call that %s made failed", call.logref, call.route)
        raise BadGateway("a call made by this server failed") from None


def _received(request: Incoming, sink: Sink[T]) -> T:
    """What the body of a request makes of a sink."""
    return finish(read_into(InflatingSink(sink) if is_gzip(request) else sink, request.body))
