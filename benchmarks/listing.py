"""A listing of 1,000 objects with 5 methods each, against the same data as plain dicts.

    python benchmarks/listing.py [--rounds N]

The records are those of payload b (benchmarks/payloads.py), about 340 bytes each. Client and server
are two processes, the candidates take turns, and each reads one attribute of every record. Quoted
are bytes of the answer, CPU time of both sides together, wall time, and the median of the ratios to
plain dicts within a round. The goal is 1.5 for bytes and time. The objects are the same each time,
and the server remembers the references that it made for them in the first.
"""

from __future__ import annotations

import argparse
import http.client
import random
import statistics
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from payloads import SEED, record
from processes import cpu_seconds, process, seconds_of

import hyperglyph as glyph

COUNT = 1_000
GOAL = 1.5
MEDIA_TYPE = "application/vnd.hyperglyph"


def _records() -> list[dict[str, Any]]:
    rng = random.Random(SEED)  # noqa: S311
    return [record(rng, number) for number in range(COUNT)]


RECORDS = _records()


class User(glyph.Resource):
    """Ten attributes, of which one is the state, and five methods."""

    def __init__(self, id: int) -> None:  # noqa: A002 - its name on the wire
        vars(self).update(RECORDS[id])

    def message(self, subject: str, body: str = "", urgent: bool = False) -> None: ...

    def rename(self, name: str) -> None: ...

    def deactivate(self) -> None: ...

    @glyph.safe()
    def bio(self) -> str:
        return ""

    @glyph.safe()
    def friends(self, start: int = 0, count: int = 20) -> list[int]:
        return []


def objects() -> list[User]:
    return [User(number) for number in range(COUNT)]


def dicts() -> list[dict[str, Any]]:
    return [dict(record) for record in RECORDS]


def serve() -> tuple[str, Any]:
    router = glyph.Router()
    for target in (User, objects, dicts):
        router.add(target)
    server = glyph.Server(router).start()
    return server.url, server


def size_of(url: str, name: str, accept: str) -> int:
    """The bytes of an answer's body."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    connection.request("POST", f"/{name}", b"", {"Content-Type": MEDIA_TYPE, "Accept": accept})
    size = len(connection.getresponse().read())
    connection.close()
    return size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    partial = f"{MEDIA_TYPE};partial=1, */*;q=0.5"
    with ExitStack() as stack:
        server = stack.enter_context(process(serve))
        root = stack.enter_context(glyph.Client()).get(server.url)

        def read_dicts() -> int:
            return sum(len(user["name"]) for user in root.dicts())

        def read_objects() -> int:
            return sum(len(user.name) for user in root.objects())

        candidates = {"dicts": read_dicts, "objects": read_objects}
        assert read_dicts() == read_objects()
        sizes = {name: size_of(server.url, name, partial) for name in candidates}
        whole = size_of(server.url, "objects", MEDIA_TYPE)
        walls: dict[str, list[float]] = {name: [] for name in candidates}
        theirs: dict[str, list[float]] = {name: [] for name in candidates}
        ours: dict[str, list[float]] = {name: [] for name in candidates}
        for _ in range(options.rounds):
            for name, read in candidates.items():
                client, at_server = cpu_seconds(), server.cpu()
                walls[name].append(seconds_of(read) * 1000)
                theirs[name].append((server.cpu() - at_server) * 1000)
                ours[name].append((cpu_seconds() - client) * 1000)
    both = {n: [a + b for a, b in zip(ours[n], theirs[n], strict=True)] for n in candidates}

    def ratio(of: dict[str, list[float]]) -> float:
        return statistics.median(a / b for a, b in zip(of["objects"], of["dicts"], strict=True))

    print(f"{'':10}{'KB':>7}{'CPU ms: client':>16}{'server':>8}{'both':>8}{'wall ms':>9}")
    for name in candidates:
        figures = (statistics.median(of[name]) for of in (ours, theirs, both, walls))
        print(
            f"{name:10}{sizes[name] / 1000:7.0f}" + "{:16.1f}{:8.1f}{:8.1f}{:9.1f}".format(*figures)
        )
    print(
        f"{'ratio':10}{sizes['objects'] / sizes['dicts']:7.2f}{ratio(ours):16.2f}"
        f"{ratio(theirs):8.2f}{ratio(both):8.2f}{ratio(walls):9.2f}    goal {GOAL}"
    )
    print(f"without partial resources the objects take {whole / 1000:.0f} KB")


if __name__ == "__main__":
    main()
