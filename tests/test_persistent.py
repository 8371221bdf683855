"""Persistent resources: what they keep, what they refuse, and how they live through deploys."""

from __future__ import annotations

import dataclasses
import logging
import threading
import uuid
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import pytest

import hyperglyph as glyph
from hyperglyph.server.state import TokenSigner
from hyperglyph.server.stores import Entry

Serve = Callable[..., str]
SECRET = "a secret for the tests of persistence"


@pytest.fixture
def store() -> glyph.MemoryStore:
    return glyph.MemoryStore()


def page_of(*served: Any, **options: Any) -> Any:
    """The root page of a router in this process."""
    router = glyph.Router(secret=SECRET, **options)
    for target in served:
        router.add(target)
    return glyph.Client(glyph.LocalTransport(router)).get("http://localhost/")


def call(page: Any, url: str) -> Any:
    """What a held reference says at another service."""
    return glyph.client_of(page).get(url)


def counter(store: glyph.Store) -> type[Any]:
    class Counter(glyph.PersistentResource, store=store):
        def __init__(self, step: int = 1) -> None:
            self.step = step
            self.count = 0
            self._log: list[str] = []

        def add(self, times: int = 1) -> int:
            self.count += self.step * times
            self._log.append(f"add {times}")
            return self.count

        def fail(self) -> None:
            self.count += 100
            raise glyph.NotFound("no")

        def note(self, text: str) -> None:
            self._log.append(text)

        @glyph.safe()
        def log(self) -> list[str]:
            self.count += 1_000
            return self._log

        def meanwhile(self) -> None:
            """Another call comes in between."""
            other = glyph.recall(Counter, glyph.id_of(self))
            other.count += 10
            glyph.keep(other)
            self.count += 1

        def look_meanwhile(self) -> int:
            glyph.keep(glyph.recall(Counter, glyph.id_of(self)))
            return self.count

        def end(self) -> str:
            glyph.forget(self)
            self.count = 5
            return "ended"

        def end_meanwhile(self) -> None:
            glyph.forget(glyph.recall(Counter, glyph.id_of(self)))
            self.count += 1

        def end_both(self) -> None:
            self.end_meanwhile()
            glyph.forget(self)

        def end_after_a_change(self) -> None:
            self.meanwhile()
            glyph.forget(self)

        def me(self) -> Any:
            self.count += 1
            return self

    return Counter


# --- what is kept ---------------------------------------------------------------------------------


def test_attributes_stay_between_requests(serve: Serve, client: glyph.Client) -> None:
    page = client.get(serve(counter(glyph.MemoryStore())))
    first, second = page.Counter(2), page.Counter()
    assert first.add() == 2
    assert first.add(times=3) == 8
    assert second.add() == 1
    assert (first.count, glyph.reload(first).count) == (0, 8)
    held = client.get(glyph.url_of(first))
    assert held == glyph.reload(first)
    assert held.add() == 10
    assert not hasattr(held, "_log")


def test_changes_inside_a_value_are_kept(store: glyph.MemoryStore) -> None:
    made = page_of(counter(store)).Counter()
    made.note("one")
    made.note("two")
    assert made.log() == ["one", "two"]


def test_the_url_holds_an_id_and_nothing_else(store: glyph.MemoryStore) -> None:
    page = page_of(counter(store))
    tokens = [glyph.url_of(page.Counter(10**50)).split("/")[-2] for _ in range(50)]
    states = [TokenSigner(SECRET).read("Counter", token) for token in tokens]
    assert all(list(state) == ["id"] for state in states)
    ids = {state["id"] for state in states}
    assert len(ids) == 50
    assert {len(identifier) for identifier in ids} == {22}
    record = store.get(ids.pop())
    assert record is not None
    assert record.value == {
        "class": "Counter",
        "state": {"step": 10**50, "count": 0, "_log": []},
        "parameters": ["step"],
    }


def test_a_failed_call_changes_nothing(store: glyph.MemoryStore) -> None:
    made = page_of(counter(store)).Counter()
    with pytest.raises(glyph.NotFound, match="no"):
        made.fail()
    assert glyph.reload(made).count == 0


