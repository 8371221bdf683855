"""`Server`: a router served from a thread of this process."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from ssl import PROTOCOL_TLS_CLIENT
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    import ssl

    from hyperglyph.transport.http.messages import Handler

__all__ = ["Server"]

#: How long it may take `run` to see that the process is asked to end, in seconds.
_TICK: Final = 0.05


def _nothing() -> None:
    """Handlers other than a router sign nothing."""


class Server:
    """Serves a router over HTTP/1.1 from threads, on 127.0.0.1 unless told otherwise.

        with Server(router) as server:
            print(server.url)

    `port` 0 takes a free one. `unix` is the path of a Unix socket to listen on instead. `idle` is
    how long a peer may stay silent, between requests or inside one, and take for a TLS handshake
    or the head of a request. `threads` is the most that calls may take at once. `ssl` is a context
    with the server's certificate, for HTTPS. A server is started once.
    """

    def __init__(
        self,
        router: Handler,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        unix: str | os.PathLike[str] | None = None,
        idle: float = 15.0,
        threads: int = 40,
        ssl: ssl.SSLContext | None = None,
    ) -> None:
        # Only whoever makes a server needs what it stands on.
        from .engine import Engine

        if ssl is not None and ssl.protocol is PROTOCOL_TLS_CLIENT:
            raise ValueError(
                "the SSL context is a client's: make it with "
                "ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) and load_cert_chain"
            )
        self._scheme = "http" if ssl is None else "https"
        # A server that lives and dies with this process may sign with a key that does, too.
        getattr(router, "allow_random_key", _nothing)()
        self._unix = None if unix is None else os.fspath(unix)
        self._engine = Engine(
            self._unix if self._unix is not None else (host, port),
            router,
            idle=idle,
            threads=threads,
            tls=ssl,
        )
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> Self:
        """Listen, and serve from a thread. Raises OSError if the address is taken."""
        with self._lock:
            if self._thread is not None:
                raise RuntimeError("the server was started already")
            self._engine.prepare()
            self._thread = threading.Thread(
                target=self._engine.serve, name="hyperglyph-server", daemon=True
            )
            self._thread.start()
        return self

    @property
    def url(self) -> str:
        """Where the root page is. Over a Unix socket the host says nothing."""
        if self._thread is None:
            raise RuntimeError("the server has no URL before it is started")
        if self._unix is not None:
            return f"{self._scheme}://localhost/"
        assert not isinstance(self._engine.bind_addr, str)
        host, port = self._engine.bind_addr
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{port}/"

    def stop(self, timeout: float = 10.0) -> None:
        """Accept no more, let calls in flight end for `timeout` seconds, then abandon them.

        Abandoned calls are logged; their connections are closed. May be repeated.
        """
        with self._lock:
            thread = self._thread
            if thread is None or self._stopped.is_set():
                return
            self._engine.shutdown_timeout = timeout
            self._engine.stop()
            thread.join(timeout)
            if self._unix is not None:
                with suppress(FileNotFoundError):
                    os.unlink(self._unix)
            self._stopped.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the server has stopped; False if it has not within `timeout` seconds."""
        return self._stopped.wait(timeout)

    def run(self) -> None:
        """Serve until the process is asked to end, by SIGTERM or Ctrl-C, then stop as `stop` does.

        For programs that do nothing else, from the main thread: elsewhere it raises ValueError.
        Starts the server if it is not started. Asked once more, the process ends at once.
        """
        asked = False

        def ask(_number: int, _frame: object) -> None:
            nonlocal asked
            asked = True

        # A handler that raises may do so while a lock is held; and who waits for a lock does not
        # see a signal that came just before, or that another thread has taken.
        numbers = [signal.SIGTERM]
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in a shell's background
            numbers.append(signal.SIGINT)
        before = {number: signal.signal(number, ask) for number in numbers}
        try:
            if self._thread is None:
                self.start()
            while not asked and not self._stopped.is_set():
                time.sleep(_TICK)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)
        self.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "not started" if self._thread is None else self.url
        return f"<Server {'stopped' if self._stopped.is_set() else state}>"
