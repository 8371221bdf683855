"""One call on its way through the router: what is known of it, and its responses.

Standard, sections 19.4 and 19.6.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any, Final, NoReturn, cast, overload

import attrs

from hyperglyph.codec import Blob, Error
from hyperglyph.transport.http.bodies import Body, pack_body
from hyperglyph.transport.http.codings import accepts_gzip, compressed
from hyperglyph.transport.http.conditional import Validators, etag_of, gzip_etag, outcome_of
from hyperglyph.transport.http.messages import PIECE, Deadline, Incoming, Response
from hyperglyph.transport.http.negotiate import MEDIA_TYPE, parse_accept
from hyperglyph.transport.http.status import (
    BadGateway,
    GatewayTimeout,
    MethodNotAllowed,
    PreconditionFailed,
    RemoteError,
    ServerError,
    TransportError,
    Unauthorized,
    Unavailable,
    declared_code,
)

from .context import Context

__all__ = [
    "Call",
    "answer",
    "discard_blobs",
    "error_page",
    "error_response",
    "no_content",
    "redirection",
    "told_of",
    "watched",
]

logger = logging.getLogger("hyperglyph.server")

_TYPE: Final = ("Content-Type", MEDIA_TYPE)
#: Unless its author says otherwise, nobody but the caller may keep it, nor use it unasked.
_NO_CACHE: Final = "private, no-cache"
#: Seconds to which a deadline is rounded where it travels: a call made in turn may end so early.
_TOLD: Final = 0.001


@attrs.define(slots=False)
class Call:
    """What is known of a request while it is served."""

    request: Incoming
    logref: str
    #: What an answer to GET depends on.
    vary: str
    #: The WWW-Authenticate of a 401 that names none of its own.
    challenge: str
    #: Who asks, if the router wants to know.
    principal: Any = None
    #: What the function can learn of the call, once there is one.
    context: Context | None = None
    method: str = ""
    route: str = "-"
    deadline: Deadline = attrs.field(factory=lambda: Deadline(None))
    blobs: list[Blob] = attrs.field(factory=list[Blob])
    #: The blobs that came with the request.
    received: tuple[Blob, ...] = ()
    allow: str = ""
    #: The Cache-Control of a good answer to GET.
    cache: str = _NO_CACHE
    #: When what the call answers has changed last.
    last_modified: datetime | None = None
    may_compress: bool = True
    #: The instances in use.
    stack: ExitStack = attrs.field(factory=ExitStack)

    @cached_property
    def partial(self) -> bool:
        """Whether the caller said that it understands partial resources. REQ-PART-1."""
        return any(
            member.type == MEDIA_TYPE and member.parameters.get("partial") == "1" and weight > 0
            for value in self.request.values("accept")
            for member, weight in parse_accept(value)
        )

    @cached_property
    def gzip(self) -> bool:
        """Whether the answer may be compressed."""
        return self.may_compress and accepts_gzip(self.request.values("accept-encoding"))

    def get_headers(self, *, good: bool = True) -> list[tuple[str, str]]:
        """What an answer says to caches: nothing unless it answers GET.

        REQ-COND-6 to REQ-COND-8.
        """
        if self.method != "GET":
            return []
        control = self.cache if good else _NO_CACHE
        if self.context is not None and self.context.personal and not self._names_who_asks:
            control = control.replace("public", "private", 1)
        return [("Vary", self.vary), ("Cache-Control", control)]

    @property
    def _names_who_asks(self) -> bool:
        """Whether Vary keeps the caller's answers from others."""
        return bool(self.request.values("authorization") or self.request.values("cookie"))

    def refuse_method(self, allow: str) -> NoReturn:
        """Raise MethodNotAllowed, and have the answer say what is allowed. REQ-METHOD-5."""
        self.allow = allow
        raise MethodNotAllowed(f"only {allow} here")

    def discard(self) -> None:
        """Close what the call returned; it does not go out."""
        blobs, self.blobs = self.blobs, []
        with ExitStack() as stack:
            for blob in blobs:
                stack.callback(blob.discard)

    def close(self) -> None:
        """Close what the call received and what it returned; it has gone out, so that a file
        that cannot be closed is nobody's but the log's.
        """
        try:
            with ExitStack() as stack:
                stack.callback(self.discard)
                for blob in self.received:
                    stack.callback(blob.close)
        except Exception:
            logger.exception("logref %s: closing the blobs of %s failed", self.logref, self.route)


