"""The total deadline of a call, as it travels and as blobs make it wait.

Standard, section 18.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from hyperglyph.transport.http.bodies import Body
from hyperglyph.transport.http.messages import PIECE, Deadline

__all__ = ["HEADER", "Outgoing", "timeout_header"]

HEADER = "Hyperglyph-Timeout"


def timeout_header(deadline: Deadline) -> tuple[tuple[str, str], ...]:
    """What is left of the deadline, as a header; nothing without a limit. REQ-TIME-1."""
    left = deadline.left()
    return () if left is None else ((HEADER, f"{max(left, 0.0):.3f}"),)


class Outgoing:
    """A body on its way. The deadline stands still while its blobs are sent.

    `failure` is what reading a blob raised, if it did: an error of the caller's own file, which an
    adapter may have mistaken for one of the network.
    """

    def __init__(self, body: Body, deadline: Deadline) -> None:
        self._body = body
        self._deadline = deadline
        self.failure: Exception | None = None

    def content(self) -> bytes | Iterator[bytes]:
        """What the adapter is given."""
        return self._body.root if self._body.rest is None else self._pieces(self._body.rest)

    def _pieces(self, rest: Iterator[bytes]) -> Iterator[bytes]:
        root = self._body.root
        for start in range(0, len(root), PIECE):
            yield root[start : start + PIECE]
        self._deadline.pause()
        try:
            yield from rest
        except Exception as error:
            self.failure = error
            raise
        finally:
            self._deadline.resume()
