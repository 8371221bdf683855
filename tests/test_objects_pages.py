"""What appears on a page: each row of the table of the design, as data and through a client."""

from __future__ import annotations

import functools
import io
import logging
from typing import Any

import pytest
from http_peers import MEDIA_TYPE
from object_help import (
    PARTIAL,
    User,
    ask,
    hello,
    local,
    message,
    now,
    page,
    page_of,
    returning,
    search,
    serve,
    value,
)

import hyperglyph as glyph
from hyperglyph.codec import Form, Link, Resource

# --- the rows -----------------------------------------------------------------------------------


def test_the_page_of_an_instance() -> None:
    router = serve(User)
    found = page_of(router, "User", id=7)
    assert set(found.attributes) == {"url", "name", "profile"}
    assert found.url is not None
    assert found.url.startswith("/User/")
    assert (found.label, found.profile) == ("User", "User")
    assert found.content == {
        "id": 7,
        "name": "bob",
        "initial": "b",
        "message": Form("message", values=["subject", "body"]),
        "bio": Link("bio"),
        "posts": Form("posts", method="GET", values=[glyph.Input("page", value=1)]),
        "badge": Link("badge", inline=True, content={"rank": 7}),
        "friend": Form("friend"),
    }


def test_forms_links_and_embedded_answers_work() -> None:
    user = local(serve(User)).User(7)
    assert user.message("lol", "x") == [7, "lol", "x"]
    assert user.bio() == "bio of bob"
    assert user.posts() == [7, 1]
    assert user.posts(page=3) == [7, 3]
    assert user.badge() == {"rank": 7}
    assert user.friend().name == "eve"
    assert user.friend().friend().id == 9


def test_the_root_page() -> None:
    root = value(ask(serve(User, hello, now, search), "GET", "/"))
    assert root.content == {
        "User": Form("User", values=["id", glyph.Input("name", value="bob")]),
        "hello": Form("hello", values=[glyph.Input("name", value="World")]),
        "now": Link("now"),
        "search": Form("search", method="GET", values=["text"]),
    }
    server = local(serve(User, hello, now, search))
    assert (server.now(), server.search("a b+c&ä")) == ("now", ["a b+c&ä"])


def test_statuses_of_results() -> None:
    router = serve(User, now)
    created = ask(router, "POST", "/User", {"id": 1})
    assert (created.status, b"".join(created.body)) == (303, b"")
    url = created.header("location")
    assert url is not None
    moved = ask(router, "POST", f"{url}friend")
    assert moved.status == 303
    assert value(ask(router, "GET", moved.header("location") or "")).content["name"] == "eve"
    for path in (url, f"{url}bio", "/now", "/"):
        answer = ask(router, "GET", path)
        assert answer.header("vary") == "Accept, Accept-Encoding, Authorization"
        assert answer.header("cache-control") == "private, no-cache"
        head = ask(router, "HEAD", path)
        assert (head.status, head.header("content-length")) == (
            200,
            answer.header("content-length"),
        )
        assert b"".join(head.body) == b""


def test_redirects_of_every_kind() -> None:
    results: dict[str, Any] = {
        "instance": User(1),
        "link": glyph.link("http://elsewhere/a"),
        "to": glyph.link(User(1)),
        "page": Resource({}, url="/x"),
        "plain": 3,
        "record": glyph.error("e"),
        "form": glyph.form("http://elsewhere/a"),
    }

    @glyph.redirect()
    def go(key: str) -> Any:
        return results[key]

    @glyph.redirect
    @glyph.safe
    def follow() -> Any:
        return User(2)

    router = serve(User, go, follow)
    user = page_of(router, "User", id=1).url
    for key, expected in {
        "instance": user, "link": "http://elsewhere/a", "to": user, "page": "/x",
        "plain": None, "record": None, "form": None,
    }.items():  # fmt: skip
        answer = ask(router, "POST", "/go", {"key": key})
        assert (answer.status, answer.header("location")) == (
            (200, None) if expected is None else (303, expected)
        ), key
    assert local(router).follow().id == 2
    assert ask(router, "GET", "/follow").header("cache-control") == "private, no-cache"
    for bad in ("/a b", "/\r\nX: y", "/ä"):
        results["bad"] = glyph.link(bad)
        assert ask(router, "POST", "/go", {"key": "bad"}).status == 500


