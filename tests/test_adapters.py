"""The suite that ships, over every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import hyperglyph as glyph
from hyperglyph.testing.driven import Driven, request_to
from hyperglyph.testing.exchanges import ExchangeSuite, Recorder
from hyperglyph.testing.peers import OK, drip, peer
from hyperglyph.testing.wire import HEAD, WireSuite
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport
from hyperglyph.transport.adapters.httpx_common import httpx  # or httpx2
from hyperglyph.transport.adapters.wsgi import WSGIAdapter
from hyperglyph.transport.http.messages import Incoming


@pytest.mark.usefixtures("no_leaks")
class TestHttpx(WireSuite):
    def make(self) -> glyph.Transport:
        return HttpxTransport()

    def makes_unix(self, path: str) -> glyph.Transport:
        return HttpxTransport(unix=path)


@pytest.mark.usefixtures("no_leaks")
class TestAsyncHttpx(WireSuite):
    def make(self) -> glyph.AsyncTransport:
        return AsyncHttpxTransport()

    def makes_unix(self, path: str) -> glyph.AsyncTransport:
        return AsyncHttpxTransport(unix=path)


@pytest.mark.usefixtures("no_leaks")
class TestGiven(WireSuite):
    """Through a transport of httpx's own: what it cannot do stands in docs/transports.md."""

    def make(self) -> glyph.Transport:
        return HttpxTransport(transport=httpx.HTTPTransport())

    def test_a_dripped_head_does_not_outlive_the_deadline(self, wire: Driven) -> None:
        """It may: each wait for a part of the head is bounded, not their sum."""
        with peer(drip(OK, 0.02)) as server:
            error, _ = wire.failure(request_to(server.url, 0.3))
        assert isinstance(error, glyph.DeadlineExceeded)
        assert (error.phase, error.outcome) == ("read", "done")

    @pytest.mark.parametrize(("begun", "phase"), [(HEAD, "read")])
    def test_a_peer_that_falls_silent_is_idle(self, wire: Driven, begun: bytes, phase: str) -> None:
        super().test_a_peer_that_falls_silent_is_idle(wire, begun, phase)


@pytest.mark.usefixtures("no_leaks")
class TestAsyncGiven(WireSuite):
    def make(self) -> glyph.AsyncTransport:
        return AsyncHttpxTransport(transport=httpx.AsyncHTTPTransport())

    @pytest.mark.parametrize(("begun", "phase"), [(HEAD, "read")])
    def test_a_peer_that_falls_silent_is_idle(self, wire: Driven, begun: bytes, phase: str) -> None:
        super().test_a_peer_that_falls_silent_is_idle(wire, begun, phase)


class TestLocal(ExchangeSuite):
    @contextmanager
    def serving(self, recorder: Recorder) -> Generator[tuple[Any, str]]:
        yield glyph.LocalTransport(recorder), "http://localhost/"


class TestLocalApplication(ExchangeSuite):
    shows_spelling = False

    @contextmanager
    def serving(self, recorder: Recorder) -> Generator[tuple[Any, str]]:
        yield glyph.LocalTransport(WSGIAdapter(recorder)), "http://localhost/"


class TestAsyncLocal(ExchangeSuite):
    @contextmanager
    def serving(self, recorder: Recorder) -> Generator[tuple[Any, str]]:
        yield glyph.AsyncLocalTransport(recorder), "http://localhost/"


class Application:
    """An ASGI application that asks a recorder, in a thread."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        loop = asyncio.get_running_loop()

        def body() -> Iterator[bytes]:
            more = True
            while more:
                event = asyncio.run_coroutine_threadsafe(receive(), loop).result()
                more = event["more_body"]
                if event["body"]:
                    yield event["body"]

        query = scope["query_string"].decode()
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
        incoming = Incoming(
            scope["method"],
            scope["path"],
            headers,
            body(),
            target=scope["raw_path"].decode() + (f"?{query}" if query else ""),
        )
        if length := incoming.header("content-length"):
            incoming.length = int(length)
        response = await asyncio.to_thread(self._recorder.handle, incoming)
        try:
            pairs = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in response.headers]
            start = {"type": "http.response.start", "status": response.status, "headers": pairs}
            await send(start)
            pieces = iter(response.body)
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body"})
        finally:
            response.close()


class TestAsyncLocalApplication(ExchangeSuite):
    @contextmanager
    def serving(self, recorder: Recorder) -> Generator[tuple[Any, str]]:
        yield glyph.AsyncLocalTransport(Application(recorder)), "http://localhost/"
