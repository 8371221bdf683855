"""Stores: one suite over all of them, and what only a file has to survive."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis_help import RedisServer

import hyperglyph as glyph
from hyperglyph.server.stores import Entry, MemoryStore, RedisStore, SQLiteStore, Store, StoreError

PROGRAM = Path(__file__).with_name("store_processes.py")


class Clock:
    """The time, for stores that are given one, and for the Redis server, which has its own."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.redis: RedisServer | None = None

    def __call__(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds
        if self.redis is not None:
            self.redis.age(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    made: Store
    if request.param == "memory":
        made = MemoryStore(clock=clock)
    elif request.param == "sqlite":
        made = SQLiteStore(tmp_path / "store.db", clock=clock)
    else:
        server: RedisServer = request.getfixturevalue("redis_server")
        clock.redis = server
        made = RedisStore(server.url)
    yield made
    made.close()


def value_of(store: Store, key: str) -> Any:
    entry = store.get(key)
    return None if entry is None else entry.value


# --- every store ----------------------------------------------------------------------------------


def test_it_is_a_store(store: Store) -> None:
    assert isinstance(store, Store)


def test_put_and_get(store: Store) -> None:
    assert store.get("a") is None
    version = store.put("a", {"n": 1})
    assert store.get("a") == Entry({"n": 1}, version)
    newer = store.put("a", None)
    assert newer != version
    assert store.get("a") == Entry(None, newer)
    assert store.get("b") is None


@pytest.mark.parametrize(
    "value",
    [
        None,
        10**40,
        -0.5,
        "é\0",
        b"\xff\0",
        {1, "a"},
        [[], {}],
        OrderedDict([("b", 1), ("a", 2)]),
        datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        timedelta(days=-1, microseconds=1),
        glyph.Link("http://localhost/User/7/"),
    ],
)
def test_values_keep_value_and_type(store: Store, value: Any) -> None:
    store.put("a", value)
    answer = value_of(store, "a")
    assert answer == value
    assert type(answer) is type(value)


def test_a_stored_value_is_shared_with_nobody(store: Store) -> None:
    value = [1]
    store.put("a", value)
    value.append(2)
    value_of(store, "a").append(3)
    assert value_of(store, "a") == [1]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"user": object()}, r"builtins\.object.*\$\.user"),
        ({"picture": glyph.blob(b"x", "image/png")}, "a blob cannot be kept in a store"),
    ],
)
def test_what_the_codec_cannot_carry_is_refused(store: Store, value: Any, message: str) -> None:
    store.put("a", 1)
    with pytest.raises(glyph.EncodeError, match=message):
        store.put("a", value)
    with pytest.raises(glyph.EncodeError, match=message):
        store.compare_and_set("a", value, None)
    assert value_of(store, "a") == 1


def test_compare_and_set(store: Store) -> None:
    first = store.compare_and_set("a", 1, None)
    assert first is not None
    assert store.compare_and_set("a", 2, None) is None
    second = store.compare_and_set("a", 3, first)
    assert second not in (None, first)
    assert store.compare_and_set("a", 4, first) is None
    assert store.get("a") == Entry(3, second)
    assert store.compare_and_set("b", 1, first) is None
    assert store.get("b") is None


def test_delete(store: Store) -> None:
    version = store.put("a", 1)
    assert not store.delete("a", version + 1)
    assert value_of(store, "a") == 1
    assert store.delete("a", version)
    assert not store.delete("a", version)
    assert not store.delete("a")
    store.put("a", 2)
    assert store.delete("a")
    assert store.get("a") is None


def test_an_entry_made_again_is_another_one(store: Store) -> None:
    version = store.put("a", 1)
    store.delete("a")
    store.put("a", 1)
    assert store.compare_and_set("a", 2, version) is None
    assert not store.delete("a", version)
    assert value_of(store, "a") == 1


def test_expired_is_not_there(store: Store, clock: Clock) -> None:
    version = store.put("a", 1, expires_in=1_000)
    store.put("b", 2)
    clock.advance(950)
    assert value_of(store, "a") == 1
    clock.advance(50)
    assert store.get("a") is None
    assert store.compare_and_set("a", 2, version) is None
    assert not store.delete("a")
    assert not store.delete("a", version)
    assert value_of(store, "b") == 2


