"""A bar while cases run, for people who wait longer than a moment."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

__all__ = ["shown"]

T = TypeVar("T")

_WIDTH: Final = 30
#: In seconds: a moment, and how often what has come is told then.
_MOMENT: Final = 1.0
_OFTEN: Final = 0.1


def shown(things: Iterable[T], number: int) -> Iterator[T]:
    """Yield things, `number` in all, and draw a bar while they come, if a person can see it."""
    wanted = sys.stderr.isatty()
    drawn = time.monotonic() + _MOMENT
    for count, thing in enumerate(things, 1):
        yield thing
        if wanted and (now := time.monotonic()) >= drawn:
            done = "#" * (count * _WIDTH // number)
            print(f"\r[{done:{_WIDTH}}] {count} of {number}", end="", file=sys.stderr, flush=True)
            drawn = now + _OFTEN
    if wanted:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
