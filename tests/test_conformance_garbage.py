"""What a testee may answer and a terminal may do: the run goes on, and says what came of it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from hyperglyph.conformance.cases import Scenario, load
from hyperglyph.conformance.runner import run
from hyperglyph.conformance.shapes import REPEATED, NotTyped, same, wire
from hyperglyph.conformance.testee import Garbage, Testee

# Answers each request but the first and the last with what its argument says, a JSON object.
SCRIPT = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    about = {"implementation": "x", "language": "x", "version": "x", "roles": ["codec", "client"]}
    reply = about if request["cmd"] == "start" else json.loads(sys.argv[1])
    print(json.dumps({**reply, "seq": request["seq"]}), flush=True)
    if request["cmd"] == "stop":
        break
"""
CLIENT = Scenario(
    name="s", topic="s", requirements=(), kind="client",
    source={
        "serve": [], "perform": [{"op": "get"}],
        "results": [{"value": {"type": "unicode", "value": "x"}}],
    },
)  # fmt: skip
HUGE = 10**400
LIST = {"type": "list", "repeat": {"type": "nil"}, "times": 10**6}


def answering(**reply: object) -> list[str]:
    return [sys.executable, "-c", SCRIPT, json.dumps(reply)]


@pytest.mark.parametrize(
    "value",
    [
        None, 5, "x", [], {}, {"type": ["x"]}, {"type": "list"}, {"type": "list", "items": [5]},
        {"type": "dict", "pairs": [[1, 2]]}, {"type": "extension"}, {"type": "blob", "hex": ""},
        {"type": "extension", "name": 5, "attributes": 5, "content": 5},
        {"type": "unicode", "repeat": "x", "times": HUGE},
        {"type": "unicode", "repeat": "", "times": HUGE},
        {"type": "bytearray", "repeat": "00", "times": HUGE},
        {"type": "list", "repeat": {"type": "nil"}, "times": 10**9},
        {"type": "list", "repeat": LIST, "times": 10**6},
    ],
)  # fmt: skip
def test_a_value_that_is_none_is_garbage(value: object) -> None:
    chosen = [vector for vector in load() if vector.name == "singleton-nil"]
    with Testee(answering(value=value, results=[{"value": value}])) as testee:
        results = list(run([*chosen, CLIENT], testee))
        assert testee.starts == 1
    assert [result.outcome for result in results] == ["garbage", "garbage"]
    assert all(len(result.detail) < 1000 for result in results)


# The interpreter's limit is met while the answer is read, while it is looked at, or not at all.
@pytest.mark.parametrize("depth", [400, 480, 490, 495, 100_000])
def test_a_value_nested_too_deep_is_no_failure_of_the_runner(depth: int) -> None:
    value = (
        f"""('{{"type": "list", "items": [' * {depth} + '{{"type": "nil"}}' + "]}}" * {depth})"""
    )
    reply = f"""'{{"seq": %d, "value": %s}}' % (request["seq"], {value})"""
    script = SCRIPT.replace(
        "json.dumps(", f'{reply} if request["cmd"] == "decode" else json.dumps('
    )
    words = ("run", "--pattern", "singleton-nil", "--", sys.executable, "-c", script, "{}")
    done = command(*words)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(("garbage singleton-nil", "failed  singleton-nil"))


@pytest.mark.parametrize("results", [[5], [None], ["value"], [[{"value": 5}]], [["value"]]])
def test_a_result_that_is_no_object_is_garbage(results: object) -> None:
    with Testee(answering(results=results)) as testee:
        (result,) = run([CLIENT], testee)
    assert (result.outcome, result.detail[:12]) == ("garbage", "not a result")


@pytest.mark.parametrize("roles", [None, 5, "codec", {"codec": 1}, ["codec", 5], [["codec"]]])
def test_roles_that_are_none_are_garbage(roles: object) -> None:
    script = SCRIPT.replace('["codec", "client"]', repr(roles))
    with (
        pytest.raises(Garbage, match="not an answer to start"),
        Testee([sys.executable, "-c", script, "{}"]),
    ):
        pass  # pragma: no cover


def test_what_is_repeated_is_bounded_and_the_same_as_spelt_out() -> None:
    nil = {"type": "nil"}
    assert same({"type": "list", "repeat": nil, "times": 2}, {"type": "list", "items": [nil, nil]})
    assert same({"type": "list", "repeat": nil, "times": 0}, {"type": "list", "items": []})
    assert len(wire({"repeat": "xx", "times": REPEATED // 2})) == REPEATED
    with pytest.raises(NotTyped, match=f"more than {REPEATED} octets"):
        wire({"repeat": "xx", "times": REPEATED // 2 + 1})


# The command


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


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e30", "soon"])
def test_a_timeout_that_is_none_is_refused(seconds: str) -> None:
    done = command("run", "python", "--pattern", "singleton-nil", "--timeout", seconds)
    assert done.returncode == 2
    assert "argument --timeout: " in done.stderr


def test_a_run_that_is_interrupted_says_so_and_leaves_no_testee(tmp_path: Path) -> None:
    script = "import os, pathlib, sys, time; where = pathlib.Path(sys.argv[1]); "
    script += "where.write_text(str(os.getpid())); time.sleep(60)"
    words = [sys.executable, "-m", "hyperglyph.conformance", "run", "--", sys.executable, "-c"]
    there = tmp_path / "pid"
    with subprocess.Popen([*words, script, str(there)], stderr=subprocess.PIPE) as child:
        while not (there.exists() and there.read_text()):
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        assert child.stderr is not None
        assert child.stderr.read() == b"interrupted\n"
    assert child.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int(there.read_text()), 0)


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
