"""A job queue. `python examples/jobqueue/service.py --port 8000` serves it.

The tasks are in an SQLite file, which the environment variable JOBQUEUE_FILE names. References
outlive the process if HYPERGLYPH_SECRET is set.
"""

import argparse
import os
from contextlib import closing
from pathlib import Path

from tasks import Tasks

import hyperglyph as glyph

tasks = Tasks(Path(os.environ.get("JOBQUEUE_FILE", "jobqueue.db")))
router = glyph.Router()

LONGEST_LEASE = 86_400.0  # seconds: a task whose worker died comes back within a day
LONGEST_URL = 1_000  # it is part of the task's own URL, which has room for some 1,400 bytes


class LeaseLost(glyph.Conflict):
    """The task has been given to another worker: what this one did with it does not count."""


@router.add()
@glyph.hidden()  # only a queue gives out tasks
class Task(glyph.Resource):
    """A page to be crawled, and which attempt at it this is. All of that is in its URL."""

    def __init__(self, queue: str, url: str, attempt: int) -> None:
        self.queue = queue
        self.url = url
        self.attempt = attempt

    def found_link(self, url: str) -> bool:
        """Add a page to the same queue. Returns whether it was new."""
        return add(self.queue, url)

    def complete(self) -> None:
        """Say that the work is done. To say it again does no harm."""
        if not tasks.complete(self.queue, self.url, self.attempt):
            raise LeaseLost(
                f"attempt {self.attempt} at {self.url} took longer than its lease, and another "
                "worker has the task now: drop what you did and ask for the next one"
            )


@router.add()
class Queue(glyph.Resource):
    """Tasks under one name. A queue is there as soon as something is added to it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def add(self, url: str) -> bool:
        """Add a page. Returns whether it was new."""
        return add(self.name, url)

    def next_task(self, lease: float = 30.0) -> Task | None:
        """A task for the caller alone, for `lease` seconds; None if there is none now."""
        taken = tasks.take(self.name, checked_lease(lease))
        return None if taken is None else self._task(*taken)

    def _task(self, url: str, attempt: int) -> Task:
        return Task(self.name, url, attempt)

    @glyph.safe()
    def progress(self) -> dict[str, int]:
        """How many tasks are waiting, taken and done."""
        return tasks.count(self.name)


def checked_lease(lease: float) -> float:
    """Raises BadRequest for what is no time, or would keep a task for ever."""
    if not isinstance(lease, int | float) or not 0 <= lease <= LONGEST_LEASE:
        raise glyph.BadRequest(f"a lease is 0 to {LONGEST_LEASE:,.0f} seconds")
    return lease


def add(queue: str, url: str) -> bool:
    if not isinstance(url, str) or len(url.encode()) > LONGEST_URL:
        raise glyph.BadRequest(f"a task's URL is text of at most {LONGEST_URL} bytes")
    return tasks.add(queue, url)


def serve(router: glyph.Router) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    with closing(tasks), glyph.Server(router, port=arguments.port) as server:
        print(server.url, flush=True)
        server.run()


if __name__ == "__main__":
    serve(router)
