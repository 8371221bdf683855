"""Coroutine functions under servers of threads, deadlines and cancellation, and calls in flight."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgi_help import post
from conftest import Serve
from http_peers import MEDIA_TYPE
from object_help import ask, message, value
from object_help import serve as router_of

import hyperglyph as glyph
from hyperglyph.server.loops import background_loop, iterate


@pytest.fixture(autouse=True, scope="module")
def _background() -> None:
    """It is there once in a process, and is no leak."""
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), background_loop()).result()


async def hello(name: str = "World") -> str:
    await asyncio.sleep(0.001)
    return f"Hello {name}"


def test_a_coroutine_function_of_a_server_of_threads(serve: Serve, client: glyph.Client) -> None:
    @glyph.safe
    async def where(text: str) -> list[str]:
        return [threading.current_thread().name, glyph.context().route, text]

    server = client.get(serve(hello, where))
    assert server.hello("you") == "Hello you"
    assert server.where("a") == ["hyperglyph-loop", "/where", "a"]
    calls = [threading.Thread(target=server.hello) for _ in range(4)]
    for call in calls:
        call.start()
    for call in calls:
        call.join()


def test_what_is_a_coroutine_function() -> None:
    class Callable:
        async def __call__(self, a: int) -> int:
            return a + 1

    @functools.wraps(hello)
    def wrapped(name: str = "World") -> Any:  # what a decorator that knows nothing makes
        return hello(name)

    router = router_of(wrapped)
    router.add(Callable(), name="callable")
    router.add(functools.partial(hello, name="you"), name="partial")
    assert value(ask(router, "POST", "/hello")) == "Hello World"
    assert value(ask(router, "POST", "/callable", {"a": 1})) == 2
    assert value(ask(router, "POST", "/partial")) == "Hello you"


@pytest.mark.parametrize(
    "error", [RuntimeError, TimeoutError, asyncio.CancelledError, SystemExit, StopAsyncIteration]
)
def test_what_a_coroutine_function_raises_is_answered(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> None:
        raise error("secret")

    response = ask(router_of(fails, hello), "POST", "/fails")
    assert (response.status, message(response)) == (500, "internal error")
    assert "secret" in caplog.text
    assert value(ask(router_of(hello), "POST", "/hello")) == "Hello World"  # the loop goes on


def test_what_ends_the_process_passes() -> None:
    async def ends() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(router_of(ends), "POST", "/ends")


def test_context_variables_reach_coroutine_functions() -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    async def look() -> str:
        return variable.get()

    token = variable.set("set")
    try:
        assert value(ask(router_of(look), "POST", "/look")) == "set"
    finally:
        variable.reset(token)


def test_authenticate_may_wait() -> None:
    async def authenticate(request: glyph.Incoming) -> str | None:
        await asyncio.sleep(0)
        return request.header("authorization")

    router = router_of(who, authenticate=authenticate)
    assert value(ask(router, "POST", "/who", Authorization="alice")) == "alice"
    assert ask(router, "POST", "/who").status == 401


async def who() -> object:
    return glyph.principal()


def test_the_loop_of_a_forked_process_is_its_own() -> None:
    router = router_of(hello)
    assert value(ask(router, "POST", "/hello")) == "Hello World"
    child = os.fork()
    if child == 0:  # pragma: no cover - the child's
        try:
            os._exit(0 if value(ask(router, "POST", "/hello")) == "Hello World" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# --- persistent ---------------------------------------------------------------------------------


def persistent(store: glyph.MemoryStore) -> glyph.Router:
    class Counter(glyph.PersistentResource, store=store, retries=3):
        def __init__(self) -> None:
            self.count = 0

        async def add(self, by: int = 1) -> int:
            before = self.count
            await asyncio.sleep(0.01)
            self.count = before + by
            return self.count

        async def adds_and_fails(self) -> None:
            self.count += 1
            raise glyph.Conflict("no")

    return router_of(Counter)


def test_persistent_objects_and_coroutine_methods(
    serve: Serve, client: glyph.Client, store: glyph.MemoryStore
) -> None:
    counter = client.get(serve(router=persistent(store))).Counter()
    assert [counter.add(), counter.add(by=4)] == [1, 5]
    with pytest.raises(glyph.Conflict):
        counter.adds_and_fails()
    assert glyph.reload(counter).count == 5
    threads = [threading.Thread(target=counter.add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert glyph.reload(counter).count == 8  # whoever lost was called again


# --- deadlines and cancellation -----------------------------------------------------------------


def test_a_deadline_cancels_a_coroutine_function(serve: Serve) -> None:
    ended = threading.Event()

    async def sleeps() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    started = time.monotonic()
    answer = post(serve(sleeps) + "sleeps", timeout="0.2")
    assert answer.status_code == 504
    assert b"the deadline passed, and the call was cancelled" in answer.content
    assert ended.is_set()
    assert time.monotonic() - started < 5


def test_an_answer_that_is_late_is_none(serve: Serve) -> None:
    seen: list[Any] = []

    def late() -> str:
        context = glyph.context()
        seen.append(context.cancelled)
        while not context.cancelled:
            time.sleep(0.01)
        return "late"

    answer = post(serve(late) + "late", timeout="0.1")
    assert answer.status_code == 504
    assert b"before the answer was there" in answer.content
    assert seen == [False]


def test_what_was_done_too_late_is_not_kept(store: glyph.MemoryStore) -> None:
    class Counter(glyph.PersistentResource, store=store):
        def __init__(self) -> None:
            self.count = 0

        def add(self) -> None:
            self.count += 1
            while not glyph.context().cancelled:
                time.sleep(0.01)

    router = router_of(Counter)
    location = ask(router, "POST", "/Counter").header("location")
    assert location is not None
    assert ask(router, "POST", f"{location}add", Hyperglyph_Timeout="0.05").status == 504
    assert value(ask(router, "GET", location)).content["count"] == 0


def hang_up(url: str, name: str) -> None:
    """Call a function, and go without waiting for the answer."""
    split = urlsplit(url)
    with socket.create_connection((split.hostname or "", split.port or 0)) as connection:
        head = f"POST /{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {MEDIA_TYPE}\r\n"
        connection.sendall(f"{head}Content-Length: 2\r\n\r\nO;".encode())
        assert _begun.wait(5)


_begun = threading.Event()


@pytest.mark.parametrize("kind", ["plain", "waits"])
def test_the_server_sees_who_has_gone(serve: Serve, kind: str) -> None:
    ended = threading.Event()
    _begun.clear()

    def plain() -> None:
        assert not glyph.context().cancelled
        _begun.set()
        while not glyph.context().cancelled:
            time.sleep(0.01)
        ended.set()

    async def waits() -> None:
        _begun.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.set()
            raise

    hang_up(serve(plain, waits), kind)
    assert ended.wait(5)


def test_elsewhere_only_the_deadline_is_known() -> None:
    def look() -> bool:
        return glyph.context().cancelled

    assert value(ask(router_of(look), "POST", "/look")) is False
    assert value(ask(router_of(look), "POST", "/look", Hyperglyph_Timeout="5")) is False


# --- calls in flight ----------------------------------------------------------------------------


def test_too_many_calls_at_a_time(serve: Serve) -> None:
    begun, release = threading.Event(), threading.Event()

    def blocks() -> str:
        begun.set()
        release.wait(10)
        return "done"

    router = router_of(blocks, in_flight=1)
    url = serve(router=router)
    answers: list[int] = []
    first = threading.Thread(target=lambda: answers.append(post(f"{url}blocks").status_code))
    first.start()
    assert begun.wait(5)
    refused = post(f"{url}blocks")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    with glyph.Client() as client, pytest.raises(glyph.Unavailable) as caught:
        client.get(url)
    assert caught.value.retry_after == 1
    release.set()
    first.join()
    assert answers == [200]
    assert post(f"{url}blocks").status_code == 200


def test_a_call_is_in_flight_until_its_answer_is_taken(tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    router = router_of(in_flight=1)
    router.add(lambda: glyph.blob(path.open("rb"), "a/b"), name="file")
    response = ask(router, "POST", "/file")
    assert ask(router, "GET", "/").status == 503
    response.close()
    assert ask(router, "GET", "/").status == 200


def test_draining() -> None:
    router = router_of(hello)
    router.drain()
    response = ask(router, "POST", "/hello")
    assert (response.status, response.header("retry-after")) == (503, "1")
    with pytest.raises(ValueError, match="in_flight is how many"):
        glyph.Router(in_flight=0)


# --- bodies -------------------------------------------------------------------------------------


def test_an_async_iterable_is_iterated_from_a_thread() -> None:
    closed: list[bool] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            for piece in (b"a", b"b", b"c"):
                await asyncio.sleep(0)
                yield piece
        finally:
            closed.append(True)

    loop = background_loop()
    assert list(iterate(loop, pieces())) == [b"a", b"b", b"c"]
    partly: Iterator[bytes] = iterate(loop, pieces())
    assert next(partly) == b"a"
    getattr(partly, "close")()  # noqa: B009
    assert closed == [True, True]
