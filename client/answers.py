"""Responses to values, items and exceptions.

Standard, sections 19.1 and 19.6.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
)
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any, Final, TypeVar, cast

import attrs

from hyperglyph.codec import (
    KINDS,
    Blob,
    DecodeError,
    Error,
    Extension,
    Limits,
    Resource,
    decode,
)
from hyperglyph.codec.blob import DEFAULT_CONTENT_TYPE
from hyperglyph.transport.http.bodies import (
    BlobSink,
    InflatingSink,
    MessageSink,
    Sink,
    read_into,
)
from hyperglyph.transport.http.codings import Inflater, Inflation
from hyperglyph.transport.http.messages import Answered, Deadline
from hyperglyph.transport.http.negotiate import is_hyperglyph, parse_media_type
from hyperglyph.transport.http.pace import Pace
from hyperglyph.transport.http.ranges import unpack_content_range
from hyperglyph.transport.http.sequences import SEQUENCE_TYPE, End, read_items
from hyperglyph.transport.http.shapes import is_mapping
from hyperglyph.transport.http.status import (
    DeadlineExceeded,
    RemoteError,
    TransportError,
    error_class,
    reason_phrase,
)
from hyperglyph.transport.http.waiting import Pieces, each

from .exchange import close, drain
from .text import with_text

__all__ = ["Answer", "is_sequence", "read_answer", "read_error", "read_sequence"]

logger = logging.getLogger("hyperglyph.client")

T = TypeVar("T")

#: Asks for the bytes of a response that are missing behind so many, if that may be asked.
Resumed = Callable[[Answered, int], Coroutine[Any, Any, Answered | None]]

#: No message of an error is longer; what comes as text or HTML may be a whole page.
_TEXT_LIMIT: Final = 500
_ERROR_LIMIT: Final = 1024 * 1024
#: Of a foreign page no more is looked at: a hostile one could make the parser slow.
_READ_LIMIT: Final = 8 * 1024
_LATIN: Final = frozenset({"iso-8859-1", "latin-1", "latin1", "windows-1252", "us-ascii"})


class _Resources:
    """Stands in for the class `Resource`, to note the first full one of each profile."""

    def __init__(self) -> None:
        self.first: dict[str, Resource] = {}

    def from_wire(self, name: str, attributes: Mapping[str, Any], content: Any) -> Resource:
        resource = Resource.from_wire(name, attributes, content)
        if attributes.get("partial") is not True:
            profile = attributes.get("profile")
            if isinstance(profile, str):
                self.first.setdefault(profile, resource)
        return resource


class _Kinds:
    """The known extensions; notes whether the decoder met any, known or not.

    Of a mapping it has what the decoder uses.
    """

    def __init__(self) -> None:
        self.met = False
        self.resources = _Resources()
        self._known = {**KINDS, "resource": cast("type[Extension]", self.resources)}

    def get(self, name: str, default: type[Extension], /) -> type[Extension]:
        self.met = True
        self.get = self._known.get  # type: ignore[method-assign]  # there is no more to note
        return self.get(name, default)


@attrs.frozen
class Answer:
    """A value; whether anything in it needs a base; the first full resource of each profile."""

    value: Any
    has_extensions: bool
    profiles: Mapping[str, Resource] = attrs.field(factory=dict[str, Resource])


async def read_answer(
    response: Answered,
    *,
    limits: Limits,
    deadline: Deadline,
    idle: float | None,
    resumed: Resumed,
    bytes_as_text: bool = False,
) -> Answer:
    """The value of a response of 2xx; `bytes_as_text` makes text of bytes that are UTF-8.

    `resumed` asks for what is missing of a raw blob. Raises DecodeError for a malformed message,
    TransportError where it is cut short, DeadlineExceeded where blobs come too slowly for `idle`.
    REQ-STATUS-1, REQ-STATUS-2, REQ-STATUS-4, REQ-STATUS-14 and REQ-ERROR-3.
    """
    if response.status in (204, 205):
        await drain(response)  # there is none, but the connection is free only after the end
        return Answer(None, False)
    content_type = response.header("content-type")
    if not is_hyperglyph(content_type):
        raw = response.body if _is_gzip(response) else _downloaded(response, resumed)
        pieces = _paced(raw, deadline, idle)
        return Answer(await _read_blob(response, content_type, limits, deadline, pieces), False)
    kinds = _Kinds()
    sink = MessageSink(
        limits=limits,
        extensions=cast("Mapping[str, type[Extension]]", kinds),
        at_root=deadline.pause,
    )
    try:
        value, blobs = await _received(response, sink, _paced(response.body, deadline, idle))
    finally:
        deadline.resume()
    for blob in blobs:
        blob.expect_reader()
    if bytes_as_text:
        value = with_text(value)
    return Answer(value, kinds.met or bool(blobs), kinds.resources.first)


async def _read_blob(
    response: Answered,
    content_type: str | None,
    limits: Limits,
    deadline: Deadline,
    pieces: Pieces,
) -> Blob:
    """A body of another type, as a blob that says where it came from. REQ-STATUS-12."""
    attributes = {"content-type": content_type or DEFAULT_CONTENT_TYPE, "url": response.url}
    deadline.pause()
    try:
        blob = await _received(response, BlobSink(attributes, limits=limits), pieces)
    finally:
        deadline.resume()
    blob.expect_reader()
    return blob


async def _paced(pieces: Pieces, deadline: Deadline, idle: float | None) -> AsyncIterator[bytes]:
    """The pieces of a body, which come fast enough where the deadline stands still for them."""
    pace = Pace(math.inf if idle is None else idle)
    iterator = each(pieces)
    while True:
        started = time.monotonic()
        try:
            piece = await anext(iterator)
        except StopAsyncIteration:
            return
        pace.took(time.monotonic() - started if deadline.paused else 0.0, len(piece))
        if pace.left <= 0:
            raise DeadlineExceeded(
                f"a file came too slowly: more than {idle:g} s and one for each KiB; "
                "Client(idle=...) gives it longer",
                phase="read",
                outcome="done",
            )
        yield piece


async def _downloaded(response: Answered, resumed: Resumed) -> AsyncIterator[bytes]:
    """The pieces of a body; if it breaks off, what is missing is asked for once. REQ-BLOBHTTP-6."""
    size = 0
    try:
        async for piece in each(response.body):
            size += len(piece)
            yield piece
        return
    except TransportError as error:
        rest = await resumed(response, size)
        if rest is None:
            raise
        logger.debug("%s: asked for what is missing behind %d bytes", error.phase, size)
    span = unpack_content_range(rest.header("content-range"))
    left = 0 if span is None else span.length
    try:
        async for piece in each(rest.body):
            left -= len(piece)
            if left < 0:
                break
            yield piece
    finally:
        await close(rest)
    if left:
        # Without a length of its own it may end anywhere, and look whole.
        raise TransportError(
            "what was asked for of a download that broke off is not what its Content-Range says",
            phase="read",
            outcome="done",
        )


def is_sequence(response: Answered) -> bool:
    """Whether the body holds items."""
    media_type = parse_media_type(response.header("content-type") or "")
    return media_type is not None and media_type.type == SEQUENCE_TYPE


async def read_sequence(
    response: Answered,
    *,
    limits: Limits,
    declared: Iterable[type[RemoteError]],
    bytes_as_text: bool = False,
) -> AsyncGenerator[Answer, None]:
    """The items of a response of 2xx, and then what ended them, if that is an error. REQ-SEQ-8."""
    kinds = _Kinds()
    pieces = _inflated(response.body) if _is_gzip(response) else response.body
    try:
        async for value, blobs in read_items(
            pieces,
            limits=limits,
            extensions=cast("Mapping[str, type[Extension]]", kinds),
        ):
            for blob in blobs:
                blob.expect_reader()
            given = with_text(value) if bytes_as_text else value
            profiles, kinds.resources.first = kinds.resources.first, {}
            yield Answer(given, kinds.met or bool(blobs), profiles)
    except End as end:
        raise _error(response, end.status, _details_of(end.error), declared) from None
    finally:
        await close(response)


async def _inflated(pieces: Pieces) -> AsyncIterator[bytes]:
    inflater = Inflater()
    try:
        async for piece in each(pieces):
            for step in inflater.feed(piece):
                yield step
        for step in inflater.close():
            yield step
    except Inflation as error:
        raise _not_gzip(error) from None


def _not_gzip(error: Inflation) -> TransportError:
    return TransportError(f"the answer is not valid gzip: {error}", phase="read", outcome="done")


async def _received(response: Answered, sink: Sink[T], pieces: Pieces) -> T:
    """What the pieces of a response's body make of a sink, without their content coding."""
    if not _is_gzip(response):
        return await read_into(sink, pieces)
    try:
        return await read_into(InflatingSink(sink), pieces)
    except Inflation as error:
        raise _not_gzip(error) from None


