"""ASGI: scope and events to `Incoming`, `Response` to events (asgi.readthedocs.io, HTTP 2.5).

Bodies are read and written with time limits of our own, since servers have none: `idle` seconds,
and for a body that comes one more for each KiB that has come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    MutableMapping,
    Sequence,
)
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Final, cast
from urllib.parse import unquote_to_bytes

from hyperglyph.transport.http.messages import (
    AsyncHandler,
    Caller,
    Incoming,
    Response,
    first_header,
)
from hyperglyph.transport.http.refusal import refusal
from hyperglyph.transport.http.status import BadRequest, RequestTimeout
from hyperglyph.transport.http.waiting import Pieces

__all__ = ["ASGIAdapter", "Receive", "Scope", "Send"]

logger = logging.getLogger("hyperglyph.server")

Event = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

#: Bytes a second below which a body has no more than the idle limit in all.
_BODY_RATE: Final = 1024
#: What of an unread body is read and thrown away after a refusal, so that it is not lost with it.
_LINGER_BYTES: Final = 16 * 1024 * 1024
_LINGER_SECONDS: Final = 2.0

_END: Final = object()


class ASGIAdapter:
    """An ASGI application over a router, or what else answers requests.

    `idle` is how long a caller may stay silent inside a request's body, or take none of an answer,
    in seconds.
    """

    def __init__(self, handler: AsyncHandler, *, idle: float = 15.0) -> None:
        self._handler = handler
        self._idle = idle

    def allow_random_key(self) -> None:
        """What the router's method of that name does."""
        getattr(self._handler, "allow_random_key", lambda: None)()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            await self._serve(scope, receive, send)
        elif kind == "lifespan":
            await _Lifespan(self._handler).run(receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})  # before it is open: 403
        else:
            raise ValueError(f"ASGI connections of type {kind!r} are not served")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = _Caller(receive, self._idle)
        try:
            try:
                request = incoming(scope, caller)
            except BadRequest as error:
                caller.malformed = True
                response = refusal(error.status, error.message)
            else:
                response = await self._handler.serve(request)
            try:
                await _Sending(scope, caller, send, self._idle).send(response)
            finally:
                response.close()
        finally:
            caller.close()


def incoming(scope: Scope, caller: _Caller) -> Incoming:
    """The request in a scope. Raises BadRequest for a malformed length."""
    headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
    path, target = _path_of(scope)
    query = bytes(scope.get("query_string") or b"").decode("latin-1")
    mount = str(scope.get("root_path") or "").rstrip("/")
    # Servers differ, and so do versions of frameworks, in whether the path begins with it.
    if mount and (path == mount or path.startswith(f"{mount}/")):
        path = path[len(mount) :]
    request = Incoming(
        method=scope["method"],
        path=path,
        headers=headers,
        query=query,
        mount=mount,
        target=f"{target}?{query}" if query else target,
        scheme=scope.get("scheme", "http"),
        peer=_peer_of(scope),
        caller=caller,
    )
    lengths = request.values("content-length")
    if lengths:
        declared = lengths[0]
        if len(lengths) > 1 or not (declared.isascii() and declared.isdigit()):
            raise BadRequest("malformed Content-Length")
        if len(declared) >= 19:
            raise BadRequest("malformed Content-Length")
        if request.values("transfer-encoding"):
            raise BadRequest("Content-Length together with Transfer-Encoding")
        request.length = int(declared)
    request.body = caller.body(request.length)
    return request


def _peer_of(scope: Scope) -> str | None:
    if client := scope.get("client"):
        return str(client[0])
    # A Unix socket is told by its path, without a port.
    server = scope.get("server")
    return "" if server and server[1] is None else None


def _path_of(scope: Scope) -> tuple[str, str]:
    """The path, percent-decoded, and as it came."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return scope["path"], scope["path"]
    raw = raw.partition(b"?")[0]
    # What is no UTF-8 matches no name; in the scope's own path it may have become one.
    return unquote_to_bytes(raw).decode("utf-8", "surrogateescape"), raw.decode("latin-1")


class _Caller(Caller):
    """What is received: the body of a request, and then that the caller has gone."""

    def __init__(self, receive: Receive, idle: float) -> None:
        self._receive = receive
        self._idle = idle
        self._gone = False
        self._told: Callable[[], None] | None = None
        self._watch: asyncio.Task[None] | None = None
        #: Whether the body has been asked for, and whether all of it has come.
        self.asked = False
        self.complete = False
        #: Whether the body, or what is said of its length, is not as it has to be.
        self.malformed = False

    @property
    def gone(self) -> bool:
        return self._gone

    async def body(self, length: int | None) -> AsyncIterator[bytes]:
        """The body's pieces. Raises BadRequest, RequestTimeout."""
        self.asked = True
        left = self._idle
        size = 0
        loop = asyncio.get_running_loop()
        while not self.complete:
            started = loop.time()
            try:
                if left <= 0:
                    raise TimeoutError
                async with asyncio.timeout(min(left, self._idle)):
                    piece = await self._next()
            except TimeoutError:
                raise RequestTimeout("the body of the request did not arrive in time") from None
            size += len(piece)
            # Only waiting counts: whoever reads the body may take the time it needs.
            left += len(piece) / _BODY_RATE - (loop.time() - started)
            if length is not None and size > length:
                self.malformed = True
                raise BadRequest(f"the body is longer than its Content-Length of {length}")
            if piece:
                yield piece
        if length is not None and size < length:
            self.malformed = True
            raise BadRequest(f"the body is {length - size} bytes shorter than its Content-Length")

    async def _next(self) -> bytes:
        event = await self._receive()
        if event["type"] == "http.disconnect":
            self._gone = self.complete = True
            raise BadRequest("the body of the request was cut short")
        self.complete = not event.get("more_body", False)
        piece = bytes(event.get("body") or b"")
        if not piece and not self.complete:
            # One that never waits would keep the loop, and hold off the limits.
            await asyncio.sleep(0)
        return piece

    @contextmanager
    def _watched(self, told: Callable[[], None]) -> Generator[None]:
        if self._watch is None:
            self._watch = asyncio.create_task(self._wait())
        self._told = told
        try:
            if self._gone:
                told()
            yield
        finally:
            self._told = None

    def watched(self, told: Callable[[], None], /) -> AbstractContextManager[None]:
        return self._watched(told)

    async def _wait(self) -> None:
        """Wait until the caller goes; of a body that nobody reads nothing is kept."""
        while (await self._receive())["type"] != "http.disconnect":
            await asyncio.sleep(0)
        self._gone = True
        if self._told is not None:
            self._told()

    async def linger(self) -> None:
        """Read for a moment what the caller still sends: to close a connection on unread bytes
        resets it, and the answer may be lost.
        """
        size = 0
        with suppress(TimeoutError, BadRequest):
            async with asyncio.timeout(_LINGER_SECONDS):
                while not self.complete and size < _LINGER_BYTES:
                    size += len(await self._next())

    def close(self) -> None:
        """Nobody asks any more."""
        if self._watch is not None:
            self._watch.cancel()


