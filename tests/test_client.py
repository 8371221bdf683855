"""The client: redirects, origins, answers of every kind, errors, limits."""

from __future__ import annotations

import gzip
import pickle
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from http_peers import Peer, answers, peer, response
from scripted import Scripted, bare, opened, page

import hyperglyph as glyph
from hyperglyph.codec import Error, Extension, Link, Resource, encode
from hyperglyph.transport.http.messages import Response

pytestmark = pytest.mark.usefixtures("face")

OK = response(200, b"T;")


# --- requests ---------------------------------------------------------------------------------


def test_what_is_sent() -> None:
    root, transport = opened(page(7), timeout=20)
    assert root.f(1) == 7
    get, post = transport.requests
    assert (get.method, get.url, get.body, get.safe) == ("GET", "http://h/", None, True)
    assert (post.method, post.url, post.safe) == ("POST", "http://h/root/f", False)
    assert post.body == b"Ou1:a;i1;u1:b;Li2;;;"
    assert transport.header(1, "content-type") == "application/vnd.hyperglyph"
    assert transport.header(0, "content-type") is None
    assert (
        transport.header(0, "accept")
        == "application/vnd.hyperglyph;partial=1, application/vnd.hyperglyph-seq;q=0.9, */*;q=0.5"
    )
    assert 19 < float(transport.header(1, "hyperglyph-timeout") or 0) <= 20
    assert transport.closed == 2
    assert opened(timeout=None)[1].header(0, "hyperglyph-timeout") is None


def test_links() -> None:
    inline = Link("a/b", inline=True, content=[Link("c")])
    content = {
        "l": Link("../x?y"),
        "i": inline,
        "nil": Link("n", inline=True),
        "p": Link("p", method="POST"),
        "c": Link("c", headers={"Cookie": "x"}),
        "a": Link("a", headers={"Accept": "text/plain"}),
    }
    root, transport = opened(page(1), page(2), root=Resource(content, url="/r/s"))
    assert root.l() == 1
    assert transport.requests[1].url == "http://h/x?y"
    assert glyph.url_of(root.i()[0]) == "http://h/r/a/c"
    assert root.i() is root.i()
    assert root.nil() is None
    with pytest.raises(ValueError, match="only with GET"):
        root.p()
    with pytest.raises(ValueError, match="no header but Accept"):
        root.c()
    assert root.a() == 2
    assert transport.header(2, "accept") == "text/plain"
    assert len(transport.requests) == 3


# --- redirects --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303])
def test_redirects_to_a_get(status: int) -> None:
    root, transport = opened(bare(status, Location="../there?x"), page(5))
    assert root.f(1) == 5
    post, get = transport.requests[1:]
    assert (get.method, get.url, get.body) == ("GET", "http://h/there?x", None)
    assert transport.header(2, "content-type") is None
    assert post.method == "POST"


@pytest.mark.parametrize("status", [307, 308])
def test_redirects_that_keep_method_and_body(status: int) -> None:
    blob = glyph.blob(b"x" * 100_000, "a/b")
    root, transport = opened(bare(status, Location="/there"), page(5))
    assert root.f(blob) == 5
    first, second = transport.requests[1:]
    assert (second.method, second.url) == ("POST", "http://h/there")
    assert first.body == second.body
    assert isinstance(first.body, bytes)
    assert len(first.body) > 100_000
    root, transport = opened(bare(status, Location="http://other/"))
    with pytest.raises(glyph.RemoteError, match="origin not listed"):
        root.f(1)
    root, transport = opened(
        bare(status, Location="http://other/"), page(5), origins=["http://other"]
    )
    assert root.f(1) == 5


def test_redirects_that_are_not_followed() -> None:
    for location in ("https://[", "ftp://h/", "javascript:x", "http://ü/"):
        root, _ = opened(bare(303, Location=location))
        with pytest.raises(glyph.RemoteError, match="not followed"):
            root.f(1)
    hops = [bare(303, Location=f"/{n}") for n in range(6)]
    root, transport = opened(*hops)
    with pytest.raises(glyph.RemoteError, match="more than 5 redirects"):
        root.f(1)
    assert len(transport.requests) == 7
    root, _ = opened(*hops[:5], page(5))
    assert root.f(1) == 5
    for status in (300, 303, 304, 305):
        root, _ = opened(bare(status))
        with pytest.raises(glyph.RemoteError) as caught:
            root.f(1)
        assert caught.value.status == status


def test_https_never_leads_to_http() -> None:
    transport = Scripted(page([Link("http://h/")]), bare(303, Location="http://h/"))
    client = glyph.Client(transport)
    (link,) = client.get("https://h/")
    with pytest.raises(ValueError, match="from https to http"):
        link()
    with pytest.raises(glyph.RemoteError, match="from https to http"):
        client.get("https://h/")
    assert len(transport.requests) == 2


