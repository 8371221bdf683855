"""`add(1, 2)` over loopback behind each kind of server, by each kind of client: calls a second.

    python benchmarks/servers.py [--calls N] [--rounds N]

Each server is one process of its own, with its defaults, but for the threads of granian's WSGI
side, of which it has one: there are eight, as many as callers. Every client keeps its connections.
All cells, server by way of calling, take turns in every round, since absolute times move by 2x on
shared machines.

A cell has the median of calls a second over the rounds; then its ratio to `glyph.Server` called by
`Client` one at a time, the median over the rounds of the ratio within each; then the spread of that
ratio, half of what is between its quartiles; then microseconds of CPU time for one call, client and
server together, which other programs of the machine disturb least. The ratios count, not the rates.

"coroutine" serves `async def add`, which runs on the server's event loop; a plain function has a
thread of a pool there.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from processes import Program, cpu_seconds, program

import hyperglyph as glyph

CALLERS = 8

router = glyph.Router(secret="one that all processes of a server share")  # noqa: S106


@router.add()
def add(a: Any, b: Any) -> Any:
    return a + b


@router.add(name="coroutine")
async def add_on_loop(a: Any, b: Any) -> Any:
    return a + b


# --- servers --------------------------------------------------------------------------------------


def serve(kind: str, port: int) -> None:
    """The servers that have no program of their own."""
    if kind == "own":
        glyph.Server(router, port=port).run()
        return
    from cheroot.wsgi import Server

    Server(("127.0.0.1", port), router).start()


_OURS = (__file__, "--serve")
_GRANIAN = (
    *("-m", "granian", "servers:router", "--host", "127.0.0.1", "--port", "PORT"),
    *("--no-ws", "--log-level", "critical"),
)
_UVICORN = (
    *("-m", "uvicorn", "servers:router", "--host", "127.0.0.1", "--port", "PORT"),
    *("--log-level", "critical", "--no-access-log"),
)
SERVERS = {
    "glyph.Server": (*_OURS, "own", "PORT"),
    "cheroot": (*_OURS, "cheroot", "PORT"),
    "granian WSGI": (*_GRANIAN, "--interface", "wsgi", "--blocking-threads", str(CALLERS)),
    "granian ASGI": (*_GRANIAN, "--interface", "asgi"),
    "uvicorn h11": (*_UVICORN, "--http", "h11", "--loop", "asyncio"),
    "uvicorn httptools": (*_UVICORN, "--http", "httptools", "--loop", "uvloop"),
}

#: Those with an event loop, and their names in front of "coroutine".
ASGI = {"granian ASGI": "granian", "uvicorn h11": "h11", "uvicorn httptools": "httptools"}

# --- ways of calling ------------------------------------------------------------------------------

#: Makes so many calls; returns how many seconds they took.
Turn = Callable[[int], float]


class Ways:
    """How a function of a server is called, by clients that stay until the stack ends."""

    def __init__(self, stack: ExitStack, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._pool = stack.enter_context(ThreadPoolExecutor(CALLERS))
        self._client = stack.enter_context(glyph.Client())
        self._async = glyph.AsyncClient()
        stack.callback(lambda: runner.run(self._async.close()))

    def of(self, url: str, name: str) -> dict[str, Turn]:
        plain = self._client.get(url)[name]
        awaited = self._runner.run(_opened(self._async, url))[name]
        return {
            "Client": lambda calls: _calls(plain, calls),
            f"{CALLERS} threads": lambda calls: self._by_threads(plain, calls),
            "AsyncClient": lambda calls: self._runner.run(_by_tasks(awaited, 1, calls)),
            f"{CALLERS} tasks": lambda calls: self._runner.run(_by_tasks(awaited, CALLERS, calls)),
        }

    def _by_threads(self, function: Callable[[int, int], Any], calls: int) -> float:
        each = [calls // CALLERS] * CALLERS
        start = time.perf_counter()
        list(self._pool.map(lambda count: _calls(function, count), each))
        return time.perf_counter() - start


def _calls(function: Callable[[int, int], Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        assert function(1, 2) == 3
    return time.perf_counter() - start


async def _opened(client: glyph.AsyncClient, url: str) -> Any:
    return await client.get(url)


async def _by_tasks(
    function: Callable[[int, int], Awaitable[Any]], tasks: int, calls: int
) -> float:
    async def some() -> None:
        for _ in range(calls // tasks):
            assert await function(1, 2) == 3

    start = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(tasks)))
    return time.perf_counter() - start


# --- rounds ---------------------------------------------------------------------------------------

Cell = tuple[str, str]


class Table:
    """What is measured, by row and way."""

    def __init__(self, rows: dict[str, tuple[Program, dict[str, Turn]]]) -> None:
        self._rows = rows
        self._ways = list(next(iter(rows.values()))[1])
        self._unit: Cell = (next(iter(rows)), self._ways[0])
        cells = [(row, way) for row in rows for way in self._ways]
        self._rates: dict[Cell, list[float]] = {cell: [] for cell in cells}
        self._ours: dict[Cell, list[float]] = {cell: [] for cell in cells}
        self._theirs: dict[Cell, list[float]] = {cell: [] for cell in cells}

    def measure(self, calls: int) -> None:
        """One round."""
        for cell in self._rates:
            server, ways = self._rows[cell[0]]
            turn = ways[cell[1]]
            # What a server closed meanwhile, or has not begun, is no part of a call.
            turn(CALLERS * 2)
            theirs, ours = server.cpu(), cpu_seconds()
            self._rates[cell].append(calls / turn(calls))
            self._ours[cell].append((cpu_seconds() - ours) / calls * 1e6)
            self._theirs[cell].append((server.cpu() - theirs) / calls * 1e6)

    def _cell(self, cell: Cell) -> str:
        ratios = _ratios(self._rates[cell], self._rates[self._unit])
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        used = statistics.median(map(sum, zip(self._ours[cell], self._theirs[cell], strict=True)))
        rate = statistics.median(self._rates[cell])
        return f"{rate:5.0f} {middle:5.2f} ±{(high - low) / 2:.2f} {used:5.0f}"

    def print(self) -> None:
        print(f"{'':20}", *(f"{way:>24}" for way in self._ways), sep="")
        for row in self._rows:
            print(f"{row:20}", *(f"{self._cell((row, way)):>24}" for way in self._ways), sep="")
        for name, used in (("client", self._ours), ("server", self._theirs)):
            print(f"CPU of the {name:9}", end="")
            for way in self._ways:
                ratios = _ratios(used[self._unit[0], way], used[self._unit])
                print(f"{statistics.median(ratios):11.2f}{'':13}", end="")
            print("  ratios, first row")
        print("calls/s, ratio to the first cell and its spread, CPU us of a call: the ratios count")


def _ratios(these: list[float], those: list[float]) -> list[float]:
    return [a / b for a, b in zip(these, those, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=80, help="calls in a round of a cell")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--serve", nargs=2, metavar=("KIND", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve[0], int(options.serve[1]))
        return
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        servers = {
            name: stack.enter_context(program((sys.executable, *command)))
            for name, command in SERVERS.items()
        }
        ways = Ways(stack, runner)
        rows: dict[str, tuple[Program, dict[str, Turn]]] = {}
        for name, server in servers.items():
            rows[name] = server, ways.of(server.url, "add")
            if name in ASGI:
                rows[f"{ASGI[name]}, coroutine"] = server, ways.of(server.url, "coroutine")
        table = Table(rows)
        for _ in range(options.rounds):
            table.measure(options.calls // CALLERS * CALLERS)
    table.print()


if __name__ == "__main__":
    main()
