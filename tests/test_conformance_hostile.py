"""Testees that mean ill, by real child processes: the runner outlives each of them, and says so."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hyperglyph.conformance import __main__ as command_line
from hyperglyph.conformance.testee import Crashed, Garbage, Hung, Testee

# It says who it is, and then does what stands in place of {evil}. ABOUT is laid over what it says.
SCRIPT = r"""
import json, os, sys, time
def answer(text):
    sys.stdout.write(text.replace("SEQ", str(seq)) + "\n")
    sys.stdout.flush()
for line in sys.stdin:
    request = json.loads(line)
    cmd, seq, steps = request["cmd"], request["seq"], len(request.get("steps", []))
    if cmd == "start":
        about = {"seq": seq, "implementation": "evil", "language": "x", "version": "1", **ABOUT}
        answer(json.dumps(about))
        continue
    {evil}
"""


def command(evil: str, **about: object) -> list[str]:
    return [sys.executable, "-c", f"ABOUT = {about!r}\n" + SCRIPT.replace("{evil}", evil)]


@contextmanager
def started(evil: str, *, timeout: float = 10.0, **about: object) -> Generator[Testee]:
    with Testee(command(evil, **about), timeout=timeout) as testee:
        yield testee


def conformance(*words: str) -> tuple[int, str, str]:
    """What the command returns, and what it writes to both streams, strict as those of a shell."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace")
    with redirect_stdout(out), redirect_stderr(err):
        status = command_line.main(words)
    written: list[str] = []
    for stream in (out, err):
        stream.seek(0)
        written.append(stream.read())
    return status, written[0], written[1]


# --- answers that are none ------------------------------------------------------------------------


def bomb(times: int, repeat: str) -> str:
    return f'{{"type": "list", "repeat": {repeat}, "times": {times}}}'


NIL = '{"type": "nil"}'
NOT_ANSWERS = {
    "a sequence number that is no integer": '{"seq": SEQ.0}',
    "a number that JSON has not": '{"seq": SEQ, "at": NaN}',
    "in another encoding": "".join(f"\0{char}" for char in '{"seq": 2, "skipped": ""}') + "\0",
    "too deep to be compared": f'{{"seq": SEQ, "value": {"[" * 600}{"]" * 600}}}',
    "many items": f'{{"seq": SEQ, "value": {bomb(10**10, NIL)}}}',
    "a long text": '{"seq": SEQ, "value": {"type": "unicode", "repeat": "a", "times": 9999999999}}',
    "lists of lists": f'{{"seq": SEQ, "value": {bomb(3000, bomb(3000, bomb(3000, NIL)))}}}',
}


@pytest.mark.parametrize("name", NOT_ANSWERS)
def test_what_is_no_answer_is_garbage(name: str) -> None:
    evil = f"answer({NOT_ANSWERS[name]!r})"
    with started(evil) as testee, pytest.raises(Garbage, match="not an answer to request 2"):
        testee.ask(cmd="decode", wire="4e3b")


@pytest.mark.parametrize(
    "about",
    [{"roles": 5}, {"roles": "codec"}, {"roles": [["codec"]]}, {"version": 1}, {"seq": True}],
)
def test_who_does_not_say_who_it_is_does_not_start(about: dict[str, object]) -> None:
    status, _, told = conformance("run", "--", *command("pass", **about))
    assert status == 2
    assert told.startswith("the testee does not start: not an answer to ")


@pytest.mark.parametrize("result", ["None", "1", "['error']", "'value'", "{}"])
def test_what_is_no_result_is_garbage(result: str) -> None:
    evil = f'answer(json.dumps({{"seq": seq, "results": [{result}] * steps}}))'
    status, text, _ = conformance(
        *("run", "--pattern", "client-argument-default-*", "--report", "json"),
        *("--", *command(evil, roles=["client"])),
    )
    assert status == 1
    assert set(json.loads(text)["totals"]) == {"garbage"}


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:99999/", "http://127.0.0.1:0/", "http://a..b:80/", "//127.0.0.1:80/"),
        *("http://127.0.0.1:80@127.0.0.1/", f"http://{'a' * 64}.b:80/", "http://127.0.0.1/"),
    ],
)
def test_a_server_is_nowhere_else_than_at_a_host_and_port(url: str) -> None:
    evil = f'answer(json.dumps({{"seq": seq, "url": {url!r}}}))'
    with started(evil, roles=["server"]) as testee, pytest.raises(Garbage, match="to serve"):
        testee.served()


# --- what is shown --------------------------------------------------------------------------------

#: It would set the title of a terminal and clear it, run in a browser, and be no XML, no UTF-8.
WORDS = "\x1b]0;title\x07\x1b[2J\x9b2J<script>\x00\ufffe\ud800\u202eend"
HARMLESS = r"\x1b]0;title\x07\x1b[2J\x9b2J<script>\x00\ufffe\ud800\u202eend"
SAY = f'answer(json.dumps({{"seq": seq, "errored": {WORDS!r}}}))'
ONE = ("run", "--pattern", "list-empty")


