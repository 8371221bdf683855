"""The command at a terminal: what it prints for whom, and what it says where it cannot."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

# A right testee, but for a codec that answers everything with what its argument says.
SCRIPT = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    about = {"implementation": "x", "language": "x", "version": "x"}
    reply = about if request["cmd"] == "start" else json.loads(sys.argv[1])
    print(json.dumps({**reply, "seq": request["seq"]}), flush=True)
    if request["cmd"] == "stop":
        break
"""


def answering(**reply: object) -> list[str]:
    return [sys.executable, "-c", SCRIPT, json.dumps(reply)]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hyperglyph.conformance", *words],
        capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip


@pytest.mark.parametrize("form", ["terminal", "json", "junit", "html"])
def test_what_no_encoding_has_can_be_reported(form: str) -> None:
    words = ("run", "--pattern", "singleton-nil", "--report", form, "--")
    done = command(*words, *answering(fault="\ud800"))
    assert (done.returncode, done.stderr) == (1, "")
    assert "singleton-nil" in done.stdout


def test_a_reader_who_has_enough_is_no_failure_of_ours() -> None:
    words = [sys.executable, "-m", "hyperglyph.conformance", "list"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        assert listing.stdout.readline().startswith(b"blob-")
        listing.stdout.close()
        assert listing.stderr.read() == b""
    assert listing.returncode == 1


def test_several_testees_in_one_report_and_one_that_cannot_run() -> None:
    words = ("--pattern", "singleton-nil", "--report", "json")
    done = command("run", "python", "python", *words)
    assert [one["conforms"] for one in json.loads(done.stdout)] == [True, True]
    assert done.returncode == 0


def test_a_choice_that_nothing_fits_is_told() -> None:
    done = command("list", "--topic", "nonsense")
    assert (done.returncode, done.stderr) == (1, "no case fits all that was chosen\n")


def test_a_page_that_cannot_be_written_is_told_before_anything_is_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    page = str(tmp_path / "file" / "page.html")
    done = command("matrix", "--pattern", "singleton-nil", "--html", page)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{page} cannot be written: ")


def test_people_see_how_far_a_run_has_come() -> None:
    ours, theirs = pty.openpty()
    slow = SCRIPT.replace("    print(", "    import time; time.sleep(0.1)\n    print(")
    words = ["run", "--pattern", "singleton-nil*", "--", sys.executable, "-c", slow, "{}"]
    program = [sys.executable, "-m", "hyperglyph.conformance", *words]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=theirs):
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # the other end is closed
            while piece := os.read(ours, 4096):
                seen += piece
    os.close(ours)
    assert re.search(rb"\r\[#+ *\] \d+ of \d+", seen), seen
