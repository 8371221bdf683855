"""How many calls are in flight, and when there are to be no more."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from hyperglyph.transport.http.messages import Response
from hyperglyph.transport.http.status import Unavailable

__all__ = ["InFlight"]

#: Seconds until those who were refused may come again.
_RETRY_AFTER = 1


class InFlight:
    """Counts calls from their head to the last byte of the answer, up to a limit."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"in_flight is how many calls at a time, not {limit}")
        self._limit = limit
        self._count = 0
        self._lock = threading.Lock()
        #: Whether no more calls are to begin.
        self.draining = False

    def enter(self) -> Unavailable | None:
        """Count a call, or return the error with which to refuse it. REQ-STATUS-16."""
        with self._lock:
            if self.draining:
                return Unavailable("this server is about to stop", retry_after=_RETRY_AFTER)
            if self._count >= self._limit:
                return Unavailable("too many calls at a time", retry_after=_RETRY_AFTER)
            self._count += 1
            return None

    def leave(self) -> None:
        """A call that was counted is over."""
        with self._lock:
            self._count -= 1

    def leave_with(self, response: Response) -> None:
        """A call is over when its response is closed; at once if that is made already."""
        if type(response.body) is tuple or isinstance(response.body, Sequence):
            self.leave()
            return
        close = response.on_close

        def closed() -> None:
            try:
                close()
            finally:
                self.leave()

        response.on_close = closed
