"""For adapters under asyncio: iterators that may block, read in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Self

__all__ = ["OffLoop", "off_loop"]


def off_loop(pieces: Iterator[bytes]) -> OffLoop:
    """The pieces of a body, for `async for`: each is waited for in a thread.

    They may come from a slow disk or a pipe. If the task is cancelled meanwhile, the thread ends
    with the piece that it is reading.
    """
    return OffLoop(pieces)


class OffLoop:
    """What `off_loop` gives."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        # StopIteration cannot be the result of a future, hence the default.
        piece = await asyncio.to_thread(next, self.pieces, None)
        if piece is None:
            raise StopAsyncIteration
        return piece
