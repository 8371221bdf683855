"""Servers in processes of their own, and what they use: CPU time by asking, memory by /proc."""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import hyperglyph as glyph

Make = Callable[[], tuple[str, Any]]


def cpu_seconds() -> float:
    """What this process has used of a processor so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _run(make: Make, pipe: Any) -> None:
    """Serve until the pipe closes; answer each message on it with the CPU time used so far."""
    url, server = make()
    if not isinstance(server, glyph.Server):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send((url, os.getpid()))
    with suppress(EOFError):
        while pipe.recv():
            pipe.send(cpu_seconds())
    os._exit(0)


class Process:
    """A server elsewhere."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self.url: str
        self.pid: int
        self.url, self.pid = pipe.recv()

    def cpu(self) -> float:
        """CPU seconds used so far."""
        self._pipe.send(True)
        return float(self._pipe.recv())


@contextmanager
def process(make: Make) -> Generator[Process]:
    """Serve what `make`, a function of a module, returns: a URL and a server."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_run, args=(make, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        yield Process(ours)
    finally:
        ours.close()
        child.join()


class Memory:
    """The resident memory of processes, looked at every 10 ms from a thread."""

    def __init__(self, *pids: int) -> None:
        self._files = [Path(f"/proc/{pid}/statm") for pid in pids]
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._ended = threading.Event()

    def now(self) -> list[int]:
        """Bytes by process."""
        return [int(file.read_text("ascii").split()[1]) * self._page for file in self._files]

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self.peaks = list(map(max, self.peaks, self.now()))

    @contextmanager
    def growth(self) -> Generator[list[int]]:
        """Fills the list, at its end, with how much each process grew at most."""
        before = self.peaks = self.now()
        self._ended.clear()
        thread = threading.Thread(target=self._watch)
        thread.start()
        found: list[int] = []
        try:
            yield found
        finally:
            self._ended.set()
            thread.join()
            found += [peak - start for peak, start in zip(self.peaks, before, strict=True)]


def seconds_of(action: Callable[[], object]) -> float:
    """How long an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
