"""A server that stops: whoever has connected by then is answered."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from http_peers import port_of, post, status_of

import hyperglyph as glyph


class Gate:
    """A function that waits, and who waits in it."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def wait(self) -> str:
        self.entered.release()
        assert self.opened.wait(10)
        return "done"


@pytest.fixture
def gate() -> Gate:
    return Gate()


def server_of(gate: Gate, *, threads: int = 40) -> glyph.Server:
    router = glyph.Router()
    router.add(gate.wait, name="wait")
    return glyph.Server(router, threads=threads).start()


def connect(server: glyph.Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(server.url)), 10)


def can_connect(server: glyph.Server) -> bool:
    """Whoever comes in between the last `accept` and the end is not answered, and not refused."""
    try:
        socket.create_connection(("127.0.0.1", port_of(server.url)), 0.05).close()
    except (ConnectionRefusedError, TimeoutError):
        return False
    return True


def read(connection: socket.socket) -> bytes:
    answer = b""
    with connection:
        while piece := connection.recv(65536):
            answer += piece
    return answer


def test_requests_that_wait_for_a_thread_are_answered(no_leaks: None, gate: Gate) -> None:
    server = server_of(gate, threads=1)
    connections = [connect(server) for _ in range(5)]
    for connection in connections:
        connection.sendall(post("/wait"))
    assert gate.entered.acquire(timeout=5)  # the others wait
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(server.stop)
        time.sleep(0.1)
        assert not stopped.done()
        gate.opened.set()
        answers = [read(connection) for connection in connections]
        stopped.result()
    assert [status_of(answer) for answer in answers] == [200] * 5
    assert all(b"Connection: close" in answer for answer in answers)


def test_who_has_connected_may_still_speak(no_leaks: None, gate: Gate) -> None:
    """For a moment: a request mostly follows at once."""
    gate.opened.set()
    server = server_of(gate)
    with connect(server) as silent, ThreadPoolExecutor(1) as pool:
        late = connect(server)
        stopped = pool.submit(server.stop)
        while can_connect(server):  # soon nobody else is let in
            time.sleep(0.01)
        late.sendall(post("/wait"))
        assert status_of(read(late)) == 200
        assert silent.recv(1) == b""
        stopped.result(5)


def test_what_no_thread_is_free_for_is_let_go(
    no_leaks: None, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    server = server_of(gate, threads=1)
    first, second = connect(server), connect(server)
    first.sendall(post("/wait"))
    assert gate.entered.acquire(timeout=5)
    second.sendall(post("/wait"))
    time.sleep(0.1)
    server.stop(timeout=0.3)
    gate.opened.set()
    assert read(second) == b""
    assert "no thread was free for it in time" in caplog.text
    assert "abandoned" in caplog.text
    first.close()
