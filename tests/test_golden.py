"""What the 2012 implementations did, against this codec; golden_report.py does the comparing."""

from collections import Counter

import golden_report as golden
import pytest

EXCEPTIONS = {(impl, identity): (difference, verdict)
              for difference, verdict, impl, identity in golden.covered()}  # fmt: skip
RECORDINGS = golden.load_recordings()


@pytest.mark.parametrize(
    "recording", RECORDINGS, ids=[f"{entry['impl']}-{entry['id']}" for entry in RECORDINGS]
)
def test_recording_agrees_or_is_covered(recording: golden.Json) -> None:
    outcome = golden.compare(recording)
    difference, expected = EXCEPTIONS.get((outcome.impl, outcome.id), ("agreed", golden.AGREE))
    assert outcome.verdict == expected, f"{difference}: {outcome.detail}"


def test_every_recording_is_there() -> None:
    assert len(RECORDINGS) == 780
    assert len({(entry["impl"], entry["id"]) for entry in RECORDINGS}) == 780


def test_exceptions_are_used_once_and_name_a_difference_of_the_standard() -> None:
    listed = list(golden.covered())
    known = {(entry["impl"], entry["id"]) for entry in RECORDINGS}
    twice = [key for key, count in Counter(entry[2:] for entry in listed).items() if count > 1]
    assert not twice
    assert {entry[2:] for entry in listed} <= known
    assert {entry[1] for entry in listed} <= set(golden.DISAGREEMENTS)
    assert {entry[0] for entry in listed} <= golden.differences()


def test_report_counts_every_recording() -> None:
    """The table is also what `pytest -rP` and `python tests/golden_report.py` print."""
    report = golden.report()
    print(report)
    assert " 780" in report
