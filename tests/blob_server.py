"""A service whose process can be made to run out of disk and of descriptors; see
test_blobs_faults.py.
"""

from __future__ import annotations

import os
import resource
import tempfile
from contextlib import suppress
from pathlib import Path

import hyperglyph as glyph

router = glyph.Router()
taken: list[int] = []


@router.add
def size(blob: glyph.Blob) -> int:
    return len(blob.read())


@router.add
def left() -> list[int]:
    """How many descriptors are open, and how many files are in the folder for temporary ones."""
    return [len(os.listdir("/proc/self/fd")), len(list(Path(tempfile.gettempdir()).iterdir()))]


@router.add
def fill_disk(after: int | None) -> None:
    """No file may grow longer than so many bytes."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most if after is None else after, most))


@router.add
def take_descriptors() -> None:
    """All that are left, so that no file can be opened."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, most))
    with suppress(OSError):
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))


@router.add
def give_descriptors() -> None:
    while taken:
        os.close(taken.pop())


if __name__ == "__main__":
    with glyph.Server(router) as server:
        print(server.url, flush=True)
        server.join()
