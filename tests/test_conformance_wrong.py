"""The suite is tried on implementations with one planted fault each: it has to catch every one.

A case whose requirement names the fault fails, and few others do. `make soak` runs all cases;
otherwise those that name the fault and a sample of the rest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, cast

import pytest

from hyperglyph.conformance import coverage
from hyperglyph.conformance.cases import Case, load, load_scenarios
from hyperglyph.conformance.codec_judge import judge_codec
from hyperglyph.conformance.results import Result
from hyperglyph.conformance.runner import run
from hyperglyph.conformance.testee import Testee
from hyperglyph.conformance.testees.wrong import FAULTS, Fault
from hyperglyph.conformance.testees.wrong.in_codec import changed

SOAK = "HYPERGLYPH_SOAK" in os.environ
#: Of the cases that do not name the fault, one in so many is run.
EVERY = {"codec": 40, "server": 48, "client": 32}
#: So many of those may fail, too.
SHARE = 0.05

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
    assert len(missed) <= SHARE * len(sample) + (0 if SOAK else 3), missed


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "hyperglyph.conformance.testees.wrong", *words]


class InProcess:
    """A testee for the judge that answers without a process of its own."""

    def __init__(self, name: str) -> None:
        self._name = name

    def ask(self, **request: object) -> dict[str, Any]:
        return changed(self._name, request)


@pytest.mark.parametrize("fault", of("codec"), ids=lambda fault: fault.name)
def test_a_wrong_codec_is_caught(fault: Fault) -> None:
    cases, sample = chosen(fault)
    testee = cast("Testee", InProcess(fault.name))
    check(fault, [judge_codec(cast("Any", case), testee) for case in cases], sample)


@pytest.mark.parametrize("fault", [*of("server"), *of("client")], ids=lambda fault: fault.name)
def test_a_wrong_server_or_client_is_caught(fault: Fault) -> None:
    cases, sample = chosen(fault)
    with Testee(command(fault.name), timeout=5, patience=20) as testee:
        check(fault, list(run(cases, testee)), sample)


def test_there_are_faults_enough_and_each_has_a_requirement_of_the_standard() -> None:
    assert (len(of("codec")), len(of("server")), len(of("client"))) >= (28, 56, 70)
    known = {requirement for case in CASES for requirement in case.requirements}
    assert {fault.requirement for fault in FAULTS.values()} <= known


@pytest.mark.parametrize(
    ("name", "pattern", "told"),
    [
        ("ignores what follows", "message-*", "accepted, not malformed"),
        ("405 without allow", "server-method-get-*", "no header allow"),
    ],
)
def test_one_of_them_by_its_own_program(name: str, pattern: str, told: str) -> None:
    words = ["run", "--pattern", pattern, "--", *command(name)]
    done = subprocess.run(
        [sys.executable, "-m", "hyperglyph.conformance", *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert told in done.stdout


def test_an_unknown_one_is_none_and_all_are_listed() -> None:
    done = subprocess.run(command("nothing"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no fault is called 'nothing'" in done.stderr
    done = subprocess.run(command(), capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == len(FAULTS)
    assert "client  REQ-SAFE-2      sends unsafe calls twice" in done.stdout
