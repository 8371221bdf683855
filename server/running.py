"""How the author's code is run: the one thing in which threads and event loops differ.

What happens to a request is written once, in `serving.py`, as coroutines. Servers of threads run
them to their end on the thread that has the request (see `waiting`); under ASGI they are awaited.
What may wait in them is the author's code, and that goes through a `Running`.

| | on a thread (`OnThread`) | on an event loop (`loops.OnLoop`) |
| --- | --- | --- |
| a plain function | is called | all of its call moves to a thread of a bounded pool, at once |
| a coroutine function | runs on the background loop; the thread waits | is awaited |
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from hyperglyph.transport.http.messages import Caller

    from .calls import Call

__all__ = ["ON_THREAD", "OnThread", "Running", "is_cancelled"]

T = TypeVar("T")


class Running(Protocol):
    """Where the steps of a call run. Everything here raises what the step raises."""

    async def whole(
        self, steps: Callable[[Running], Coroutine[Any, Any, T]], call: Call, *, waits: bool
    ) -> T:
        """Run all that belongs to one call: instances, arguments, the function, its page.

        `waits` says that a coroutine function is among it. The steps are handed what runs them.
        Raises GatewayTimeout if the deadline passes before there is a thread for them.
        """
        ...

    async def step(self, function: Callable[..., T], /, *arguments: Any) -> T:
        """A part that may block."""
        ...

    async def wait(self, coroutine: Coroutine[Any, Any, T], call: Call, caller: Caller) -> T:
        """What a coroutine function returns. It is cancelled when the call's deadline passes
        (GatewayTimeout), and when its caller is seen to have gone (ClientError).
        """
        ...

    async def sleep(self, seconds: float) -> None: ...

    def is_cancelled(self) -> bool:
        """Whether whoever awaits the call has cancelled it."""
        ...


class OnThread:
    """On the thread that has the request.

    Coroutine functions run on `loop`, without one on the background loop of this process.
    """

    def __init__(self, loop: AbstractEventLoop | None = None) -> None:
        self._loop = loop

    async def whole(
        self, steps: Callable[[Running], Coroutine[Any, Any, T]], call: Call, *, waits: bool
    ) -> T:
        return await steps(self)

    async def step(self, function: Callable[..., T], /, *arguments: Any) -> T:
        return function(*arguments)

    async def wait(self, coroutine: Coroutine[Any, Any, T], call: Call, caller: Caller) -> T:
        from .loops import background_loop, run_on  # only who has coroutines needs asyncio

        return run_on(self._loop or background_loop(), coroutine, call, caller)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def is_cancelled(self) -> bool:
        return False


#: For servers of threads.
ON_THREAD: Final = OnThread()


def is_cancelled() -> bool:
    """Whether the task that runs here is cancelled: no generator or function that raises so."""
    from asyncio import current_task  # only who has coroutines needs asyncio

    try:
        task = current_task()
    except RuntimeError:  # on a plain thread
        return False
    return task is not None and task.cancelling() > 0
