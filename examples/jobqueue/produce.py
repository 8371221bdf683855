"""Puts pages into a queue. `python examples/jobqueue/produce.py URL QUEUE PAGE...`"""

import argparse

import hyperglyph as glyph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="of the job queue")
    parser.add_argument("queue", help="its name")
    parser.add_argument("pages", nargs="+", help="what to crawl first")
    arguments = parser.parse_args()
    queue = glyph.get(arguments.url).Queue(arguments.queue)
    for page in arguments.pages:
        print("new" if queue.add(page) else "known", page)
    print(queue.progress())


if __name__ == "__main__":
    main()
