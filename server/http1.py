"""HTTP/1.1 as a server reads it: strict, with a limit on everything, one error for each fault.

A lenient reader and a strict one in a row are how requests are smuggled, so what RFC 9112 calls
malformed is refused here: two Host headers, Content-Length together with Transfer-Encoding or
twice, white space before a colon, folded lines, bare CR or LF, control characters.

No socket here: bytes come from a `Source`.

Standard, section 21.3 (REQ-SAFE-11, REQ-SAFE-12).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

import attrs

from hyperglyph.transport.http.messages import PIECE
from hyperglyph.transport.http.status import BadRequest
from hyperglyph.transport.http.urls import LONGEST_URL

__all__ = ["HEAD_LIMIT", "Head", "HeadError", "Source", "parse_head", "read_body"]

HEAD_LIMIT: Final = 64 * 1024  # browsers and proxies stop earlier
HEADERS_LIMIT: Final = 128
_LINE_LIMIT: Final = 4_096  # of a chunk's head or a trailer
_TRAILERS_LIMIT: Final = 64
#: Of a body's chunk extensions in all: they are no part of what the limits on bodies count.
_EXTENSIONS_LIMIT: Final = 64 * 1024

# RFC 9112, section 3: request-line = method SP request-target SP HTTP-version
_REQUEST_LINE: Final = re.compile(rb"([A-Za-z]{1,32}) ([!-~]+) HTTP/1\.([01])")
# Section 5: field-line = field-name ":" OWS field-value OWS
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)(?:\r\n|\Z)")
# Section 7.1: chunk = chunk-size [ chunk-ext ] CRLF
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


class HeadError(Exception):
    """A request that gets an answer of `status` and no more."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Source(Protocol):
    """Buffered bytes of one connection. All methods raise TimeoutError and OSError."""

    def read(self, size: int) -> bytes:
        """At least one byte and at most `size`, or b"" at the end of the stream."""
        ...

    def read_line(self, limit: int) -> bytes:
        """Up to and with the next LF; shorter at the end of the stream or at `limit`."""
        ...


@attrs.frozen
class Head:
    """A request's head: header names in lower case, `length` None where there is no such header."""

    method: str
    target: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    length: int | None
    chunked: bool
    keep_alive: bool
    version: int  # the minor one
    expects_continue: bool

    @property
    def has_body(self) -> bool:
        return self.chunked or bool(self.length)


def parse_head(head: bytes) -> Head:
    """Parse a head without its last two CRLFs. Raises HeadError."""
    line, _, rest = head.partition(b"\r\n")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise HeadError(400, "malformed request line")
    method, target, minor = match.groups()
    version = int(minor)
    headers = _parse_fields(rest)
    names = [name for name, _ in headers]
    values = dict(headers)
    authority, target = _split_target(target)
    _check_host(names, values, authority, version)
    length, chunked = _framing(names, values, version)
    if (expect := values.get("expect")) is not None and expect.lower() != "100-continue":
        raise HeadError(417, "unknown expectation")
    path, _, query = target.partition(b"?")
    connection = ",".join(value for name, value in headers if name == "connection").lower()
    tokens = {token.strip() for token in connection.split(",")} if connection else set[str]()
    return Head(
        method=method.decode("ascii"),
        target=target.decode("ascii"),
        # What is no UTF-8 matches no name.
        path=(unquote_to_bytes(path) if b"%" in path else path).decode("utf-8", "surrogateescape"),
        query=query.decode("ascii"),
        headers=headers,
        length=length,
        chunked=chunked,
        keep_alive="close" not in tokens if version else "keep-alive" in tokens,
        version=version,
        expects_continue=expect is not None and version == 1,
    )


def _parse_fields(rest: bytes) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    position = 0
    while position < len(rest):
        match = _FIELD.match(rest, position)
        if match is None:
            raise HeadError(400, "malformed header")
        headers.append((match[1].decode("ascii").lower(), match[2].strip(b" \t").decode("latin-1")))
        position = match.end()
    if len(headers) > HEADERS_LIMIT:
        raise HeadError(431, f"more than {HEADERS_LIMIT} headers")
    return headers


