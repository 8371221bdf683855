"""A proxy on loopback that spoils what goes through it without understanding it, as TLS has it.

What it can tell is how many bytes have passed each way since `arm`, and, as the server says so by
`executed`, that the call has been carried out.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Literal

import attrs

__all__ = ["ByteFault", "ByteProxy"]

Way = Literal["up", "down"]


@attrs.frozen
class ByteFault:
    """What becomes of the bytes of the client (up) and of the server (down).

    So many pass; then the connection is closed or reset, or nothing happens for some seconds.
    With `executed` that waits until the call has been carried out. `drip` is how many seconds
    there are behind each byte, and `drips` which way.
    """

    up: int | None = None
    down: int | None = None
    then: Literal["closed", "reset"] | float = "closed"
    executed: bool = False
    drip: float = 0.0
    drips: Way = "down"


class ByteProxy:
    """Listens for clients of the server at `port`. A context manager."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port: int = self._listener.getsockname()[1]
        self._fault: ByteFault | None = None
        self._threads = [threading.Thread(target=self._accept)]
        self._clients: list[socket.socket] = []
        #: How much has come each way since a fault was armed.
        self.passed: dict[Way, int] = {"up": 0, "down": 0}
        #: Set while no fault is at work.
        self.quiet = threading.Event()
        self.quiet.set()
        #: To be set by the server.
        self.executed = threading.Event()

    def arm(self, fault: ByteFault, /) -> None:
        """Have what comes from now on spoilt, on whichever connection."""
        self.passed = {"up": 0, "down": 0}
        self.executed.clear()
        self.quiet.clear()
        self._fault = fault

    def disarm(self) -> None:
        """Spoil nothing more."""
        if self._fault is not None:
            self._end_fault()

    def wait_until_unused(self) -> None:
        """Wait until the clients have closed all connections, and they are over."""
        for thread in self._threads[1:]:
            thread.join(10)
            assert not thread.is_alive()

    def _end_fault(self) -> None:
        self._fault = None
        self.quiet.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._clients.append(client)
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._port), 10) as server:
            client.settimeout(10)
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with suppress(OSError):
                while True:
                    ready = select.select([client, server], [], [])[0]
                    if client in ready and not self._hand_on("up", client, server):
                        return
                    if server in ready and not self._hand_on("down", server, client):
                        return

    def _hand_on(self, way: Way, source: socket.socket, target: socket.socket) -> bool:
        """Whether the connection goes on."""
        data = source.recv(65536)
        if not data:
            return False
        fault = self._fault
        if fault is None:
            target.sendall(data)
            return True
        before = self.passed[way]
        self.passed[way] += len(data)
        if fault.drip and fault.drips == way:
            for byte in data:
                target.sendall(bytes([byte]))
                time.sleep(fault.drip)
            return True
        limit = fault.up if way == "up" else fault.down
        if limit is None or self.passed[way] <= limit:
            target.sendall(data)
            return True
        client = source if way == "up" else target
        try:
            target.sendall(data[: max(limit - before, 0)])
            if fault.executed:
                assert self.executed.wait(10)
            if fault.then == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if isinstance(fault.then, str):
                client.close()
                return False
            more, gone = _pause(client, fault.then)
        finally:
            self._end_fault()
        rest = data[max(limit - before, 0) :]
        if way == "up":
            target.sendall(rest + more)
        elif not gone:
            target.sendall(rest)
            source.sendall(more)
        return not gone

    def __enter__(self) -> ByteProxy:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()


def _pause(client: socket.socket, seconds: float) -> tuple[bytes, bool]:
    """What the client says meanwhile, and whether it has gone before the end."""
    said = b""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([client], [], [], left)[0]:
            try:
                data = client.recv(65536)
            except OSError:
                data = b""
            if not data:
                return said, True
            said += data
    return said, False
