"""Deploy 4: Task is called CrawlTask in the code. Its registered name is in every reference, and
stays.
"""

from importlib import import_module

import service

import hyperglyph as glyph

before = import_module("3_new_state")
router = glyph.Router()


@router.add(name="Task")
class CrawlTask(before.Task):
    pass


@router.add()
class Queue(before.Queue):
    def _task(self, url: str, attempt: int) -> CrawlTask:
        return CrawlTask(self.name, url, attempt)


if __name__ == "__main__":
    service.serve(router)
