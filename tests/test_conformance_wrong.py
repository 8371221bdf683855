"""The suite is tried on implementations with one planted fault each: it has to catch every one.

A case whose requirement names the fault fails, and few others do. `make soak` runs all cases;
otherwise those that name the fault and a sample of the rest. Here the codecs; servers and clients
have files of their own, so that they are tried at the same time.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any, cast

import pytest
from wrong_help import CASES, check, chosen, command, of

from hyperglyph.conformance.codec_judge import judge_codec
from hyperglyph.conformance.testee import Testee
from hyperglyph.conformance.testees.wrong import FAULTS, Fault
from hyperglyph.conformance.testees.wrong.in_codec import changed


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
