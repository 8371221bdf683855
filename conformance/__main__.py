"""The command line: run, list and show. `spec/README.md` describes it."""

import argparse
import json
import sys
import time
from collections.abc import Sequence

from . import report
from .cases import Vector, choose, load
from .results import succeeded
from .runner import run
from .testee import PYTHON, TIMEOUT, Testee, TesteeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status: 0 well, 1 not well, 2 not run at all."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command: list[str] = []
    if "--" in words:  # all behind it belongs to the testee, options too
        cut = words.index("--")
        words, command = words[:cut], words[cut + 1 :]
    parser = _parser()
    options = parser.parse_args(words)
    if options.action == "show":
        return _show([vector for vector in load() if vector.name == options.name])
    vectors = choose(
        load(),
        topics=options.topic,
        requirements=options.requirement,
        patterns=options.pattern,
    )
    if options.action == "list":
        return _list(vectors)
    if (options.testee is None) == (not command):
        parser.error("run needs a testee: python, or -- COMMAND ARGUMENTS")
    strict = options.strict or options.testee is not None
    testee = Testee(command or PYTHON, timeout=options.timeout)
    return _run(vectors, testee, strict=strict, form=options.report)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hyperglyph.conformance",
        description="Run the vectors of the hyperglyph standard against an implementation.",
    )
    actions = parser.add_subparsers(dest="action", required=True)
    choice = argparse.ArgumentParser(add_help=False)
    for name, what in (
        ("topic", "only vectors of this topic"),
        ("requirement", "only vectors of this requirement, such as REQ-INT-1"),
        ("pattern", "only vectors whose name fits, with * and ?"),
    ):
        choice.add_argument(f"--{name}", action="append", default=[], metavar="X", help=what)
    runs = actions.add_parser("run", parents=[choice], help="test an implementation")
    runs.add_argument(
        "testee", nargs="?", choices=["python"], help="a built-in one; else -- COMMAND ARGUMENTS"
    )
    runs.add_argument("--report", choices=["terminal", "json"], default="terminal")
    runs.add_argument("--strict", action="store_true", help="a wrong offset fails, too")
    runs.add_argument(
        "--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="for each answer"
    )
    actions.add_parser("list", parents=[choice], help="list the vectors")
    shows = actions.add_parser("show", help="print one vector")
    shows.add_argument("name")
    return parser


def _run(vectors: Sequence[Vector], testee: Testee, *, strict: bool, form: str) -> int:
    started = time.monotonic()
    try:
        with testee:
            results = list(run(vectors, testee, strict=strict))
            about = testee.implementation
    except TesteeError as error:
        print(f"the testee does not start: {error}", file=sys.stderr)
        return 2
    assert about is not None
    write = report.for_programs if form == "json" else report.terminal
    print(write(about, results, time.monotonic() - started))
    return 0 if succeeded(results) else 1


def _list(vectors: Sequence[Vector]) -> int:
    for vector in vectors:
        print(f"{vector.name}  {vector.expect}  {' '.join(vector.requirements)}")
    return 0 if vectors else 1


def _show(vectors: Sequence[Vector]) -> int:
    for vector in vectors:
        print(json.dumps(vector.source, indent=1))
        if vector.wire is not None:
            print(f"{len(vector.wire)} octets: {vector.wire[:1000]!r}")
        return 0
    print("no vector has this name", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
