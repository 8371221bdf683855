"""Under ASGI, bodies that block are made by the router's own threads, never by the event loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from asgi_help import uvicorn_server

import hyperglyph as glyph

#: More than asyncio's own threads on any machine that runs this (at most 32).
SLOW = 36


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    router = glyph.Router(threads=SLOW + 4)
    released = threading.Event()

    @router.add
    def waits() -> Iterator[int]:
        yield 1
        released.wait(20)

    @router.add
    def file() -> glyph.Blob:
        return glyph.blob(b"content", "text/plain")

    @router.add
    def release() -> None:
        released.set()

    @router.add
    def cleans() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            time.sleep(1)

    @router.add
    async def hello() -> str:
        return "Hello"

    with uvicorn_server(router) as served:
        yield served
    router.close()


def test_slow_generators_do_not_hold_up_files(url: str) -> None:
    with glyph.Client(timeout=30) as client:
        root = client.get(url)
        begun = [root.waits() for _ in range(SLOW)]
        assert [next(items) for items in begun] == [1] * SLOW
        started = time.monotonic()
        with root.file() as blob:
            assert blob.read() == b"content"
        assert time.monotonic() - started < 5  # they wait for 20
        root.release()
        assert [list(items) for items in begun] == [[]] * SLOW


def test_what_a_generator_does_in_the_end_is_not_done_on_the_loop(url: str) -> None:
    with glyph.Client(timeout=30) as client:
        root = client.get(url)
        with root.cleans() as items:
            assert next(items) == 1
        time.sleep(0.1)  # until the server has heard of it
        started = time.monotonic()
        assert root.hello() == "Hello"
        assert time.monotonic() - started < 0.5
