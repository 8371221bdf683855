"""The table of raw requests, against each server: the status, an error extension, nothing left."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from operator import attrgetter
from typing import Any

import attrs
import pytest
from asgi_help import HTTP, uvicorn_server
from http_peers import port_of, post, status_of
from leaks import descriptors, left_behind
from raw_requests import HALVES, ROWS, Row

import hyperglyph as glyph
from hyperglyph.codec import Error, decode
from hyperglyph.transport.adapters.asgi import ASGIAdapter

IDLE = 0.8


@attrs.define
class Service:
    """What the table's requests aim at; it counts what is carried out."""

    router: glyph.Router = attrs.field(factory=lambda: glyph.Router(secret="a" * 32))
    url: str = ""
    name: str = "Server"
    _calls: list[str] = attrs.field(factory=list[str])

    def __attrs_post_init__(self) -> None:
        count = self._calls.append

        def hello(name: Any = "World") -> Any:
            count("hello")
            return f"Hello {name}"

        def size_of(file: Any) -> int:
            count("size_of")
            return len(file.read())

        def find(text: str = "") -> str:
            count("find")
            return text

        def stored(file: glyph.Blob) -> int:
            count("stored")
            return len(file.read())

        class Note(glyph.Resource):
            def __init__(self, id: int) -> None:
                count("Note")
                self.id = id

            @glyph.safe()
            def text(self) -> int:
                count("text")
                return self.id

            def _secret(self) -> None:
                count("_secret")

        self.router.add(hello)
        self.router.add(size_of)
        self.router.add(glyph.safe()(find))
        self.router.add(glyph.method("PUT", envelope="blob")(stored))
        self.router.add(Note)

    @property
    def reads_heads(self) -> bool:
        """Whether the server reads heads, and refuses some, before an application sees them."""
        return self.name != "Server"

    def wait_for(self, calls: int, seconds: float = 1.0) -> None:
        """Give so many calls their time; they need not come."""
        deadline = time.monotonic() + seconds
        while len(self._calls) < calls and time.monotonic() < deadline:
            time.sleep(0.01)

    def taken(self) -> int:
        """How many calls there were since it was last asked."""
        count = len(self._calls)
        del self._calls[:count]
        return count


@contextmanager
def ours(service: Service) -> Generator[str]:
    with glyph.Server(service.router, idle=IDLE) as server:
        yield server.url


def under_uvicorn(http: str) -> Callable[[Service], AbstractContextManager[str]]:
    return lambda service: uvicorn_server(ASGIAdapter(service.router, idle=IDLE), http=http)


SERVERS: dict[str, Callable[[Service], AbstractContextManager[str]]] = {
    "Server": ours,
    **{f"uvicorn {http}": under_uvicorn(http) for http in HTTP},
}

#: What a server takes for a request where ours does not: harmless here, since the router sees one
#: whole body and one Host, but not what to put behind another lenient reader.
TAKES = {
    "Server": frozenset[str](),
    "uvicorn h11": frozenset(
        {
            "expectation",
            "two lengths",
            "two lengths in one header",
            "chunks in 1.0",
            "public address on a loopback server",  # it does not say where it listens
        }
    ),
    "uvicorn httptools": frozenset(
        {
            "expectation",
            "two codings",
            "chunks in 1.0",
            "public address on a loopback server",
        }
    ),
}


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    threads, before = set(threading.enumerate()), descriptors()
    made = Service(name=request.param)
    with SERVERS[request.param](made) as made.url:
        talk(made.url, Row("the first one", post("/hello"), (200,)))  # what is made once is there
        made.taken()
        yield made
    assert not left_behind(before, threads)


def talk(url: str, row: Row, seconds: float = 5.0) -> bytes:
    """All that a server says to a row until it closes."""
    with socket.create_connection(("127.0.0.1", port_of(url)), seconds) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # it may answer before the end
            connection.sendall(row.data)
            if row.ends:
                connection.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
        return answer


@attrs.frozen
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def answers_in(data: bytes, *, head_only: bool = False) -> list[Answer]:
    """The answers, one after another; nothing may be between them or behind."""
    found: list[Answer] = []
    while data:
        head, separator, data = data.partition(b"\r\n\r\n")
        assert separator, data
        status = status_of(head + b" ")
        lines = head.decode("latin-1").split("\r\n")[1:]
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        length = 0 if head_only else int(headers.get("content-length", "0"))
        assert len(data) >= length
        found.append(Answer(status, headers, data[:length]))
        data = data[length:]
    return found


def check_error(answer: Answer) -> None:
    assert answer.headers["content-type"] == "application/vnd.hyperglyph"
    error = decode(answer.body)
    assert isinstance(error, Error)
    assert error.message
    assert error.message.isprintable()
    assert re.fullmatch("[0-9a-f]{12}", error.logref)


#: How long half a head may take is another server's own setting.
HALF_HEADS = [row for row in HALVES if row.head]


@attrs.frozen
class Told:
    data: bytes
    seconds: float


def told_within(url: str, row: Row, seconds: float) -> Told:
    started = time.monotonic()
    data = b""
    with suppress(TimeoutError):  # it may wait for more, as long as it waits for anybody
        data = talk(url, row, seconds)
    return Told(data, time.monotonic() - started)


