"""HTTP/2 by our adapters: against hypercorn, and against a peer that speaks it frame by frame."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import h2.config
import h2.connection
import h2.events
import pytest
import trustme

import hyperglyph as glyph
from hyperglyph.testing.driven import Driven, request_to
from hyperglyph.testing.peers import OK, Peer, answers, peer
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport
from hyperglyph.transport.http.messages import Request

Make = type[HttpxTransport] | type[AsyncHttpxTransport]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    made = ssl.create_default_context()
    authority.configure_trust(made)  # pyright: ignore[reportUnknownMemberType]
    return made


@pytest.fixture(scope="module")
def context(authority: trustme.CA) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(made)  # pyright: ignore[reportUnknownMemberType]
    made.set_alpn_protocols(["h2"])
    return made


@pytest.fixture(params=[HttpxTransport, AsyncHttpxTransport])
def transport(
    request: pytest.FixtureRequest, trusting: ssl.SSLContext, no_leaks: None
) -> Iterator[Driven]:
    make: Make = request.param
    with Driven(make(http2=True, verify=trusting)) as driven:
        yield driven


class Spoken:
    """The server's side of one connection."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self.socket = connection
        self.state = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.state.initiate_connection()
        self.flush()
        self.body = b""
        self._waiting: list[h2.events.Event] = []

    def flush(self) -> None:
        self.socket.sendall(self.state.data_to_send())

    def request(self) -> int:
        """The stream of the next request that has come whole, or 0 at the end."""
        self.body = b""
        while True:
            while self._waiting:
                event = self._waiting.pop(0)
                if isinstance(event, h2.events.DataReceived):
                    self.body += event.data or b""
                    taken = event.flow_controlled_length or 0
                    self.state.acknowledge_received_data(taken, event.stream_id or 0)
                    self.flush()
                if isinstance(event, h2.events.StreamEnded):
                    return event.stream_id or 0
            data = self.socket.recv(65536)
            if not data:
                return 0
            self._waiting = self.state.receive_data(data)
            self.flush()

    def head(self, stream: int, *, end: bool = False) -> None:
        fields = [(":status", "200"), ("content-type", "text/plain")]
        self.state.send_headers(stream, fields, end_stream=end)
        self.flush()

    def data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        self.state.send_data(stream, data, end_stream=end)
        self.flush()

    def answer(self, stream: int, data: bytes = b"T;") -> None:
        self.head(stream)
        self.data(stream, data, end=True)


def speaking(
    context: ssl.SSLContext, script: Callable[[Spoken], None]
) -> Callable[[Peer, socket.socket], None]:
    """A script for a peer, over TLS."""

    def run(_: Peer, connection: socket.socket) -> None:
        # The peer ends the connection by the socket that it knows.
        with (
            suppress(OSError),
            connection.dup() as ours,
            context.wrap_socket(ours, server_side=True) as secured,
        ):
            script(Spoken(secured))

    return run


def https(running: Peer) -> str:
    return running.url.replace("http:", "https:")


def test_a_connection_is_used_again(transport: Driven, context: ssl.SSLContext) -> None:
    bodies: list[bytes] = []

    def script(spoken: Spoken) -> None:
        while stream := spoken.request():
            bodies.append(spoken.body)
            spoken.answer(stream)

    sent = [b"", b"x" * 200_000, None]
    flags: list[bool] = []
    with peer(speaking(context, script)) as server:
        for body in sent:
            answer = transport.send(Request("POST", https(server), body=body))
            assert (answer.status, answer.read()) == (200, b"T;")
            flags.append(answer.reused)
            answer.close()
    assert bodies == [b"", b"x" * 200_000, b""]
    assert flags == [False, True, True]


def test_requests_at_a_time_are_on_connections_of_their_own(
    trusting: ssl.SSLContext, context: ssl.SSLContext, no_leaks: None
) -> None:
    """So that the limit of one is not that of another."""
    hold = threading.Event()
    threads: list[threading.Thread] = []

    def script(spoken: Spoken) -> None:
        while stream := spoken.request():
            if spoken.body == b"slow":
                hold.wait(10)
            spoken.answer(stream, spoken.body)

    def beside(running: Peer, connection: socket.socket) -> None:
        mine = connection.dup()

        def serve() -> None:
            with mine:
                speaking(context, script)(running, mine)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()

    with (
        peer(beside) as server,
        Driven(HttpxTransport(http2=True, verify=trusting)) as driven,
        ThreadPoolExecutor(1) as pool,
    ):
        slow = pool.submit(driven.fetch, Request("POST", https(server), body=b"slow"))
        time.sleep(0.2)
        started = time.monotonic()
        assert driven.fetch(Request("POST", https(server), body=b"quick")) == b"quick"
        assert time.monotonic() - started < 5
        hold.set()
        assert slow.result() == b"slow"
    for thread in threads:
        thread.join(5)
    assert len(threads) == 2


