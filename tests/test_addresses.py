"""Where pages may lead: the rule about addresses, checked on what is connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from http_peers import port_of
from recorder import Recorder
from scripted import Scripted, bare, page

import hyperglyph as glyph
from hyperglyph.codec import Form, Link
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.http.addresses import Address, address_of, address_policy, is_public
from hyperglyph.transport.http.messages import Request, Response


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1",
        "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1",
        "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%lo", "fec0::1", "fc00::1", "fd12::1", "ff02::1",
        "2001:db8::1", "2001::1", "100::1", "fd00:ec2::254",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2002:7f00:1::1",
        "2002:a9fe:a9fe::",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    ["8.8.8.8", "93.184.215.14", "172.32.0.1", "100.128.0.1", "2606:4700::1", "2a00:1450::1",
     "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)  # fmt: skip
def test_addresses_that_are(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"), ("127.0.0.1.", "127.0.0.1"), ("127.1", "127.0.0.1"),
        ("10.1.2", "10.1.0.2"), ("2130706433", "127.0.0.1"), ("0x7f000001", "127.0.0.1"),
        ("0x7F.0.0.1", "127.0.0.1"), ("0177.0.0.1", "127.0.0.1"), ("017700000001", "127.0.0.1"),
        ("0", "0.0.0.0"), ("2852039166", "169.254.169.254"), ("[::1]", "::1"),
        ("[::ffff:7f00:1]", "::ffff:127.0.0.1"), ("a.example", None), ("1.2.3.4.5", None),
        ("256.1", None), ("4294967296", None), ("08.0.0.1", None), ("0x", None), ("", None),
        ("1..2", None), ("-1", None),
    ],
)  # fmt: skip
def test_hosts_that_are_addresses(host: str, address: str | None) -> None:
    assert address_of(host) == (None if address is None else ip_address(address))
    if address is not None and not host.startswith("["):
        found = socket.getaddrinfo(host.rstrip("."), 1, family=socket.AF_INET)[0][4][0]
        assert found == address  # the resolver of this machine reads it the same way


def is_loopback(address: Address) -> bool:
    return address.is_loopback


def test_policies() -> None:
    some = address_policy(["10.0.0.0/8", "127.0.0.1", "fd00::/8"])
    asked = address_policy(is_loopback)
    for text, by_list, by_function in [
        ("8.8.8.8", True, True),
        ("10.2.3.4", True, False),
        ("127.0.0.1", True, True),
        ("127.0.0.2", False, True),
        ("fd00::1", True, False),
        ("::1", False, True),
        ("169.254.169.254", False, False),
    ]:
        address = ip_address(text)
        assert (some(address), asked(address)) == (by_list, by_function)
    with pytest.raises(TypeError, match="not a str"):
        glyph.Client(Scripted(), addresses="10.0.0.0/8")
    for wrong in ("10.0.0.1/8", "localhost", "10.0.0"):
        with pytest.raises(ValueError, match=wrong):
            glyph.Client(Scripted(), addresses=[wrong])


INNER = ["http://localhost/", "http://a.localhost:80/", "http://127.0.0.1/", "http://2130706433/",
         "http://0177.1/", "http://0/", "http://[::1]/", "http://[::ffff:a9fe:a9fe]/",
         "http://169.254.169.254/latest/", "http://LOCALHOST./"]  # fmt: skip


@pytest.mark.parametrize("target", INNER)
def test_hosts_that_say_it_themselves(target: str) -> None:
    """Over every transport, before any request."""
    root = [Link(target), Form(target), Link(target, method="HEAD")]
    transport = Scripted(page(root), bare(302, location=target), page(1))
    client = glyph.Client(transport)
    link, form, _ = client.get("http://public.example/")
    for call in (link, form):
        with pytest.raises(ValueError, match="no public address"):
            call()
    assert len(transport.requests) == 1
    with pytest.raises(glyph.RemoteError, match="not followed: a page of a public origin"):
        client.get("http://public.example/")
    assert client.get(target) == 1  # a URL of one's own may lead anywhere
    assert [request.addresses is None for request in transport.requests] == [True, True, True]


def test_pages_of_this_machine_lead_anywhere() -> None:
    transport = Scripted(page([Link("http://127.0.0.1/")]), page(1), page([Link("x")]), page(2))
    client = glyph.Client(transport)
    assert client.get("http://localhost/")[0]() == 1
    assert client.get("http://public.example/")[0]() == 2
    assert [request.addresses is None for request in transport.requests] == [True] * 3 + [False]


def test_addresses_that_the_caller_allows() -> None:
    transport = Scripted(page([Link("http://10.0.0.9/"), Link("http://10.0.1.9/")]), page(1))
    client = glyph.Client(transport, addresses=["10.0.0.0/24"])
    fine, other = client.get("http://public.example/")
    assert fine() == 1
    with pytest.raises(ValueError, match=r"addresses=\['10.0.1.9'\]"):
        other()


# --- resolved ---------------------------------------------------------------------------------

OUTER = "127.0.0.2"  # plays an address of the internet


class Names:
    """A resolver, which may say another thing each time it is asked."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *flags: Any, **options: Any) -> list[Any]:
        self.asked.append(host)
        given = self.addresses[host]
        found = given.pop(0) if len(given) > 1 else given[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in found.split()]


