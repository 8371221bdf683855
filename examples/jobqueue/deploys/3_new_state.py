"""Deploy 3: a task knows for how long it was given. Older references do not: 30 seconds."""

from importlib import import_module

import service

import hyperglyph as glyph

before = import_module("2_new_parameters")
router = glyph.Router()


@router.add()
class Task(before.Task):
    def __init__(self, queue: str, url: str, attempt: int, lease: float = 30.0) -> None:
        super().__init__(queue, url, attempt)
        self.lease = lease

    def renew(self, lease: float | None = None) -> None:
        """Have the task for `lease` seconds from now, by default for as long as at first."""
        super().renew(self.lease if lease is None else lease)


@router.add()
class Queue(before.Queue):
    def next_task(self, lease: float = 30.0, under: str = "") -> Task | None:
        task = super().next_task(lease, under)
        if task is not None:
            task.lease = lease
        return task

    def _task(self, url: str, attempt: int) -> Task:
        return Task(self.name, url, attempt)


if __name__ == "__main__":
    service.serve(router)
