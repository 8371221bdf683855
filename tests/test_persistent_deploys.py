"""Persistent resources that an older class has stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from persistent_help import SECRET, call, page_of

import hyperglyph as glyph
from hyperglyph.server.state import TokenSigner


def deployed(
    store: glyph.Store, before: Callable[[Any], type], after: Callable[[Any], type]
) -> Any:
    """Make an instance with one class, and hold it at a service that has the other."""
    old = page_of(before(store))
    url = glyph.url_of(old.User("bob"))
    return call(page_of(after(store)), url)


def first_user(store: glyph.Store) -> type:
    class User(glyph.PersistentResource, store=store):
        def __init__(self, name: str) -> None:
            self.name = name
            self.age = 7

        def bio(self) -> str:
            return self.name

    return User


def test_new_methods_and_new_parameters_with_defaults(store: glyph.MemoryStore) -> None:
    def after(store: glyph.Store) -> type:
        class User(glyph.PersistentResource, store=store):
            def __init__(self, name: str, shard: int = 3, *, _tags: tuple[str, ...] = ()) -> None:
                self.name, self.shard, self._tags = name, shard, _tags

            def place(self) -> Any:
                return [self.name, self.shard, self._tags, self.age]  # type: ignore[attr-defined]

        return User

    user = deployed(store, first_user, after)
    assert user.place() == ["bob", 3, [], 7]
    assert user.shard == 3


def test_a_private_attribute_of_a_new_parameter(store: glyph.MemoryStore) -> None:
    def after(store: glyph.Store) -> type:
        class User(glyph.PersistentResource, store=store):
            def __init__(self, name: str, shard: int = 3) -> None:
                self._name, self._shard = name, shard

            def place(self) -> Any:
                return [self._name, self._shard]

        return User

    user = deployed(store, first_user, after)
    assert user.place() == ["bob", 3]
    assert dir(user) == ["age", "place"]


def test_attrs_defaults_and_factories(store: glyph.MemoryStore) -> None:
    def after(store: glyph.Store) -> type:
        @attrs.define
        class User(glyph.PersistentResource, store=store):
            name: str
            shard: int = 3
            tags: list[str] = attrs.field(factory=list[str])
            _count: int = attrs.field(default=4, init=False)

            def place(self) -> Any:
                return [self.name, self.shard, self.tags, self._count]

        return User

    assert deployed(store, first_user, after).place() == ["bob", 3, [], 4]


def test_dataclass_defaults_and_factories(store: glyph.MemoryStore) -> None:
    def after(store: glyph.Store) -> type:
        @dataclasses.dataclass
        class User(glyph.PersistentResource, store=store):
            name: str
            tags: list[str] = dataclasses.field(default_factory=list[str])
            count: int = dataclasses.field(default=4, init=False)

            def place(self) -> Any:
                self.tags.append("x")
                return [self.name, self.tags, self.count]

        return User

    assert deployed(store, first_user, after).place() == ["bob", ["x"], 4]


def test_the_author_upgrades(store: glyph.MemoryStore) -> None:
    def after(store: glyph.Store) -> type:
        class User(glyph.PersistentResource, store=store):
            def __init__(self, full_name: str, shard: int = 3) -> None:
                self._full_name, self.shard = full_name, shard

            @classmethod
            def __glyph_upgrade__(cls, state: dict[str, Any]) -> dict[str, Any]:
                return {"full_name": state["name"].title()}

            def place(self) -> Any:
                return [self._full_name, self.shard]

        return User

    assert deployed(store, first_user, after).place() == ["Bob", 3]


@pytest.mark.parametrize("upgrade", [False, True])
def test_too_old_is_a_stale_reference_that_names_what_misses(
    store: glyph.MemoryStore, upgrade: bool
) -> None:
    def after(store: glyph.Store) -> type:
        class User(glyph.PersistentResource, store=store):
            def __init__(self, name: str, shard: int) -> None:
                self.name, self.shard = name, shard

        def unchanged(state: dict[str, Any]) -> dict[str, Any]:
            return state

        if upgrade:
            User.__glyph_upgrade__ = staticmethod(unchanged)  # type: ignore[attr-defined]  # pyright: ignore
        return User

    with pytest.raises(glyph.StaleReference, match="'shard' is now needed") as caught:
        deployed(store, first_user, after)
    assert caught.value.data == {"parameter": "shard"}


def test_a_parameter_that_is_used_up_is_no_state(store: glyph.MemoryStore) -> None:
    def user(store: glyph.Store) -> type:
        class User(glyph.PersistentResource, store=store):
            def __init__(self, source: str) -> None:
                self.names = source.split(",")

        return User

    assert deployed(store, user, user).names == ["bob"]


def test_an_attribute_that_became_a_property_or_a_method(store: glyph.MemoryStore) -> None:
    def after(store: glyph.Store) -> type:
        class User(glyph.PersistentResource, store=store):
            def __init__(self, name: str) -> None:
                self.name = name

            @property
            def age(self) -> int:
                return 99

        return User

    def slim(store: glyph.Store) -> type:
        @attrs.define
        class User(glyph.PersistentResource, store=store):
            name: str

            def age(self) -> int:
                return 98

        return User

    assert deployed(store, first_user, after).age == 99
    assert deployed(store, first_user, slim).age() == 98


def test_a_class_renamed_under_its_registered_name(store: glyph.MemoryStore) -> None:
    class Person(glyph.PersistentResource, store=store):
        def __init__(self, name: str) -> None:
            self.name = name

    url = glyph.url_of(page_of(first_user(store)).User("bob"))
    router = glyph.Router(secret=SECRET)
    router.add(Person, name="User")
    held: Any = glyph.Client(glyph.LocalTransport(router)).get(url)
    assert held.name == "bob"


def test_an_upgraded_state_is_written_with_the_next_change(store: glyph.MemoryStore) -> None:
    def after(store: glyph.Store) -> type:
        class User(glyph.PersistentResource, store=store):
            def __init__(self, name: str, shard: int = 3) -> None:
                self.name, self.shard = name, shard

            def look(self) -> None: ...

            def rename(self, name: str) -> None:
                self.name = name

        return User

    user = deployed(store, first_user, after)
    identifier = TokenSigner(SECRET).read("User", glyph.url_of(user).split("/")[-2])["id"]
    before = store.get(identifier)
    user.look()
    assert store.get(identifier) == before
    user.rename("eve")
    entry = store.get(identifier)
    assert entry is not None
    assert entry.value["state"] == {"name": "eve", "age": 7, "shard": 3}
    assert entry.value["parameters"] == ["name", "shard"]
