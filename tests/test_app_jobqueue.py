"""The job queue of examples/jobqueue: several workers, one that dies, one that is too late, a
service that dies, and all its deploys.
"""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
from conftest import EXAMPLES
from http_peers import exchange, post, status_of
from tutorial_help import Tutorial, load

import hyperglyph as glyph

FOLDER = EXAMPLES / "jobqueue"
TUTORIAL = Tutorial("jobqueue.md")
PAGES = 30
#: Page 30 links to one more, which is not there.
TASKS = PAGES + 1


rehearse = load(FOLDER / "rehearse.py")
Worker = subprocess.Popen[str]


@attrs.define
class Shop:
    """The service and the web site, each a process, and workers as they are wanted."""

    address: Any
    site: str
    file: Path
    client: glyph.Client
    stack: ExitStack

    @property
    def root(self) -> Any:
        return self.client.get(self.address.url)

    def worker(self, *options: str) -> Worker:
        worker: Worker = self.stack.enter_context(
            rehearse.running("worker.py", self.address.url, "work", *options)
        )
        return worker

    def tasks(self) -> dict[str, tuple[int, int]]:
        """What the file holds of each page: whether it is done, and the attempt."""
        with closing(sqlite3.connect(self.file)) as database:
            rows = database.execute("SELECT url, done, attempt FROM tasks").fetchall()
        return {url.removeprefix(self.site): (done, attempt) for url, done, attempt in rows}


@pytest.fixture
def shop(tmp_path: Path, no_leaks: None) -> Iterator[Shop]:
    file = tmp_path / "jobqueue.db"
    env = {"PYTHONPATH": str(FOLDER), "JOBQUEUE_FILE": str(file)}
    with ExitStack() as stack:
        address = stack.enter_context(rehearse.Address(env=env))
        address.deploy(FOLDER / "service.py")
        website = stack.enter_context(rehearse.running("website.py", "--pages", str(PAGES)))
        client = stack.enter_context(glyph.Client(timeout=10))
        yield Shop(address, website.stdout.readline().strip(), file, client, stack)


def said(worker: Worker) -> list[str]:
    """What it has done and lost, when it has ended well."""
    out, _ = worker.communicate(timeout=60)
    assert worker.returncode == 0
    return [line for line in out.splitlines() if not line.startswith("took")]


def until(worker: Worker, line: str, seconds: float = 20) -> None:
    """Read what it says until there is such a line. One that never says it is killed."""
    assert worker.stdout is not None
    patience = threading.Timer(seconds, worker.kill)
    patience.start()
    try:
        for seen in worker.stdout:
            if seen.startswith(line):
                return
    finally:
        patience.cancel()
        patience.join()
    raise AssertionError(f"the worker never said {line!r}")


# --- the service alone ----------------------------------------------------------------------------


def test_a_task_is_given_to_one_and_completed_once(shop: Shop) -> None:
    queue = shop.root.Queue("work")
    assert queue.name == "work"
    assert queue.next_task() is None
    assert [queue.add("a"), queue.add("b"), queue.add("a")] == [True, True, False]
    first, second = queue.next_task(), queue.next_task(60.0)
    assert queue.next_task() is None
    assert [(task.queue, task.url, task.attempt) for task in (first, second)] == [
        ("work", "a", 1),
        ("work", "b", 1),
    ]
    assert queue.progress() == {"waiting": 0, "taken": 2, "done": 0}
    assert [first.found_link("b"), first.found_link("c")] == [False, True]
    assert first.complete() is None
    assert queue.progress() == {"waiting": 1, "taken": 1, "done": 1}
    # An answer may get lost: to say it again, also by a reference kept elsewhere, does no harm.
    first.complete()
    shop.client.get(glyph.url_of(first)).complete()
    assert queue.progress() == {"waiting": 1, "taken": 1, "done": 1}
    assert queue.add("a") is False
    assert shop.root.Queue("other").progress() == {"waiting": 0, "taken": 0, "done": 0}


def test_a_lost_lease_is_told(shop: Shop) -> None:
    class LeaseLost(glyph.Conflict):
        pass

    with glyph.Client(errors=[LeaseLost]) as client:
        queue = client.get(shop.address.url).Queue("work")
        queue.add("a")
        late = queue.next_task(0.0)
        late.complete()  # nobody has it, so nothing is lost
        queue.add("b")
        late, now = queue.next_task(0.0), queue.next_task()
        assert (late.url, late.attempt, now.url, now.attempt) == ("b", 1, "b", 2)
        for _ in "before", "after":
            with pytest.raises(LeaseLost) as caught:
                late.complete()
            assert caught.value.status == 409
            assert caught.value.message == (
                "attempt 1 at b took longer than its lease, and another worker has the task now: "
                "drop what you did and ask for the next one"
            )
            now.complete()
    assert shop.tasks() == {"a": (1, 1), "b": (1, 2)}


