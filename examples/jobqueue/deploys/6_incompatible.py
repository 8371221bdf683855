"""Deploy 6: a task has to know its site, and an older reference cannot say which.

A careful author would give `site` a default, or make it of the URL in `__glyph_upgrade__`; then
this would be one more deploy that nobody notices.
"""

from importlib import import_module
from urllib.parse import urlsplit

import service

import hyperglyph as glyph

before = import_module("4_renamed_class")
router = glyph.Router()


@router.add(name="Task")
class CrawlTask(before.CrawlTask):
    def __init__(self, queue: str, url: str, attempt: int, site: str, lease: float = 30.0) -> None:
        super().__init__(queue, url, attempt, lease)
        self.site = site


@router.add()
class Queue(before.Queue):
    def _task(self, url: str, attempt: int) -> CrawlTask:
        return CrawlTask(self.name, url, attempt, urlsplit(url).netloc)


if __name__ == "__main__":
    service.serve(router)
