"""The httpx adapter: deadlines, what became of a call, reuse, forks, verbatim requests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from http_peers import Peer, answers, peer, response

import hyperglyph as glyph
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.http.messages import Deadline, Request

OK = response(200, b"T;")


@pytest.fixture
def transport(no_leaks: None) -> Iterator[HttpxTransport]:
    made = HttpxTransport()
    yield made
    made.close()


def request_to(url: str, seconds: float | None = 5, **options: Any) -> Request:
    return Request("GET", url, deadline=Deadline(seconds), **options)


def fetch(transport: HttpxTransport, request: Request) -> bytes:
    answer = transport.send(request)
    try:
        return b"".join(answer.body)
    finally:
        answer.close()


def drip(data: bytes, seconds: float) -> Callable[[Peer, socket.socket], None]:
    def script(running: Peer, connection: socket.socket) -> None:
        running.read_request(connection)
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(seconds)

    return script


def test_the_protocol(transport: HttpxTransport) -> None:
    assert isinstance(transport, glyph.Transport)
    assert transport.name == "httpx"


def test_requests_are_sent_as_they_are(transport: HttpxTransport) -> None:
    with peer(answers(OK, OK, OK)) as server:
        target = "a%7eb/%C3%a9/./..;x?Ou1%3aa;+&%20~[]|#no"
        request = request_to(server.url + target, headers=[("X-One", "1"), ("x-one", "2")])
        assert fetch(transport, request) == b"T;"
        fetch(transport, Request("POST", server.url, body=b"abc"))
        fetch(transport, Request("POST", server.url, body=iter([b"ab", b"c"]), length=3))
        first, second, third = server.requests
    assert first.startswith(b"GET /" + target.partition("#")[0].encode() + b" HTTP/1.1\r\n")
    assert b"X-One: 1\r\nx-one: 2\r\n" in first
    for posted in (second, third):
        assert b"Content-Length: 3\r\n" in posted
        assert posted.endswith(b"\r\n\r\nabc")


def test_head_and_body_come_in_one_packet(transport: HttpxTransport) -> None:
    sizes: list[int] = []

    def script(running: Peer, connection: socket.socket) -> None:
        sizes.append(len(connection.recv(65536)))
        connection.sendall(OK)

    with peer(script) as server:
        fetch(transport, Request("POST", server.url, body=b"x" * 1000))
    assert sizes[0] > 1000


def test_chunked_when_the_length_is_unknown(transport: HttpxTransport) -> None:
    def script(running: Peer, connection: socket.socket) -> None:
        data = b""
        while b"0\r\n\r\n" not in data:
            data += connection.recv(65536)
        running.requests.append(data)
        connection.sendall(OK)

    with peer(script) as server:
        fetch(transport, Request("POST", server.url, body=iter([b"ab", b"c"])))
        assert server.requests[0].endswith(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")


def test_connections_are_used_again_and_old_ones_are_not(
    transport: HttpxTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    with peer(answers(OK, OK, OK)) as server:
        flags: list[bool] = []
        for _ in range(2):
            answer = transport.send(request_to(server.url))
            assert b"".join(answer.body) == b"T;"
            answer.close()
            answer.close()
            flags.append(answer.reused)
        now = time.monotonic
        monkeypatch.setattr("time.monotonic", lambda: now() + 4.1)
        answer = transport.send(request_to(server.url))
        assert b"".join(answer.body) == b"T;"
        flags.append(answer.reused)
        assert flags == [False, True, False]


def test_a_closed_idle_connection_is_noticed(transport: HttpxTransport) -> None:
    with peer(answers(OK)) as server:
        assert fetch(transport, request_to(server.url)) == b"T;"
        server.script = answers(OK)
        time.sleep(0.05)
        assert fetch(transport, request_to(server.url)) == b"T;"
        assert server.connections == 2


def test_large_bodies_both_ways(transport: HttpxTransport) -> None:
    body = os.urandom(5_000_000)

    def script(running: Peer, connection: socket.socket) -> None:
        got = running.read_request(connection).partition(b"\r\n\r\n")[2]
        connection.sendall(response(200, got))

    with peer(script) as server:
        pieces = list(transport.send(Request("POST", server.url, body=body)).body)
    assert b"".join(pieces) == body
    assert max(map(len, pieces)) <= 65_536


# --- what became of it ------------------------------------------------------------------------


def failure(transport: HttpxTransport, request: Request) -> tuple[glyph.TransportError, float]:
    started = time.monotonic()
    with pytest.raises(glyph.TransportError) as caught:
        fetch(transport, request)
    return caught.value, time.monotonic() - started


def test_connection_refused(transport: HttpxTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    error, _ = failure(transport, request_to(f"http://127.0.0.1:{port}/"))
    assert (error.phase, error.outcome, error.reused) == ("connect", "not done", False)
    assert not isinstance(error, TimeoutError)
    error, _ = failure(transport, request_to("http://no-such-host.invalid/"))
    assert (error.phase, error.outcome) == ("connect", "not done")


def test_no_connection_in_time(transport: HttpxTransport) -> None:
    # A listener whose queue is full: connecting neither succeeds nor fails.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(8)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(address)
        url = f"http://127.0.0.1:{address[1]}/"
        error, seconds = failure(transport, request_to(url, connect=0.2))
        assert isinstance(error, glyph.DeadlineExceeded)
        assert (error.phase, error.outcome) == ("connect", "not done")
        assert 0.15 < seconds < 2
        error, seconds = failure(transport, request_to(url, 0.2, connect=5))
        assert isinstance(error, glyph.DeadlineExceeded)
        assert seconds < 2
        for sock in waiting:
            sock.close()


def test_no_answer(transport: HttpxTransport) -> None:
    def script(running: Peer, connection: socket.socket) -> None:
        running.read_request(connection)
        running.read_request(connection)

    with peer(script) as server:
        error, seconds = failure(transport, request_to(server.url, 0.3, idle=10))
    assert isinstance(error, glyph.DeadlineExceeded)
    assert (error.phase, error.outcome) == ("wait", "unknown")
    assert 0.25 < seconds < 2


@pytest.mark.parametrize("seconds", [5, None])
def test_a_peer_that_computes_is_not_idle(transport: HttpxTransport, seconds: float | None) -> None:
    def script(running: Peer, connection: socket.socket) -> None:
        for _ in range(2):  # on a new connection, and on one that is used again
            running.read_request(connection)
            time.sleep(0.4)
            connection.sendall(OK)

    with peer(script) as server:
        for _ in range(2):
            assert fetch(transport, request_to(server.url, seconds, idle=0.1)) == b"T;"


def test_a_dripped_head_does_not_outlive_the_deadline(transport: HttpxTransport) -> None:
    with peer(drip(OK, 0.1)) as server:
        error, seconds = failure(transport, request_to(server.url, 0.5, idle=5))
    assert isinstance(error, glyph.DeadlineExceeded)
    assert (error.phase, error.outcome) == ("wait", "unknown")
    assert 0.4 < seconds < 1.5


def test_a_dripped_body_does_not_outlive_the_deadline(transport: HttpxTransport) -> None:
    def script(running: Peer, connection: socket.socket) -> None:
        running.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.1)

    with peer(script) as server:
        error, seconds = failure(transport, request_to(server.url, 0.5, idle=5))
    assert isinstance(error, glyph.DeadlineExceeded)
    assert (error.phase, error.outcome) == ("read", "done")
    assert 0.4 < seconds < 1.5


def test_a_peer_that_does_not_read(transport: HttpxTransport) -> None:
    release = threading.Event()

    def script(running: Peer, connection: socket.socket) -> None:
        release.wait(5)

    with peer(script) as server:
        request = Request("POST", server.url, body=b"x" * 20_000_000, deadline=Deadline(0.5))
        error, seconds = failure(transport, request)
        release.set()
    assert (error.phase, error.outcome) == ("send", "not done")
    assert 0.4 < seconds < 2


def test_a_deadline_that_has_passed_sends_nothing(transport: HttpxTransport) -> None:
    with peer(answers(OK)) as server:
        error, _ = failure(transport, request_to(server.url, 0))
        assert (error.phase, error.outcome) == ("connect", "not done")
        assert server.requests == []


@pytest.mark.parametrize("cut", range(0, len(OK), 7))
def test_answers_cut_at_any_byte(transport: HttpxTransport, cut: int) -> None:
    with peer(answers(OK[:cut])) as server:
        error, _ = failure(transport, request_to(server.url))
    if cut <= OK.index(b"\r\n\r\n") + 3:
        assert (error.phase, error.outcome) == ("wait", "unknown")
    else:
        assert (error.phase, error.outcome) == ("read", "done")


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
def test_answers_that_are_no_http(transport: HttpxTransport, answer: bytes) -> None:
    with peer(answers(answer)) as server:
        error, _ = failure(transport, request_to(server.url))
    assert error.phase in ("wait", "read")


def test_the_replay_test(transport: HttpxTransport) -> None:
    """The peer executes, then closes without an answer on a reused connection: never twice."""
    with peer(answers(OK, b"")) as server:
        fetch(transport, request_to(server.url))
        error, _ = failure(
            transport, Request("POST", server.url, body=b"pay", deadline=Deadline(5))
        )
        time.sleep(0.05)
        assert [data[:4] for data in server.requests] == [b"GET ", b"POST"]
        assert server.connections == 1
    assert (error.phase, error.outcome, error.reused) == ("wait", "unknown", True)


def test_an_early_answer_to_an_unfinished_body(transport: HttpxTransport) -> None:
    def script(running: Peer, connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(response(413, b""))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    with peer(script) as server:
        answer = transport.send(Request("POST", server.url, body=b"x" * 5_000_000))
        assert answer.status == 413
        assert b"".join(answer.body) == b""
        answer.close()


@pytest.mark.parametrize(
    "url", ["ftp://x/", "/x", "http:///", "http://[::1/", "http://a:99999999/"]
)
def test_urls_that_cannot_be_sent(transport: HttpxTransport, url: str) -> None:
    error, _ = failure(transport, request_to(url))
    assert (error.phase, error.outcome) == ("connect", "not done")


def test_headers_that_cannot_be_sent(transport: HttpxTransport) -> None:
    with peer(answers(OK)) as server:
        for value in ("a\r\nb: c", "ü\n", "\u2603"):
            error, _ = failure(transport, request_to(server.url, headers=[("X", value)]))
            assert error.outcome == "not done"
        assert server.requests == []


def test_an_exception_of_the_body_passes_through(transport: HttpxTransport) -> None:
    def body() -> Iterator[bytes]:
        yield b"x"
        raise LookupError("mine")

    with peer(answers(OK)) as server, pytest.raises(LookupError, match="mine"):
        transport.send(Request("POST", server.url, body=body(), length=2))


# --- the process ------------------------------------------------------------------------------


def test_a_forked_child_drops_the_pool(transport: HttpxTransport) -> None:
    with peer(answers(OK, OK, OK)) as server:
        fetch(transport, request_to(server.url))
        server.script = answers(OK)
        accepting = threading.Event()
        pid = os.fork() if hasattr(os, "fork") else pytest.skip("no fork here")
        if pid == 0:  # pragma: no cover - the child
            signal.alarm(5)
            try:
                # In the child there is nobody to answer: the connection is only counted.
                fetch(transport, request_to(server.url, 0.5))
            except glyph.TransportError as error:
                os._exit(0 if not error.reused else 1)
            finally:
                os._exit(2)
        accepting.wait(0.01)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (0, 2)
        # The parent's connection still works.
        answer = transport.send(request_to(server.url))
        assert b"".join(answer.body) == b"T;"
        assert answer.reused


def test_many_threads(transport: HttpxTransport) -> None:
    with glyph.Server(glyph.Router()) as server:
        results: list[int] = []

        def work() -> None:
            for _ in range(20):
                answer = transport.send(request_to(server.url))
                for _ in answer.body:
                    pass
                answer.close()
                results.append(answer.status)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transport.close()
    assert results == [200] * 160


def test_what_an_import_brings_in() -> None:
    code = (
        "import sys, hyperglyph, hyperglyph.codec; "
        "assert not {'httpx', 'httpcore', 'cheroot', 'socket', 'ssl', 'hyperglyph.client', "
        "'hyperglyph.server', 'hyperglyph.transport'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
