"""Sending through a transport made for httpx: a cache, an instrumentation, a proxy of any kind.

What sends, and knows how far a request came, is then httpx's own engine. It tells of its steps
(`_Steps`) by httpcore's `trace` extension, handed through every transport that passes a request's
extensions on, and so of the connections that it makes. Their reads and writes then keep the limits
of the request that they are for, which is known by the `timeout` that httpcore hands to them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, Final, cast

from hyperglyph.transport.http.messages import PIECE, AsyncResponse, Request, Response
from hyperglyph.transport.http.status import TransportError, outcome_if_cut

from .httpx_common import (
    Wait,
    core_request,
    fail,
    httpcore,
    httpx,
    malformed,
    unasked,
)
from .sockets import check_address
from .threads import off_loop

__all__ = ["AsyncGiven", "Given"]

#: What a transport that does not tell of its steps fails with before anything is sent.
_BEFORE: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_SHORTEST: Final = 0.001
#: In seconds; more than a few weeks no socket waits.
_NEVER: Final = 1_000_000.0


class _URL(httpx.URL):
    """A URL that is sent as it is spelled, and is known to caches by that."""

    def __init__(self, url: str, target: bytes) -> None:
        super().__init__(url)
        self._spelled = url.partition("#")[0]
        self._target = target

    @property
    def raw_path(self) -> bytes:
        return self._target

    def __str__(self) -> str:
        return self._spelled


class _Limit(float):
    """How long a wait that begins now may take, in seconds, and for whose request."""

    steps: _Steps


class _Limits(dict[str, float | None]):
    """The `timeout` of a request. A wait that cannot be clipped again keeps what it is given."""

    def __init__(self, steps: _Steps) -> None:
        self._steps = steps
        super().__init__({kind: self[kind] for kind in ("connect", "read", "write", "pool")})

    def get(self, key: str, default: Any = None) -> Any:
        return default if key not in self else self[key]  # noqa: SIM401 - it would ask itself

    def __getitem__(self, key: str) -> float | None:
        wait = self._steps.wait
        seconds = _NEVER
        if key == "connect" and wait.connect_limit is not None:
            seconds = wait.connect_limit
        elif (key == "write" or wait.phase == "read") and wait.idle_limit is not None:
            seconds = wait.idle_limit
        left = wait.deadline.left()
        if left is not None:
            # The engine tells the end of a wait best.
            seconds = max(min(left, seconds), _SHORTEST)
        limit = _Limit(seconds)
        limit.steps = self._steps
        return limit


def _watch(stream: Any) -> None:
    """Have the reads and writes of a connection keep the limits of whose request they are for."""
    read, write = stream.read, stream.write

    def watched_read(max_bytes: int, timeout: float | None = None) -> bytes:
        if not isinstance(timeout, _Limit):
            return cast("bytes", read(max_bytes, timeout))
        data: bytes = read(max_bytes, timeout.steps.reading())
        timeout.steps.wait.begun = True
        return data

    def watched_write(buffer: bytes, timeout: float | None = None) -> None:
        write(buffer, timeout.steps.writing() if isinstance(timeout, _Limit) else timeout)

    async def awaited_read(max_bytes: int, timeout: float | None = None) -> bytes:
        if not isinstance(timeout, _Limit):
            return cast("bytes", await read(max_bytes, timeout))
        data: bytes = await read(max_bytes, timeout.steps.reading())
        timeout.steps.wait.begun = True
        return data

    async def awaited_write(buffer: bytes, timeout: float | None = None) -> None:
        await write(buffer, timeout.steps.writing() if isinstance(timeout, _Limit) else timeout)

    awaited = isinstance(stream, httpcore.AsyncNetworkStream)
    stream.read = awaited_read if awaited else watched_read
    stream.write = awaited_write if awaited else watched_write


class _Steps:
    """How far a request has come, as the engine tells."""

    def __init__(self, wait: Wait, url: httpx.URL, known: dict[str, str]) -> None:
        self.wait = wait
        self._host = url.raw_host.decode("ascii")
        self._origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        self._known = known
        self._connected = False
        self._direct = False
        self._aside = False
        self._http2 = False
        #: Whether it goes over a connection whose reads and writes are seen.
        self._seen = False
        self.told = False
        wait.reused = False

    def reading(self) -> float | None:
        """How long a read may wait. Raises ReadTimeout where the deadline has passed."""
        try:
            return self.wait.seconds(self.wait.reading_limit(http2=self._http2))
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error

    def writing(self) -> float | None:
        """How long a write may wait. Raises WriteTimeout where the deadline has passed."""
        self._seen = True
        try:
            return self.wait.seconds(self.wait.idle_limit)
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error

    def note(self, event: str, info: dict[str, Any]) -> Exception | None:
        """Take note of a step. Returns why what it has brought may not be used, if so."""
        self.told = True
        wait = self.wait
        protocol, _, step = event.partition(".")
        if step == "connect_tcp.started":
            self._connected = True
            self._direct = _text(info.get("host")) == self._host
        elif step == "connect_tcp.complete":
            _watch(info["return_value"])
            return self._reached(info["return_value"]) if self._direct else None
        elif step == "connect_unix_socket.started":
            self._connected = True
        elif step in ("connect_unix_socket.complete", "start_tls.complete"):
            _watch(info["return_value"])
        elif step == "send_request_headers.started":
            # To a proxy, first.
            self._aside = info["request"].method == b"CONNECT"
        if self._aside:
            return None
        if step == "send_request_headers.started":
            self._http2 = protocol == "http2"
            self._seen = wait.begun = False
            wait.reused = not self._connected
            if wait.reused and (address := self._known.get(self._origin)) is not None:
                check_address(address, wait.addresses)
            wait.phase = "send"
        elif step == "send_request_headers.complete":
            wait.sent = True
        elif step == "send_request_body.failed":
            wait.failed = True
        elif step == "receive_response_headers.started":
            wait.phase = "wait"
        elif step == "receive_response_headers.complete":
            # An answer that was there before it was asked for is another's.
            return unasked(wait) if self._seen and not (wait.begun or self._http2) else None
        return None

    def _reached(self, stream: Any) -> Exception | None:
        found: Any = stream.get_extra_info("server_addr")
        address: str | None = found[0] if found else None
        try:
            check_address(address, self.wait.addresses)
        except OSError as error:
            return error
        if address is not None:
            self._known[self._origin] = address
        return None

    @property
    def address(self) -> str | None:
        """The address of the peer, where connections to it have been made from here."""
        return self._known.get(self._origin)

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """What httpcore calls."""
        error = self.note(event, info)
        if error is not None:
            if isinstance(error, OSError) and "return_value" in info:
                info["return_value"].close()
            raise error

    async def atrace(self, event: str, info: dict[str, Any]) -> None:
        """The same, awaited."""
        error = self.note(event, info)
        if error is not None:
            if isinstance(error, OSError) and "return_value" in info:
                await info["return_value"].aclose()
            raise error

    def failed(self, error: Exception) -> None:
        """Make the best of an error where there was nothing told."""
        wait = self.wait
        if self.told or wait.phase == "read" or isinstance(error, _BEFORE):
            return
        wait.sent = True
        wait.phase = "send" if isinstance(error, httpx.WriteError | httpx.WriteTimeout) else "wait"


def _text(host: object) -> str:
    return host.decode("ascii") if isinstance(host, bytes) else str(host)


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a request, in pieces."""

    def __init__(self, request: Request, wait: Wait) -> None:
        self._body = request.body
        self._wait = wait
        self.error: Exception | None = None
        # A transport may have its own way with what needs no reading.
        wait.exhausted = not isinstance(request.body, Iterator)

    def __iter__(self) -> Iterator[bytes]:
        body = self._body
        if isinstance(body, bytes):
            self._wait.exhausted = False
            yield from _cut(body)
        elif body is not None:
            try:
                yield from body
            except Exception as error:
                self.error = error
                raise
        self._wait.exhausted = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = self._body
        if isinstance(body, bytes):
            self._wait.exhausted = False
            for piece in _cut(body):
                yield piece
        elif body is not None:
            try:
                async for piece in off_loop(body):
                    yield piece
            except Exception as error:
                self.error = error
                raise
        self._wait.exhausted = True


