"""Faults of a server: the conformance service, with something in front that changes what passes."""

from collections.abc import Callable

import attrs

from hyperglyph.codec import Error, encode
from hyperglyph.transport.http.messages import Handler, Incoming, Response
from hyperglyph.transport.http.negotiate import MEDIA_TYPE

from .faults import Fault

__all__ = ["FAULTS", "Middleware", "answered", "error", "instead", "run", "with_header"]

#: Outside of the router, so that it sees what the router makes of exceptions, too.
Middleware = Callable[[Incoming, Handler], Response]


@attrs.frozen
class _Wrong:
    inner: Handler
    middleware: Middleware

    def handle(self, request: Incoming, /) -> Response:
        return self.middleware(request, self.inner)


def run(middleware: Middleware, *names: str) -> Callable[[], None]:
    """The server's testee with this fault; `names` are the routers that have it, else both."""

    def main() -> None:
        from .. import server, service

        for name in names or ("router", "old_router"):
            setattr(service, name, _Wrong(getattr(service, name), middleware))
        server.main([])

    return main


# --- kinds of middleware --------------------------------------------------------------------------


def _asked(change: Callable[[Incoming], Incoming]) -> Middleware:
    """The request is another."""
    return lambda request, inner: inner.handle(change(request))


def _without(*names: str) -> Middleware:
    """The server does not see these headers."""
    return _asked(
        lambda request: attrs.evolve(
            request,
            headers=[pair for pair in request.headers if pair[0].lower() not in names],
        )
    )


def with_header(name: str, value: str) -> Callable[[Incoming], Incoming]:
    """The server takes it that this header was sent."""

    def change(request: Incoming) -> Incoming:
        others = [pair for pair in request.headers if pair[0].lower() != name]
        return attrs.evolve(request, headers=[*others, (name, value)])

    return change


def answered(change: Callable[[Incoming, Response, bytes], Response | None]) -> Middleware:
    """The answer is another, unless the change gives None."""

    def middleware(request: Incoming, inner: Handler) -> Response:
        response = inner.handle(request)
        body = b"".join(response.body)
        response.close()
        given = Response(response.status, response.headers, [body])
        return change(request, given, body) or given

    return middleware


def _headers(change: Callable[[Incoming, Response], dict[str, str | None]]) -> Middleware:
    """Headers of the answer are others, or (None) are not there."""

    def altered(request: Incoming, response: Response, body: bytes) -> Response:
        changed = change(request, response)
        kept = [pair for pair in response.headers if pair[0].lower() not in changed]
        added = [(name, value) for name, value in changed.items() if value is not None]
        return Response(response.status, [*kept, *added], [body])

    return answered(altered)


def instead(status: int, body: bytes, content_type: str = MEDIA_TYPE) -> Response:
    headers = [("content-type", content_type), ("content-length", str(len(body)))]
    return Response(status, headers, [body])


def error(status: int, message: str) -> Response:
    return instead(status, encode(Error(message, logref="1")))


def _get_executes(request: Incoming, inner: Handler) -> Response:
    response = inner.handle(request)
    if request.method != "GET" or response.status != 405:
        return response
    response.close()
    posted = attrs.evolve(with_header("content-type", MEDIA_TYPE)(request), method="POST")
    return inner.handle(posted)


def _obeys_method(request: Incoming) -> Incoming:
    method = request.header("method")
    others = [pair for pair in request.headers if pair[0].lower() != "method"]
    if method is None or method not in ("GET", "POST", "PUT", "DELETE"):
        return request
    return attrs.evolve(request, method=method, headers=others)


def _with_accept(more: str) -> Middleware:
    def change(request: Incoming) -> Incoming:
        return with_header("accept", f"{request.header('accept')}, {more}")(request)

    return _asked(change)


def _longer(request: Incoming, response: Response, body: bytes) -> Response | None:
    plain = response.status == 200 and body.startswith(b"u")
    return instead(200, body + b"x") if plain else None


