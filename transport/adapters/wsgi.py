"""WSGI: environ to `Incoming`, `Response` to what a WSGI server wants.

A blocking `wsgi.input` cannot be timed out from here: how long a peer may stall is the server's own
setting. `hyperglyph.Server` keeps its idle limit itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hyperglyph.transport.http.messages import PIECE, Handler, Incoming, Response
from hyperglyph.transport.http.refusal import refusal
from hyperglyph.transport.http.status import BadRequest, RequestTimeout, reason_phrase

__all__ = ["StartResponse", "WSGIAdapter"]

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class WSGIAdapter:
    """A WSGI application over a router."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def allow_random_key(self) -> None:
        """What the router's method of that name does."""
        getattr(self._handler, "allow_random_key", lambda: None)()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            request = incoming(environ)
        except BadRequest as error:
            response = refusal(error.status, error.message)
        else:
            response = self._handler.handle(request)
        status = f"{response.status} {reason_phrase(response.status)}"
        start_response(status, list(response.headers))
        return _Closing(response)


class _Closing:
    """The body of a response, which a WSGI server closes whatever happens."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._response.body)

    def close(self) -> None:
        self._response.close()


def incoming(environ: Environ) -> Incoming:
    """The request in an environ. Raises BadRequest for a malformed Content-Length."""
    declared = environ.get("CONTENT_LENGTH") or None
    length: int | None = None
    if declared is not None:
        if not (declared.isascii() and declared.isdigit() and len(declared) < 19):
            raise BadRequest("malformed Content-Length")
        length = int(declared)
    headers = [
        (key[5:].replace("_", "-").lower(), value)
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]
    if content_type := environ.get("CONTENT_TYPE"):
        headers.append(("content-type", content_type))
    path = environ.get("PATH_INFO", "")
    query = environ.get("QUERY_STRING", "")
    chunked = "HTTP_TRANSFER_ENCODING" in environ or environ.get("wsgi.input_terminated", False)
    if length is not None and "HTTP_TRANSFER_ENCODING" in environ:
        raise BadRequest("Content-Length together with Transfer-Encoding")
    body: Iterable[bytes] = ()
    if length:
        body = _read_exactly(environ["wsgi.input"], length)
    elif length is None and chunked:
        body = _read_all(environ["wsgi.input"])
    return Incoming(
        method=environ["REQUEST_METHOD"],
        # A WSGI server hands over bytes as latin-1; what is no UTF-8 matches no name.
        path=path.encode("latin-1").decode("utf-8", "surrogateescape"),
        headers=headers,
        body=body,
        query=query,
        mount=environ.get("SCRIPT_NAME", "")
        .encode("latin-1")
        .decode("utf-8", "replace")
        .rstrip("/"),
        target=f"{path}?{query}" if query else path,
        length=length,
        scheme=environ.get("wsgi.url_scheme", "http"),
        peer=environ.get("REMOTE_ADDR"),
    )


def _read(stream: Any, size: int) -> bytes:
    """One read; whatever a server's input raises becomes an answer of 400 or 408."""
    try:
        data: bytes = stream.read(size)
    except TimeoutError:
        raise RequestTimeout("the body did not arrive in time") from None
    except (OSError, ValueError, EOFError) as error:
        raise BadRequest(f"the body could not be read ({type(error).__name__})") from None
    return data


def _read_exactly(stream: Any, length: int) -> Iterator[bytes]:
    remaining = length
    while remaining:
        data = _read(stream, min(PIECE, remaining))
        if not data:
            raise BadRequest(f"the body is {remaining} bytes shorter than its Content-Length")
        remaining -= len(data)
        yield data


def _read_all(stream: Any) -> Iterator[bytes]:
    while data := _read(stream, PIECE):
        yield data
