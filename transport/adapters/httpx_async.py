"""The general adapter for asyncio, on httpcore's pool like its twin in `httpx.py`.

Its network backend keeps the deadlines in the same places, and what a failed wait means is the
same.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any

from hyperglyph.transport.http.messages import PIECE, AsyncResponse, AuthFlow, Deadline, Request
from hyperglyph.transport.http.status import outcome_if_cut

from .aio_sockets import Plain, Secure
from .httpx_auth import auth_flow
from .httpx_common import (
    FAILURES,
    Wait,
    core_request,
    fail,
    httpcore,
    httpx,
    malformed,
    positive,
    text_headers,
    unasked,
    wait_of,
)
from .httpx_given import AsyncGiven
from .httpx_http2 import AsyncHTTP2Pool
from .httpx_pool import PoolOptions
from .sockets import address_at, is_readable, permitted
from .threads import off_loop

__all__ = ["AsyncHttpxTransport"]


class _Stream(httpcore.AsyncNetworkStream):
    """A connection whose every wait is clipped, and which writes head and body together."""

    def __init__(
        self, connection: Plain | Secure, address: str | None, *, http2: bool = False
    ) -> None:
        self.connection = connection
        self.http2 = http2
        self.address = address
        self._held: list[bytes] = []
        self._held_size = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        wait = wait_of(timeout)
        await self._flush(wait)
        if wait.phase == "send":
            wait.phase = "wait"
        try:
            async with asyncio.timeout(wait.seconds(wait.reading_limit(http2=self.http2))):
                data = await self.connection.receive(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error
        wait.begun = True
        if len(data) == max_bytes:
            await asyncio.sleep(0)  # there may be more at once, and others want their turn
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        wait = wait_of(timeout)
        wait.begin(self.address)
        self._held.append(buffer)
        self._held_size += len(buffer)
        # A head alone waits for its body, or for the first read: one packet, one wake-up.
        if self._held_size >= PIECE:
            await self._flush(wait)
            await asyncio.sleep(0)

    async def _flush(self, wait: Wait) -> None:
        if not self._held:
            return
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self._held_size = 0
        view = memoryview(data)
        try:
            while view:
                async with asyncio.timeout(wait.seconds(wait.idle_limit)):
                    view = view[await self.connection.send(view) :]
                wait.sent = True
        except TimeoutError as error:
            wait.failed = True
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            # httpcore goes on to read: a server may refuse a body and answer early.
            wait.failed = True
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._held.clear()
        self.connection.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> _Stream:
        wait = wait_of(timeout)
        try:
            secure = Secure(self.connection, ssl_context, server_hostname)
            async with asyncio.timeout(wait.seconds(wait.connect_limit)):
                await secure.handshake()
            agreed = secure.object.selected_alpn_protocol()
            return _Stream(secure, self.address, http2=agreed == "h2")
        except TimeoutError as error:
            self.connection.close()
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            self.connection.close()
            raise httpcore.ConnectError(str(error)) from error
        except BaseException:
            self.connection.close()
            raise

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return is_readable(self.connection.socket)
        if info == "socket":
            return self.connection.socket
        if info == "ssl_object" and isinstance(self.connection, Secure):
            return self.connection.object
        return None


class _Backend(httpcore.AsyncNetworkBackend):
    """Makes connections, and knows the sockets of all that are alive."""

    def __init__(self, *, proxied: bool) -> None:
        #: Addresses are then those of a proxy, which resolves the names of others.
        self._proxied = proxied
        self.sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        wait = wait_of(timeout)
        budget = Deadline(wait.connect_limit)
        loop = asyncio.get_running_loop()

        async def connect() -> socket.socket:
            async with asyncio.timeout(positive(wait.seconds(budget.left()))):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            last: OSError | None = None
            for family, kind, protocol, _, address in permitted(
                found, None if self._proxied else wait.addresses
            ):
                sock = socket.socket(family, kind, protocol)
                try:
                    sock.setblocking(False)
                    if local_address is not None:
                        sock.bind((local_address, 0))
                    async with asyncio.timeout(positive(wait.seconds(budget.left()))):
                        await loop.sock_connect(sock, address)
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                except OSError as error:
                    sock.close()
                    last = error
                    if isinstance(error, TimeoutError):
                        break
                except BaseException:
                    sock.close()
                    raise
                else:
                    return sock
            raise last or OSError("the name has no address")

        return await self._connected(wait, connect)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        wait = wait_of(timeout)

        async def connect() -> socket.socket:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                async with asyncio.timeout(wait.seconds(wait.connect_limit)):
                    await asyncio.get_running_loop().sock_connect(sock, path)
            except BaseException:
                sock.close()
                raise
            return sock

        return await self._connected(wait, connect)

    async def _connected(
        self, wait: Wait, connect: Callable[[], Awaitable[socket.socket]]
    ) -> _Stream:
        wait.reused = False
        try:
            sock = await connect()
            address = None if self._proxied else address_at(sock)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        self.sockets.add(sock)
        return _Stream(Plain(sock), address)


class AsyncHttpxTransport:
    """HTTP/1.1 over httpcore's connection pool, for asyncio. Usable in one event loop until it is
    closed, and anew in a forked child.

    `unix` connects to a Unix socket whatever the URL's host; `proxy` is the URL of an HTTP proxy;
    `verify` is an SSL context (default: the system's or certifi's certificates).
    `http2` speaks HTTP/2 to servers that agree to it over TLS (`pip install 'httpx[http2]'`;
    ImportError without it), one request at a time on each connection; not through a proxy.

    `transport`, one made for httpx, sends the requests instead: a cache, an instrumentation, a
    proxy of another kind (docs/transports.md says what is then its own). It is closed with this
    one, and is not looked after when the process forks.
    """

    def __init__(
        self,
        *,
        unix: str | None = None,
        proxy: str | None = None,
        verify: ssl.SSLContext | None = None,
        http2: bool = False,
        max_connections: int = 100,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._options = PoolOptions(
            unix=unix,
            proxy=proxy,
            verify=verify,
            http2=http2,
            max_connections=max_connections,
            given=transport is not None,
        )
        self._given = None if transport is None else AsyncGiven(transport)
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._backend = _Backend(proxied=self._options.proxy is not None)
        # One pool a scheme: reading the certificates takes longer than many calls.
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    @property
    def name(self) -> str:
        return "httpx"

    def auth_flow(self, auth: object) -> AuthFlow:
        return auth_flow(auth, httpx)

    async def close(self) -> None:
        """Close all connections. The transport may be used again, in any event loop."""
        if self._given is not None:
            await self._given.close()
        loop = self._loop
        if self._process != os.getpid() or (loop is not None and loop.is_closed()):
            self._abandon()
            return
        self._check_loop()
        pools, self._pools = self._pools, {}
        self._loop = None
        for pool in pools.values():
            await pool.aclose()

    def _abandon(self) -> None:
        """Close the descriptors: their event loop has ended, or is another process's."""
        for sock in list(self._backend.sockets):
            sock.close()
        self._reset()

    def _check_process(self) -> None:
        if self._process != os.getpid():
            # Its parent still uses these connections.
            # Closing a descriptor here does not end the connection there.
            self._abandon()
        self._check_loop()

    def _check_loop(self) -> None:
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "the transport needs the event loop of asyncio, and none is running here"
            ) from None
        if self._loop is None:
            self._loop = running
        elif self._loop is not running:
            raise RuntimeError(
                "the transport belongs to another event loop: use one client for each loop, "
                "and close it in its own"
            )

    def _pool(self, scheme: str) -> httpcore.AsyncConnectionPool:
        self._check_process()
        pool = self._pools.get(scheme)
        if pool is None:
            pool = self._pools[scheme] = self._options.pool(
                scheme,
                self._backend,
                httpcore.AsyncConnectionPool,
                AsyncHTTP2Pool,
                httpcore.AsyncHTTPProxy,
            )
        return pool

    async def send(self, request: Request, /) -> AsyncResponse:
        if self._given is not None:
            self._check_process()
            return await self._given.send(request)
        wait = Wait.of(request)
        try:
            core = core_request(request, wait, _Pieces(request.body, wait))
            wait.seconds(None)
            answer = await self._pool(core.url.scheme.decode()).handle_async_request(core)
        except (ValueError, UnicodeError) as error:
            raise malformed(error) from None
        except (*FAILURES, TimeoutError) as error:
            fail(error, wait)
        if not wait.begun:
            await answer.aclose()
            raise unasked(wait)
        wait.phase = "read"

        async def close() -> None:
            # Not to be cut short: the connection goes back to the pool, or out of it.
            await asyncio.shield(answer.aclose())

        return AsyncResponse(
            status=answer.status,
            headers=text_headers(answer),
            body=_Read(answer, wait),
            url=request.url,
            reused=wait.reused,
            on_close=close,
            address=wait.address,
        )


class _Pieces:
    """A body in pieces; httpcore copies the rest of a large one at every send."""

    def __init__(self, body: bytes | Iterator[bytes] | None, wait: Wait) -> None:
        self._body = body
        self._wait = wait
        self._taken = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = self._body
        self._wait.exhausted = body is None
        if self._taken and body is not None and not isinstance(body, bytes):
            # In HTTP/2 a server that ends may give a request back: it was not done.
            raise httpcore.RemoteProtocolError("the server took no request any more")
        self._taken = True
        if isinstance(body, bytes):
            for start in range(0, len(body), PIECE):
                yield body[start : start + PIECE]
        elif body is not None:
            async for piece in off_loop(body):
                yield piece
        self._wait.exhausted = True


class _Read:
    """The body of an answer."""

    def __init__(self, answer: httpcore.Response, wait: Wait) -> None:
        self._answer = answer
        self._wait = wait
        self._pieces = aiter(answer.aiter_stream())

    def __aiter__(self) -> _Read:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            raise
        except FAILURES as error:
            fail(error, self._wait, outcome_if_cut(self._answer.status))
