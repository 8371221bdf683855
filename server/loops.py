"""Running calls on event loops: that of an ASGI server, or the background loop of this process."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
)
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import copy_context
from typing import Any, Final, TypeVar

from hyperglyph.transport.http.messages import Caller, Response
from hyperglyph.transport.http.status import ClientError, GatewayTimeout, RemoteError
from hyperglyph.transport.http.waiting import finish

from .calls import Call
from .running import OnThread, Running, is_cancelled

__all__ = ["OnLoop", "background_loop", "iterate", "run_on"]

T = TypeVar("T")

#: Seconds between two looks whether the caller of a coroutine function is still there, where only
#: looking tells.
_LOOK: Final = 0.5


async def _limited(coroutine: Coroutine[Any, Any, T], call: Call, caller: Caller) -> T:
    """The result of a coroutine, which is cancelled when nobody waits for it any more."""
    scope = asyncio.timeout(call.deadline.left())
    try:
        async with scope:
            loop = asyncio.get_running_loop()

            def end() -> None:
                with suppress(RuntimeError):  # the deadline was faster
                    scope.reschedule(loop.time())

            with caller.watched(end):
                return await coroutine
    except TimeoutError:
        if not scope.expired():  # its own
            raise
    finally:
        coroutine.close()  # if it has not even begun
    raise _refusal(call, "the deadline passed, and the call was cancelled")


def _refusal(call: Call, late: str) -> RemoteError:
    return ClientError("the caller has gone") if call.request.caller.gone else GatewayTimeout(late)


class OnLoop:
    """On an event loop, with `threads` threads for plain functions.

    The threads start when they are needed, and anew after a fork.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None or self._pool[0] != os.getpid():
                self._pool = os.getpid(), ThreadPoolExecutor(self._threads, "hyperglyph-call")
            return self._pool[1]

    def close(self) -> None:
        """Let the threads end, once they have done what they do. Another call starts new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None and pool[0] == os.getpid():
            pool[1].shutdown(wait=False, cancel_futures=True)

    async def whole(
        self, steps: Callable[[Running], Coroutine[Any, Any, T]], call: Call, *, waits: bool
    ) -> T:
        if waits:
            return await steps(self)
        loop = asyncio.get_running_loop()

        def run() -> T:
            return finish(steps(OnThread(loop)))

        job = self._submit(run)
        left = call.deadline.left()
        # Both have an effect only while it waits for a thread.
        timer = None if left is None else loop.call_later(max(left, 0), job.cancel)
        try:
            with call.request.caller.watched(lambda: _cancel(job)):
                return await _ended(job)
        except asyncio.CancelledError:
            if not job.cancelled() or self.is_cancelled():
                raise
        finally:
            if timer is not None:
                timer.cancel()
        raise _refusal(call, "the deadline passed before there was a thread for the call")

    async def step(self, function: Callable[..., T], /, *arguments: Any) -> T:
        return await _ended(self._submit(function, *arguments))

    def _submit(self, function: Callable[..., T], /, *arguments: Any) -> Future[T]:
        return self._executor().submit(copy_context().run, function, *arguments)

    async def wait(self, coroutine: Coroutine[Any, Any, T], call: Call, caller: Caller) -> T:
        return await _limited(coroutine, call, caller)

    def take(self, response: Response) -> None:
        """Have the plain pieces of a response made, and what they hold given back, by the pool."""
        plain = iter(response.body)

        def following() -> bytes | None:
            return next(plain, None)

        async def pieces() -> AsyncIterator[bytes]:
            try:
                while (piece := await self.step(following)) is not None:
                    yield piece
            finally:
                await self.step(response.close)

        response.body = pieces()  # type: ignore[assignment]  # see `Router.serve`

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def is_cancelled(self) -> bool:
        return is_cancelled()


def _cancel(job: Future[Any]) -> None:
    job.cancel()


async def _ended(job: Future[T]) -> T:
    """The result of a job. One that has begun is waited for, cancelled or not: what it works with
    is not to be taken away while it does.
    """
    waiting = asyncio.wrap_future(job)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        if waiting.cancelled() or job.cancel():
            raise
        while not waiting.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([waiting])
        waiting.exception()  # it has been looked at
        raise


# --- for plain threads ----------------------------------------------------------------------------


class _Looked(Caller):
    """A caller as seen from a loop while a thread looks after it."""

    def __init__(self) -> None:
        self._told: Callable[[], None] | None = None

    @contextmanager
    def _watched(self, told: Callable[[], None]) -> Generator[None]:
        self._told = told
        try:
            yield
        finally:
            self._told = None

    def watched(self, told: Callable[[], None]) -> AbstractContextManager[None]:
        return self._watched(told)

    def tell(self) -> None:
        """On the loop: the caller has gone."""
        if self._told is not None:
            self._told()


def run_on(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], call: Call, caller: Caller
) -> T:
    """The result of a coroutine on a loop that runs in another thread."""
    looked = _Looked()
    job = asyncio.run_coroutine_threadsafe(_kept(_limited(coroutine, call, looked)), loop)
    while True:
        try:
            result, error = job.result(_LOOK)
            break
        except TimeoutError:
            if caller.gone:
                loop.call_soon_threadsafe(looked.tell)
        except BaseException:  # whoever waits is to end
            job.cancel()
            raise
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


async def _kept(coroutine: Coroutine[Any, Any, T]) -> tuple[T | None, BaseException | None]:
    """What a coroutine returns or raises: some of that would end the loop."""
    try:
        return await coroutine, None
    except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
        return None, error


def iterate(loop: asyncio.AbstractEventLoop, items: AsyncIterable[T]) -> Generator[T, None, None]:
    """The items of an async iterable of a loop, for a thread that waits for each."""
    iterator = aiter(items)

    async def following() -> tuple[T | None, BaseException | None]:
        return await _kept(_next(iterator))

    try:
        while True:
            item, error = asyncio.run_coroutine_threadsafe(following(), loop).result()
            if isinstance(error, _End):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        close: Any = getattr(iterator, "aclose", None)
        if close is not None:
            asyncio.run_coroutine_threadsafe(_closed(close), loop).result()


class _End(Exception):
    """An iterable has no more."""


async def _next(iterator: Any) -> Any:
    try:
        return await anext(iterator)
    except StopAsyncIteration:
        raise _End from None


async def _closed(close: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await close()


class _Background:
    """The event loop of this process beside its own, in a thread, from its first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)
        atexit.register(self._stop)

    def _forget(self) -> None:
        # The thread has stayed in the parent, and may have held the lock.
        self._lock = threading.Lock()
        self._running = None

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._running is None:
                loop = asyncio.new_event_loop()
                thread = threading.Thread(
                    target=loop.run_forever, name="hyperglyph-loop", daemon=True
                )
                thread.start()
                self._running = loop, thread
            return self._running[0]

    def _stop(self) -> None:
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            loop, thread = running
            loop.call_soon_threadsafe(loop.stop)
            thread.join(1.0)
            if not thread.is_alive():
                loop.close()


_background: Final = _Background()


def background_loop() -> asyncio.AbstractEventLoop:
    """The event loop on which coroutine functions run under servers of threads."""
    return _background.loop()
