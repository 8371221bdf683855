"""What a user gives the client for one server reaches no other.

Real servers on different ports of the loopback address, and under different names.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import quote

import pytest
from recorder import Recorder, recorders

import hyperglyph as glyph
from hyperglyph.codec import Form, Link, Resource
from hyperglyph.transport.adapters.httpx_common import httpx

pytestmark = pytest.mark.usefixtures("face")

SECRET = "s3cr3t-0f-h0me"

STATUSES = (301, 302, 303, 307, 308)
SECRETS = (
    *("Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "Baggage", "a jar"),
    *("basic", "httpx's basic", "a function"),
)
#: The secret as a password, with the user name "bob".
BASIC = b64encode(f"bob:{SECRET}".encode()).decode()

Hop = Callable[[int, Recorder, Recorder], str]


def hop(status: int, location: str) -> str:
    return f"hop?{status}&{quote(location, safe='')}"


#: Where the home server's redirect leads. Each ends at another origin, or passes through one.
HOPS: dict[str, Hop] = {
    "another port": lambda status, home, other: hop(status, other.url + "x"),
    "another name": lambda status, home, other: hop(status, f"http://localhost:{home.port}/x"),
    "scheme-relative": lambda status, home, other: hop(status, f"//127.0.0.1:{other.port}/x"),
    "there and back": lambda status, home, other: hop(
        status, other.url + hop(status, home.url + "x")
    ),
    "in two steps": lambda status, home, other: hop(
        status, "/" + hop(status, other.url + hop(status, "/x"))
    ),
}


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Recorder]]:
    with recorders(3) as made:
        yield made


@pytest.fixture
def home(servers: list[Recorder]) -> Recorder:
    for server in servers:
        server.seen.clear()
        server.pages.clear()
        server.headers.clear()
    return servers[0]


@pytest.fixture
def other(servers: list[Recorder], home: Recorder) -> Recorder:
    return servers[1]


@pytest.fixture
def listed(servers: list[Recorder], home: Recorder) -> Recorder:
    return servers[2]


def client_with(secret: str, home: Recorder, **options: Any) -> glyph.Client:
    """A client that holds one secret of the home server."""
    if secret == "a jar":
        home.headers.append(("Set-Cookie", f"session={SECRET}; Path=/"))
        return glyph.Client(cookies=CookieJar(), **options)
    if secret == "basic":
        return glyph.Client(auth=("bob", SECRET), **options)
    if secret == "httpx's basic":
        return glyph.Client(auth=httpx.BasicAuth("bob", SECRET), **options)
    if secret == "a function":
        return glyph.Client(auth=signed, **options)
    return glyph.Client(headers={secret: SECRET}, **options)


def signed(request: httpx.Request) -> httpx.Request:
    request.headers["X-Signed"] = SECRET
    return request


def told(server: Recorder, host: str = "127.0.0.1") -> int:
    """How many of the requests to a server, under one name, held the secret."""
    return sum(
        (request.mentions(SECRET) or request.mentions(BASIC))
        for request in server.seen
        if request.header("host") == f"{host}:{server.port}"
    )


@pytest.mark.parametrize("kind", HOPS)
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("status", STATUSES)
def test_redirects(status: int, secret: str, kind: str, home: Recorder, other: Recorder) -> None:
    url = HOPS[kind](status, home, other)
    home.pages["/"] = [Link(url), Form(url, values=["a"])]
    with client_with(secret, home) as client:
        link, form = client.get(home.url)
        link()
        followed = len(home.seen) + len(other.seen)
        keeps_body = status in (307, 308)
        if keeps_body:
            with pytest.raises(glyph.RemoteError, match="origin not listed"):
                form(1)
        else:
            form(1)
    assert followed > 2
    assert len(home.seen) + len(other.seen) > followed
    assert told(other) == 0
    assert told(home, "localhost") == 0
    # What goes home does have it: the test would notice if nothing were sent at all.
    at_home = [
        request for request in home.seen if request.header("host") != f"localhost:{home.port}"
    ]
    assert told(home) == len(at_home) - (secret == "a jar")


@pytest.mark.parametrize("secret", SECRETS)
def test_links_forms_and_what_else_a_page_leads_to(
    secret: str, home: Recorder, other: Recorder
) -> None:
    partial = {"partial": True, "profile": "P"}
    home.pages["/"] = {
        "link": Link(other.url),
        "form": Form(other.url, values=["a"]),
        "query": Form(other.url, method="GET", values=["a"]),
        "partial": Resource.from_wire("resource", {"url": other.url + "p", **partial}, {}),
        "nested": Resource({"f": Form("f"), "r": Resource({"l": Link("l")})}, url=other.url),
        "back": Link(other.url + hop(303, home.url + "y")),
        "home": Link("h"),
    }
    other.pages["/p"] = Resource({"x": 1})
    with client_with(secret, home) as client:
        page = client.get(home.url)
        page["link"]()
        page["form"](1)
        page["query"](1)
        assert page["partial"].x == 1
        page["nested"].f()
        page["nested"].r.l()
        glyph.reload(page["nested"])
        page["back"]()
        page["home"]()
    assert (len(other.seen), told(other)) == (8, 0)
    assert (len(home.seen), told(home)) == (3, 2 if secret == "a jar" else 3)


@pytest.mark.parametrize("secret", SECRETS)
def test_origins_that_are_listed_have_them(
    secret: str, home: Recorder, listed: Recorder, other: Recorder
) -> None:
    home.pages["/"] = [
        Form(hop(307, listed.url + "x"), values=["a"]),
        Link(listed.url),
        Link(other.url),
    ]
    with client_with(secret, home, origins=[listed.url]) as client:
        form, link, foreign = client.get(home.url)
        form([1] * 100_000)
        link()
        foreign()
    assert told(listed) == len(listed.seen) == 2
    assert listed.seen[0].body == home.seen[1].body
    assert (len(other.seen), told(other)) == (1, 0)


def test_options_are_no_way_around(home: Recorder, other: Recorder) -> None:
    home.pages["/"] = [Link(other.url), Link(hop(302, other.url)), Link("x")]
    with glyph.Client() as client:
        away, redirected, at_home = client.get(home.url)
        common = {"X-Request-Id": "42", "traceparent": "00-1-2-00"}
        with client.options(headers={"Authorization": SECRET, **common}):
            away()
            redirected()
            at_home()
        at_home()
    assert told(other) == 0
    assert [request.header("x-request-id") for request in other.seen] == ["42", "42"]
    assert [request.header("traceparent") for request in other.seen] == ["00-1-2-00"] * 2
    assert [request.mentions(SECRET) for request in home.seen] == [False, True, True, False]


def test_what_crosses_origins(home: Recorder, other: Recorder) -> None:
    home.pages["/"] = [Link(other.url), Form(other.url, values=["a"], headers={"If-Match": '"x"'})]
    headers = {"Accept": "a/b", "User-Agent": "me", "X-Request-Id": "1", "X-Other": "2"}
    with glyph.Client(headers=headers) as client:
        link, form = client.get(home.url)
        link()
        form(1)
    get, post = other.seen
    names = {name.lower() for name, _ in get.headers}
    assert names == {
        "host", "accept", "user-agent", "x-request-id", "hyperglyph-timeout",
    }  # fmt: skip
    assert {name.lower() for name, _ in post.headers} - names == {
        "content-type", "content-length", "if-match",
    }  # fmt: skip


def test_cookies(home: Recorder, other: Recorder) -> None:
    other.headers.append(("Set-Cookie", "planted=1"))
    home.headers.append(("Set-Cookie", f"session={SECRET}"))
    home.pages["/"] = [Link(other.url), Link("x")]
    jar = CookieJar()
    with glyph.Client(cookies=jar) as client:
        away, at_home = client.get(home.url)
        away()
        at_home()
    assert [cookie.name for cookie in jar] == ["session"]
    assert home.seen[1].header("cookie") == f"session={SECRET}"
    with glyph.Client() as client:  # without a jar none is kept
        _, at_home = client.get(home.url)
        at_home()
    assert home.seen[-1].header("cookie") is None
    with glyph.Client(cookies=jar, headers={"Cookie": "mine=1"}) as client:
        client.get(home.url)
    assert home.seen[-1].header("cookie") == "mine=1"


def test_a_password_in_a_url(home: Recorder, other: Recorder) -> None:
    spoiled = other.url.replace("//", f"//user:{SECRET}@")
    home.pages["/"] = [Link(spoiled), Link(hop(302, spoiled))]
    with glyph.Client() as client:
        with pytest.raises(ValueError, match="user name or password"):
            client.get(home.url.replace("//", f"//user:{SECRET}@"))
        link, redirect = client.get(home.url)
        with pytest.raises(ValueError, match="user name or password"):
            link()
        with pytest.raises(glyph.RemoteError, match="user name or password"):
            redirect()
    assert other.seen == []
    assert len(home.seen) == 2
