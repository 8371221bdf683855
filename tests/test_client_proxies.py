"""Proxies through a client: what is in the hand, resolved, sent back; choosing a transport."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from scripted import ROOT, Scripted, opened, page

import hyperglyph as glyph
from hyperglyph.codec import Extension, Form, Link, Resource

pytestmark = pytest.mark.usefixtures("face")


def test_resources_in_the_hand() -> None:
    root, transport = opened()
    assert (root.x, root["_y"], root["@z"]) == (1, 2, 3)
    assert dir(root) == ["f", "l", "x"]
    assert list(root) == ["f", "l", "x", "_y", "@z"]
    assert (len(root), "x" in root, "q" in root, bool(root)) == (5, True, False, True)
    assert repr(root) == "<resource http://h/root/: f, l, x, _y, @z>"
    assert root.f is root.f
    with pytest.raises(AttributeError, match=r"no 'q'; there is: @z, _y, f, l, x"):
        _ = root.q
    with pytest.raises(AttributeError):
        _ = root._y
    with pytest.raises(KeyError):
        root["q"]
    with pytest.raises(AttributeError):
        root.x = 3
    assert copy.copy(root) is copy.deepcopy(root) is root
    with pytest.raises(TypeError, match="url_of"):
        pickle.dumps(root)
    assert len(transport.requests) == 1


def test_forms_in_the_hand() -> None:
    root, transport = opened()
    assert str(inspect.signature(root.f)) == "(a, b=[2])"
    assert root.f.__name__ == "f"
    assert repr(root.f) == "<form f(a, b=[2]) http://h/root/f>"
    assert repr(root.l) == "<link l() http://h/root/l>"
    assert callable(root.f)
    calls: list[Callable[[], Any]] = [
        lambda: root.f(),
        lambda: root.f(1, 2, 3),
        lambda: root.f(1, c=1),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=r"^f\(\)"):
            call()
    assert len(transport.requests) == 1


def test_functions_about_proxies() -> None:
    root, transport = opened(page(ROOT))
    assert glyph.url_of(root) == "http://h/root/"
    assert set(glyph.content_of(root)) == {"f", "l", "x", "_y", "@z"}
    assert repr(glyph.client_of(root.f)).endswith(" over scripted>")
    assert glyph.content_of(root.f) is None
    again = glyph.reload(root)
    assert transport.requests[1].url == "http://h/root/"
    assert again == root
    assert hash(again) == hash(root)
    assert again.f == root.f
    assert root.f != root.l
    assert root != 3
    for function in (glyph.url_of, glyph.content_of, glyph.client_of, glyph.reload):
        with pytest.raises(TypeError, match="not something from a page"):
            function(3)


def test_records_have_no_url() -> None:
    record = Resource({"a": 1, "f": Form("f")})
    (one, two, three), _ = opened(root=[record, record, Resource({"a": 2})])
    assert (one.a, repr(one)) == (1, "<record: a=1, f()>")
    assert one == two
    assert one != three
    assert glyph.url_of(one.f) == "http://h/f"
    for function in (glyph.url_of, glyph.reload):
        with pytest.raises(ValueError, match="no URL"):
            function(one)
    with pytest.raises(TypeError, match="record"):
        hash(one)


def test_references_resolve_against_what_encloses_them() -> None:
    value = {
        "own": Resource({"in": Resource({"f": Form("x")}, url="b/")}, url="a/"),
        "opaque": Extension("opaque", {"url": "/o/"}, [Link("x"), {"d": Link("")}]),
        "plain": [[{"k": Link("y")}]],
        "other": Form("http://other/z"),
    }
    root, _ = opened(root=value)
    assert glyph.url_of(root["own"]["in"]["f"]) == "http://h/a/b/x"
    assert glyph.url_of(root["opaque"].content[0]) == "http://h/o/x"
    assert glyph.url_of(root["opaque"].content[1]["d"]) == "http://h/o/"
    assert root["opaque"].attributes == {"url": "/o/"}
    assert glyph.url_of(root["plain"][0][0]["k"]) == "http://h/y"
    assert glyph.url_of(root["other"]) == "http://other/z"


def test_one_bad_extension_does_not_lose_the_page() -> None:
    wire = Extension("resource", {}, {})
    bad = {
        "form": Extension("form", {"url": 3}),
        "values": Extension("form", {"url": "x", "values": 3}),
        "link": Extension("link", {"url": 3}),
        "resource": Extension("resource", {"url": "x"}, 3),
        "good": wire,
    }
    root, transport = opened(page(1), root=bad)
    assert "broken" in repr(root["form"]) + repr(root["link"])
    uses: list[Callable[[], Any]] = [
        lambda: root["form"](),
        lambda: root["values"](),
        lambda: root["link"](),
        lambda: root["resource"].x,
    ]
    for use in uses:
        with pytest.raises(ValueError, match="not"):
            use()
    assert len(transport.requests) == 1
    assert repr(root["good"]) == "<record: >"


def test_sending_proxies_back() -> None:
    root, transport = opened(page(1), root=ROOT)
    assert root.f([root, root.f, root.l]) == 1
    sent = transport.requests[1].body
    assert isinstance(sent, bytes)
    resource, form, link = __import__("hyperglyph.codec").codec.decode(transport.requests[1].body)[
        "a"
    ]
    assert (resource.url, form.url, link.url) == (
        "http://h/root/",
        "http://h/root/f",
        "http://h/root/l",
    )


def test_choosing_a_transport(service_url: str) -> None:
    with pytest.raises(ValueError, match="no transport 'carrier pigeon'"):
        glyph.Client("carrier pigeon")
    with glyph.Client("httpx") as client:
        assert repr(client).endswith(" over httpx>")
        assert client.get(service_url).add(1) == 2


def test_urls_are_checked_before_anything_is_sent() -> None:
    transport = Scripted()
    for url in ("", "x", "ftp://x/", "http://ü/"):
        with pytest.raises(ValueError, match="the URL"):
            glyph.Client(transport).get(url)
    assert transport.requests == []
