"""Calls that lost a race, changed nothing, and may be made once more."""

from __future__ import annotations

import random
from typing import Final

from hyperglyph.transport.http.messages import Deadline
from hyperglyph.transport.http.status import Conflict

__all__ = ["Again", "pause_before"]

#: Seconds: how long the first pause is at most, and the longest. They double in between.
_FIRST: Final = 0.001
_LONGEST: Final = 0.064


class Again(Exception):
    """A call lost, and nothing that it did was kept. `conflict` is what its caller gets instead."""

    def __init__(self, conflict: Conflict) -> None:
        super().__init__(conflict)
        self.conflict = conflict


def pause_before(attempt: int, deadline: Deadline) -> float | None:
    """For how many seconds to let others go first before attempt 1, 2, ...: drawn at random, so
    that those who lost together do not meet again. None if there is no time left for that.
    """
    seconds = random.uniform(0, min(_LONGEST, _FIRST * 2 ** min(attempt, 10)))  # noqa: S311
    left = deadline.left()
    return None if left is not None and left <= seconds else seconds