def answer(call: Call, body: Body) -> Response:
    """The response with a message: 200, or 304 or 412 where a condition of the request says so.

    REQ-COND-1 and REQ-COND-2.
    """
    call.blobs = body.blobs
    if body.rest is not None:
        headers = [_TYPE, *call.get_headers(), *Validators(None, call.last_modified).headers()]
        if body.length is not None:
            headers.append(("Content-Length", str(body.length)))
        pieces = watched(chain(_pieces(body.root), body.rest), call)
        return Response(200, headers, pieces, on_close=call.close)
    packed = compressed(body.root) if call.gzip else None
    root = body.root if packed is None else packed
    headers = [_TYPE, ("Content-Length", str(len(root)))]
    if packed is not None:
        headers.append(("Content-Encoding", "gzip"))
    if call.method == "GET":
        etag = etag_of(body.root)
        validators = Validators(etag if packed is None else gzip_etag(etag), call.last_modified)
        about = [*call.get_headers(), *validators.headers()]
        outcome = outcome_of(call.request.values, validators, safe=True)
        if outcome == 304:
            call.close()
            return Response(304, about)
        if outcome is not None:
            raise PreconditionFailed("it has changed since: reload it, and decide anew")
        headers += about
    return Response(200, headers, _pieces(root), on_close=call.close)


def no_content(call: Call) -> Response:
    """The response for nil."""
    call.close()
    return Response(204, call.get_headers())


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

    Raises ValueError for a URL that no header can carry. REQ-URL-6.
    """
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("the URL of a redirect holds characters that must be percent-encoded")
    call.close()
    headers = [("Location", url), ("Content-Length", "0"), *call.get_headers(good=False)]
    return Response(status, headers)


def told_of(call: Call, error: BaseException) -> RemoteError:
    """The error that the caller is told of in place of an exception: the same if it was declared.

    Any other is logged here, since its text may hold anything. One of a call made in turn is 502,
    or 504 where that call has only used up the caller's time. REQ-SAFE-4 and REQ-STATUS-17.
    """
    if isinstance(error, RemoteError) and not error.received:
        return error
    if not isinstance(error, RemoteError | TransportError):
        logger.error("logref %s: %s failed", call.logref, call.route, exc_info=error)
        return ServerError("internal error")
    logger.error("logref %s: a call that %s made failed", call.logref, call.route, exc_info=error)
    left = call.deadline.left()
    if left is not None and left <= _TOLD:
        return GatewayTimeout("the deadline passed in a call made by this server")
    return BadGateway("a call made by this server failed")


def error_page(call: Call, error: RemoteError) -> tuple[Error, RemoteError]:
    """What stands for an exception: its message, code and data travel, nothing else.

    Another one is told of where they cannot be encoded. REQ-ERROR-1 and REQ-STATUS-11.
    """
    code = declared_code(type(error)) if error.code is None else error.code
    attributes: dict[str, Any] = {} if code is None else {"code": code}
    try:
        page = Error(error.message, logref=call.logref, content=error.data, **attributes)
        if pack_body(page).rest is not None:
            raise TypeError("the data of an error holds a blob")
    except Exception:
        logger.exception("logref %s: the error itself cannot be encoded", call.logref)
        return Error("internal error", logref=call.logref), ServerError()
    return page, error


def error_response(call: Call, error: RemoteError) -> Response:
    """The response for an exception."""
    extension, error = error_page(call, error)
    page = pack_body(extension)
    call.close()
    headers = [_TYPE, ("Content-Length", str(page.length)), *call.get_headers(good=False)]
    if call.allow:
        headers.append(("Allow", call.allow))
    if error.status == 401:
        challenge = error.challenge if isinstance(error, Unauthorized) else None
        headers.append(("WWW-Authenticate", challenge or call.challenge))
    if isinstance(error, Unavailable) and error.retry_after is not None:
        headers.append(("Retry-After", str(error.retry_after)))
    return Response(error.status, headers, (page.root,))


class _Slices(Sequence[bytes]):
    """Bytes in pieces of a size that travels well."""

    def __init__(self, root: bytes) -> None:
        self._root = root

    def __len__(self) -> int:
        return (len(self._root) + PIECE - 1) // PIECE

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        start = range(0, len(self._root), PIECE)[index]
        return self._root[start : start + PIECE]


def _pieces(root: bytes) -> Sequence[bytes]:
    return (root,) if len(root) <= PIECE else _Slices(root)


def watched(pieces: Iterable[bytes], call: Call) -> Iterator[bytes]:
    """A body with bytes of files: a failure ends the response early, and is logged."""
    try:
        yield from pieces
    except Exception:
        logger.exception("logref %s: a blob of %s could not be read", call.logref, call.route)
        raise
