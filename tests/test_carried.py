"""X-Request-Id, traceparent and the deadline go through a server to the servers that it calls."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from asgi_help import uvicorn_server
from http_peers import exchange, post

import hyperglyph as glyph
from hyperglyph.server.loops import background_loop
from hyperglyph.transport.http.carried import Carried

Serve = Callable[..., str]

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SENT = {"X-Request-Id": "42", "traceparent": TRACE, "baggage": "a=1", "X-Other": "1"}
NAMES = ("x-request-id", "traceparent", "baggage", "x-other", "hyperglyph-timeout")


def heard() -> list[str | None]:
    return [glyph.context().header(name) for name in NAMES]


class Chain:
    """A server whose functions of each kind call another server's `heard`."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.client = glyph.Client()
        self.later: list[Any] = []

    def plain(self) -> Any:
        return self.client.get(self.behind).heard()

    async def coroutine(self) -> Any:
        async with glyph.AsyncClient() as client:
            return await (await client.get(self.behind)).heard()

    def items(self) -> Iterator[Any]:
        yield self.client.get(self.behind).heard()

    def own(self) -> Any:
        with self.client.options(headers={"X-Request-Id": "mine"}):
            return self.client.get(self.behind).heard()

    def in_thread(self) -> Any:
        thread = threading.Thread(target=lambda: self.later.append(self.plain()))
        thread.start()
        thread.join()
        return self.later.pop()

    def router(self) -> glyph.Router:
        router = glyph.Router()
        for function in (self.plain, self.coroutine, self.items, self.own, self.in_thread):
            router.add(function)
        return router


@pytest.fixture(autouse=True, scope="module")
def the_loop() -> None:
    """It, and the thread in which it looks up names, live as long as the process."""
    looked_up = background_loop().getaddrinfo("127.0.0.1", 1)
    asyncio.run_coroutine_threadsafe(looked_up, background_loop()).result()


@pytest.fixture(params=["Server", "uvicorn"])
def chain(request: pytest.FixtureRequest, serve: Serve) -> Iterator[str]:
    made = Chain(serve(heard))
    router = made.router()
    with ExitStack() as stack:
        stack.callback(made.client.close)
        stack.callback(router.close)
        if request.param == "uvicorn":
            yield stack.enter_context(uvicorn_server(router))
        else:
            yield serve(router=router)


def test_what_is_sent_arrives(serve: Serve, client: glyph.Client) -> None:
    root = client.get(serve(heard))
    with client.options(headers=SENT):
        assert root.heard()[:4] == ["42", TRACE, "a=1", "1"]


@pytest.mark.parametrize("kind", ["plain", "coroutine", "items"])
def test_it_is_carried_on(chain: str, client: glyph.Client, kind: str) -> None:
    root = client.get(chain)
    with client.options(headers=SENT, timeout=7):
        result = getattr(root, kind)()
        (got,) = result if kind == "items" else [result]
    assert got[:4] == ["42", TRACE, None, None]
    if kind != "items":  # while a sequence travels the clock stands still
        assert 0 < float(got[4]) < 7
    # The next call is another.
    with client.options(timeout=None):
        result = getattr(root, kind)()
        (got,) = result if kind == "items" else [result]
    assert got == [None, None, None, None, got[4]]
    assert float(got[4]) > 7


def test_headers_of_the_authors_own_come_first(chain: str, client: glyph.Client) -> None:
    with client.options(headers=SENT):
        assert client.get(chain).own()[:3] == ["mine", TRACE, None]


def test_a_thread_of_the_functions_own_is_on_its_own(chain: str, client: glyph.Client) -> None:
    with client.options(headers=SENT, timeout=7):
        got = client.get(chain).in_thread()
    assert got[:2] == [None, None]
    assert float(got[4]) > 7


def test_nobody_is_asked_for_longer_than_the_caller_waits(serve: Serve) -> None:
    seen: list[glyph.TransportError] = []

    def slow() -> None:
        time.sleep(1)

    behind = glyph.Client()

    def outer(url: str) -> None:
        try:
            behind.get(url).slow()
        except glyph.TransportError as error:
            seen.append(error)
            raise

    inner = serve(slow)
    with glyph.Client(timeout=0.3) as client:
        root = client.get(serve(outer))
        started = time.monotonic()
        with pytest.raises((glyph.DeadlineExceeded, glyph.GatewayTimeout, glyph.BadGateway)):
            root.outer(inner)
        assert time.monotonic() - started < 0.9
    deadline = time.monotonic() + 5
    while not seen and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "the call that is being served" in str(seen[0])
    behind.close()


@pytest.mark.parametrize(
    ("name", "patience", "status"),
    [
        ("slow", None, 504),  # this server's own client gives up
        ("slowly", None, 504),  # the other server does, which may be a moment earlier
        # Who gives a call less time than there is, has not used up his caller's.
        ("slow", 0.1, 502),
    ],
)
def test_a_deadline_that_passes_in_a_call_made_in_turn(
    serve: Serve, name: str, patience: float | None, status: int
) -> None:
    def slow() -> None:
        time.sleep(1)

    async def slowly() -> None:
        await asyncio.sleep(1)

    behind = serve(slow, slowly)

    def outer() -> None:
        with glyph.Client(timeout=patience) as client:
            client.get(behind)[name]()

    answer = exchange(serve(outer), post("/outer", b"O;", "Hyperglyph-Timeout: 0.4"))
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer


def test_what_a_call_began_outlives_its_deadline(serve: Serve) -> None:
    done = threading.Event()
    got: list[Any] = []
    behind = serve(heard)
    tasks: list[asyncio.Task[None]] = []

    async def later() -> None:
        await asyncio.sleep(0.4)
        async with glyph.AsyncClient() as client:
            got.append(await (await client.get(behind)).heard())
        done.set()

    async def begin() -> None:
        tasks.append(asyncio.create_task(later()))

    with glyph.Client(timeout=0.3) as client:
        with client.options(headers=SENT):
            client.get(serve(begin)).begin()
        assert done.wait(5)
    assert got[0][0] == "42"
    assert float(got[0][4]) > 5


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Request-Id", "a b")],
        [("X-Request-Id", "")],
        [("X-Request-Id", "\x1b[31m")],
        [("X-Request-Id", "a\r\nX: 1")],
        [("X-Request-Id", "\xe9")],
        [("X-Request-Id", "a" * 201)],
        [("X-Request-Id", "1"), ("x-request-id", "2")],
        [("traceparent", "00-xyz")],
        [("traceparent", TRACE.upper())],
        [("baggage", "a=1"), ("Authorization", "x"), ("Cookie", "a=1")],
    ],
)
def test_what_is_odd_goes_no_further(headers: list[tuple[str, str]]) -> None:
    assert Carried(headers, None).headers == []


def test_an_odd_one_harms_no_call(serve: Serve) -> None:
    made = Chain(serve(heard))
    url = serve(router=made.router())
    body = b"O;"
    head = (
        f"POST /plain HTTP/1.1\r\nHost: {url.split('/')[2]}\r\nConnection: close\r\n"
        f"Content-Type: application/vnd.hyperglyph\r\nContent-Length: {len(body)}\r\n"
        "X-Request-Id: \x1b[31m\r\n\r\n"
    )
    answer = exchange(url, head.encode() + body)
    assert b"200 OK" in answer.split(b"\r\n")[0] or b" 400 " in answer.split(b"\r\n")[0]
    assert b"\x1b" not in answer
    made.client.close()
