"""The server that clients are tried with, by raw sockets: what it reads, plays, and leaves."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from http_peers import port_of

from hyperglyph.conformance.script import Exchanges, body_mismatch, header_mismatch, reply_of
from hyperglyph.conformance.scripted import ScriptedServer, certificate_authority

pytestmark = pytest.mark.usefixtures("no_leaks")

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = {"response": {"body": "i1;"}}


@contextmanager
def playing(*exchanges: Any, timeout: float = 5.0) -> Generator[tuple[ScriptedServer, Exchanges]]:
    script = Exchanges(exchanges)
    with ScriptedServer(script, timeout=timeout) as server:
        yield server, script


def opened(server: ScriptedServer, at: str = "origin") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(server.places[at])), 5)


def exchange(server: ScriptedServer, sent: bytes, at: str = "origin") -> bytes:
    """What comes back until the server closes, or the whole of one short answer."""
    with opened(server, at) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return received(connection)


def received(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_answer_is_framed_and_the_connection_kept() -> None:
    with playing({**OK, "times": 2}) as (server, script):
        received = exchange(server, GET + GET)
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.hyperglyph\r\n"
        b"Content-Length: 3\r\n\r\ni1;"
    )
    assert received == answer * 2
    assert (script.problems, script.missing()) == ([], None)


def test_requests_come_in_their_order_and_all_of_them() -> None:
    first = {"request": {"method": "GET", "target": "/a"}, **OK}
    second = {"request": {"method": "GET", "target": "/b"}, **OK}
    with playing(first, second) as (server, script):
        assert b" 500 " in exchange(server, b"GET /b HTTP/1.1\r\n\r\n")
        assert script.missing() == "the request of exchange 1 did not come: GET /a at origin"
        assert b" 200 " in exchange(server, b"GET /a HTTP/1.1\r\n\r\n")
        assert script.missing() == "the request of exchange 2 did not come: GET /b at origin"
        assert b" 200 " in exchange(server, b"GET /b HTTP/1.1\r\n\r\n")
        assert script.missing() is None
        assert b" 500 " in exchange(server, b"GET /b HTTP/1.1\r\n\r\n")
    assert script.problems == [
        "request 1 (origin): GET /b at origin, not GET /a at origin",
        "request 4 (origin): GET /b: no request was expected",
    ]


def test_origins_are_told_apart() -> None:
    with playing({"at": "other", **OK}) as (server, script):
        assert b" 500 " in exchange(server, GET)
        assert b" 200 " in exchange(server, GET, "other")
    assert script.problems == [
        "request 1 (origin): GET / at origin, not any method any target at other"
    ]


@pytest.mark.parametrize(("sent", "left"), [(0, None), (1, None), (2, None), (3, "no request was")])
def test_optional_requests_need_not_come(sent: int, left: str | None) -> None:
    with playing({**OK, "times": 2, "optional": True}) as (server, script):
        for _ in range(sent):
            exchange(server, GET)
        assert script.missing() is None
    assert (left is None) == (not script.problems)


def test_optional_request_is_passed_over_for_the_next() -> None:
    retry = {"request": {"target": "/a"}, **OK, "optional": True}
    with playing(retry, {"request": {"target": "/b"}, **OK}) as (server, script):
        assert b" 200 " in exchange(server, b"GET /b HTTP/1.1\r\n\r\n")
        assert b" 500 " in exchange(server, b"GET /a HTTP/1.1\r\n\r\n")
    assert len(script.problems) == 1


def test_several_times_means_each_of_them() -> None:
    with playing({**OK, "times": 3}) as (server, script):
        exchange(server, GET + GET)
        assert script.missing() == (
            "the request of exchange 1 did not come: any method any target at origin"
        )


def test_headers_and_bodies_are_looked_at() -> None:
    wanted = {"headers": {"x": {"absent": True}}, "body": {"value": {"type": "any"}}}
    with playing({"request": wanted, **OK, "times": 3}) as (server, script):
        head = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n"
        assert b" 200 " in exchange(server, head + b"\r\ni1;")
        assert b" 200 " in exchange(server, head + b"X: 1\r\n\r\ni1;")
        assert b" 200 " in exchange(server, head + b"\r\nx1;")
    assert [problem.partition(": ")[2][:26] for problem in script.problems] == [
        "x: '1' must not be there",
        "the body b'x1;' is no mess",
    ]


def test_chunked_request_is_read() -> None:
    chunked = (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ni1\r\n1;x=y\r\n;\r\n0\r\n\r\n"
    )
    with playing({"request": {"body": "i1;"}, **OK}) as (server, script):
        assert b" 200 " in exchange(server, chunked)
    assert script.problems == []


BROKEN = {
    "cut in the head": (b"GET / HTTP/1.1\r\nHo", "the request was cut short"),
    "cut in the body": (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\ni1;", "cut short"),
    "no request line": (b"hello\r\n\r\n", "not a request line: b'hello'"),
    "a blank in the target": (b"GET /a b HTTP/1.1\r\n\r\n", "not a request line"),
    "octets beyond ASCII in the target": (b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", "not a request line"),
    "no header": (b"GET / HTTP/1.1\r\nhello\r\n\r\n", "not a header: b'hello'"),
    "a bare newline": (b"GET / HTTP/1.1\r\na: b\nc: d\r\n\r\n", "not a header"),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "length"),
    "both framings": (
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "a body framed by 'chunked' and the length '1'",
    ),
    "a bad chunk": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "size of a chunk",
    ),
    "a chunk that is too long": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        "longer than its size",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_request_is_told(name: str) -> None:
    sent, words = BROKEN[name]
    with playing({**OK, "optional": True}) as (server, script):
        assert b" 500 " in exchange(server, sent)
    (problem,) = script.problems
    assert words in problem
    assert script.seen[0][1] == sent[: len(script.seen[0][1])]


def test_connection_without_a_request_is_nothing() -> None:
    with playing() as (server, script):
        assert exchange(server, b"") == b""
    assert (script.problems, script.seen) == ([], [])


@pytest.mark.parametrize(
    ("cut", "sent"), [(0, b""), (5, b"HTTP/"), (-1, b"HTTP/1.1 200 \r\nhi"), (999, None)]
)
def test_answer_is_cut(cut: int, sent: bytes | None) -> None:
    raw = "HTTP/1.1 200 \r\nhi!"
    with playing({"response": {"raw": raw}, "cut": cut}) as (server, _):
        assert exchange(server, GET) == (raw.encode() if sent is None else sent)


def test_connection_is_reset() -> None:
    with playing({**OK, "cut": 5, "reset": True}) as (server, _), opened(server) as connection:
        connection.sendall(GET)
        with pytest.raises(ConnectionResetError):
            received(connection)


def test_connection_is_held_and_answers_are_delayed() -> None:
    with playing({**OK, "cut": 5, "hold": 0.3}, {**OK, "delay": 0.3}) as (server, _):
        for _ in range(2):
            started = time.monotonic()
            exchange(server, GET)
            assert 0.25 < time.monotonic() - started < 3


def test_leaving_waits_for_nobody() -> None:
    with playing({**OK, "delay": 60}, {**OK, "cut": 1, "hold": 60}) as (server, _):
        waiting = [opened(server) for _ in range(2)]
        for connection in waiting:
            connection.sendall(GET)
        silent = [opened(server, at) for at in ("origin", "other", "secure")]
        time.sleep(0.2)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    for connection in (*waiting, *silent):
        connection.close()


def test_request_has_its_time() -> None:
    with playing(timeout=0.3) as (server, script), opened(server) as connection:
        connection.sendall(b"GET / HTTP")
        assert b" 500 " in connection.recv(65536)
    assert script.problems == ["request 1 (origin): the request did not come to its end in time"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_certificate_passes_strict_checks(host: str) -> None:
    context = ssl.create_default_context(cafile=certificate_authority())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        playing({"at": "secure", **OK}) as (server, _),
        opened(server, "secure") as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        connection.sendall(GET)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        until = ssl.cert_time_to_seconds(str(dict(connection.getpeercert() or {})["notAfter"]))
    assert until > time.time() + 50 * 365 * 86400


def test_nobody_else_trusts_the_certificate() -> None:
    context = ssl.create_default_context()
    with (
        playing() as (server, _),
        opened(server, "secure") as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_nobody_listens_at_the_dead_origin() -> None:
    with playing() as (server, _), pytest.raises(ConnectionRefusedError):
        opened(server, "dead")


@pytest.mark.parametrize(
    ("response", "octets"),
    [
        ({}, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ({"status": 204}, b"HTTP/1.1 204 No Content\r\n\r\n"),
        ({"status": 299}, b"HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n"),
        (
            {"headers": [["A", "1"], ["A", "2"], ["content-length", "9"]]},
            b"HTTP/1.1 200 OK\r\nA: 1\r\nA: 2\r\ncontent-length: 9\r\n\r\n",
        ),
        (
            {"headers": {"Content-Type": None, "Content-Length": None}, "body": "x"},
            b"HTTP/1.1 200 OK\r\n\r\nx",
        ),
        ({"raw": {"hex": "00ff"}}, b"\x00\xff"),
    ],
)
def test_response_as_octets(response: Any, octets: bytes) -> None:
    assert reply_of({"response": response}).octets == octets


@pytest.mark.parametrize(
    ("value", "pattern", "right"),
    [
        ("A", "a", True),
        (None, "a", False),
        ("b", {"absent": True}, False),
        (None, {"absent": True}, True),
        ("", {"present": True}, True),
        (None, {"present": True}, False),
        ("xAy", {"contains": "a"}, True),
        ("x", {"contains": "a"}, False),
        ("12", {"matches": "^[0-9]+$"}, True),
        ("1a", {"matches": "^[0-9]+$"}, False),
    ],
)
def test_headers_fit_or_not(value: str | None, pattern: Any, right: bool) -> None:
    assert (header_mismatch(value, "x", pattern) is None) == right


@pytest.mark.parametrize(
    ("body", "wanted", "right"),
    [
        (b"", None, True),
        (b"O;", None, False),
        (b"O;", "O;", True),
        (b"i01;", {"value": {"type": "integer", "value": "1"}}, True),
        (b"D;", {"value": {"type": "ordered_dict", "pairs": []}}, False),
    ],
)
def test_bodies_fit_or_not(body: bytes, wanted: Any, right: bool) -> None:
    assert (body_mismatch(body, wanted) is None) == right
