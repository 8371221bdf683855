"""A message on its way out: its root, then the chunks of its blobs, read while they are sent.

The twin of `trailers.py`, which reads the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from .blob import CHUNK_SIZE, Blob

__all__ = ["PIECE_SIZE", "Pieces"]

PIECE_SIZE: Final = 65_536


class Pieces:
    """A message as an iterable of bytes. What is iterated over twice rewinds its blobs."""

    def __init__(self, root: bytes, blobs: Sequence[Blob]) -> None:
        #: The bytes of the root.
        self.root = root
        #: Its blobs, each at the index that is its id.
        self.blobs = blobs

    @property
    def size(self) -> int | None:
        """The number of bytes in all, or None if a blob comes from a file that cannot tell."""
        total = len(self.root)
        for number, blob in enumerate(self.blobs):
            size = blob.size
            if size is None:
                return None
            total += _wire_size(number, size)
        return total

    def __iter__(self) -> Iterator[bytes]:
        """Pieces of at most 64 KiB and the head of a chunk.

        Raises OSError from a blob's file, ValueError for one that was closed or read meanwhile.
        """
        for start in range(0, len(self.root), PIECE_SIZE):
            yield self.root[start : start + PIECE_SIZE]
        yield from self.trailers()

    def trailers(self) -> Iterator[bytes]:
        """The pieces behind the root: the chunks of each blob, one blob after the other."""
        for number, blob in enumerate(self.blobs):  # REQ-CAN-2
            for octets in blob.chunks():
                yield b"c%d:%d:%b;" % (number, len(octets), octets)
            yield b"c%d;" % number


def _wire_size(number: int, size: int) -> int:
    """What the chunks of a blob take on the wire, its end chunk included."""
    whole, last = divmod(size, CHUNK_SIZE)
    total = whole * (len(b"c%d:%d:;" % (number, CHUNK_SIZE)) + CHUNK_SIZE)
    if last:
        total += len(b"c%d:%d:;" % (number, last)) + last
    return total + len(b"c%d;" % number)