def test_an_error_behind_a_redirect_does_not_hide_that_the_call_was_done() -> None:
    lost = glyph.TransportError("lost", phase="wait", outcome="unknown")
    root, _ = opened(bare(303, Location="/x"), lost)
    with pytest.raises(glyph.TransportError) as caught:
        root.f(1)
    assert caught.value.outcome == "done"


# --- origins ----------------------------------------------------------------------------------


def test_headers_stay_at_their_origin() -> None:
    headers = {"Authorization": "secret", "X-Key": "secret", "User-Agent": "me", "Accept": "x/y"}
    root = [Link("http://other/"), Link("http://listed:81/"), Link("/x"), Link("http://h:80/")]
    links, transport = opened(
        *[page(1)] * 4, root=root, headers=headers, origins=["http://listed:81"]
    )
    for link in links:
        link()
    keys = [transport.header(index, "x-key") for index in range(5)]
    assert keys == ["secret", None, "secret", "secret", "secret"]
    assert transport.header(1, "authorization") is None
    assert [transport.header(i, "user-agent") for i in range(2)] == ["me", "me"]
    assert transport.header(1, "accept") == "x/y"


def test_the_first_url_that_the_user_opens_is_home() -> None:
    transport = Scripted(page(1), page(2))
    client = glyph.Client(transport, headers={"X": "secret"})
    client.get("http://one/")
    client.get("http://two/")
    assert [transport.header(index, "x") for index in range(2)] == ["secret", None]


def test_headers_that_are_not_the_users_to_set() -> None:
    for name in ("Content-Type", "host", "Transfer-Encoding", "Method"):
        with pytest.raises(ValueError, match="written by the client"):
            glyph.Client(Scripted(), headers={name: "x"})
    with pytest.raises(ValueError, match="not printable"):
        glyph.Client(Scripted(), headers={"X": "a\r\nb"})


# --- answers ----------------------------------------------------------------------------------


def test_nil_and_created() -> None:
    root, _ = opened(
        bare(204), bare(204, b"", Content_Type="x"), bare(205), bare(201, Location="n")
    )
    assert [root.f(1) for _ in range(3)] == [None] * 3
    assert glyph.url_of(root.f(1)) == "http://h/root/n"


def test_other_media_types_are_blobs() -> None:
    root, _ = opened(bare(200, b"<p>", Content_Type="text/html; charset=x"), bare(200, b""))
    with root.f(1) as blob:
        assert (blob.content_type, blob.url) == ("text/html; charset=x", "http://h/root/f")
        assert blob.read() == b"<p>"
    with root.f(1) as blob:
        assert (blob.content_type, blob.size) == ("application/octet-stream", 0)
    small = glyph.Limits(blob_size=10)
    root, _ = opened(bare(200, b"x" * 11), limits=small)
    with pytest.raises(glyph.LimitExceeded):
        root.f(1)


def test_malformed_and_cut_messages() -> None:
    for body, error in [(b"Li1;", glyph.Truncated), (b"z", glyph.DecodeError), (b"", EOFError)]:
        root, _ = opened(bare(200, body, Content_Type="application/vnd.hyperglyph"))
        with pytest.raises(error):
            root.f(1)


def packed(body: bytes, coding: str = "gzip", status: int = 200) -> Response:
    content_type = "application/vnd.hyperglyph"
    return bare(status, body, Content_Type=content_type, Content_Encoding=coding)


def test_gzip() -> None:
    large = "x" * 1_000_000
    root, transport = opened(packed(gzip.compress(encode(large))), packed(b"T;", "identity"))
    assert root.f(1) == large
    assert root.f(1) is True
    assert transport.header(1, "accept-encoding") == "gzip"
    whole = gzip.compress(b"T;")
    for body in (whole[:-1], whole + b"x", b"T;", whole[:-8] + b"\0" * 8):
        root, _ = opened(packed(body))
        with pytest.raises(glyph.TransportError, match="not valid gzip"):
            root.f(1)
    for coding in ("br", "gzip, gzip"):
        root, _ = opened(packed(whole, coding))
        with pytest.raises(glyph.TransportError, match="unknown content coding"):
            root.f(1)


def test_bombs() -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    root, _ = opened(packed(bomb), packed(bomb, status=500))
    started = time.monotonic()
    with pytest.raises(glyph.LimitExceeded):
        root.f(1)
    with pytest.raises(glyph.ServerError):
        root.f(1)
    assert time.monotonic() - started < 5


BROKEN_ERROR = Extension("error", {"message": 3, "code": []})