def test_who_computes_is_not_idle(transport: Driven, context: ssl.SSLContext) -> None:
    """What the connection itself says meanwhile is no beginning of an answer."""

    def script(spoken: Spoken) -> None:
        stream = spoken.request()
        time.sleep(0.5)
        spoken.answer(stream)
        spoken.request()

    with peer(speaking(context, script)) as server:
        request = Request("POST", https(server), body=b"x", idle=0.2)
        assert transport.fetch(request) == b"T;"


def test_who_takes_no_more_of_a_body_is_idle(transport: Driven, context: ssl.SSLContext) -> None:
    def script(spoken: Spoken) -> None:
        time.sleep(1)

    with peer(speaking(context, script)) as server:
        request = Request("POST", https(server), body=b"x" * 200_000, idle=0.3)
        error, seconds = transport.failure(request)
    assert isinstance(error, glyph.DeadlineExceeded)
    assert error.outcome == "not done"
    assert seconds < 0.9


@pytest.mark.parametrize("body", [None, b"x"])
def test_an_answer_that_does_not_come_is_unknown(
    transport: Driven, context: ssl.SSLContext, body: bytes | None
) -> None:
    asked: list[int] = []

    def script(spoken: Spoken) -> None:
        if stream := spoken.request():
            asked.append(stream)
            if len(asked) == 1:
                spoken.answer(stream)
                asked.append(spoken.request())

    with peer(speaking(context, script)) as server:
        assert transport.fetch(Request("GET", https(server))) == b"T;"
        error, _ = transport.failure(Request("POST", https(server), body=body))
    assert (error.phase, error.outcome, error.reused) == ("wait", "unknown", True)
    assert asked == [1, 3]


def test_an_answer_that_is_cut_short(transport: Driven, context: ssl.SSLContext) -> None:
    def script(spoken: Spoken) -> None:
        stream = spoken.request()
        spoken.head(stream)
        spoken.data(stream, b"T")

    with peer(speaking(context, script)) as server:
        error, _ = transport.failure(Request("POST", https(server), body=b"x"))
    assert (error.phase, error.outcome) == ("read", "done")


def test_an_answer_that_is_not_read_ends_its_connection(
    transport: Driven, context: ssl.SSLContext
) -> None:
    ended = threading.Event()

    def script(spoken: Spoken) -> None:
        stream = spoken.request()
        spoken.head(stream)
        if not spoken.request():
            ended.set()

    with peer(speaking(context, script)) as server:
        transport.send(request_to(https(server))).close()
        assert ended.wait(5)


def test_a_request_that_is_given_back_is_sent_again_if_it_is_still_there(
    transport: Driven, context: ssl.SSLContext
) -> None:
    bodies: list[bytes] = []

    def script(spoken: Spoken) -> None:
        if not (first := spoken.request()):
            return
        bodies.append(spoken.body)
        spoken.answer(first)
        if spoken.request():
            spoken.state.close_connection(last_stream_id=first)
            spoken.flush()

    with peer(speaking(context, script)) as server:
        for _ in range(2):
            assert transport.fetch(Request("POST", https(server), body=b"x")) == b"T;"
        request = Request("POST", https(server), body=iter([b"y"]))
        error, _ = transport.failure(request)
    assert error.outcome == "not done"
    assert bodies == [b"x", b"x"]


def test_without_tls_it_is_http_1(transport: Driven) -> None:
    with peer(answers(OK)) as server:
        assert transport.fetch(request_to(server.url)) == b"T;"


def test_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    for make in (HttpxTransport, AsyncHttpxTransport):
        with pytest.raises(ValueError, match="through a proxy"):
            make(http2=True, proxy="http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "h2", None)
    for make in (HttpxTransport, AsyncHttpxTransport):
        with pytest.raises(ImportError, match=r"pip install 'httpx\[http2\]'"):
            make(http2=True)
