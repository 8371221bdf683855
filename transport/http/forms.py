"""The envelopes of a form: arguments packed into a request, and what unpacks each of them.

    method          envelopes, the default first
    POST            form, none, blob                form    a dict of arguments as the body
    GET             query, none                     query   the same dict behind the URL's "?"
    PUT, PATCH      blob, form                      none    no arguments
    DELETE          none, query, blob, form         blob    one blob, raw, as the body

Which of them a request has come in is known by the form alone: `server/reading.py` asks it.

Standard, section 18.3.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

import attrs

from hyperglyph.codec import Blob, DecodeError, EncodeError, Form, Limits, Link
from hyperglyph.codec.limits import DEFAULT_LIMITS

from .bodies import Body, MessageSink, pack_body, read_into
from .conditional import http_date
from .disposition import pack_name
from .negotiate import MEDIA_TYPE, is_hyperglyph, parse_media_type
from .shapes import is_mapping
from .status import BadRequest
from .waiting import finish

__all__ = [
    "ENVELOPES",
    "OVERRIDES",
    "NoneSink",
    "Packed",
    "envelope_of",
    "form_sink",
    "headers_of_link",
    "pack",
    "pack_query",
    "unpack_query",
]

ENVELOPES: Final[Mapping[str, tuple[str, ...]]] = {
    "POST": ("form", "none", "blob"),
    "GET": ("query", "none"),
    "PUT": ("blob", "form"),
    "PATCH": ("blob", "form"),
    "DELETE": ("none", "query", "blob", "form"),
}

#: The methods that a POST may stand for, by its header `Method`.
OVERRIDES: Final = frozenset({"PUT", "PATCH", "DELETE"})

_CONDITIONS: Final = frozenset(
    {"if-none-match", "if-match", "if-modified-since", "if-unmodified-since"}
)
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@attrs.frozen
class Packed:
    """What a form's call becomes: `url` is absolute; `body` is None where there is none."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: Body | None


def envelope_of(form: Form) -> str:
    """The form's envelope, or the default of its method. Raises ValueError if they do not fit.

    REQ-FORM-3.
    """
    allowed = ENVELOPES.get(form.method)
    if allowed is None:
        raise ValueError(f"form: the method {form.method!r:.40} is not supported")
    envelope = allowed[0] if form.envelope is None else form.envelope
    if envelope not in allowed:
        raise ValueError(f"form: the envelope {envelope!r:.40} does not go with {form.method}")
    return envelope


def pack(
    form: Form,
    url: str,
    arguments: Sequence[tuple[str, Any]],
    default: Callable[[Any], Any] | None = None,
) -> Packed:
    """Make the request of a call. `url` is the form's, resolved.

    Raises ValueError for a form that the standard does not allow, EncodeError for arguments that
    cannot travel, TypeError where a blob envelope is given anything but a blob; all before anything
    is sent. REQ-ARG-11, REQ-HEAD-3, REQ-ENV-1, REQ-ENV-2 and REQ-OLD-14.
    """
    envelope = envelope_of(form)
    headers = _headers_of(form)
    if form.content_type is not None and not is_hyperglyph(form.content_type):
        raise ValueError(f"form: the content type {form.content_type!r:.60} is not supported")
    method = form.method
    if envelope == "blob":
        return _pack_blob(method, url, headers, arguments)
    typed = headers if method == "GET" else (*headers, ("Content-Type", MEDIA_TYPE))
    empty = None if method == "GET" else Body(b"", None, 0)
    if envelope == "form":
        body = pack_body(OrderedDict(arguments), default=default)
        return Packed(method, url, typed, body)
    if envelope == "query":
        return Packed(method, pack_query(url, arguments, default), typed, empty)
    if arguments:
        raise ValueError("form: its envelope is 'none', but it has inputs")
    return Packed(method, url, typed, empty)


def _pack_blob(
    method: str,
    url: str,
    headers: tuple[tuple[str, str], ...],
    arguments: Sequence[tuple[str, Any]],
) -> Packed:
    """REQ-ENV-7."""
    if len(arguments) != 1:
        raise ValueError(f"form: the envelope 'blob' carries one argument, not {len(arguments)}")
    name, blob = arguments[0]
    if not isinstance(blob, Blob):
        raise TypeError(
            f"the argument {name!r:.40} travels as a file: give hyperglyph.blob(it, content_type), "
            f"not {type(blob).__name__}"
        )
    if blob.closed:
        raise EncodeError("the blob is closed")
    if not blob.seekable() and blob.tell():
        raise EncodeError("the blob was read already, and its stream cannot be rewound")
    content_type = blob.content_type
    _check_value("blob", "Content-Type", content_type)
    if parse_media_type(content_type) is None:
        raise ValueError(f"blob: its content type {content_type!r:.60} is no media type")
    about = (("Content-Type", content_type), ("Content-Disposition", pack_name(name)))
    size = blob.size
    return Packed(method, url, (*headers, *about), Body(b"", _exactly(blob, size), size, [blob]))


