"""Servers that do what a script says, byte by byte, for the tests of transports."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

__all__ = ["MEDIA_TYPE", "OK", "Peer", "Script", "answers", "drip", "peer", "response"]

MEDIA_TYPE = "application/vnd.hyperglyph"

Script = Callable[["Peer", socket.socket], None]


class Peer:
    """A server that does on each connection what its script says."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            with connection, suppress(OSError):
                self.script(self, connection)

    def read_request(self, connection: socket.socket) -> bytes:
        """One whole request, b"" if the peer has gone; it is kept in `requests`."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while length is not None and len(body) < int(length[1]):
            piece = connection.recv(65536)
            if not piece:
                return b""
            body += piece
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        assert not self._thread.is_alive()


@contextmanager
def peer(script: Script) -> Generator[Peer]:
    running = Peer(script)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def answers(*responses: bytes) -> Script:
    """A script that answers the requests of one connection after another with these, in turn."""
    remaining = list(responses)

    def script(running: Peer, connection: socket.socket) -> None:
        while remaining and running.read_request(connection):
            connection.sendall(remaining.pop(0))

    return script


def response(
    status: int, body: bytes = b"", *headers: str, content_type: str = MEDIA_TYPE
) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join([*lines, "", ""]).encode() + body


#: The answer `True`.
OK = response(200, b"T;")


def drip(data: bytes, seconds: float) -> Script:
    """A script that reads a request and answers with a byte at a time, every `seconds`."""

    def script(running: Peer, connection: socket.socket) -> None:
        running.read_request(connection)
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(seconds)

    return script
