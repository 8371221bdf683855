"""`AsyncClient` in the place of `Client`, so that the tests of one are those of the other, too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from inspect import iscoroutinefunction
from typing import Any, Self, cast

import pytest

import hyperglyph as glyph
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport
from hyperglyph.transport.http.messages import AsyncResponse
from hyperglyph.transport.http.waiting import each

__all__ = ["FACES", "Awaited", "put_in_place"]

FACES = ("Client", "AsyncClient")


class AsyncOf:
    """A transport of a test's own, for those who await."""

    def __init__(self, transport: glyph.Transport) -> None:
        self.transport = transport
        self.name = transport.name

    async def send(self, request: glyph.Request, /) -> AsyncResponse:
        response = self.transport.send(request)

        async def close() -> None:
            response.close()

        return AsyncResponse(
            response.status,
            response.headers,
            each(response.body),
            response.url,
            response.reused,
            close,
        )

    async def close(self) -> None:
        self.transport.close()


class Awaited(glyph.AsyncClient):
    """An `AsyncClient` whose calls are awaited where they are made, on a loop of its own."""

    made: list[Awaited] = []  # noqa: RUF012 - by all tests, one after another

    def __init__(self, transport: Any = None, **options: Any) -> None:
        if isinstance(transport, HttpxTransport):
            transport = AsyncHttpxTransport()
        elif hasattr(transport, "send") and not iscoroutinefunction(transport.send):
            transport = AsyncOf(transport)
        super().__init__(transport, **options)
        self._runner = asyncio.Runner()
        Awaited.made.append(self)

    def _run(self, steps: Callable[[], Coroutine[Any, Any, Any]], shown: str) -> Any:
        async def awaited() -> Any:
            return await glyph.Call(steps, shown)

        return self._runner.run(awaited())

    def _after(self, value: Any, step: Callable[[Any], Any]) -> Any:
        return step(value)

    def close(self) -> Any:
        self._runner.run(super().close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def put_in_place(face: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `glyph.Client` be one of the faces."""
    if face == "AsyncClient":
        monkeypatch.setattr(glyph, "Client", Awaited)
    yield
    for client in Awaited.made:
        client.close()
        cast("Any", client)._runner.close()
    Awaited.made.clear()
