"""Requests and responses as values, and the deadline that they carry.

Both sides use them: a client's `Request` goes to a `Transport`, which gives a `Response`; on a
server an `Incoming` request goes to the router, which gives a `Response` too.
"""

from __future__ import annotations

import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol, runtime_checkable

import attrs

from .addresses import AddressPolicy
from .waiting import Pieces

__all__ = [
    "PIECE",
    "Answered",
    "AsyncResponse",
    "AsyncHandler",
    "AsyncTransport",
    "AuthFlow",
    "Caller",
    "Deadline",
    "Handler",
    "Headers",
    "Incoming",
    "Request",
    "Response",
    "Transport",
    "first_header",
]

#: Bodies travel in pieces of this size: large enough to be cheap, small enough to bound memory.
PIECE = 64 * 1024

Headers = Sequence[tuple[str, str]]


def first_header(headers: Headers, name: str) -> str | None:
    """The first value of a header, or None; `name` in lower case."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return None


class Deadline:
    """A point in time by which a whole call must be over, unless it is paused.

    While blob bytes travel the clock stands still: they are under the idle limit alone, since
    their number says nothing about how long they may take.
    """

    __slots__ = ("_at", "_paused_since")

    def __init__(self, seconds: float | None) -> None:
        self._at = None if seconds is None else time.monotonic() + seconds
        self._paused_since: float | None = None

    def left(self) -> float | None:
        """Seconds left, zero or less if it has passed; None without a limit or while paused."""
        if self._at is None or self._paused_since is not None:
            return None
        return self._at - time.monotonic()

    def pause(self) -> None:
        """Let the clock stand still."""
        if self._paused_since is None:
            self._paused_since = time.monotonic()

    def resume(self) -> None:
        """Let the clock run on, later by the time of the pause."""
        if self._paused_since is not None:
            if self._at is not None:
                self._at += time.monotonic() - self._paused_since
            self._paused_since = None


@attrs.define
class Request:
    """What a client sends.

    `url` is absolute, ASCII, and sent as it is. `body` is bytes, an iterator of bytes with its
    `length` if that is known, or None. `deadline` bounds the whole call, `connect` the time to a
    connection, `idle` each wait for bytes of the peer but for the first of an answer (seconds;
    None: no limit). `safe` says that sending it twice does no harm. `addresses` says to which
    resolved addresses it may go, where a transport resolves names itself; None: to all.
    """

    method: str
    url: str
    headers: list[tuple[str, str]] = attrs.field(factory=list[tuple[str, str]])
    body: bytes | Iterator[bytes] | None = None
    length: int | None = None
    deadline: Deadline = attrs.field(factory=lambda: Deadline(None))
    connect: float | None = None
    idle: float | None = None
    safe: bool = False
    addresses: AddressPolicy | None = None


def _nothing() -> None:
    """Close what needs no closing."""


@attrs.define
class Response:
    """An answer: `body` gives its bytes in pieces, once; `close` gives back what it holds.

    On a client `url` is where it came from, `reused` says whether the connection had served an
    earlier request, and `address` is the peer's IP address, where the transport knows it. Header
    names may be in any case.
    """

    status: int
    headers: Headers
    body: Iterable[bytes] = ()
    url: str = ""
    reused: bool = False
    on_close: Callable[[], None] = _nothing
    address: str | None = None

    def header(self, name: str) -> str | None:
        """The first value of a header, or None; `name` in lower case."""
        return first_header(self.headers, name)

    def close(self) -> None:
        """Give back the connection, files and whatever else the answer holds. May be repeated."""
        on_close, self.on_close = self.on_close, _nothing
        on_close()


async def _nothing_to_wait_for() -> None:
    """Close what needs no closing."""


@attrs.define
class AsyncResponse:
    """A `Response` for asyncio: its body comes by `async for`, and closing is awaited."""

    status: int
    headers: Headers
    body: AsyncIterable[bytes]
    url: str = ""
    reused: bool = False
    on_close: Callable[[], Awaitable[None]] = _nothing_to_wait_for
    address: str | None = None

    def header(self, name: str) -> str | None:
        """The first value of a header, or None; `name` in lower case."""
        return first_header(self.headers, name)

    async def close(self) -> None:
        """Give back the connection, files and whatever else the answer holds. May be repeated."""
        on_close, self.on_close = self.on_close, _nothing_to_wait_for
        await on_close()


#: An answer over a transport of either kind.
Answered = Response | AsyncResponse

#: How a request is authenticated: a generator of the requests to send, the given one among them,
#: which is sent the response to each. The last response is the answer. Without an event loop, too,
#: it is run step by step, and may then not wait for one.
AuthFlow = Callable[[Request], AsyncGenerator[Request, Answered]]


class Caller:
    """Who has sent a request, as far as a server can tell whether they wait. This one cannot."""

    @property
    def gone(self) -> bool:
        """Whether nobody waits for the answer any more. For any thread."""
        return False

    def watched(self, told: Callable[[], None], /) -> AbstractContextManager[None]:
        """Have `told` called once, on the event loop of the request, if the caller goes while this
        is entered. Only where a server is told of that; the body of the request has been read.
        """
        return nullcontext()


_UNSEEN: Final = Caller()


@attrs.define
class Incoming:
    """A request as a server sees it.

    `path` is percent-decoded and begins behind `mount`, the prefix under which the application
    is mounted (no trailing slash); `query` and `target` are as they came. `length` is the declared
    Content-Length. `body` raises RemoteError where the peer cuts it short or stalls. `loopback`
    says that the server listens on loopback only. `peer` is the address at the other end of the
    connection, "" over a Unix socket, None if it is not known.
    """

    method: str
    path: str
    headers: Headers
    body: Pieces = ()
    query: str = ""
    mount: str = ""
    target: str = ""
    length: int | None = None
    scheme: str = "http"
    loopback: bool = False
    caller: Caller = _UNSEEN
    peer: str | None = None
    _index: dict[str, list[str]] | None = attrs.field(default=None, init=False, repr=False)

    def values(self, name: str) -> list[str]:
        """All values of a header, in order; `name` in lower case."""
        index = self._index
        if index is None:
            index = self._index = {}
            for key, value in self.headers:
                index.setdefault(key.lower(), []).append(value)
        return index.get(name, [])

    def header(self, name: str) -> str | None:
        """The first value of a header, or None; `name` in lower case."""
        values = self.values(name)
        return values[0] if values else None


class Handler(Protocol):
    """What a router is to the adapters and to `Server`. `handle` does not raise."""

    def handle(self, request: Incoming, /) -> Response: ...


class AsyncHandler(Protocol):
    """The same under an event loop. The body of the response may be an async iterable."""

    async def serve(self, request: Incoming, /) -> Response: ...


@runtime_checkable
class Transport(Protocol):
    """How a client reaches servers: bytes in, bytes out. Usable from any thread.

    `send` returns when the head of the answer is there, and raises only TransportError. It never
    sends anything twice, follows no redirect, keeps no cookie, decodes no content coding.

    One on a library with authentication classes of its own may have `auth_flow(auth)`, which makes
    an `AuthFlow` of what `Client(auth=...)` was given, or raises TypeError.
    """

    @property
    def name(self) -> str: ...

    def send(self, request: Request, /) -> Response: ...

    def close(self) -> None: ...


@runtime_checkable
class AsyncTransport(Protocol):
    """The same for asyncio. What an iterator as `Request.body` gives may be read from a file, and
    reading it block: `off_loop` of `hyperglyph.transport.adapters.threads` reads it in a thread.

    Cancelling `send`, or the reading of a body, ends the connection: nobody else may be given the
    rest of that answer.
    """

    @property
    def name(self) -> str: ...

    async def send(self, request: Request, /) -> AsyncResponse: ...

    async def close(self) -> None: ...