@pytest.mark.parametrize("mount", ["", "/a", "/a b/c"])
def test_mount_prefixes(mount: str) -> None:
    router = serve(User, hello)
    router.add(lambda: [User(1), User(2), hello, User(3).bio, glyph.link(User(4))], name="all")
    for target in (router, router.wsgi):
        root = glyph.Client(glyph.LocalTransport(target, mount=mount)).get(
            f"http://localhost{mount.replace(' ', '%20')}/"
        )
        one, two, function, bio, link = root.all()
        assert (one.bio(), two.message(1, 2), function()) == (
            "bio of bob",
            [2, 1, 2],
            "Hello World",
        )
        assert (bio(), link().id, root.User(5).friend().id) == ("bio of bob", 4, 6)
        assert glyph.url_of(two).startswith(glyph.url_of(root) + "User/")


def test_functions_classes_and_bound_methods_as_values() -> None:
    user = User(7)
    router = serve(User, hello, now)
    router.add(lambda: [hello, now, User, user.message, user.bio], name="f")
    url = page_of(router, "User", id=7).url
    assert page(router) == [
        Form("/hello", values=[glyph.Input("name", value="World")]),
        Link("/now"),
        Form("/User", values=["id", glyph.Input("name", value="bob")]),
        Form(f"{url}message", values=["subject", "body"]),
        Link(f"{url}bio"),
    ]
    function, _, make, send, bio = local(router).f()
    assert (function(), make(1).id, send("a", "b"), bio()) == (
        "Hello World", 1, [7, "a", "b"], "bio of bob",
    )  # fmt: skip


def test_links_and_forms_instead_of_pages() -> None:
    user = User(7)
    router = serve(User, hello, now, search)
    router.add(
        lambda: [
            glyph.link(user), glyph.link(user.bio), glyph.form(user.bio), glyph.link(now),
            glyph.form(hello), glyph.form(User), glyph.link(user.posts),
            glyph.link("http://elsewhere/"), glyph.form("http://elsewhere/f", ["a"]),
        ],
        name="f",
    )  # fmt: skip
    url = page_of(router, "User", id=7).url or ""
    found = page(router)
    assert found[:4] == [
        Link(url),
        Link(f"{url}bio"),
        Form(f"{url}bio", method="GET"),
        Link("/now"),
    ]
    assert found[4].url == "/hello"
    assert found[5].url == "/User"
    assert found[6] == Link(f"{url}posts")
    assert found[7:] == [Link("http://elsewhere/"), Form("http://elsewhere/f", values=["a"])]
    links = local(router).f()
    assert links[0]().id == 7
    assert links[1]() == links[2]() == "bio of bob"


def test_nested_pages() -> None:
    class Team:
        def __init__(self, id: int) -> None:
            self.id = id
            self.lead = User(id, "lead")
            self.members = {"a": [User(1), User(2)]}

        @glyph.embed
        def best(self) -> User:
            return User(9, "best")

    team = local(serve(User, Team)).Team(5)
    assert team.lead.bio() == "bio of lead"
    assert [member.posts() for member in team.members["a"]] == [[1, 1], [2, 1]]
    assert team.best().bio() == "bio of best"
    assert team.best().badge() == {"rank": 9}


def test_an_object_that_holds_itself(caplog: pytest.LogCaptureFixture) -> None:
    class Node:
        def __init__(self) -> None:
            self.next: Any = self

    assert ask(serve(Node), "POST", "/Node").status == 303
    answer = ask(router := serve(Node), "POST", "/Node")
    assert ask(router, "GET", answer.header("location") or "").status == 500
    assert "the value contains itself" in caplog.text


# --- partial resources ----------------------------------------------------------------------------


