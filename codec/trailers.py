"""What follows the root: the content of its blobs, in chunks that may interleave.

trailer   = chunk / end-chunk
chunk     = %s"c" id ":" length ":" octets ";"
end-chunk = %s"c" id ";"                                              vectors: blob
"""

from __future__ import annotations

from .blob import Blob
from .errors import DecodeError, LimitExceeded, Truncated
from .limits import Limits
from .scanner import CLOSE, COLON, NeedMore, Whitespace, expect, read_count, show_byte

__all__ = ["Trailers"]


class Trailers:
    """Reads trailers from pieces of any size, and writes their octets into the blobs as they come.

    `blobs` are those of the root, by id; `offset` is where the root ended. `open` holds the blobs
    that have not ended. Only the incomplete head of one chunk is ever kept. Where another message
    may follow, what comes behind the last blob's end is left in `rest`.
    """

    def __init__(
        self,
        blobs: dict[int, Blob],
        limits: Limits,
        whitespace: Whitespace,
        offset: int,
        *,
        followed: bool = False,
    ) -> None:
        self.open = dict(blobs)
        self._blobs = blobs
        self._room = dict.fromkeys(blobs, limits.blob_size)
        self._limits = limits
        self._whitespace = whitespace
        self._offset = offset  # of the first byte that is not consumed
        self._heads = limits.message - offset  # how many bytes the heads of chunks may take
        self._kept = b""
        self._blob: Blob | None = None  # whose octets, or their `;`, come next
        self._octets = 0
        self._followed = followed
        self.rest = b""

    def feed(self, piece: bytes | bytearray | memoryview) -> None:
        """Read the next piece. Raises DecodeError and LimitExceeded."""
        data = memoryview(self._kept + bytes(piece)) if self._kept else memoryview(piece)
        position = 0
        try:
            while position < len(data):
                if self._followed and not self.open:
                    self.rest += data[position:]
                    position = len(data)
                else:
                    position = self._step(data, position)
        except NeedMore:
            pass
        except DecodeError as error:
            raise type(error)(error.reason, self._offset + error.offset) from None
        self._kept = bytes(data[position:])
        self._offset += position

    def close(self) -> None:
        """The input ends here. Raises Truncated if anything is missing (REQ-BLB-4)."""
        if self._blob is not None or self._kept or self.open:
            raise Truncated("the message is cut short", self._offset + len(self._kept))

    def _step(self, data: memoryview, position: int) -> int:
        """Consume the next thing there is, and return the position behind it."""
        if self._octets:
            assert self._blob is not None
            octets = data[position : position + self._octets]
            self._blob.write_spool(octets)
            self._octets -= len(octets)
            return position + len(octets)
        if self._blob is not None:
            self._blob = None
            return expect(data, position, CLOSE)
        if data[position] in b" \t\v\r\n":
            return self._whitespace.skip(data, position)
        if data[position] == ord("c"):
            return self._head(data, position)
        raise DecodeError(f"{show_byte(data[position])} after the end of the message", position)

    def _head(self, data: memoryview, position: int) -> int:
        """REQ-BLB-3, REQ-BLB-4."""
        number, end = read_count(data, position + 1, position)
        length = -1
        if data[end] == COLON:
            length, end = read_count(data, end + 1, position)
        if data[end] != (CLOSE if length < 0 else COLON):
            raise DecodeError(f"malformed chunk: found {show_byte(data[end])}", position)
        if number not in self.open:
            fault = "has ended already" if number in self._blobs else "is not in the message"
            raise DecodeError(f"chunk for blob {number}, which {fault}", position)
        end += 1
        self._heads -= end - position
        if self._heads < 0:
            raise LimitExceeded(f"message of more than {self._limits.message} bytes", position)
        if length < 0:
            del self.open[number]
            return end
        self._room[number] -= length
        if self._room[number] < 0:
            raise LimitExceeded(f"blob of more than {self._limits.blob_size} bytes", position)
        self._blob, self._octets = self.open[number], length
        return end