def _cut(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


class _Sending:
    """One request on its way through a transport."""

    def __init__(self, request: Request, known: dict[str, str], *, awaited: bool) -> None:
        wait = self.wait = Wait.of(request)
        self.body = _Body(request, wait)
        try:
            core = core_request(request, wait, None)
            url = _URL(request.url, core.url.target)
            self.steps = _Steps(wait, url, known)
            self.request = httpx.Request(
                request.method,
                "http://unset/",
                headers=core.headers,
                stream=self.body,
                extensions={
                    "timeout": _Limits(self.steps),
                    "trace": self.steps.atrace if awaited else self.steps.trace,
                },
            )
        except (ValueError, UnicodeError, httpx.InvalidURL) as error:
            raise malformed(error) from None
        self.request.url = url
        try:
            wait.seconds(None)
        except TimeoutError as error:
            fail(error, wait)

    def fail(self, error: Exception) -> None:
        """Raise our own error, unless it is the body's."""
        if error is not self.body.error and not isinstance(error, TransportError):
            self.steps.failed(error)
            fail(error, self.wait)

    def headers(self, answer: httpx.Response) -> list[tuple[str, str]]:
        """Those of the answer, whose body comes next."""
        self.wait.phase = "read"
        return [(k.decode("latin-1"), v.decode("latin-1")) for k, v in answer.headers.raw]


class Given:
    """Sends through a `httpx.BaseTransport`."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport
        self._known: dict[str, str] = {}
        self.close = transport.close

    def send(self, request: Request) -> Response:
        """What `Transport.send` promises, as far as the transport lets it."""
        sending = _Sending(request, self._known, awaited=False)
        try:
            answer = self._transport.handle_request(sending.request)
        except Exception as error:
            sending.fail(error)
            raise
        return Response(
            status=answer.status_code,
            headers=sending.headers(answer),
            body=_read(answer, sending.wait),
            url=request.url,
            reused=sending.wait.reused,
            on_close=answer.close,
            address=sending.steps.address,
        )


def _read(answer: httpx.Response, wait: Wait) -> Iterator[bytes]:
    assert isinstance(answer.stream, httpx.SyncByteStream)
    try:
        for piece in answer.stream:
            wait.seconds(None)
            yield piece
    except Exception as error:  # noqa: BLE001 - whatever a transport raises
        fail(error, wait, outcome_if_cut(answer.status_code))
    finally:
        answer.close()


class AsyncGiven:
    """Sends through a `httpx.AsyncBaseTransport`."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        self._known: dict[str, str] = {}
        self.close = transport.aclose

    async def send(self, request: Request) -> AsyncResponse:
        """What `AsyncTransport.send` promises, as far as the transport lets it."""
        sending = _Sending(request, self._known, awaited=True)
        # Here a head that drips can be given up; while blobs are sent the clock stands still.
        whole = not isinstance(request.body, Iterator)
        try:
            async with asyncio.timeout(sending.wait.seconds(None) if whole else None):
                answer = await self._transport.handle_async_request(sending.request)
        except Exception as error:
            sending.fail(error)
            raise

        async def close() -> None:
            # Not to be cut short: the connection goes back to the pool, or out of it.
            await asyncio.shield(answer.aclose())

        return AsyncResponse(
            status=answer.status_code,
            headers=sending.headers(answer),
            body=_Read(answer, sending.wait),
            url=request.url,
            reused=sending.wait.reused,
            on_close=close,
            address=sending.steps.address,
        )


class _Read:
    """The body of an answer."""

    def __init__(self, answer: httpx.Response, wait: Wait) -> None:
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        self._answer = answer
        self._wait = wait
        self._pieces = aiter(answer.stream)

    def __aiter__(self) -> _Read:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._pieces)
            self._wait.seconds(None)
        except StopAsyncIteration:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a transport raises
            with suppress(Exception):
                await self._answer.aclose()
            fail(error, self._wait, outcome_if_cut(self._answer.status_code))
        return piece
