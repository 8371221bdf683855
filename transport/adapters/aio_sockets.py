"""Sockets under asyncio, plain and with TLS, by the event loop's own operations.

Unlike those of asyncio's transports, a write is over when the kernel has the bytes, and what came
before a connection broke can still be read.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

from hyperglyph.transport.http.messages import PIECE

__all__ = ["Plain", "Secure"]

T = TypeVar("T")

#: A peer that takes this much within the idle limit is not idle.
_SLICE: Final = 16 * 1024


class Plain:
    """The bytes of a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._waiting = 0
        self._closed = False

    async def receive(self, size: int) -> bytes:
        return await self._wait(asyncio.get_running_loop().sock_recv(self.socket, size))

    async def send(self, data: memoryview) -> int:
        """Send the beginning of some data; how much."""
        try:
            return self.socket.send(data)
        except (BlockingIOError, InterruptedError):
            part = data[:_SLICE]
        await self._wait(asyncio.get_running_loop().sock_sendall(self.socket, part))
        return len(part)

    async def _wait(self, operation: Awaitable[T]) -> T:
        self._waiting += 1
        try:
            return await operation
        finally:
            self._waiting -= 1
            if self._closed:
                self.close()

    def close(self) -> None:
        self._closed = True
        if self._waiting:
            # The loop would never tell the one who waits that the descriptor has gone.
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
        else:
            self.socket.close()


class Secure:
    """TLS over the bytes of another."""

    def __init__(self, below: Plain | Secure, context: ssl.SSLContext, host: str | None) -> None:
        self._below = below
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.socket: socket.socket = below.socket

    async def handshake(self) -> None:
        await self._drive(self.object.do_handshake)

    async def receive(self, size: int) -> bytes:
        try:
            return await self._drive(lambda: self.object.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""  # whether it is an end, HTTP knows

    async def send(self, data: memoryview) -> int:
        part = data[:_SLICE]
        return await self._drive(lambda: self.object.write(part))

    async def _drive(self, step: Callable[[], T]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._below.receive(PIECE)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                await self._flush()  # the peer is told why
                raise
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        view = memoryview(self._outgoing.read())
        while view:
            view = view[await self._below.send(view) :]

    def close(self) -> None:
        self._below.close()
