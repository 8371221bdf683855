"""What references live through: deploys of the service, compatible or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from object_help import ask, local, message, reference, serve, spelled

import hyperglyph as glyph
from hyperglyph.codec import encode

OLD, NEW, OTHER = ("old secret " * 3, b"new secret" * 3, "another secret " * 2)


def deployed(cls: type, name: str = "User") -> glyph.Router:
    """The service after a deploy: another process, the same secret."""
    router = glyph.Router(secret=NEW)
    router.add(cls, name=name)
    return router


def v0() -> Any:
    class User:
        def __init__(self, id: int) -> None:
            self.id = id

        @glyph.safe
        def bio(self) -> Any:
            return f"user {self.id}"

        def message(self, text: str) -> Any:
            return [self.id, text]

    return User


def v_method() -> Any:
    class User(v0()):  # type: ignore[misc]
        def more(self) -> int:
            return 1

    return User


def v_optional_parameter() -> Any:
    class User(v0()):  # type: ignore[misc]
        def message(self, text: str, urgent: bool = False) -> Any:
            return [self.id, text]

    return User


def v_keyword_only() -> Any:
    class User(v0()):  # type: ignore[misc]
        def message(self, text: str, *, tags: Any = ()) -> Any:
            return [self.id, text]

    return User


def v_state_default() -> Any:
    class User(v0()):  # type: ignore[misc]
        def __init__(self, id: int, shard: int = 0) -> None:
            self.id, self.shard = id, shard

    return User


def v_state_keyword_default() -> Any:
    class User(v0()):  # type: ignore[misc]
        def __init__(self, id: int, *, shard: int = 0) -> None:
            self.id, self.shard = id, shard

    return User


def v_upgrade() -> Any:
    class User(v0()):  # type: ignore[misc]
        def __init__(self, id: int, shard: int) -> None:
            self.id, self.shard = id, shard

        @classmethod
        def __glyph_upgrade__(cls, state: dict[str, Any]) -> dict[str, Any]:
            return {**state, "shard": state["id"] % 4}

    return User


def v_renamed_parameter() -> Any:
    class User(v0()):  # type: ignore[misc]
        def __init__(self, number: int) -> None:
            self.number = self.id = number

        @classmethod
        def __glyph_upgrade__(cls, state: dict[str, Any]) -> dict[str, Any]:
            return {"number": state["id"]}

    return User


def v_private_attribute() -> Any:
    class User(v0()):  # type: ignore[misc]
        def __init__(self, id: int) -> None:
            self._id = id

        @property
        def id(self) -> int:
            return self._id

    return User


def v_attrs() -> Any:
    @attrs.define
    class User(glyph.Resource):
        id: int
        bio = v0().bio
        message = v0().message

    return User


def v_attrs_private() -> Any:
    @attrs.frozen
    class User:
        _id: int
        shard: int = 0

        @glyph.safe
        def bio(self) -> str:
            return f"user {self._id}"

        def message(self, text: str) -> Any:
            return [self._id, text]

    return User


def v_order() -> Any:
    class User(v0()):  # type: ignore[misc]
        def __init__(self, shard: int = 1, id: int = 0) -> None:
            self.shard, self.id = shard, id

    return User


def v_split() -> Any:
    base = v0()

    class Person(base):  # type: ignore[valid-type,misc]
        pass

    class User(Person):
        pass

    return User


def v_renamed_class() -> Any:
    class Account(v0()):  # type: ignore[misc]
        pass

    return Account


def v_resource() -> Any:
    class User(glyph.Resource):
        def __init__(self, id: int) -> None:
            self.id = id

        bio = v0().bio
        message = v0().message

    return User


def v_safe_message() -> Any:
    class User(v0()):  # type: ignore[misc]
        @glyph.safe
        def message(self, text: str) -> Any:
            return [self.id, text]

    return User


def v_bio_with_parameter() -> Any:
    class User(v0()):  # type: ignore[misc]
        @glyph.safe
        def bio(self, lang: str = "en") -> Any:
            return f"user {self.id}"

    return User


def v_embedded_bio() -> Any:
    class User(v0()):  # type: ignore[misc]
        @glyph.embed
        def bio(self) -> Any:
            return f"user {self.id}"

    return User


def v_glyph_state() -> Any:
    class User(v0()):  # type: ignore[misc]
        def __init__(self, id: int) -> None:
            self._user = [id]
            self.id = id

        def __glyph_state__(self) -> dict[str, Any]:
            return {"id": self._user[0]}

    return User


def v_redefined_types() -> Any:
    class User(v0()):  # type: ignore[misc]
        kind = "user"

        def __init__(self, id: int, extra: Any = None, *, more: Any = ()) -> None:
            self.id, self._extra, self.more = id, extra, list(more)

    return User


DEPLOYS: list[Callable[[], Any]] = [
    v_method, v_optional_parameter, v_keyword_only, v_state_default, v_state_keyword_default,
    v_upgrade, v_renamed_parameter, v_private_attribute, v_attrs, v_attrs_private, v_order, v_split,
    v_renamed_class, v_resource, v_safe_message, v_bio_with_parameter, v_embedded_bio,
    v_glyph_state, v_redefined_types, v0,
]  # fmt: skip


@pytest.mark.parametrize("new", DEPLOYS, ids=lambda f: f.__name__)
def test_what_is_held_survives_a_compatible_deploy(new: Callable[[], Any]) -> None:
    """The held page and its forms from before, against the new class, each from the first one."""
    assert len(DEPLOYS) == 20
    running = [deployed(v0())]
    transport = glyph.LocalTransport(lambda *given: running[0].wsgi(*given))
    user = glyph.Client(transport).get("http://localhost/").User(7)
    bio, send = user.bio, user.message
    for cls in (new(), v0()):  # and when the deploy is taken back
        running[0] = deployed(cls)
        assert bio() == user.bio() == "user 7"
        assert send("hi") == user.message("hi") == [7, "hi"]
        fresh = glyph.reload(user)
        assert fresh.bio() == "user 7"
        assert fresh.message("hi") == [7, "hi"]


def test_references_of_each_deploy_survive_the_next() -> None:
    """One after the other: what any of them handed out is good under the next."""
    running = [deployed(v0())]
    client = glyph.Client(glyph.LocalTransport(lambda *given: running[0].wsgi(*given)))
    # A form held from a page that offered more parameters is another matter: it sends them.
    first = client.get("http://localhost/").User(7)
    held = [first]
    chain = [new for new in DEPLOYS if new is not v_renamed_parameter]
    for new in chain:
        running[0] = deployed(new())
        for user in held:
            found = glyph.reload(user)
            assert found.bio() == "user 7"
            assert found.message("x") == [7, "x"]
        held = [first, glyph.reload(held[-1])]


def test_an_incompatible_deploy_says_what_is_missing() -> None:
    class User:
        def __init__(self, id: int, shard: int) -> None:
            self.id, self.shard = id, shard

    class Upgrading(User):
        @classmethod
        def __glyph_upgrade__(cls, state: dict[str, Any]) -> dict[str, Any]:
            return state

    url = reference(deployed(v0()), "User", id=7)
    for cls in (User, Upgrading):
        answer = ask(deployed(cls), "GET", url)
        assert (answer.status, message(answer)) == (
            410,
            "the reference is older than User, which now needs 'shard': ask for the object anew",
        )
    running = [deployed(v0())]
    client = glyph.Client(glyph.LocalTransport(lambda *given: running[0].wsgi(*given)))
    user = client.get("http://localhost/").User(7)
    running[0] = deployed(User)
    with pytest.raises(glyph.StaleReference, match="'shard'") as caught:
        glyph.reload(user)
    assert caught.value.data == {"parameter": "shard"}


def test_an_upgrade_that_returns_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class User(v0()):  # type: ignore[misc]
        def __init__(self, id: int, shard: int) -> None: ...

        @classmethod
        def __glyph_upgrade__(cls, state: dict[str, Any]) -> None:
            state["shard"] = 1

    url = reference(deployed(v0()), "User", id=7)
    assert ask(deployed(User), "GET", url).status == 500
    assert "User.__glyph_upgrade__ returns no dict" in caplog.text


def test_constructors_that_refuse() -> None:
    class User:
        def __init__(self, id: int) -> None:
            if id == 404:
                raise glyph.NotFound("no such user")
            self.id = id

    router = serve(User, unsigned_state=True)
    answer = ask(router, "GET", f"/User/{spelled(encode({'id': 404}))}/")
    assert (answer.status, message(answer)) == (404, "no such user")


def test_classes_that_open_their_own_instances() -> None:
    """`__glyph_open__`: what keeps instances elsewhere hooks in here."""
    from contextlib import contextmanager

    log: list[Any] = []

    class Kept:
        def __init__(self, id: int) -> None:
            self.id = id

        @classmethod
        @contextmanager
        def __glyph_open__(cls, state: dict[str, Any]) -> Any:
            log.append("open")
            try:
                yield cls(state["id"])
            except Exception as error:
                log.append(type(error).__name__)
                raise
            log.append("closed")

        def fail(self) -> None:
            raise glyph.Conflict("no")

    kept = local(serve(Kept)).Kept(1)
    assert log == ["open", "closed"]
    with pytest.raises(glyph.Conflict):
        kept.fail()
    assert log == ["open", "closed", "open", "Conflict"]
