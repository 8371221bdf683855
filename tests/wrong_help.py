"""How the suite is tried on wrong implementations: which cases are run, and what has to fail."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from hyperglyph.conformance import coverage
from hyperglyph.conformance.cases import Case, load, load_scenarios
from hyperglyph.conformance.results import Result
from hyperglyph.conformance.runner import run
from hyperglyph.conformance.testee import Testee
from hyperglyph.conformance.testees.wrong import FAULTS, Fault

__all__ = ["CASES", "check", "chosen", "command", "is_caught", "of"]

SOAK = "HYPERGLYPH_SOAK" in os.environ
#: Of the cases that do not name the fault, one in so many is run.
EVERY = {"codec": 40, "server": 48, "client": 32}
#: So many of those may fail, too: more where a fault is in what many cases begin with.
SHARE = 0.05
WIDE_SHARE = 0.35
WIDE = {
    "resources are not at their urls",
    "a colon that makes a scheme",
    "406 for other types",
    "redirects lead nowhere",
    "links without urls",
    "white space behind every message",
}

#: Where nothing can be refused, these have to show it (spec/coverage.json).
DETECTED = coverage.remarks().detected

CASES: Sequence[Case] = [*load(), *load_scenarios()]


def of(role: str) -> list[Fault]:
    return [fault for fault in FAULTS.values() if fault.role == role]


def chosen(fault: Fault) -> tuple[list[Case], set[str]]:
    """The cases to run, and the names of those that are a sample of all."""
    cases = [
        case for case in CASES if case.role == fault.role and case.kind not in ("call", "build")
    ]
    sample = cases if SOAK else cases[:: EVERY[fault.role]]
    names = {case.name for case in sample}
    return [c for c in cases if c.name in names or fault.requirement in c.requirements], names


def check(fault: Fault, results: Sequence[Result], sample: set[str]) -> None:
    wrong = [result for result in results if result.outcome != "passed"]
    assert any(fault.requirement in result.case.requirements for result in wrong), [
        (result.case.name, result.detail) for result in wrong
    ]
    caught = {result.case.name for result in wrong if result.outcome == "failed"}
    shown = DETECTED.get(fault.requirement, caught)
    assert caught.intersection(shown), f"none of {shown} fails, but {caught}"
    missed = [result.case.name for result in wrong if result.case.name in sample]
    share = WIDE_SHARE if fault.name in WIDE else SHARE
    assert len(missed) <= share * len(sample) + (0 if SOAK else 3), missed


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "hyperglyph.conformance.testees.wrong", *words]


def is_caught(fault: Fault) -> None:
    """Try a wrong server or client, as its own program."""
    cases, sample = chosen(fault)
    with Testee(command(fault.name), timeout=5, patience=20) as testee:
        check(fault, list(run(cases, testee)), sample)
