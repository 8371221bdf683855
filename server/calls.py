"""One call on its way through the router: what is known of it, and its responses."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import Any, Final, NoReturn, cast

import attrs

from hyperglyph.codec import Blob, Error
from hyperglyph.transport.http.bodies import Body, pack_body
from hyperglyph.transport.http.messages import PIECE, Deadline, Incoming, Response
from hyperglyph.transport.http.negotiate import MEDIA_TYPE, parse_accept
from hyperglyph.transport.http.status import (
    MethodNotAllowed,
    RemoteError,
    ServerError,
    declared_code,
)

__all__ = ["Call", "answer", "discard_blobs", "error_response", "redirection"]

logger = logging.getLogger("hyperglyph.server")

_TYPE: Final = ("Content-Type", MEDIA_TYPE)
#: For everything that answers GET: nobody but the caller may keep it, nor use it unasked.
_GET_HEADERS: Final = (
    ("Vary", "Accept, Accept-Encoding, Authorization"),
    ("Cache-Control", "private, no-cache"),
)


@attrs.define(slots=False)
class Call:
    """What is known of a request while it is served."""

    request: Incoming
    logref: str
    method: str = ""
    route: str = "-"
    deadline: Deadline = attrs.field(factory=lambda: Deadline(None))
    blobs: list[Blob] = attrs.field(factory=list[Blob])
    #: The blobs that came with the request.
    received: tuple[Blob, ...] = ()
    allow: str = ""
    #: The instances in use.
    stack: ExitStack = attrs.field(factory=ExitStack)

    @cached_property
    def partial(self) -> bool:
        """Whether the caller said that it understands partial resources."""
        return any(
            member.type == MEDIA_TYPE and member.parameters.get("partial") == "1" and weight > 0
            for value in self.request.values("accept")
            for member, weight in parse_accept(value)
        )

    def refuse_method(self, allow: str) -> NoReturn:
        """Raise MethodNotAllowed, and have the answer say what is allowed."""
        self.allow = allow
        raise MethodNotAllowed(f"only {allow} here")

    def discard(self) -> None:
        """Close what the call returned; it does not go out."""
        blobs, self.blobs = self.blobs, []
        with ExitStack() as stack:
            for blob in blobs:
                stack.callback(blob.discard)

    def close(self) -> None:
        """Close what the call received and what it returned; it has gone out."""
        with ExitStack() as stack:
            stack.callback(self.discard)
            for blob in self.received:
                stack.callback(blob.close)


def answer(call: Call, body: Body) -> Response:
    """The response of 200 with a message."""
    call.blobs = body.blobs
    headers: list[tuple[str, str]] = [_TYPE]
    if body.length is not None:
        headers.append(("Content-Length", str(body.length)))
    if call.method == "GET":
        headers.extend(_GET_HEADERS)
    pieces = _pieces(body.root) if body.rest is None else _watched(body, call)
    return Response(200, headers, pieces, on_close=call.close)


def discard_blobs(value: object) -> None:
    """Close the blobs in the lists and dictionaries of a result that does not go out."""
    pending: list[Any] = [value]
    seen = set[int]()
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Blob):
            item.discard()
        elif isinstance(item, dict):
            pending.extend(cast("Mapping[Any, Any]", item).values())
        elif isinstance(item, list | tuple | set | frozenset):
            pending.extend(cast("Iterable[Any]", item))


def redirection(call: Call, url: str, status: int = 303) -> Response:
    """A response that leads elsewhere: by GET (303), or by the same request again (307).

    Raises ValueError for a URL that no header can carry.
    """
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("the URL of a redirect holds characters that must be percent-encoded")
    call.close()
    headers = [("Location", url), ("Content-Length", "0")]
    if call.method == "GET":
        headers.extend(_GET_HEADERS)
    return Response(status, headers)


def error_response(call: Call, error: RemoteError) -> Response:
    """The response for an exception: its message, code and data travel, nothing else."""
    code = declared_code(type(error)) if error.code is None else error.code
    attributes: dict[str, Any] = {} if code is None else {"code": code}
    try:
        page = pack_body(Error(error.message, logref=call.logref, content=error.data, **attributes))
        if page.rest is not None:
            raise TypeError("the data of an error holds a blob")
    except Exception:
        logger.exception("logref %s: the error itself cannot be encoded", call.logref)
        page = pack_body(Error("internal error", logref=call.logref))
        error = ServerError()
    call.close()
    headers = [_TYPE, ("Content-Length", str(page.length))]
    if call.allow:
        headers.append(("Allow", call.allow))
    return Response(error.status, headers, (page.root,))


def _pieces(root: bytes) -> Iterable[bytes]:
    return (root,) if len(root) <= PIECE else _slices(root, None)


def _slices(root: bytes, rest: Iterator[bytes] | None) -> Iterator[bytes]:
    for start in range(0, len(root), PIECE):
        yield root[start : start + PIECE]
    if rest is not None:
        yield from rest


def _watched(body: Body, call: Call) -> Iterator[bytes]:
    """A body whose blobs come from files: a failure ends the response early, and is logged."""
    try:
        yield from _slices(body.root, body.rest)
    except Exception:
        logger.exception("logref %s: a blob of %s could not be read", call.logref, call.route)
        raise
