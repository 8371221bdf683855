"""The server's life: starting, stopping, Unix sockets, threads, broken answers."""

from __future__ import annotations

import io
import logging
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from http_peers import exchange, port_of, post, status_of

import hyperglyph as glyph
from hyperglyph.server.connection import Connection
from hyperglyph.server.engine import Engine
from hyperglyph.transport.adapters.httpx import HttpxTransport

Serve = Callable[..., str]


def hello(name: str = "World") -> str:
    return f"Hello {name}"


def router_of(*functions: Callable[..., Any]) -> glyph.Router:
    router = glyph.Router()
    for function in functions:
        router.add(function)
    return router


def test_a_server_starts_once_and_stops_twice(no_leaks: None) -> None:
    server = glyph.Server(router_of(hello))
    with pytest.raises(RuntimeError, match="no URL"):
        _ = server.url
    assert repr(server) == "<Server not started>"
    server.stop()
    with server:
        assert repr(server) == f"<Server {server.url}>"
        assert not server.join(0.01)
        with pytest.raises(RuntimeError, match="started already"):
            server.start()
    assert server.join(0)
    assert repr(server) == "<Server stopped>"
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        exchange(server.url, b"")


def test_no_trace_is_left_in_logging_statistics(no_leaks: None) -> None:
    before = set(getattr(logging, "statistics", {}))  # of a cheroot that is not ours
    with glyph.Server(router_of(hello)):
        pass
    assert set(getattr(logging, "statistics", {})) == before


def test_the_port_is_free_at_once(serve: Serve) -> None:
    with glyph.Server(router_of(hello)) as server:
        url = server.url
        with socket.create_connection(("127.0.0.1", port_of(url)), 5) as connection:
            connection.sendall(post("/hello").replace(b"Connection: close", b"X: y"))
            assert status_of(connection.recv(65536)) == 200
            server.stop()  # the server closes first: TIME_WAIT is on its side
            assert connection.recv(10) == b""
    with glyph.Server(router_of(hello), port=port_of(url)) as again:
        assert again.url == url
        with pytest.raises(OSError, match="in use"):
            glyph.Server(router_of(hello), port=port_of(url)).start()


def test_a_call_in_flight_ends_before_the_server_does(no_leaks: None, client: glyph.Client) -> None:
    began, answers = threading.Event(), list[Any]()

    def slow() -> str:
        began.set()
        time.sleep(0.3)
        return "done"

    with glyph.Server(router_of(slow)) as server:
        remote = client.get(server.url)
        thread = threading.Thread(target=lambda: answers.append(remote.slow()))
        thread.start()
        assert began.wait(5)
    thread.join()
    assert answers == ["done"]


def test_a_call_that_does_not_end_is_abandoned_and_logged(
    caplog: pytest.LogCaptureFixture, client: glyph.Client
) -> None:
    began, release = threading.Event(), threading.Event()

    def stuck() -> None:
        began.set()
        release.wait(30)

    server = glyph.Server(router_of(stuck)).start()
    remote = client.get(server.url)
    errors: list[glyph.TransportError] = []

    def call() -> None:
        try:
            remote.stuck()
        except glyph.TransportError as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert began.wait(5)
    started = time.monotonic()
    server.stop(timeout=0.2)
    assert time.monotonic() - started < 2
    assert "abandoned" in caplog.text
    thread.join(5)
    assert not thread.is_alive()
    assert (errors[0].phase, errors[0].outcome) == ("wait", "unknown")
    release.set()


def test_half_sent_heads_do_not_hold_up_a_stop(no_leaks: None) -> None:
    with glyph.Server(router_of(hello)) as server:
        connection = socket.create_connection(("127.0.0.1", port_of(server.url)), 5)
        connection.sendall(b"POST /hel")
        time.sleep(0.1)
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 1
        connection.close()


def test_a_unix_socket(no_leaks: None, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    for _ in range(2):
        with glyph.Server(router_of(hello), unix=path) as server:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert server.url == "http://localhost/"
            with glyph.Client(HttpxTransport(unix=str(path))) as client:
                assert client.get(server.url).hello("x") == "Hello x"
        assert not path.exists()
    path.write_text("precious")
    with pytest.raises(OSError, match="not a socket"):
        glyph.Server(router_of(hello), unix=path).start()
    assert path.read_text() == "precious"


def test_ipv6(no_leaks: None, client: glyph.Client) -> None:
    try:
        server = glyph.Server(router_of(hello), host="::1").start()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with client:
        assert server.url.startswith("http://[::1]:")
        assert client.get(server.url).hello() == "Hello World"
    server.stop()


def test_more_callers_than_threads(serve: Serve, client: glyph.Client) -> None:
    running, most = [0], [0]
    lock = threading.Lock()

    def work(number: int) -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.01)
        with lock:
            running[0] -= 1
        return number

    server = client.get(serve(work, threads=3))
    answers: list[int] = []

    def call(number: int) -> None:
        answers.append(server.work(number))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(20))
    assert most[0] <= 3


def test_keep_alive_connections_are_kept(serve: Serve) -> None:
    url = serve(hello)
    request = post("/hello").replace(b"Connection: close", b"X: y")
    with socket.create_connection(("127.0.0.1", port_of(url)), 5) as connection:
        for pause in (0, 0.1, 0):  # shorter and longer than a thread stays with a connection
            time.sleep(pause)
            connection.sendall(request)
            assert status_of(connection.recv(65536)) == 200


