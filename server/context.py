"""What a function can learn about the call that it serves."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

import attrs

from hyperglyph.transport.http.messages import Deadline, Headers, first_header

__all__ = ["CURRENT", "Context", "context"]


@attrs.frozen
class Context:
    """One call: the request's headers, the caller's deadline, and the reference into the log."""

    method: str
    route: str
    headers: Headers
    deadline: Deadline
    logref: str

    def header(self, name: str) -> str | None:
        """The first value of a header of the request, or None."""
        return first_header(self.headers, name.lower())

    @property
    def time_left(self) -> float | None:
        """Seconds until the caller gives up, zero or less if that has passed; None: no limit."""
        return self.deadline.left()


CURRENT: Final[ContextVar[Context]] = ContextVar("hyperglyph.context")


def context() -> Context:
    """The call that is being served. Raises RuntimeError outside of one."""
    try:
        return CURRENT.get()
    except LookupError:
        raise RuntimeError("there is no call: context() works inside a served function") from None