def _split_target(target: bytes) -> tuple[bytes | None, bytes]:
    """The authority of an absolute-form target, and the target in origin-form."""
    if len(target) > LONGEST_URL:
        raise HeadError(414, f"URL of more than {LONGEST_URL} characters")
    authority = None
    if target[:4].lower() == b"http":
        scheme, separator, rest = target.partition(b"://")
        if scheme.lower() in (b"http", b"https") and separator:
            end = min((rest.find(mark) % (len(rest) + 1) for mark in (b"/", b"?")), default=0)
            authority, target = rest[:end], rest[end:]
            if not target.startswith(b"/"):
                target = b"/" + target
    if not target.startswith(b"/") or b"#" in target:
        raise HeadError(400, "malformed request target")
    return authority, target


def _check_host(
    names: list[str], values: dict[str, str], authority: bytes | None, version: int
) -> None:
    count = names.count("host")
    if count > 1 or (version and not count):
        raise HeadError(400, "a request has exactly one Host header")
    if authority is not None and values.get("host", "").lower() != authority.decode().lower():
        raise HeadError(400, "the Host header differs from the request target")


def _framing(names: list[str], values: dict[str, str], version: int) -> tuple[int | None, bool]:
    """The declared length, and whether the body is chunked (RFC 9112, section 6.3)."""
    if "transfer-encoding" in values:
        if "content-length" in values:
            raise HeadError(400, "Content-Length together with Transfer-Encoding")
        if not version:
            raise HeadError(400, "Transfer-Encoding in an HTTP/1.0 request")
        if names.count("transfer-encoding") > 1 or (
            values["transfer-encoding"].lower() != "chunked"
        ):
            raise HeadError(501, "unsupported Transfer-Encoding")
        return None, True
    if "content-length" not in values:
        return None, False
    length = values["content-length"]
    if names.count("content-length") > 1 or _LENGTH.fullmatch(length) is None:
        raise HeadError(400, "malformed Content-Length")
    return int(length), False


def read_body(head: Head, source: Source) -> Iterator[bytes]:
    """The body in pieces. Raises BadRequest where it is malformed or cut, TimeoutError, OSError."""
    if head.chunked:
        return _read_chunks(source)
    return _read_exactly(source, head.length or 0)


def _read_exactly(source: Source, length: int) -> Iterator[bytes]:
    remaining = length
    while remaining:
        piece = source.read(min(PIECE, remaining))
        if not piece:
            raise BadRequest(f"the body is {remaining} bytes shorter than its Content-Length")
        remaining -= len(piece)
        yield piece


def _read_chunks(source: Source) -> Iterator[bytes]:
    extensions = 0
    while True:
        match = _CHUNK.fullmatch(source.read_line(_LINE_LIMIT))
        if match is None:
            raise BadRequest("malformed chunk")
        # RFC 9112, section 7.1.1: a server ought to limit their total length.
        extensions += match.end() - match.end(1) - 2
        if extensions > _EXTENSIONS_LIMIT:
            raise BadRequest(f"chunk extensions of more than {_EXTENSIONS_LIMIT} bytes")
        remaining = int(match[1], 16)
        if not remaining:
            break
        while remaining:
            piece = source.read(min(PIECE, remaining))
            if not piece:
                raise BadRequest("the body ends inside a chunk")
            remaining -= len(piece)
            yield piece
        if source.read_line(2) != b"\r\n":
            raise BadRequest("malformed chunk")
    for _ in range(_TRAILERS_LIMIT):
        line = source.read_line(_LINE_LIMIT)
        if line == b"\r\n":
            return
        if _FIELD.fullmatch(line) is None or not line.endswith(b"\r\n"):
            break
    raise BadRequest("malformed trailer")
