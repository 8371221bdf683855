"""What only a store at the other end of a connection has to survive, with a real Redis server."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from persistent_help import counter
from redis_help import RedisServer, free_port

import hyperglyph as glyph
from hyperglyph.server.stores import Entry, RedisStore, StoreError

Serve = Callable[..., str]


@pytest.fixture
def redis_here(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of the test's own, to be stopped and started."""
    server = RedisServer(tmp_path).start()
    yield server
    server.stop()


@pytest.fixture
def opened(no_leaks: None) -> Iterator[Callable[..., RedisStore]]:
    """Open stores that the end of the test closes: nothing of them is left then."""
    stores: list[RedisStore] = []

    def make(url: str, **options: Any) -> RedisStore:
        stores.append(RedisStore(url, **options))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


Opened = Callable[..., RedisStore]


def value_of(store: RedisStore, key: str) -> Any:
    entry = store.get(key)
    return None if entry is None else entry.value


# --- what is in there -----------------------------------------------------------------------------


def test_what_stands_in_redis(redis_server: RedisServer, opened: Opened) -> None:
    store = opened(redis_server.url, prefix="app:")
    version = store.put("a", [1], expires_in=60)
    assert redis_server.ask("GET", "app:a") == b"\x01" + version.to_bytes(8) + b"Li1;;"
    assert 59_000 < redis_server.ask("PTTL", "app:a") <= 60_000
    assert opened(redis_server.url).get("a") is None


@pytest.mark.parametrize(("expires_in", "kept"), [(1e-9, 1), (0.0101, 11), (1e300, -1)])
def test_expiries_that_milliseconds_do_not_hold(
    expires_in: float, kept: int, redis_server: RedisServer, opened: Opened
) -> None:
    store = opened(redis_server.url)
    store.compare_and_set("a", 1, None, expires_in=expires_in)
    left = redis_server.ask("PTTL", "hyperglyph:a")
    assert left <= kept
    assert (left == -1) == (kept == -1)


def test_entries_that_somebody_else_wrote(redis_server: RedisServer, opened: Opened) -> None:
    store = opened(redis_server.url)
    for data in (b"", b"x", b"\x80\x04K\x01.", b"\x01" + bytes(8)):
        redis_server.ask("SET", "hyperglyph:a", data)
        with pytest.raises(StoreError, match=r"the entry 'a' of .* was written by something else"):
            store.get("a")
    redis_server.ask("SET", "hyperglyph:a", b"\x01" + bytes(8) + b"\x80\x04K\x01.")
    with pytest.raises(StoreError, match=r"the entry 'a' of .* holds something that is no message"):
        store.get("a")
    assert store.compare_and_set("a", 1, None) is None
    redis_server.ask("DEL", "hyperglyph:a")
    redis_server.ask("RPUSH", "hyperglyph:a", "x")
    operations: tuple[Callable[[], object], ...] = (
        lambda: store.get("a"),
        lambda: store.compare_and_set("a", 1, None),
        lambda: store.delete("a", 1),
    )
    for operation in operations:
        with pytest.raises(StoreError, match=r"cannot .* redis at 127.*WRONGTYPE") as caught:
            operation()
        assert not caught.value.unknown
    store.put("a", 1)
    assert value_of(store, "a") == 1


def test_a_child_after_a_fork_has_connections_of_its_own(
    redis_server: RedisServer, opened: Opened
) -> None:
    store = opened(redis_server.url)
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


# --- what goes wrong ------------------------------------------------------------------------------


def test_without_the_library() -> None:
    """A sentence when it is needed, and nothing before."""
    program = (
        "import sys; sys.modules['redis'] = None\n"
        "import hyperglyph as glyph\n"
        "glyph.MemoryStore().put('a', 1)\n"
        "glyph.RedisStore()"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "ImportError: RedisStore needs the library redis, which is not installed: "
        "pip install hyperglyph[redis]"
    )


@pytest.mark.parametrize("url", ["", "127.0.0.1:6379", "http://127.0.0.1/"])
def test_urls_of_something_else(url: str) -> None:
    with pytest.raises(ValueError, match="redis://"):
        RedisStore(url)


def test_nobody_hears_of_a_password(opened: Opened) -> None:
    port = free_port()
    store = opened(f"redis://user:s3cr3t@127.0.0.1:{port}/2")
    where = f"redis at 127.0.0.1:{port}, number 2"
    assert repr(store) == f"<RedisStore {where}>"
    with pytest.raises(StoreError, match=re.escape(f"cannot read {where}: ")) as caught:
        store.get("a")
    assert "s3cr3t" not in str(caught.value)
    assert repr(opened("unix:///run/redis.sock?db=3")) == (
        "<RedisStore redis at /run/redis.sock, number 3>"
    )