def test_a_call_by_get_changes_nothing(store: glyph.MemoryStore) -> None:
    made = page_of(counter(store)).Counter()
    assert made.log() == []
    assert glyph.reload(made).count == 0


def test_a_returned_self_shows_what_was_kept(store: glyph.MemoryStore) -> None:
    made = page_of(counter(store)).Counter()
    assert made.me().count == 1
    assert made.me().count == 2
    assert glyph.url_of(made.me()) == glyph.url_of(made)


def test_instances_that_functions_make_recall_and_hold(store: glyph.MemoryStore) -> None:
    cls = counter(store)
    ids: dict[str, str] = {}

    def create(name: str) -> Any:
        made = cls(5)
        ids[name] = glyph.id_of(made)
        return made

    def find(name: str) -> Any:
        return glyph.recall(cls, ids[name])

    def raise_step(name: str) -> int:
        found = glyph.recall(cls, ids[name])
        found.step += 1
        glyph.keep(found)
        glyph.keep(found)
        return int(found.step)

    def add_to(target: cls) -> Any:  # type: ignore[valid-type]
        return target.add(2)  # type: ignore[attr-defined]

    add_to.__annotations__["target"] = cls
    page = page_of(cls, create, find, raise_step, add_to)
    made = page.create("bob")
    assert made.add() == 5
    assert page.find("bob") == glyph.reload(made)
    assert page.raise_step("bob") == 6
    assert made.add() == 11
    assert page.add_to(made) == 23
    assert page.find("bob").count == 23


