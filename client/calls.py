"""`Call`: a call that is made when it is awaited, and what is to be done with its value then."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Never

from .options import CURRENT
from .shown import printable

__all__ = ["Call", "coroutine_of"]

Steps = Callable[[], Coroutine[Any, Any, Any]]


class Call:
    """A call of an `AsyncClient`. It is made when it is awaited; awaited again, it is not made
    again, and gives the same value or raises the same error.

    Names, items and calls of what it will give may be written down at once, and are Calls too:

        await root.find_user("bob").bio()
        await root.users()[0].name

    One that nobody awaits is not made, and warns (RuntimeWarning), as coroutines do. It has no
    public names of its own; content whose name begins with `_` is found by item. `asyncio.gather`
    and `asyncio.wait_for` take it as it is; for a task of its own there is `asyncio.ensure_future`,
    and for what wants a coroutine, as a TaskGroup does, `coroutine_of`.

    If the task that awaits it first is cancelled, the call is over, and awaiting it raises
    CancelledError.
    """

    __slots__ = ("__weakref__", "_done", "_error", "_shown", "_steps", "_trace", "_used", "_value")

    def __init__(self, steps: Steps, shown: str) -> None:
        self._steps: Steps | None = steps
        self._shown = shown
        self._used = False  # others are to be awaited in its place
        self._done: asyncio.Event | None = None
        self._value: Any = None
        self._error: BaseException | None = None
        self._trace: TracebackType | None = None

    def __await__(self) -> Generator[Any, None, Any]:
        return self._result().__await__()

    async def _result(self) -> Any:
        steps, self._steps = self._steps, None
        if steps is not None:
            self._done = asyncio.Event()
            try:
                self._value = await steps()
            except BaseException as error:
                self._error, self._trace = error, error.__traceback__
                raise
            finally:
                self._done.set()
            return self._value
        assert self._done is not None
        await self._done.wait()
        if isinstance(self._error, asyncio.CancelledError):
            raise asyncio.CancelledError("the call was cancelled where it was awaited first")
        if self._error is not None:
            # Each raising would add to the traceback, and keep its frames.
            raise self._error.with_traceback(self._trace)
        return self._value

    @property
    def _failed(self) -> bool:
        return self._error is not None

    def _then(self, step: Callable[[Any], Any], shown: str) -> Call:
        """What a step makes of the value, a call of its own or not."""
        self._used = True
        options = CURRENT.get()

        async def steps() -> Any:
            value = await self
            token = CURRENT.set(options)
            try:
                value = step(value)
            finally:
                CURRENT.reset(token)
            return await value if isinstance(value, Call) else value

        return Call(steps, f"{self._shown}{shown}")

    def __getattr__(self, name: str) -> Call:
        # Names of the interpreter's own protocols never come from a page.
        if name.startswith("_"):
            raise AttributeError(f"a call has no {name!r}: await it first", name=name, obj=self)
        return self._then(lambda value: getattr(value, name), f".{name}")

    def __getitem__(self, key: Any) -> Call:
        return self._then(lambda value: value[key], f"[{key!r}]")

    def __call__(self, /, *args: Any, **kwargs: Any) -> Call:
        return self._then(lambda value: value(*args, **kwargs), "(...)" if args or kwargs else "()")

    def __iter__(self) -> Never:
        # Without it Python would ask for item after item, and never see an end.
        raise TypeError(f"{self!r} has nothing to iterate over yet: await it first")

    def __aiter__(self) -> Never:
        raise TypeError(f"{self!r} has no items yet: async for item in await ...")

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("a call cannot be copied or pickled: await it, and keep what it gives")

    def __repr__(self) -> str:
        if self._steps is not None:
            state = "not awaited"
        elif self._done is None or not self._done.is_set():
            state = "under way"
        else:
            state = "failed" if self._failed else "done"
        return f"<call {printable(self._shown, 200)}, {state}>"

    def __del__(self) -> None:
        if self._steps is not None and not self._used:
            warnings.warn(f"never awaited: {self!r}", RuntimeWarning, stacklevel=2, source=self)


async def coroutine_of(call: Any) -> Any:
    """What awaits a call, for those who take coroutines only:

        async with asyncio.TaskGroup() as group:
            bob = group.create_task(coroutine_of(root.find_user("bob")))

    A call is none itself: the names of one (`send`, `close`) are those of what it will give. Raises
    TypeError when it is awaited, if it was given no call.
    """
    if not isinstance(call, Call):
        raise TypeError(f"not a call of an AsyncClient, but {type(call).__name__}")
    return await call