def _is_gzip(response: Answered) -> bool:
    """Whether the body is compressed, in one layer. Raises TransportError for other codings."""
    coding = (response.header("content-encoding") or "identity").strip().lower()
    if coding in ("identity", ""):
        return False
    if coding not in ("gzip", "x-gzip"):
        raise TransportError(
            f"the answer has an unknown content coding: {coding!r:.40}",
            phase="read",
            outcome="unknown",
        )
    return True


async def read_error(
    response: Answered, *, limits: Limits, declared: Iterable[type[RemoteError]]
) -> RemoteError:
    """The exception for a response of 4xx or 5xx, or one that means nothing here.

    A body that cannot be read does not hide the status.
    REQ-STATUS-5, REQ-STATUS-15 and REQ-ERROR-4.
    """
    data = await _read_bounded(response)
    details: dict[str, Any] = {"message": ""}
    content_type = response.header("content-type")
    if is_hyperglyph(content_type):
        details = _error_details(data, limits) or details
    else:
        details["message"] = _text_of(data, content_type or "")
    return _error(response, response.status, details, declared)


def _error(
    response: Answered,
    status: int,
    details: Mapping[str, Any],
    declared: Iterable[type[RemoteError]],
) -> RemoteError:
    message = details["message"] or f"{status} {reason_phrase(status)}"
    code = details.get("code")
    cls = error_class(status, code, declared) if status >= 400 else RemoteError
    return cls.from_response(
        status,
        message,
        logref=details.get("logref", ""),
        code=code,
        data=details.get("data"),
        url=response.url,
        headers=response.headers,
    )


