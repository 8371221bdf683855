"""Takes the job queue through its deploys while workers crawl and references are held.

`python examples/jobqueue/rehearse.py` prints what came of the references after each deploy, and
then of the crawl. The same three workers run from before the first deploy until after the last, and
none is told of any.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import hyperglyph as glyph

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from deploys import Address, Rehearsal  # noqa: E402 - which is in the folder above

WORKERS = 3
PAGES = 15
CHAPTER = PAGES + 1  # one page more is linked to, and is not there


@contextmanager
def running(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A program of this folder. If it still runs at the end, it is terminated."""
    command = [sys.executable, str(HERE / program), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    with process:
        try:
            yield process
        finally:
            process.terminate()


def wait_until_done(queue: Any, tasks: int) -> None:
    deadline = time.monotonic() + 60
    while queue.progress()["done"] < tasks:
        if time.monotonic() > deadline:
            raise TimeoutError(f"after a minute not {tasks} are done: {queue.progress()}")
        time.sleep(0.05)


def hold(rehearsal: Rehearsal, server: Any, since: str) -> None:
    """Hold of a queue that will move, and of one that will not: itself, a task, their methods."""
    for name in ("night", "home"):
        queue = server.Queue(name)
        queue.add(f"http://example.org/{since.replace(' ', '-')}")
        task = queue.next_task(600.0)

        def use_queue(queue: Any = queue, url: str = task.url) -> None:
            queue.add(f"{url}/more")
            queue.next_task()
            queue.progress()

        def use_task(task: Any = task) -> None:
            task.found_link(f"{task.url}/link")
            task.complete()

        rehearsal.hold(f"queue {name} since {since}", use_queue)
        rehearsal.hold(f"task of {name} since {since}", use_task)
        rehearsal.hold(f"add() of {name} since {since}", lambda q=queue.add, t=task: q(t.url))
        rehearsal.hold(f"complete() of {name} since {since}", task.complete)


def rehearse(folder: Path, stack: ExitStack) -> None:
    env = {"PYTHONPATH": str(HERE), "JOBQUEUE_FILE": str(folder / "jobqueue.db")}
    new = stack.enter_context(Address(env=env))
    old = Address(secret=new.secret, env={**env, "JOBQUEUE_MOVED_TO": new.url})
    stack.enter_context(old)
    website = stack.enter_context(running("website.py", "--pages", str(PAGES)))
    assert website.stdout is not None
    site = website.stdout.readline().strip()

    old.deploy(HERE / "service.py")
    server = stack.enter_context(glyph.Client(origins=[old.url, new.url])).get(old.url)
    work = server.Queue("work")
    work.add(f"{site}last")
    last = work.next_task(600.0)  # as long as it is not done, the workers do not end
    options = ["--lease", "2", "--origin", old.url, "--origin", new.url]
    workers = [
        stack.enter_context(running("worker.py", old.url, "work", *options)) for _ in range(WORKERS)
    ]
    rehearsal = Rehearsal()
    rehearsal.hold("the root page", lambda: server.Queue("night").progress())
    hold(rehearsal, server, "the start")

    def deploy(program: str, number: int, what: str, address: Address = old) -> None:
        """In the middle of a chapter of the site. The workers finish it."""
        before = (number - 1) * CHAPTER
        work.add(f"{site}{number}/1")
        wait_until_done(work, before + CHAPTER // 4)
        address.deploy(HERE / "deploys" / program)
        wait_until_done(work, before + CHAPTER)
        rehearsal.check(f"{number} {what}")
        if number < 6:
            hold(rehearsal, glyph.reload(server), f"deploy {number}")

    deploy("1_new_methods.py", 1, "new methods")
    deploy("2_new_parameters.py", 2, "new parameters")
    deploy("3_new_state.py", 3, "new state")
    deploy("4_renamed_class.py", 4, "renamed class")
    new.deploy(HERE / "deploys" / "4_renamed_class.py")
    deploy("5_moved.py", 5, "moved")
    last = glyph.reload(last)  # it has new methods by now, and a new address
    last.renew(2.0)
    deploy("6_incompatible.py", 6, "incompatible", new)
    print(rehearsal.table())

    said = [line for worker in workers for line in worker.communicate(timeout=60)[0].splitlines()]
    done = [line for line in said if line.startswith("done")]
    print(f"\n{WORKERS} workers: {[worker.returncode for worker in workers]}")
    print(f"{6 * CHAPTER + 1} pages: {work.progress()}")
    print(f"said to be done: {len(done)}, of them twice: {len(done) - len(set(done))}")
    print("\n".join(line for line in said if line.startswith("lost")))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        rehearse(Path(folder), stack)


if __name__ == "__main__":
    main()
