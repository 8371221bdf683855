"""Crawls what is in a queue. `python examples/jobqueue/worker.py URL QUEUE`, as often as you like.

Ends when everything in the queue is done. Prints a line when it takes a task, and a line that says
what became of it: done, or lost to another worker.
"""

import argparse
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import hyperglyph as glyph

PATIENCE = 60.0


def insist(call: Callable[..., Any], *arguments: object) -> Any:
    """Call, and call again while the service cannot be reached: a deploy takes a moment.

    Nobody may know what became of a call that got no answer. A worker need not care: to add a link
    or complete a task twice is the same as once, and a task that was given out but never arrived
    comes back when its lease ends.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return call(*arguments)
        except (glyph.TransportError, glyph.Unavailable):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def links_of(web: glyph.Client, url: str) -> list[str]:
    """The links in a page of the web, absolute, in order; none if it cannot be had."""
    try:
        with web.get(url) as page:  # what is not in the format of hyperglyph comes as a blob
            text = page.read().decode(errors="replace")
    except glyph.HyperglyphError:
        return []
    return [urljoin(url, link) for link in re.findall(r'href="([^"#]+)"', text)]


def work(queue: Any, web: glyph.Client, lease: float, delay: float) -> None:
    while True:
        task = insist(queue.next_task, lease)
        if task is None:
            progress = insist(queue.progress)
            if not progress["waiting"] + progress["taken"]:
                return
            time.sleep(0.1)
            continue
        print("took", task.url, flush=True)
        time.sleep(delay)
        try:
            for link in links_of(web, task.url):
                insist(task.found_link, link)
            insist(task.complete)
        except (glyph.Conflict, glyph.StaleReference) as error:
            print("lost", task.url, error, flush=True)
        else:
            print("done", task.url, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="of the job queue")
    parser.add_argument("queue", help="its name")
    parser.add_argument("--lease", type=float, default=30.0, help="seconds that a page may take")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds to wait before each page")
    parser.add_argument("--origin", action="append", default=[], help="where it may move to")
    arguments = parser.parse_args()
    with glyph.Client(origins=arguments.origin) as client, glyph.Client() as web:
        server = insist(client.get, arguments.url)
        queue = insist(server.Queue, arguments.queue)
        work(queue, web, arguments.lease, arguments.delay)


if __name__ == "__main__":
    main()