class _BoundedSink:
    """The beginning of a body that nobody needs whole."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed(self, piece: bytes, /) -> None:
        self.data += piece
        if len(self.data) > _ERROR_LIMIT:
            raise _EnoughError

    def close(self) -> None:
        """It was all there."""

    def abandon(self) -> None:
        """What is there is of use all the same."""


class _EnoughError(Exception):
    """The rest of a body is not wanted."""


async def _read_bounded(response: Answered) -> bytes:
    sink = _BoundedSink()
    with suppress(TransportError, _EnoughError):
        await _received(response, sink, response.body)
    return bytes(sink.data[:_ERROR_LIMIT])


def _error_details(data: bytes, limits: Limits) -> dict[str, Any] | None:
    try:
        value = decode(data, limits=limits)
    except DecodeError:
        return None
    return _details_of(value) if isinstance(value, Error) else None


def _details_of(error: Error) -> dict[str, Any]:
    """REQ-ERROR-2."""
    details: dict[str, Any] = {}
    for name in ("message", "logref", "code"):
        try:
            details[name] = getattr(error, name)
        except ValueError:  # of the wrong type, so it says nothing
            details[name] = None
    details["message"] = details["message"] or ""
    details["logref"] = details["logref"] or ""
    content: object = error.content
    if is_mapping(content):
        details["data"] = content
    return details


def _text_of(data: bytes, content_type: str) -> str:
    """What the body of a foreign server says, if it is text or HTML.

    REQ-STATUS-6 and REQ-OLD-13.
    """
    media_type = parse_media_type(content_type)
    if media_type is None or media_type.type not in ("text/plain", "text/html"):
        return ""
    charset = media_type.parameters.get("charset", "utf-8").lower()
    text = data[:_READ_LIMIT].decode("latin-1" if charset in _LATIN else "utf-8", "replace")
    if media_type.type == "text/html":
        parser = _Html()
        parser.feed(text)
        text = " ".join(parser.title or parser.text)
    return _printable(text)


class _Html(HTMLParser):
    """The title of a page, and its text without scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.title: list[str] = []
        self.text: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "title" and data.strip():
            self.title.append(data)
        elif self._inside not in ("script", "style"):
            self.text.append(data)


def _printable(text: str) -> str:
    """Text of a foreign server, fit for an exception's message and a log line."""
    words = "".join(char if char.isprintable() else " " for char in text[:_TEXT_LIMIT])
    return " ".join(words.split())
