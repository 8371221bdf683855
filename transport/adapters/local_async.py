"""In-process under asyncio: a client's request goes straight to a router, without sockets.

`AsyncLocalTransport(router)` calls the router's core; `AsyncLocalTransport(application)` calls any
ASGI application, with its whole scope.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Self, cast
from urllib.parse import urlsplit

from hyperglyph.transport.http.messages import AsyncResponse, Incoming, Request, Response
from hyperglyph.transport.http.status import Outcome, Phase, TransportError, outcome_if_cut
from hyperglyph.transport.http.waiting import Pieces, each

from .local import length_of, pieces_of, port_of, split_target, target_of
from .threads import OffLoop, off_loop

__all__ = ["AsyncLocalTransport"]

Event = dict[str, Any]
ASGIApplication = Callable[
    [Event, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]

_END: Final = object()


class AsyncLocalTransport:
    """Serves every URL from one router or ASGI application in this process.

    `mount` is the prefix under which the application believes to be mounted. There is no time
    limit but the one that the server keeps. Functions of a router that are no coroutine functions
    are called in threads. An application is not told of the lifespan of a server.
    """

    def __init__(self, target: Any, *, mount: str = "") -> None:
        self._mount = mount.rstrip("/")
        self._target = target
        self._serve = _serving(target)
        self._running: set[asyncio.Task[None]] = set()
        # References then live as long as this process; a router with a secret keeps to that.
        getattr(target, "allow_random_key", lambda: None)()

    @property
    def name(self) -> str:
        return "local"

    async def close(self) -> None:
        """End what an application still does after its answers."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def send(self, request: Request, /) -> AsyncResponse:
        below = split_target(request.url, self._mount)
        if below is None:
            return AsyncResponse(404, (), each(()), request.url)
        if self._serve is None:
            exchange = _Exchange(request, self._scope(request, below))
            task = asyncio.create_task(exchange.run(cast("ASGIApplication", self._target)))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            return await exchange.answer(task)
        split = urlsplit(request.url)
        response = await self._serve(
            Incoming(
                method=request.method,
                path=below.decode("utf-8", "surrogateescape"),
                headers=[("Host", split.netloc), *request.headers],
                body=_body_of(request),
                query=split.query,
                mount=self._mount,
                target=target_of(request.url),
                length=length_of(request),
                scheme=split.scheme,
            )
        )
        return _awaited(response, request.url)

    def _scope(self, request: Request, below: bytes) -> Event:
        split = urlsplit(request.url)
        length = length_of(request)
        headers = [("host", split.netloc), *request.headers]
        if length is not None:
            headers.append(("content-length", str(length)))
        elif request.body is not None:
            headers.append(("transfer-encoding", "chunked"))
        path = self._mount.encode() + below
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": split.scheme,
            "path": path.decode("utf-8", "replace"),
            "raw_path": (split.path or "/").encode("ascii"),
            "query_string": split.query.encode("ascii"),
            "root_path": self._mount,
            "headers": [(k.lower().encode("ascii"), v.encode("latin-1")) for k, v in headers],
            "client": None,
            "server": (split.hostname, port_of(request.url)),
        }


def _serving(target: Any) -> Callable[[Incoming], Awaitable[Response]] | None:
    """How a router is asked; None for an application."""
    if hasattr(target, "serve"):
        return cast("Callable[[Incoming], Awaitable[Response]]", target.serve)
    if not hasattr(target, "handle"):
        return None

    async def serve(incoming: Incoming) -> Response:
        if isinstance(incoming.body, OffLoop):  # a thread has no loop to wait on
            incoming.body = incoming.body.pieces
        return await asyncio.to_thread(target.handle, incoming)

    return serve


def _body_of(request: Request) -> Pieces:
    body = request.body
    return pieces_of(request) if body is None or isinstance(body, bytes) else off_loop(body)


def _awaited(response: Response, url: str) -> AsyncResponse:
    """A router's response, for those who await."""
    body = cast("Pieces", response.body)
    pieces: AsyncIterable[bytes]
    if isinstance(body, Sequence):
        pieces = each(cast("Iterable[bytes]", body))
    else:
        made = body if isinstance(body, AsyncIterable) else off_loop(iter(body))
        pieces = _UntilCut(made, response.status)

    async def close() -> None:
        closing: Any = getattr(body, "aclose", None)
        if closing is not None:
            await closing()
        response.close()

    return AsyncResponse(response.status, response.headers, pieces, url, on_close=close)


class _UntilCut(AsyncIterator[bytes]):
    """The pieces of an answer. Raises TransportError where making one fails, as a server would end
    the connection then.
    """

    def __init__(self, pieces: AsyncIterable[bytes], status: int) -> None:
        self._pieces = aiter(pieces)
        self._status = status

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            raise
        except Exception as error:
            raise TransportError(
                f"the answer was cut short: {type(error).__name__}",
                phase="read",
                outcome=outcome_if_cut(self._status),
            ) from error


class _Exchange:
    """One request to an ASGI application: what it receives, and what it sends."""

    def __init__(self, request: Request, scope: Event) -> None:
        self._request = request
        self._scope = scope
        self._body = aiter(each(_body_of(request)))
        self._all_received = False
        self._gone = asyncio.Event()
        # One at a time: who sends waits for who reads.
        self._sent: asyncio.Queue[Any] = asyncio.Queue(1)
        self._finished = False
        self._status = 0
        self.failure: Exception | None = None

    async def run(self, application: ASGIApplication) -> None:
        try:
            await application(self._scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - it is told to who asked
            self.failure = error
        finally:
            if not self._finished and not self._gone.is_set():
                await self._sent.put(_END)

    async def _receive(self) -> Event:
        if not self._all_received:
            piece = await anext(self._body, None)
            if piece is not None:
                return {"type": "http.request", "body": piece, "more_body": True}
            self._all_received = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, event: Event) -> None:
        if self._gone.is_set():
            raise OSError("the caller has gone")
        await self._sent.put(event)
        if event["type"] == "http.response.body" and not event.get("more_body", False):
            self._finished = True

    async def answer(self, task: asyncio.Task[None]) -> AsyncResponse:
        """Its response, as soon as its head is there."""

        async def close() -> None:
            self._gone.set()
            if not self._finished:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([task])

        try:
            start = await self._sent.get()
        except BaseException:
            await close()
            raise
        if start is _END:
            raise self._ended("the application gave no response", "wait", "unknown")
        self._status = start["status"]
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in start["headers"]]
        return AsyncResponse(
            start["status"], headers, _Sent(self), self._request.url, on_close=close
        )

    async def next(self) -> bytes | None:
        """The next piece of the body, None at its end. Raises TransportError if it is cut short."""
        if self._finished and self._sent.empty():
            return None
        event = await self._sent.get()
        if event is _END:
            raise self._ended("the answer was cut short", "read", outcome_if_cut(self._status))
        if not event.get("more_body", False):
            self._finished = True
        return bytes(event.get("body") or b"")

    def _ended(self, message: str, phase: Phase, outcome: Outcome) -> TransportError:
        error = TransportError(message, phase=phase, outcome=outcome)
        error.__cause__ = self.failure
        return error


class _Sent(AsyncIterator[bytes]):
    """The body of an application's answer."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._exchange.next()
        if piece is None:
            raise StopAsyncIteration
        return piece
