"""Deploy 5: objects moved to another service. All of Bergen goes from shard 0 to shard 1.

Shard 1 is deployed first: it learns to adopt users. Then shard 0 hands its users over before it
serves again. Nothing else changes: `User.__glyph_home__` says where a user lives, as it always did.
"""

from importlib import import_module
from typing import Any

import service

import hyperglyph as glyph

before = import_module("4_renamed_class")

CITY = "Bergen"


def adopt(residents: list[dict[str, Any]]) -> int:
    """Let users live here. Returns how many came. Needs the key."""
    service.here.check_key()
    service.here.people.adopt(residents)
    return len(residents)


def hand_over() -> None:
    """Move the city to shard 1. If it fails half-way, starting again does all of it again."""
    here = service.here
    moving = here.people.residents(CITY) if here.people.shard == 0 else []
    if moving:
        headers = {"Authorization": f"Bearer {here.key}"}
        with glyph.Client(headers=headers) as client:
            client.get(here.other).adopt(moving)
        here.people.release(moving)


def routes() -> glyph.Router:
    router = before.routes()
    router.add(adopt)
    return router


if __name__ == "__main__":
    service.serve(routes(), prepare=hand_over)
