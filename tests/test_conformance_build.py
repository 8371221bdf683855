"""The judge of cases of kind `build`: which builders are right, and what a wrong one is told."""

from __future__ import annotations

from collections import Counter

import pytest
from test_conformance import start

from hyperglyph.conformance.cases import load_scenarios
from hyperglyph.conformance.results import Result, succeeded
from hyperglyph.conformance.runner import run

CASES = [case for case in load_scenarios() if case.kind == "build"]
REJECTED = [case.name for case in CASES if case.source["expect"] == "reject"]
ACCEPTED = [case.name for case in CASES if case.source["expect"] == "accept"]


def judged(wrong: str) -> tuple[list[Result], Counter[str]]:
    with start(f"if cmd == 'build': {wrong}", timeout=1.5) as child:
        results = list(run(CASES, child))
    return results, Counter(result.outcome for result in results)


def test_our_builders_pass() -> None:
    results, outcomes = judged("pass")
    assert succeeded(results)
    assert outcomes == {"passed": len(CASES)}
    assert (len(ACCEPTED) > 10, len(REJECTED) > 30) == (True, True)


def test_a_builder_that_refuses_nothing_is_caught() -> None:
    wrong = "reply = {'seq': request['seq'], **answer({**request, 'cmd': 'canonical'})}"
    results, _ = judged(wrong)
    assert [result.case.name for result in results if result.fails] == REJECTED
    assert "not refused" in results[-1].detail


@pytest.mark.parametrize(
    ("wrong", "outcome", "detail"),
    [
        ("reply = {'seq': reply['seq'], 'fault': 'unencodable'}", "failed", "not built"),
        ("reply['wire'] = '4e3b'; reply.pop('fault', None)", "failed", "not built"),
        ("reply = {'seq': reply['seq'], 'wire': '4e3b', 'fault': 'x'}", "garbage", "neither"),
        ("reply = {'seq': reply['seq'], 'errored': 'Traceback'}", "errored", "Traceback"),
        ("sys.exit('gone')", "crashed", "gone"),
    ],
)
def test_what_should_be_built_and_is_not(wrong: str, outcome: str, detail: str) -> None:
    with start(f"if cmd == 'build': {wrong}", timeout=1.5) as child:
        (result,) = run(CASES[:1], child)
    assert (result.outcome, result.fails) == (outcome, True)
    assert detail in result.detail


def test_what_cannot_build_is_skipped_and_does_not_fail() -> None:
    results, outcomes = judged("reply = {'seq': reply['seq'], 'skipped': 'no builders'}")
    assert outcomes == {"skipped": len(CASES)}
    assert not any(result.fails for result in results)
