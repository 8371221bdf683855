"""The ASGI side and what goes wrong: bad requests, slow and vanishing callers, full pools."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgi_help import HTTP, asgi, head, post, uvicorn_server
from http_peers import MEDIA_TYPE
from object_help import serve as router_of

import hyperglyph as glyph
from hyperglyph.codec import Limits
from hyperglyph.transport.adapters.asgi import ASGIAdapter
from hyperglyph.transport.http.messages import Incoming, Response

TYPE = (b"content-type", MEDIA_TYPE.encode())
HOST = (b"host", b"localhost")


async def hello(name: str = "World") -> str:
    return f"Hello {name}"


def run(router: Any, scope: Any, *events: Any) -> tuple[int, dict[str, str], bytes]:
    return asyncio.run(asgi(router, scope, *events))


def body(data: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


# --- scopes that no server of the tests would let through -----------------------------------------


@pytest.mark.parametrize(
    ("headers", "events", "status"),
    [
        ([HOST, TYPE], [body(b"O;")], 200),
        ([HOST, TYPE], [body(b"O", True), body(b"", True), body(b";")], 200),
        ([HOST, TYPE], [{"type": "http.request"}], 200),
        ([HOST, TYPE, (b"content-length", b"2")], [body(b"O;")], 200),
        ([HOST, HOST, TYPE], [body(b"O;")], 400),
        ([TYPE], [body(b"O;")], 400),
        ([HOST, TYPE, TYPE], [body(b"O;")], 415),
        ([HOST], [body(b"O;")], 415),
        ([(b"host", b"evil.example"), TYPE], [body(b"O;")], 421),
        ([HOST, TYPE, (b"content-length", b"3")], [body(b"O;")], 400),
        ([HOST, TYPE, (b"content-length", b"1")], [body(b"O;")], 400),
        ([HOST, TYPE, (b"content-length", b"+2")], [body(b"O;")], 400),
        ([HOST, TYPE, (b"content-length", b"9" * 19)], [body(b"O;")], 400),
        ([HOST, TYPE, (b"content-length", b"2"), (b"content-length", b"2")], [body(b"O;")], 400),
        (
            [HOST, TYPE, (b"content-length", b"2"), (b"transfer-encoding", b"chunked")],
            [body(b"O;")],
            400,
        ),
        ([HOST, TYPE], [body(b"O", True), {"type": "http.disconnect"}], 400),
        ([HOST, TYPE, (b"content-length", b"99999999999")], [body(b"O;")], 413),
        ([HOST, TYPE, (b"origin", b"http://evil.example")], [body(b"O;")], 403),
        ([HOST, TYPE, (b"hyperglyph-timeout", b"0")], [body(b"O;")], 504),
    ],
)
def test_requests(headers: Any, events: Any, status: int) -> None:
    assert run(router_of(hello), head(headers=headers), *events)[0] == status


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({"path": "/hello", "raw_path": b"/hello"}, 200),
        ({"path": "/hello", "raw_path": None}, 200),
        ({"path": "/hello", "raw_path": b"/%68ello?x"}, 200),
        ({"path": "/hello", "raw_path": b"/hell%FF"}, 404),
        ({"path": "/a/hello", "raw_path": b"/a/hello", "root_path": "/a"}, 200),
        ({"path": "/a/hello", "raw_path": b"/a/hello", "root_path": "/a/"}, 200),
        ({"path": "/hello", "raw_path": b"/hello", "root_path": "/a"}, 200),
        ({"path": "/a b/hello", "raw_path": b"/a%20b/hello", "root_path": "/a b"}, 200),
        ({"path": "/ab/hello", "raw_path": b"/ab/hello", "root_path": "/a"}, 404),
        ({"path": "/hello", "raw_path": b"/" + b"a" * 5000}, 414),
        ({"path": "hello", "raw_path": b"hello"}, 404),
        ({"path": "/hello", "raw_path": b"/hello", "method": "PATCH"}, 405),
    ],
)
def test_paths(scope: dict[str, Any], status: int) -> None:
    assert run(router_of(hello), head(**scope))[0] == status


def test_a_root_page_names_its_mount() -> None:
    page = head(method="GET", path="/a", raw_path=b"/a", root_path="/a")
    assert b"u3:/a/;" in run(router_of(hello), page)[2]
    assert run(router_of(hello), {**page, "method": "HEAD"})[2] == b""


@pytest.mark.parametrize("name", sorted({*dir(hello), *dir(type), *dir(asyncio), "_hello"}))
def test_nothing_else_is_reachable(name: str) -> None:
    router = router_of(hello)
    paths = (f"/{name}", f"/hello/{name}", f"/hello/x/{name}")
    for path in paths:
        assert run(router, head(path=path, raw_path=path.encode()))[0] == 404


def test_a_router_without_a_secret_makes_no_references(caplog: pytest.LogCaptureFixture) -> None:
    class Thing:
        def __init__(self) -> None:
            self.a = 1

    router = router_of(Thing)
    make = head(path="/Thing", raw_path=b"/Thing")
    assert run(router, make)[0] == 500
    assert "HYPERGLYPH_SECRET" in caplog.text
    router.asgi.allow_random_key()
    assert run(router, make)[0] == 303
    router.close()


def test_other_protocols() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(event: Any) -> None:
        sent.append(event)

    async def ask_all() -> None:
        router = glyph.Router()
        await router.asgi({"type": "websocket"}, receive, send)
        with pytest.raises(ValueError, match="'other' are not served"):
            await router.asgi({"type": "other"}, receive, send)

    asyncio.run(ask_all())
    assert sent == [{"type": "websocket.close", "code": 1000}]


def test_lifespan_ends_the_threads(no_leaks: None) -> None:
    router = router_of()
    router.add(lambda: 1, name="hello")
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Any:
        return events.pop(0)

    async def send(event: Any) -> None:
        sent.append(event["type"])

    async def live() -> None:
        assert (await asgi(router, head()))[2] == b"i1;"
        await router.asgi({"type": "lifespan"}, receive, send)
        assert (await asgi(router, head()))[2] == b"i1;"  # a router may be served again
        router.close()

    asyncio.run(live())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_header_with_a_line_break_is_not_sent() -> None:
    class Breaks:
        async def serve(self, request: Incoming, /) -> Response:
            return Response(200, [("X", "a\r\nb")])

    with pytest.raises(ValueError, match="line break"):
        run(ASGIAdapter(Breaks()), head())


# --- over a real server -------------------------------------------------------------------------


@contextmanager
def sent(url: str, *pieces: str, length: int = 2, name: str = "hello") -> Generator[socket.socket]:
    """A connection on which a head was sent, and of its body these pieces."""
    split = urlsplit(url)
    with socket.create_connection((split.hostname or "", split.port or 0), 10) as connection:
        connection.sendall(
            f"POST /{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {MEDIA_TYPE}\r\n"
            f"Content-Length: {length}\r\n\r\n{''.join(pieces)}".encode()
        )
        yield connection


def answer_on(connection: socket.socket) -> bytes:
    """All that comes, until the server ends the connection."""
    answer = b""
    while data := connection.recv(65536):
        answer += data
    return answer


@pytest.mark.parametrize("http", HTTP)
def test_a_half_sent_body_ends(no_leaks: None, http: str) -> None:
    router = router_of(hello, idle=0.3)
    with uvicorn_server(router, http=http) as url:
        with sent(url, "O") as connection:
            assert post(f"{url}hello").status_code == 200  # others are served
            started = time.monotonic()
            assert answer_on(connection).startswith(b"HTTP/1.1 408")
            assert time.monotonic() - started < 5
        with sent(url, "O") as connection:  # who sends a byte now and then
            connection.settimeout(0.1)
            started, answer = time.monotonic(), b""
            while not answer and time.monotonic() - started < 5:
                connection.sendall(b"x")
                try:
                    answer = connection.recv(65536)
                except TimeoutError:
                    continue
            assert answer.startswith((b"HTTP/1.1 408", b"HTTP/1.1 400"))


@pytest.mark.parametrize("http", HTTP)
def test_a_body_that_is_too_large(no_leaks: None, http: str) -> None:
    router = router_of(hello, limits=Limits(message=1000, blobs=1, blob_size=1000))
    with uvicorn_server(router, http=http) as url:
        with sent(url, "x" * 500_000, length=1_000_000) as connection:
            connection.sendall(b"x" * 500_000)
            answer = answer_on(connection)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"the body has more than 2000 bytes" in answer

        def chunks() -> Iterator[bytes]:
            yield b"Ou4:name;u100000:"
            for _ in range(100):
                yield b"x" * 1000
            yield b";;"

        assert post(f"{url}hello", chunks()).status_code == 413  # type: ignore[arg-type]


@pytest.mark.parametrize("http", HTTP)
def test_a_deadline_cancels_a_coroutine_function(no_leaks: None, http: str) -> None:
    ended = threading.Event()

    async def sleeps() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    with uvicorn_server(router_of(sleeps), http=http) as url:
        assert post(f"{url}sleeps", timeout="0.2").status_code == 504
    assert ended.is_set()


@pytest.mark.parametrize("http", HTTP)
@pytest.mark.parametrize("name", ["plain", "waits"])
def test_who_goes_ends_the_call(no_leaks: None, http: str, name: str) -> None:
    begun, ended = threading.Event(), threading.Event()

    def plain() -> None:
        begun.set()
        while not glyph.context().cancelled:
            time.sleep(0.01)
        ended.set()

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.set()
            raise

    with uvicorn_server(router_of(plain, waits), http=http) as url:
        with sent(url, "O;", name=name):
            assert begun.wait(5)
        assert ended.wait(5)


@pytest.mark.parametrize("http", HTTP)
def test_an_answer_that_nobody_takes_is_closed(no_leaks: None, http: str, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    opened: list[Any] = []
    router = router_of(idle=0.3)

    @router.add()
    async def large() -> glyph.Blob:
        opened.append(path.open("rb"))
        return glyph.blob(opened[-1], "a/b")

    with uvicorn_server(router, http=http) as url:
        with sent(url, "O;", name="large") as connection:  # takes a little, then goes
            assert connection.recv(10_000)
        wait_until_closed(opened, 0)
        with sent(url, "O;", name="large") as connection:  # takes nothing
            wait_until_closed(opened, 1)
            assert len(answer_on(connection)) < 64 * 1024 * 1024


def wait_until_closed(opened: list[Any], number: int) -> None:
    started = time.monotonic()
    while time.monotonic() - started < 10:
        if len(opened) > number and opened[number].closed:
            return
        time.sleep(0.01)
    pytest.fail("the file was not closed")


def test_too_many_calls_at_a_time(no_leaks: None) -> None:
    begun = threading.Event()

    async def waits() -> str:
        begun.set()
        await asyncio.sleep(0.5)
        return "done"

    with uvicorn_server(router_of(waits, in_flight=1)) as url:
        answers: list[int] = []
        first = threading.Thread(target=lambda: answers.append(post(f"{url}waits").status_code))
        first.start()
        assert begun.wait(5)
        refused = post(f"{url}waits")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        first.join()
        assert answers == [200]
        assert post(f"{url}waits").status_code == 200
