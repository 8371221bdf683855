"""A proxy on loopback that spoils one exchange between a client and a server, by a fault.

Unspoilt it hands on one whole request and one whole answer after another. `arm(fault)` gives the
next request to a function, which does with it what a bad network or a careless proxy would do.
"""

from __future__ import annotations

import gzip
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

__all__ = [
    "Fault",
    "FaultProxy",
    "Wire",
    "after_executing",
    "answered_by_proxy",
    "changed",
    "closes_at_once",
    "cut_answer",
    "cut_request",
    "delayed_answer",
    "delayed_request",
    "dripped_answer",
    "dripped_request",
    "gzipped",
    "twice",
    "without",
    "without_length",
]

Fault = Callable[["Wire"], None]


class Wire:
    """A client's connection to the proxy, and the proxy's own to the server."""

    def __init__(self, client: socket.socket, port: int) -> None:
        self.client = client
        self._port = port
        self._server: socket.socket | None = None
        self._early = b""

    @property
    def server(self) -> socket.socket:
        if self._server is None:
            self._server = socket.create_connection(("127.0.0.1", self._port), 10)
        return self._server

    def read_request(self) -> bytes:
        """One whole request, b"" if there is none."""
        data, self._early = self._early, b""
        return _message(self.client, data)

    def read_exactly(self, size: int) -> bytes:
        """So many bytes of the request: what comes behind them stays unread."""
        data = b""
        while len(data) < size and (piece := self.client.recv(size - len(data))):
            data += piece
        return data

    def wait(self) -> bool:
        """Whether a request comes, or the end of the connection."""
        with suppress(OSError):
            return bool(self.client.recv(1, socket.MSG_PEEK))
        return False

    def ask(self, request: bytes) -> bytes:
        """The server's whole answer: it has carried out what was asked."""
        self.server.sendall(request)
        return _message(self.server)

    def say(self, answer: bytes) -> None:
        self.client.sendall(answer)

    def reset(self) -> None:
        """End the client's connection with RST instead of FIN."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()

    def close(self) -> None:
        self.client.close()
        if self._server is not None:
            self._server.close()


def _message(sock: socket.socket, data: bytes = b"") -> bytes:
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    while length is not None and len(body) < int(length[1]):
        piece = sock.recv(65536)
        if not piece:
            break
        body += piece
    return head + b"\r\n\r\n" + body


class FaultProxy:
    """Listens for clients of the server at `port`. A context manager.

    With `fresh`, each answer ends its connection, and the client needs another for its next call.
    """

    def __init__(self, port: int, *, fresh: bool = False) -> None:
        self._port = port
        self._fresh = fresh
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._fault: Fault | None = None
        self._threads = [threading.Thread(target=self._accept)]
        self._wires: list[Wire] = []
        #: Set while no fault is at work.
        self.quiet = threading.Event()
        self.quiet.set()

    def arm(self, fault: Fault) -> None:
        """Have the next request spoilt, and only that."""
        self._fault = fault
        self.quiet.clear()

    def disarm(self) -> None:
        """Spoil nothing, if nothing was spoilt."""
        if self._fault is not None:
            self._fault = None
            self.quiet.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.settimeout(10)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = Wire(client, self._port)
            self._wires.append(wire)
            thread = threading.Thread(target=self._serve, args=(wire,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, wire: Wire) -> None:
        with suppress(OSError):
            while wire.wait():
                fault, self._fault = self._fault, None
                if fault is not None:
                    try:
                        fault(wire)
                    finally:
                        self.quiet.set()
                elif request := wire.read_request():
                    answer = wire.ask(request)
                    wire.say(_ended(answer) if self._fresh else answer)
                    if self._fresh:
                        break
        wire.close()

    def __enter__(self) -> FaultProxy:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for wire in self._wires:
            with suppress(OSError):
                wire.client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()


def _ended(answer: bytes) -> bytes:
    return answer.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)


# --- what can go wrong ------------------------------------------------------------------------


def cut_request(size: int, *, reset: bool) -> Fault:
    """The server gets the first bytes of the request, and the client no answer."""

    def fault(wire: Wire) -> None:
        if reset:
            wire.server.sendall(wire.read_exactly(size))
            wire.reset()
        else:
            wire.server.sendall(wire.read_request()[:size])
        wire.close()

    return fault


def cut_answer(size: int, *, reset: bool) -> Fault:
    """The server has answered; the client gets the first bytes of it."""

    def fault(wire: Wire) -> None:
        wire.say(wire.ask(wire.read_request())[:size])
        if reset:
            wire.reset()
        wire.close()

    return fault


def after_executing(*, reset: bool) -> Fault:
    """The server has carried it out; the client never hears of it."""
    return cut_answer(0, reset=reset)


def closes_at_once(wire: Wire) -> None:
    """The request is read, and never handed on."""
    wire.read_request()
    wire.close()


def delayed_answer(seconds: float, size: int = 0) -> Fault:
    """The answer stops behind its first bytes, and goes on later: a proxy that buffers."""

    def fault(wire: Wire) -> None:
        answer = wire.ask(wire.read_request())
        wire.say(answer[:size])
        time.sleep(seconds)
        wire.say(answer[size:])

    return fault


def delayed_request(seconds: float) -> Fault:
    """The request waits in a proxy that buffers."""

    def fault(wire: Wire) -> None:
        request = wire.read_request()
        time.sleep(seconds)
        wire.say(wire.ask(request))

    return fault


def dripped_answer(seconds: float) -> Fault:
    """The answer comes byte by byte."""

    def fault(wire: Wire) -> None:
        for byte in wire.ask(wire.read_request()):
            wire.say(bytes([byte]))
            time.sleep(seconds)

    return fault


def dripped_request(seconds: float) -> Fault:
    """The request reaches the server byte by byte."""

    def fault(wire: Wire) -> None:
        request = wire.read_request()
        for byte in request[:-1]:
            wire.server.sendall(bytes([byte]))
            time.sleep(seconds)
        wire.say(wire.ask(request[-1:]))

    return fault


def twice(start: int = 0, stop: int | None = None) -> Fault:
    """A part of the answer, or all of it, comes twice."""

    def fault(wire: Wire) -> None:
        answer = wire.ask(wire.read_request())
        end = len(answer) if stop is None else stop
        wire.say(answer[:end] + answer[start:])

    return fault


def answered_by_proxy(status: int, *, executed: bool) -> Fault:
    """The proxy answers by itself, with a page for people."""
    page = b"<html><head><title>nginx</title></head><h1>Sorry</h1></html>"

    def fault(wire: Wire) -> None:
        request = wire.read_request()
        if executed:
            wire.ask(request)
        head = f"HTTP/1.1 {status} Sorry\r\nContent-Type: text/html\r\nContent-Length: {len(page)}"
        wire.say(head.encode() + b"\r\n\r\n" + page)

    return fault


def changed(change: Callable[[bytes, bytes], bytes]) -> Fault:
    """The answer is what `change` makes of its head (without its end) and its body."""

    def fault(wire: Wire) -> None:
        head, _, body = wire.ask(wire.read_request()).partition(b"\r\n\r\n")
        wire.say(change(head, body))

    return fault


def _without(head: bytes, name: bytes) -> bytes:
    lines = head.split(b"\r\n")
    return b"\r\n".join(x for x in lines if not x.lower().startswith(name.lower() + b":"))


def gzipped() -> Fault:
    """A proxy compresses what nobody asked it to."""

    def change(head: bytes, body: bytes) -> bytes:
        packed = gzip.compress(body)
        lines = b"\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
        return _without(head, b"Content-Length") + lines + packed

    return changed(change)


def without(name: bytes) -> Fault:
    """A proxy strips a header of the answer."""
    return changed(lambda head, body: _without(head, name) + b"\r\n\r\n" + body)


def without_length(size: int) -> Fault:
    """An answer that only its end ends, after so many bytes of its body."""

    def fault(wire: Wire) -> None:
        head, _, body = wire.ask(wire.read_request()).partition(b"\r\n\r\n")
        wire.say(_without(head, b"Content-Length") + b"\r\nConnection: close\r\n\r\n" + body[:size])
        wire.close()

    return fault
