"""Blobs are streamed: neither process holds one. Real processes, their memory from /proc."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parent.parent / "benchmarks" / "blobs.py"
MIB = 1024 * 1024


@pytest.mark.parametrize("envelope", ["form", "blob"])
def test_64_mib_both_ways_grow_no_process_by_more_than_8_mib(envelope: str) -> None:
    command = [sys.executable, "-W", "error", str(PROGRAM), "--json", "--size=64", "--rounds=2"]
    command += ["--envelope", envelope]
    answer = subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=True)
    figures = json.loads(answer.stdout)
    assert 0 <= figures["client"] <= 8 * MIB
    assert 0 <= figures["server"] <= 8 * MIB