def test_a_request_that_came_in_time_is_answered_however_late_the_server_is(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve(hello, idle=0.5)
    request = post("/hello").replace(b"Connection: close", b"X: y")
    busy = threading.Event()
    process = Engine.process_conn

    def late(self: Engine, connection: Connection) -> None:
        busy.set()
        time.sleep(0.8)  # the processor is somewhere else
        process(self, connection)

    with socket.create_connection(("127.0.0.1", port_of(url)), 5) as connection:
        connection.sendall(request)
        assert status_of(connection.recv(65536)) == 200
        time.sleep(0.1)  # it waits in the selector by now
        monkeypatch.setattr(Engine, "process_conn", late)
        with socket.create_connection(("127.0.0.1", port_of(url)), 5):
            assert busy.wait(5)
            monkeypatch.undo()
            connection.sendall(request)
            assert status_of(connection.recv(65536)) == 200


def test_a_response_that_fails_half_way_is_cut(
    serve: Serve, client: glyph.Client, caplog: pytest.LogCaptureFixture
) -> None:
    class Bad(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 200_000:
                raise OSError("disk on fire")
            return super().read(size)

    def bad() -> glyph.Blob:
        return glyph.blob(Bad(b"x" * 400_000), "a/b")

    server = client.get(serve(bad, hello))
    with pytest.raises(glyph.TransportError) as caught:
        server.bad()
    assert (caught.value.phase, caught.value.outcome) == ("read", "done")
    assert "on fire" in caplog.text
    assert server.hello() == "Hello World"


def test_a_peer_that_goes_before_the_answer(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    def large() -> str:
        time.sleep(0.05)
        done.set()
        return "x" * 3_000_000

    url = serve(large, hello)
    with socket.create_connection(("127.0.0.1", port_of(url)), 5) as connection:
        connection.sendall(post("/large"))
    assert done.wait(5)
    assert status_of(exchange(url, post("/hello"))) == 200
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_headers_cannot_be_split() -> None:
    from hyperglyph.transport.http.messages import Incoming, Response

    class Evil:
        def handle(self, request: Incoming, /) -> Response:
            return Response(200, [("X", "a\r\nSet-Cookie: b")], (b"x",))

    with glyph.Server(Evil()) as server:
        assert exchange(server.url, post("/")) == b""


@pytest.mark.parametrize("declared", [1, 5])
def test_lengths_that_lie_end_the_connection(declared: int) -> None:
    from hyperglyph.transport.http.messages import Incoming, Response

    class Liar:
        def handle(self, request: Incoming, /) -> Response:
            return Response(200, [("Content-Length", str(declared))], (b"abc", b""))

    with glyph.Server(Liar()) as server:
        data = post("/").replace(b"Connection: close", b"X: y")
        answer = exchange(server.url, data + data)
        assert answer.count(b"HTTP/1.1") == 1


PROGRAM = """
import signal
import time
import hyperglyph as glyph

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
router = glyph.Router()

@router.add()
def slow(seconds):
    print("began", flush=True)
    time.sleep(seconds)
    return "done"

server = glyph.Server(router).start()
print(server.url, flush=True)
server.run()
print("stopped")
"""


@contextmanager
def running(program: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """It, and the URL that it prints first."""
    command = [sys.executable, "-W", "error", "-c", program]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_run_lets_calls_end_when_the_process_is_asked_to(
    told: signal.Signals, no_leaks: None, client: glyph.Client
) -> None:
    with running(PROGRAM) as (process, url):
        server = client.get(url)
        answers = list[Any]()
        caller = threading.Thread(target=lambda: answers.append(server.slow(0.4)))
        caller.start()
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        process.send_signal(told)
        said, failed = process.communicate(timeout=10)
        caller.join()
    assert (said, failed, process.returncode, answers) == ("stopped\n", "", 0, ["done"])


def test_run_sees_a_signal_that_does_not_wake_its_thread(no_leaks: None) -> None:
    """As one does not that comes in the moment before that thread begins to wait."""
    block = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\nserver.run()"
    with running(PROGRAM.replace("server.run()", block)) as (process, _):
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        said, failed = process.communicate(timeout=10)
    assert (said, failed, process.returncode) == ("stopped\n", "", 0)


def test_asked_once_more_the_process_ends_at_once(no_leaks: None, client: glyph.Client) -> None:
    with running(PROGRAM) as (process, url):
        call = threading.Thread(
            target=pytest.raises, args=(glyph.TransportError, client.get(url).slow, 20)
        )
        call.start()
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == -signal.SIGTERM
        call.join()


def test_run_starts_the_server_and_leaves_the_handler_as_it_was(no_leaks: None) -> None:
    before = signal.getsignal(signal.SIGTERM)
    server = glyph.Server(router_of(hello))
    threading.Timer(0.2, server.stop).start()
    server.run()
    assert server.join(0)
    assert signal.getsignal(signal.SIGTERM) is before


def test_run_is_for_the_main_thread(no_leaks: None) -> None:
    raised = list[BaseException]()

    def elsewhere() -> None:
        try:
            glyph.Server(router_of(hello)).run()
        except ValueError as error:
            raised.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(raised) == 1
