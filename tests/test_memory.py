"""Blobs are streamed: neither process holds one. Real processes, their memory from /proc. A body
without blobs is held once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from hyperglyph.codec import Limits, encode
from hyperglyph.transport.http.bodies import MessageSink, read_into
from hyperglyph.transport.http.waiting import finish

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


def test_a_body_is_kept_once_while_it_is_decoded() -> None:
    message = encode("x" * (4 * MIB))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        pieces = (message[at : at + 65536] for at in range(0, len(message), 65536))
        finish(read_into(MessageSink(limits=Limits()), pieces))
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # The body, the octets of the text, the text.
    assert peak < 3.5 * len(message)
