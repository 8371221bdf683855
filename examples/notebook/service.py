"""A compute box: workspaces that hold a dataset each, and methods that compute on it.

    python examples/notebook/service.py --folder FOLDER [--port PORT] [--mount /box]

It prints its URL and stays up until it is stopped. A dataset is float64, little-endian, one value
after the other. With `--mount` a WSGI server serves it below that prefix, as it would among other
applications. Signed references need a secret, in HYPERGLYPH_SECRET, to outlive the process.
"""

import argparse
import math
import random
import secrets
import signal
import statistics
import sys
import tempfile
import threading
from array import array
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate
from operator import sub
from pathlib import Path

from cheroot.wsgi import PathInfoDispatcher
from cheroot.wsgi import Server as WSGIServer
from datasets import Datasets, to_bytes
from runs import Progress, Runs

import hyperglyph as glyph

TYPE = "application/vnd.float64-le"
#: More values than this at once come as a blob, from a method of its own.
MOST_VALUES = 100_000
#: How many seconds a call may still compute when the box is asked to end.
PATIENCE = 5.0

router = glyph.Router(docstrings=True)
runs = Runs()
datasets: Datasets


@dataclass
class Summary:
    """What `describe` finds."""

    count: int
    mean: float
    stdev: float
    min: float
    max: float


@dataclass
class Bootstrap:
    """What `bootstrap` finds: the mean of the data, between which bounds it is with 95 % certainty,
    and the means of the rounds, in order, as float64."""

    mean: float
    low: float
    high: float
    means: bytes


@router.add()
@glyph.hidden()
class Workspace(glyph.Resource):
    """A dataset, and what can be computed of it. Its URL holds a key and nothing else."""

    def __init__(self, key: str) -> None:
        self._key = key

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self._part())

    def load(self, values: glyph.Blob) -> "Workspace":
        """Take a dataset in place of the one there was: a blob of float64, little-endian."""
        if not isinstance(values, glyph.Blob):
            raise glyph.BadRequest("values is a blob: hyperglyph.blob(file, content_type)")
        try:
            datasets.write(self._key, values)
        except ValueError as error:
            raise glyph.BadRequest(str(error)) from None
        return self

    def unload(self) -> None:
        """Forget the dataset. The workspace stays."""
        datasets.remove(self._key)

    @glyph.safe()
    def values(self, start: int = 0, count: int = 1000) -> bytes:
        """Some of the values, as float64; fewer at the end of the data."""
        check("start", start, 0, sys.maxsize)
        check("count", count, 0, MOST_VALUES)
        return to_bytes(datasets.read(self._key, self._data()[start : start + count]))

    @glyph.safe()
    def describe(self) -> Summary:
        """Count, mean, standard deviation, least and greatest."""
        count, mean, squares, low, high = 0, 0.0, 0.0, math.inf, -math.inf
        with self._run("describe") as pieces:
            for piece in pieces:
                # Chan's way to put two parts together, which long data does not make less exact.
                size, middle = len(piece), statistics.fmean(piece)
                apart = middle - mean
                squares += math.fsum([(value - middle) ** 2 for value in piece])
                squares += apart * apart * count * size / (count + size)
                count += size
                mean += apart * size / count
                low, high = min(low, *piece), max(high, *piece)
        return Summary(count, mean, math.sqrt(squares / max(count - 1, 1)), low, high)

    def rolling_mean(self, window: int) -> glyph.Blob:
        """The mean of each `window` neighbours, as a blob of float64."""
        check("window", window, 1, min(len(self._data()), MOST_VALUES))
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed when it has gone out
        held = array("d")
        with self._run("rolling_mean") as pieces:
            for piece in pieces:
                held += piece
                if len(held) >= window:
                    # A new sum for each piece, so that no rounding error grows with the data.
                    first = math.fsum(held[:window])
                    sums = accumulate(map(sub, held[window:], held), initial=first)
                    file.write(to_bytes(array("d", [total / window for total in sums])))
                    held = held[len(held) - window + 1 :]
        file.seek(0)
        return glyph.blob(file, TYPE)

    def bootstrap(self, rounds: int = 1000, seed: int | None = None) -> Bootstrap:
        """How certain the mean is: that of many samples drawn from 10,000 of the values."""
        check("rounds", rounds, 2, 1_000_000)
        data = self._data()
        chance = random.Random(seed)  # noqa: S311 - statistics, not secrets
        picked = chance.sample(data, min(len(data), 10_000))
        sample = datasets.pick(self._key, sorted(picked))
        means = array("d")
        with runs.run(self._key, "bootstrap", rounds) as run:
            for _ in range(rounds):
                means.append(statistics.fmean(chance.choices(sample, k=len(sample))))
                run.advance()
        low, *_, high = statistics.quantiles(means, n=40, method="inclusive")
        return Bootstrap(statistics.fmean(sample), low, high, to_bytes(means))

    @glyph.safe()
    def progress(self) -> Progress | None:
        """How far the method has come that computes now; None if none does."""
        return runs.progress(self._key)

    def stop(self) -> None:
        """End the method that computes now: whoever called it gets Conflict."""
        runs.stop(self._key)

    def _part(self) -> range:
        """Which of the values in the file are ours."""
        return range(datasets.count(self._key))

    def _data(self) -> range:
        """The same. Raises Conflict if there are none."""
        if not self._part():
            raise glyph.Conflict("the workspace has no data: load() some")
        return self._part()

    @contextmanager
    def _run(self, method: str) -> "Generator[Iterator[array[float]]]":
        """All values in pieces, once; how far they are read is the progress of the method."""
        data = self._data()
        with runs.run(self._key, method, len(data)) as run:
            yield run.over(datasets.pieces(self._key, data))


@router.add()
@glyph.redirect()
def new_workspace() -> Workspace:
    """An empty workspace. Keep its URL: nobody else has it, and there is no other way back."""
    return Workspace(new_key())


def new_key() -> str:
    return secrets.token_urlsafe(16)


def check(name: str, value: int, least: int, most: int) -> None:
    """Raise BadRequest for an argument that is no integer between two bounds."""
    if not isinstance(value, int) or not least <= value <= most:
        raise glyph.BadRequest(f"{name} is an integer from {least} to {most}, not {value!r:.40}")


def main(router: glyph.Router, arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C, then let the calls in flight end."""
    global datasets  # noqa: PLW0603 - set once, before anything is served
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--mount", default="")
    options = parser.parse_args(arguments)
    datasets = Datasets(options.folder)
    if options.mount:
        run_below(options.mount, router, options.port)
    else:
        server = glyph.Server(router, port=options.port).start()
        print(server.url, flush=True)
        server.run()


def run_below(mount: str, router: glyph.Router, port: int) -> None:
    """The router is a WSGI application: in a WSGI server, here below a prefix."""
    applications = PathInfoDispatcher({mount: router})
    server = WSGIServer(("127.0.0.1", port), applications, numthreads=40)
    server.prepare()
    # Not in the main thread: there the files of a connection may end, and what a signal raises
    # while one does is lost. The program would never hear that it is asked to end.
    threading.Thread(target=server.serve, daemon=True).start()
    with suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(f"http://127.0.0.1:{server.bind_addr[1]}{mount}/", flush=True)
        threading.Event().wait()
    # This server waits for its calls without end; after a while they are asked to stop.
    stopping = threading.Timer(PATIENCE, runs.stop_all)
    stopping.daemon = True
    stopping.start()
    server.stop()


if __name__ == "__main__":
    main(router)
