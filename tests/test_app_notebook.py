"""The notebook and the compute box of examples/notebook, as processes of their own."""

from __future__ import annotations

import math
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import pytest
from conftest import EXAMPLES
from tutorial_help import Tutorial

import hyperglyph as glyph

APP = EXAMPLES / "notebook"
TUTORIAL = Tutorial("notebook.md")
MIB = 1024 * 1024
TYPE = "application/vnd.float64-le"
PLACES = ["", "/box"]

_chance = random.Random(7)
VALUES = array("d", [_chance.gauss(10, 3) for _ in range(150_000)])  # more than one piece


#: Since Python 3.13 a file that fails to close says so. In cheroot's own WSGI server one does where
#: the peer has gone; `glyph.Server` reads and writes without these files.
CHEROOT = re.compile(
    r"Exception ignored (?:(?!Exception ignored)[^\n]*\n)*?[^\n]*cheroot/makefile\.py"
    r"(?:(?!Exception ignored)[^\n]*\n)*?OSError: \[Errno 9\] Bad file descriptor\n"
)


@attrs.frozen
class Box:
    """A box that runs: below a prefix in a WSGI server, or at the root."""

    url: str
    pid: int
    folder: Path


@contextmanager
def running(folder: Path, mount: str = "") -> Generator[Box]:
    place = ["--mount", mount] if mount else []
    process = subprocess.Popen(
        [sys.executable, "-W", "error", APP / "service.py", "--folder", folder, *place],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HYPERGLYPH_SECRET": "the secret of these tests"},
    )
    with process:
        assert process.stdout is not None
        try:
            yield Box(process.stdout.readline().strip(), process.pid, folder)
        finally:
            process.terminate()
            try:
                _, said = process.communicate(timeout=60)
            finally:
                process.kill()  # one that does not end is a failure, not a wait without end
        assert (process.returncode, CHEROOT.sub("", said) if mount else said) == (0, "")


@pytest.fixture(scope="module", params=PLACES, ids=["at the root", "below a prefix"])
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running(tmp_path_factory.mktemp("box") / "work", request.param) as made:
        yield made


@pytest.fixture
def workspace(box: Box, client: glyph.Client) -> Any:
    return client.get(box.url).new_workspace().load(blob(VALUES))


def blob(values: array[float]) -> glyph.Blob:
    return glyph.blob(values.tobytes(), TYPE)


def floats(data: bytes) -> array[float]:
    return array("d", data)


# --- what is computed ---------------------------------------------------------------------------


def test_results_are_right(workspace: Any) -> None:
    assert workspace.count == len(VALUES)
    assert floats(workspace.values(65_530, 10)) == VALUES[65_530:65_540]
    assert floats(workspace.values(len(VALUES) - 1)) == VALUES[-1:]
    found = workspace.describe()
    assert (found.count, found.min, found.max) == (len(VALUES), min(VALUES), max(VALUES))
    assert math.isclose(found.mean, statistics.fmean(VALUES), rel_tol=1e-14)
    assert math.isclose(found.stdev, math.sqrt(statistics.variance(VALUES)), rel_tol=1e-12)


@pytest.mark.parametrize("window", [1, 7, 70_000])
def test_a_rolling_mean_comes_back_as_a_blob(workspace: Any, window: int) -> None:
    with workspace.rolling_mean(window) as answer:
        assert answer.content_type == TYPE
        means = floats(answer.read())
    assert len(means) == len(VALUES) - window + 1
    for at in (0, 1, 65_536 - window, 65_536, 80_000):
        if 0 <= at < len(means):
            assert math.isclose(means[at], math.fsum(VALUES[at : at + window]) / window)


def test_a_bootstrap_comes_back_as_data_and_bytes(workspace: Any) -> None:
    found = workspace.bootstrap(rounds=100, seed=3)
    means = floats(found.means)
    assert len(means) == 100
    assert min(means) <= found.low < found.mean < found.high <= max(means)
    assert abs(found.mean - 10) < 0.2
    assert workspace.bootstrap(rounds=100, seed=3) == found
    assert workspace.bootstrap(rounds=100, seed=4) != found


def test_what_is_wrong_is_said(box: Box, client: glyph.Client, workspace: Any) -> None:
    empty = client.get(box.url).new_workspace()
    assert empty.count == 0
    for call in (empty.describe, empty.bootstrap, empty.values, lambda: empty.rolling_mean(3)):
        with pytest.raises(glyph.Conflict, match="the workspace has no data"):
            call()
    for call, says in (
        (lambda: workspace.rolling_mean(0), "window is an integer from 1 to 100000, not 0"),
        (lambda: workspace.bootstrap("x"), "rounds is an integer from 2 to 1000000, not 'x'"),
        (lambda: workspace.load(b"x" * 8), "values is a blob"),
        (lambda: workspace.load(glyph.blob(b"x" * 9, TYPE)), "9 bytes are no whole number"),
    ):
        with pytest.raises(glyph.BadRequest, match=says):
            call()
    assert glyph.reload(workspace).count == len(VALUES)  # the last load changed nothing
    workspace.unload()
    assert glyph.reload(workspace).count == 0


