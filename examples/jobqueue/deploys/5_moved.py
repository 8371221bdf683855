"""Deploy 5: some queues are served elsewhere, by a process that runs deploy 4 with their tasks and
the same secret. This one, at the old address, sends every call for them there.
"""

import os
from importlib import import_module

import service

import hyperglyph as glyph

before = import_module("4_renamed_class")
router = glyph.Router()

MOVED = dict.fromkeys(("work", "night"), os.environ["JOBQUEUE_MOVED_TO"])


@router.add(name="Task")
class CrawlTask(before.CrawlTask):
    def __init__(self, queue: str, url: str, attempt: int, lease: float = 30.0) -> None:
        if queue in MOVED:
            raise glyph.Moved(MOVED[queue])
        super().__init__(queue, url, attempt, lease)


@router.add()
class Queue(before.Queue):
    def __init__(self, name: str) -> None:
        if name in MOVED:
            raise glyph.Moved(MOVED[name])
        super().__init__(name)

    def _task(self, url: str, attempt: int) -> CrawlTask:
        return CrawlTask(self.name, url, attempt)


if __name__ == "__main__":
    service.serve(router)
