"""`Router(trusted_proxies=...)`: whose X-Forwarded headers count, and what they change."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from http_peers import exchange

import hyperglyph as glyph
from hyperglyph.codec import decode
from hyperglyph.transport.http.messages import Response

Serve = Callable[..., str]

TOLD = {
    "x-forwarded-proto": "https",
    "x-forwarded-host": "example.org",
    "x-forwarded-prefix": "/a/b",
}


def router_for(*proxies: str, seen: list[glyph.Incoming] | None = None) -> glyph.Router:
    def who(request: glyph.Incoming) -> str:
        if seen is not None:
            seen.append(request)
        return "somebody"

    router = glyph.Router(
        authenticate=who,
        trusted_proxies=proxies,
        allowed_hosts=["example.org"],
        secret=glyph.EPHEMERAL,
    )

    @router.add()
    class User(glyph.Resource):
        def __init__(self, number: int) -> None:
            self.number = number

    @router.add()
    @glyph.safe()
    @glyph.redirect()
    def user() -> User:
        return User(7)

    return router


def ask(router: glyph.Router, peer: str | None, path: str = "/user", **headers: str) -> Response:
    fields = {"host": "127.0.0.1", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return router.handle(glyph.Incoming("GET", path, list(fields.items()), target=path, peer=peer))


def said(response: Response) -> Any:
    return decode(b"".join(response.body))


@pytest.mark.parametrize(
    ("proxies", "peer"),
    [
        (["10.0.0.1"], "10.0.0.1"),
        (["10.0.0.0/8", "unix"], "10.200.3.4"),
        (["10.0.0.0/8"], "::ffff:10.0.0.1"),
        (["fe80::/10"], "fe80::1%eth0"),
        (["unix"], ""),
    ],
)
def test_what_a_trusted_proxy_says_counts(proxies: list[str], peer: str) -> None:
    seen: list[glyph.Incoming] = []
    router = router_for(*proxies, seen=seen)
    response = ask(router, peer, **TOLD)
    assert response.status == 303
    location = response.header("location")
    assert location is not None
    assert location.startswith("/a/b/User/")
    (request,) = seen
    assert (request.scheme, request.mount) == ("https", "/a/b")
    assert request.values("host") == ["example.org"]
    assert said(ask(router, peer, "/", **TOLD)).attributes["url"] == "/a/b/"
    (plain,) = {ask(router, peer).header("location")}  # without the headers nothing changes
    assert plain is not None
    assert plain.startswith("/User/")


@pytest.mark.parametrize(
    ("proxies", "peer"),
    [
        ([], "127.0.0.1"),
        ([], ""),
        ([], None),
        (["10.0.0.1"], "10.0.0.2"),
        (["10.0.0.1"], ""),
        (["10.0.0.1", "unix"], None),
        (["unix"], "127.0.0.1"),
        (["127.0.0.1", "::1"], "unix"),
        (["127.0.0.1"], "127.0.0.1.example.org"),
    ],
)
def test_from_anybody_else_it_does_not(proxies: list[str], peer: str | None) -> None:
    seen: list[glyph.Incoming] = []
    response = ask(router_for(*proxies, seen=seen), peer, **TOLD)
    location = response.header("location")
    assert location is not None
    assert location.startswith("/User/")
    (request,) = seen
    assert (request.scheme, request.mount, request.values("host")) == ("http", "", ["127.0.0.1"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("proto", "ftp"),
        ("proto", "https,http"),
        ("host", "example.org, localhost"),
        ("host", "example.org\\@localhost"),
        *(("prefix", value) for value in ("//evil.example", "a", "/a//b", "/a/../b", "/a/%2e%2e")),
        *(
            ("prefix", value)
            for value in ("/a?b", "/a#b", "/a b", "/a\\b", "/a%0d%0ab", "/a/.", "/é")
        ),
        *(("prefix", value) for value in ("/a%2f%2fb", "/a%5cb", "http://x/")),
    ],
)
def test_what_cannot_be_is_refused(name: str, value: str) -> None:
    response = ask(router_for("10.0.0.1"), "10.0.0.1", **{f"x-forwarded-{name}": value})
    assert response.status == (421 if "\\@" in value else 400)
    if response.status == 400:
        assert f"X-Forwarded-{name.title()}" in said(response).attributes["message"]


def test_two_values_are_one_too_many() -> None:
    headers = [("host", "localhost"), ("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "https")]
    response = router_for("10.0.0.1").handle(glyph.Incoming("GET", "/", headers, peer="10.0.0.1"))
    assert response.status == 400
    assert "the proxy in front has to set it" in said(response).attributes["message"]


@pytest.mark.parametrize(
    ("prefix", "root"),
    [("", "/"), ("/", "/"), ("/a/", "/a/"), ("/%C3%A9", "/%C3%A9/"), ("/a%20b", "/a%20b/")],
)
def test_prefixes(prefix: str, root: str) -> None:
    response = ask(router_for("unix"), "", "/", x_forwarded_prefix=prefix)
    assert said(response).attributes["url"] == root


def test_the_host_that_is_told_is_checked() -> None:
    response = ask(router_for("unix"), "", "/", x_forwarded_host="evil.example")
    assert response.status == 421


def test_settings_are_checked() -> None:
    for wrong in ("proxy.example", "10.0.0.1/8", "*", "300.1.1.1"):
        with pytest.raises(ValueError, match="trusted_proxies are IP addresses, networks, or"):
            glyph.Router(trusted_proxies=[wrong])
    with pytest.raises(TypeError, match="a list of addresses"):
        glyph.Router(trusted_proxies="10.0.0.1")


# --- servers know their peers --------------------------------------------------------------------


def page_url(answer: bytes) -> str:
    return str(decode(answer.partition(b"\r\n\r\n")[2]).attributes["url"])


ASKED = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Forwarded-Prefix: /a\r\n\r\n"


def test_over_tcp_and_unix_sockets(serve: Serve, tmp_path: Path) -> None:
    for proxies, url in ((["127.0.0.1"], "/a/"), (["127.0.0.2"], "/"), (["unix"], "/")):
        assert page_url(exchange(serve(router=router_for(*proxies)), ASKED)) == url
    path = tmp_path / "socket"
    for proxies, url in ((["unix"], "/a/"), (["127.0.0.1"], "/")):
        with (
            glyph.Server(router_for(*proxies), unix=path),
            socket.socket(socket.AF_UNIX) as connection,
        ):
            connection.connect(str(path))
            connection.sendall(ASKED)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert page_url(answer) == url
