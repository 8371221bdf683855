"""Help for the tests of persistent resources: a class that keeps much, and a page of it."""

from __future__ import annotations

from typing import Any

import hyperglyph as glyph

SECRET = "a secret for the tests of persistence"


def page_of(*served: Any, **options: Any) -> Any:
    """The root page of a router in this process."""
    router = glyph.Router(secret=SECRET, **options)
    for target in served:
        router.add(target)
    return glyph.Client(glyph.LocalTransport(router)).get("http://localhost/")


def call(page: Any, url: str) -> Any:
    """What a held reference says at another service."""
    return glyph.client_of(page).get(url)


def counter(store: glyph.Store) -> type[Any]:
    class Counter(glyph.PersistentResource, store=store):
        def __init__(self, step: int = 1) -> None:
            self.step = step
            self.count = 0
            self._log: list[str] = []

        def add(self, times: int = 1) -> int:
            self.count += self.step * times
            self._log.append(f"add {times}")
            return self.count

        def fail(self) -> None:
            self.count += 100
            raise glyph.NotFound("no")

        def note(self, text: str) -> None:
            self._log.append(text)

        @glyph.safe()
        def log(self) -> list[str]:
            self.count += 1_000
            return self._log

        def meanwhile(self) -> None:
            """Another call comes in between."""
            other = glyph.recall(Counter, glyph.id_of(self))
            other.count += 10
            glyph.keep(other)
            self.count += 1

        def look_meanwhile(self) -> int:
            glyph.keep(glyph.recall(Counter, glyph.id_of(self)))
            return self.count

        def end(self) -> str:
            glyph.forget(self)
            self.count = 5
            return "ended"

        def end_meanwhile(self) -> None:
            glyph.forget(glyph.recall(Counter, glyph.id_of(self)))
            self.count += 1

        def end_both(self) -> None:
            self.end_meanwhile()
            glyph.forget(self)

        def end_after_a_change(self) -> None:
            self.meanwhile()
            glyph.forget(self)

        def me(self) -> Any:
            self.count += 1
            return self

    return Counter
