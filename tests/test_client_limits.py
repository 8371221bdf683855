"""A server without end: what it sends is bounded in size, and in time, whatever it says it is."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from http_peers import MEDIA_TYPE, Peer, Script, peer, response

import hyperglyph as glyph
from hyperglyph.codec import encode

SMALL = glyph.Limits(message=100_000, blob_size=100_000)
BOMB = gzip.compress(bytes(64 * 1024 * 1024))  # 1:1000
TWICE = gzip.compress(BOMB)
ENDLESS = b"HTTP/1.1 %d Sorry\r\nContent-Type: %b\r\n\r\n"


def endless(head: bytes, piece: bytes, pause: float = 0.0) -> Script:
    """One request read, and then an answer that does not end before its reader does."""

    def script(running: Peer, connection: socket.socket) -> None:
        running.read_request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            if pause:
                time.sleep(pause)

    return script


def says(*given: bytes) -> Script:
    remaining = list(given)

    def script(running: Peer, connection: socket.socket) -> None:
        while remaining and running.read_request(connection):
            connection.sendall(remaining.pop(0))

    return script


def packed(status: int, body: bytes, *headers: str, content_type: str = MEDIA_TYPE) -> bytes:
    return response(status, body, "Content-Encoding: gzip", *headers, content_type=content_type)


@pytest.fixture(autouse=True)
def bounded_memory(no_leaks: None) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 12_000_000


def fetch(script: Script, **options: Any) -> Any:
    given: dict[str, Any] = {"limits": SMALL, "timeout": 5.0, **options}
    with peer(script) as server, glyph.Client(**given) as client:
        return client.get(server.url)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"a" * 8192),
        (b"HTTP/1.1 200 OK\r\n", b"X: a\r\n" * 1000),
        (b"", b"H" * 8192),
        (b"HTTP/1.1 200 ", b"O" * 8192),
    ],
    ids=["header", "headers", "no line", "phrase"],
)
def test_a_head_without_end(head: bytes, piece: bytes) -> None:
    with pytest.raises(glyph.TransportError) as caught:
        fetch(endless(head, piece))
    assert (caught.value.phase, caught.value.outcome) == ("wait", "unknown")
    assert not isinstance(caught.value, glyph.DeadlineExceeded)


@pytest.mark.parametrize(
    ("status", "content_type", "error"),
    [
        (200, MEDIA_TYPE, glyph.LimitExceeded),
        (200, "image/png", glyph.LimitExceeded),
        (404, MEDIA_TYPE, glyph.NotFound),
        (500, "text/html", glyph.ServerError),
        (502, "image/png", glyph.BadGateway),
        (304, MEDIA_TYPE, glyph.RemoteError),
    ],
)
def test_a_body_without_end(status: int, content_type: str, error: type[Exception]) -> None:
    text = b"u99999999:" if content_type == MEDIA_TYPE and status == 200 else b""
    head = ENDLESS % (status, content_type.encode()) + text
    with pytest.raises(error):
        fetch(endless(head, b"x" * 65_536))


def test_chunks_without_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(glyph.LimitExceeded):
        fetch(endless(head, b"1000\r\n" + b"x" * 4096 + b"\r\n"))
    with pytest.raises(glyph.TransportError):
        fetch(endless(head, b"0" * 8192))  # the size of a chunk
    with pytest.raises(glyph.TransportError):
        fetch(endless(head + b"0\r\n", b"X: y\r\n" * 1000))  # trailers


@pytest.mark.parametrize("body", [BOMB, TWICE], ids=["bomb", "gzip of gzip"])
def test_bombs(body: bytes) -> None:
    assert len(TWICE) < len(BOMB) < 70_000
    with pytest.raises(glyph.DecodeError):
        fetch(says(packed(200, body)))
    if body is BOMB:
        with pytest.raises(glyph.LimitExceeded):
            fetch(says(packed(200, body, content_type="image/png")))
    else:  # one layer is undone, and no more
        with fetch(says(packed(200, body, content_type="image/png"))) as blob:
            assert blob.read() == BOMB
    for content_type in (MEDIA_TYPE, "text/html", "image/png"):
        with pytest.raises(glyph.ServerError) as caught:
            fetch(says(packed(500, body, content_type=content_type)))
        assert len(caught.value.message) <= 500
    both = response(200, body, "Content-Encoding: gzip, gzip")
    with pytest.raises(glyph.TransportError, match="unknown content coding"):
        fetch(says(both))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_bomb_on_a_redirect_is_not_unpacked(status: int) -> None:
    moved = packed(status, BOMB[:50_000], "Location: /x", "Connection: close")
    last = response(200, encode("there"))

    def script(running: Peer, connection: socket.socket) -> None:
        running.read_request(connection)
        connection.sendall(moved if running.connections == 1 else last)

    assert fetch(script) == "there"


def test_redirects_without_end() -> None:
    hop = response(302, b"", "Location: /x")
    with pytest.raises(glyph.RemoteError, match="more than 5 redirects"):
        fetch(says(*[hop] * 10))


SLOW: list[tuple[str, Callable[[], Script]]] = [
    ("head", lambda: endless(b"HTTP/1.1 200 OK\r\nX: ", b"a", 0.05)),
    ("message", lambda: endless(ENDLESS % (200, MEDIA_TYPE.encode()) + b"u9999:", b"a", 0.05)),
    ("error", lambda: endless(ENDLESS % (500, b"text/plain"), b"a", 0.05)),
    ("redirect", lambda: endless(b"HTTP/1.1 302 F\r\nLocation: /x\r\n\r\n", b"a", 0.05)),
    ("no content", lambda: endless(b"HTTP/1.1 205 R\r\nContent-Length: 999\r\n\r\n", b"a", 0.05)),
]


@pytest.mark.parametrize(("name", "make"), SLOW, ids=[name for name, _ in SLOW])
def test_what_drips_ends_at_the_deadline(name: str, make: Callable[[], Script]) -> None:
    started = time.monotonic()
    try:
        value = fetch(make(), timeout=0.6, idle=0.3)
    except (glyph.DeadlineExceeded, glyph.ServerError):
        pass
    else:
        assert (name, value) == ("no content", None)
    assert 0.4 < time.monotonic() - started < 3
