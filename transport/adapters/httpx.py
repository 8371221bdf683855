"""The general adapter, on the engine of httpx (or of its successor httpx2): httpcore's pool.

It goes one layer below `httpx.HTTPTransport`, which only wraps that pool: the pool takes a network
backend in the open, and sends a URL as it is where httpx's own URL type would re-spell it.

The backend is where deadlines are kept. Each request carries one `_Wait` as its timeouts; httpcore
hands it through, untouched, to every connect, read and write, and there each wait is clipped to
the time left in total. The `_Wait` also notes what was sent, so that errors can tell the truth.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from hyperglyph.transport.http.addresses import AddressPolicy
from hyperglyph.transport.http.messages import PIECE, AuthFlow, Deadline, Request, Response
from hyperglyph.transport.http.status import DeadlineExceeded, Outcome, Phase, TransportError

from .httpx_auth import auth_flow
from .sockets import address_at, check_address, connected, is_readable, resolved

if TYPE_CHECKING:
    import httpcore
    import httpx
else:
    try:
        import httpcore
        import httpx
    except ImportError:
        try:
            import httpcore2 as httpcore
            import httpx2 as httpx
        except ImportError as error:
            raise ImportError(
                "the transport 'httpx' needs httpx (or httpx2), which is not installed: "
                "pip install httpx"
            ) from error

__all__ = ["HttpxTransport"]

#: Servers keep idle connections longer (our own 15 s), so a connection of this age is alive.
KEEPALIVE = 4.0

_FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)


class _Wait(float):
    """The time limits of one request, and how far it has come.

    As a float it is the longest wait, for the pool's own waiting; the streams below ask `seconds`.
    """

    deadline: Deadline
    connect_limit: float | None
    idle_limit: float | None
    addresses: AddressPolicy | None
    address: str | None = None  # the peer's
    phase: Phase = "connect"
    begun = False  # something of the answer has arrived
    reused = True
    sent = False  # something of the request has left
    exhausted = False  # the body's iterator came to its end
    failed = False  # a write failed

    @classmethod
    def of(cls, request: Request) -> _Wait:
        left = request.deadline.left()
        self = cls(threading.TIMEOUT_MAX if left is None else max(left, 0.0))
        self.deadline = request.deadline
        self.connect_limit = request.connect
        self.idle_limit = request.idle
        self.addresses = request.addresses
        return self

    def seconds(self, limit: float | None) -> float | None:
        """How long the next wait may take. Raises TimeoutError if the deadline has passed."""
        left = self.deadline.left()
        if left is None:
            return limit
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left if limit is None else min(left, limit)

    @property
    def outcome(self) -> Outcome:
        """What the server may have made of the request by now."""
        if not self.sent or not self.exhausted or (self.failed and self.phase == "send"):
            return "not done"
        return "unknown"


class _Stream(httpcore.NetworkStream):
    """A socket whose every wait is clipped, and which writes head and body together."""

    def __init__(self, sock: socket.socket, *, checks: bool = True) -> None:
        self.socket = sock
        self.address = address_at(sock) if checks else None
        self._held: list[bytes] = []
        self._held_size = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        wait = _wait(timeout)
        self._flush(wait)
        if wait.phase == "send":
            wait.phase = "wait"
        try:
            # Who computes is not idle: until an answer begins, the deadline alone counts.
            self.socket.settimeout(wait.seconds(wait.idle_limit if wait.begun else None))
            data = self.socket.recv(max_bytes)
            wait.begun = True
            return data
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        wait = _wait(timeout)
        if wait.phase == "connect":
            # The pool gives by name and port: this one may have been made under another rule.
            try:
                check_address(self.address, wait.addresses)
            except OSError as error:
                raise httpcore.ConnectError(str(error)) from error
            wait.address = self.address
        wait.phase = "send"
        self._held.append(buffer)
        self._held_size += len(buffer)
        # A head alone waits for its body, or for the first read: one packet, one wake-up.
        if self._held_size >= PIECE:
            self._flush(wait)

    def _flush(self, wait: _Wait) -> None:
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
        wait = _wait(timeout)
        try:
            self.socket.settimeout(wait.seconds(wait.connect_limit))
            secured = ssl_context.wrap_socket(self.socket, server_hostname=server_hostname)
            return _Stream(secured, checks=self.address is not None)
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


def _wait(timeout: float | None) -> _Wait:
    assert isinstance(timeout, _Wait), "httpcore hands timeouts through as they are"
    return timeout


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
        wait = _wait(timeout)
        budget = Deadline(wait.connect_limit)

        def connect() -> socket.socket:
            found = resolved(host, port, None if self._proxied else wait.addresses)
            return connected(found, lambda: _positive(wait.seconds(budget.left())), local_address)

        return self._connected(wait, connect)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        wait = _wait(timeout)

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

    def _connected(self, wait: _Wait, connect: Callable[[], socket.socket]) -> _Stream:
        wait.reused = False
        try:
            stream = _Stream(connect(), checks=not self._proxied)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        self.streams.add(stream)
        return stream


def _positive(seconds: float | None) -> float | None:
    if seconds is not None and seconds <= 0:
        raise TimeoutError("the connect limit has passed")
    return seconds


class HttpxTransport:
    """HTTP/1.1 over httpcore's connection pool. Usable from any thread, and after a fork.

    `unix` connects to a Unix socket whatever the URL's host; `proxy` is the URL of an HTTP proxy,
    which then resolves names, and to which addresses it connects is its affair;
    `verify` is an SSL context (default: the system's or certifi's certificates).
    """

    def __init__(
        self,
        *,
        unix: str | None = None,
        proxy: str | None = None,
        verify: ssl.SSLContext | None = None,
        max_connections: int = 100,
    ) -> None:
        self._unix = unix
        self._proxy = proxy
        self._verify = verify
        self._max_connections = max_connections
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._backend = _Backend(proxied=self._proxy is not None)
        # One pool a scheme: reading the certificates takes longer than many calls.
        self._pools: dict[str, httpcore.ConnectionPool] = {}

    @property
    def name(self) -> str:
        return "httpx"

    def auth_flow(self, auth: object) -> AuthFlow:
        return auth_flow(auth, httpx)

    def close(self) -> None:
        """Close all connections. The transport may be used again."""
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
                    pool = self._pools[scheme] = self._new_pool(scheme)
        return pool

    def _new_pool(self, scheme: str) -> httpcore.ConnectionPool:
        context = self._verify
        if context is None and scheme == "https":
            context = httpx.create_ssl_context()
        if self._proxy is not None:
            return httpcore.HTTPProxy(
                self._proxy,
                ssl_context=context,
                max_connections=self._max_connections,
                keepalive_expiry=KEEPALIVE,
                network_backend=self._backend,
            )
        return httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=self._max_connections,
            max_keepalive_connections=self._max_connections,
            keepalive_expiry=KEEPALIVE,
            retries=0,
            uds=self._unix,
            network_backend=self._backend,
        )

    def send(self, request: Request, /) -> Response:
        wait = _Wait.of(request)
        try:
            split = urlsplit(request.url)
            if split.scheme not in ("http", "https") or not split.hostname:
                raise ValueError("the URL is not one of http or https")
            target = split.path or "/"
            if "?" in request.url:
                target = f"{target}?{split.query}"
            url = httpcore.URL(
                scheme=split.scheme, host=split.hostname, port=split.port, target=target
            )
            core = httpcore.Request(
                request.method,
                url,
                headers=_headers_of(request, split.netloc.rpartition("@")[2]),
                content=_Pieces(request.body, wait),
                extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), wait)},
            )
            wait.seconds(None)
            answer = self._pool(split.scheme).handle_request(core)
        except (ValueError, UnicodeError) as error:
            raise TransportError(
                f"the request is malformed: {error}", phase="connect", outcome="not done"
            ) from None
        except (*_FAILURES, TimeoutError) as error:
            _fail(error, wait)
        if not wait.begun:
            # Too many bytes came with an earlier answer, and are not this one's.
            answer.close()
            raise TransportError(
                "the connection had an answer that nobody had asked for",
                phase=wait.phase,
                outcome=wait.outcome,
                reused=wait.reused,
            )
        wait.phase = "read"
        return Response(
            status=answer.status,
            headers=[
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers
            ],
            body=_read(answer, wait),
            url=request.url,
            reused=wait.reused,
            on_close=answer.close,
            address=wait.address,
        )


def _headers_of(request: Request, host: str) -> list[tuple[bytes, bytes]]:
    headers = [(b"Host", host.encode("ascii"))]
    headers += [(name.encode("ascii"), value.encode("latin-1")) for name, value in request.headers]
    body = request.body
    if isinstance(body, bytes):
        headers.append((b"Content-Length", b"%d" % len(body)))
    elif body is not None and request.length is not None:
        headers.append((b"Content-Length", b"%d" % request.length))
    elif body is not None:
        headers.append((b"Transfer-Encoding", b"chunked"))
    return headers


class _Pieces:
    """A body in pieces; httpcore copies the rest of a large one at every send."""

    def __init__(self, body: bytes | Iterator[bytes] | None, wait: _Wait) -> None:
        self._body = body
        self._wait = wait

    def __iter__(self) -> Iterator[bytes]:
        body = self._body
        if isinstance(body, bytes):
            for start in range(0, len(body), PIECE):
                yield body[start : start + PIECE]
        elif body is not None:
            yield from body
        self._wait.exhausted = True


def _read(answer: httpcore.Response, wait: _Wait) -> Iterator[bytes]:
    try:
        yield from answer.iter_stream()
    except _FAILURES as error:
        outcome: Outcome = "done" if answer.status < 300 else "unknown"
        _fail(error, wait, outcome)
    finally:
        answer.close()


def _fail(error: Exception, wait: _Wait, outcome: Outcome | None = None) -> NoReturn:
    """Raise our own error in place of the library's."""
    left = wait.deadline.left()
    expired = left is not None and left <= 0
    timed_out = expired or isinstance(error, httpcore.TimeoutException | TimeoutError)
    cls = DeadlineExceeded if timed_out else TransportError
    if timed_out and wait.phase == "connect":
        what = "no connection in time"
    elif timed_out:
        what = "the deadline has passed" if expired else "the peer was idle for too long"
    else:
        what = {
            "connect": "cannot connect",
            "send": "the request could not be sent",
            "wait": "the connection ended without an answer",
            "read": "the answer was cut short",
        }[wait.phase]
        detail = str(error)
        what = f"{what}: {detail}" if detail else what
    raise cls(
        what, phase=wait.phase, outcome=outcome or wait.outcome, reused=wait.reused
    ) from error
