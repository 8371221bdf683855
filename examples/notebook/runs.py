"""What computes now: one method a workspace, how far it has come, and a way to end it."""

import threading
import time
from array import array
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import hyperglyph as glyph


@dataclass
class Progress:
    """`done` of `of` steps in so many seconds; the fields of a dataclass travel by name."""

    method: str
    done: int
    of: int
    seconds: float


class Run:
    """A method that computes."""

    def __init__(self, method: str, of: int) -> None:
        self.method = method
        self.of = of
        self.done = 0
        self.stopped = False
        self.started = time.monotonic()

    def advance(self, steps: int = 1) -> None:
        """So many steps more are done. Raises Conflict, GatewayTimeout if no more are wanted."""
        self.done += steps
        if self.stopped:
            raise glyph.Conflict(f"{self.method} was stopped after {self.done} of {self.of}")
        left = glyph.context().time_left
        if left is not None and left <= 0:
            raise glyph.GatewayTimeout(f"{self.method} came to {self.done} of {self.of} in time")

    def over(self, pieces: "Iterable[array[float]]") -> "Iterator[array[float]]":
        """The same pieces; one that has been worked on counts as so many steps."""
        for piece in pieces:
            yield piece
            self.advance(len(piece))

    @property
    def progress(self) -> Progress:
        return Progress(self.method, self.done, self.of, time.monotonic() - self.started)


class Runs:
    """All runs by the key of their workspace. Usable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}

    @contextmanager
    def run(self, key: str, method: str, of: int) -> Generator[Run]:
        """Enter a run. Raises Conflict if the workspace has one."""
        run = Run(method, of)
        with self._lock:
            other = self._runs.setdefault(key, run)
        if other is not run:
            raise glyph.Conflict(f"{other.method} computes here already: wait for it, or stop() it")
        try:
            yield run
        finally:
            with self._lock:
                del self._runs[key]

    def progress(self, key: str) -> Progress | None:
        run = self._runs.get(key)
        return None if run is None else run.progress

    def stop_all(self) -> None:
        with self._lock:
            for run in self._runs.values():
                run.stopped = True

    def stop(self, key: str) -> None:
        run = self._runs.get(key)
        if run is not None:
            run.stopped = True