class _Sending:
    """How a response is sent."""

    def __init__(self, scope: Scope, caller: _Caller, send: Send, idle: float) -> None:
        self._scope = scope
        self._caller = caller
        self._send = send
        self._idle = idle

    async def send(self, response: Response) -> None:
        """Send a response, as far as there is somebody who takes it."""
        headers = [(_field(name).lower(), _field(value)) for name, value in response.headers]
        if closes := self._closes(response):
            headers.append((b"connection", b"close"))
        start: Event = {
            "type": "http.response.start",
            "status": response.status,
            "headers": headers,
        }
        try:
            # The answer before it, on the same connection, may not have been taken yet.
            await self._within(start)
            await self._send_body(cast("Pieces", response.body), lingers=closes)
        except OSError as error:  # of a server's `send`: a file that fails is logged, and is ours
            if not isinstance(error, TimeoutError) and not self._caller.gone:
                raise
            logger.debug("an answer was not taken")

    def _closes(self, response: Response) -> bool:
        """Whether the connection is of no use after a refusal, for all that may still come.

        Where a body is malformed, nobody knows where the next request begins.
        """
        if not str(self._scope.get("http_version", "1.1")).startswith("1"):
            return False
        if response.status == 400 and self._caller.malformed:
            return True
        if response.status == 400 and not self._has_body():
            return False
        return response.status in (400, 408, 413) and not self._caller.complete

    def _has_body(self) -> bool:
        """Whether the request says that it has a body."""
        length = first_header(self._headers(), "content-length")
        coding = first_header(self._headers(), "transfer-encoding")
        return coding is not None or length not in (None, "0")

    async def _send_body(self, body: Pieces, *, lingers: bool) -> None:
        if isinstance(body, Sequence):
            if len(body) == 1 and not lingers:
                await self._give(body[0], more=False)
                return
            for piece in body:
                await self._give(piece)
            if lingers:
                await self._linger()
        elif isinstance(body, AsyncIterable):
            await self._stream(body)
        else:
            await self._stream(_off_loop(body))
        await self._give(b"", more=False)

    async def _linger(self) -> None:
        expects = first_header(self._headers(), "expect") is not None
        if self._caller.asked or not expects:
            await self._caller.linger()

    def _headers(self) -> list[tuple[str, str]]:
        return [(k.decode("latin-1"), v.decode("latin-1")) for k, v in self._scope["headers"]]

    async def _stream(self, pieces: AsyncIterable[bytes]) -> None:
        """Send what comes, until there is no more, or nobody to take it."""
        iterator = aiter(pieces)
        try:
            async with asyncio.timeout(None) as scope:
                loop = asyncio.get_running_loop()
                with self._caller.watched(lambda: scope.reschedule(loop.time())):
                    async for piece in iterator:
                        if piece:
                            await self._give(piece)
                        # Where nothing waits, nobody would hear that the caller has gone.
                        await asyncio.sleep(0)
        finally:
            close: Any = getattr(iterator, "aclose", None)
            if close is not None:
                await close()

    async def _give(self, piece: bytes, *, more: bool = True) -> None:
        await self._within({"type": "http.response.body", "body": piece, "more_body": more})

    async def _within(self, event: Event) -> None:
        async with asyncio.timeout(self._idle):
            await self._send(event)


def _field(text: str) -> bytes:
    if "\r" in text or "\n" in text or "\0" in text:
        raise ValueError("a header of the response holds a line break")
    return text.encode("latin-1")


async def _off_loop(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Pieces that are read from a file, say, each in a thread of the loop's own."""
    iterator = iter(pieces)
    while True:
        reading = asyncio.ensure_future(asyncio.to_thread(next, iterator, _END))
        try:
            piece = await asyncio.shield(reading)
        except asyncio.CancelledError:
            # Not to close a file that a thread reads.
            await asyncio.wait([reading])
            raise
        if piece is _END:
            return
        yield cast("bytes", piece)


class _Lifespan:
    """The beginning and the end of a server process."""

    def __init__(self, handler: AsyncHandler) -> None:
        self._handler = handler

    async def run(self, receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            if event["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif event["type"] == "lifespan.shutdown":
                getattr(self._handler, "close", lambda: None)()
                await send({"type": "lifespan.shutdown.complete"})
                return
