"""In-process: a client's request goes straight to a router, without sockets.

`LocalTransport(router)` calls the router's core; `LocalTransport(application)` calls any WSGI
application, with its whole environ, which is how the WSGI adapter is tried without a server.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast
from urllib.parse import unquote_to_bytes, urlsplit

from hyperglyph.transport.http.messages import PIECE, Handler, Incoming, Request, Response
from hyperglyph.transport.http.status import TransportError, outcome_if_cut
from hyperglyph.transport.http.urls import DEFAULT_PORTS

__all__ = ["LocalTransport"]


WSGIApplication = Callable[..., Iterable[bytes]]


def pieces_of(request: Request) -> Iterator[bytes]:
    """The body of a request in pieces."""
    body = request.body
    if isinstance(body, bytes):
        for start in range(0, len(body), PIECE):
            yield body[start : start + PIECE]
    elif body is not None:
        yield from body


def length_of(request: Request) -> int | None:
    """The length of its body, if it is known."""
    return len(request.body) if isinstance(request.body, bytes) else request.length


def split_target(url: str, mount: str) -> bytes | None:
    """The path below the mount prefix, percent-decoded; None for one that is not below it."""
    path = unquote_to_bytes(urlsplit(url).path or "/")
    prefix = mount.encode()
    if path != prefix and not path.startswith(prefix + b"/"):
        return None
    return path[len(prefix) :]


def port_of(url: str) -> int:
    """The port, as it is named or as the scheme has it."""
    split = urlsplit(url)
    return split.port or int(DEFAULT_PORTS[split.scheme])


def target_of(url: str) -> str:
    """The path and query, as they are spelled."""
    split = urlsplit(url)
    path = split.path or "/"
    return f"{path}?{split.query}" if split.query else path


class _Input(io.RawIOBase):
    """The body as a file, so that a large one is never whole in memory."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _nothing() -> None:
    """There is nothing to be done."""


def _until_cut(pieces: Iterable[bytes], status: int) -> Iterator[bytes]:
    """The pieces of an answer. Raises TransportError where making one fails, as a server would end
    the connection then.
    """
    try:
        yield from pieces
    except Exception as error:
        raise TransportError(
            f"the answer was cut short: {type(error).__name__}",
            phase="read",
            outcome=outcome_if_cut(status),
        ) from error


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
        path = split_target(request.url, self._mount)
        if path is None:
            return Response(404, (), (), request.url)
        headers = [("Host", split.netloc), *request.headers]
        below = path.decode("latin-1")
        if self._handler is None:
            return self._send_wsgi(request, headers, below, split.query)
        incoming = Incoming(
            method=request.method,
            path=path.decode("utf-8", "surrogateescape"),
            headers=headers,
            body=pieces_of(request),
            query=split.query,
            mount=self._mount,
            target=target_of(request.url),
            length=length_of(request),
            scheme=split.scheme,
        )
        response = self._handler.handle(incoming)
        response.url = request.url
        if not isinstance(response.body, Sequence):
            response.body = _until_cut(response.body, response.status)
        return response

    def _send_wsgi(
        self, request: Request, headers: list[tuple[str, str]], path: str, query: str
    ) -> Response:
        length = length_of(request)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": self._mount.encode().decode("latin-1"),  # as WSGI has all text
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": str(port_of(request.url)),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": urlsplit(request.url).scheme,
            "wsgi.input": io.BufferedReader(_Input(pieces_of(request)), PIECE),
            "wsgi.input_terminated": length is None,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in headers:
            key = name.upper().replace("-", "_")
            key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
            environ[key] = f"{environ[key]}, {value}" if key in environ else value
        if length is not None:
            environ["CONTENT_LENGTH"] = str(length)
        head: list[tuple[int, list[tuple[str, str]]]] = []

        def start_response(status: str, fields: list[tuple[str, str]], *_: Any) -> None:
            head.append((int(status[:3]), fields))

        body: Iterable[bytes] = ()

        def close() -> None:
            getattr(body, "close", _nothing)()

        try:
            body = self._application(environ, start_response)
            iterator = iter(body)
            first = next(iterator, b"")  # an application may call start_response only now
            status, fields = head[-1]
        except Exception as error:
            close()
            raise TransportError(
                "the application gave no response", phase="wait", outcome="unknown"
            ) from error

        def pieces() -> Iterator[bytes]:
            yield first
            yield from _until_cut(iterator, status)

        return Response(status, fields, pieces(), request.url, on_close=close)