def plays_public(address: Address) -> bool:
    return str(address) == OUTER


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    made = Names()
    monkeypatch.setattr("hyperglyph.transport.http.addresses.is_public", plays_public)
    monkeypatch.setattr("hyperglyph.client.origin.is_public", plays_public)
    monkeypatch.setattr("hyperglyph.transport.adapters.sockets.socket.getaddrinfo", made)
    return made


@contextmanager
def world(**options: Any) -> Generator[tuple[glyph.Client, Recorder]]:
    """A client, and a server at all addresses of this machine."""
    with Recorder("0.0.0.0") as server, glyph.Client(**options) as client:
        server.pages["/"] = []
        yield client, server


def reach(server: Recorder, host: str, path: str = "") -> str:
    return f"http://{host}:{server.port}/{path}"


def test_a_name_that_leads_inside(names: Names, no_leaks: None) -> None:
    names.addresses = {"evil.example": [OUTER], "inside.example": ["127.0.0.1"]}
    with world() as (client, server):
        inside = reach(server, "inside.example", "secret")
        server.pages["/"] = [Link(inside), Form(inside)]
        link, form = client.get(reach(server, "evil.example"))
        for call in (link, form):
            with pytest.raises(glyph.TransportError, match=r"127\.0\.0\.1, which is no") as caught:
                call()
            assert (caught.value.phase, caught.value.outcome) == ("connect", "not done")
        with pytest.raises(glyph.TransportError, match="no public address"):
            client.get(reach(server, "evil.example", f"hop?303&{quote(inside)}"))
        assert not any(seen.path == "/secret" for seen in server.seen)
        assert client.get(inside) == "/secret"


def test_a_name_that_leads_both_ways_leads_outside(names: Names, no_leaks: None) -> None:
    names.addresses = {"evil.example": [OUTER], "both.example": [f"127.0.0.1 {OUTER}"]}
    with world() as (client, server):
        server.pages["/"] = [Link(reach(server, "both.example", "x"))]
        (link,) = client.get(reach(server, "evil.example"))
        assert link() == "/x"


def test_a_second_answer_of_the_resolver(names: Names, no_leaks: None) -> None:
    """Rebinding: what was checked is what is connected to, and the name is not asked again."""
    names.addresses = {"evil.example": [OUTER, "127.0.0.1"]}
    with world() as (client, server):
        server.pages["/"] = [Link("secret"), Form("secret")]
        (link, form) = client.get(reach(server, "evil.example"))
        client.close()  # the next call needs a connection, and asks anew
        for call in (link, form, lambda: glyph.reload(link)):
            with pytest.raises(glyph.TransportError, match="no public address"):
                call()
        assert [seen.path for seen in server.seen] == ["/"]