def test_partial_resources_are_sent_only_to_who_asks() -> None:
    router = returning(lambda: [User(1), {"x": User(2)}, User(3)])
    router.add(User)
    router.add(hello)
    accepts = (
        None, MEDIA_TYPE, "*/*", f"{MEDIA_TYPE};partial=0", f"{MEDIA_TYPE};partial=1;q=0",
        "text/plain;partial=1",
    )  # fmt: skip
    for accept in accepts:
        found = page(router, **({} if accept is None else {"Accept": accept}))
        assert [u.partial for u in (found[0], found[1]["x"], found[2])] == [False] * 3
        assert found[2].content.keys() == found[0].content.keys()
    for accept in (PARTIAL, f"text/html, {MEDIA_TYPE}; PARTIAL=1"):
        first, second, third = page(router, Accept=accept)
        assert (first.partial, second["x"].partial, third.partial) == (False, True, True)
        assert set(third.attributes) == {"url", "profile", "partial"}
        # Data and what is inlined; never forms, nor links without content.
        assert third.content == {
            "id": 3,
            "name": "bob",
            "initial": "b",
            "badge": Link("badge", inline=True, content={"rank": 3}),
        }


def test_the_first_of_each_profile_is_whole() -> None:
    class Other:
        def f(self) -> None: ...

    router = returning(lambda: [User(1), Other(), Other(), User(2), Other()])
    router.add(User)
    router.add(Other)
    found = page(router, Accept=PARTIAL)
    assert [each.partial for each in found] == [False, False, True, True, True]
    assert [u.message("a", "b")[0] for u in local(router).f() if "id" in u] == [1, 2]


def test_a_listing_costs_little() -> None:
    router = returning(lambda: [User(n) for n in range(1000)])
    router.add(User)
    whole = len(b"".join(ask(router, "POST", "/f").body))
    partial = len(b"".join(ask(router, "POST", "/f", Accept=PARTIAL).body))
    assert partial < whole / 2


# --- what goes wrong in a page --------------------------------------------------------------------


