"""What the tests of stores run in processes of their own: `python FILE ROLE WHERE ...`.

WHERE is the path of a file, or the URL of a Redis server.
"""

from __future__ import annotations

import random
import resource
import signal
import sys
import time

import hyperglyph as glyph
from hyperglyph.server.stores import RedisStore, SQLiteStore, Store, StoreError

SECRET = "a secret that all processes share"


def opened(where: str) -> Store:
    return RedisStore(where) if "://" in where else SQLiteStore(where, timeout=30)


def counting(store: Store) -> glyph.Router:
    """A service with a counter, whose method is repeated where it loses."""
    router = glyph.Router(secret=SECRET)

    @router.add()
    class Counter(glyph.PersistentResource, store=store, retries=20):
        def __init__(self) -> None:
            self.count = 0

        def add(self) -> int:
            self.count += 1
            return self.count

    return router


def serve(where: str, times: int) -> None:
    """Serve the counter, and add to it by calling this very server over HTTP."""
    store = opened(where)
    with glyph.Server(counting(store)) as server, glyph.Client(timeout=60) as client:
        print("ready", flush=True)
        counter = client.get(server.url + sys.stdin.readline().strip())
        seen: list[int] = []
        conflicts = 0
        while len(seen) < times:
            try:
                seen.append(counter.add())
            except glyph.Conflict:
                conflicts += 1
        print(conflicts, *seen)
    store.close()


def add(where: str, times: int) -> None:
    """Add to one counter with compare-and-set alone."""
    store = opened(where)
    print("ready", flush=True)
    sys.stdin.readline()
    lost = 0
    for _ in range(times):
        while True:
            entry = store.get("counter")
            count = 0 if entry is None else entry.value["count"]
            version = None if entry is None else entry.version
            if store.compare_and_set("counter", {"count": count + 1}, version) is not None:
                break
            lost += 1
            time.sleep(random.uniform(0, 0.005))
    store.close()
    print(lost)


def write(path: str) -> None:
    """Write without end, telling each number once it is written."""
    store = SQLiteStore(path)
    number = 0
    while True:
        number += 1
        store.put(f"key {number % 50}", {"number": number, "text": "x" * 5_000})
        store.put("last", number)
        print(number, flush=True)


def fill(path: str, size: int) -> None:
    """Write until the files may not grow any more; print what is said then."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = SQLiteStore(path)
    store.put("kept", "before")
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        for number in range(10_000):
            store.put(f"key {number}", b"x" * 10_000)
    except StoreError as error:
        print(error)
    entry = store.get("kept")
    assert entry is not None
    print(entry.value)
    store.close()


if __name__ == "__main__":
    role, path, *rest = sys.argv[1:]
    if role == "add":
        add(path, int(rest[0]))
    elif role == "serve":
        serve(path, int(rest[0]))
    elif role == "write":
        write(path)
    else:
        fill(path, int(rest[0]))
