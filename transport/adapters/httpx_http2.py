"""HTTP/2 on httpcore's pool: one request at a time on each connection.

httpcore would send several at once over one. Their time limits could then not be kept: who waits
for a lock that another's read holds waits as long as that one may, and a limit that passes for one
ends the connection of all. So a connection is busy until its answer has been read to the end; one
whose answer was not is closed, as it is in HTTP/1.1, which tells the server that nobody waits.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from .httpx_common import httpcore

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["AsyncHTTP2Pool", "HTTP2Pool", "check_h2"]

#: The options of a pool that are those of its connections, too.
_OF_CONNECTIONS = ("ssl_context", "keepalive_expiry", "retries", "uds", "network_backend")


def check_h2() -> None:
    """Raises ImportError where the library that speaks HTTP/2 is missing."""
    try:
        import h2  # noqa: F401 # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise ImportError(
            "http2=True needs h2, which is not installed: pip install 'httpx[http2]'"
        ) from error


@contextmanager
def _protocol_errors() -> Generator[None]:
    """httpcore lets those of h2 through while a body is read."""
    from h2.exceptions import ProtocolError

    try:
        yield
    except ProtocolError as error:
        raise httpcore.RemoteProtocolError(str(error)) from error


def _may_be_left(answer: httpcore.Response) -> bool:
    """Whether the library itself closes the connection of an answer that is not read."""
    extensions = cast("dict[str, Any]", answer.extensions)  # pyright: ignore[reportUnknownMemberType]
    return extensions.get("http_version") != b"HTTP/2"


class _Connection(httpcore.HTTPConnection):
    """A connection that is available when no answer is read from it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._busy = threading.Lock()

    def is_available(self) -> bool:
        return not self._busy.locked() and super().is_available()

    def is_idle(self) -> bool:
        return not self._busy.locked() and super().is_idle()

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        if not self._busy.acquire(blocking=False):
            raise httpcore.ConnectionNotAvailable
        try:
            answer = super().handle_request(request)
        except BaseException:
            self._ended(whole=False)
            raise
        answer.stream = _Body(answer, self._ended)
        return answer

    def _ended(self, *, whole: bool) -> None:
        try:
            if not whole:
                self.close()
        finally:
            self._busy.release()


class _Body:
    """The body of an answer, at whose end its connection is free."""

    def __init__(self, answer: httpcore.Response, ended: Callable[..., None]) -> None:
        self._stream: Any = answer.stream
        self._ended = ended
        self._whole = _may_be_left(answer)
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        with _protocol_errors():
            yield from self._stream
        self._whole = True

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                self._stream.close()
            finally:
                self._ended(whole=self._whole)


class HTTP2Pool(httpcore.ConnectionPool):
    """A pool of connections that speak HTTP/2 where the server does, HTTP/1.1 elsewhere."""

    def __init__(self, **options: Any) -> None:
        self._options = {key: options[key] for key in _OF_CONNECTIONS}
        super().__init__(http2=True, **options)

    def create_connection(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        return _Connection(origin=origin, http2=True, **self._options)


class _AsyncConnection(httpcore.AsyncHTTPConnection):
    """A connection that is available when no answer is read from it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._busy = False

    def is_available(self) -> bool:
        return not self._busy and super().is_available()

    def is_idle(self) -> bool:
        return not self._busy and super().is_idle()

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        if self._busy:
            raise httpcore.ConnectionNotAvailable
        self._busy = True
        try:
            answer = await super().handle_async_request(request)
        except BaseException:
            await self._ended(whole=False)
            raise
        answer.stream = cast("Any", _AsyncBody(answer, self._ended))
        return answer

    async def _ended(self, *, whole: bool) -> None:
        try:
            if not whole:
                # Of our own streams: it closes a socket, and waits for nothing.
                await self.aclose()
        finally:
            self._busy = False


class _AsyncBody:
    """The body of an answer, at whose end its connection is free."""

    def __init__(self, answer: httpcore.Response, ended: Callable[..., Any]) -> None:
        self._stream: Any = answer.stream
        self._ended = ended
        self._whole = _may_be_left(answer)
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _protocol_errors():
            async for piece in self._stream:
                yield piece
        self._whole = True

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                await self._stream.aclose()
            finally:
                await self._ended(whole=self._whole)


class AsyncHTTP2Pool(httpcore.AsyncConnectionPool):
    """The same for asyncio."""

    def __init__(self, **options: Any) -> None:
        self._options = {key: options[key] for key in _OF_CONNECTIONS}
        super().__init__(http2=True, **options)

    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        return _AsyncConnection(origin=origin, http2=True, **self._options)
