"""Work in forked children, some at a time: each starts from the parent's state and leaves nothing
of its own in it."""

import gc
import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def run_forked(
    work: Iterable[tuple[T, Callable[[], bytes]]], jobs: int, timeout: float
) -> Iterator[tuple[T, bytes | None]]:
    """Yield each key of `work` with what its function returned, in the order in which they end.

    None stands for a child that died, or that took more than `timeout` seconds and was killed.
    `work` is taken one by one as children become free. Raises RuntimeError, with the child's
    traceback, for a function that raised.
    """
    gc.collect()
    gc.freeze()  # a collection in a child would copy all of the parent's memory
    try:
        yield from _run(iter(work), jobs, timeout)
    finally:
        gc.unfreeze()


def _run(
    rest: Iterator[tuple[T, Callable[[], bytes]]], jobs: int, timeout: float
) -> Iterator[tuple[T, bytes | None]]:
    running: dict[int, tuple[int, T, float]] = {}
    while True:
        while len(running) < jobs and (following := next(rest, None)) is not None:
            key, function = following
            pipe, pid = _start(function)
            running[pipe] = (pid, key, time.monotonic() + timeout)
        if not running:
            return
        soonest = min(deadline for _, _, deadline in running.values())
        ready, _, _ = select.select(running, [], [], max(0.0, soonest - time.monotonic()))
        for pipe, (pid, key, deadline) in list(running.items()):
            if pipe not in ready:
                if time.monotonic() < deadline:
                    continue
                os.kill(pid, signal.SIGKILL)
            del running[pipe]
            yield key, _end(pipe, pid)


def _start(function: Callable[[], bytes]) -> tuple[int, int]:
    here, there = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(here)
        _child(function, there)
    os.close(there)
    return here, pid


def _child(function: Callable[[], bytes], pipe: int) -> None:
    """Write `+` and the result, or `-` and a traceback; never returns."""
    try:
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        said = b"+" + function()
    except BaseException:  # noqa: BLE001 - the parent raises it
        said = b"-" + traceback.format_exc().encode()
    try:
        with os.fdopen(pipe, "wb") as file:
            file.write(said)
    finally:
        os._exit(0)


def _end(pipe: int, pid: int) -> bytes | None:
    with os.fdopen(pipe, "rb") as file:
        said = file.read()
    os.waitpid(pid, 0)
    if said[:1] == b"-":
        raise RuntimeError(f"a child failed:\n{said[1:].decode()}")
    return said[1:] if said else None
