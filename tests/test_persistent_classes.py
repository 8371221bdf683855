"""Persistent resources of every kind of class, and what is refused."""

from __future__ import annotations

import dataclasses
import logging
import uuid
from functools import cached_property
from typing import Any

import attrs
import pytest
from persistent_help import SECRET, counter, page_of

import hyperglyph as glyph
from hyperglyph.server.stores import Entry

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
