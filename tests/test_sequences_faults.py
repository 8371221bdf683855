"""Generators that misbehave: in `finally`, with what ends a process, with files that cannot close.

After each of them the server serves on: no call stays in flight, no instance in use.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from asgi_help import uvicorn_server
from object_help import ask

import hyperglyph as glyph
from hyperglyph.server.loops import background_loop
from hyperglyph.transport.http.sequences import SEQUENCE_TYPE
from hyperglyph.transport.http.status import ServerError

IN_FLIGHT = 2
ENDS: dict[str, type[BaseException]] = {
    "exit": SystemExit,
    "cancelled": asyncio.CancelledError,
    "error": ValueError,
}


@pytest.fixture(scope="module", autouse=True)
def _background() -> None:
    """The process keeps its background loop: it is no leak."""
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), background_loop()).result()


def late(count: int) -> Iterator[int]:
    try:
        yield from range(count)
    finally:
        raise ValueError("in finally")


async def alate(count: int) -> AsyncIterator[int]:
    try:
        for number in range(count):
            yield number
    finally:
        raise ValueError("in finally")


def stubborn(count: int) -> Iterator[int]:
    for number in range(count):
        try:
            yield number
        except GeneratorExit:
            yield -1


def raises(how: str) -> Iterator[int]:
    yield 1
    raise ENDS[how]


async def araises(how: str) -> AsyncIterator[int]:
    yield 1
    raise ENDS[how]


def unsendable() -> Iterator[Any]:
    try:
        yield 1
        yield object()
    finally:
        raise ValueError("in finally")


def itself() -> Iterator[Any]:
    made: list[Any] = []

    def items() -> Iterator[Any]:
        yield 1
        yield made[0]

    made.append(items())
    return made[0]  # type: ignore[no-any-return]


def hello() -> str:
    return "Hello"


def router_of() -> glyph.Router:
    router = glyph.Router(secret=glyph.EPHEMERAL, in_flight=IN_FLIGHT)
    for function in (late, alate, stubborn, raises, araises, unsendable, itself, hello):
        router.add(function)
    return router


@contextmanager
def threads(router: glyph.Router) -> Generator[str]:
    with glyph.Server(router) as server:
        yield server.url


SERVERS: dict[str, Callable[[glyph.Router], AbstractContextManager[str]]] = {
    "threads": threads,
    "uvicorn": uvicorn_server,
}


@pytest.mark.parametrize("server", sorted(SERVERS))
@pytest.mark.parametrize(
    ("name", "how"),
    [*(("raises", how) for how in ENDS), *(("araises", how) for how in ENDS)],
)
def test_whatever_a_generator_raises_is_told(
    no_leaks: None, server: str, name: str, how: str
) -> None:
    with SERVERS[server](router_of()) as url, glyph.Client(timeout=10) as client:
        root = client.get(url)
        for _ in range(IN_FLIGHT + 1):
            items = getattr(root, name)(how)
            assert next(items) == 1
            with pytest.raises(ServerError, match="internal error"):
                next(items)
        assert root.hello() == "Hello"


@pytest.mark.parametrize("name", ["unsendable", "itself"])
def test_an_item_that_cannot_be_sent_ends_the_items(no_leaks: None, name: str) -> None:
    with threads(router_of()) as url, glyph.Client(timeout=10) as client:
        items = getattr(client.get(url), name)()
        assert next(items) == 1
        with pytest.raises(ServerError, match="internal error"):
            next(items)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # `stubborn`
@pytest.mark.parametrize("name", ["late", "alate", "stubborn"])
def test_a_failure_in_finally_leaves_no_call_in_flight(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    router = router_of()
    for _ in range(IN_FLIGHT + 1):
        response = ask(router, "POST", f"/{name}", {"count": 5}, accept=SEQUENCE_TYPE)
        assert response.status == 200
        next(iter(response.body))
        response.close()
        assert "closing" in caplog.text
        caplog.clear()


class Unclosable(io.BytesIO):
    """A file whose disk is gone."""

    tried = 0

    def close(self) -> None:
        Unclosable.tried += 1
        super().close()
        raise OSError("the disk is gone")


def test_a_file_that_cannot_be_closed_leaves_no_call_in_flight(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = glyph.Router(in_flight=1)

    @router.add
    def files() -> Iterator[Any]:
        yield glyph.blob(Unclosable(b"x" * 100_000), "a/b")

    @router.add
    @glyph.safe
    def file() -> Any:
        return glyph.blob(Unclosable(b"x" * 100_000), "a/b")

    for method, path in [("POST", "/files"), ("GET", "/file"), ("HEAD", "/file")] * 2:
        tried = Unclosable.tried
        response = ask(router, method, path, accept=SEQUENCE_TYPE)
        assert response.status == 200
        for _ in response.body:
            break
        response.close()
        assert Unclosable.tried == tried + 1
        assert "the disk is gone" in caplog.text
        caplog.clear()


def test_the_files_of_an_item_that_cannot_be_sent_are_closed() -> None:
    opened: list[io.BytesIO] = []

    def files() -> Iterator[Any]:
        opened.append(io.BytesIO(b"x"))
        yield [glyph.blob(opened[0], "a/b"), object()]

    router = glyph.Router()
    router.add(files)
    response = ask(router, "POST", "/files", accept=SEQUENCE_TYPE)
    assert b"internal error" in b"".join(response.body)
    assert opened[0].closed
    response.close()
