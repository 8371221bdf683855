"""A run takes no more memory the longer it takes: neither the runner nor the testee."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

#: What a process has of memory, in KiB. The most that it has had would not do: what is begun by
#: another process takes that over from it.
HELD = """
def held():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
"""

#: Answers as the codec does, and to "held" with its memory.
TESTEE = f"""
import json, sys
{HELD}
from hyperglyph.conformance.testees.codec import answer
for line in sys.stdin:
    request = json.loads(line)
    if request["cmd"] == "held":
        reply = {{"held": held()}}
    else:
        reply = answer(request)
    print(json.dumps({{"seq": request["seq"], **reply}}), flush=True)
"""

#: Runs a tenth of the vectors again and again, and prints the memory of both after each round.
RUNNER = f"""
import json, sys
{HELD}
from hyperglyph.conformance.cases import load
from hyperglyph.conformance.runner import run
from hyperglyph.conformance.testee import Testee
cases = load()[::10]
rounds = []
with Testee([sys.executable, "-c", sys.argv[1]]) as testee:
    for _ in range(6):
        assert not any(result.fails for result in run(cases, testee))
        rounds.append((held(), testee.ask(cmd="held")["held"]))
print(json.dumps(rounds))
"""

#: In KiB. A round has 360 vectors and thousands of messages.
SLACK = 4096


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_neither_runner_nor_testee_grows_with_the_number_of_cases() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, TESTEE],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    rounds = json.loads(done.stdout)
    assert len(rounds) == 6
    for early, late in zip(rounds[1], rounds[-1], strict=True):
        assert late - early < SLACK, rounds
