"""Transports of both kinds, driven from plain tests: what a test says is said once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from inspect import iscoroutinefunction
from typing import Any, Self, cast

import pytest

from hyperglyph.transport.http.messages import (
    Answered,
    AsyncTransport,
    Deadline,
    Request,
    Transport,
)
from hyperglyph.transport.http.status import TransportError

__all__ = ["Driven", "Got", "request_to"]


def request_to(url: str, seconds: float | None = 5, **options: Any) -> Request:
    """A GET with a deadline."""
    return Request("GET", url, deadline=Deadline(seconds), **options)


class Driven:
    """A transport, and the event loop of one for asyncio."""

    def __init__(self, transport: Transport | AsyncTransport) -> None:
        self.transport = transport
        self.is_async = iscoroutinefunction(transport.send)
        self._runner: asyncio.Runner | None = asyncio.Runner() if self.is_async else None

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """What a coroutine gives on the event loop."""
        assert self._runner is not None
        return self._runner.run(coroutine)

    def send(self, request: Request) -> Got:
        """Send a request; the answer, as soon as its head is there."""
        sent: Any = self.transport.send(request)
        return Got(self, self.run(sent) if self.is_async else sent)

    def fetch(self, request: Request) -> bytes:
        """The body of the answer."""
        return self.send(request).read()

    async def fetch_here(self, request: Request) -> bytes:
        """The same on the event loop that is running, with a transport for it."""
        answer = await cast("AsyncTransport", self.transport).send(request)
        try:
            return b"".join([piece async for piece in answer.body])
        finally:
            await answer.close()

    def failure(self, request: Request) -> tuple[TransportError, float]:
        """The error that a request ends with, and after how many seconds it did."""
        started = time.monotonic()
        with pytest.raises(TransportError) as caught:
            self.fetch(request)
        return caught.value, time.monotonic() - started

    def in_child(self) -> Driven:
        """The same transport in a forked process, with an event loop of its own."""
        return Driven(self.transport)

    def close(self) -> None:
        """Close the transport; it may be used again."""
        closing = cast("Any", self.transport.close())
        if closing is not None:
            self.run(closing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._runner is not None:
            self._runner.close()


class Got:
    """An answer."""

    def __init__(self, driven: Driven, answer: Answered) -> None:
        self._driven = driven
        self._answer = answer
        self.status = answer.status
        self.headers = list(answer.headers)
        self.url = answer.url
        self.reused = answer.reused
        self._pieces: Any = None

    def pieces(self) -> Iterator[bytes]:
        """The body, piece by piece; asked again, what is left of it."""
        if self._pieces is None:
            body: Any = self._answer.body
            self._pieces = aiter(body) if self._driven.is_async else iter(body)
        while True:
            piece = self._next()
            if piece is None:
                return
            yield piece

    def _next(self) -> bytes | None:
        if not self._driven.is_async:
            return next(self._pieces, None)

        async def step() -> bytes | None:
            return await anext(self._pieces, None)

        return cast("bytes | None", self._driven.run(step()))

    def read(self) -> bytes:
        """The whole body; the answer is closed."""
        try:
            return b"".join(self.pieces())
        finally:
            self.close()

    def close(self) -> None:
        """Give back the connection."""
        closing = self._answer.close()
        if closing is not None:
            self._driven.run(closing)
