"""The router behind a real ASGI server: functions and classes, plain ones and coroutines."""

from __future__ import annotations

import asyncio
import contextvars
import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgi_help import HTTP, asgi, head, post, uvicorn_server

import hyperglyph as glyph


class Taken(glyph.Conflict):
    """Declared by the service."""


class Box(glyph.Resource):
    def __init__(self, id: int) -> None:
        self.id = id

    def plain(self, by: int = 1) -> int:
        return self.id + by

    async def waits(self, by: int = 1) -> int:
        await asyncio.sleep(0)
        return self.id + by

    @glyph.safe
    async def bio(self) -> str:
        return f"box {self.id}"

    @glyph.redirect
    async def following(self) -> Box:
        return Box(self.id + 1)


def build(**options: Any) -> glyph.Router:
    router = glyph.Router(**options)
    router.add(Box)

    @router.add()
    def hello(name: str = "World") -> str:
        return f"Hello {name}"

    @router.add()
    async def ahello(name: str = "World") -> str:
        await asyncio.sleep(0.001)
        return f"Hello {name}"

    @router.add()
    @glyph.safe
    async def now(text: str) -> list[str]:
        return [text]

    @router.add()
    async def nothing() -> None:
        return None

    @router.add()
    async def taken() -> None:
        await asyncio.sleep(0)
        raise Taken("too late", data={"by": 3})

    @router.add()
    async def fails() -> None:
        raise RuntimeError("secret")

    @router.add()
    async def place() -> list[str]:
        return [threading.current_thread().name, glyph.context().route]

    @router.add()
    def plain_place() -> list[str]:
        return [threading.current_thread().name, glyph.context().route]

    @router.add()
    async def echo(file: glyph.Blob) -> glyph.Blob:
        return glyph.blob(io.BytesIO(file.read()), "text/plain")

    return router


@pytest.fixture(params=HTTP)
def url(request: pytest.FixtureRequest, no_leaks: None) -> Iterator[str]:
    router = build()
    router.allow_random_key()
    with uvicorn_server(router, http=request.param) as url:
        yield url


def test_calls(url: str, client: glyph.Client) -> None:
    server = client.get(url)
    assert server.hello("you") == server.ahello("you") == "Hello you"
    assert server.now("a") == ["a"]
    assert server.nothing() is None
    box = server.Box(7)
    assert (box.id, box.plain(), box.waits(by=2), box.bio()) == (7, 8, 9, "box 7")
    assert box.following().following().id == 9
    assert server.echo(glyph.blob(io.BytesIO(b"x" * 200_000), "a/b")).read() == b"x" * 200_000


def test_errors(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with glyph.Client(timeout=10, errors=[Taken]) as client:
        server = client.get(url)
        with pytest.raises(Taken, match="too late") as caught:
            server.taken()
        assert caught.value.data == {"by": 3}
        with pytest.raises(glyph.ServerError, match="internal error") as failed:
            server.fails()
        assert failed.value.logref in caplog.text
        with pytest.raises(glyph.NotFound):
            client.get(url + "missing")
        with pytest.raises(glyph.MethodNotAllowed):
            client.get(url + "ahello")


def test_where_functions_run(url: str, client: glyph.Client) -> None:
    server = client.get(url)
    loop, route = server.place()
    assert route == "/place"
    assert not loop.startswith("hyperglyph")
    pool, route = server.plain_place()
    assert route == "/plain_place"
    assert pool.startswith("hyperglyph-call")


def test_no_function_blocks_what_waits(no_leaks: None) -> None:
    router = glyph.Router(threads=2)
    release = threading.Event()
    begun = threading.Semaphore(0)

    @router.add()
    def blocks() -> str:
        begun.release()
        release.wait(10)
        return "done"

    @router.add()
    async def waits() -> str:
        await asyncio.sleep(0)
        return "here"

    with uvicorn_server(router) as url, glyph.Client(timeout=10) as client:
        server = client.get(url)
        results: list[str] = []
        threads = [
            threading.Thread(target=lambda: results.append(server.blocks())) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        assert begun.acquire(timeout=5)
        assert begun.acquire(timeout=5)
        assert not begun.acquire(timeout=0.1)  # the third has no thread
        assert server.waits() == "here"
        late = post(url + "blocks", timeout="0.2")
        assert late.status_code == 504
        assert b"before there was a thread" in late.content
        release.set()
        for thread in threads:
            thread.join()
        assert results == ["done"] * 3


def test_context_variables_reach_plain_functions() -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    router = glyph.Router()

    @router.add()
    def hello() -> str:
        return variable.get()

    async def run() -> bytes:
        variable.set("set")
        return (await asgi(router, head()))[2]

    assert asyncio.run(run()) == b"u3:set;"
    router.close()