def _exactly(blob: Blob, size: int | None) -> Iterator[bytes]:
    """The content, as long as it was said to be. Raises ValueError for a file that changes."""
    sent = 0
    for piece in blob.chunks():
        sent += len(piece)
        if size is not None and sent > size:
            break
        yield piece
    if size is not None and sent != size:
        raise ValueError("the file of the blob changed its size while it was sent")


def _headers_of(form: Form) -> tuple[tuple[str, str], ...]:
    """REQ-FORM-4."""
    headers = tuple(form.headers.items())
    for name, value in headers:
        lower = name.lower()
        if lower != "accept" and (lower not in _CONDITIONS or form.method == "GET"):
            raise ValueError(f"form: the header {name!r:.40} is not allowed")
        _check_value("form", name, value)
    return headers


def headers_of_link(link: Link) -> tuple[tuple[str, str], ...]:
    """The headers that a link sets. Raises ValueError for what is not to come from a page.

    REQ-LINK-5.
    """
    headers = tuple(link.headers.items())
    for name, value in headers:
        if name.lower() != "accept":
            raise ValueError(f"link: it may set no header but Accept, not {name!r:.40}")
        _check_value("link", name, value)
    return headers


def conditions_of_link(link: Link) -> tuple[tuple[str, str], ...]:
    """What a link with content asks by: whether that is still the answer.

    Raises ValueError for validators that are none. REQ-LINK-4.
    """
    if link.content is None:
        return ()
    conditions: list[tuple[str, str]] = []
    if link.etag is not None:
        _check_value("link", "etag", link.etag)
        conditions.append(("If-None-Match", link.etag))
    if link.last_modified is not None:
        conditions.append(("If-Modified-Since", http_date(link.last_modified)))
    return tuple(conditions)


def _check_value(kind: str, name: str, value: str) -> None:
    """REQ-SAFE-7."""
    # A line break would begin a header of the page's own making.
    if not value.isascii() or not value.isprintable():
        raise ValueError(f"{kind}: the value of the header {name} is not printable ASCII")


def form_sink(limits: Limits, at_root: Callable[[], object] | None = None) -> MessageSink:
    """For the body of a form envelope, where no bytes stand for no arguments. REQ-ENV-10."""
    return MessageSink(limits=limits, at_root=at_root, empty={})


def pack_query(
    url: str, arguments: Sequence[tuple[str, Any]], default: Callable[[Any], Any] | None = None
) -> str:
    """The URL of a query envelope; without arguments it stays as it is. Raises ValueError.

    REQ-ENV-3, REQ-ENV-5 and REQ-ENV-6.
    """
    url = url.partition("#")[0]
    if "?" in url:
        raise ValueError("form: the URL of a query envelope has a query of its own")
    if not arguments:
        return url
    body = pack_body(OrderedDict(arguments), default=default)
    if body.rest is not None:
        raise ValueError("a blob cannot travel in a URL")
    return f"{url}?{quote_from_bytes(body.root, safe='')}"


def unpack_query(query: str, *, limits: Limits = DEFAULT_LIMITS) -> Mapping[Any, Any]:
    """The arguments in a query, as it stands in the URL. Raises BadRequest.

    REQ-ENV-4 and REQ-ENV-6.
    """
    if not query:
        return {}
    if _BAD_ESCAPE.search(query):
        raise BadRequest("malformed query: a percent sign without two hexadecimal digits")
    try:
        data = unquote_to_bytes(query.replace("+", " "))
        value, blobs = finish(read_into(MessageSink(limits=limits), (data,)))
    except DecodeError as error:
        raise BadRequest(f"malformed query: {error}") from None
    if blobs:
        for blob in blobs:
            blob.close()
        raise BadRequest("a blob cannot travel in a URL")
    if not is_mapping(value):
        raise BadRequest("a query is a dict of arguments by name")
    return value


class NoneSink:
    """For the body of a none envelope, which has no bytes. Raises BadRequest. REQ-ENV-12."""

    def feed(self, piece: bytes, /) -> None:
        if piece:
            raise BadRequest("this form has no arguments, but the request has a body")

    def close(self) -> Mapping[Any, Any]:
        return {}

    def abandon(self) -> None:
        """Nothing is held."""
