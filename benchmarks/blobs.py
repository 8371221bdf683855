"""A blob both ways, and how much each process grows meanwhile.

    python benchmarks/blobs.py [--size MB] [--rounds N] [--envelope blob] [--async] [--json]

Client and server are two processes of their own. After a warm-up with a blob of 2 MiB, large enough
to be spooled, each round sends one up, which the server reads, and one down, which the client
reads. A third process looks at the resident memory of both every 10 ms. Growth is the peak of all
rounds over what was there after the warm-up; the goal is 8 MiB. With `--envelope blob` the body of
the request up is the file itself; with `--async` the client is an `AsyncClient`. `--json` prints
the figures alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from typing import IO, Any

from processes import Memory, process, seconds_of

import hyperglyph as glyph

MIB = 1024 * 1024
PIECE = 64 * 1024
GOAL = 8 * MIB
TYPE = "application/octet-stream"


def size_of(file: IO[bytes]) -> int:
    """Read to the end, in pieces; the number of bytes."""
    count = 0
    while piece := file.read(PIECE):
        count += len(piece)
    return count


@cache
def some(size: int) -> IO[bytes]:
    """A file of so many random bytes, gone with the process."""
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - it stays open
    for _ in range(0, size, MIB):
        file.write(os.urandom(min(MIB, size - file.tell())))
    file.flush()
    return file  # type: ignore[return-value]


def upload(content: glyph.Blob) -> int:
    return size_of(content)


@glyph.method("PUT")
def put(content: glyph.Blob) -> int:
    return size_of(content)


def prepare(size: int) -> None:
    some(size)


def download(size: int) -> glyph.Blob:
    return glyph.blob(open(some(size).name, "rb"), TYPE)


def serve() -> tuple[str, Any]:
    router = glyph.Router()
    for function in (upload, put, prepare, download):
        router.add(function)
    server = glyph.Server(router).start()
    return server.url, server


def run_client(url: str, pipe: Any, envelope: str, is_async: bool) -> None:
    """Move a blob for each size on the pipe; answer with the seconds up and down."""
    if is_async:
        with asyncio.Runner() as runner:
            client = glyph.AsyncClient(timeout=120)
            move_blobs(client, url, pipe, envelope, lambda call: runner.run(awaited(call)))
            runner.run(client.close())
        return
    with glyph.Client(timeout=120) as client:
        move_blobs(client, url, pipe, envelope, lambda value: value)


async def awaited(call: glyph.Call) -> Any:
    return await call


def move_blobs(client: Any, url: str, pipe: Any, envelope: str, done: Callable[[Any], Any]) -> None:
    """`done` gives the value of what a call gives."""
    root = done(client.get(url))
    send = root.put if envelope == "blob" else root.upload

    def up(size: int) -> None:
        with open(some(size).name, "rb") as file:
            assert done(send(glyph.blob(file, TYPE))) == size

    def down(size: int) -> None:
        with done(root.download(size)) as blob:
            assert size_of(blob) == size

    pipe.send(os.getpid())
    while size := pipe.recv():
        some(size)
        done(root.prepare(size))
        pipe.send([seconds_of(lambda s=size, m=move: m(s)) for move in (up, down)])


def measure(
    size: int, rounds: int, envelope: str = "form", is_async: bool = False
) -> dict[str, Any]:
    """Growth of both processes in bytes, and MB a second both ways."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with process(serve) as server:
        client = context.Process(
            target=run_client, args=(server.url, theirs, envelope, is_async), daemon=True
        )
        client.start()
        theirs.close()
        memory = Memory(ours.recv(), server.pid)
        ours.send(2 * MIB)
        ours.recv()
        seconds: list[list[float]] = []
        with memory.growth() as growth:
            for _ in range(rounds):
                ours.send(size)
                seconds.append(ours.recv())
        ours.send(0)
        client.join()
    up, down = (size / 1e6 / statistics.median(column) for column in zip(*seconds, strict=True))
    return {"client": growth[0], "server": growth[1], "up": up, "down": down}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--size", type=int, default=64, help="MiB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--envelope", choices=["form", "blob"], default="form")
    parser.add_argument("--async", action="store_true", dest="is_async", help="AsyncClient")
    parser.add_argument("--json", action="store_true", help="the figures alone, as JSON")
    options = parser.parse_args()
    figures = measure(options.size * MIB, options.rounds, options.envelope, options.is_async)
    if options.json:
        print(json.dumps(figures))
        return 0
    print(f"{options.size} MiB: {figures['up']:.0f} MB/s up, {figures['down']:.0f} MB/s down")
    for side in ("client", "server"):
        print(f"{side} grew by {figures[side] / MIB:.1f} MiB (goal {GOAL // MIB})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
