"""`AsyncClient`: the client for asyncio, whose calls are awaited."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from inspect import iscoroutinefunction
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from hyperglyph.transport.http.messages import Answered, AsyncTransport

from .calls import Call
from .core import BaseClient
from .exchange import Send
from .items import AsyncItems

__all__ = ["AsyncClient"]

T = TypeVar("T")


class AsyncClient(BaseClient[AsyncTransport]):
    """`Client` for asyncio: the same names and settings, and every call is a `Call` to be awaited.

        async with glyph.AsyncClient() as client:
            root = await client.get(url)
            bio = await root.find_user("bob").bio()

    It belongs to the event loop in which it is used first, until it is closed. In the blobs that
    it gives all bytes are there when the call is over, so they are plain files like those of a
    `Client`; a large one is on disk, and `await asyncio.to_thread(blob.read)` reads it beside the
    event loop. Blobs that it sends are read in a thread. `middleware` are coroutine functions.
    """

    @overload
    def get(self, url: str) -> Call: ...
    @overload
    def get(self, url: str, *, as_: Callable[..., T]) -> Awaitable[T]: ...
    def get(self, url: str, *, as_: object = None) -> Any:
        """What is at a URL: the root page of a service becomes an object with its functions.

        With `as_`, a Protocol or the server's own class, a type checker takes what is awaited for
        one of that type. Nothing is checked when it runs.
        """
        return self._open(url)

    async def close(self) -> None:
        """Close all connections. Proxies that are still held open new ones when used."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _make_transport(self, name: str) -> AsyncTransport:
        if name == "httpx":
            from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport

            return AsyncHttpxTransport()
        raise ValueError(f"there is no transport {name!r}; there is: 'httpx', or give an instance")

    def _sender(self, transport: AsyncTransport) -> Send:
        if not iscoroutinefunction(transport.send):
            raise TypeError(f"{type(transport).__name__} is for Client: it cannot be awaited")
        return transport.send

    def _steps(self, middleware: tuple[Callable[..., Any], ...]) -> Sequence[Callable[..., Any]]:
        for one in middleware:
            if not iscoroutinefunction(one) and not iscoroutinefunction(
                getattr(one, "__call__", None)  # noqa: B004 - an object's
            ):
                raise TypeError(
                    f"the middleware {getattr(one, '__qualname__', one)} is for Client: here it "
                    "has to be a coroutine function"
                )
        return middleware

    def _run(self, steps: Callable[[], Coroutine[Any, Any, Any]], shown: str) -> Call:
        return Call(steps, shown)

    def _items(
        self, stream: Callable[[], AsyncGenerator[Any, None]], response: Answered
    ) -> AsyncItems:
        return AsyncItems(stream, response)

    def _after(self, value: Any, step: Callable[[Any], Any]) -> Call:
        call = value if isinstance(value, Call) else self._run_held(value)
        return call._then(step, "")  # pyright: ignore[reportPrivateUsage]

    def _run_held(self, value: Any) -> Call:
        async def steps() -> Any:
            return value

        return Call(steps, repr(value))