def test_expired_gives_way_to_a_new_entry(store: Store, clock: Clock) -> None:
    store.put("a", 1, expires_in=1)
    clock.advance(1)
    version = store.compare_and_set("a", 2, None, expires_in=500)
    assert version is not None
    clock.advance(400)
    assert store.get("a") == Entry(2, version)


def test_each_writing_sets_the_expiry_anew(store: Store, clock: Clock) -> None:
    version = store.put("a", 1, expires_in=1_000)
    newer = store.compare_and_set("a", 2, version, expires_in=2_000)
    assert newer is not None
    clock.advance(1_900)
    assert value_of(store, "a") == 2
    store.compare_and_set("a", 3, newer)
    clock.advance(1e9)
    assert value_of(store, "a") == 3


@pytest.mark.parametrize("expires_in", [0, -1, float("nan"), float("inf")])
def test_an_expiry_that_is_none(store: Store, expires_in: float) -> None:
    with pytest.raises(ValueError, match="expires_in is a positive number of seconds"):
        store.put("a", 1, expires_in=expires_in)
    with pytest.raises(ValueError, match="expires_in is a positive number of seconds"):
        store.compare_and_set("a", 1, None, expires_in=expires_in)
    assert store.get("a") is None


def test_what_has_expired_does_not_pile_up(store: Store, clock: Clock) -> None:
    for number in range(3_000):
        store.put(f"key {number}", number, expires_in=1)
        clock.advance(1)
    if isinstance(store, SQLiteStore):
        path = re.findall("<SQLiteStore (.*)>", repr(store))[0]
        connection = sqlite3.connect(path)
        count = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
        connection.close()
        assert count < 100
    elif clock.redis is not None:
        assert clock.redis.ask("DBSIZE") < 100
    else:
        count = int(re.findall(r"\d+", repr(store))[0])
        assert count <= 1_001
    assert value_of(store, "key 2999") is None


def test_threads_lose_nothing(store: Store) -> None:
    def add() -> None:
        for _ in range(100):
            while True:
                entry = store.get("counter")
                count = 0 if entry is None else entry.value
                version = None if entry is None else entry.version
                if store.compare_and_set("counter", count + 1, version) is not None:
                    break

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value_of(store, "counter") == 800


def test_close_may_be_repeated(store: Store) -> None:
    store.put("a", 1)
    store.close()
    store.close()
    assert value_of(store, "a") == 1


# --- SQLite: several processes --------------------------------------------------------------------


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(PROGRAM), *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., SQLiteStore]]:
    """Open stores that the end of the test closes."""
    stores: list[SQLiteStore] = []

    def make(path: Path | None = None, **options: Any) -> SQLiteStore:
        stores.append(SQLiteStore(path or tmp_path / "store.db", **options))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