# --- a long call ---------------------------------------------------------------------------------


def wait_until_it_computes(workspace: Any) -> Any:
    deadline = time.monotonic() + 20
    while (progress := workspace.progress()) is None or not progress.done:
        assert time.monotonic() < deadline
    return progress


def test_another_client_sees_the_progress_and_stops_it(
    box: Box, client: glyph.Client, workspace: Any
) -> None:
    assert workspace.progress() is None
    with ThreadPoolExecutor(1) as pool, glyph.Client() as second:
        other = second.get(glyph.url_of(workspace))
        answer = pool.submit(workspace.bootstrap, rounds=1_000_000)
        first = wait_until_it_computes(other)
        assert (first.method, first.of) == ("bootstrap", 1_000_000)
        deadline = time.monotonic() + 20
        while (later := other.progress()).done <= first.done:
            assert time.monotonic() < deadline
        assert later.seconds > first.seconds > 0
        with pytest.raises(glyph.Conflict, match=r"bootstrap computes here already: .* stop\(\)"):
            other.describe()
        assert client.get(box.url).new_workspace().progress() is None  # each has its own
        other.stop()
        with pytest.raises(glyph.Conflict, match="bootstrap was stopped after"):
            answer.result()
    assert workspace.progress() is None
    assert workspace.describe().count == len(VALUES)


def test_nobody_computes_for_a_caller_that_has_given_up(workspace: Any) -> None:
    with (
        glyph.client_of(workspace).options(timeout=0.5),
        pytest.raises((glyph.DeadlineExceeded, glyph.GatewayTimeout)),
    ):
        workspace.bootstrap(rounds=1_000_000)
    deadline = time.monotonic() + 20
    while workspace.progress() is not None:
        assert time.monotonic() < deadline


# --- its end -------------------------------------------------------------------------------------

#: The box, which tells in which thread cheroot lets go of connections.
TELLING = f"""
import sys, threading
sys.path.insert(0, {str(APP)!r})
from cheroot.connections import ConnectionManager
import service

expire = ConnectionManager._expire


def telling(self, threshold):
    print(threading.current_thread() is threading.main_thread(), flush=True)
    expire(self, threshold)


ConnectionManager._expire = telling
service.main(service.router)
"""


def test_no_signal_is_lost_where_connections_end(tmp_path: Path) -> None:
    """What a signal raises while a file is finalized goes nowhere, and the box would not end."""
    command = [sys.executable, "-c", TELLING, "--folder", str(tmp_path), "--mount", "/box"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().endswith("/box/\n")
            assert process.stdout.readline() == "False\n"
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_what_still_computes_is_stopped_when_the_box_ends(
    tmp_path: Path, client: glyph.Client
) -> None:
    with running(tmp_path, "/box") as ending, ThreadPoolExecutor(1) as pool:
        workspace = client.get(ending.url).new_workspace().load(blob(VALUES))
        answer = pool.submit(workspace.bootstrap, rounds=1_000_000)
        wait_until_it_computes(workspace)
        os.kill(ending.pid, signal.SIGTERM)
        with pytest.raises(glyph.Conflict, match="bootstrap was stopped after"):
            answer.result(30)
        os.waitid(os.P_PID, ending.pid, os.WEXITED | os.WNOWAIT)


# --- names, files and URLs -----------------------------------------------------------------------


def test_names_never_become_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(APP), *sys.path])
    datasets: Any = import_module("datasets").Datasets(tmp_path / "work")
    outside = tmp_path / "outside.f64"
    outside.write_bytes(b"x" * 8)
    for key in ("../outside", "../outside.f64", str(outside), "a/b", "", ".", "\0", "ü" * 999):
        assert datasets.count(key) == 0
        with (tmp_path / "outside.f64").open("rb") as file:
            datasets.write(key, file)
        assert datasets.count(key) == 1
        datasets.remove(key)
    assert os.listdir(tmp_path / "work") == []
    assert outside.read_bytes() == b"x" * 8


def test_a_url_holds_a_key_and_nothing_else_and_none_can_be_made_up(
    box: Box, client: glyph.Client, workspace: Any
) -> None:
    root = client.get(box.url)
    assert list(root) == ["new_workspace"]
    assert glyph.url_of(workspace).startswith(f"{box.url}Workspace/")
    before = set(os.listdir(box.folder))
    for name in ("../x", "%2e%2e%2fx", "Workspace", "AAAA"):
        with pytest.raises(glyph.ClientError):
            client.get(f"{box.url}Workspace/{name}/")
    assert set(os.listdir(box.folder)) == before
    assert all(name.endswith(".f64") for name in before)  # and no half of an upload
    again = client.get(glyph.url_of(workspace))
    assert again == workspace
    assert client.get(box.url.rstrip("/")).new_workspace().count == 0


# --- a hundred megabytes -------------------------------------------------------------------------

