"""What the server says to requests that no honest client sends, on raw sockets."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from http_peers import exchange, port_of, post, response, status_of
from raw_requests import chunked

import hyperglyph as glyph
from hyperglyph.codec import decode, encode

Serve = Callable[..., str]


def hello(name: Any = "World") -> Any:
    return f"Hello {name}"


def size_of(file: Any) -> int:
    return len(file.read())


@pytest.fixture
def url(serve: Serve) -> str:
    return serve(hello, size_of, idle=0.3)


def body_of(answer: bytes) -> Any:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    return decode(body)


def test_a_plain_request(url: str) -> None:
    answer = exchange(url, post("/hello"))
    assert status_of(answer) == 200
    assert body_of(answer) == "Hello World"
    assert b"\r\nConnection: close\r\n" in answer


def test_pages_of_the_server_itself_are_let_in(url: str) -> None:
    host = f"127.0.0.1:{port_of(url)}"
    for headers in [
        (f"Origin: http://{host}", "Sec-Fetch-Site: same-origin"),
        (f"Origin: https://{host}",),
        ("Sec-Fetch-Site: none",),
    ]:
        assert status_of(exchange(url, post("/hello", b"O;", *headers, host=host))) == 200
    for host in ("localhost", "LOCALHOST:1", "127.0.0.9", "[::1]:80", "localhost."):
        assert status_of(exchange(url, post("/hello", host=host))) == 200


def test_allowed_hosts(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPERGLYPH_HOSTS", "one.example, .two.example")
    url = serve(hello, router=glyph.Router(allowed_hosts=["three.example"]))
    for host, status in [
        ("one.example", 200),
        ("a.two.example:80", 200),
        ("three.example", 200),
        ("two.example", 421),
        ("four.example", 421),
    ]:
        answer = exchange(url, post("/hello", host=host))
        assert status_of(answer) == status
    assert "HYPERGLYPH_HOSTS" in body_of(answer).message
    assert "allowed_hosts" in body_of(answer).message


def test_a_server_for_all_interfaces_takes_any_address(serve: Serve) -> None:
    url = serve(hello, host="0.0.0.0")
    for host, status in [("192.0.2.1", 200), (socket.gethostname(), 200), ("evil.example", 421)]:
        assert status_of(exchange(url, post("/hello", host=host))) == status


NAMES = sorted({*dir(object), *dir(type), *dir(hello), *dir(glyph), *dir(glyph.Router)} - {"hello"})


def test_no_name_reaches_what_was_not_registered(url: str) -> None:
    with (
        socket.create_connection(("127.0.0.1", port_of(url)), 5) as connection,
        connection.makefile("rb") as stream,
    ):
        for name in NAMES:
            connection.sendall(post(f"/{name}").replace(b"Connection: close", b"X: y"))
            status, length = int(stream.readline().split()[1]), 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            stream.read(length)
            assert status == 404, name


def test_methods(url: str) -> None:
    answer = exchange(url, b"DELETE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"\r\nAllow: GET, HEAD\r\n" in answer
    assert b"\r\nAllow: POST\r\n" in exchange(url, post("/hello").replace(b"POST", b"PUT"))
    for target in (b"/", b"/?x", b"http://localhost/"):
        get = exchange(
            url, b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % target
        )
        assert status_of(get) == 200
        assert body_of(get).name == "resource"
    head = exchange(url, b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert re.search(rb"Content-Length: \d\d", head)


def test_chunked_bodies(url: str) -> None:
    whole = (b"Ou4:na", b"me;", b"u3:bob;;")
    for end in (b"0\r\n\r\n", b"000;x=y\r\nTrailer: z\r\n\r\n"):
        assert body_of(exchange(url, chunked(*whole, end=end))) == "Hello bob"


def test_chunk_extensions_have_a_limit_in_all(url: str) -> None:
    few = b"1;" + b"x" * 4000 + b"\r\n \r\n"
    body = chunked(b"Ou4:name;u3:bob;;", end=b"0\r\n\r\n")
    for times, status in ((16, 200), (17, 400)):
        head, _, chunks = body.partition(b"\r\n\r\n")
        assert status_of(exchange(url, head + b"\r\n\r\n" + few * times + chunks)) == status
    assert b"chunk extensions of more than 65536 bytes" in exchange(
        url, head + b"\r\n\r\n" + few * 17
    )


def test_a_dripped_head_ends_at_the_idle_limit(url: str) -> None:
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port_of(url)), 5) as connection:

        def drip() -> None:
            for _ in range(60):
                connection.sendall(b"X")
                time.sleep(0.05)

        with pytest.raises(ConnectionError):
            drip()
    assert time.monotonic() - started < 2.5


def test_idle_connections_hold_no_thread(serve: Serve) -> None:
    url = serve(hello, threads=1)
    idle = [socket.create_connection(("127.0.0.1", port_of(url)), 5) for _ in range(20)]
    assert status_of(exchange(url, post("/hello"))) == 200
    for connection in idle:
        connection.close()


def test_pipelined_requests_are_answered_in_turn(url: str) -> None:
    first = post("/hello", b"Ou4:name;i1;;").replace(b"Connection: close", b"X: y")
    answer = exchange(url, first + first + post("/hello"))
    assert re.findall(rb"Hello \w+", answer) == [b"Hello 1", b"Hello 1", b"Hello World"]


def test_http_1_0(url: str) -> None:
    old = post("/hello").replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Connection: close", b"X: y")
    answer = exchange(url, old)
    assert body_of(answer) == "Hello World"
    assert b"Connection: close" in answer


def test_an_upload_waits_for_100_continue(url: str) -> None:
    data = post("/hello", b"O;", "Expect: 100-continue")
    with socket.create_connection(("127.0.0.1", port_of(url)), 5) as connection:
        connection.sendall(data[:-2])
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(data[-2:])
        assert status_of(connection.recv(65536)) == 200


def test_an_early_answer_reaches_a_peer_that_still_sends(url: str) -> None:
    for size in (600_000, 8_000_000):
        assert status_of(exchange(url, post("/nobody", b"x" * size))) == 404


def test_blobs_are_no_part_of_the_message(url: str) -> None:
    blob = b"".join(b"c0:100000:" + b"x" * 100_000 + b";" for _ in range(50))
    data = post("/size_of", b"Ou4:file;B0:Du12:content-type;u3:a/b;;;;" + blob + b"c0;")
    assert body_of(exchange(url, data)) == 5_000_000


def test_undeclared_exceptions_stay_in_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("the secret path /etc/x")

    def exits() -> None:
        raise SystemExit(3)

    def unknown() -> object:
        return {"users": [object()]}

    def unregistered() -> Any:
        return fail.__str__

    url = serve(fail, exits, unknown, unregistered)
    for name in ("fail", "exits", "unknown", "unregistered"):
        caplog.clear()
        answer = exchange(url, post(f"/{name}"))
        assert status_of(answer) == 500
        error = body_of(answer)
        assert error.message == "internal error"
        assert b"secret" not in answer
        (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.name == "hyperglyph.server"
        assert error.logref in record.getMessage()
        assert record.exc_info is not None
    assert "not registered" in caplog.text


def test_tracebacks_steer_no_terminal_and_begin_no_line(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(text: str) -> None:
        raise RuntimeError(f"no user {text}")

    url = serve(fail)
    text = "a\r\nCRITICAL forged\0\x1b[2J\x9b\u2028é"
    assert status_of(exchange(url, post("/fail", encode({"text": text})))) == 500
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    lines = logging.Formatter("%(levelname)s %(message)s").format(record).split("\n")
    assert lines[0].startswith("ERROR logref ")
    assert lines[1] == "  Traceback (most recent call last):"
    assert all(line.startswith("  ") for line in lines[1:])
    assert lines[-2:] == [
        r"  RuntimeError: no user a\r",
        r"  CRITICAL forged\x00\x1b[2J\x9b\u2028é",
    ]


def test_a_type_error_inside_a_function_is_no_bad_request(serve: Serve) -> None:
    def fails(a: Any = 1) -> None:
        hello(1, 2, 3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

    assert status_of(exchange(serve(fails), post("/fails"))) == 500


def test_one_debug_line_a_call(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    url = serve(hello)
    with caplog.at_level(logging.DEBUG, "hyperglyph.server"):
        exchange(url, post("/hello?secret=1"))
        exchange(url, post("/nobody\x7f"))
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("POST")]
    assert len(lines) == 1
    assert re.match(r"POST /hello 200 16 bytes [\d.]+ ms logref [0-9a-f]{12}$", lines[0])
    assert "secret" not in caplog.text


def test_the_response_helper_of_these_tests() -> None:
    assert status_of(response(204)) == 204
