"""What a user gives the client for one server reaches no other: the cases, for any transport.

Each takes recorders, and `glyph.Client` as a fixture of the test has put it in place.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from http.cookiejar import CookieJar
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from recorder import Recorded

import hyperglyph as glyph
from hyperglyph.codec import Form, Link, Resource
from hyperglyph.transport.adapters.httpx_common import httpx

__all__ = [
    "HOPS",
    "SECRET",
    "SECRETS",
    "STATUSES",
    "check_listed",
    "check_options",
    "check_page",
    "check_redirects",
    "cleared",
    "hop",
    "told",
]

SECRET = "s3cr3t-0f-h0me"

STATUSES = (301, 302, 303, 307, 308)
SECRETS = (
    *("Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "Baggage", "a jar"),
    *("basic", "httpx's basic", "a function"),
)
#: The secret as a password, with the user name "bob".
BASIC = b64encode(f"bob:{SECRET}".encode()).decode()

Hop = Callable[[int, Recorded, Recorded], str]


def hop(status: int, location: str) -> str:
    return f"hop?{status}&{quote(location, safe='')}"


#: Where the home server's redirect leads. Each ends at another origin, or passes through one.
HOPS: dict[str, Hop] = {
    "another port": lambda status, home, other: hop(status, other.url + "x"),
    "another name": lambda status, home, other: hop(
        status, home.url.replace("127.0.0.1", "localhost") + "x"
    ),
    "scheme-relative": lambda status, home, other: hop(status, f"//127.0.0.1:{other.port}/x"),
    "there and back": lambda status, home, other: hop(
        status, other.url + hop(status, home.url + "x")
    ),
    "in two steps": lambda status, home, other: hop(
        status, "/" + hop(status, other.url + hop(status, "/x"))
    ),
}


def client_with(secret: str, home: Recorded, **options: Any) -> glyph.Client:
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


def told(server: Recorded, host: str = "127.0.0.1") -> int:
    """How many of the requests to a server, under one name, held the secret."""
    return sum(
        (request.mentions(SECRET) or request.mentions(BASIC))
        for request in server.seen
        if request.header("host") == f"{host}:{server.port}"
    )


def cleared(servers: Sequence[Recorded]) -> None:
    """Have nothing in these servers."""
    for server in servers:
        server.seen.clear()
        server.pages.clear()
        server.headers.clear()


def check_redirects(
    statuses: Iterable[int], secret: str, kinds: Iterable[str], home: Recorded, other: Recorded
) -> None:
    """Redirects of links and forms, by a client that holds one secret."""
    cases = list(product(statuses, kinds))
    pairs: list[Any] = []
    for status, kind in cases:
        url = HOPS[kind](status, home, other)
        pairs.append([Link(url), Form(url, values=["a"])])
    home.pages["/"] = pairs
    with client_with(secret, home) as client:
        for (status, _), (link, form) in zip(cases, client.get(home.url), strict=True):
            before = len(home.seen) + len(other.seen)
            link()
            followed = len(home.seen) + len(other.seen)
            assert followed >= before + 2
            if status in (307, 308):  # they would keep the body
                with pytest.raises(glyph.RemoteError, match="origin not listed"):
                    form(1)
            else:
                form(1)
            assert len(home.seen) + len(other.seen) > followed
    assert told(other) == 0
    assert told(home, "localhost") == 0
    # What goes home does have it: the test would notice if nothing were sent at all.
    at_home = [
        request for request in home.seen if request.header("host") != f"localhost:{home.port}"
    ]
    assert told(home) == len(at_home) - (secret == "a jar")


def check_page(secret: str, home: Recorded, other: Recorded) -> None:
    """Links, forms and what else a page leads to."""
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


def check_listed(secret: str, home: Recorded, listed: Recorded, other: Recorded) -> None:
    """Origins that are listed have the secret."""
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


def check_options(home: Recorded, other: Recorded) -> None:
    """Options are no way around."""
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
