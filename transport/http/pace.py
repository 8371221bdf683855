"""How slowly a body may come."""

from __future__ import annotations

from typing import Final

__all__ = ["Pace"]

#: Bytes a second below which a body has no more than the idle limit in all.
_RATE: Final = 1024


class Pace:
    """The time for a body: the idle limit in all, and a second more for each KiB that has come.

    Who sends a byte within each idle limit is never idle, and would never end. Only waiting counts:
    whoever reads the body may take the time it needs. `left` is in seconds.
    """

    __slots__ = ("left",)

    def __init__(self, idle: float, come: int = 0) -> None:
        self.left = idle + come / _RATE

    def took(self, seconds: float, come: int = 0) -> None:
        """A wait is over, in which so many bytes came."""
        self.left += come / _RATE - seconds
