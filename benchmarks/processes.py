"""Servers in processes of their own, and what they use: CPU time by asking, memory by /proc."""

from __future__ import annotations

import multiprocessing
import os
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Sequence
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


class Program:
    """A server that is a program of its own, with the processes that it has started."""

    def __init__(self, pid: int, url: str) -> None:
        self.url = url
        self._pid = pid

    def cpu(self) -> float:
        """CPU seconds used so far."""
        # The clock of a process, as clock_getcpuclockid(3) gives it on Linux.
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in _family(self._pid))


def _family(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    children = [int(x) for one in threads for x in (one / "children").read_text("ascii").split()]
    return [pid, *(found for child in children for found in _family(child))]


@contextmanager
def program(command: Sequence[str], seconds: float = 30) -> Generator[Program]:
    """Run a command, in which PORT is replaced by a free one, until this is left."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    child = subprocess.Popen(  # noqa: S603 - ours
        [part.replace("PORT", str(port)) for part in command],
        cwd=Path(__file__).parent,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, child, seconds)
        yield Program(child.pid, f"http://127.0.0.1:{port}/")
    finally:
        child.terminate()
        try:
            child.wait(seconds)
        finally:
            child.kill()
            child.wait()


def _wait_for(port: int, child: subprocess.Popen[bytes], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if child.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"it does not listen: {child.args!r}")
        time.sleep(0.02)


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