def malformed(status: int) -> Response:
    return bare(status, b"z", Content_Type="application/vnd.hyperglyph")


@pytest.mark.parametrize(
    ("answer", "cls", "message"),
    [
        (page(Error("gone", code=4, content={"a": 1}), 404), glyph.NotFound, "gone"),
        (page("no error", 404), glyph.NotFound, "404 Not Found"),
        (page(BROKEN_ERROR, 404), glyph.NotFound, "404 Not Found"),
        (page(Error("x" * 5000), 403), glyph.Forbidden, "x" * 5000),
        (malformed(400), glyph.BadRequest, "400 Bad Request"),
        (bare(502, b"<html>", Content_Type="text/html"), glyph.BadGateway, "502 Bad Gateway"),
        (bare(503, b"a\r\n\x1b[1mb", Content_Type="text/plain"), glyph.Unavailable, "a [1mb"),
        (bare(418), glyph.ClientError, "418 I'm a Teapot"),
        (bare(599), glyph.ServerError, "599 Unknown"),
        (packed(b"junk", status=500), glyph.ServerError, "500 Internal Server Error"),
    ],
)  # fmt: skip
def test_errors(answer: Response, cls: type[glyph.RemoteError], message: str) -> None:
    root, transport = opened(answer)
    with pytest.raises(glyph.RemoteError) as caught:
        root.f(1)
    assert type(caught.value) is cls
    assert caught.value.message == message
    assert (caught.value.url, caught.value.received) == ("http://h/root/f", True)
    assert transport.closed == 2
    pickle.loads(pickle.dumps(caught.value))


def test_an_error_body_that_never_ends_does_not_hide_the_status() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise glyph.TransportError("cut", phase="read", outcome="unknown")

    for body in (endless(), broken()):
        root, _ = opened(Response(404, [("Content-Type", "text/plain")], body))
        with pytest.raises(glyph.NotFound):
            root.f(1)


def test_safe_requests_are_sent_again_once_on_a_stale_connection() -> None:
    def stale(phase: Any = "wait", reused: bool = True) -> glyph.TransportError:
        return glyph.TransportError("stale", phase=phase, outcome="unknown", reused=reused)

    root, transport = opened(stale(), page(1))
    assert root.l() == 1
    assert len(transport.requests) == 3
    cases: list[tuple[list[Exception], int]] = [
        ([stale(), stale()], 3),
        ([stale(reused=False)], 2),
        ([stale("read")], 2),
        ([glyph.DeadlineExceeded("late", phase="wait", outcome="unknown", reused=True)], 2),
    ]
    for given, count in cases:
        root, transport = opened(*given)
        with pytest.raises(glyph.TransportError):
            root.l()
        assert len(transport.requests) == count
    root, transport = opened(stale())
    with pytest.raises(glyph.TransportError):
        root.f(1)  # unsafe: never
    assert len(transport.requests) == 2


# --- over sockets -----------------------------------------------------------------------------


def test_blobs_are_not_under_the_total_deadline(client: glyph.Client) -> None:
    def script(running: Peer, connection: socket.socket) -> None:
        running.read_request(connection)
        body = encode(glyph.blob(b"x" * 8, "a/b"))
        head, _, tail = response(200, body).partition(b"c0:8:")
        connection.sendall(head + b"c0:8:")
        for byte in tail:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    with (
        peer(script) as server,
        glyph.Client(timeout=0.3, idle=2) as impatient,
        impatient.get(server.url) as blob,
    ):
        assert blob.read() == b"x" * 8


def test_the_deadline_covers_redirects() -> None:
    def script(running: Peer, connection: socket.socket) -> None:
        while running.read_request(connection):
            time.sleep(0.2)
            connection.sendall(response(303, b"", "Location: /x"))

    with peer(script) as server, glyph.Client(timeout=0.5) as client:
        started = time.monotonic()
        with pytest.raises(
            glyph.DeadlineExceeded,
            match=r"not over within 0\.5 s; client\.options\(timeout=\.\.\.\)",
        ):
            client.get(server.url)
        assert time.monotonic() - started < 1.5


def test_connections_are_given_back(client: glyph.Client) -> None:
    given = [
        response(303, b"ignored", "Location: /x"),
        OK,
        response(204, content_type=""),
        response(404, b"x" * 100_000),
        response(201, b"ignored", "Location: /x"),
        OK,
    ]
    with peer(answers(*given)) as server:
        assert client.get(server.url) is True
        assert client.get(server.url) is None
        with pytest.raises(glyph.NotFound):
            client.get(server.url)
        assert glyph.url_of(client.get(server.url)) == server.url + "x"
        assert client.get(server.url) is True
        assert server.connections == 1
