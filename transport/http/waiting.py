"""Steps that are written once and wait in two ways.

The rules of the mapping are coroutines. Under asyncio they are awaited; on a plain thread `finish`
runs them to their end, where every wait blocks inside the step that waits and nothing is ever
suspended.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Iterable, Iterator
from typing import Any, Final, Self, TypeVar

__all__ = ["Pieces", "each", "finish"]

T = TypeVar("T")

#: A body: bytes in pieces, which come at once, or block, or are waited for.
Pieces = Iterable[bytes] | AsyncIterable[bytes]

_END: Final = object()


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine whose steps block instead of being suspended.

    Raises what it raises, and RuntimeError where one waits for an event loop.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError("a step waits for an event loop, and here is none: use the async face")


def each(pieces: Pieces) -> AsyncIterator[bytes]:
    """The pieces of a body of either kind, for `async for`."""
    if isinstance(pieces, AsyncIterable):
        return aiter(pieces)
    return _Each(iter(pieces))


class _Each:
    """An iterator that never makes anybody wait for an event loop."""

    __slots__ = ("_iterator",)

    def __init__(self, iterator: Iterator[bytes]) -> None:
        self._iterator = iterator

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = next(self._iterator, _END)
        if piece is _END:
            raise StopAsyncIteration
        return piece  # type: ignore[return-value]
