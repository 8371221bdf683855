"""The bytes of one connection: heads are gathered without waiting, bodies are waited for."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Final

from hyperglyph.transport.http.messages import PIECE
from hyperglyph.transport.http.pace import Pace

from .http1 import HeadError

__all__ = ["SocketSource"]

_LATER: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class SocketSource:
    """A socket with a buffer. Usable by one thread at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.closed = False
        self._buffer = bytearray()
        self._searched = 0
        self._ended = False
        self._idle = 0.0
        self._pace = Pace(0.0)

    def has_data(self) -> bool:
        """Whether bytes wait in the buffer, where no selector can see them."""
        return bool(self._buffer)

    def skip(self, size: int) -> bool:
        """Drop so many bytes if all of them are in the buffer."""
        if len(self._buffer) < size:
            return False
        del self._buffer[:size]
        return True

    def close(self) -> None:
        self.closed = True

    # --- heads --------------------------------------------------------------------------------

    def has_head(self, limit: int) -> bool:
        """Whether the buffer holds a whole head, or so much that it is none."""
        if self._buffer.find(b"\r\n\r\n", max(self._searched - 3, 0), limit) >= 0:
            return True
        self._searched = min(len(self._buffer), limit)
        return self._searched == limit

    def gather_head(self, limit: int) -> bool:
        """Take what has arrived. Returns whether `take_head` knows what to say."""
        if self.has_head(limit):
            return True
        timeout = self.socket.gettimeout()
        self.socket.settimeout(0)
        try:
            while not self._ended:
                data = self.socket.recv(PIECE)
                self._buffer += data
                self._ended = not data
                if self.has_head(limit):
                    break
        except _LATER:
            return False
        except OSError:
            self._ended = True
        finally:
            self.socket.settimeout(timeout)
        return True

    def take_head(self, limit: int) -> bytes | None:
        """The next head without its last CRLFs; None if the connection ended before one.

        Only after `gather_head` has said yes. Raises HeadError.
        """
        end = self._buffer.find(b"\r\n\r\n", max(self._searched - 3, 0), limit)
        self._searched = 0
        if end >= 0:
            head = self._take(end)
            del self._buffer[:4]
            return head.removeprefix(b"\r\n")  # RFC 9112, section 2.2
        if len(self._buffer) >= limit:
            raise HeadError(431, f"head of more than {limit} bytes")
        return None

    # --- bodies -------------------------------------------------------------------------------

    def begin_body(self, idle: float) -> None:
        """From now to the next head, waiting may take `idle` seconds and one for each KiB."""
        self._idle = idle
        self._pace = Pace(idle, len(self._buffer))

    def read(self, size: int) -> bytes:
        if not self._buffer:
            return self._receive(min(size, PIECE))
        return self._take(size)

    def read_line(self, limit: int) -> bytes:
        start = 0
        while True:
            end = self._buffer.find(b"\n", start, limit)
            if end >= 0:
                return self._take(end + 1)
            start = len(self._buffer)
            if start >= limit:
                return self._take(limit)
            data = self._receive(PIECE)
            if not data:
                return self._take(limit)
            self._buffer += data

    def _receive(self, size: int) -> bytes:
        left = self._pace.left
        if left <= 0:
            raise TimeoutError
        if limited := left < self._idle:
            self.socket.settimeout(left)
        started = time.monotonic()
        data = b""
        try:
            data = self.socket.recv(size)
        finally:
            self._pace.took(time.monotonic() - started, len(data))
            if limited:
                self.socket.settimeout(self._idle)
        return data

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data