def test_several_servers_share_a_file(tmp_path: Path, serve: Serve, client: glyph.Client) -> None:
    stores = [glyph.SQLiteStore(tmp_path / "counters.db", timeout=30) for _ in range(2)]
    pages: list[Any] = []
    for store in stores:
        router = glyph.Router(secret=SECRET)
        router.add(counter(store))
        pages.append(client.get(serve(router=router)))
    made = pages[0].Counter()
    there, here = map(glyph.url_of, pages)
    other = call(pages[1], glyph.url_of(made).replace(there, here))
    assert made.add() == 1
    assert other.add() == 2
    lost: list[glyph.Conflict] = []

    def add(target: Any) -> None:
        for _ in range(10):
            while True:
                try:
                    target.add()
                    break
                except glyph.Conflict as error:
                    lost.append(error)

    threads = [threading.Thread(target=add, args=(each,)) for each in (made, other) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert glyph.reload(made).count == 42
    for store in stores:
        store.close()


# --- conflicts, and what is gone ------------------------------------------------------------------


def test_a_conflict_is_told_and_nothing_is_lost(store: glyph.MemoryStore) -> None:
    made = page_of(counter(store)).Counter()
    with pytest.raises(glyph.Conflict, match="another call changed this Counter meanwhile"):
        made.meanwhile()
    assert glyph.reload(made).count == 10
    assert made.look_meanwhile() == 10
    with pytest.raises(glyph.Conflict):
        made.end_after_a_change()
    assert made.add() == 21


def test_what_is_gone_is_a_stale_reference(store: glyph.MemoryStore) -> None:
    page = page_of(counter(store))
    made = page.Counter()
    url = glyph.url_of(made)
    assert made.end() == "ended"
    for again in (lambda: call(page, url), made.add, made.log, made.end):
        with pytest.raises(glyph.StaleReference, match="this Counter is no longer there"):
            again()


def test_gone_while_the_call_ran(store: glyph.MemoryStore) -> None:
    page = page_of(counter(store))
    for method in ("end_meanwhile", "end_both"):
        made = page.Counter()
        with pytest.raises(glyph.StaleReference, match="no longer there"):
            made[method]()
        with pytest.raises(glyph.StaleReference, match="no longer there"):
            made.add()


def test_forgetting_what_was_never_stored(store: glyph.MemoryStore) -> None:
    cls = counter(store)
    page_of(cls)
    made = cls()
    glyph.forget(made)
    glyph.forget(made)
    glyph.keep(made)
    with pytest.raises(glyph.StaleReference):
        glyph.id_of(made)


def test_expiry_counts_from_the_last_change() -> None:
    now = [1000.0]
    store = glyph.MemoryStore(clock=lambda: now[0])

    class Session(glyph.PersistentResource, store=store, expires_in=60):
        def __init__(self) -> None:
            self.seen = 0

        def see(self) -> None:
            self.seen += 1

        def look(self) -> int:
            return self.seen

    made = page_of(Session).Session()
    for _ in range(3):
        now[0] += 50
        made.see()
    now[0] += 50
    assert made.look() == 3
    now[0] += 10
    with pytest.raises(glyph.StaleReference, match="this Session is no longer there"):
        made.look()


@pytest.mark.parametrize("identifier", ["", "short", "é" * 22, "x" * 23, 5, None, b"x" * 22])
def test_what_is_no_id(store: glyph.MemoryStore, identifier: Any) -> None:
    cls = counter(store)
    page = page_of(cls)
    with pytest.raises(glyph.BadRequest, match="the reference is damaged"):
        glyph.recall(cls, identifier)
    token = TokenSigner(SECRET).make("Counter", {"id": identifier})
    with pytest.raises(glyph.BadRequest, match="the reference is damaged"):
        call(page, f"http://localhost/Counter/{token}/")


@pytest.mark.parametrize("unsigned", [False, True])
def test_an_id_of_another_class_is_none(store: glyph.MemoryStore, unsigned: bool) -> None:
    class Secret(glyph.PersistentResource, store=store):
        def __init__(self) -> None:
            self.step = 7
            self.count = 7

    page = page_of(counter(store), Secret, unsigned_state=unsigned)
    url = glyph.url_of(page.Secret()).replace("/Secret/", "/Counter/")
    with pytest.raises(glyph.StaleReference if unsigned else glyph.BadRequest):
        call(page, url)


# --- kinds of classes -----------------------------------------------------------------------------


def test_attrs_classes_slots_and_frozen_ones(store: glyph.MemoryStore) -> None:
    @attrs.define
    class Task(glyph.PersistentResource, store=store, expires_in=1000):
        url: str
        tags: set[str] = attrs.field(factory=set[str], converter=set)
        _tries: int = attrs.field(default=0, alias="tries")
        late: str = attrs.field(init=False)

        def tag(self, name: str) -> list[str]:
            self.tags.add(name)
            self._tries += 1
            self.late = name
            return sorted(self.tags)

        def tries(self) -> int:
            return self._tries

    @attrs.frozen
    class Point(glyph.PersistentResource, store=store):
        x: int
        y: int = 0

        def sum(self) -> int:
            return self.x + self.y

    page = page_of(Task, Point)
    task = page.Task("http://x/", tries=2)
    assert task.tag("b") == ["b"]
    assert task.tag("a") == ["a", "b"]
    assert task.tries() == 4
    assert glyph.reload(task).late == "a"
    assert page.Point(2, 3).sum() == 5


def test_dataclasses_and_inheritance(store: glyph.MemoryStore) -> None:
    class Base(glyph.PersistentResource, store=store):
        def touch(self) -> None:
            self.touched = True

    @dataclasses.dataclass
    class Job(Base):
        name: str
        steps: list[int] = dataclasses.field(default_factory=list[int])

        def step(self) -> list[int]:
            self.steps.append(len(self.steps))
            return self.steps

    @dataclasses.dataclass(slots=True)
    class Slim(Base):
        name: str

    page = page_of(Job, Slim)
    job = page.Job("x")
    job.step()
    job.touch()
    assert job.step() == [0, 1]
    assert glyph.reload(job).touched is True
    assert page.Slim("y").name == "y"


def test_what_is_computed_is_not_kept(store: glyph.MemoryStore) -> None:
    class Report(glyph.PersistentResource, store=store):
        def __init__(self, rows: int) -> None:
            self.rows = rows

        @cached_property
        def total(self) -> int:
            return self.rows * 2

        def grow(self) -> int:
            before = self.total
            self.rows += 1
            return before

    report = page_of(Report).Report(1)
    assert report.grow() == 2
    assert report.grow() == 4
    assert glyph.reload(report).total == 6


def test_an_instance_as_root_page(store: glyph.MemoryStore) -> None:
    cls = counter(store)
    router = glyph.Router(secret=SECRET)
    router.add(cls)
    with pytest.raises(TypeError, match=r"each request would make and keep a .*Counter"):
        router.default(cls)
    router.default(cls(3))
    root = glyph.Client(glyph.LocalTransport(router)).get("http://localhost/")
    assert root.add() == 3
    assert glyph.Client(glyph.LocalTransport(router)).get("http://localhost/").count == 3


# --- what is refused ------------------------------------------------------------------------------


def test_registration(store: glyph.MemoryStore) -> None:
    class Homeless(glyph.PersistentResource):
        pass

    with pytest.raises(TypeError, match=r"Homeless has no store: class Homeless\(\.\.\., store="):
        page_of(Homeless)
    with pytest.raises(TypeError, match="Homeless is not registered"):
        glyph.id_of(Homeless())
    with pytest.raises(TypeError, match="store is a Store, not str"):
        type("Wrong", (glyph.PersistentResource,), {}, store="x.db")

    cls = counter(store)
    page_of(cls)
    page_of(cls)
    with pytest.raises(TypeError, match="is kept under the name 'Counter' already"):
        glyph.Router().add(cls, name="Other")


def test_a_store_that_is_made_at_the_first_use(store: glyph.MemoryStore) -> None:
    made: list[glyph.Store] = []

    def make() -> glyph.Store:
        made.append(store)
        return store

    class Thing(glyph.PersistentResource, store=make):
        pass

    page = page_of(Thing)
    assert made == []
    page.Thing()
    page.Thing()
    assert made == [store]


def test_the_base_class_has_no_public_names() -> None:
    assert [name for name in dir(glyph.PersistentResource) if not name.startswith("_")] == []


def test_attributes_that_cannot_be_kept(
    store: glyph.MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    class Thing(glyph.PersistentResource, store=store):
        def __init__(self, bad: bool = False) -> None:
            if bad:
                self.owner = uuid.UUID(int=1)

        def spoil(self) -> None:
            self.names = ["x", object()]

    page = page_of(Thing)
    with pytest.raises(glyph.ServerError, match="internal error"):
        page.Thing(bad=True)
    assert "$.owner" in caplog.text
    thing = page.Thing()
    with pytest.raises(glyph.ServerError, match="internal error"):
        thing.spoil()
    assert "$.names[1]" in caplog.text
    assert not hasattr(glyph.reload(thing), "names")


class Broken:
    """A store that can be switched off."""

    def __init__(self) -> None:
        self._store = glyph.MemoryStore()
        self.down: tuple[str, ...] = ()

    def _check(self, operation: str) -> None:
        if operation in self.down:
            raise glyph.StoreError("cannot write to /home/store.db: disk full")

    def get(self, key: str, /) -> Entry | None:
        self._check("get")
        return self._store.get(key)

    def put(self, key: str, value: Any, /, *, expires_in: float | None = None) -> int:
        self._check("put")
        return self._store.put(key, value, expires_in=expires_in)

    def compare_and_set(
        self, key: str, value: Any, version: int | None, /, *, expires_in: float | None = None
    ) -> int | None:
        self._check("set")
        return self._store.compare_and_set(key, value, version, expires_in=expires_in)

    def delete(self, key: str, version: int | None = None, /) -> bool:
        self._check("delete")
        return self._store.delete(key, version)

    def close(self) -> None:
        self._store.close()


@pytest.mark.parametrize(
    ("operation", "method", "message"),
    [
        ("get", "add", "the call was not begun"),
        ("set", "add", "the call has run, but what it changed of the object was not kept"),
        ("delete", "end", "the object was not removed"),
    ],
)
def test_a_store_out_of_reach(
    operation: str, method: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Broken()
    page = page_of(counter(store))
    made = page.Counter()
    store.down = (operation, "put")
    with caplog.at_level(logging.ERROR), pytest.raises(glyph.Unavailable) as caught:
        made[method]()
    assert message in caught.value.message
    assert "home" not in caught.value.message
    assert "/home/store.db" in caplog.text
    assert caught.value.logref in caplog.text
    with pytest.raises(glyph.Unavailable, match="the object was not kept"):
        page.Counter()
    store.down = ()
    assert made.add() == 1


# --- stored by an older class ---------------------------------------------------------------------


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
