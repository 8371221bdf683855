"""The command line: run, list, show, matrix, requirements. `spec/testee.md` describes it."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import coverage, html, known, matrix, registry, report
from .cases import Case, Vector, choose, load, load_scenarios
from .layout import layout
from .progress import shown
from .results import legible
from .runner import run
from .testee import TIMEOUT, Testee, TesteeError

#: Those that are one document, whatever the number of testees.
DOCUMENTS: dict[str, Callable[[Sequence[report.Run]], str]] = {
    "json": report.for_programs,
    "junit": report.junit,
    "html": html.page_of_runs,
}
_DAY = 86_400


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status: 0 well, 1 not well, 2 not run at all.

    Interrupted by Ctrl-C it ends what it has started, says so, and returns 130 as shells do.
    """
    _take_everything()
    try:
        status = _main(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Who reads has enough, as `head`: what is left must not be tried again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _main(arguments: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    command: list[str] = []
    if "--" in words:  # all behind it belongs to the testee, options too
        cut = words.index("--")
        words, command = words[:cut], words[cut + 1 :]
    parser = _parser()
    options = parser.parse_args(words)
    every: list[Case] = [*load(), *load_scenarios()]
    if options.action == "show":
        return _show([case for case in every if case.name == options.name])
    cases = choose(
        every, topics=options.topic, requirements=options.requirement, patterns=options.pattern
    )
    if options.action == "list":
        return _list(cases)
    if options.action == "requirements":
        print(coverage.table(coverage.covered(cases)))
        return 0
    if options.action == "matrix":
        return matrix.main(
            cases,
            html=options.html,
            timeout=options.timeout,
            complete=options.complete,
            jobs=options.jobs,
        )
    if bool(options.testee) == bool(command):
        parser.error(
            "run needs testees by name, or -- COMMAND ARGUMENTS; known by name are " + _names()
        )
    try:
        extra = known.read_file(Path(options.known), every) if options.known else []
        chosen = [_registered(name, options.lib) for name in options.testee]
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if command:
        chosen = [registry.Registered("", "", frozenset(), tuple(command))]
    return _runs(chosen, cases, extra, options)


def _names() -> str:
    return ", ".join(testee.name for testee in registry.TESTEES)


def _registered(name: str, library: str | None) -> registry.Registered:
    testee = registry.find(name)
    if testee is None:
        raise ValueError(f"no testee is called {name}; there are {_names()}")
    if testee.library and library is None:
        raise ValueError(f"{name} needs --lib PATH: where the library is")
    return testee.with_library(library) if testee.library and library else testee


def _take_everything(encoding: str | None = None) -> None:
    """Have the output take what no encoding has, such as half of a surrogate pair in an answer."""
    reconfigure: Any = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:  # it is a stream, and not what stands in for one
        reconfigure(encoding=encoding, errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hyperglyph-conformance",
        description="Try implementations against the hyperglyph standard.",
    )
    actions = parser.add_subparsers(dest="action", required=True)
    choice = argparse.ArgumentParser(add_help=False)
    for name, what in (
        ("topic", "only cases of this topic"),
        ("requirement", "only cases of this requirement, such as REQ-INT-1"),
        ("pattern", "only cases whose name fits, with * and ?"),
    ):
        choice.add_argument(f"--{name}", action="append", default=[], metavar="X", help=what)
    timed = argparse.ArgumentParser(add_help=False)
    timed.add_argument(
        "--timeout", type=_seconds, default=TIMEOUT, metavar="SECONDS", help="for each answer"
    )
    runs = actions.add_parser("run", parents=[choice, timed], help="try implementations")
    runs.add_argument("testee", nargs="*", help=f"{_names()}; or -- COMMAND ARGUMENTS")
    runs.add_argument(
        "--lib", metavar="PATH", help="the library that ruby-2012 or python-2012 tries"
    )
    runs.add_argument("--known", metavar="FILE", help="more known failures")
    runs.add_argument("--report", choices=["terminal", *DOCUMENTS], default="terminal")
    runs.add_argument("--strict", action="store_true", help="a wrong offset fails, too")
    actions.add_parser("list", parents=[choice], help="list the cases")
    shows = actions.add_parser("show", help="print one case, its octets laid out")
    shows.add_argument("name")
    tables = actions.add_parser(
        "matrix", parents=[choice, timed], help="every client against every server, and the rest"
    )
    tables.add_argument("--html", metavar="FILE", help="write the page there, too")
    tables.add_argument(
        "--complete", action="store_true", help="fail where a testee cannot run on this machine"
    )
    tables.add_argument(
        "--jobs", type=_positive, default=matrix.JOBS, metavar="N", help="so many tries at a time"
    )
    actions.add_parser("requirements", parents=[choice], help="list which have cases")
    return parser


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"not a number from 1 on: {text}")
    return int(text)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _DAY:
        raise argparse.ArgumentTypeError(f"{text}: more than 0 seconds, and at most a day's")
    return seconds


def _runs(
    chosen: Sequence[registry.Registered],
    cases: Sequence[Case],
    extra: Sequence[known.Known],
    options: argparse.Namespace,
) -> int:
    status = 0
    done: list[report.Run] = []
    for testee in chosen:
        run = _run(testee, cases, extra, options)
        if run is None:
            status = 2
            continue
        status = max(status, 0 if run.conforms else 1)
        if options.report == "terminal":
            print(report.terminal(run), flush=True)
        else:
            done.append(run)
    if done:
        _take_everything("utf-8")  # the encoding of all three, whatever the terminal's is
        print(DOCUMENTS[options.report](done))
    return status


def _run(
    registered: registry.Registered,
    cases: Sequence[Case],
    extra: Sequence[known.Known],
    options: argparse.Namespace,
) -> report.Run | None:
    """Try a testee; None where it cannot be, which has been told."""
    if (lacks := registered.lacks()) is not None:
        print(f"{registered.name} cannot run here: {lacks}", file=sys.stderr)
        return None
    started = time.monotonic()
    strict: bool = options.strict or registered.strict
    testee = Testee(registered.command, timeout=options.timeout)
    try:
        with testee:
            wanted = [case for case in cases if case.kind in testee.kinds]
            results = list(shown(run(wanted, testee, strict=strict), len(wanted)))
            about = testee.implementation
    except TesteeError as error:
        print(f"the testee does not start: {legible(str(error))}", file=sys.stderr)
        return None
    assert about is not None
    judged, untrue = known.apply(results, [*registered.known(), *extra])
    return report.Run(about, judged, time.monotonic() - started, untrue, registered.name)


def _list(cases: Sequence[Case]) -> int:
    for case in cases:
        expected = case.expect if isinstance(case, Vector) else case.kind
        print(f"{case.name}  {expected}  {' '.join(case.requirements)}")
    if not cases:
        print("no case fits all that was chosen", file=sys.stderr)
    return 0 if cases else 1


def _show(cases: Sequence[Case]) -> int:
    for case in cases:
        print(layout(case))
        return 0
    print("no case has this name", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
