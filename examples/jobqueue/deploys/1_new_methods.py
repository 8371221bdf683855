"""Deploy 1: a worker may keep a task for longer, or give it back."""

import time

import service

import hyperglyph as glyph

router = glyph.Router()


@router.add()
class Task(service.Task):
    def renew(self, lease: float) -> None:
        """Have the task for `lease` seconds from now."""
        self._set_lease(time.time() + service.checked_lease(lease))

    def give_back(self) -> None:
        """Let others have it at once."""
        self._set_lease(0.0)

    def _set_lease(self, ends: float) -> None:
        statement = """
            UPDATE tasks SET lease_ends = ? WHERE queue = ? AND url = ? AND attempt = ?
            RETURNING number
        """
        if not service.tasks.run(statement, ends, self.queue, self.url, self.attempt):
            raise service.LeaseLost(f"another worker has {self.url} now: ask for the next task")


@router.add()
class Queue(service.Queue):
    def _task(self, url: str, attempt: int) -> Task:
        return Task(self.name, url, attempt)


if __name__ == "__main__":
    service.serve(router)
