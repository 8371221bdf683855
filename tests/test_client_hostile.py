"""What a hostile page cannot do to its caller: the findings of a security review."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from scripted import Scripted, bare, page

import hyperglyph as glyph
from hyperglyph.client.page import Page, wrap
from hyperglyph.codec import Blob, Error, Extension, Form, Link, Resource
from hyperglyph.transport.http.messages import Response
from hyperglyph.transport.http.negotiate import parse_accept
from hyperglyph.transport.http.urls import LONGEST_URL, Base, check_url, origin_of, resolve

pytestmark = pytest.mark.usefixtures("face")

EVIL = "http://evil.example/"


def at(url: str, value: Any, *given: Response | Exception) -> tuple[Any, Scripted]:
    """What a page at a URL becomes, and the transport behind it."""
    transport = Scripted(page(value), *given)
    return glyph.Client(transport).get(url), transport


def moved(content: Any) -> Extension:
    return Extension.from_wire("unknown", {"url": EVIL}, content)


def test_a_base_does_not_lead_from_https_to_http() -> None:
    inner = Resource(
        {"g": Form("x"), "l": Link("y"), "p": Resource({"n": Form("z")}, url="z")}, url=EVIL
    )
    inlined = Link.from_wire("link", {"url": EVIL, "inline": True}, [Link("y"), Form("x")])
    partial = Resource.from_wire("resource", {"url": EVIL, "partial": True}, {})
    root = {"r": inner, "u": moved([Link("y"), Form("x")]), "i": inlined, "p": partial}
    o, transport = at("https://good.example/", Resource(root, url="/"))
    assert glyph.url_of(o.r.l) == f"{EVIL}y"
    calls = [o.r.g, o.r.l, o.r.p.n, *o.u.content, *o.i(), lambda: o.p.missing]
    calls += [lambda thing=thing: glyph.reload(thing) for thing in (o.r, o.r.l, o.r.p, o.i)]
    for call in calls:
        with pytest.raises(ValueError, match="from https to http"):
            call()
    assert len(transport.requests) == 1


def test_a_base_may_lead_elsewhere_and_back() -> None:
    inner = Resource({"l": Link("https://good.example/y")}, url="http://evil.example/")
    o, transport = at("https://good.example/", {"r": inner}, page(1))
    assert o["r"].l() == 1
    assert transport.requests[1].url == "https://good.example/y"


def test_a_301_keeps_where_the_page_came_from() -> None:
    transport = Scripted(bare(302, location="/b"), page([moved(Link("y"))]))
    (unknown,) = glyph.Client(transport).get("https://good.example/")
    with pytest.raises(ValueError, match="from https to http"):
        unknown.content()
    transport = Scripted(bare(201, location=f"{EVIL}new"))
    link = glyph.Client(transport).get("https://good.example/")
    with pytest.raises(ValueError, match="from https to http"):
        link()


def test_a_long_url_breaks_what_has_it_only() -> None:
    long = "a" * (LONGEST_URL + 1)
    half = "b" * 2_500 + "/"
    nested = Extension.from_wire(
        "x", {"url": half}, [Extension.from_wire("x", {"url": half}, [Link("l")])]
    )
    root = {
        "link": Link(long),
        "form": Form(long),
        "resource": Resource({"x": 1, "l": Link("l")}, url=long),
        "nested": nested,
        "fine": Link("fine"),
    }
    o, transport = at("http://h/", root, page(2))
    for call in (o["link"], o["form"], o["resource"].l, o["nested"].content[0].content[0]):
        with pytest.raises(ValueError, match="longer than 4000"):
            call()
        assert "broken" in repr(call)
    with pytest.raises(ValueError, match="longer than 4000"):
        glyph.url_of(o["resource"])
    with pytest.raises(AttributeError):
        _ = o["resource"].y
    assert o["resource"].x == 1
    assert o["fine"]() == 2
    assert len(transport.requests) == 2


def test_a_blob_with_a_long_url_has_none() -> None:
    client = glyph.Client(Scripted())
    long, fine = (Blob.from_wire({"url": url}) for url in ("a" * (LONGEST_URL + 1), "b"))
    wrap([long, fine], Base("http://h/"), Page(client, "http://h/"))
    assert (long.url, fine.url) == (None, "http://h/b")


def test_long_redirects_are_refused() -> None:
    transport = Scripted(bare(302, location="/" + "a" * LONGEST_URL))
    with pytest.raises(glyph.RemoteError, match="longer than 4000"):
        glyph.Client(transport).get("http://h/")
    with pytest.raises(ValueError, match="longer than 4000"):
        check_url("http://h/" + "a" * LONGEST_URL)
    with pytest.raises(ValueError, match="longer than 4000"):
        resolve("http://h/", "x/../" * 1_000)


def test_a_long_base_is_held_once() -> None:
    count = 500
    items = [Extension.from_wire("x", {"url": "i"}, [Link("l")]) for _ in range(count)]
    records = [Resource({"l": Link("l")}, url="r") for _ in range(count)]
    root = Extension.from_wire("x", {"url": "a" * 3_900 + "/"}, [items, records])
    o, _ = at("http://h/", root)
    tracemalloc.start()
    try:
        for item, record in zip(*o.content, strict=True):
            assert len(glyph.url_of(item.content[0])) > 3_900
            assert len(glyph.url_of(record.l)) > 3_900
        for number in range(600):
            origin_of(f"http://h/{number}/{'a' * 3_900}")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < count * 1_200  # and not 4,000 each


def test_steps_of_a_base() -> None:
    base = Base("http://h/a/").moved("b/").moved(None).moved("c")
    assert base.url() == base.url() == "http://h/a/b/c"


@pytest.mark.parametrize("text", ['"\\' * 8_000, '"' * 16_001, '"\\' * 499, 'a/b;x="' * 140])
def test_unbalanced_quotes_take_no_time(text: str) -> None:
    started = time.perf_counter()
    assert parse_accept(text) == []
    assert time.perf_counter() - started < 0.5


def test_an_accept_is_read_up_to_1000_characters() -> None:
    members = parse_accept("a/b;q=0.5, " + "c/d, " * 300)
    assert members[0][1] == 0.5
    assert len(members) == 199
    assert parse_accept("a/" + "b" * 998) != []
    assert parse_accept("a/" + "b" * 999) == []


class Endless:
    """A body without an end, which counts what is read of it."""

    def __init__(self) -> None:
        self.read = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.read += 1024
            yield bytes(1024)


@pytest.mark.parametrize("status", [201, 204, 205, 302, 307])
def test_a_body_thrown_away_is_not_read_to_its_end(status: int) -> None:
    body = Endless()
    location = [] if status in (204, 205) else [("Location", "/x")]
    transport = Scripted(Response(status, location, body), page(1))
    glyph.Client(transport).get("http://h/")
    assert body.read <= 64 * 1024
    assert transport.closed >= 1


def test_an_error_shown_steers_no_terminal() -> None:
    message = "\x1b[2J\r\n" + "é" * 600
    error = glyph.RemoteError(message, logref="\x1b]0;x\x07")
    assert str(error).isprintable()
    assert str(error).startswith("\\x1b[2J\\r\\né")
    assert len(str(glyph.RemoteError("\x00" * 600))) == 500
    assert error.message == message
    transport = Scripted(page(Error(message), 500))
    with pytest.raises(glyph.ServerError) as caught:
        glyph.Client(transport).get("http://h/")
    assert str(caught.value).isprintable()
    assert caught.value.message == message


def test_names_shown_steer_no_terminal() -> None:
    bad = "\x1b[2J\n"
    root = Resource({bad: Form(bad, values=["a"]), "l": Link(bad)}, url=f"/{bad}")
    o, _ = at("http://h/", root)
    shown = [repr(o), repr(o[bad]), repr(o.l), repr(o["l"])]
    with pytest.raises(AttributeError) as missing:
        _ = o.missing
    with pytest.raises(TypeError) as unbound:
        o[bad]()
    shown += [str(missing.value), str(unbound.value)]
    assert all(text.isprintable() for text in shown)


def test_an_input_may_be_named_self() -> None:
    o, transport = at("http://h/", Form("f", values=["self", "args"]), page(1), page(2))
    assert (o(self=1, args=2), o(3, args=4)) == (1, 2)
    assert (transport.sent(1), transport.sent(2)) == (
        {"self": 1, "args": 2},
        {"self": 3, "args": 4},
    )


def test_dir_of_names_that_are_not_text() -> None:
    names: Any = {1: 1, None: 2, b"b": 3, "a": 4, "": 5, "_b": 6}
    o, _ = at("http://h/", Resource(names, url="/"))
    assert dir(o) == ["a"]
    assert dir(at("http://h/", Resource({"a": 1}, url=EVIL))[0]) == ["a"]


@pytest.mark.parametrize("bad", ["\r", "\n", "\0"])
@pytest.mark.parametrize("name", ["accept", "Accept"])
def test_a_link_writes_no_header_of_its_own(bad: str, name: str) -> None:
    link = Link.from_wire("link", {"url": "x", "headers": {name: f"a/b{bad}X: y"}}, None)
    o, transport = at("http://h/", link)
    with pytest.raises(ValueError, match="printable"):
        o()
    link = Link.from_wire("link", {"url": "x", "headers": {f"{name}{bad}": "a/b"}}, None)
    o, transport = at("http://h/", link)
    with pytest.raises(ValueError, match="Accept"):
        o()
    assert len(transport.requests) == 1
