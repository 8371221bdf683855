"""One connection of a client: reading requests, having them answered, writing the answers.

cheroot accepts connections and watches the idle ones; all that is said on them is said here, since
what it lets through by itself is too much (architecture: two Host headers, short bodies, bodies
without limit) and its writers copy every answer twice.
"""

from __future__ import annotations

import logging
import select
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

from hyperglyph.transport.http.messages import PIECE, Incoming, Response
from hyperglyph.transport.http.status import RequestTimeout, reason_phrase

from .http1 import HEAD_LIMIT, Head, HeadError, parse_head, read_body

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["Connection", "SocketSource"]

logger = logging.getLogger("hyperglyph.server")

#: What of an unread body is read and thrown away, so that the answer is not lost with it.
_LINGER_BYTES: Final = 16 * 1024 * 1024
_LINGER_SECONDS: Final = 2.0
#: No longer than this if other connections wait for a thread.
_LINGER_BRIEFLY: Final = 0.1

#: Bytes a second below which a body has no more than the idle limit in all.
_BODY_RATE: Final = 1024

_NO_BODY: Final = frozenset({204, 304})


class SocketSource:
    """A socket with a buffer."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray()
        self._idle = 0.0
        self._left: float | None = None
        self.closed = False

    def has_data(self) -> bool:
        """Whether bytes wait in the buffer, where the selector cannot see them."""
        return bool(self._buffer)

    def skip(self, size: int) -> bool:
        """Drop so many bytes if all of them are in the buffer."""
        if len(self._buffer) < size:
            return False
        del self._buffer[:size]
        return True

    def close(self) -> None:
        self.closed = True

    def begin_body(self, idle: float) -> None:
        """From now to the next head, waiting may take `idle` seconds and one for each KiB."""
        self._idle = idle
        self._left = idle + len(self._buffer) / _BODY_RATE

    def _recv(self, size: int) -> bytes:
        left = self._left
        if left is None:
            return self._socket.recv(size)
        if left <= 0:
            raise TimeoutError
        if limited := left < self._idle:
            self._socket.settimeout(left)
        started = time.monotonic()
        try:
            data = self._socket.recv(size)
        finally:
            # Only waiting counts: whoever reads the body may take the time it needs.
            left -= time.monotonic() - started
            self._left = left
            if limited:
                self._socket.settimeout(self._idle)
        self._left = left + len(data) / _BODY_RATE
        return data

    def _receive(self) -> bool:
        data = self._recv(PIECE)
        self._buffer += data
        return bool(data)

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def read(self, size: int) -> bytes:
        if not self._buffer:
            return self._recv(min(size, PIECE))
        return self._take(size)

    def read_line(self, limit: int) -> bytes:
        start = 0
        while True:
            end = self._buffer.find(b"\n", start, limit)
            if end >= 0:
                return self._take(end + 1)
            start = len(self._buffer)
            if start >= limit or not self._receive():
                return self._take(limit)

    def read_head(self, limit: int, idle: float) -> bytes | None:
        """The next head without its last CRLFs; None if the connection ends before one.

        The whole head has to be there within `idle` seconds. Raises HeadError, TimeoutError.
        """
        deadline: float | None = None
        self._left = None
        start = 0
        while True:
            end = self._buffer.find(b"\r\n\r\n", max(start - 3, 0), limit)
            if end >= 0:
                head = self._take(end)
                del self._buffer[:4]
                return head.removeprefix(b"\r\n")  # RFC 9112, section 2.2
            start = len(self._buffer)
            if start >= limit:
                raise HeadError(431, f"head of more than {limit} bytes")
            if start:
                now = time.monotonic()
                deadline = deadline or now + idle
                if now >= deadline:
                    raise TimeoutError
                self._socket.settimeout(deadline - now)
            try:
                if not self._receive():
                    return None
            finally:
                if deadline is not None:
                    self._socket.settimeout(idle)


class Connection:
    """What cheroot asks of a connection: `communicate`, `close`, `rfile`, `last_used`."""

    last_used: float | None = None
    remote_addr: str | None = None
    remote_port: int | None = None
    ssl_env: Any = None

    def __init__(self, server: Engine, sock: socket.socket, _makefile: object = None) -> None:
        self.server = server
        self.socket = sock
        self.rfile = SocketSource(sock)
        self.is_new = True
        self.reading_head = False
        if sock.family != getattr(socket, "AF_UNIX", None):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.open.add(self)

    def close(self) -> None:
        """End the connection, for the peer too."""
        self.rfile.close()
        self.server.open.discard(self)
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def interrupt(self) -> None:
        """Make a thread that waits for this peer give up."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RD)

    def is_readable(self, seconds: float) -> bool:
        """Whether the next request begins to arrive within that time."""
        if self.rfile.has_data():
            return True
        if not hasattr(select, "poll"):  # pragma: no cover - Windows
            return bool(select.select([self.socket], [], [], seconds)[0])
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def communicate(self) -> bool:
        """Answer one request. Returns whether the connection can take another."""
        try:
            self.reading_head = True
            data = self.rfile.read_head(HEAD_LIMIT, self.server.timeout)
            self.reading_head = False
            if data is None:
                return False
            head = parse_head(data)
        except HeadError as error:
            self._refuse(error.status, error.message)
            return False
        except TimeoutError:
            if self.rfile.has_data():
                self._refuse(408, "the head of the request did not arrive in time")
            return False
        except OSError:
            return False
        return self._answer(head)

    def _answer(self, head: Head) -> bool:
        body = _RequestBody(head, self)
        response = self.server.handler.handle(
            Incoming(
                method=head.method,
                path=head.path,
                headers=head.headers,
                body=body,
                query=head.query,
                target=head.target,
                length=head.length,
                loopback=self.server.loopback,
            )
        )
        body.skip_buffered()
        try:
            keep = head.keep_alive and body.complete and self.server.ready
            usable = self._write_response(head, response, keep)
        except OSError:
            return False  # the peer has gone
        finally:
            response.close()
        if not body.complete:
            self._linger()
        return usable

    def _write_response(self, head: Head, response: Response, keep: bool) -> bool:
        """Head and first piece leave in one write. Returns whether the connection stays usable."""
        declared: int | None = None
        lines = [
            b"HTTP/1.1 %d %b" % (response.status, reason_phrase(response.status).encode()),
            _date(),
        ]
        for name, value in response.headers:
            if name.lower() == "content-length":
                declared = int(value)
            lines.append(f"{name}: {value}".encode("latin-1"))
        bodiless = head.method == "HEAD" or response.status in _NO_BODY
        chunked = declared is None and not bodiless and head.version == 1
        if chunked:
            lines.append(b"Transfer-Encoding: chunked")
        keep = keep and (chunked or bodiless or declared is not None)
        if not keep:
            lines.append(b"Connection: close")
        elif head.version == 0:
            lines.append(b"Connection: keep-alive")
        lines.append(b"\r\n")
        text = b"\r\n".join(lines)
        if text.count(b"\n") != len(lines) or text.count(b"\r") != len(lines):
            raise ValueError("a header of the response holds a line break")
        if bodiless:
            self.socket.sendall(text)
            return keep
        return self._write_body(text, response, declared, chunked) and keep

    def _write_body(
        self, pending: bytes, response: Response, declared: int | None, chunked: bool
    ) -> bool:
        sent = 0
        for piece in response.body:
            if not piece:
                continue
            sent += len(piece)
            if declared is not None and sent > declared:
                logger.error("a response is longer than its Content-Length")
                break
            data = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
            self.socket.sendall(pending + data if pending else data)
            pending = b""
        if chunked:
            pending += b"0\r\n\r\n"
        if pending:
            self.socket.sendall(pending)
        if declared is not None and sent < declared:
            logger.error("a response is shorter than its Content-Length")
        return declared is None or sent == declared

    def _refuse(self, status: int, message: str) -> None:
        """Answer what is no request, in words, and let go of the connection."""
        text = message.encode()
        head = (
            f"HTTP/1.1 {status} {reason_phrase(status)}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        )
        logger.debug("refused a request: %d %s", status, message)
        with suppress(OSError):
            self.socket.sendall(head.encode() + text)
            self._linger()

    def _linger(self) -> None:
        """Read for a moment what the peer still sends.

        Closing with unread bytes resets the connection, and the peer may never see the answer.
        """
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
            self.socket.settimeout(_LINGER_BRIEFLY / 2)
            started = time.monotonic()
            read = 0
            while read < _LINGER_BYTES:
                passed = time.monotonic() - started
                others = self.server.requests.qsize > 0
                if passed >= (_LINGER_BRIEFLY if others else _LINGER_SECONDS):
                    break
                with suppress(TimeoutError):
                    data = self.socket.recv(PIECE)
                    if not data:
                        break
                    read += len(data)


class _RequestBody:
    """A request's body, read once; says "100 Continue" when it is first asked for."""

    def __init__(self, head: Head, connection: Connection) -> None:
        self._head = head
        self._connection = connection
        self._pieces = read_body(head, connection.rfile)
        self._started = False
        self.complete = not head.has_body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def skip_buffered(self) -> None:
        """Drop a body that nobody asked for, if it is there: the connection stays usable."""
        if not self.complete and not self._started and self._head.length is not None:
            self.complete = self._connection.rfile.skip(self._head.length)

    def __next__(self) -> bytes:
        if self.complete:
            raise StopIteration
        try:
            if not self._started:
                self._started = True
                self._connection.rfile.begin_body(self._connection.server.timeout)
                if self._head.expects_continue and not self._connection.rfile.has_data():
                    self._connection.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            return next(self._pieces)
        except StopIteration:
            self.complete = True
            raise
        except TimeoutError:
            raise RequestTimeout("the body of the request did not arrive in time") from None


_last_date: tuple[int, bytes] = (0, b"")


def _date() -> bytes:
    """The Date header, which changes once a second."""
    global _last_date  # noqa: PLW0603 - one tuple, replaced whole
    now = int(time.time())
    second, text = _last_date
    if second != now:
        text = f"Date: {formatdate(now, usegmt=True)}".encode()
        _last_date = now, text
    return text
