"""What a process holds: counted before and after, to prove that nothing is left behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection
from pathlib import Path

__all__ = ["descriptors", "left_behind"]


def descriptors() -> int:
    """How many descriptors are open: sockets, files, and temporary files without a name."""
    directory = Path("/proc/self/fd")
    return len(os.listdir(directory)) if directory.exists() else 0


def left_behind(open_before: int, threads: Collection[threading.Thread] | None = None) -> list[str]:
    """What is more than before, once a busy machine has ended what it is about to end."""
    deadline = time.monotonic() + 5.0
    while True:
        running = [] if threads is None else [t for t in threading.enumerate() if t not in threads]
        left = [repr(thread) for thread in running]
        if (more := descriptors() - open_before) > 0:
            left.append(f"{more} descriptors")
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.002)
