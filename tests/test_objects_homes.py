"""`__glyph_home__`: instances of one class at several services, and moved between them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from object_help import PARTIAL, ask, local, message, page_of, serve, value

import hyperglyph as glyph
from hyperglyph.codec import Link, Resource

SECRET = "the one of both services, and long enough"
THERE = "http://there.example/below"

#: Where each of the two services of a test thinks that a user lives; changed to move one.
homes: dict[int, dict[int, str]] = {}


class User(glyph.Resource):
    """As it is at both services. Each has a subclass with its own number."""

    service = -1

    def __init__(self, id: int, tag: str = "t") -> None:
        self.id = id
        self.tag = tag

    @classmethod
    def __glyph_home__(cls, state: Mapping[str, Any]) -> str | None:
        return homes[cls.service].get(state["id"])

    def message(self, text: str) -> list[Any]:
        return [self.service, self.id, text]

    def size_of(self, file: Any) -> list[int]:
        return [self.service, len(file.read())]

    @glyph.safe
    def bio(self) -> str:
        return f"{self.id} at {self.service}"

    @glyph.safe
    def find(self, text: str, limit: int = 3) -> list[Any]:
        return [self.service, self.id, text, limit]

    @glyph.safe
    def several(self, ids: list[int]) -> list[User]:
        return [type(self)(number) for number in ids]

    @glyph.safe
    def next(self) -> User:
        return type(self)(self.id + 1)

    def meet(self, other: User) -> Any:
        return other.id if isinstance(other, User) else other


def service(number: int, **options: Any) -> glyph.Router:
    """A service with its own class `User`."""
    cls: Any = type("User", (User,), {"service": number})

    def user(id: int) -> Any:
        return cls(id)

    @glyph.redirect
    def redirected(id: int) -> Any:
        return cls(id)

    def method(id: int) -> Any:
        return [cls(id).message, glyph.link(cls(id)), glyph.form(cls(id).find)]

    return serve(cls, user, redirected, method, **{"secret": SECRET, **options})


@pytest.fixture(autouse=True)
def _nobody_has_moved() -> None:
    homes.clear()
    homes.update({0: {}, 1: {}})


@pytest.fixture
def pair(serve: Callable[..., str]) -> tuple[str, str]:
    """The URLs of two services over sockets: odd users live at the second."""
    first, second = serve(router=service(0)), serve(router=service(1))
    homes[0].update(dict.fromkeys(range(1, 20, 2), second))
    homes[1].update(dict.fromkeys(range(0, 20, 2), first))
    return first, second


@pytest.fixture
def both(pair: tuple[str, str], no_leaks: None) -> Any:
    with glyph.Client(origins=pair) as client:
        yield client.get(pair[0])


def test_results_lead_to_where_the_instance_lives(both: Any, pair: tuple[str, str]) -> None:
    for number in range(4):
        home = pair[number % 2]
        for found in (both.user(number), both.redirected(number), both.User(number)):
            assert glyph.url_of(found).startswith(f"{home}User/")
            assert (found.id, found.bio()) == (number, f"{number} at {number % 2}")
            assert found.message("x") == [number % 2, number, "x"]
        send, link, find = both.method(number)
        assert glyph.url_of(send).startswith(home)
        assert send("x") == [number % 2, number, "x"]
        assert link().id == number
        assert find("y", limit=1) == [number % 2, number, "y", 1]


def test_in_a_list_they_are_alike(both: Any) -> None:
    users = both.user(0).several([3, 0, 1, 2])
    assert [user.message("x") for user in users] == [[n % 2, n, "x"] for n in (3, 0, 1, 2)]
    assert [user.id for user in users] == [3, 0, 1, 2]
    assert users[1].next() == users[2]
    assert glyph.reload(users[0]) == users[0]


def test_what_stands_in_the_message_for_one_who_lives_elsewhere() -> None:
    homes[0].update({1: THERE, 3: THERE + "/"})
    router = service(0)
    me = ask(router, "POST", "/User", {"id": 0}).header("location") or ""
    several = f"{me}several"

    def users(**headers: str) -> list[Any]:
        found: list[Any] = value(ask(router, "POST", several, {"ids": [1, 2, 3]}, **headers))
        return found

    for other in users()[::2]:
        assert isinstance(other, Link)
        assert other.url is not None
        assert other.url.startswith("http://there.example/below/User/")
    elsewhere, here, too = users(Accept=PARTIAL)
    for other in (elsewhere, too):
        assert isinstance(other, Resource)
        assert set(other.attributes) == {"url", "profile", "partial"}
        assert (other.attributes["profile"], other.attributes["partial"]) == ("User", True)
        assert other.content == {}
    assert "partial" not in here.attributes  # the first that has anything to offer


def test_held_references_live_on_after_a_move(both: Any, pair: tuple[str, str]) -> None:
    bob, later = both.user(0), both.user(2)
    held = bob.message, bob.find, bob.bio
    homes[0][0] = pair[1]
    del homes[1][0]
    assert bob.message("é + &") == held[0]("é + &") == [1, 0, "é + &"]
    assert bob.find("é + &", limit=9) == held[1]("é + &", limit=9) == [1, 0, "é + &", 9]
    assert bob.bio() == held[2]() == "0 at 1"
    assert glyph.url_of(glyph.reload(bob)).startswith(pair[1])
    assert bob.size_of(glyph.blob(bytes(3_000_000), "text/plain")) == [1, 3_000_000]
    assert bob.size_of(glyph.blob(io.BytesIO(bytes(70_000)), "text/plain")) == [1, 70_000]
    assert later.bio() == "2 at 0"
    # And back again: no answer said that the move was for ever.
    homes[1][0] = pair[0]
    del homes[0][0]
    assert bob.message("x") == [0, 0, "x"]
    assert bob.bio() == "0 at 0"


def test_only_clients_that_list_the_origin_send_a_body_there(
    both: Any, pair: tuple[str, str], client: glyph.Client
) -> None:
    bob = client.get(glyph.url_of(both.user(0)))
    homes[0][0] = pair[1]
    del homes[1][0]
    assert bob.bio() == "0 at 1"
    with pytest.raises(glyph.RemoteError, match="not listed") as caught:
        bob.message("x")
    assert caught.value.status == 307


def test_answers_of_307(caplog: pytest.LogCaptureFixture) -> None:
    router = service(0)
    url = ask(router, "POST", "/User", {"id": 1}).header("location")
    assert url is not None
    homes[0][1] = THERE
    for method, path in [("GET", ""), ("HEAD", ""), ("GET", "bio"), ("POST", "message")]:
        answer = ask(router, method, url + path)
        assert (answer.status, answer.header("location")) == (307, THERE + url + path)
        assert b"".join(answer.body) == b""
    assert ask(router, "GET", f"{url}bio").header("cache-control") == "private, no-cache"
    assert ask(router, "GET", f"{url}find?Du1:a;i1;;").header("location") == (
        f"{THERE}{url}find?Du1:a;i1;;"
    )
    # What would be refused here is refused here, and no forged token leads anywhere.
    assert ask(router, "GET", f"{url}nothing").status == 404
    assert ask(router, "GET", f"{url}message").status == 405
    assert ask(router, "GET", url.replace("User/", "User/AAAA")).status == 400
    assert ask(router, "GET", f"{url[:-3]}/").status == 400


@pytest.mark.parametrize(
    ("home", "reason"),
    [
        ("there.example", "not the URL of a root page"),
        (7, "not the URL of a root page"),
        ("ftp://there.example/", "not the URL of a root page"),
        ("http://there.example/?a", "has no query and no fragment"),
        ("http://localhost/", "this very service"),
        ("HTTP://LOCALHOST:80", "this very service"),
    ],
)
def test_homes_that_are_none(home: Any, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    router = service(0)
    url = ask(router, "POST", "/User", {"id": 1}).header("location")
    assert url is not None
    homes[0][1] = home
    answer = ask(router, "GET", url)
    assert (answer.status, message(answer)) == (500, "internal error")
    assert reason in caplog.text


def test_a_mounted_service_knows_itself(caplog: pytest.LogCaptureFixture) -> None:
    router = service(0)
    url = ask(router, "POST", "/User", {"id": 1}, mount="/a b").header("location")
    assert url is not None
    homes[0][1] = "http://localhost/"
    assert ask(router, "GET", url, mount="/a b").header("location") == (
        "http://localhost/User/" + url.rpartition("User/")[2]
    )
    homes[0][1] = "http://localhost/a%20b/"
    assert ask(router, "GET", url, mount="/a b").status == 500
    assert "this very service" in caplog.text


def test_a_home_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    class Lost:
        def __init__(self, id: int) -> None:
            self.id = id

        @classmethod
        def __glyph_home__(cls, state: dict[str, Any]) -> str | None:
            if state["id"] == 0:
                raise glyph.NotFound("this one is nowhere")
            return state["nothing of that name"]  # type: ignore[no-any-return]

    router = serve(Lost, secret=SECRET)
    nowhere = ask(router, "POST", "/Lost", {"id": 0})
    assert (nowhere.status, message(nowhere)) == (404, "this one is nowhere")
    assert ask(router, "POST", "/Lost", {"id": 1}).status == 500
    assert "where is an instance of" in caplog.text


def test_old_references_are_completed_first() -> None:
    """The hook need not know what earlier versions of the class wrote."""
    asked: list[Any] = []

    class Before:
        def __init__(self, id: int) -> None:
            self.id = id

    class After:
        def __init__(self, id: int, tag: str = "t") -> None:
            self.id, self.tag = id, tag

        @classmethod
        def __glyph_home__(cls, state: dict[str, Any]) -> str | None:
            asked.append(state)
            return THERE

    class Incompatible(After):
        def __init__(self, id: int, tag: str) -> None:
            super().__init__(id, tag)

    class Upgrading(Incompatible):
        @classmethod
        def __glyph_upgrade__(cls, state: dict[str, Any]) -> dict[str, Any]:
            return {**state, "tag": "upgraded"}

    def router(cls: Any) -> glyph.Router:
        made = glyph.Router(secret=SECRET)
        made.add(cls, name="Thing")
        return made

    url = ask(router(Before), "POST", "/Thing", {"id": 1}).header("location")
    assert url is not None
    for cls in (After, Upgrading):
        assert ask(router(cls), "GET", url).header("location") == THERE + url
    assert asked == [{"id": 1, "tag": "t"}, {"id": 1, "tag": "upgraded"}]
    answer = ask(router(Incompatible), "GET", url)
    assert answer.status == 410
    assert "'tag'" in message(answer)
    assert len(asked) == 2


def test_a_class_that_opens_its_own_instances() -> None:
    home: list[str | None] = [None]

    class Note(glyph.PersistentResource, store=glyph.MemoryStore()):
        def __init__(self, text: str) -> None:
            self.text = text

        @classmethod
        def __glyph_home__(cls, state: dict[str, Any]) -> str | None:
            assert set(state) == {"id"}
            return home[0]

    router = serve(Note, secret=SECRET)
    url = ask(router, "POST", "/Note", {"text": "a"}).header("location")
    assert url is not None
    assert value(ask(router, "GET", url)).content["text"] == "a"
    home[0] = THERE
    assert ask(router, "GET", url).header("location") == THERE + url


def test_only_a_class_method_will_do() -> None:
    class Wrong:
        def __init__(self, id: int) -> None:
            self.id = id

        def __glyph_home__(self, state: dict[str, Any]) -> None: ...

    with pytest.raises(TypeError, match="__glyph_home__ is not a class method"):
        serve(Wrong)


def test_the_hook_is_no_name_of_the_page() -> None:
    router = service(0)
    page = page_of(router, "User", id=0)
    assert "__glyph_home__" not in page.content
    assert ask(router, "POST", f"{page.url}__glyph_home__", {"state": {"id": 1}}).status == 404


def test_a_root_page_that_lives_elsewhere() -> None:
    router = glyph.Router(secret=SECRET)
    cls = type("User", (User,), {"service": 0})
    router.default(cls(1))
    assert local(router).bio() == "1 at 0"
    homes[0][1] = THERE
    answer = ask(router, "GET", "/")
    assert answer.status == 303
    assert (answer.header("location") or "").startswith(f"{THERE}/User/")


def test_references_from_the_other_service_as_arguments(both: Any) -> None:
    bob, eve = both.user(0), both.user(1)
    assert bob.meet(eve) == 1
    assert bob.meet(bob.next()) == 1
    assert eve.meet(bob) == 0
    # What is none of ours stays data: another root, a forged token, another service's secret.
    url = glyph.url_of(eve)
    foreign = ask(service(1, secret="s" * 16), "POST", "/User", {"id": 1}).header("location") or ""
    for other in (
        url.partition("/User/")[0] + foreign,
        url.replace("127.0.0.1", "localhost"),
        url.replace("/User/", "/more/User/"),
        url[:-3] + "AA/",
        f"{url}bio",
        url + "?a",
        "http://there.example/",
        "http://there.example/User/",
    ):
        assert glyph.url_of(bob.meet(glyph.link(other))) == other