def test_four_processes_add_to_one_counter(
    tmp_path: Path, opened: Callable[..., SQLiteStore]
) -> None:
    processes = [start("add", tmp_path / "store.db", 500) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert value_of(opened(), "counter") == {"count": 2_000}


def test_processes_that_open_a_new_file_at_once(tmp_path: Path) -> None:
    for number in range(40):
        stores = [SQLiteStore(tmp_path / f"{number}.db", timeout=30) for _ in range(4)]
        barrier = threading.Barrier(4)
        wrong: list[StoreError] = []

        def put(
            store: SQLiteStore, barrier: threading.Barrier = barrier, wrong: Any = wrong
        ) -> None:
            barrier.wait()
            try:
                store.put("a", 1)
            except StoreError as error:
                wrong.append(error)

        threads = [threading.Thread(target=put, args=(store,)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for store in stores:
            store.close()
        assert wrong == []


def test_a_killed_writer_leaves_a_readable_store(
    tmp_path: Path, opened: Callable[..., SQLiteStore]
) -> None:
    path = tmp_path / "store.db"
    for number in range(3, 40, 12):
        with start("write", path) as process:
            assert process.stdout is not None
            told = 0
            for _ in range(number):
                told = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            told = int((process.stdout.read().split("\n")[-2:-1] or [str(told)])[0])
        store = opened()
        assert value_of(store, "last") - told in (0, 1)  # what was told is there
        for key in range(50):
            entry = store.get(f"key {key}")
            assert entry is None or len(entry.value["text"]) == 5_000
        assert store.compare_and_set("last", 0, None) is None
        store.put("after", number)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_a_child_after_a_fork_has_connections_of_its_own(
    opened: Callable[..., SQLiteStore],
) -> None:
    store = opened()
    store.put("a", 1)
    child = os.fork()
    if not child:
        status = 1
        try:
            entry = store.get("a")
            if entry is not None and store.compare_and_set("a", 2, entry.version):
                status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert value_of(store, "a") == 2
    store.put("a", 3)
    assert value_of(store, "a") == 3


# --- SQLite: what goes wrong ----------------------------------------------------------------------


def test_a_full_disk_is_a_clear_error_and_loses_nothing(
    tmp_path: Path, opened: Callable[..., SQLiteStore]
) -> None:
    path = tmp_path / "store.db"
    with start("fill", path, 300_000) as process:
        output = process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == 0
    assert output[0].startswith(f"cannot write to {path}: ")
    assert output[1] == "before"
    store = opened()
    assert value_of(store, "kept") == "before"
    assert value_of(store, "key 0") == b"x" * 10_000
    store.put("after", 1)


def test_a_folder_that_is_not_there(tmp_path: Path, opened: Callable[..., SQLiteStore]) -> None:
    path = tmp_path / "nowhere" / "store.db"
    store = opened(path)
    with pytest.raises(StoreError, match=re.escape(f"cannot read {path}: unable to open")):
        store.get("a")
    with pytest.raises(StoreError, match=re.escape(f"cannot write to {path}: unable to open")):
        store.put("a", 1)
    path.parent.mkdir()
    store.put("a", 1)
    assert value_of(store, "a") == 1


def test_a_file_that_cannot_be_written(
    tmp_path: Path, opened: Callable[..., SQLiteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The modes of files do not bind every user, so the connection is made unable to write."""
    path = tmp_path / "store.db"
    opened().put("a", 1)
    connect = sqlite3.connect

    def read_only(name: str, **options: Any) -> Any:
        return connect(f"file:{name}?mode=ro", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    store = opened()
    assert value_of(store, "a") == 1
    with pytest.raises(StoreError, match=re.escape(f"cannot write to {path}: attempt to write a")):
        store.put("a", 2)
    assert value_of(store, "a") == 1


def test_a_writer_that_holds_the_file_too_long(
    tmp_path: Path, opened: Callable[..., SQLiteStore]
) -> None:
    store = opened(timeout=0.05)
    store.put("a", 1)
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"cannot write to .*: database is locked"):
        store.put("a", 2)
    assert value_of(store, "a") == 1  # a reader does not wait
    other.close()
    store.put("a", 3)
    assert value_of(store, "a") == 3


def test_files_of_something_else(tmp_path: Path, opened: Callable[..., SQLiteStore]) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is no database, " * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        opened().get("a")
    path.unlink()
    for statement, message in (
        ("CREATE TABLE users (name)", "is a database of something else"),
        ("PRAGMA user_version = 99", "was made by a newer version"),
    ):
        other = sqlite3.connect(path)
        other.execute(statement)
        other.close()
        with pytest.raises(StoreError, match=message):
            opened().put("a", 1)


def test_an_entry_that_somebody_else_wrote(
    tmp_path: Path, opened: Callable[..., SQLiteStore]
) -> None:
    store = opened()
    store.put("a", 1)
    with sqlite3.connect(tmp_path / "store.db") as other:
        other.execute("UPDATE entries SET value = ?", (b"\x80\x04K\x01.",))
    other.close()
    with pytest.raises(StoreError, match=r"the entry 'a' of .* holds something that is no message"):
        store.get("a")


def test_durable_flushes_each_writing(opened: Callable[..., SQLiteStore]) -> None:
    store = opened(durable=True)
    store.put("a", 1)
    assert value_of(store, "a") == 1


@pytest.mark.parametrize("path", ["", ":memory:", "file:x?mode=memory"])
def test_a_path_that_is_no_file(path: str) -> None:
    with pytest.raises(ValueError, match="path is that of a file"):
        SQLiteStore(path)
