"""What the tests of the SQLite store run in processes of their own: `python FILE ROLE PATH ...`."""

from __future__ import annotations

import resource
import signal
import sys

from hyperglyph.server.stores import SQLiteStore, StoreError


def add(path: str, times: int) -> None:
    """Add to one counter, and to a counter of this process, with compare-and-set alone."""
    store = SQLiteStore(path, timeout=30)
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
    elif role == "write":
        write(path)
    else:
        fill(path, int(rest[0]))
