"""Peers that want the server to fall: floods, drips, ambiguous requests; and functions that do."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import socket
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from http_peers import exchange, port_of, post, status_of
from object_help import ask

import hyperglyph as glyph
from hyperglyph.server.calls import Call
from hyperglyph.server.engine import Engine
from hyperglyph.server.policy import Policy
from hyperglyph.server.source import SocketSource
from hyperglyph.transport.http.messages import Incoming
from hyperglyph.transport.http.status import MisdirectedRequest

Serve = Callable[..., str]


def hello(name: str = "World") -> str:
    return f"Hello {name}"


def connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(url)), 5)


def test_the_oldest_idle_connection_makes_room(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "open_limit", 5)
    url = serve(hello)
    idle = list[socket.socket]()
    for _ in range(8):
        idle.append(connect(url))
        time.sleep(0.02)
    assert [connection.recv(1) for connection in idle[:3]] == [b"", b"", b""]
    for connection in idle[3:]:
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
    assert status_of(exchange(url, post("/hello"))) == 200
    for connection in idle:
        connection.close()


def test_a_new_connection_is_refused_where_none_is_idle(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "open_limit", 2)
    entered, leave = threading.Semaphore(0), threading.Event()

    def slow() -> None:
        entered.release()
        leave.wait(10)

    url = serve(slow)
    busy = [connect(url) for _ in range(2)]
    for connection in busy:
        connection.sendall(post("/slow"))
        assert entered.acquire(timeout=5)
    assert exchange(url, b"") == b""
    leave.set()
    for connection in busy:
        assert status_of(connection.recv(65536)) == 204
        connection.close()


def test_the_oldest_half_sent_head_makes_room(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "open_limit", 3)
    url = serve(hello)
    half = list[socket.socket]()
    for _ in range(3):
        half.append(connect(url))
        half[-1].sendall(post("/hello")[:9])
        time.sleep(0.02)
    assert status_of(exchange(url, post("/hello"))) == 200
    assert half[0].recv(1) == b""
    for connection in half[1:]:
        connection.sendall(post("/hello")[9:])
        assert status_of(connection.recv(65536)) == 200
    for connection in half:
        connection.close()


def test_half_sent_heads_hold_no_thread(serve: Serve) -> None:
    url = serve(hello, threads=2, idle=1)
    half = [connect(url) for _ in range(10)]
    for connection in half:
        connection.sendall(post("/hello")[:30])
    time.sleep(0.1)
    for _ in range(5):
        started = time.monotonic()
        assert status_of(exchange(url, post("/hello"))) == 200
        assert time.monotonic() - started < 0.5
    half[0].sendall(post("/hello")[30:])
    assert status_of(half[0].recv(65536)) == 200
    for connection in half[1:]:
        assert status_of(connection.recv(65536)) == 408
    for connection in half:
        connection.close()


def test_heads_dripped_behind_an_answer_hold_no_thread(serve: Serve) -> None:
    url = serve(hello, threads=1, idle=1)
    kept = post("/hello").replace(b"Connection: close", b"X: y")
    half = [connect(url) for _ in range(3)]
    for connection in half:
        connection.sendall(kept + kept[:30])
        assert status_of(connection.recv(65536)) == 200
    started = time.monotonic()
    position = 30
    while time.monotonic() - started < 0.4:
        for connection in half:
            connection.sendall(kept[position : position + 1])
        position += 1
        assert status_of(exchange(url, post("/hello"))) == 200
    for connection in half:
        connection.sendall(kept[position:])
        assert status_of(connection.recv(65536)) == 200
        connection.close()


def test_a_dripped_head_has_its_time_in_all(serve: Serve) -> None:
    url = serve(hello, idle=0.4)
    started = time.monotonic()
    with connect(url) as connection:
        connection.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() - started < 4:
            connection.sendall(b"X")
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                continue
    assert status_of(answer) == 408
    assert 0.3 < time.monotonic() - started < 1.5


def test_without_descriptors_accepting_rests(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    accept = socket.socket.accept
    ends = time.monotonic() + 0.7

    def exhausted(self: socket.socket) -> Any:
        if time.monotonic() < ends:
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(self)

    url = serve(hello)
    monkeypatch.setattr(socket.socket, "accept", exhausted)
    assert status_of(exchange(url, post("/hello"))) == 200
    records = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert 1 <= len(records) <= 4
    assert all(record.exc_info is None for record in records)


def test_bad_requests_hold_no_thread(serve: Serve) -> None:
    url = serve(hello, threads=1)
    bad = [connect(url) for _ in range(5)]
    for connection in bad:
        connection.sendall(b"nonsense\r\n\r\n")
    started = time.monotonic()
    assert status_of(exchange(url, post("/hello"))) == 200
    assert time.monotonic() - started < 1.5
    for connection in bad:
        connection.close()


def test_lingering_does_not_wait_for_what_was_read(serve: Serve) -> None:
    url = serve(hello, threads=1, idle=10)
    with connect(url) as connection:
        connection.sendall(b"nonsense\r\n\r\nmore")
        started = time.monotonic()
        assert status_of(exchange(url, post("/hello"))) == 200
        assert time.monotonic() - started < 1


def test_a_dripped_body_ends(serve: Serve) -> None:
    url = serve(hello, threads=1, idle=0.4)
    started = time.monotonic()
    with connect(url) as connection:
        connection.sendall(post("/hello", b"Ou4:name;u1000:" + b"x" * 1000 + b";;")[:-900])
        connection.settimeout(0.1)
        answer = b""
        while not answer and time.monotonic() - started < 4:
            connection.sendall(b"x")
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                continue
    assert status_of(answer) == 408
    assert 0.3 < time.monotonic() - started < 2


def test_a_steady_body_may_take_longer_than_the_idle_limit() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        source = SocketSource(ours)
        source.begin_body(0.2)
        started = time.monotonic()
        for _ in range(8):
            theirs.sendall(b"x" * 1024)
            time.sleep(0.05)
            assert len(source.read(1024)) == 1024
        assert time.monotonic() - started > 0.3


def cancelled() -> None:
    raise asyncio.CancelledError("secret")


def test_every_exception_of_a_function_is_answered(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    answer = exchange(serve(cancelled), post("/cancelled"))
    assert status_of(answer) == 500
    assert b"secret" not in answer
    assert "logref" in caplog.text


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit])
def test_what_ends_the_process_passes_and_closes_the_call(
    kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = list[Call]()

    def close(call: Call) -> None:
        closed.append(call)

    monkeypatch.setattr(Call, "close", close)
    router = glyph.Router()

    @router.add()
    def ends() -> None:
        raise kind

    with pytest.raises(kind):
        ask(router, "POST", "/ends")
    assert len(closed) == 1


def test_long_hosts_are_not_kept() -> None:
    policy = Policy()
    known: dict[Any, bool] = vars(policy)["_known"]
    for length, count in ((255, 1), (256, 1)):
        with pytest.raises(MisdirectedRequest):
            policy.check(Incoming("GET", "/", [("Host", "a" * length)], ()))
        assert len(known) == count


def test_a_result_that_cannot_be_encoded_closes_its_blobs(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    router = glyph.Router()

    @router.add()
    def mixed() -> Any:
        first, second = (glyph.blob(path.open("rb"), "a/b") for _ in range(2))
        return [first, {"a": (second,)}, object()]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert ask(router, "POST", "/mixed").status == 500
        gc.collect()
    assert [w for w in caught if issubclass(w.category, ResourceWarning)] == []
