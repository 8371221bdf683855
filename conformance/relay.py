"""Stands between a client and a server, passes octets on, and keeps a copy."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

__all__ = ["Relay"]

_PIECE: Final = 64 * 1024
#: So much is kept of each direction of a connection; a report needs no more.
_KEPT: Final = 8 * 1024
#: And so many turns, from one side or the other.
_TURNS: Final = 1000


class Relay:
    """Listens on a port of its own, and leads each connection to the server at `url`.

    `origin` is its own address. It ends, with all connections, when its context is left.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._server = (parts.hostname, parts.port)
        self._lock = threading.Lock()
        self._kept: list[tuple[str, bytearray]] = []
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):  # wakes the thread that accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def taken(self) -> tuple[tuple[str, bytes], ...]:
        """Return what has passed since the last time: who sent it, and the octets."""
        with self._lock:
            kept, self._kept = self._kept, []
        return tuple((who, bytes(octets)) for who, octets in kept if octets)

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server, 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):  # head and body may come by themselves, and go on as such
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets |= {client, server}
            pair = threading.Semaphore(0)
            self._start(self._pass_on, "client", client, server, pair)
            self._start(self._pass_on, "server", server, client, pair)
            self._start(self._close, client, server, pair)

    def _pass_on(
        self, who: str, source: socket.socket, sink: socket.socket, pair: threading.Semaphore
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                self._keep(who, piece)
                sink.sendall(piece)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        pair.release()

    def _close(
        self, client: socket.socket, server: socket.socket, pair: threading.Semaphore
    ) -> None:
        for _ in range(2):
            pair.acquire()
        with self._lock:
            self._sockets -= {client, server}
        client.close()
        server.close()

    def _keep(self, who: str, piece: bytes) -> None:
        with self._lock:
            if not self._kept or self._kept[-1][0] != who:
                if len(self._kept) == _TURNS:
                    return
                self._kept.append((who, bytearray()))
            kept = self._kept[-1][1]
            kept += piece[: max(0, _KEPT - len(kept))]
