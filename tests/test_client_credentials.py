"""What a user gives the client for one server reaches no other.

Real servers on different ports of the loopback address, and under different names.
"""

from __future__ import annotations

from collections.abc import Iterator
from http.cookiejar import CookieJar

import pytest
from credential_cases import (
    HOPS,
    SECRET,
    SECRETS,
    STATUSES,
    check_listed,
    check_options,
    check_page,
    check_redirects,
    cleared,
    hop,
)
from recorder import Recorder, recorders

import hyperglyph as glyph
from hyperglyph.codec import Form, Link

pytestmark = pytest.mark.usefixtures("face")


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Recorder]]:
    with recorders(3) as made:
        yield made


@pytest.fixture
def home(servers: list[Recorder]) -> Recorder:
    cleared(servers)
    return servers[0]


@pytest.fixture
def other(servers: list[Recorder], home: Recorder) -> Recorder:
    return servers[1]


@pytest.fixture
def listed(servers: list[Recorder], home: Recorder) -> Recorder:
    return servers[2]


@pytest.mark.parametrize("kind", HOPS)
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("status", STATUSES)
def test_redirects(status: int, secret: str, kind: str, home: Recorder, other: Recorder) -> None:
    check_redirects([status], secret, [kind], home, other)


@pytest.mark.parametrize("secret", SECRETS)
def test_links_forms_and_what_else_a_page_leads_to(
    secret: str, home: Recorder, other: Recorder
) -> None:
    check_page(secret, home, other)


@pytest.mark.parametrize("secret", SECRETS)
def test_origins_that_are_listed_have_them(
    secret: str, home: Recorder, listed: Recorder, other: Recorder
) -> None:
    check_listed(secret, home, listed, other)


def test_options_are_no_way_around(home: Recorder, other: Recorder) -> None:
    check_options(home, other)


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