def test_urls_have_room_in_a_reference(shop: Shop) -> None:
    queue = shop.root.Queue("work")
    longest = "ø" * 500
    assert queue.add(longest)
    task = queue.next_task()
    assert task.url == longest
    for too_long in (longest + "x", "x" * 1_001):
        with pytest.raises(glyph.BadRequest, match="at most 1000 bytes"):
            task.found_link(too_long)
    task.complete()


def complete(task: Any) -> Any:
    return task.complete()


def test_nobody_makes_up_a_task(shop: Shop) -> None:
    root = shop.root
    queue = root.Queue("work")
    queue.add("a")
    queue.next_task(600.0)
    assert not hasattr(root, "Task")
    body = glyph.codec.encode({"queue": "work", "url": "a", "attempt": 1})
    assert status_of(exchange(shop.address.url, post("/Task", body))) == 404
    assert shop.tasks() == {"a": (0, 1)}


def test_arguments_that_are_no_lease_and_no_page(shop: Shop) -> None:
    queue = shop.root.Queue("work")
    urls: list[Any] = [None, 1, [], {}, "a" * 1001]
    for url in urls:
        with pytest.raises(glyph.BadRequest, match="is text of at most 1000 bytes"):
            queue.add(url)
    queue.add("a")
    leases: list[Any] = [float("inf"), float("nan"), -1.0, 86_401, 10**400, "30", None, b"30", []]
    for lease in leases:
        with pytest.raises(glyph.BadRequest, match="a lease is 0 to 86,400 seconds"):
            queue.next_task(lease)
    assert shop.tasks() == {"a": (0, 0)}
    assert queue.next_task(86_400).attempt == 1


