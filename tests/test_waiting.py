"""Steps that are written once: run to their end on a thread, or awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from hyperglyph.codec import Blob, Limits
from hyperglyph.transport.http.bodies import BlobSink, MessageSink, read_into
from hyperglyph.transport.http.waiting import each, finish


async def awaited(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


def test_a_body_is_read_alike_however_it_comes() -> None:
    pieces = [b"Li1;", b"i2", b";;"]
    assert finish(read_into(MessageSink(limits=Limits()), pieces)) == ([1, 2], ())
    assert asyncio.run(read_into(MessageSink(limits=Limits()), awaited(pieces))) == ([1, 2], ())


def test_what_needs_an_event_loop_says_so() -> None:
    with pytest.raises(RuntimeError, match="waits for an event loop"):
        finish(asyncio.sleep(0))


def test_what_a_step_raises_comes_out() -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise OSError("cut")

    async def read() -> list[bytes]:
        return [piece async for piece in each(broken())]

    with pytest.raises(OSError, match="cut"):
        finish(read())


def test_a_file_that_breaks_off_is_given_back() -> None:
    closed: list[Blob] = []

    class Watched(BlobSink):
        def abandon(self) -> None:
            super().abandon()
            closed.append(self.close())

    def broken() -> Iterator[bytes]:
        yield b"x" * 10
        raise OSError("cut")

    with pytest.raises(OSError, match="cut"):
        finish(read_into(Watched({}, limits=Limits()), broken()))
    assert closed[0].closed
