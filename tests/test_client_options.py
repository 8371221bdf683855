"""Options of a block, header checks, what the log says, redirects of every method."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

import pytest
from http_peers import peer, response
from scripted import ROOT, Scripted, bare, opened, page

import hyperglyph as glyph
from hyperglyph.codec import Extension, Form, Input, Link, Resource

pytestmark = pytest.mark.usefixtures("face")

BAD_VALUES = ["a\r\nX-Evil: 1", "a\n", "\r", "a\0b", "\x1b[31m", "é\u2028", " a", "日本"]


# --- options ----------------------------------------------------------------------------------


def test_a_timeout_for_a_block() -> None:
    root, transport = opened(*[page(1)] * 5, timeout=20)
    client = glyph.client_of(root)
    with client.options(timeout=2) as same:
        assert same is client
        root.f(1)
        with client.options(timeout=None):
            root.l()
        with client.options(headers={"X-A": "1"}):
            root.f(1)
        root.f(1)
    root.f(1)
    sent = [transport.header(index, "hyperglyph-timeout") for index in range(1, 6)]
    assert sent[1] is None
    assert [round(float(value or 0)) for value in (*sent[:1], *sent[2:])] == [2, 2, 2, 20]


def test_headers_for_a_block() -> None:
    root, transport = opened(*[page(1)] * 3, headers={"X-A": "1", "Accept": "a/b"})
    client = glyph.client_of(root)
    with client.options(headers={"x-a": "2", "X-B": "3"}):
        root.l()
        with client.options(headers={"X-B": "4"}):
            root.l()
    root.l()
    assert [transport.header(i, "x-a") for i in range(4)] == ["1", "2", "2", "1"]
    assert [transport.header(i, "x-b") for i in range(4)] == [None, "3", "4", None]
    for request in transport.requests:
        names = [name.lower() for name, _ in request.headers]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("face", ["Client"], indirect=True)  # for others: test_aio.py
def test_options_belong_to_one_client_and_one_thread() -> None:
    root, transport = opened(*[page(1)] * 3)
    other, other_transport = opened(page(1))
    with glyph.client_of(root).options(headers={"X-A": "1"}):
        other.l()
        thread = threading.Thread(target=root.l)
        thread.start()
        thread.join()
        root.l()
    assert other_transport.header(1, "x-a") is None
    assert [transport.header(i, "x-a") for i in (1, 2)] == [None, "1"]

    async def use(number: str) -> None:
        with glyph.client_of(root).options(headers={"X-A": number}):
            await asyncio.sleep(0.01)
            root.l()

    async def both() -> None:
        await asyncio.gather(use("1"), use("2"))

    root, transport = opened(page(1), page(1))
    asyncio.run(both())
    assert sorted(str(transport.header(i, "x-a")) for i in (1, 2)) == ["1", "2"]


def test_options_end_with_an_error() -> None:
    root, transport = opened(page(1))
    client = glyph.client_of(root)
    with pytest.raises(KeyError), client.options(headers={"X-A": "1"}):
        raise KeyError
    root.l()
    assert transport.header(1, "x-a") is None


def test_a_block_has_its_own_deadline() -> None:
    def script(running: Any, connection: Any) -> None:
        while running.read_request(connection):
            time.sleep(0.3)
            connection.sendall(response(200, b"T;"))

    with peer(script) as server, glyph.Client() as client:
        with client.options(timeout=0.1), pytest.raises(glyph.DeadlineExceeded):
            client.get(server.url)
        with client.options(timeout=3):
            assert client.get(server.url) is True


# --- header injection ---------------------------------------------------------------------------


@pytest.mark.parametrize("value", BAD_VALUES)
def test_no_header_is_made_of_what_cannot_be_one(value: str) -> None:
    client = glyph.Client(Scripted())
    for name in ("Authorization", "X-Key", "Accept"):
        with pytest.raises(ValueError, match="printable"):
            glyph.Client(Scripted(), headers={name: value})
        with pytest.raises(ValueError, match="printable"):
            client.options(headers={name: value})
    for name in (value, "", "a b", "a:"):
        with pytest.raises(ValueError, match="printable"):
            client.options(headers={name: "x"})


@pytest.mark.parametrize("value", [value for value in BAD_VALUES if value != " a"])
def test_no_header_of_a_page_either(value: str) -> None:
    content = {
        "accept": Form("f", headers={"Accept": value}),
        "match": Form("f", headers={"If-Match": value}),
        "name": Form("f", headers={f"Accept{value}": "x"}),
        "envelope": Form("f", envelope=value),
        "method": Form("f", method=value),
        "type": Form("f", content_type=f"text/x{value}"),
        "link": Link("l", headers={"Accept": value}),
        "link name": Link("l", headers={value: "x"}),
        "link method": Link("l", method=value),
        "url": Form(f"http://h/{value}"),
        "link url": Link(f"//h{value}/"),
    }
    root, transport = opened(root=content)
    for name, call in root.items():
        with pytest.raises(ValueError, match=r"form|link|URL") as caught:
            call()
        assert str(caught.value).isprintable(), name
        assert repr(call).isprintable(), name
    assert len(transport.requests) == 1


@pytest.mark.parametrize("value", BAD_VALUES)
def test_no_redirect_makes_one(value: str) -> None:
    root, transport = opened(bare(303, Location=f"/x{value}"))
    with pytest.raises(glyph.RemoteError, match="not followed"):
        root.f(1)
    assert len(transport.requests) == 2


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (Form("f", content_type="text/plain"), "content type"),
        (Form("f", content_type="application/vnd.hyperglyph-seq"), "content type"),
        (Form("f", headers={"Authorization": "x"}), "not allowed"),
        (Form("f", headers={"Content-Type": "text/plain"}), "not allowed"),
        (Form("f", headers={"Method": "DELETE"}), "not allowed"),
        (Form("f", headers={"Host": "x"}), "not allowed"),
        (Form("f", method="GET", headers={"If-None-Match": "x"}), "not allowed"),
        (Form("f", method="CONNECT"), "not supported"),
        (Form("f", method="GET", envelope="form"), "does not go with GET"),
        (Form("f?x", method="GET"), "query of its own"),
        (Extension("form", {"url": "f", "headers": 3}), "headers"),
        (Extension("form", {"url": "f", "method": 3}), "method"),
        (Extension("form", {"url": "f", "values": [Input("a"), Input("a")]}), "two inputs"),
        (Extension("link", {"url": "f", "inline": 3}), "inline"),
    ],
)
def test_forms_are_checked_before_a_request(form: Extension, message: str) -> None:
    root, transport = opened(root=[form])
    with pytest.raises(ValueError, match=message):
        root[0]()
    assert len(transport.requests) == 1


# --- redirects, by method ---------------------------------------------------------------------


@pytest.mark.parametrize("status", [307, 308])
def test_a_query_form_that_has_moved(status: int) -> None:
    search = Form("search", method="GET", values=["q"], headers={"Accept": "x/y"})
    there = "http://new/search?Ou1%3Aq%3Bi1%3B%3B"
    root, transport = opened(bare(status, Location=there), page(7), root=[search])
    assert root[0](1) == 7
    first, second = transport.requests[1:]
    assert first.url == there.replace("new", "h")
    assert (second.method, second.url, second.body) == ("GET", there, None)
    assert transport.header(2, "accept") == "x/y"


def test_fragments_are_not_sent_on() -> None:
    forms = [Form("a#b", method="GET", values=["q"]), Form("a#b", method="GET")]
    root, transport = opened(page(1), page(2), root=forms)
    root[0](1)
    root[1]()
    assert transport.requests[1].url == "http://h/a?Ou1%3Aq%3Bi1%3B%3B"
    assert transport.requests[2].url == "http://h/a"


def test_conditions_do_not_follow_a_303() -> None:
    form = Form("f", headers={"If-Match": '"1"', "Accept": "x/y"})
    root, transport = opened(bare(303, Location="/g"), page(1), root=[form])
    root[0]()
    assert transport.header(1, "if-match") == '"1"'
    assert (transport.header(2, "if-match"), transport.header(2, "accept")) == (None, "x/y")


def test_long_bodies_of_redirects_are_not_waited_for() -> None:
    def endless() -> Any:
        while True:
            given.append(1)
            yield b"x" * 65536

    def cut() -> Any:
        yield b"x"
        raise glyph.TransportError("cut", phase="read", outcome="unknown")

    given: list[int] = []
    for body in (endless(), cut()):
        root, transport = opened(glyph.Response(303, [("Location", "/x")], body), page(1))
        assert root.f(1) == 1
        assert transport.closed == 3
    assert len(given) < 5


# --- sending proxies back ---------------------------------------------------------------------


def test_sending_back_what_was_received() -> None:
    default = [Link("../d")]
    root, transport = opened(
        page(1),
        page(2),
        root={
            "f": Form("f", values=["a", Input("b", value=default)]),
            "record": Resource({"l": Link("l"), "x": [Resource({}, url="y")]}, profile="P"),
            "link": Link("l", headers={"Accept": "x"}, etag="e", inline=True, content=1),
        },
    )
    root["f"](root["record"])
    sent = transport.sent(1)
    assert sent["b"] == [Link("http://h/d")]
    assert sent["a"].profile == "P"
    assert sent["a"].url is None
    assert sent["a"].content == {
        "l": Link("http://h/l"),
        "x": [Resource({}, url="http://h/y")],
    }
    root["f"](root["f"], root["link"])
    sent = transport.sent(2)
    assert sent["a"].url == "http://h/f"
    assert sent["a"].inputs[1].value == [Link("http://h/d")]
    assert sent["b"] == Link("http://h/l", headers={"Accept": "x"})


def test_reload() -> None:
    value = [ROOT, Link("l", inline=True, content=1), Link("m", headers={"Accept": "x/y"})]
    root, transport = opened(page(ROOT), page(2), page(3), root=[*value, Form("f")])
    assert glyph.reload(root[0]) == root[0]
    assert (root[1](), glyph.reload(root[1]), root[1]()) == (1, 2, 1)
    assert glyph.reload(root[2]) == 3
    assert transport.header(3, "accept") == "x/y"
    with pytest.raises(TypeError, match="reload the resource"):
        glyph.reload(root[3])
    assert len(transport.requests) == 4


# --- log --------------------------------------------------------------------------------------


def test_the_log_holds_no_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "hyperglyph.client")
    root, _ = opened(
        page(1),
        glyph.TransportError("x", phase="wait", outcome="unknown"),
        root=[Form("http://h:81/User/TOKEN/x?TOKEN", values=["a"])],
        headers={"X": "TOKEN"},
    )
    root[0]("TOKEN")
    with pytest.raises(glyph.TransportError):
        root[0]("TOKEN")
    lines = [record.getMessage() for record in caplog.records]
    starts = [
        "GET http://h:80: 200, ",
        "POST http://h:81: 200, ",
        "POST http://h:81: failed (wait, unknown), ",
    ]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
    assert "TOKEN" not in caplog.text
