"""What the httpx adapters do beside what every adapter does (tests/test_adapters.py)."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import trustme

import hyperglyph as glyph
from hyperglyph.testing.driven import Driven, request_to
from hyperglyph.testing.exchanges import Recorder
from hyperglyph.testing.peers import OK, Peer, answers, peer, response
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport
from hyperglyph.transport.http.messages import Request

MAKERS = [HttpxTransport, AsyncHttpxTransport]
Make = type[HttpxTransport] | type[AsyncHttpxTransport]


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest, no_leaks: None) -> Make:
    made: Make = request.param
    return made


@pytest.fixture
def transport(make: Make) -> Iterator[Driven]:
    with Driven(make()) as driven:
        yield driven


def test_head_and_body_come_in_one_packet(transport: Driven) -> None:
    sizes: list[int] = []

    def script(running: Peer, connection: socket.socket) -> None:
        sizes.append(len(connection.recv(65536)))
        connection.sendall(OK)

    with peer(script) as server:
        transport.fetch(Request("POST", server.url, body=b"x" * 1000))
    assert sizes[0] > 1000


def test_old_connections_are_not_used_again(
    transport: Driven, monkeypatch: pytest.MonkeyPatch
) -> None:
    with peer(answers(OK, OK, OK)) as server:
        flags: list[bool] = []
        for _ in range(2):
            answer = transport.send(request_to(server.url, None))
            assert answer.read() == b"T;"
            flags.append(answer.reused)
        now = time.monotonic
        monkeypatch.setattr("time.monotonic", lambda: now() + 4.1)
        answer = transport.send(request_to(server.url, None))
        assert answer.read() == b"T;"
        flags.append(answer.reused)
        assert flags == [False, True, False]


def test_bodies_come_in_pieces_that_are_bounded(transport: Driven) -> None:
    recorder = Recorder()
    recorder.answer = lambda _: glyph.Response(200, (), (b"x" * 5_000_000,))
    with glyph.Server(recorder) as server:
        answer = transport.send(request_to(server.url))
        sizes = [len(piece) for piece in answer.pieces()]
        answer.close()
    assert sum(sizes) == 5_000_000
    assert max(sizes) <= 65_536


# --- TLS and proxies --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
    return context


@pytest.fixture
def secure(authority: trustme.CA, no_leaks: None) -> Iterator[glyph.Server]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    with glyph.Server(Recorder(), ssl=context) as server:
        yield server


def test_tls(make: Make, secure: glyph.Server, trusting: ssl.SSLContext) -> None:
    with Driven(make(verify=trusting)) as driven:
        assert driven.fetch(request_to(secure.url)) == b"here"
        body = iter([b"x" * 1_000_000])
        answer = driven.send(Request("POST", secure.url, body=body))
        assert (answer.reused, answer.read()) == (True, b"here")
    with Driven(make()) as driven:
        error, _ = driven.failure(request_to(secure.url))
        assert (error.phase, error.outcome) == ("connect", "not done")
        assert "certificate" in str(error)


def test_a_handshake_that_does_not_end(make: Make) -> None:
    release = threading.Event()

    def script(running: Peer, connection: socket.socket) -> None:
        release.wait(5)

    with peer(script) as server, Driven(make()) as driven:
        url = server.url.replace("http", "https")
        error, seconds = driven.failure(request_to(url, 9, connect=0.3))
        release.set()
    assert isinstance(error, glyph.DeadlineExceeded)
    assert (error.phase, error.outcome) == ("connect", "not done")
    assert 0.25 < seconds < 2


def a_proxy(running: Peer, connection: socket.socket) -> None:
    """A script: answers by itself, and tunnels what is to be secret."""
    if head := running.read_request(connection):
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        if method != "CONNECT":
            connection.sendall(response(200, b"T;", "Connection: close"))
            return
        host, _, port = target.rpartition(":")
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with socket.create_connection((host, int(port))) as beyond:
            back = threading.Thread(target=_pump, args=(beyond, connection))
            back.start()
            _pump(connection, beyond)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_proxies(make: Make, secure: glyph.Server, trusting: ssl.SSLContext) -> None:
    with peer(a_proxy) as proxy, Driven(make(proxy=proxy.url, verify=trusting)) as driven:
        assert driven.fetch(request_to("http://nowhere.invalid/a%7e")) == b"T;"
        for _ in range(2):
            assert driven.fetch(request_to(f"{secure.url}b")) == b"here"
        driven.close()
    port = secure.url.rstrip("/").rpartition(":")[2]
    assert [data.split(b"\r\n")[0].decode() for data in proxy.requests] == [
        "GET http://nowhere.invalid/a%7e HTTP/1.1",
        f"CONNECT 127.0.0.1:{port} HTTP/1.1",
    ]


def test_what_an_import_brings_in() -> None:
    code = (
        "import sys, hyperglyph, hyperglyph.codec; "
        "assert not {'httpx', 'httpcore', 'cheroot', 'socket', 'ssl', 'hyperglyph.client', "
        "'hyperglyph.server', 'hyperglyph.transport'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
