"""A result that is one blob, sent as what it is: its own bytes under its own content type.

Only to those who say that they can read it so: their Accept names our media type and something
that matches the blob. All others get a message with chunks.

Standard, section 19.5.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from typing import Final

from hyperglyph.codec import Blob
from hyperglyph.transport.http.conditional import Validators, outcome_of
from hyperglyph.transport.http.messages import PIECE, Response
from hyperglyph.transport.http.negotiate import MEDIA_TYPE, parse_accept, parse_media_type
from hyperglyph.transport.http.ranges import Span, span_of
from hyperglyph.transport.http.status import PreconditionFailed

from .calls import Call, watched

__all__ = ["is_welcome", "raw_answer"]

#: A browser that is led to it neither guesses at its type, nor runs it, nor shows it.
_HARMLESS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "sandbox"),
    ("Content-Disposition", "attachment"),
)
#: What the file system cannot tell of is read once more for its tag, if it is no longer than this.
_HASHED: Final = 8 * 1024 * 1024
#: For so long, in nanoseconds, the time of a file's change does not tell it from the next.
_SETTLED: Final = 1_000_000_000


def is_welcome(call: Call, blob: Blob) -> bool:
    """Whether the caller can read a blob as it is.

    REQ-BLOBHTTP-1, REQ-BLOBHTTP-2 and REQ-BLOBHTTP-7.
    """
    try:
        content_type = blob.content_type
    except ValueError:
        return False
    media_type = parse_media_type(content_type)
    if media_type is None or not content_type.isascii() or not content_type.isprintable():
        return False
    if media_type.type.startswith(MEDIA_TYPE):  # it would be taken for a message, or for items
        return False
    kind = media_type.type.partition("/")[0]
    matching = {media_type.type, f"{kind}/*", "*/*"}
    ours = theirs = False
    for value in call.request.values("accept"):
        for member, weight in parse_accept(value):
            ours = ours or (member.type == MEDIA_TYPE and weight > 0)
            theirs = theirs or (member.type in matching and weight > 0)
    return ours and theirs


def raw_answer(call: Call, blob: Blob) -> Response:
    """The response with a blob: 200, 206 for a part, or 304, 412, 416. Closes it in the end.

    REQ-BLOBHTTP-3.
    """
    call.blobs = [blob]
    size = blob.size
    validators = Validators(
        _etag_of(blob, size) if call.method == "GET" else None, call.last_modified
    )
    headers = [("Content-Type", blob.content_type), *call.get_headers(), *_HARMLESS]
    headers += validators.headers()
    if call.method == "GET":
        outcome = outcome_of(call.request.values, validators, safe=True)
        if outcome == 304:
            call.close()
            return Response(304, headers[1:])
        if outcome is not None:
            raise PreconditionFailed("it has changed since: reload it, and decide anew")
    span = None
    if size is not None and call.request.method == "GET":
        headers.append(("Accept-Ranges", "bytes"))
        span = _span(call, validators, size)
    if span is not None:
        headers.append(("Content-Range", span.content_range()))
        if not span.length:
            call.close()
            return Response(416, [*headers[1:], ("Content-Length", "0")])
    length = size if span is None else span.length
    if length is not None:
        headers.append(("Content-Length", str(length)))
    body = watched(blob.chunks() if span is None else _part(blob, span), call)
    return Response(200 if span is None else 206, headers, body, on_close=call.close)


def _span(call: Call, validators: Validators, size: int) -> Span | None:
    """The part that is asked for, if the caller's version is still the current one."""
    conditions = call.request.values("if-range")
    if conditions and (
        validators.etag is None or any(tag.strip() != validators.etag for tag in conditions)
    ):
        return None
    return span_of(call.request.values("range"), size)


def _etag_of(blob: Blob, size: int | None) -> str | None:
    """A strong tag: of the version of a file on disk, else of the bytes."""
    if size is not None and (version := _version(blob, size)) is not None:
        return f'"{version}"'
    if size is None or size > _HASHED:
        return None
    digest = hashlib.sha256()
    for piece in blob.chunks():
        digest.update(piece)
    return f'"{digest.hexdigest()[:32]}"'


def _version(blob: Blob, size: int) -> str | None:
    """What the file system says of a file on disk: which it is, when it has changed, its size and
    what of it is the blob. None for what is no such file, and for one that has changed just now:
    it may do so again before the file system's clock ticks.

    Which file it is differs among machines: a caller of several then gets the whole file again.
    """
    try:
        status = os.fstat(blob.fileno())
    except (OSError, AttributeError):  # UnsupportedOperation is an OSError
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    # The time of change of the inode is the one that nobody sets by hand.
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    if time.time_ns() - changed < _SETTLED:
        return None
    which = f"{status.st_dev:x}-{status.st_ino:x}"
    return f"{which}-{status.st_ctime_ns:x}-{status.st_mtime_ns:x}-{status.st_size:x}-{size:x}"


def _part(blob: Blob, span: Span) -> Iterator[bytes]:
    blob.seek(span.start)
    left = span.length
    while left:
        piece = blob.read(min(PIECE, left))
        if not piece:
            raise OSError("the file of the blob became shorter while it was sent")
        left -= len(piece)
        yield piece