def test_no_task_is_given_twice_to_many_at_once(shop: Shop) -> None:
    queue = shop.root.Queue("work")
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(queue.add, [str(n // 2) for n in range(120)]))
        assert sum(added) == 60
        taken = [task for task in pool.map(queue.next_task, [60.0] * 80) if task]
        assert sorted(task.url for task in taken) == sorted(str(n) for n in range(60))
        assert list(pool.map(complete, taken)) == [None] * 60
    assert queue.progress() == {"waiting": 0, "taken": 0, "done": 60}


# --- workers --------------------------------------------------------------------------------------


def test_what_killed_workers_had_comes_back(shop: Shop) -> None:
    shop.root.Queue("work").add(f"{shop.site}1")
    # All of the site is behind the one page that this worker takes with it.
    slow = shop.worker("--lease", "1", "--delay", "600")
    until(slow, f"took {shop.site}1")
    workers = [shop.worker("--lease", "2", "--delay", "0.02") for _ in range(4)]
    slow.kill()
    # And one in the middle of it all, at a moment of nobody's choosing.
    busy = workers.pop()
    for _ in range(3):
        until(busy, "took")
    busy.kill()
    rest = busy.communicate()[0].splitlines()
    done = [line for worker in workers for line in said(worker)]
    done += [line for line in rest if line.startswith("done")]
    lost = [line for line in done if line.startswith("lost")]  # where this machine is that slow
    assert set(Counter(line for line in done if line.startswith("done")).values()) == {1}
    tasks = shop.tasks()
    assert set(tasks) == {str(number) for number in range(1, TASKS + 1)}
    assert {done for done, _ in tasks.values()} == {1}
    assert tasks["1"][1] > 1
    # Nothing else had to be given out again, but for one page that the other had.
    assert sum(attempt - 1 for _, attempt in tasks.values()) <= 2 + len(lost)


def test_who_is_too_late_completes_nothing(shop: Shop) -> None:
    queue = shop.root.Queue("work")
    queue.add(f"{shop.site}nothing")
    worker = shop.worker("--lease", "0.1", "--delay", "2")
    until(worker, "took")
    worker.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 10
    while (task := queue.next_task()) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert task is not None
    assert (task.url, task.attempt) == (f"{shop.site}nothing", 2)
    worker.send_signal(signal.SIGCONT)
    until(worker, f"lost {shop.site}nothing attempt 1 at {shop.site}nothing took longer")
    assert queue.progress() == {"waiting": 0, "taken": 1, "done": 0}
    task.complete()
    assert said(worker) == []
    assert shop.tasks() == {"nothing": (1, 2)}


def test_workers_outlive_a_service_that_is_killed(shop: Shop) -> None:
    queue = shop.root.Queue("work")
    queue.add(f"{shop.site}1")
    workers = [shop.worker("--lease", "2", "--delay", "0.02") for _ in range(3)]
    rehearse.wait_until_done(queue, PAGES // 3)
    shop.address.kill()
    shop.address.deploy(FOLDER / "service.py")
    done = [line for worker in workers for line in said(worker) if line.startswith("done")]
    assert sorted(done) == sorted(f"done {shop.site}{number}" for number in range(1, TASKS + 1))
    assert {done for done, _ in shop.tasks().values()} == {1}


def test_a_producer(shop: Shop) -> None:
    command = [sys.executable, "-W", "error", str(FOLDER / "produce.py")]
    command += [shop.address.url, "work", "a", "b", "a"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "new a",
        "new b",
        "known a",
        "{'waiting': 2, 'taken': 0, 'done': 0}",
    ]


# --- deploys --------------------------------------------------------------------------------------


def test_the_deploys() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / "rehearse.py")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    table, crawl = done.stdout.split("\n\n")
    _, *rows = table.splitlines()
    for line in (*rows[:6], *crawl.splitlines()[:3]):
        assert line in TUTORIAL.text.splitlines()
    failures = [row for row in rows if row.startswith(" ")]
    assert [row.split() for row in rows if row not in failures] == [
        ["1", "new", "methods", "9", "9"],
        ["2", "new", "parameters", "17", "17"],
        ["3", "new", "state", "25", "25"],
        ["4", "renamed", "class", "33", "33"],
        ["5", "moved", "41", "41"],
        ["6", "incompatible", "49", "37"],
    ]
    assert len(failures) == 12
    for failure in failures:
        assert re.match(r" +(task|complete\(\)) of night since .*: StaleReference: ", failure)
        assert failure.partition("StaleReference: ")[2].partition(" (logref")[0] in TUTORIAL.text
        assert "now needs 'site': ask for the object anew" in failure
    assert crawl.splitlines()[:3] == [
        "3 workers: [0, 0, 0]",
        "97 pages: {'waiting': 0, 'taken': 0, 'done': 97}",
        "said to be done: 97, of them twice: 0",
    ]


def test_what_the_deploys_brought(shop: Shop) -> None:
    held = shop.root.Queue("work")
    held.add("http://a.example/1")
    old = held.next_task(60.0)
    shop.address.deploy(FOLDER / "deploys" / "4_renamed_class.py")
    queue = shop.root.Queue("work")
    for url in ("http://a.example/2", "http://b.example/1"):
        queue.add(url)
    task = queue.next_task(under="http://b.example/")
    assert (task.url, task.lease) == ("http://b.example/1", 30.0)
    old = glyph.reload(old)
    assert (old.url, old.lease) == ("http://a.example/1", 30.0)

    task.give_back()
    again = queue.next_task(0.0, "http://b.example/")
    assert (again.url, again.attempt, again.lease) == ("http://b.example/1", 2, 0.0)
    again.renew(60.0)
    assert queue.next_task(under="http://b.example/") is None
    again.renew()  # as at first: for no time at all
    assert queue.next_task(under="http://b.example/").attempt == 3
    with pytest.raises(glyph.Conflict, match=r"another worker has http://b\.example/1 now"):
        again.renew()

    old.complete()
    assert old.found_link(old.url) is False
    assert old.found_link(old.url, again=True) is True
    with pytest.raises(glyph.Conflict):
        old.complete()  # of another time
    assert shop.tasks()["http://a.example/1"] == (0, 2)


# --- the tutorial ---------------------------------------------------------------------------------


def test_the_tutorial_quotes_what_is_there() -> None:
    TUTORIAL.check_quotes()


def test_what_the_tutorial_types(shop: Shop) -> None:
    instead = {
        "http://127.0.0.1:8000/": shop.address.url,
        "glyph.get(": "client.get(",  # whose connections end with the test
    }
    TUTORIAL.type_in(instead, {"client": shop.client})


def test_the_upgrade_in_the_tutorial() -> None:
    code = re.search(r"^    @classmethod\n(    .*\n)+", TUTORIAL.text, re.MULTILINE)
    assert code is not None
    space: dict[str, Any] = {"urlsplit": urlsplit}
    exec(f"class Task:\n{code[0]}", space)
    upgraded = space["Task"].__glyph_upgrade__({"url": "http://a.example/1", "attempt": 1})
    assert upgraded == {"url": "http://a.example/1", "attempt": 1, "site": "a.example"}


def test_the_tutorial_links_lead_somewhere() -> None:
    TUTORIAL.check_links()
