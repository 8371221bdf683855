"""`Client(bytes_as_text=True)`: results of the Python server of 2012, where text may be bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
from http_peers import MEDIA_TYPE
from scripted import Scripted, opened, page

import hyperglyph as glyph
from hyperglyph.codec import Extension, Form, Link, Resource, encode
from hyperglyph.transport.http.messages import Response

pytestmark = pytest.mark.usefixtures("face")


def received(value: Any, **options: Any) -> Any:
    """What a client gets for a value."""
    return glyph.Client(Scripted(page(value)), **options).get("http://h/")


RESULTS: list[tuple[Any, Any]] = [
    (b"caf\xc3\xa9", "caf\u00e9"),
    (b"", ""),
    (b"\xff\x00", b"\xff\x00"),
    ("text", "text"),
    ([b"a", [b"b", b"\xff"], None, 1], ["a", ["b", b"\xff"], None, 1]),
    ({b"a": b"b", 1: {b"c": b"d"}}, {"a": "b", 1: {"c": "d"}}),
    (OrderedDict([(b"z", b"1"), (b"a", b"2")]), OrderedDict([("z", "1"), ("a", "2")])),
    ({b"a", b"\xff", 1}, {"a", b"\xff", 1}),
    ({(b"a", (b"b", frozenset([b"c"]))): 1}, {("a", ("b", frozenset(["c"]))): 1}),
    # Nothing may be lost: what would become one key stays two.
    ({b"a": b"1", "a": b"2"}, {b"a": "1", "a": "2"}),
    ({b"a", "a"}, {b"a", "a"}),
    ({frozenset([b"a", "a"]): b"x"}, {frozenset([b"a", "a"]): "x"}),
]


@pytest.mark.parametrize(("sent", "expected"), RESULTS)
def test_results(sent: Any, expected: Any) -> None:
    found = received(sent, bytes_as_text=True)
    assert found == expected
    assert type(found) is type(expected)
    assert received(sent) == sent


def test_order_is_kept() -> None:
    found = received(OrderedDict([(b"z", 1), ("m", 2), (b"a", 3)]), bytes_as_text=True)
    assert list(found) == ["z", "m", "a"]


def test_depth_is_that_of_the_codec_alone() -> None:
    deep = b"L" * 400 + b"b4:deep;" + b";" * 400
    answer = Response(200, [("Content-Type", MEDIA_TYPE)], (b"LD%bi1;;%b;" % (deep, deep),))
    client = glyph.Client(Scripted(answer), bytes_as_text=True, limits=glyph.Limits(depth=500))
    found = client.get("http://h/")
    key, value = next(iter(found[0])), found[1]
    for _ in range(400):
        (key,), (value,) = key, value
    assert key == value == "deep"


def test_inside_resources_links_and_unknown_extensions() -> None:
    root = Resource.from_wire(
        "resource",
        {"url": "http://h/root/"},
        {
            b"name": b"bob",
            b"bio": Link("bio", inline=True, content=[b"Likes HTTP."]),
            "other": Extension("x", {"a": b"kept"}, {b"k": b"v"}),
            b"say": Form("say", values=["word"]),
        },
    )
    found, transport = opened(page(b"said"), root=root, bytes_as_text=True)
    assert found.name == "bob"
    assert found.bio() == ["Likes HTTP."]
    assert found.other.content == {"k": "v"}
    assert found.other.attributes == {"a": b"kept"}
    assert found.say("word") == "said"
    assert transport.sent(1) == {"word": "word"}


def test_bodies_of_other_types_stay_bytes() -> None:
    body = Response(200, [("Content-Type", "text/plain")], (b"text",))
    with glyph.Client(Scripted(body), bytes_as_text=True).get("http://h/") as blob:
        assert blob.read() == b"text"


def test_blobs_in_a_message_stay_bytes() -> None:
    message = encode([b"text", glyph.blob(b"content", "a/b")])
    answer = Response(200, [("Content-Type", MEDIA_TYPE)], (message,))
    text, blob = glyph.Client(Scripted(answer), bytes_as_text=True).get("http://h/")
    with blob:
        assert (text, blob.read()) == ("text", b"content")
