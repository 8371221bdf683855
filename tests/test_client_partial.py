"""Partial resources on the client: what they take from the first of their kind, and what they
fetch. Standard, section 20.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scripted import opened, page

import hyperglyph as glyph
from hyperglyph.codec import Extension, Form, Link, Resource

pytestmark = pytest.mark.usefixtures("face")

FULL = Resource(
    {
        "name": "first",
        "only": "in the first",
        "message": Form("message", values=["text"]),
        "bio": Link("bio"),
        "card": Link("card", inline=True, content="the first's own"),
        "nil": Link("nil", inline=True),
        "cached": Link("cached", content="the first's own"),
    },
    url="/User/1/",
    profile="User",
)


def partial(number: int, content: dict[str, Any] | None = None, **attributes: Any) -> Extension:
    given = {"url": f"/User/{number}/", "profile": "User", "partial": True, **attributes}
    return Resource.from_wire("resource", given, content or {"name": f"u{number}"})


def test_forms_and_links_come_from_the_first_of_the_kind() -> None:
    (first, second), transport = opened(page(1), page(2), root=[FULL, partial(2)])
    assert (first.name, second.name) == ("first", "u2")
    assert second.message("hi") == 1
    assert second.bio() == 2
    assert [request.url for request in transport.requests[1:]] == [
        "http://h/User/2/message",
        "http://h/User/2/bio",
    ]
    assert dir(second) == ["bio", "message", "name"]
    assert list(second) == ["name", "message", "bio"]
    assert set(glyph.content_of(second)) == {"name", "message", "bio"}
    assert "message" in second
    assert ">bio</th>" in second._repr_html_()
    assert second.message.__name__ == "message"
    assert first.message != second.message


def test_other_names_are_fetched_once() -> None:
    whole = Resource({"only": 5, "name": "new", "more": 6, "in": Form("f")}, url="/User/2/")
    (_, second), transport = opened(page(whole), page(1), root=[FULL, partial(2)])
    assert second.only == 5
    assert second.more == 6
    assert second["in"]() == 1
    assert second.name == "u2"  # what was there stays
    assert [request.url for request in transport.requests[1:]] == [
        "http://h/User/2/",
        "http://h/User/2/f",
    ]
    uses: list[Callable[[], Any]] = [lambda: second.nothing, lambda: second.card]
    for use in uses:
        with pytest.raises(AttributeError, match="there is: bio, in, message, more, name, only"):
            use()
    with pytest.raises(KeyError):
        second["nothing"]
    assert dir(second) == ["bio", "in", "message", "more", "name", "only"]
    assert len(transport.requests) == 3


def test_content_of_links_is_never_taken_from_another() -> None:
    for name in ("card", "nil", "cached", "only"):
        (_, second), transport = opened(page(Resource({name: 7})), root=[FULL, partial(2)])
        assert name not in second
        assert second[name] == 7
        assert len(transport.requests) == 2


def test_what_never_fetches() -> None:
    (_, second), transport = opened(root=[FULL, partial(2)])
    looks: list[Callable[[], Any]] = [
        lambda: repr(second), lambda: dir(second), lambda: list(second), lambda: "only" in second,
        lambda: hash(second), lambda: second == partial, lambda: second._repr_html_(),
        lambda: glyph.content_of(second), lambda: glyph.url_of(second), lambda: bool(second),
        lambda: hasattr(second, "_repr_png_"), lambda: hasattr(second, "__array__"),
    ]  # fmt: skip
    for look in looks:
        look()
    assert len(transport.requests) == 1


def test_whole_resources_never_fetch() -> None:
    (first, *_), transport = opened(root=[FULL, partial(2)])
    with pytest.raises(AttributeError):
        _ = first.nothing
    with pytest.raises(KeyError):
        first["nothing"]
    assert len(transport.requests) == 1


def test_when_what_is_there_has_changed() -> None:
    gone = glyph.TransportError("x", phase="connect", outcome="not done")
    later = Resource({"only": 1})
    (_, second), _ = opened(page("text"), gone, page(later), root=[FULL, partial(2)])
    with pytest.raises(ValueError, match="http://h/User/2/ is not a resource any more"):
        _ = second.only
    with pytest.raises(glyph.TransportError):
        _ = second.only
    assert second.only == 1  # a failure is not remembered
    # A server that sends a partial one where a whole one was asked for is asked no further.
    (_, second), transport = opened(page(partial(2)), root=[FULL, partial(2)])
    with pytest.raises(AttributeError):
        _ = second.only
    assert len(transport.requests) == 2


def test_kinds_are_not_mixed() -> None:
    other = Resource({"o": Form("o")}, url="/Other/1/", profile="Other")
    values = [
        partial(9),  # before the first of its kind: the order is the server's business
        other,
        {"deep": [Resource({"inner": FULL}, url="/box/")]},
        partial(2),
        partial(3, profile="Other"),
        partial(4, profile="Unknown"),
        partial(5, profile=None),
        partial(6, profile=7),
        partial(7, url=None),
    ]
    proxies, transport = opened(root=values)
    offered = [sorted(set(proxies[index]) - {"name"}) for index in (0, 3, 4, 5, 6, 7)]
    assert offered == [["bio", "message"], ["bio", "message"], ["o"], [], [], []]
    assert glyph.url_of(proxies[4].o) == "http://h/User/3/o"
    with pytest.raises(AttributeError, match="the record has no 'q'"):  # no URL to ask at
        _ = proxies[8].q
    assert len(transport.requests) == 1


def test_own_members_come_first() -> None:
    own = partial(2, {"message": "mine", "bio": Link("other")})
    (_, second), _ = opened(root=[FULL, own])
    assert second.message == "mine"
    assert glyph.url_of(second.bio) == "http://h/User/2/other"


def test_broken_ones_do_not_lose_the_page() -> None:
    values = [
        Resource.from_wire("resource", {"profile": "User", "url": "x"}, 3),
        partial(2),
        Resource.from_wire("resource", {"url": "x", "partial": True, "profile": "User"}, 3),
        "good",
    ]
    proxies, _ = opened(root=values)
    assert proxies[3] == "good"
    assert list(proxies[1]) == ["name"]
    assert "broken" in repr(proxies[2])


def test_sending_a_partial_one_back() -> None:
    (first, second), transport = opened(page(1), root=[FULL, partial(2)])
    first.message([second, second.message])
    sent = transport.sent(1)["text"]
    assert sent[0] == Resource({}, url="http://h/User/2/", profile="User")
    assert sent[1].url == "http://h/User/2/message"


def test_a_long_listing_is_one_request() -> None:
    users, transport = opened(root=[FULL, *map(partial, range(2, 1001))])
    assert [user.name for user in users[1:]] == [f"u{number}" for number in range(2, 1001)]
    assert {glyph.url_of(user.message) for user in users} == {
        f"http://h/User/{number}/message" for number in range(1, 1001)
    }
    assert len(transport.requests) == 1