def _any_type(request: Incoming) -> Incoming:
    if request.header("content-disposition") or request.method == "GET":
        return request
    return with_header("content-type", MEDIA_TYPE)(request)


_TABLE: dict[str, tuple[str, Middleware]] = {
    "200 for nil": (
        "REQ-STATUS-19",
        answered(lambda request, response, body: instead(200, b"N;")
                  if response.status == 204 else None)),
    "traceback in a 500": (
        "REQ-SAFE-4",
        answered(lambda request, response, body: error(
            500, 'Traceback (most recent call last): RuntimeError: secret-of-the-server')
            if response.status == 500 else None)),
    "errors in html": (
        "REQ-STATUS-20",
        answered(lambda request, response, body: instead(
            404, b"<h1>Not found</h1>", "text/html") if response.status == 404 else None)),
    "stale etag": (
        "REQ-COND-1",
        _headers(lambda request, response: {"etag": '"the first one"'} if response.header("etag")
                 else {})),
    "octets behind the message": ("REQ-ARG-8", answered(_longer)),
    "401 without a challenge": (
        "REQ-STATUS-18", _headers(lambda request, response: {"www-authenticate": None})),
    "405 without allow": (
        "REQ-METHOD-5", _headers(lambda request, response: {"allow": None})),
    "get executes": ("REQ-METHOD-7", _get_executes),
    "ignores method": ("REQ-METHOD-2", _without("method")),
    "obeys every method": ("REQ-METHOD-3", _asked(_obeys_method)),
    "takes every content type": ("REQ-HEAD-4", _asked(_any_type)),
    "takes the origin for nothing": ("REQ-HEAD-6", _without("origin")),
    "takes every origin": ("REQ-HEAD-6", _without("origin", "sec-fetch-site")),
    "opens itself to every origin": (
        "REQ-SAFE-10", _headers(lambda request, response: {"access-control-allow-origin": "*"})),
    "partial for everybody": ("REQ-PART-1", _with_accept(f"{MEDIA_TYPE};partial=1")),
    "sequences for everybody": ("REQ-SEQ-1", _with_accept(f"{MEDIA_TYPE}-seq")),
    "raw blobs for everybody": ("REQ-BLOBHTTP-1", _with_accept(f"{MEDIA_TYPE}, */*;q=0.5")),
    "blobs may be sniffed": (
        "REQ-BLOBHTTP-3", _headers(lambda request, response: {"x-content-type-options": None})),
    "caches may keep what was posted": (
        "REQ-COND-8",
        _headers(lambda request, response: {"cache-control": "public, max-age=60"}
                 if request.method == "POST" else {})),
    "everything is public": (
        "REQ-COND-7",
        _headers(lambda request, response: {"cache-control": "public, max-age=60"}
                 if request.method == "GET" else {})),
    "says nothing to caches": (
        "REQ-COND-7", _headers(lambda request, response: {"cache-control": None})),
    "ignores if-match": ("REQ-COND-4", _without("if-match")),
    "ignores if-none-match": ("REQ-COND-2", _without("if-none-match")),
    "answers vary with nothing": (
        "REQ-COND-6", _headers(lambda request, response: {"vary": None})),
    "unknown names are 400": (
        "REQ-STATUS-8",
        answered(lambda request, response, body: error(400, "no such name")
                  if response.status == 404 else None)),
    "ignores the deadline": ("REQ-TIME-3", _without("hyperglyph-timeout")),
    "plus stays plus": (
        "REQ-ENV-4",
        _asked(lambda request: attrs.evolve(request, query=request.query.replace("+", "%2B")))),
    "stale references are forged ones": (
        "REQ-REF-3",
        answered(lambda request, response, body: error(400, "forged")
                  if response.status == 410 else None)),
}  # fmt: skip

FAULTS = tuple(
    Fault(name, "server", requirement, run(middleware))
    for name, (requirement, middleware) in _TABLE.items()
)
