"""Every client against every server, and each testee by itself: one table, one page."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Final

import attrs

from . import html as pages
from . import known
from .cases import Case, Scenario
from .client_judge import judge_call
from .registry import TESTEES, Registered
from .relay import Relay
from .report import Run
from .results import Result, legible, succeeded
from .runner import run
from .testee import Implementation, Testee, TesteeError

__all__ = ["Cell", "Matrix", "main", "make", "table"]


@attrs.frozen
class Cell:
    """What came out of one client against one server."""

    client: str
    server: str
    results: Sequence[Result]

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return sum(result.outcome == "passed" for result in self.results)

    @property
    def well(self) -> bool:
        """Tell whether nothing failed and something was run."""
        return succeeded(self.results)


@attrs.frozen
class Matrix:
    """All of it. `missing` are testees that the machine cannot run, each with the reason;
    `libraries` those that try a library, which the matrix has none of.
    """

    runs: Sequence[Run]
    cells: Sequence[Cell]
    missing: Sequence[tuple[str, str]]
    libraries: Sequence[str] = ()

    @property
    def clients(self) -> Sequence[str]:
        return list(dict.fromkeys(cell.client for cell in self.cells))

    @property
    def servers(self) -> Sequence[str]:
        return list(dict.fromkeys(cell.server for cell in self.cells))

    def cell(self, client: str, server: str) -> Cell:
        """Return the cell of these two."""
        return next(cell for cell in self.cells if (cell.client, cell.server) == (client, server))

    @property
    def well(self) -> bool:
        """Tell whether every run conforms and every cell passed."""
        return (
            bool(self.runs or self.cells)
            and all(run.conforms for run in self.runs)
            and all(cell.well for cell in self.cells)
        )


#: Of what the matrix consists, so much is tried at a time: most of it waits.
JOBS: Final = 2


def main(
    cases: Sequence[Case],
    *,
    html: str | None,
    timeout: float,
    complete: bool = False,
    jobs: int = JOBS,
) -> int:
    """Make the matrix, print it, and return the exit status of the command.

    `complete`: a testee that cannot run here is a failure; those of 2012 need a library, and are
    never among them.
    """
    if html is not None:
        # Before all else: what comes of minutes is not to be lost over a folder.
        try:
            Path(html).parent.mkdir(parents=True, exist_ok=True)
            Path(html).touch()
        except OSError as error:
            print(f"{html} cannot be written: {error.strerror}", file=sys.stderr)
            return 2
    made = make(cases, timeout=timeout, jobs=jobs, say=lambda text: print(text, file=sys.stderr))
    print(table(made))
    if html is not None:
        page = pages.page_of_matrix(made)
        Path(html).write_text(page, encoding="utf-8", errors="backslashreplace")
    return 0 if made.well and not (complete and made.missing) else 1


def make(
    cases: Sequence[Case],
    *,
    timeout: float,
    testees: Sequence[Registered] = TESTEES,
    jobs: int = JOBS,
    say: Callable[[str], None] = lambda text: None,
) -> Matrix:
    """Try each testee by itself, and each client against each server, `jobs` of them at a time."""
    missing: list[tuple[str, str]] = []
    libraries: list[str] = []
    able: list[Registered] = []
    for testee in testees:
        if testee.library:
            libraries.append(testee.name)
        elif (lacks := testee.lacks()) is not None:
            missing.append((testee.name, lacks))
        else:
            able.append(testee)
    calls = [case for case in cases if isinstance(case, Scenario) and case.kind == "call"]
    roles = {case.role for case in cases if case.kind != "call"}  # of those that were chosen

    def alone(testee: Registered) -> Run:
        say(f"{testee.name}: {testee.about}")
        return _alone(testee, cases, timeout)

    def against(pair: tuple[Registered, Registered]) -> Cell:
        server, client = pair
        say(f"{client.name} calls {server.name}")
        return _against(client, server, calls, timeout)

    servers, clients = (
        [testee for testee in able if role in testee.roles] for role in ("server", "client")
    )
    with ThreadPoolExecutor(jobs) as pool:
        runs = list(pool.map(alone, (testee for testee in able if roles & testee.roles)))
        cells = list(pool.map(against, product(servers, clients) if calls else ()))
    return Matrix(runs, cells, missing, libraries)


def _alone(registered: Registered, cases: Sequence[Case], timeout: float) -> Run:
    started = time.monotonic()
    about = Implementation(registered.name, "not started", "")
    problem = ""
    results: list[Result] = []
    try:
        with Testee(registered.command, timeout=timeout) as testee:
            assert testee.implementation is not None
            about = testee.implementation
            wanted = [case for case in cases if case.kind in testee.kinds]
            results = list(run(wanted, testee, strict=registered.strict))
    except TesteeError as error:
        problem = legible(str(error))
    judged, untrue = known.apply(results, registered.known())
    return Run(about, judged, time.monotonic() - started, untrue, registered.name, problem)


def _against(
    client: Registered, server: Registered, calls: Sequence[Scenario], timeout: float
) -> Cell:
    results: list[Result] = []
    try:
        with (
            Testee(server.command, timeout=timeout) as serving,
            Testee(client.command, timeout=timeout) as calling,
            Relay(serving.served()) as relay,
        ):
            for case in calls:
                result = judge_call(case, calling, relay.origin)
                results.append(attrs.evolve(result, seen=relay.taken()))
    except TesteeError as error:
        results += [Result(case, error.outcome, str(error)) for case in calls[len(results) :]]
    return Cell(client.name, server.name, results)


def table(made: Matrix) -> str:
    """Return the table for a terminal: the runs, then a row for each client."""
    lines = [
        f"{run.name:32}{run.verdict}, {len(run.results)} cases in {run.seconds:.1f} s"
        for run in made.runs
    ]
    lines += [line for run in made.runs for line in _amiss(run)]
    if made.cells:
        width = max(map(len, made.clients))
        columns = [name.removeprefix("python-") for name in made.servers]
        lines += ["", "  ".join([" " * width, *columns])]
        for client in made.clients:
            row = [made.cell(client, server) for server in made.servers]
            shown = (
                f"{cell.passed}/{len(cell.results)}{'' if cell.well else ' !'}".rjust(len(column))
                for cell, column in zip(row, columns, strict=True)
            )
            lines.append("  ".join([f"{client:{width}}", *shown]))
        for cell in made.cells:
            lines += [
                f"{cell.client} against {cell.server}: {result.case.name}: {result.detail}"
                for result in cell.results
                if result.fails
            ]
    lines += [f"not run here: {name}: {why}" for name, why in made.missing]
    lines += [f"not run here: {name}: it needs a library, --lib PATH" for name in made.libraries]
    return "\n".join(lines)


def _amiss(run: Run) -> Iterator[str]:
    """What counts against a testee by itself, a line for each."""
    if run.problem:
        yield f"{run.name}: {run.problem}"
    for result in run.results:
        if result.fails:
            yield f"{run.name}: {result.case.name}: {result.detail}"
    for line in run.untrue:
        yield f"{run.name}: {line.pattern}: no known failure any more ({line.where})"
