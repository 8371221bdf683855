"""One instance, changed by many processes at once: no change is lost, on SQLite and on Redis.

Each process is a server of its own, called over HTTP; they share a secret and a store.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from store_processes import counting

import hyperglyph as glyph
from hyperglyph.server.stores import RedisStore, SQLiteStore, Store

PROGRAM = Path(__file__).with_name("store_processes.py")

PROCESSES = 8
#: `make soak` makes 10,000 in all, each way; that takes longer than a check should.
SOAK = "HYPERGLYPH_SOAK" in os.environ
ADDITIONS = 10_000 if SOAK else 2_000
TIMES = 10_000 if SOAK else 1_000

#: Where processes find a store, and the store itself.
Shared = tuple[str, Store]


@pytest.fixture(params=["sqlite", "redis"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shared]:
    made: Store
    if request.param == "sqlite":
        where = str(tmp_path / "store.db")
        made = SQLiteStore(where, timeout=30)
    else:
        where = request.getfixturevalue("redis_server").url
        made = RedisStore(where)
    yield where, made
    made.close()


def run(role: str, where: str, times: int, go: str) -> list[str]:
    """Run the processes at once, to their end: what each has printed."""
    command = [sys.executable, "-W", "error", str(PROGRAM), role, where, str(times)]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{go}\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    return outputs


def test_compare_and_set_alone(shared: Shared) -> None:
    where, store = shared
    run("add", where, ADDITIONS // PROCESSES, "go")
    entry = store.get("counter")
    assert entry is not None
    assert entry.value == {"count": ADDITIONS}


def test_calls_of_eight_servers(shared: Shared) -> None:
    where, store = shared
    with glyph.Client(glyph.LocalTransport(counting(store))) as client:
        counter = client.get("http://localhost/").Counter()
        path = urlsplit(glyph.url_of(counter)).path.lstrip("/")
        outputs = run("serve", where, TIMES // PROCESSES, path)
        assert glyph.reload(counter).count == TIMES
    answers = [[int(number) for number in output.split()[1:]] for output in outputs]
    # Each call saw the counter as no other did, and in order: nothing was counted twice either.
    assert sorted(number for seen in answers for number in seen) == list(range(1, TIMES + 1))
    assert all(seen == sorted(seen) for seen in answers)
    conflicts = sum(int(output.split()[0]) for output in outputs)
    print(f"{TIMES} calls, {conflicts} of them told of a conflict and made again by the caller")
