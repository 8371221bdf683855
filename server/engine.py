"""cheroot, with our own connections and our own threads.

Its thread pool starts ten threads before the first request, waits for each in steps of 0.1 s, and
at the end joins them without a limit. This one starts threads when they are needed, keeps a thread
with a busy connection, and lets go of what does not end in time.
"""

from __future__ import annotations

import errno
import logging
import os
import selectors
import socket
import ssl
import stat
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from hyperglyph.transport.http.messages import Handler

from .connection import Connection
from .listener import refuse_handshakes

if TYPE_CHECKING:

    class HTTPServer:
        """What is used of cheroot's class, whose own stubs say little."""

        _connections: ConnectionManager
        bind_addr: tuple[str, int] | str
        ready: bool
        requests: Any
        shutdown_timeout: float
        socket: Any
        timeout: float

        def __init__(self, bind_addr: tuple[str, int] | str, gateway: None) -> None: ...
        def prepare(self) -> None: ...
        def serve(self) -> None: ...
        def stop(self) -> None: ...
        def put_conn(self, conn: Connection) -> None: ...

    class Selector(Protocol):
        connections: Iterator[tuple[int, Any]]

        def register(self, fileobj: int, events: int, data: object) -> object: ...
        def select(self, timeout: float | None = None) -> Iterator[tuple[int, Any]]: ...
        def unregister(self, fileobj: int) -> object: ...

    class ConnectionManager:
        _selector: Selector

        def __init__(self, server: HTTPServer) -> None: ...
        def close(self) -> None: ...
        def put(self, conn: Connection) -> None: ...
        def stop(self) -> None: ...
        def _expire(self, threshold: float) -> None: ...
        def _from_server_socket(self, server_socket: socket.socket) -> Connection | None: ...

else:
    try:
        from cheroot.connections import ConnectionManager
        from cheroot.server import HTTPServer
    except ImportError as error:
        raise ImportError(
            "Server needs cheroot, which is not installed: pip install cheroot"
        ) from error

__all__ = ["Engine"]

logger = logging.getLogger("hyperglyph.server")

#: How long a thread stays with a connection after an answer. A caller's next request mostly comes
#: within that time, and is then answered without passing through two other threads.
_STAY: Final = 0.02

#: What `accept` raises when there is nothing left to accept with, and for how long it then rests.
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_REST: Final = 0.2

#: How long a server that stops waits for the request of who has connected and said nothing yet.
_LAST_WORDS: Final = 0.25


class _Pool:
    """Threads that serve connections. The interface is what cheroot asks of a thread pool."""

    def __init__(self, engine: Engine, maximum: int) -> None:
        self.min = 1
        self.max = maximum
        self.idle = 0
        self._engine = engine
        self._condition = threading.Condition()
        self._queue: deque[Connection] = deque()
        self._threads: dict[threading.Thread, Connection | None] = {}
        self._stopping = False

    @property
    def qsize(self) -> int:
        return len(self._queue)

    def start(self) -> None:
        with self._condition:
            self._spawn()

    def _spawn(self) -> None:
        number = len(self._threads) + 1
        thread = threading.Thread(target=self._work, name=f"hyperglyph-{number}", daemon=True)
        self._threads[thread] = None
        thread.start()

    def put(self, connection: Connection) -> None:
        """Have a connection served by the next thread that is free."""
        with self._condition:
            if not self._stopping:
                self._queue.append(connection)
                if self.idle < len(self._queue) and len(self._threads) < self.max:
                    self._spawn()
                self._condition.notify()
                return
        connection.close()

    def _work(self) -> None:
        thread = threading.current_thread()
        while True:
            with self._condition:
                self._threads[thread] = None
                self.idle += 1
                while not self._queue and not self._stopping:
                    self._condition.wait()
                self.idle -= 1
                if not self._queue:
                    return
                connection = self._queue.popleft()
                self._threads[thread] = connection
            try:
                self._serve(connection)
            except BaseException:
                # Whatever happens to one connection, the thread is there for the next.
                logger.exception("serving a connection failed")
                connection.close()

    def _serve(self, connection: Connection) -> None:
        while connection.can_answer():
            if not connection.communicate():
                connection.close()
                return
            # An unlocked look: a wrong guess costs a wait of _STAY, no more.
            if self._stopping or self._queue or not connection.is_readable(self._patience()):
                break
        self._engine.put_conn(connection)

    def _patience(self) -> float:
        return _STAY if self.idle or len(self._threads) < self.max else 0.0

    def stop(self, timeout: float | None) -> None:
        """Let calls end, in flight or come already, for at most that time; then abandon them."""
        deadline = time.monotonic() + (0.0 if timeout is None else timeout)
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
            threads = dict(self._threads)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        with self._condition:
            queued = list(self._queue)
            self._queue.clear()
        for connection in queued:
            logger.error("a request is not answered: no thread was free for it in time")
            connection.close()
        for thread, busy in self._threads.items():
            if thread.is_alive() and thread is not threading.current_thread():
                logger.error("a call did not end in time: its thread %s is abandoned", thread.name)
                if busy is not None:
                    busy.abandon()


