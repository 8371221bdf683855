"""The total deadline of a call, as it travels and as blobs make it wait."""

from __future__ import annotations

from collections.abc import Iterator

from hyperglyph.transport.http.bodies import Body
from hyperglyph.transport.http.messages import PIECE, Deadline

__all__ = ["HEADER", "body_pieces", "timeout_header"]

HEADER = "Hyperglyph-Timeout"


def timeout_header(deadline: Deadline) -> tuple[tuple[str, str], ...]:
    """What is left of the deadline, as a header; nothing without a limit."""
    left = deadline.left()
    return () if left is None else ((HEADER, f"{max(left, 0.0):.3f}"),)


def body_pieces(body: Body, deadline: Deadline) -> bytes | Iterator[bytes]:
    """The body to send. The deadline stands still while its blobs are on their way."""
    if body.rest is None:
        return body.root
    return _with_blobs(body.root, body.rest, deadline)


def _with_blobs(root: bytes, rest: Iterator[bytes], deadline: Deadline) -> Iterator[bytes]:
    for start in range(0, len(root), PIECE):
        yield root[start : start + PIECE]
    deadline.pause()
    try:
        yield from rest
    finally:
        deadline.resume()
