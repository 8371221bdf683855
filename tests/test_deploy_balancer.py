"""Three processes behind nginx's load balancer (examples/deploy/balancer.conf), under load: killed
again and again, and restarted one after the other. What was executed, they write down themselves.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from deploy_help import Nginx, Process, executions, free_port
from http_peers import exchange, post, status_of
from server_help import KINDS, running

import hyperglyph as glyph

#: `make soak` takes the long way.
SOAK = "HYPERGLYPH_SOAK" in os.environ
KILLS = 100 if SOAK else 8
RESTARTS = 60 if SOAK else 6
CALLERS = 6

UNSAFE = ("add", "put", "delete", "item.add")


@attrs.frozen
class Balanced:
    url: str
    processes: tuple[Process, ...]
    log: Path
    nginx: Nginx


@pytest.fixture
def balanced(tmp_path: Path) -> Iterator[Balanced]:
    log = tmp_path / "log"
    port = free_port()
    processes = tuple(Process(log) for _ in range(3))
    instead = {"127.0.0.1:8000": f"127.0.0.1:{port}"}
    for number, process in enumerate(processes, 8001):
        instead[f"127.0.0.1:{number}"] = f"127.0.0.1:{process.port}"
    with Nginx(tmp_path / "nginx", "balancer.conf", instead) as nginx:
        try:
            for process in processes:
                process.start()
            nginx.start(port)
            yield Balanced(f"http://127.0.0.1:{port}/", processes, log, nginx)
        finally:
            for process in processes:
                process.end(signal.SIGKILL)


@attrs.define
class Told:
    """What callers were told: kind, id and outcome of each call that they made."""

    calls: list[tuple[str, str, str]] = attrs.field(factory=list[tuple[str, str, str]])

    def by_outcome(self, *kinds: str) -> Counter[str]:
        return Counter(outcome for kind, _, outcome in self.calls if kind in kinds)


def call_without_end(
    url: str,
    number: int,
    begun: threading.Barrier,
    ended: threading.Event,
    told: Told,
    override: bool,
) -> None:
    with glyph.Client(timeout=20, method_override=override) as client:
        root = client.get(url)
        item = root.item(number)  # a reference that is held all the time
        begun.wait(20)

        def double(_: str) -> None:
            assert item.double() == number * 2

        calls: dict[str, Callable[[str], Any]] = {
            "look": lambda call: root.look(call, 0.005),
            "add": lambda call: root.add(call, 0.005),
            "double": double,
            "put": lambda call: root.put(call, 0.005),
            "item.add": lambda call: item.add(call),
            "delete": lambda call: root.delete(call, 0.005),
        }
        for count, kind in enumerate(itertools.cycle(calls)):
            if ended.is_set():
                return
            call = f"{kind}-{number}-{count}"
            try:
                calls[kind](call)
                outcome = "answered"
            except glyph.BadGateway:
                outcome = "bad gateway"
            except glyph.TransportError as error:
                outcome = error.outcome
            told.calls.append((kind, call, outcome))


@contextmanager
def load(balanced: Balanced, *, override: bool = False) -> Generator[Told]:
    """Callers that call all the time; all have begun when this is entered, and ended when left."""
    told, ended = Told(), threading.Event()
    begun = threading.Barrier(CALLERS + 1)
    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [
            pool.submit(call_without_end, balanced.url, number, begun, ended, told, override)
            for number in range(CALLERS)
        ]
        try:
            begun.wait(20)
            yield told
        finally:
            ended.set()
        for caller in callers:
            caller.result()


#: What may be in the log of a call of which the caller was told that.
POSSIBLE = {
    "answered": {1},
    "bad gateway": {0, 1},  # nginx does not know either
    "unknown": {0, 1},
    "done": {1},
    "not done": {0},
}


def check_truth(told: Told, executed: Counter[str]) -> None:
    for kind, call, outcome in told.calls:
        if kind in UNSAFE:
            assert executed[call] in POSSIBLE[outcome], (call, outcome, executed[call])
    for kind in ("look", "double"):
        assert set(told.by_outcome(kind)) == {"answered"}


def test_processes_are_killed_under_load(balanced: Balanced) -> None:
    chance = random.Random(11)
    with load(balanced) as told:
        for number in range(KILLS):
            victim = balanced.processes[number % 3]
            time.sleep(chance.uniform(0.02, 0.1))
            victim.end(signal.SIGKILL)
            time.sleep(chance.uniform(0, 0.1))
            victim.start()
    executed = executions(balanced.log)
    check_truth(told, executed)
    failed = [call for _, call, outcome in told.calls if outcome != "answered"]
    assert failed, "no kill has hit a call"
    assert all(told.by_outcome(kind)["answered"] > KILLS for kind in UNSAFE)
    safe = [executed[call] for kind, call, _ in told.calls if kind == "look"]
    print(
        f"{KILLS} kills, {len(told.calls)} calls: {len(failed)} unsafe ones failed, "
        f"{sum(executed[call] for call in failed)} of them executed; "
        f"{sum(count > 1 for count in safe)} safe ones were made again"
    )


def test_processes_are_restarted_under_load(balanced: Balanced) -> None:
    """Nobody notices. (PUT and DELETE go as POST: nginx knows that it may try those elsewhere.)"""
    with load(balanced, override=True) as told:
        for number in range(RESTARTS):
            process = balanced.processes[number % 3]
            time.sleep(0.1)
            assert process.end(signal.SIGTERM) == 0
            process.start()
    check_truth(told, executions(balanced.log))
    assert set(told.by_outcome(*UNSAFE)) == {"answered"}, balanced.nginx.said
    assert len(told.calls) > 100 * RESTARTS
    print(f"{RESTARTS} restarts, {len(told.calls)} calls")


def test_calls_in_flight_end_before_the_process_does(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        Process(log) as process,
        glyph.Client() as client,
        ThreadPoolExecutor(8) as pool,
    ):
        root = client.get(process.url)
        calls = [pool.submit(root.add, f"call-{number}", 1.0) for number in range(8)]
        deadline = time.monotonic() + 10
        while executions(log).total() < 8:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert process.end(signal.SIGTERM) == 0
        assert len({call.result() for call in calls}) == 1
        with pytest.raises(glyph.TransportError) as caught:
            root.add("late")
        assert caught.value.outcome == "not done"
    assert executions(log) == {f"call-{number}": 1 for number in range(8)}


def test_gunicorn_replaces_its_workers_under_load() -> None:
    """On SIGHUP; the master goes on listening, and no connection is lost."""
    (kind,) = (kind for kind in KINDS if kind.name == "gunicorn gthread")
    ended, request = threading.Event(), post("/hello")

    def call_all_the_time(url: str) -> Counter[int]:
        statuses = Counter[int]()
        while not ended.is_set():
            statuses[status_of(exchange(url, request))] += 1
        return statuses

    with running(kind) as gunicorn, ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(call_all_the_time, gunicorn.url) for _ in range(4)]
        try:
            for _ in range(3):
                time.sleep(0.3)
                gunicorn.process.send_signal(signal.SIGHUP)
            time.sleep(1)
        finally:
            ended.set()
        statuses = [caller.result() for caller in callers]
        assert all(set(one) == {200} for one in statuses)
        assert sum(one.total() for one in statuses) > 20
