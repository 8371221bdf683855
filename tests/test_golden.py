"""What the 2012 implementations did, against this codec; golden_report.py does the comparing."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

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


def test_report_counts_every_recording_and_exception() -> None:
    *_, all_recordings = golden.recordings_table()
    recordings, agree, differ = map(int, all_recordings.split()[1:])
    *_, all_exceptions = golden.exceptions_table()
    assert recordings == len(RECORDINGS) == agree + differ
    assert differ == sum(map(int, all_exceptions.split()[1:])) == len(EXCEPTIONS)


def test_every_run_prints_the_counts() -> None:
    """As `make test` does, whatever its options."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0"]
    done = subprocess.run(
        [*command, f"{__file__}::test_every_recording_is_there"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    for row in (*golden.recordings_table(), golden.exceptions_table()[-1]):
        assert row in done.stdout