CLIENT = """
import sys
import hyperglyph as glyph

workspace = glyph.get(sys.argv[1]).new_workspace()
for line in sys.stdin:
    with open(line.strip(), "rb") as file:
        workspace = workspace.load(glyph.blob(file, "application/vnd.float64-le"))
    size = 0
    with workspace.rolling_mean(2) as means:
        while piece := means.read(65536):
            size += len(piece)
    print(workspace.count, size, flush=True)
"""


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def peaks(*pids: int) -> Generator[list[int]]:
    """The most that each process has resident, looked at every 10 ms."""
    found = [resident(pid) for pid in pids]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            found[:] = map(max, found, map(resident, pids))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def test_neither_process_holds_the_data(box: Box, tmp_path: Path) -> None:
    """100 MB go up and 100 MB come back; beyond a warm-up with 2 MiB nothing much is kept."""
    small, large = tmp_path / "small", tmp_path / "large"
    data = VALUES.tobytes()
    small.write_bytes(data[:MIB] * 2)
    with large.open("wb") as file:
        for _ in range(100_000_000 // len(data) + 1):
            file.write(data)
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CLIENT, box.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def sent(path: Path) -> list[int]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            return list(map(int, process.stdout.readline().split()))

        assert sent(small)[0] * 8 == 2 * MIB
        before = [resident(box.pid), resident(process.pid)]
        with peaks(box.pid, process.pid) as found:
            count, size = sent(large)
        process.stdin.close()
    assert count * 8 == large.stat().st_size > 100_000_000
    assert size == (count - 1) * 8
    grown = [peak - start for peak, start in zip(found, before, strict=True)]
    assert max(grown) <= 8 * MIB, grown


# --- the notebook --------------------------------------------------------------------------------


class Cells(HTMLParser):
    """The text of a table, by cell."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_what_a_person_sees(workspace: Any) -> None:
    shown = Cells(workspace._repr_html_()).text
    assert shown[0] == f"Workspace {glyph.url_of(workspace)}"
    assert shown[1:3] == ["count", "150000"]
    at = shown.index("bootstrap")
    assert shown[at + 1] == "(rounds=1000, seed=None)"
    assert shown[at + 2].startswith("How certain the mean is")
    assert workspace.rolling_mean.__doc__.startswith("The mean of each `window` neighbours")
    assert {"describe", "progress", "stop"} < set(dir(workspace))
    found = workspace.describe()
    assert repr(found).startswith("<record: count=150000, mean=")
    assert Cells(found._repr_html_()).text[1:3] == ["count", "150000"]


def test_the_session(tmp_path: Path) -> None:
    with running(tmp_path, "/box") as box:
        done = subprocess.run(
            [sys.executable, "-W", "error", APP / "session.py", box.url],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "864,000 values" in lines
    assert "20.00 ± 2.00" in lines
    assert any(line.startswith("bootstrap: ") for line in lines)
    assert "863,401 means, the first 20.040" in lines
    assert lines[-2:] == ["True True", "9 rows"]


# --- deploys -------------------------------------------------------------------------------------


def test_held_references_survive_five_deploys(tmp_path: Path) -> None:
    sys_path = [str(APP), str(EXAMPLES)]
    code = f"""
import sys
sys.path[:0] = {sys_path!r}
from pathlib import Path
from textwrap import dedent
import rehearse
for row in rehearse.rehearse(Path({str(tmp_path)!r})).rows:
    print(row.deploy, row.held, row.worked, sep="|")
    for name, error in row.failures:
        print("-", name, type(error).__name__, error, sep="|")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split("|") for line in done.stdout.splitlines()]
    rows = [line for line in lines if line[0] != "-"]
    assert [name for name, _, _ in rows] == [
        "1 new methods",
        "2 new parameters",
        "3 new state",
        "4 renamed class",
        "5 moved",
        "6 incompatible",
    ]
    assert all(held == worked for _, held, worked in rows[:5])
    assert [int(held) for _, held, _ in rows] == [4, 8, 12, 17, 20, 23]
    for name, held, worked in rows:  # the tutorial shows them
        assert re.search(rf"^{name} +{held} +{worked}$", TUTORIAL.text, re.MULTILINE)
    errors = {name: (kind, text) for _, name, kind, text in lines[6:]}
    assert len(errors) == 23
    kind, text = errors.pop("new_workspace()")
    assert kind == "BadRequest"
    assert "missing 1 required argument: 'owner'" in text
    assert "reload the page" in text
    assert {kind for kind, _ in errors.values()} == {"StaleReference"}
    for _, text in errors.values():
        assert "workspaces have an 'owner' now" in text
        assert r"call new_workspace(owner) and load() the data again" in text


# --- the tutorial --------------------------------------------------------------------------------


def test_the_tutorial_quotes_the_files() -> None:
    TUTORIAL.check_quotes()


def test_the_tutorials_transcript(tmp_path: Path, no_leaks: None) -> None:
    with running(tmp_path, "/box") as box, glyph.Client() as client:
        instead = {
            "http://127.0.0.1:8000/box": box.url,
            "glyph.get(": "default.get(",  # whose connections end with the test
        }
        TUTORIAL.type_in(instead, {"default": client})["client"].close()


def test_the_tutorials_links_lead_somewhere() -> None:
    TUTORIAL.check_links()
