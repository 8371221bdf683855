"""Objects that have moved to another service: 307, and what callers notice of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from object_help import ask, message, serve

import hyperglyph as glyph

SECRET = "the same in both services"


@attrs.define
class Pair:
    """Two services with the same classes, over real HTTP. What is in `moved` is at `new`."""

    old: glyph.Server
    new: glyph.Server
    moved: set[str]


def router(served: str, moved: set[str], elsewhere: str | None) -> glyph.Router:
    made = glyph.Router(secret=SECRET)

    @made.add()
    class Counter(glyph.Resource):
        def __init__(self, name: str) -> None:
            self.name = name
            if elsewhere is not None and name in moved:
                raise glyph.Moved(elsewhere)

        def add(self, a: int, b: int = 1) -> list[Any]:
            return [served, self.name, a + b]

        @glyph.safe()
        def where(self) -> str:
            return served

        @glyph.safe()
        def find(self, text: str) -> list[str]:
            return [served, text]

    def name_of(counter: Any) -> str:
        assert isinstance(counter, Counter)
        return counter.name

    name_of.__annotations__["counter"] = Counter  # a local class, which no text can name
    made.add(name_of)
    return made


@pytest.fixture
def pair(no_leaks: None) -> Iterator[Pair]:
    moved = set[str]()
    with (
        glyph.Server(router("new", moved, None)) as new,
        glyph.Server(router("old", moved, new.url)) as old,
    ):
        yield Pair(old, new, moved)


def test_held_references_go_on_working(pair: Pair) -> None:
    with glyph.Client(origins=[pair.old.url, pair.new.url]) as client:
        root = client.get(pair.old.url)
        held = root.Counter("a ø/?%")
        stays = root.Counter("stays")
        add, find = held.add, held.find
        assert [held.add(1), held.where(), find("x y&z=ø")] == [
            ["old", "a ø/?%", 2],
            "old",
            ["old", "x y&z=ø"],
        ]
        pair.moved.add("a ø/?%")
        assert held.add(1, b=5) == ["new", "a ø/?%", 6]
        assert add(2) == ["new", "a ø/?%", 3]
        assert held.where() == "new"
        assert find("x y&z=ø") == ["new", "x y&z=ø"]
        # What comes anew leads to the new place, without the way over the old.
        for anew in (glyph.reload(held), root.Counter("a ø/?%"), client.get(glyph.url_of(held))):
            assert glyph.url_of(anew).startswith(pair.new.url)
            assert anew.name == "a ø/?%"
        assert stays.add(1) == ["old", "stays", 2]
        assert glyph.url_of(glyph.reload(stays)).startswith(pair.old.url)


def test_arguments_go_to_no_origin_that_is_not_listed(pair: Pair) -> None:
    with glyph.Client() as client:
        held = client.get(pair.old.url).Counter("a")
        pair.moved.add("a")
        with pytest.raises(glyph.RemoteError, match="to an origin not listed") as caught:
            held.add(1)
        assert f"Client(origins=['{pair.new.url[:-1]}', ...])" in str(caught.value)
        assert caught.value.status == 307
        assert held.where() == "new"  # nothing goes along with it


def test_an_argument_that_has_moved_is_no_call_that_has(pair: Pair) -> None:
    with glyph.Client(origins=[pair.old.url, pair.new.url]) as client:
        root = client.get(pair.old.url)
        held = root.Counter("a")
        assert root.name_of(held) == "a"
        pair.moved.add("a")
        with pytest.raises(glyph.BadRequest, match=f"'counter' .* moved to {pair.new.url}"):
            root.name_of(held)
        assert client.get(pair.new.url).name_of(glyph.reload(held)) == "a"


def test_a_function_and_the_root_page_may_move() -> None:
    def f(x: int) -> None:
        raise glyph.Moved("http://other.example:8000/app/")

    class Home(glyph.Resource):
        def __init__(self) -> None:
            raise glyph.Moved("http://other.example:8000/app")

    r = serve(f)
    r.default(Home)
    for method, url, target in (
        ("POST", "/mount/f", "http://other.example:8000/app/f"),
        ("GET", "/mount/", "http://other.example:8000/app/"),
        ("GET", "/mount/?a=b%20c", "http://other.example:8000/app/?a=b%20c"),
    ):
        response = ask(r, method, url, {"x": 1}, mount="/mount")
        assert (response.status, response.header("location")) == (307, target)
        assert (response.header("cache-control") is not None) == (method == "GET")


def test_moved_inside_a_page_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    class Home(glyph.Resource):
        @property
        def x(self) -> None:
            raise glyph.Moved("http://other.example/")

    r = serve()
    r.default(Home)
    response = ask(r, "GET", "/")
    assert (response.status, message(response)) == (500, "internal error")
    assert "Home.x raised Moved in a page" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/b",
        "other.example",
        "ftp://a/",
        "http://a/?",
        "http://a/?b",
        "http://a/#",
        "http://a b/",
    ],
)
def test_the_url_is_checked(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        glyph.Moved(url)
