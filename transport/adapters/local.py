"""In-process: a client's request goes straight to a router, without sockets.

`LocalTransport(router)` calls the router's core; `LocalTransport(application)` calls any WSGI
application, with its whole environ, which is how the WSGI adapter is tried without a server.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast
from urllib.parse import unquote_to_bytes, urlsplit

from hyperglyph.transport.http.messages import PIECE, Handler, Incoming, Request, Response
from hyperglyph.transport.http.status import TransportError

__all__ = ["LocalTransport"]


WSGIApplication = Callable[..., Iterable[bytes]]


def _pieces_of(request: Request) -> Iterator[bytes]:
    body = request.body
    if isinstance(body, bytes):
        for start in range(0, len(body), PIECE):
            yield body[start : start + PIECE]
    elif body is not None:
        yield from body


def _length_of(request: Request) -> int | None:
    return len(request.body) if isinstance(request.body, bytes) else request.length


def _nothing() -> None:
    """Other applications sign nothing."""


class LocalTransport:
    """Serves every URL from one router or WSGI application in this process.

    `mount` is the prefix under which the application believes to be mounted. There is no time
    limit: the call runs on the caller's thread.
    """

    def __init__(self, target: Handler | WSGIApplication, *, mount: str = "") -> None:
        self._mount = mount.rstrip("/")
        self._handler = cast("Handler", target) if hasattr(target, "handle") else None
        self._application = cast("WSGIApplication", target)
        # References then live as long as this process; a router with a secret keeps to that.
        getattr(target, "allow_random_key", _nothing)()

    @property
    def name(self) -> str:
        return "local"

    def close(self) -> None:
        """Nothing is held open."""

    def send(self, request: Request, /) -> Response:
        split = urlsplit(request.url)
        path = unquote_to_bytes(split.path)
        mount = self._mount.encode()
        if path != mount and not path.startswith(mount + b"/"):
            return Response(404, (), (), request.url)
        headers = [("Host", split.netloc), *request.headers]
        below = path[len(mount) :].decode("latin-1")
        if self._handler is None:
            return self._send_wsgi(request, headers, below, split.query)
        incoming = Incoming(
            method=request.method,
            path=below.encode("latin-1").decode("utf-8", "surrogateescape"),
            headers=headers,
            body=_pieces_of(request),
            query=split.query,
            mount=self._mount,
            target=f"{split.path}?{split.query}" if split.query else split.path,
            length=_length_of(request),
            scheme=split.scheme,
        )
        response = self._handler.handle(incoming)
        response.url = request.url
        return response

    def _send_wsgi(
        self, request: Request, headers: list[tuple[str, str]], path: str, query: str
    ) -> Response:
        length = _length_of(request)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": self._mount,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": urlsplit(request.url).scheme,
            "wsgi.input": io.BytesIO(b"".join(_pieces_of(request))),
            "wsgi.input_terminated": length is None,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in headers:
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        if length is not None:
            environ["CONTENT_LENGTH"] = str(length)
        head: list[tuple[int, list[tuple[str, str]]]] = []

        def start_response(status: str, fields: list[tuple[str, str]], *_: Any) -> None:
            head.append((int(status[:3]), fields))

        body = self._application(environ, start_response)
        close = cast("Callable[[], None]", getattr(body, "close", lambda: None))
        iterator = iter(body)
        first = next(iterator, b"")  # an application may call start_response only now
        if not head:
            close()
            raise TransportError(
                "the application gave no response", phase="wait", outcome="unknown"
            )
        status, fields = head[-1]

        def pieces() -> Iterator[bytes]:
            yield first
            yield from iterator

        return Response(status, fields, pieces(), request.url, on_close=close)
