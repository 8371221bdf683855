"""Persistent resources: what they keep between requests, conflicts, and what is gone."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from persistent_help import SECRET, call, counter, page_of

import hyperglyph as glyph
from hyperglyph.server.state import TokenSigner

Serve = Callable[..., str]


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


# --- methods that are called again ----------------------------------------------------------------


class Race:
    """A class whose method meets another call each time, as long as it is told to."""

    def __init__(self, store: glyph.Store, losses: int, **options: Any) -> None:
        self.runs = 0
        self.answers: list[glyph.Blob] = []
        race = self

        class Tally(glyph.PersistentResource, store=store, **options):
            def __init__(self) -> None:
                self.count = 0
                self.names: list[str] = []

            def _meet(self) -> None:
                race.runs += 1
                if race.runs <= losses:
                    # Another call, which has nothing to do with this one.
                    other = threading.Thread(target=self._add_elsewhere, args=(glyph.id_of(self),))
                    other.start()
                    other.join()

            @staticmethod
            def _add_elsewhere(identifier: str) -> None:
                other = glyph.recall(Tally, identifier)
                other.count += 10
                glyph.keep(other)

            def add(self, names: list[str], blob: Any = None) -> int:
                self._meet()
                self.count += 1
                names.append(f"run {len(names)}")
                self.names += names
                return self.count

            def add_and_show(self) -> Any:
                self._meet()
                self.count += 1
                race.answers.append(glyph.blob(b"shown", "text/plain"))
                return [self.count, race.answers[-1]]

            def add_and_make(self) -> None:
                self._meet()
                self.count += 1
                glyph.id_of(Tally())

        self.made = page_of(Tally).Tally()


def test_a_method_that_lost_is_called_again(store: glyph.MemoryStore) -> None:
    race = Race(store, losses=3, retries=3)
    assert race.made.add(["a"]) == 31
    assert race.runs == 4
    now = glyph.reload(race.made)
    assert (now.count, now.names) == (31, ["a", "run 1"])  # as if it had been called but once


def test_what_a_lost_call_returned_is_closed(store: glyph.MemoryStore) -> None:
    race = Race(store, losses=1, retries=1)
    count, shown = race.made.add_and_show()
    assert (count, shown.read()) == (11, b"shown")
    assert [blob.closed for blob in race.answers] == [True, True]


def test_no_more_often_than_told(store: glyph.MemoryStore) -> None:
    for retries in (0, 2):
        race = Race(store, losses=99, retries=retries)
        with pytest.raises(glyph.Conflict, match="another call changed this Tally meanwhile"):
            race.made.add([])
        assert race.runs == retries + 1
        assert glyph.reload(race.made).count == 10 * race.runs


def test_what_cannot_be_done_twice_is_a_conflict(store: glyph.MemoryStore) -> None:
    race = Race(store, losses=1, retries=5)
    with pytest.raises(glyph.Conflict):
        race.made.add([], glyph.blob(b"x", "text/plain"))
    assert race.runs == 1
    race = Race(store, losses=1, retries=5)
    with pytest.raises(glyph.Conflict):
        race.made.add_and_make()
    assert race.runs == 1


def test_no_retry_past_the_deadline(
    store: glyph.MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    race = Race(store, losses=10**6, retries=10**6)
    drawn = iter([0.0, 0.001, 60.0])  # the last is longer than what is left

    def uniform(least: float, most: float) -> float:
        return next(drawn)

    monkeypatch.setattr(random, "uniform", uniform)
    with glyph.client_of(race.made).options(timeout=30), pytest.raises(glyph.Conflict):
        race.made.add([])
    assert race.runs == 3


@pytest.mark.parametrize("retries", [-1, 1.5, "3"])
def test_retries_that_are_no_number(store: glyph.MemoryStore, retries: Any) -> None:
    with pytest.raises(ValueError, match="retries is how many times"):
        Race(store, losses=0, retries=retries)
