"""httpx's own authentication classes, for the requests of this package.

A class of httpx's is a generator: it yields requests to send, and is sent their responses. So is
what is made of one here, in our own requests and responses, for both faces of the client. It adds
to the headers of ours what the class has put into those of its copy; all else stays as it was
spelled.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import attrs

from hyperglyph.transport.http.messages import Answered, AsyncResponse, AuthFlow, Request
from hyperglyph.transport.http.waiting import each

if TYPE_CHECKING:
    import httpx

__all__ = ["auth_flow"]

#: Of an answer that the class wants to read. It is a token, or says why there is none.
_ANSWER_LIMIT: Final = 1024 * 1024
#: What an adapter writes.
_FRAMING: Final = frozenset({b"host", b"content-length", b"transfer-encoding"})


def auth_flow(auth: Any, library: ModuleType) -> AuthFlow:
    """How an instance of `httpx.Auth`, or a function of a request, authenticates requests.

    `library` is httpx or its like. Raises TypeError for anything else.
    """
    if not hasattr(auth, "sync_auth_flow"):
        if not callable(auth):
            raise TypeError(
                f"auth is (user, password) or what httpx takes, not {type(auth).__name__}"
            )
        auth = _OfFunction(auth)
    return lambda request: _flow(auth, request, library)


class _OfFunction:
    """What httpx makes of a function, by a class that it does not export."""

    requires_request_body = False
    requires_response_body = False

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        yield self._function(request)


async def _flow(
    auth: httpx.Auth | _OfFunction, request: Request, library: Any
) -> AsyncGenerator[Request, Answered]:
    """Yields `request` itself, changed, where it is to be sent, and others of the class's own.

    Raises ValueError if the class wants to see a body that is not held in memory.
    """
    body = request.body
    if auth.requires_request_body and body is not None and not isinstance(body, bytes):
        raise ValueError("this auth signs what is sent, which holds a blob: that is only streamed")
    content = body if isinstance(body, bytes) else None
    theirs = library.Request(request.method, request.url, headers=request.headers, content=content)
    before = _by_name(theirs.headers.raw)
    spelled, ours, headers = theirs.url, request.url, list(request.headers)
    flow = auth.sync_auth_flow(theirs)
    try:
        asked = next(flow)
        while True:
            if asked is theirs:
                request.url = ours if asked.url == spelled else str(asked.url)
                request.headers = _merged(headers, before, _by_name(asked.headers.raw))
                response = yield request
            else:
                response = yield _other(asked, request)
            asked = flow.send(await _theirs(response, asked, library, auth.requires_response_body))
    except StopIteration:
        return
    finally:
        flow.close()


def _by_name(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, list[tuple[bytes, bytes]]]:
    found: dict[bytes, list[tuple[bytes, bytes]]] = {}
    for name, value in raw:
        if name.lower() not in _FRAMING:
            found.setdefault(name.lower(), []).append((name, value))
    return found


def _merged(
    headers: list[tuple[str, str]],
    before: dict[bytes, list[tuple[bytes, bytes]]],
    after: dict[bytes, list[tuple[bytes, bytes]]],
) -> list[tuple[str, str]]:
    """Our headers, with what the class has changed of its copy of them."""
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    kept = [pair for pair in headers if pair[0].lower().encode("latin-1") not in changed]
    return kept + [pair for name in after if name in changed for pair in _text(after[name])]


def _text(pairs: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]


def _other(asked: httpx.Request, request: Request) -> Request:
    """A request of the class's own, within the limits of ours: for a token, say."""
    pairs = [pair for pair in asked.headers.raw if pair[0].lower() not in _FRAMING]
    body = asked.read() or None
    return attrs.evolve(
        request,
        method=asked.method,
        url=str(asked.url),
        headers=_text(pairs),
        body=body,
        length=None,
        safe=False,
    )


async def _theirs(response: Answered, asked: httpx.Request, library: Any, with_body: bool) -> Any:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    content = b""
    if with_body:
        content = await _bounded(response.body)
        if isinstance(response, AsyncResponse):
            response.body = each((content,))
        else:
            response.body = (content,)
    else:
        raw = [pair for pair in raw if pair[0].lower() != b"content-encoding"]
    return library.Response(response.status, headers=raw, content=content, request=asked)


async def _bounded(body: Iterable[bytes] | AsyncIterable[bytes]) -> bytes:
    content = bytearray()
    async for piece in each(body):
        content += piece
        if len(content) > _ANSWER_LIMIT:
            raise ValueError(
                f"this auth reads answers, and one has more than {_ANSWER_LIMIT} bytes"
            )
    return bytes(content)
