"""The server over TLS, with certificates of an authority that lives as long as the tests."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
from http_peers import exchange, port_of, post, status_of

import hyperglyph as glyph
from hyperglyph.transport.adapters.httpx import HttpxTransport

Serve = Callable[..., str]


def hello(name: str = "World") -> str:
    return f"Hello {name}"


def echo(blob: glyph.Blob) -> glyph.Blob:
    return glyph.blob(blob.read(), blob.content_type)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def context(authority: trustme.CA) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(made)  # pyright: ignore[reportUnknownMemberType]
    return made


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    made = ssl.create_default_context()
    authority.configure_trust(made)  # pyright: ignore[reportUnknownMemberType]
    return made


@pytest.fixture
def client(no_leaks: None, trusting: ssl.SSLContext) -> Iterator[glyph.Client]:
    with glyph.Client(HttpxTransport(verify=trusting), timeout=10) as made:
        yield made


def connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(url)), 5)


def connect_tls(url: str, trusting: ssl.SSLContext) -> ssl.SSLSocket:
    return trusting.wrap_socket(
        connect(url), server_hostname="127.0.0.1", suppress_ragged_eofs=False
    )


def test_calls_over_https(serve: Serve, context: ssl.SSLContext, client: glyph.Client) -> None:
    url = serve(hello, echo, ssl=context)
    assert url.startswith("https://127.0.0.1:")
    server = client.get(url)
    assert [server.hello(name) for name in "abc"] == ["Hello a", "Hello b", "Hello c"]
    content = bytes(range(256)) * 12_000
    with server.echo(glyph.blob(content, "a/b")) as blob:
        assert blob.read() == content


def test_many_callers(serve: Serve, context: ssl.SSLContext, client: glyph.Client) -> None:
    server = client.get(serve(hello, ssl=context, threads=3))
    answers: list[str] = []

    def call(name: str) -> None:
        answers.extend(server.hello(name) for _ in range(5))

    threads = [threading.Thread(target=call, args=(str(number),)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == sorted(f"Hello {number}" for number in range(10) for _ in range(5))


def test_references_are_https(
    context: ssl.SSLContext, client: glyph.Client, no_leaks: None
) -> None:
    router = glyph.Router()

    @router.add()
    class User(glyph.Resource):
        def __init__(self, id: int) -> None:
            self.id = id

        @glyph.safe()
        def bio(self) -> str:
            return f"I am {self.id}"

    with glyph.Server(router, ssl=context) as server:
        user = client.get(server.url).User(7)
        assert user.bio() == "I am 7"
        url = glyph.url_of(user)
        assert url is not None
        assert url.startswith(server.url)
        assert client.get(url).bio() == "I am 7"


def test_a_client_that_does_not_trust_it(
    serve: Serve, context: ssl.SSLContext, no_leaks: None
) -> None:
    url = serve(hello, ssl=context)
    with (
        glyph.Client(HttpxTransport(verify=ssl.create_default_context())) as client,
        pytest.raises(glyph.TransportError) as caught,
    ):
        client.get(url)
    assert (caught.value.phase, caught.value.outcome) == ("connect", "not done")


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01\x00"], ids=["silent", "half"])
def test_handshakes_that_stall_hold_no_thread_and_end(
    serve: Serve, context: ssl.SSLContext, trusting: ssl.SSLContext, sent: bytes
) -> None:
    url = serve(hello, ssl=context, threads=1, idle=1)
    stalled = [connect(url) for _ in range(6)]
    began = time.monotonic()
    for connection in stalled:
        connection.sendall(sent)
    time.sleep(0.1)
    for _ in range(3):
        started = time.monotonic()
        with connect_tls(url, trusting) as connection:
            connection.sendall(post("/hello"))
            assert status_of(connection.recv(65536)) == 200
        assert time.monotonic() - started < 0.5
    for connection in stalled:
        assert connection.recv(1) == b""
        connection.close()
    assert 0.8 < time.monotonic() - began < 3


def test_a_dripped_handshake_has_its_time_in_all(serve: Serve, context: ssl.SSLContext) -> None:
    url = serve(hello, ssl=context, idle=0.4)
    hello_record = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
    started = time.monotonic()
    with connect(url) as connection:
        connection.settimeout(0.02)
        answer: bytes | None = None
        for byte in hello_record[:200]:
            connection.sendall(bytes([byte]))
            with suppress(TimeoutError):
                answer = connection.recv(1)
                break
    assert answer == b""
    assert 0.3 < time.monotonic() - started < 2


def test_a_head_in_pieces_and_two_in_one(
    serve: Serve, context: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    url = serve(hello, ssl=context, threads=1)
    kept = post("/hello").replace(b"Connection: close", b"X: y")
    with connect_tls(url, trusting) as connection:
        for start in range(0, len(kept), 30):
            connection.sendall(kept[start : start + 30])
            time.sleep(0.01)
        assert status_of(connection.recv(65536)) == 200
        connection.sendall(kept + kept)
        answers = b""
        while answers.count(b"Hello World") < 2:
            answers += connection.recv(65536)


def test_the_end_is_told(serve: Serve, context: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    """Without it a peer cannot tell a whole answer from one that was cut."""
    url = serve(hello, ssl=context, idle=0.3)
    for request in (post("/hello"), b"nonsense\r\n\r\n", b""):
        with connect_tls(url, trusting) as connection:
            connection.sendall(request)
            while connection.recv(65536):
                pass


def test_plain_http_is_told_so(serve: Serve, context: ssl.SSLContext) -> None:
    answer = exchange(serve(hello, ssl=context), post("/hello"))
    assert status_of(answer) == 400
    assert answer.endswith(b"\r\n\r\nthis server speaks https only\r\n")


def test_idle_connections_do_not_hold_up_a_stop(
    context: ssl.SSLContext, trusting: ssl.SSLContext, no_leaks: None
) -> None:
    router = glyph.Router()
    router.add(hello)
    with (
        glyph.Server(router, ssl=context) as server,
        connect_tls(server.url, trusting) as idle,
        connect(server.url) as silent,
    ):
        idle.sendall(post("/hello").replace(b"Connection: close", b"X: y"))
        assert status_of(idle.recv(65536)) == 200
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 1
        assert idle.recv(1) == b""
        assert silent.recv(1) == b""


def test_a_unix_socket(
    context: ssl.SSLContext, trusting: ssl.SSLContext, tmp_path: Path, no_leaks: None
) -> None:
    router = glyph.Router()
    router.add(hello)
    path = tmp_path / "socket"
    with glyph.Server(router, unix=path, ssl=context) as server:
        assert server.url == "https://localhost/"
        with glyph.Client(HttpxTransport(unix=str(path), verify=trusting)) as client:
            assert client.get(server.url).hello("x") == "Hello x"


def test_a_context_of_the_wrong_side(trusting: ssl.SSLContext) -> None:
    with pytest.raises(ValueError, match=r"a client's: make it with .*CLIENT_AUTH"):
        glyph.Server(glyph.Router(), ssl=trusting)