@pytest.fixture(scope="module")
def waiting(service: Service) -> dict[str, Told]:
    """What is said to the rows that may wait long and reach no function: they wait together."""
    seconds = {row: 5.0 for row in HALVES if not (row.head and service.reads_heads)}
    if service.reads_heads:
        heads = [row for row in ROWS if row.head and not row.half and not row.calls]
        seconds |= {row: 1.0 for row in heads if row.name not in TAKES[service.name]}
    before = descriptors()
    with ThreadPoolExecutor(len(seconds)) as pool:
        told = list(pool.map(partial(told_within, service.url), seconds, seconds.values()))
    assert service.taken() == 0
    assert not left_behind(before)
    return {row.name: each for row, each in zip(seconds, told, strict=True)}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.function is test_half_a_head:
        metafunc.parametrize("service", ["Server"], indirect=True)
        metafunc.parametrize("row", HALF_HEADS, ids=attrgetter("name"))
        return
    # One after the other, and not in pairs: a server is started once.
    if "service" in metafunc.fixturenames:
        metafunc.parametrize("service", list(SERVERS), indirect=True)
    if "row" in metafunc.fixturenames:
        rows = [row for row in ROWS if row not in HALF_HEADS]
        metafunc.parametrize("row", rows, ids=attrgetter("name"))


def test_the_table(service: Service, row: Row, waiting: dict[str, Told]) -> None:
    before = descriptors()
    takes = row.name in TAKES[service.name]
    if takes or (service.reads_heads and row.head):
        if row.name not in waiting:
            told_within(service.url, row, 1.0)
            # It may close the connection on what it cannot read before the call in front is made,
            # which would then be counted for the next row.
            service.wait_for(row.calls)
            assert service.taken() <= (1 if takes else row.calls)
            assert not left_behind(before)
        return
    told = waiting.get(row.name) or told_within(service.url, row, 5.0)
    check(row, told)
    assert service.taken() == row.calls
    assert not left_behind(before)


def test_half_a_head(service: Service, row: Row, waiting: dict[str, Told]) -> None:
    check(row, waiting[row.name])


def check(row: Row, told: Told) -> None:
    answers = answers_in(told.data, head_only=row.data.startswith(b"HEAD"))
    assert tuple(answer.status for answer in answers) == row.statuses
    for answer in answers:
        if answer.status >= 400 and not row.data.startswith(b"HEAD"):
            check_error(answer)
    if answers:
        assert answers[-1].headers["connection"] == "close"
    assert told.seconds > IDLE * 0.8 if row.half else told.seconds < 4
    assert told.seconds < IDLE + 4


def test_half_sent_requests_are_let_go_while_others_are_served(service: Service) -> None:
    before = descriptors()
    with ExitStack() as stack:
        half: list[tuple[Row, socket.socket]] = []
        for row in [x for x in HALVES * 2 if not (x.head and service.reads_heads)]:
            connection = socket.create_connection(("127.0.0.1", port_of(service.url)), 5)
            stack.enter_context(connection)
            connection.sendall(row.data)
            half.append((row, connection))
        began = time.monotonic()
        served = 0
        while time.monotonic() - began < IDLE / 2:
            started = time.monotonic()
            assert status_of(talk(service.url, Row("honest", post("/hello"), (200,)))) == 200
            assert time.monotonic() - started < IDLE
            served += 1
        assert service.taken() == served
        for row, connection in half:
            said = b""
            while piece := connection.recv(65536):
                said += piece
            assert tuple(answer.status for answer in answers_in(said)) == row.statuses
    assert not left_behind(before)
    assert service.taken() == 0


#: A refused body of which some may still come, and one that is not what its head says; behind
#: each, on a connection that is to be kept, stands another call.
UNUSABLE = {
    "length and chunks": (
        post("/hello", b"", "Transfer-Encoding: chunked") + b"2\r\nO;\r\n0\r\n\r\n",
        400,
    ),
    "too long": (post("/hello", b"").replace(b"Length: 0", b"Length: 99999999999"), 413),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_nothing_is_served_behind_a_body_of_which_nobody_knows_the_end(
    service: Service, name: str
) -> None:
    data, status = UNUSABLE[name]
    data = data.replace(b"Connection: close", b"X: y") + post("/hello")
    answers = answers_in(talk(service.url, Row(name, data, (status,))))
    assert [answer.status for answer in answers] == [status]
    assert answers[0].headers["connection"] == "close"
    assert service.taken() == 0


def test_a_refusal_of_a_whole_body_keeps_the_connection(service: Service) -> None:
    bad = post("/hello", b"nonsense").replace(b"Connection: close", b"X: y")
    none = b"GET /find?O% HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    answers = answers_in(talk(service.url, Row("", bad + none + post("/hello"), ())))
    assert [answer.status for answer in answers] == [400, 400, 200]
    assert service.taken() == 1


def test_the_table_itself() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))
    assert len(names) > 180
    for row in ROWS:
        good = sum(status < 400 for status in row.statuses)
        assert row.calls == good, row.name