def test_it_comes_back(redis_here: RedisServer, opened: Opened) -> None:
    store = opened(redis_here.url)
    version = store.put("a", 1)
    for number in (signal.SIGTERM, signal.SIGKILL):
        redis_here.stop(number)
        for _ in range(2):
            with pytest.raises(StoreError, match=r"cannot read redis at 127"):
                store.get("a")
            with pytest.raises(StoreError, match=r"cannot write to redis at 127"):
                store.compare_and_set("a", 2, version)
        redis_here.start()
        assert value_of(store, "a") == 1
    assert store.compare_and_set("a", 2, version) is not None


def test_one_that_does_not_answer(redis_here: RedisServer, opened: Opened) -> None:
    store = opened(redis_here.url, timeout=0.3)
    store.put("a", 1)
    redis_here.signal(signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(StoreError, match=r"cannot read redis at 127"):
        store.get("a")
    with pytest.raises(StoreError, match=r"cannot write to redis at 127") as caught:
        store.put("a", 2)
    assert time.monotonic() - started < 5
    assert caught.value.unknown
    redis_here.signal(signal.SIGCONT)
    assert value_of(store, "a") in (1, 2)


class Relay:
    """Stands before the server, and may lose its answers: what was asked has been done then."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        #: How many of the next answers are lost, and what happens after the first.
        self.losing = 0
        self.meanwhile: Callable[[], object] = lambda: None
        self._near: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._near.append(near)
            self._threads.append(threading.Thread(target=self._serve, args=(near,)))
            self._threads[-1].start()

    def _serve(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._server)) as far:
            while data := near.recv(65_536):
                far.sendall(data)
                answer = far.recv(65_536)
                if self.losing and b"EVAL" in data:
                    self.losing -= 1
                    self.meanwhile()
                    return
                near.sendall(answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for near in self._near:
            with contextlib.suppress(OSError):  # it has ended
                near.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()


@pytest.fixture
def relay(redis_server: RedisServer, no_leaks: None) -> Iterator[Relay]:
    made = Relay(redis_server.port)
    yield made
    made.close()


def test_an_answer_that_is_lost(relay: Relay, redis_server: RedisServer, opened: Opened) -> None:
    direct = opened(redis_server.url)
    store = opened(f"redis://127.0.0.1:{relay.port}")
    # One that is lost tells nothing: the second try finds what the first has written.
    version = None
    for number in range(3):
        relay.losing = 1
        version = store.compare_and_set("a", number, version)
        assert version is not None
        assert direct.get("a") == Entry(number, version)
    # A lost race stays one.
    relay.losing = 1
    with pytest.raises(StoreError) as caught:
        store.compare_and_set("a", 9, None)
    assert caught.value.unknown
    assert value_of(direct, "a") == 2
    # Written, and written over by somebody else before the second try: who can know?
    relay.losing = 1
    relay.meanwhile = lambda: direct.put("a", "other")
    with pytest.raises(StoreError) as caught:
        store.compare_and_set("a", 3, version)
    assert caught.value.unknown
    assert value_of(direct, "a") == "other"
    relay.meanwhile = lambda: None
    # Twice in a row.
    relay.losing = 2
    with pytest.raises(StoreError) as caught:
        store.compare_and_set("b", 1, None)
    assert caught.value.unknown
    assert value_of(direct, "b") == 1
    entry = direct.get("b")
    assert entry is not None
    relay.losing = 1
    with pytest.raises(StoreError) as caught:
        store.delete("b", entry.version)
    assert caught.value.unknown
    assert direct.get("b") is None


def test_callers_are_told_and_learn_nothing(
    redis_here: RedisServer,
    opened: Opened,
    serve: Serve,
    client: glyph.Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = opened(redis_here.url, timeout=1)
    page = client.get(serve(counter(store)))
    made = page.Counter()
    assert made.add() == 1
    port = str(redis_here.port)
    redis_here.stop()
    caplog.set_level(logging.ERROR, "hyperglyph.server")
    for call, told in (
        (made.add, "what keeps each Counter is out of reach: the call was not begun"),
        (page.Counter, "what keeps each Counter is out of reach: the object was not kept"),
    ):
        with pytest.raises(glyph.Unavailable) as caught:
            call()
        assert caught.value.message == told
        assert port not in str(caught.value)
        logref = caught.value.logref
        assert any(
            logref in record.getMessage() and port in str(record.exc_info)
            for record in caplog.records
        )
    redis_here.start()
    assert made.add() == 2
    assert glyph.reload(made).count == 2


def test_away_while_a_call_runs(
    redis_here: RedisServer, opened: Opened, serve: Serve, client: glyph.Client
) -> None:
    store = opened(redis_here.url, timeout=1)

    class Box(glyph.PersistentResource, store=store):
        def __init__(self) -> None:
            self.value = 0

        def change(self, value: int) -> None:
            self.value = value
            redis_here.stop(signal.SIGKILL)

    box = client.get(serve(Box)).Box()
    with pytest.raises(glyph.Unavailable, match=r"has run, and whether .* was kept is not"):
        box.change(5)
    redis_here.start()
    assert glyph.reload(box).value == 0
