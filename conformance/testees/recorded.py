"""Transports without a network: one page is answered, and what is asked next is kept."""

from collections.abc import AsyncIterator
from typing import Any, NoReturn

from hyperglyph.transport.http.messages import AsyncResponse, Request, Response
from hyperglyph.transport.http.negotiate import MEDIA_TYPE
from hyperglyph.transport.http.status import TransportError

_HEADERS = [("Content-Type", MEDIA_TYPE)]


class Recorder:
    """Answers the first request with a page. `sent` describes the second, which is not answered."""

    name = "recorder"

    def __init__(self, page: bytes) -> None:
        self._page: bytes | None = page
        self.sent: dict[str, Any] | None = None

    def send(self, request: Request, /) -> Response:
        page, self._page = self._page, None
        if page is None:
            self._keep(request)
        return Response(200, _HEADERS, (page,), request.url)

    def close(self) -> None: ...

    def _keep(self, request: Request) -> NoReturn:
        body = request.body
        if body is not None and not isinstance(body, bytes):
            body = b"".join(body)
        headers = list(map(list, request.headers))
        if request.length is not None:
            headers.append(["Content-Length", str(request.length)])
        self.sent = {
            "method": request.method,
            "url": request.url,
            "headers": headers,
            "body": body.hex() if body else None,
        }
        raise TransportError("nothing is sent", phase="connect", outcome="not done")


class AsyncRecorder:
    """The same for `AsyncClient`."""

    name = "recorder"

    def __init__(self, page: bytes) -> None:
        self._recorder = Recorder(page)

    @property
    def sent(self) -> dict[str, Any] | None:
        return self._recorder.sent

    async def send(self, request: Request, /) -> AsyncResponse:
        response = self._recorder.send(request)

        async def pieces() -> AsyncIterator[bytes]:
            for piece in response.body:
                yield piece

        return AsyncResponse(response.status, response.headers, pieces(), response.url)

    async def close(self) -> None: ...
