"""Deploy 2: tasks of one site only, and links to what is to be crawled again."""

import time
from importlib import import_module

import service

import hyperglyph as glyph

before = import_module("1_new_methods")
router = glyph.Router()


@router.add()
class Task(before.Task):
    def found_link(self, url: str, again: bool = False) -> bool:
        """`again`: also if it is done already. The new attempt number is nobody's."""
        statement = """
            UPDATE tasks SET done = 0, lease_ends = 0, attempt = attempt + 1
            WHERE queue = ? AND url = ? AND done RETURNING number
        """
        if again and service.tasks.run(statement, self.queue, url):
            return True
        return super().found_link(url)


@router.add()
class Queue(before.Queue):
    def next_task(self, lease: float = 30.0, under: str = "") -> Task | None:
        """`under`: only a page whose URL begins with it."""
        statement = """
            UPDATE tasks SET attempt = attempt + 1, lease_ends = ? WHERE number = (
                SELECT number FROM tasks WHERE queue = ? AND NOT done AND lease_ends <= ?
                    AND substr(url, 1, length(?)) = ? ORDER BY number LIMIT 1
            ) RETURNING url, attempt
        """
        now = time.time()
        ends = now + service.checked_lease(lease)
        rows = service.tasks.run(statement, ends, self.name, now, under, under)
        return self._task(*rows[0]) if rows else None

    def _task(self, url: str, attempt: int) -> Task:
        return Task(self.name, url, attempt)


if __name__ == "__main__":
    service.serve(router)