class _Connections(ConnectionManager):
    """The listener and the connections that wait: for a handshake, a request, the rest of a head.

    Never more than a limit, and no accepting in vain. All but `put` runs on the selector's thread.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._engine = engine
        self._listening_again: float | None = None

    def put(self, conn: Connection) -> None:
        """Wait for more bytes, unless there are some that the selector does not see."""
        if conn.has_more():
            self._engine.requests.put(conn)
            return
        # A handshake or a head has its time in all, however it drips.
        conn.last_used = conn.began or time.time()
        self._selector.register(conn.socket.fileno(), selectors.EVENT_READ, conn)

    def stop(self) -> None:
        """Leave the loop, and the listener. Who has connected by then is still answered.

        Closing a listener resets the connections that nobody has accepted yet, and closing one on
        which a request waits to be read loses that request.
        """
        super().stop()
        listener, self._engine.socket = self._engine.socket, None
        if self._listening_again is None:
            self._selector.unregister(listener.fileno())
        refuse_handshakes(listener)
        listener.settimeout(0)
        while (connection := super()._from_server_socket(listener)) is not None:
            self.put(connection)
        listener.close()
        deadline = time.monotonic() + _LAST_WORDS
        while any(not connection.answered for _, connection in self._waiting()):
            if (left := deadline - time.monotonic()) <= 0:
                break
            self._take(left)
        self._take(0)
        self._engine.draining = False

    def _take(self, seconds: float) -> None:
        for descriptor, connection in self._selector.select(seconds):
            self._selector.unregister(descriptor)
            self._engine.process_conn(connection)

    def _from_server_socket(self, server_socket: socket.socket) -> Connection | None:
        try:
            connection = super()._from_server_socket(server_socket)
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            logger.error("no connection can be accepted for %s s: %s", _REST, error)  # noqa: TRY400
            self._selector.unregister(server_socket.fileno())
            self._listening_again = time.monotonic() + _REST
            return None
        if connection is not None and len(self._engine.open) > self._engine.open_limit:
            self._make_room(connection)
            if connection.rfile.closed:
                return None
        return connection

    def _make_room(self, newest: Connection) -> None:
        """Close the connection that waits longest; the newest if none does."""
        for descriptor, connection in sorted(self._waiting(), key=lambda found: found[1].last_used):
            # What is readable may be among those that the selector's loop still has to serve.
            if not connection.is_readable(0):
                self._selector.unregister(descriptor)
                connection.close()
                return
        newest.close()

    def _waiting(self) -> list[tuple[int, Any]]:
        return [found for found in self._selector.connections if found[1] is not self._engine]

    def _expire(self, threshold: float) -> None:
        for descriptor, connection in self._waiting():
            # What is readable the selector's loop has still to serve: it may be late itself.
            if connection.last_used < threshold and not connection.is_readable(0):
                self._selector.unregister(descriptor)
                if connection.rfile.has_data():
                    connection.given_up = True
                    self._engine.requests.put(connection)
                else:
                    connection.close()
        if self._listening_again is not None and time.monotonic() >= self._listening_again:
            self._listening_again = None
            listener = self._engine.socket.fileno()
            self._selector.register(listener, selectors.EVENT_READ, self._engine)


class Engine(HTTPServer):
    """An HTTP server that hands `Incoming` requests to a handler."""

    ConnectionClass = Connection
    expiration_interval = 0.05
    request_queue_size = 128
    #: The most connections at a time.
    open_limit = 1000
    keep_alive_conn_limit = open_limit

    def __init__(
        self,
        address: tuple[str, int] | str,
        handler: Handler,
        *,
        idle: float,
        threads: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(address, gateway=None)
        self.handler = handler
        self.tls = tls
        self.open: set[Connection] = set()
        #: It listens no more, but answers whoever has connected.
        self.draining = False
        self.timeout = idle
        self.requests = _Pool(self, threads)
        self.loopback = isinstance(address, str) or _is_loopback(address[0])

    def prepare(self) -> None:
        super().prepare()
        self._connections.close()
        self._connections = _Connections(self)
        if not isinstance(self.bind_addr, str) and os.name == "posix":
            # Connections inherit it, so that the port is free as soon as the server has stopped.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def bind_unix_socket(self, bind_addr: str) -> socket.socket:
        """Like cheroot's, but for the owner alone, and never in the place of a file."""
        with suppress(FileNotFoundError):
            if not stat.S_ISSOCK(os.stat(bind_addr).st_mode):
                raise FileExistsError(f"{bind_addr} exists and is not a socket")
            os.unlink(bind_addr)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(sock.fileno(), 0o600)
            sock.bind(bind_addr)
        except BaseException:
            sock.close()
            raise
        self.socket = sock
        return sock

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """Like cheroot's, but an address that is taken leaves no open socket behind."""
        try:
            socket_.bind(bind_addr)
        except BaseException:
            socket_.close()
            raise
        return socket_

    def process_conn(self, conn: Connection) -> None:
        """What no thread can do anything for yet waits in the selector, and holds none."""
        if conn.handshaking:
            # Its arithmetic belongs on a thread of the pool, which does not wait for the peer.
            ready = conn.is_readable(0)
        else:
            ready = conn.can_answer()
        if ready:
            self.requests.put(conn)
        else:
            self.put_conn(conn)

    def put_conn(self, conn: Connection) -> None:
        """Have a connection wait for more bytes, unless it is too late for that."""
        if self.ready or self.draining:
            self._connections.put(conn)
        else:
            conn.close()

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        logger.log(level, "%s", msg, exc_info=traceback)

    def stop(self) -> None:
        self.draining = self.ready
        super().stop()
        # cheroot enters each server there, and would keep it for ever.
        statistics: dict[str, Any] = getattr(logging, "statistics", {})
        statistics.pop(f"Cheroot HTTPServer {id(self)}", None)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
