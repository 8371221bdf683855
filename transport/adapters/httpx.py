"""The general adapter, on the engine of httpx (or of its successor httpx2): httpcore's pool.

It goes one layer below `httpx.HTTPTransport`, which only wraps that pool: the pool takes a network
backend in the open, in which deadlines are kept, and sends a URL as it is where httpx's own URL
type would re-spell it.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hyperglyph.transport.http.messages import PIECE, AuthFlow, Deadline, Request, Response
from hyperglyph.transport.http.status import outcome_if_cut

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
from .httpx_given import Given
from .httpx_http2 import HTTP2Pool
from .httpx_pool import PoolOptions
from .sockets import address_at, connected, is_readable, resolved

__all__ = ["HttpxTransport"]


class _Stream(httpcore.NetworkStream):
    """A socket whose every wait is clipped, and which writes head and body together."""

    def __init__(self, sock: socket.socket, address: str | None, *, http2: bool = False) -> None:
        self.socket = sock
        self.http2 = http2
        self.address = address
        self._held: list[bytes] = []
        self._held_size = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        wait = wait_of(timeout)
        self._flush(wait)
        if wait.phase == "send":
            wait.phase = "wait"
        try:
            self.socket.settimeout(wait.seconds(wait.reading_limit(http2=self.http2)))
            data = self.socket.recv(max_bytes)
            wait.begun = True
            return data
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        wait = wait_of(timeout)
        wait.begin(self.address)
        self._held.append(buffer)
        self._held_size += len(buffer)
        # A head alone waits for its body, or for the first read: one packet, one wake-up.
        if self._held_size >= PIECE:
            self._flush(wait)

    def _flush(self, wait: Wait) -> None:
        if not self._held:
            return
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self._held_size = 0
        view = memoryview(data)
        try:
            while view:
                self.socket.settimeout(wait.seconds(wait.idle_limit))
                view = view[self.socket.send(view) :]
                wait.sent = True
        except TimeoutError as error:
            wait.failed = True
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            # httpcore goes on to read: a server may refuse a body and answer early.
            wait.failed = True
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._held.clear()
        self.socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> _Stream:
        wait = wait_of(timeout)
        try:
            self.socket.settimeout(wait.seconds(wait.connect_limit))
            secured = ssl_context.wrap_socket(self.socket, server_hostname=server_hostname)
            return _Stream(secured, self.address, http2=secured.selected_alpn_protocol() == "h2")
        except TimeoutError as error:
            self.close()
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            self.close()
            raise httpcore.ConnectError(str(error)) from error

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return is_readable(self.socket)
        if info == "socket":
            return self.socket
        if info == "ssl_object" and isinstance(self.socket, ssl.SSLSocket):
            return self.socket
        return None


class _Backend(httpcore.NetworkBackend):
    """Makes connections, and knows the sockets of all that are alive."""

    def __init__(self, *, proxied: bool) -> None:
        #: Addresses are then those of a proxy, which resolves the names of others.
        self._proxied = proxied
        self.streams: weakref.WeakSet[_Stream] = weakref.WeakSet()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        wait = wait_of(timeout)
        budget = Deadline(wait.connect_limit)

        def connect() -> socket.socket:
            found = resolved(host, port, None if self._proxied else wait.addresses)
            return connected(found, lambda: positive(wait.seconds(budget.left())), local_address)

        return self._connected(wait, connect)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        wait = wait_of(timeout)

        def connect() -> socket.socket:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.settimeout(wait.seconds(wait.connect_limit))
                sock.connect(path)
            except BaseException:
                sock.close()
                raise
            return sock

        return self._connected(wait, connect)

    def _connected(self, wait: Wait, connect: Callable[[], socket.socket]) -> _Stream:
        wait.reused = False
        try:
            sock = connect()
            stream = _Stream(sock, None if self._proxied else address_at(sock))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        self.streams.add(stream)
        return stream


class HttpxTransport:
    """HTTP/1.1 over httpcore's connection pool. Usable from any thread, and after a fork.

    `unix` connects to a Unix socket whatever the URL's host; `proxy` is the URL of an HTTP proxy,
    which then resolves names, and to which addresses it connects is its affair;
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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._options = PoolOptions(
            unix=unix,
            proxy=proxy,
            verify=verify,
            http2=http2,
            max_connections=max_connections,
            given=transport is not None,
        )
        self._given = None if transport is None else Given(transport)
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._backend = _Backend(proxied=self._options.proxy is not None)
        # One pool a scheme: reading the certificates takes longer than many calls.
        self._pools: dict[str, httpcore.ConnectionPool] = {}

    @property
    def name(self) -> str:
        return "httpx"

    def auth_flow(self, auth: object) -> AuthFlow:
        return auth_flow(auth, httpx)

    def close(self) -> None:
        """Close all connections. The transport may be used again."""
        if self._given is not None:
            self._given.close()
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def _pool(self, scheme: str) -> httpcore.ConnectionPool:
        if self._process != os.getpid():
            # Its parent still uses these connections; their locks may be held by its threads.
            # Closing a descriptor here does not end the connection there.
            for stream in list(self._backend.streams):
                stream.socket.close()
            self._reset()
        pool = self._pools.get(scheme)
        if pool is None:
            with self._lock:
                pool = self._pools.get(scheme)
                if pool is None:
                    pool = self._pools[scheme] = self._options.pool(
                        scheme,
                        self._backend,
                        httpcore.ConnectionPool,
                        HTTP2Pool,
                        httpcore.HTTPProxy,
                    )
        return pool

    def send(self, request: Request, /) -> Response:
        if self._given is not None:
            return self._given.send(request)
        wait = Wait.of(request)
        try:
            core = core_request(request, wait, _Pieces(request.body, wait))
            wait.seconds(None)
            answer = self._pool(core.url.scheme.decode()).handle_request(core)
        except (ValueError, UnicodeError) as error:
            raise malformed(error) from None
        except (*FAILURES, TimeoutError) as error:
            fail(error, wait)
        if not wait.begun:
            answer.close()
            raise unasked(wait)
        wait.phase = "read"
        return Response(
            status=answer.status,
            headers=text_headers(answer),
            body=_read(answer, wait),
            url=request.url,
            reused=wait.reused,
            on_close=answer.close,
            address=wait.address,
        )


class _Pieces:
    """A body in pieces; httpcore copies the rest of a large one at every send."""

    def __init__(self, body: bytes | Iterator[bytes] | None, wait: Wait) -> None:
        self._body = body
        self._wait = wait
        self._taken = False

    def __iter__(self) -> Iterator[bytes]:
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
            yield from body
        self._wait.exhausted = True


def _read(answer: httpcore.Response, wait: Wait) -> Iterator[bytes]:
    try:
        yield from answer.iter_stream()
    except FAILURES as error:
        fail(error, wait, outcome_if_cut(answer.status))
    finally:
        answer.close()
