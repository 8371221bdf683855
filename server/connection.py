"""One connection of a client: reading requests, having them answered, writing the answers.

cheroot accepts connections and watches the idle ones; all that is said on them is said here, since
what it lets through by itself is too much (two Host headers, short bodies, bodies without limit),
and its writers copy every answer twice.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

from hyperglyph.transport.http.messages import PIECE, Caller, Incoming, Response
from hyperglyph.transport.http.refusal import refusal
from hyperglyph.transport.http.status import RequestTimeout, reason_phrase

from .http1 import HEAD_LIMIT, Head, HeadError, parse_head, read_body
from .source import SocketSource

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["Connection"]

logger = logging.getLogger("hyperglyph.server")

#: What of an unread body is read and thrown away, so that the answer is not lost with it.
_LINGER_BYTES: Final = 16 * 1024 * 1024
_LINGER_SECONDS: Final = 2.0
#: No longer than this if other connections wait for a thread.
_LINGER_BRIEFLY: Final = 0.1

_NO_BODY: Final = frozenset({204, 304})

_PLAIN_HTTP: Final = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 31\r\n"
    b"Connection: close\r\n\r\nthis server speaks https only\r\n"
)


class Connection:
    """What cheroot asks of a connection: `close`, `rfile`, `last_used`; and `communicate`.

    One thread at a time has it: that of the selector while it waits, a thread of the pool while
    a request is answered.
    """

    last_used: float | None = None
    remote_addr: str | None = None
    remote_port: int | None = None
    ssl_env: Any = None

    def __init__(self, server: Engine, sock: socket.socket, _makefile: object = None) -> None:
        self.server = server
        self.socket = sock
        self.rfile = SocketSource(sock)
        self.handshaking = server.tls is not None
        #: When the handshake or head began (`time.time`) that is not whole yet.
        self.began = time.time() if self.handshaking else None
        #: Whether it failed, or took too long.
        self.given_up = False
        #: Whether a request has come on it.
        self.answered = False
        if sock.family != getattr(socket, "AF_UNIX", None):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.open.add(self)

    def close(self) -> None:
        """End the connection, for the peer too."""
        self.rfile.close()
        self.server.open.discard(self)
        self._end_tls()
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def abandon(self) -> None:
        """End the connection for the peer, whatever another thread does with it."""
        with suppress(OSError):
            # Not the method of an SSL socket, which takes from that thread what it works with.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def _end_tls(self) -> None:
        """Say that no more comes, or the peer may take the answer for one that was cut."""
        if isinstance(self.socket, ssl.SSLSocket) and not self.handshaking:
            with suppress(OSError, ValueError):
                self.socket.settimeout(0)
                self.socket.unwrap()

    def is_readable(self, seconds: float) -> bool:
        """Whether more bytes arrive within that time, or have arrived and wait to be read."""
        if self.has_more():
            return True
        if not hasattr(select, "poll"):  # pragma: no cover - Windows
            return bool(select.select([self.socket], [], [], seconds)[0])
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def has_ended(self) -> bool:
        """Whether the peer has closed its end, which it does not while it waits for an answer."""
        try:
            if hasattr(select, "POLLRDHUP"):  # sees it behind bytes that nobody has read
                poll = select.poll()
                poll.register(self.socket, select.POLLRDHUP)
                return bool(poll.poll(0))
            # Not the method of an SSL socket, which cannot peek.
            peek = socket.MSG_PEEK | socket.MSG_DONTWAIT
            return not socket.socket.recv(self.socket, 1, peek)
        except BlockingIOError:
            return False
        except (OSError, ValueError):  # closed
            return True

    def has_more(self) -> bool:
        """Whether something to answer has been read already, where no selector can see it."""
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        return self.rfile.has_head(HEAD_LIMIT)

    def can_answer(self) -> bool:
        """Take what has arrived. Returns whether `communicate` has something to do."""
        if self.given_up:
            return True
        if (not self.handshaking or self._shake_hands()) and self.rfile.gather_head(HEAD_LIMIT):
            return True
        if self.began is None:
            if self.rfile.has_data():
                self.began = time.time()
        elif time.time() - self.began > self.server.timeout:
            # The selector expires what is silent; what drips may never be with it when it looks.
            self.given_up = True
        return self.given_up

    def _shake_hands(self) -> bool:
        """Go on with the handshake as far as it goes. Returns whether it succeeded."""
        try:
            if not isinstance(self.socket, ssl.SSLSocket):
                assert self.server.tls is not None
                self.socket = self.rfile.socket = self.server.tls.wrap_socket(
                    self.socket, server_side=True, do_handshake_on_connect=False
                )
            self.socket.settimeout(0)
            self.socket.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (OSError, ValueError) as error:
            self._refuse_handshake(error)
            self.given_up = True
            return False
        self.socket.settimeout(self.server.timeout)
        self.handshaking = False
        self.began = None
        return True

    def _refuse_handshake(self, error: Exception) -> None:
        logger.debug("a TLS handshake failed: %s", error)
        if getattr(error, "reason", None) == "HTTP_REQUEST":
            with suppress(OSError):
                socket.socket.send(self.socket, _PLAIN_HTTP)

    def communicate(self) -> bool:
        """Answer one request. Returns whether the connection can take another."""
        if self.given_up:
            if not self.handshaking:
                self._refuse(408, "the head of the request did not arrive in time")
            return False
        self.began = None
        self.answered = True
        try:
            data = self.rfile.take_head(HEAD_LIMIT)
            if data is None:
                return False
            head = parse_head(data)
        except HeadError as error:
            self._refuse(error.status, error.message)
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
                scheme="http" if self.server.tls is None else "https",
                loopback=self.server.loopback,
                caller=_Peer(self),
                peer=self.remote_addr or "",
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
        """Head and first piece leave in one write. Returns whether the connection stays usable.

        REQ-HEAD-12.
        """
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
        """Answer what is no request, and let go of the connection."""
        response = refusal(status, message)
        lines = [f"HTTP/1.1 {status} {reason_phrase(status)}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        head = "\r\n".join([*lines, "Connection: close", "", ""])
        with suppress(OSError):
            self.socket.sendall(head.encode() + b"".join(response.body))
            self._linger()

    def _linger(self) -> None:
        """Read for a moment what the peer still sends.

        Closing with unread bytes resets the connection, and the peer may never see the answer.
        """
        self._end_tls()
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


class _Peer(Caller):
    """Who is at the other end of a connection. Asked whether they have gone, it looks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def gone(self) -> bool:
        return self._connection.has_ended()


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
