"""The items of a sequence, in the hands of a caller: one request, and a value at a time.

Standard, section 20.2.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from hyperglyph.transport.http.messages import Answered
from hyperglyph.transport.http.waiting import finish

from .exchange import close
from .shown import printable

if TYPE_CHECKING:
    from asyncio import Task

__all__ = ["AsyncItems", "Items"]

Stream = AsyncGenerator[Any, None]


class Items:
    """An iterator over what a generator of the server gives, each item as soon as it is there.

        with root.lines("a.log") as lines:
            for line in lines: ...

    The server computes as far ahead as fits into the connection, and no further. `close()`, and
    the end of a `with` block, end it early: the server's generator is closed. What the generator
    raises is raised behind its last item. The gaps between items are under the idle limit, not
    under the call's deadline. One thread at a time. REQ-SEQ-9 and REQ-SEQ-10.
    """

    def __init__(self, stream: Callable[[], Stream], response: Answered) -> None:
        self._stream = stream()
        self._response = response
        self._over = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            return finish(_next(self._stream))
        except StopAsyncIteration:
            self._over = True
            raise StopIteration from None
        except BaseException:
            self._over = True
            raise

    def close(self) -> None:
        """End it. May be repeated."""
        self._over = True
        finish(_closed(self._stream, self._response))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._over:
            with suppress(Exception):  # as a generator that is dropped
                self.close()

    def __repr__(self) -> str:
        return _shown(self._over, self._response)


class AsyncItems:
    """`Items` for asyncio: `async for item in await root.lines("a.log")`.

    `aclose()`, and the end of an `async with` block, end it early. One task at a time.
    """

    def __init__(self, stream: Callable[[], Stream], response: Answered) -> None:
        self._stream = stream()
        self._response = response
        self._over = False
        self._begun = False
        from asyncio import get_running_loop  # `Items` do without

        self._loop = get_running_loop()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        self._begun = True
        try:
            return await _next(self._stream)
        except BaseException:
            self._over = True
            raise

    async def aclose(self) -> None:
        """End it. May be repeated."""
        self._over = True
        await _closed(self._stream, self._response)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # What has begun is closed by the event loop, as every async generator is.
        if not self._over and not self._begun:
            # Nobody else gives its connection back.
            with suppress(RuntimeError):  # the loop is over, and with it all connections
                self._loop.call_soon_threadsafe(_close_soon, self._response)
            warnings.warn(f"never read: {self!r}", ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        return _shown(self._over, self._response)


#: The event loop itself holds tasks weakly.
_closing: Final[set[Task[None]]] = set()


def _close_soon(response: Answered) -> None:
    from asyncio import get_running_loop

    task = get_running_loop().create_task(close(response))
    _closing.add(task)
    task.add_done_callback(_closing.discard)


async def _next(stream: Stream) -> Any:
    return await anext(stream)


async def _closed(stream: Stream, response: Answered) -> None:
    await stream.aclose()
    await close(response)  # a stream that has not begun does not close it


def _shown(over: bool, response: Answered) -> str:
    return f"<items of {printable(response.url, 200)}{', over' if over else ''}>"