@pytest.mark.parametrize("form", ["terminal", "junit", "html", "json"])
def test_what_it_says_steers_nothing(form: str) -> None:
    status, text, _ = conformance(
        *(*ONE, "--report", form), "--", *command(SAY, implementation=WORDS)
    )
    assert status == 1
    assert all(char.isprintable() or char in "\n" for char in text)
    if form == "terminal":
        assert f"errored list-empty\n    {HARMLESS}\n" in text
        assert f"{HARMLESS} 1 (x): does not conform" in text
    elif form == "html":
        assert text.count(HARMLESS.replace("<script>", "&lt;script&gt;")) == 3
        assert "<script" not in text
    elif form == "junit":
        root = ElementTree.fromstring(text)
        assert root.get("name") == f"{HARMLESS} 1 (x)"
        assert [failure.text for failure in root.iter("failure")] == [HARMLESS]
    else:
        assert json.loads(text)["results"][0]["detail"] == HARMLESS


def test_why_it_does_not_start_steers_nothing() -> None:
    _, _, told = conformance("run", "--", sys.executable, "-c", "import sys; sys.exit('\\x1b[2J')")
    assert told == "the testee does not start: exit status 1\n\\x1b[2J\n"


def test_a_long_story_is_cut() -> None:
    evil = 'answer(json.dumps({"seq": seq, "errored": "x" * 5_000_000}))'
    _, text, _ = conformance(*ONE, "--", *command(evil, version="y" * 50_000))
    assert len(text) < 20_000
    assert "x… 4991808 characters more\n" in text


# --- processes ------------------------------------------------------------------------------------


def runs(number: int) -> bool:
    """Whether a process runs: a zombie that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def until_ended(number: int) -> None:
    deadline = time.monotonic() + 10
    while runs(number):
        assert time.monotonic() < deadline, f"process {number} is left"
        time.sleep(0.02)


def number_in(file: Path) -> int:
    """The number that a child has written of itself, once it is there."""
    deadline = time.monotonic() + 20
    while not file.exists() or not file.read_text().endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(file.read_text())


#: A child of its own, which writes down its number and sleeps.
CHILD = """
    if not os.fork():
        {before}
        with open({file!r}, "w") as file:
            print(os.getpid(), file=file, flush=True)
        time.sleep(60)
        os._exit(0)
    while not os.path.exists({file!r}): time.sleep(0.01)
    {after}
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
@pytest.mark.parametrize(
    "after", ["os._exit(1)", 'answer(\'{"seq": SEQ, "stopped": true}\'); break']
)
def test_what_it_has_started_ends_with_it(tmp_path: Path, after: str) -> None:
    file = tmp_path / "number"
    before = "[os.close(number) for number in range(3)]"
    evil = CHILD.format(before=before, file=str(file), after=after)
    with started(evil) as testee:
        if "stopped" not in after:
            with pytest.raises(Crashed, match="exit status 1"):
                testee.ask(cmd="decode", wire="4e3b")
    until_ended(number_in(file))


@linux
def test_who_keeps_its_pipes_open_does_not_stop_the_runner(tmp_path: Path) -> None:
    file = tmp_path / "number"
    evil = CHILD.format(before="os.setsid()", file=str(file), after="os._exit(1)")
    started_at = time.monotonic()
    try:
        with started(evil, timeout=1.0) as testee, pytest.raises(Hung):
            testee.ask(cmd="decode", wire="4e3b")
        assert time.monotonic() - started_at < 20
    finally:
        os.kill(number_in(file), signal.SIGKILL)


DEAF = 'open({file!r}, "w").write(f"{{os.getpid()}}\\n"); [time.sleep(60) for _ in range(9)]'


@linux
def test_ctrl_c_in_the_moment_that_a_testee_begins_leaves_no_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = list[int]()

    class Begun(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            begun.append(self.pid)
            signal.raise_signal(signal.SIGINT)  # before anybody knows of it

    monkeypatch.setattr(subprocess, "Popen", Begun)
    with pytest.raises(KeyboardInterrupt):
        Testee([sys.executable, "-c", "import time; time.sleep(60)"]).__enter__()
    assert len(begun) == 1
    until_ended(begun[0])


@linux
@pytest.mark.parametrize("when", ["in a case", "at the start"])
def test_ctrl_c_leaves_no_process(tmp_path: Path, when: str) -> None:
    file = tmp_path / "number"
    deaf = DEAF.format(file=str(file))
    testee = (
        command(deaf) if when == "in a case" else [sys.executable, "-c", f"import os, time; {deaf}"]
    )
    runner = subprocess.Popen(
        [sys.executable, "-m", "hyperglyph.conformance", "run", "--", *testee],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with runner:
        number = number_in(file)
        runner.send_signal(signal.SIGINT)
        out, err = runner.communicate(timeout=20)
    assert (runner.returncode, out, err) == (130, "", "interrupted\n")
    until_ended(number)
    assert [path.name for path in tmp_path.iterdir()] == ["number"]
