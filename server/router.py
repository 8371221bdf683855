"""`Router`: what is served, registered by name. How requests are answered is in `serving.py`."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Coroutine, Generator, Iterable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from hyperglyph.codec import Limits
from hyperglyph.transport.adapters.wsgi import StartResponse, WSGIAdapter
from hyperglyph.transport.http.messages import Incoming, Response
from hyperglyph.transport.http.middleware import ServerMiddleware
from hyperglyph.transport.http.waiting import finish

from .authentication import Authenticate, Guard
from .endpoints import ClassEndpoint, Style, make_endpoint
from .flight import InFlight
from .forwarded import Forwarded
from .pages import Pages
from .policy import Policy
from .reading import Reading
from .references import References
from .running import ON_THREAD
from .serving import Serving
from .state import ConfigurationError, Secret, TokenSigner
from .table import Endpoints

if TYPE_CHECKING:
    from hyperglyph.transport.adapters.asgi import ASGIAdapter, Receive, Scope, Send

    from .loops import OnLoop

__all__ = ["Router"]

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

    It is a WSGI and an ASGI application; `Server(router)` serves it from a thread.
    `allowed_hosts` are the names under which it may be reached, beside addresses, localhost and the
    machine's own name. `limits` are those of a request (default: `Limits.server()`).

    An instance lives at a URL that holds its state, signed. `secret` is the key, or [new, old]
    while it changes; else the environment variable HYPERGLYPH_SECRET counts. `Server` and
    `LocalTransport` take a random key where there is none, other servers raise ConfigurationError
    when the first reference is made. `secret=EPHEMERAL` is a random key by choice, `unsigned_state`
    switches signing off. `state_max_age` is how many seconds references hold. Signed is not secret:
    whoever has the URL can read the state, and may use it.

    Functions and methods may be coroutine functions. Under ASGI they run on the event loop, under
    other servers on one that the process keeps in the background. A call to a plain function moves
    under ASGI to one of `threads` threads as a whole. The plain code around a coroutine function
    (constructors, properties, `convert`, a plain `authenticate`) runs on the loop and must not
    block, unless a class with a store is registered: then all but `authenticate` runs on one of the
    threads, too. When the caller's deadline has passed the answer is 504: coroutine functions are
    cancelled, plain ones can look at `context().cancelled`.

    `in_flight` is how many calls there may be at a time, until the last byte of their answers is
    sent: more get 503 with Retry-After, as all do after `drain()`. The default is as many as
    `Server` keeps connections. `idle` is how long under ASGI a caller may stay silent inside a
    body (408), or take nothing of an answer, in seconds; `Server` has its own.

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

    `middleware` are coroutine functions (request, handle) that return a response, mostly what
    `await handle(request)` does: each `Incoming` goes through them before anything is made of it,
    the first one outermost. On servers of threads they must not wait for anything else. What they
    raise is answered as if a function had.

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
        middleware: Iterable[ServerMiddleware] = (),
        threads: int = 40,
        in_flight: int = 1000,
        idle: float = 15.0,
    ) -> None:
        self._endpoints = Endpoints()
        if bind_state is not None and authenticate is None:
            raise ConfigurationError("bind_state ties references to a principal: authenticate=...")
        self._signer = TokenSigner(
            secret, unsigned=unsigned_state, max_age=state_max_age, owner=bind_state
        )
        self._references = References(self._endpoints, self._signer, legacy_clients)
        self._style = Style(legacy_clients, docstrings)
        self._threads = threads
        self._idle = idle
        limits = limits or Limits.server()
        self._serving = Serving(
            endpoints=self._endpoints,
            guard=Guard(authenticate, challenge),
            pages=Pages(self._endpoints, self._signer, dict(convert or {}), legacy_clients),
            references=self._references,
            policy=Policy(allowed_hosts),
            forwarded=Forwarded(trusted_proxies),
            flight=InFlight(in_flight),
            reading=Reading(limits, gzip_requests),
            gzip=gzip,
            middleware=tuple(middleware),
        )

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
                self._serving.default = lambda _: cls()
            else:
                state = endpoint.state.read(given)
                self._serving.default = lambda stack: self._references.opened(
                    endpoint, state, stack
                )
            self._serving.default_class = endpoint
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

    def drain(self) -> None:
        """Begin no more calls: they are answered with 503 and Retry-After, those in flight end."""
        self._serving.flight.draining = True

    def close(self) -> None:
        """Let the threads end that served plain functions under ASGI. Calls start new ones."""
        if "_on_loop" in vars(self):
            self._on_loop.close()

    def __repr__(self) -> str:
        return f"<Router with {len(self._endpoints)} names>"

    # --- protocols ----------------------------------------------------------------------------

    @cached_property
    def wsgi(self) -> WSGIAdapter:
        """The router as a WSGI application."""
        return WSGIAdapter(self)

    @cached_property
    def asgi(self) -> ASGIAdapter:
        """The router as an ASGI application."""
        from hyperglyph.transport.adapters.asgi import ASGIAdapter  # needs asyncio

        return ASGIAdapter(self, idle=self._idle)

    @cached_property
    def _on_loop(self) -> OnLoop:
        from .loops import OnLoop

        return OnLoop(self._threads)

    @overload
    def __call__(
        self, environ: dict[str, Any], start_response: StartResponse, /
    ) -> Iterable[bytes]: ...
    @overload
    def __call__(
        self, scope: Scope, receive: Receive, send: Send, /
    ) -> Coroutine[Any, Any, None]: ...
    @overload
    def __call__(self, scope: Scope, /) -> Callable[[Receive, Send], Coroutine[Any, Any, None]]: ...
    def __call__(self, first: Any, /, *rest: Any) -> Any:
        """Speak WSGI or ASGI, whichever a server does.

        uvicorn takes for ASGI 2, with one argument first, what it cannot see to be a coroutine.
        """
        if not rest:
            return partial(self.asgi, first)
        return (self.wsgi if len(rest) == 1 else self.asgi)(first, *rest)

    # --- serving ------------------------------------------------------------------------------

    async def serve(self, request: Incoming, /) -> Response:
        """Answer a request on an event loop. Raises nothing but what ends the process or cancels
        the task. The body of the response may be an async iterable.
        """
        response = await self._serving.serve(request, self._on_loop)
        if isinstance(response.body, Generator):  # a file, or the items of a plain generator
            self._on_loop.take(response)
        return response

    def handle(self, request: Incoming, /) -> Response:
        """Answer a request on this thread. Raises nothing but what ends the process."""
        response = finish(self._serving.serve(request, ON_THREAD))
        if type(response.body) is not tuple and isinstance(response.body, AsyncIterable):
            from .loops import background_loop, iterate

            body = iterate(background_loop(), cast("AsyncIterable[bytes]", response.body))
            response.body = body
            close = response.on_close

            def closed() -> None:
                try:
                    body.close()
                finally:
                    close()

            response.on_close = closed
        return response
