"""The story of the project's issue, as it is written there, over real sockets."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from http_peers import port_of

import hyperglyph as glyph

SECRET = "the story's own secret, long enough"


class Service:
    """A service that is deployed again and again at one address."""

    def __init__(self) -> None:
        self._server: glyph.Server | None = None
        self._port = 0

    def deploy(self, router: glyph.Router) -> str:
        self.stop()
        self._server = glyph.Server(router, port=self._port).start()
        self._port = port_of(self._server.url)
        return self._server.url

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


@pytest.fixture
def service(no_leaks: None) -> Iterator[Service]:
    running = Service()
    yield running
    running.stop()


def test_the_face(no_leaks: None, client: glyph.Client) -> None:
    """The code of "The face", line by line."""
    r = glyph.Router()
    messages: list[Any] = []

    @r.add()
    def hello(name="World"):  # type: ignore[no-untyped-def]  # pyright: ignore
        return "Hello " + name

    @r.add()
    class User(glyph.Resource):
        def __init__(self, id):  # type: ignore[no-untyped-def]  # pyright: ignore
            self.id = id

        def message(self, subject, body):  # type: ignore[no-untyped-def]  # pyright: ignore
            messages.append((self.id, subject, body))

        @glyph.safe()
        def bio(self):  # type: ignore[no-untyped-def]  # pyright: ignore
            return f"user {self.id}"

    @r.add()
    @glyph.redirect()
    def find_user(name):  # type: ignore[no-untyped-def]  # pyright: ignore
        return User(7)  # type: ignore[no-untyped-call]

    s = glyph.Server(r)
    s.start()
    try:
        server = client.get(s.url)
        assert server.hello() == "Hello World"
        bob = server.find_user("bob")
        bob.message("lol", "feels good man")
        assert messages == [(7, "lol", "feels good man")]
        assert bob.bio() == "user 7"
        assert bob.id == 7
        assert server.User(8).bio() == "user 8"
        assert str(inspect.signature(bob.message)) == "(subject, body)"
    finally:
        s.stop()
    assert s.join(1)


def test_the_default_client_and_join(no_leaks: None) -> None:
    """`glyph.get`, and a `join` that waits in another thread."""
    r = glyph.Router()
    r.add(lambda: "Hello World", name="hello")
    s = glyph.Server(r)
    s.start()
    waiting = threading.Thread(target=s.join)
    waiting.start()
    with glyph.Client() as c:
        assert c.get(s.url).hello() == "Hello World"
    s.stop()
    waiting.join(5)
    assert not waiting.is_alive()


def test_greeting_returns_what_to_call(service: Service, client: glyph.Client) -> None:
    r = glyph.Router()

    @r.add()
    def hello(name: str = "World") -> str:
        return f"Hello {name}"

    @r.add()
    def salut(name: str = "Monde") -> str:
        return f"Salut {name}"

    @r.add()
    def greeting(lang: str) -> Any:
        return salut if lang == "fr" else hello

    server = client.get(service.deploy(r))
    assert server.greeting("en")() == "Hello World"
    assert server.greeting("fr")() == "Salut Monde"
    assert server.greeting("fr")("Bob") == "Salut Bob"


log: list[Any] = []


def before() -> glyph.Router:
    r = glyph.Router(secret=SECRET)

    @r.add()
    class User(glyph.Resource):
        def __init__(self, id: int) -> None:
            self.id = id

        def message(self, subject: str, body: str) -> None:
            log.append((self.id, subject, body))

        @glyph.safe()
        def bio(self) -> str:
            return f"user {self.id}"

    @r.add()
    def find_user(name: str) -> User:
        return User(7)

    return r


def sharded(kind: str) -> glyph.Router:
    """`User` gains `shard` in its state, and `find_user` becomes a redirect."""
    r = glyph.Router(secret=SECRET)

    class Common(glyph.Resource):
        id: int
        shard: int

        def message(self, subject: str, body: str) -> None:
            log.append((self.id, self.shard, subject, body))

        @glyph.safe()
        def bio(self) -> str:
            return f"user {self.id} of shard {self.shard}"

    if kind == "default":

        class WithDefault(Common):
            def __init__(self, id: int, shard: int = 0) -> None:
                self.id, self.shard = id, shard

        user: Any = WithDefault
    else:

        class Required(Common):
            def __init__(self, id: int, shard: int) -> None:
                self.id, self.shard = id, shard

        class Upgrading(Required):
            @classmethod
            def __glyph_upgrade__(cls, state: dict[str, Any]) -> dict[str, Any]:
                return {**state, "shard": state["id"] % 4}

        user = Upgrading if kind == "upgrade" else Required
    r.add(user, name="User")

    @r.add()
    @glyph.redirect()
    def find_user(name: str) -> Any:
        return user(7, 2)

    return r


@pytest.mark.parametrize(("kind", "shard"), [("default", 0), ("upgrade", 3), ("neither", None)])
def test_user_gains_a_shard(
    service: Service, client: glyph.Client, kind: str, shard: int | None
) -> None:
    url = service.deploy(before())
    root = client.get(url)
    bob = root.find_user("bob")
    assert bob.bio() == "user 7"
    held_form = bob.message

    assert service.deploy(sharded(kind)) == url
    # Who held the root works unchanged: only the answer is a redirect now.
    found = root.find_user("bob")
    assert found.bio() == "user 7 of shard 2"
    log.clear()
    found.message("lol", "feels good man")
    assert log == [(7, 2, "lol", "feels good man")]
    # Who held bob himself:
    if shard is None:
        for call in (bob.bio, lambda: bob.message("a", "b"), lambda: glyph.reload(bob)):
            with pytest.raises(glyph.StaleReference, match="'shard'") as caught:
                call()
            assert caught.value.status == 410
        return
    assert bob.bio() == f"user 7 of shard {shard}"
    bob.message("a", "b")
    held_form("c", "d")
    assert log[1:] == [(7, shard, "a", "b"), (7, shard, "c", "d")]
    assert glyph.reload(bob).shard == shard


def test_get_forms_and_links_over_sockets(service: Service, client: glyph.Client) -> None:
    r = glyph.Router()

    @r.add()
    class Folder(glyph.Resource):
        def __init__(self, path: str) -> None:
            self.path = path

        @glyph.safe
        def find(self, pattern: str, *, depth: int = 1) -> list[Any]:
            return [self.path, pattern, depth, glyph.context().method]

        @glyph.embed
        def parent(self) -> Any:
            return Folder(self.path.rpartition("/")[0]) if self.path else None

        def open(self, name: str) -> Any:
            return Folder(f"{self.path}/{name}")

    root = client.get(service.deploy(r))
    folder = root.Folder("/a ü")
    assert folder.find("x y+z&%=ö") == ["/a ü", "x y+z&%=ö", 1, "GET"]
    assert folder.find("*", depth=3) == ["/a ü", "*", 3, "GET"]
    below = folder.open("b").open("c")
    assert below.path == "/a ü/b/c"
    assert below.parent().path == "/a ü/b"
    assert below.parent().parent().parent().parent() is None


def test_one_program_calls_another_through_a_redirect(
    service: Service, serve: Any, client: glyph.Client
) -> None:
    """Links and redirects from one service to the next, which has the object."""
    second = serve(router=before())
    bob = client.get(second).find_user("bob")
    r = glyph.Router()

    @r.add()
    @glyph.redirect()
    def find_user(name: str) -> Any:
        return glyph.link(glyph.url_of(bob))

    @r.add()
    def link() -> Any:
        return glyph.link(glyph.url_of(bob))

    @r.add()
    class User(glyph.Resource):
        """Of the same name as that of the other service, with less to offer."""

        def __init__(self, id: int) -> None:
            self.id = id

        def own(self) -> int:
            return self.id

    @r.add()
    def held() -> Any:
        return [bob, User(1), User(2), bob.bio, bob.message, hello_there(bob)]

    @r.add()
    @glyph.redirect()
    def go() -> Any:
        return bob

    root = client.get(service.deploy(r))
    assert root.find_user("bob").bio() == root.go().bio() == "user 7"
    assert root.link()().bio() == "user 7"
    # What is held through a client goes on to the caller as it is.
    there, one, two, bio, send, nested = root.held()
    assert (there.id, there.bio(), bio(), nested["bob"].bio()) == (7, *["user 7"] * 3)
    assert (one.own(), two.own(), sorted(two)) == (1, 2, ["id", "own"])
    log.clear()
    send("a", "b")
    there.message("c", "d")
    assert log == [(7, "a", "b"), (7, "c", "d")]


def hello_there(bob: Any) -> dict[str, Any]:
    return {"bob": bob}
