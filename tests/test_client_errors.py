"""What a caller is told when a call fails: where it failed, and what became of it."""

from __future__ import annotations

import pickle
import socket
import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from http_peers import Peer, Script, peer, response
from scripted import bare, opened, page

import hyperglyph as glyph
from hyperglyph.codec import Error, Form, Link, Resource, encode

pytestmark = pytest.mark.usefixtures("face")

ROOT = encode(Resource({"f": Form("f", values=["a"]), "l": Link("l")}))

Step = Callable[[Peer, socket.socket], None]


def closes(running: Peer, connection: socket.socket) -> None:
    """Not one byte of an answer."""


def resets(running: Peer, connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def sends(data: bytes) -> Step:
    def step(running: Peer, connection: socket.socket) -> None:
        connection.sendall(data)

    return step


def stalls(data: bytes = b"") -> Step:
    def step(running: Peer, connection: socket.socket) -> None:
        connection.sendall(data)
        time.sleep(0.6)

    return step


HALF_HEAD = b"HTTP/1.1 200 OK\r\nContent-Le"
HALF_BODY = response(200, b"u5:hello;")[:-4]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"


@attrs.frozen
class Case:
    """What the server does once it has read the request, and what the caller must hear."""

    name: str
    step: Step
    phase: str
    outcome: str
    late: bool = False


CASES = [
    Case("closes", closes, "wait", "unknown"),
    Case("resets", resets, "wait", "unknown"),
    Case("half a head", sends(HALF_HEAD), "wait", "unknown"),
    Case("no HTTP", sends(b"SSH-2.0-OpenSSH\r\n\r\n"), "wait", "unknown"),
    Case("half a body", sends(HALF_BODY), "read", "done"),
    Case("half a chunk", sends(CHUNKED), "read", "done"),
    Case("silent", stalls(), "wait", "unknown", late=True),
    Case("silent in its head", stalls(HALF_HEAD), "wait", "unknown", late=True),
    Case("silent in its body", stalls(HALF_BODY), "read", "done", late=True),
]


def after_root(step: Step, executed: list[bytes], same_connection: bool) -> Script:
    """Answer the first request with the root page; note the second, then do the step."""

    def script(running: Peer, connection: socket.socket) -> None:
        if running.connections == 1:
            running.read_request(connection)
            close = [] if same_connection else ["Connection: close"]
            connection.sendall(response(200, ROOT, *close))
            if not same_connection:
                return
        request = running.read_request(connection)
        if request:
            executed.append(request)
            step(running, connection)

    return script


@pytest.mark.parametrize("same", [True, False], ids=["reused connection", "new connection"])
@pytest.mark.parametrize("limit", ["idle", "timeout"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_truth_about_unsafe_calls(case: Case, limit: str, same: bool, no_leaks: None) -> None:
    executed: list[bytes] = []
    idle, timeout = (0.3, 10.0) if limit == "idle" else (10.0, 0.3)
    with (
        peer(after_root(case.step, executed, same)) as server,
        glyph.Client(idle=idle) as client,
    ):
        root = client.get(server.url)
        with client.options(timeout=timeout), pytest.raises(glyph.TransportError) as caught:
            root.f(1)
    error = caught.value
    assert (error.phase, error.outcome) == (case.phase, case.outcome)
    # Who computes is not idle: that one is waited for until it goes away.
    computing = limit == "idle" and case.name == "silent"
    assert isinstance(error, glyph.DeadlineExceeded) is (case.late and not computing)
    assert len(executed) == 1  # what may have been carried out is never sent again
    assert f"(phase: {case.phase}, outcome: {case.outcome})" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (again.phase, again.outcome, str(again)) == (error.phase, error.outcome, str(error))


def test_nobody_there(no_leaks: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    root, _ = opened(root=[Form(f"http://127.0.0.1:{port}/", values=["a"])])
    form = glyph.url_of(root[0])
    with glyph.Client() as client, pytest.raises(glyph.TransportError) as caught:
        client.get(form)
    assert (caught.value.phase, caught.value.outcome) == ("connect", "not done")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_call_that_was_redirected_is_done(case: Case, no_leaks: None) -> None:
    def script(running: Peer, connection: socket.socket) -> None:
        if running.connections == 1:  # what is safe is tried again once, on a new one
            running.read_request(connection)
            connection.sendall(response(200, ROOT))
            running.read_request(connection)
            connection.sendall(response(303, b"", "Location: /there"))
        if running.read_request(connection):
            case.step(running, connection)

    with peer(script) as server, glyph.Client(idle=0.3) as client:
        root = client.get(server.url)
        with pytest.raises(glyph.TransportError) as caught:
            root.f(1)
    assert caught.value.outcome == "done"
    assert caught.value.phase in (case.phase, "connect")
    posts = [request for request in server.requests if request.startswith(b"POST")]
    assert len(posts) == 1


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("text/plain", b"no  such\tuser\r\n", "no such user"),
        ("text/plain; charset=ISO-8859-1", "größer".encode("latin-1"), "größer"),
        ("Text/Plain;charset=utf-8", "größer".encode(), "größer"),
        ("text/plain; charset=no-such", b"\xff\xfe", "\ufffd\ufffd"),
        ("text/plain", b"", "500 Internal Server Error"),
        ("text/plain", b"x" * 100_000, "x" * 500),
        ("text/plain", b"\x1b]0;title\x07 bell \x9b1m", "]0;title bell \ufffd1m"),
        (
            "text/html; charset=utf-8",
            b"<html><head><title>502 Bad &amp; Gateway</title></head><h1>502</h1></html>",
            "502 Bad & Gateway",
        ),
        ("text/html", b"<script>evil()</script><p>It <b>broke</b><style>p{}</style>", "It broke"),
        ("text/html", b"<html></html>", "500 Internal Server Error"),
        ("text/html", b"<<<<!--" * 100_000, None),
        ("text/html", b"<a b=" * 200_000, None),
        ("application/json", b'{"detail": "no"}', "500 Internal Server Error"),
        ("nonsense", b"<b>", "500 Internal Server Error"),
        ("", b"<b>", "500 Internal Server Error"),
        ("application/vnd.hyperglyph", b"Xu5:error;Du7:message;u2:hi;;N;;", "hi"),
        ("application/vnd.hyperglyph", b"<html>", "500 Internal Server Error"),
    ],
)  # fmt: skip
def test_bodies_of_errors(content_type: str, body: bytes, message: str | None) -> None:
    root, _ = opened(bare(500, body, Content_Type=content_type), root=[Link("l")])
    started = time.monotonic()
    with pytest.raises(glyph.ServerError) as caught:
        root[0]()
    assert time.monotonic() - started < 1
    assert message is None or caught.value.message == message
    assert len(caught.value.message) <= 500
    assert caught.value.message.isprintable()
    assert caught.value.status == 500


def test_an_odd_reason_phrase_is_not_shown(no_leaks: None) -> None:
    answer = b"HTTP/1.1 404 \xff\x1b[2J you lost\r\nContent-Length: 0\r\n\r\n"

    def script(running: Peer, connection: socket.socket) -> None:
        running.read_request(connection)
        connection.sendall(answer)

    with (
        peer(script) as server,
        glyph.Client() as client,
        pytest.raises((glyph.NotFound, glyph.TransportError)) as caught,
    ):
        client.get(server.url)
    assert str(caught.value).isprintable()


class NoFunds(glyph.Conflict):
    """Declared by the user; its constructor asks for more than an answer tells."""

    def __init__(self, missing: int, account: str) -> None:
        super().__init__(f"{missing} missing", data={"missing": missing})
        self.account = account


def test_declared_errors() -> None:
    answers: list[Any] = [
        page(Error("3 missing", code="NoFunds", content={"missing": 3}), 409),
        page(Error("3 missing", code="Other"), 409),
        page(Error("3 missing", code="NoFunds"), 404),
    ]
    root, _ = opened(*answers, root=[Link("l")], errors=[NoFunds])
    with pytest.raises(NoFunds, match="3 missing") as caught:
        root[0]()
    assert (caught.value.data, caught.value.code) == ({"missing": 3}, "NoFunds")
    assert pickle.loads(pickle.dumps(caught.value)).data == {"missing": 3}
    for cls in (glyph.Conflict, glyph.NotFound):
        with pytest.raises(cls) as other:
            root[0]()
        assert type(other.value) is cls


def test_an_error_in_a_good_answer_is_a_value() -> None:
    root, _ = opened(page(Error("as data", content={"l": Link("x")})), root=[Link("l")])
    value = root[0]()
    assert value.message == "as data"
    assert glyph.url_of(value.content["l"]) == "http://h/x"