def test_a_name_is_asked_once_a_connection(names: Names, no_leaks: None) -> None:
    names.addresses = {"evil.example": [OUTER], "other.example": [OUTER, "127.0.0.1"]}
    with world() as (client, server):
        server.pages["/"] = [Link(reach(server, "other.example", "x"))]
        (link,) = client.get(reach(server, "evil.example"))
        assert link() == "/x"
        assert names.asked.count("other.example") == 1


def test_a_connection_that_the_user_opened_is_not_lent(names: Names, no_leaks: None) -> None:
    names.addresses = {"evil.example": [OUTER], "inside.example": ["127.0.0.1"]}
    with world() as (client, server):
        server.pages["/"] = [Link(reach(server, "inside.example", "secret"))]
        (link,) = client.get(reach(server, "evil.example"))
        assert client.get(reach(server, "inside.example", "mine")) == "/mine"
        connections = names.asked.count("inside.example")
        with pytest.raises(glyph.TransportError, match="no public address") as caught:
            link()
        assert (caught.value.phase, caught.value.outcome) == ("connect", "not done")
        assert names.asked.count("inside.example") == connections  # the pool had one
        assert not any(seen.path == "/secret" for seen in server.seen)


def test_what_the_caller_allows_is_reached(names: Names, no_leaks: None) -> None:
    names.addresses = {"evil.example": [OUTER], "inside.example": ["127.0.0.1"]}
    with world(addresses=is_loopback) as (client, server):
        server.pages["/"] = [Link(reach(server, "inside.example", "x"))]
        (link,) = client.get(reach(server, "evil.example"))
        assert link() == "/x"


def test_behind_a_proxy_addresses_are_the_proxy_s(names: Names, no_leaks: None) -> None:
    with Recorder() as server:
        names.addresses = {"127.0.0.1": ["127.0.0.1"]}
        transport = HttpxTransport(proxy=server.url)
        with glyph.Client(transport) as client:
            server.pages["http://evil.example/"] = [Link("http://inside.example/")]
            (link,) = client.get("http://evil.example/")
            assert link() == "http://inside.example/"
            answer: Response = transport.send(Request("GET", "http://evil.example/"))
            assert answer.address is None
            answer.close()


def test_a_transport_says_where_it_was(no_leaks: None) -> None:
    with Recorder() as server, glyph.Client() as client:
        transport = HttpxTransport()
        answer = transport.send(Request("GET", server.url))
        assert answer.address == "127.0.0.1"
        answer.close()
        transport.close()
        assert client.get(f"http://127.1:{port_of(server.url)}/x") == "/x"
        assert urlsplit(server.url).port == port_of(server.url)


def test_the_same_for_asyncio(names: Names, no_leaks: None) -> None:
    names.addresses = {
        "evil.example": [OUTER, "127.0.0.1"],
        "both.example": [f"127.0.0.1 {OUTER}"],
        "inside.example": ["127.0.0.1"],
    }

    async def calls(server: Recorder) -> None:
        async with glyph.AsyncClient() as client:
            inside, own, both = await client.get(reach(server, "evil.example"))
            for _ in range(2):  # without a connection, and with one that the user opened
                with pytest.raises(glyph.TransportError, match="no public address") as caught:
                    await inside()
                assert (caught.value.phase, caught.value.outcome) == ("connect", "not done")
                assert await client.get(reach(server, "inside.example", "mine")) == "/mine"
            assert await both() == "/x"
            await client.close()
            with pytest.raises(glyph.TransportError, match="no public address"):
                await own()  # rebinding

    with Recorder("0.0.0.0") as server:
        inside = reach(server, "inside.example", "secret")
        server.pages["/"] = [Link(inside), Link("secret"), Link(reach(server, "both.example", "x"))]
        asyncio.run(calls(server))
        assert not any(seen.path == "/secret" for seen in server.seen)