def test_a_property_that_raises_makes_the_page_a_500(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        fails: type[Exception] = ValueError

        @property
        def bad(self) -> None:
            raise self.fails("secret")

    Broken.__annotations__.clear()
    for fails in (ValueError, AttributeError, glyph.NotFound):
        Broken.fails = fails
        router = glyph.Router()
        router.add(glyph.hidden("fails")(Broken))
        caplog.clear()
        answer = ask(router, "GET", ask(router, "POST", "/Broken").header("location") or "")
        assert (answer.status, message(answer)) == (500, "internal error")
        assert f"Broken.bad raised {fails.__name__} in a page" in caplog.text


def test_a_page_that_needs_another_service_is_a_502() -> None:
    class Mirror:
        @property
        def other(self) -> None:
            raise glyph.TransportError("x", phase="connect", outcome="not done")

    router = serve(Mirror)
    url = ask(router, "POST", "/Mirror").header("location") or ""
    assert ask(router, "GET", url).status == 502


def test_an_embedded_method_that_raises_leaves_a_link(caplog: pytest.LogCaptureFixture) -> None:
    class Shy:
        def __init__(self, n: int) -> None:
            self.n = n

        @glyph.embed
        def weather(self) -> str:
            if self.n:
                raise RuntimeError("unknown")
            return "fine"

    router = serve(Shy)
    with caplog.at_level(logging.WARNING, "hyperglyph.server"):
        content = page_of(router, "Shy", n=1).content
    assert content["weather"] == Link("weather")
    assert "Shy.weather could not be embedded" in caplog.text
    router.add(lambda: [Shy(0), Shy(1)], name="both")
    assert [each.content["weather"] for each in page(router, "both", Accept=PARTIAL)] == [
        Link("weather", inline=True, content="fine"),
        Link("weather"),
    ]


def test_an_attribute_with_the_name_of_a_method(caplog: pytest.LogCaptureFixture) -> None:
    class Shadow:
        def __init__(self) -> None:
            vars(self)["f"] = 3

        def f(self) -> int:
            return 1

    router = serve(Shadow)
    url = ask(router, "POST", "/Shadow").header("location") or ""
    assert ask(router, "GET", url).status == 500
    assert "f is a method and an attribute" in caplog.text
    # Dispatch goes to the function that was registered, whatever the instance has there.
    assert value(ask(router, "POST", f"{url}f")) == 1


def test_slots_that_are_not_set() -> None:
    class Sparse:
        __slots__ = ("a", "b")

        def __init__(self, a: int) -> None:
            self.a = a

    assert page_of(serve(Sparse), "Sparse", a=1).content == {"a": 1}


def test_what_is_computed_once_stays_in_its_place() -> None:

    class Cached:
        def __init__(self, a: int) -> None:
            self.a = a

        @functools.cached_property
        def b(self) -> int:
            return 2

        @property
        def c(self) -> int:
            return self.b

    cached = Cached(1)
    router = returning(lambda: cached)
    router.add(Cached)
    pages = {b"".join(ask(router, "POST", "/f").body) for _ in range(3)}
    assert len(pages) == 1


# --- methods, names, context ----------------------------------------------------------------------


def test_methods_not_allowed() -> None:
    router = serve(User, hello, now)
    url = page_of(router, "User", id=1).url or ""
    cases = {
        ("GET", "/hello"): "POST",
        ("GET", "/User"): "POST",
        ("GET", f"{url}message"): "POST",
        ("PUT", f"{url}message"): "POST",
        ("POST", url): "GET, HEAD",
        ("POST", "/"): "GET, HEAD",
        ("DELETE", url): "GET, HEAD",
        ("PUT", "/now"): "GET, HEAD, POST",
        ("OPTIONS", f"{url}bio"): "GET, HEAD, POST",
    }
    for (method, path), allow in cases.items():
        answer = ask(router, method, path)
        assert (answer.status, answer.header("allow")) == (405, allow), (method, path)


def test_safe_methods_answer_post_too() -> None:
    """For forms that were held when the method became safe."""
    router = serve(User, now)
    url = page_of(router, "User", id=1).url
    assert value(ask(router, "POST", f"{url}posts", {"page": 2})) == [1, 2]
    assert value(ask(router, "POST", "/now")) == "now"


@pytest.mark.parametrize("query", ["x", "%", "i1;", "Du1:a;i1;;", "D;D;", "Du4:text;"])
def test_queries_that_do_not_bind(query: str) -> None:
    assert ask(serve(search), "GET", f"/search?{query}").status == 400


@pytest.mark.parametrize(
    "path",
    ["/User/", "/User//", "/hello/", "/hello/x/", "/User/x", "/x", "/User/x/y/", "/User/x/y/z",
     "/Nobody/x/", "hello"],
)  # fmt: skip
def test_what_is_not_there(path: str) -> None:
    assert ask(serve(User, hello), "GET", path).status in (400, 404)


def test_the_context_reaches_constructors_methods_and_pages() -> None:
    routes: list[str] = []

    class Seen:
        def __init__(self) -> None:
            routes.append(glyph.context().route)

        @property
        def where(self) -> str:
            return glyph.context().route

        @glyph.safe
        def look(self) -> str:
            return glyph.context().route

    seen = local(serve(Seen)).Seen()
    assert routes == ["/Seen", "/Seen/*/"]
    assert (seen.where, seen.look()) == ("/Seen/*/", "/Seen/*/look")


def test_tokens_stay_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        def f(self) -> None:
            raise RuntimeError

    router = serve(User, Failing)
    with caplog.at_level(logging.DEBUG, "hyperglyph.server"):
        for name in ("User", "Failing"):
            url = ask(router, "POST", f"/{name}", {"id": 1} if name == "User" else {})
            token = (url.header("location") or "").split("/")[2]
            for tail in ("", "f", "bio", "posts?Du4:page;i2;;"):
                ask(router, "GET", f"/{name}/{token}/{tail}")
                ask(router, "POST", f"/{name}/{token}/{tail}")
            assert token not in caplog.text
    assert "/Failing/*/f failed" in caplog.text
    assert "page;i2" not in caplog.text


def test_the_log_says_how_a_file_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    answer = ask(returning(lambda: io.BytesIO()), "POST", "/f")
    assert answer.status == 500
    assert "return hyperglyph.blob(it, content_type)" in caplog.text
