"""What a call that is being served hands on to the calls made while it is.

A server sets it, a client reads it; neither knows the other.

Standard, section 18.4 (REQ-TIME-5), and REQ-SAFE-1.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import attrs

from .messages import Deadline, Headers

__all__ = ["CARRIED", "Carried", "carrying"]

#: Headers that carry no secret of one server (no baggage: that may hold anything), and how they
#: have to look to be handed on. What comes from a stranger goes to others.
_HEADERS: Final = {
    "x-request-id": ("X-Request-Id", re.compile(r"[!-~]{1,200}")),
    "traceparent": (
        "traceparent",
        re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[!-~]{2,80}"),
    ),
}


@attrs.define
class Carried:
    """The headers of a request that is being served, and how long its caller waits.

    `deadline` is None when the call is over: what it has begun in the background goes on.
    """

    received: Headers
    deadline: Deadline | None

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Those that are handed on."""
        found: dict[str, list[str]] = {}
        for name, value in self.received:
            if name.lower() in _HEADERS:
                found.setdefault(name.lower(), []).append(value)
        return [
            (_HEADERS[name][0], values[0])
            for name, values in found.items()
            if len(values) == 1 and _HEADERS[name][1].fullmatch(values[0])
        ]

    @property
    def time_left(self) -> float | None:
        """Seconds until the caller gives up; None: no limit."""
        return None if self.deadline is None else self.deadline.left()


#: The call being served in this thread or task, if any.
CARRIED: Final[ContextVar[Carried | None]] = ContextVar("hyperglyph_carried", default=None)


@contextmanager
def carrying(received: Headers, deadline: Deadline) -> Generator[None]:
    """Where a call with these headers is being served."""
    carried = Carried(received, deadline)
    token = CARRIED.set(carried)
    try:
        yield
    finally:
        carried.deadline = None
        CARRIED.reset(token)
