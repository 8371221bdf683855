"""The worked exchanges of the standard: its `http` blocks, read; and the service they are with.

A block holds one request or one response: the lines of its head, which end with CRLF on the wire,
an empty line, and the body as it stands, without the line break before the fence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

import hyperglyph as glyph

__all__ = ["HOST", "Message", "exchanges", "messages", "parse", "service"]

STANDARD = Path(__file__).parent.parent / "spec" / "hyperglyph-1.0.md"

#: Exchanges with this host are with `service`; others only show what other programs say.
HOST = "example.org"

_START = re.compile(r"([A-Z]+) (\S+) HTTP/1\.1|HTTP/1\.([01]) ([0-9]{3}) (.*)")


@attrs.frozen
class Message:
    """One request (`method` and `target`) or one response (`status`), as the standard shows it."""

    method: str
    target: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    wire: bytes

    @property
    def is_request(self) -> bool:
        return not self.status

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


def parse(block: str) -> Message:
    """Read a block. Raises ValueError for what is no HTTP message."""
    head, empty, body = block.removesuffix("\n").partition("\n\n")
    if not empty:
        head, body = block.strip("\n"), ""
    first, *lines = head.split("\n")
    start = _START.fullmatch(first)
    if start is None:
        raise ValueError(f"no first line of a message: {first!r}")
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(": ")
        if not colon or not re.fullmatch(r"[A-Za-z-]+", name) or value != value.strip():
            raise ValueError(f"no header: {line!r}")
        headers.append((name, value))
    octets = body.encode("ascii")
    wire = "\r\n".join([first, *lines, "", ""]).encode("ascii") + octets
    return Message(start[1] or "", start[2] or "", int(start[4] or 0), tuple(headers), octets, wire)


def messages() -> list[Message]:
    """All messages of the standard's blocks, in order."""
    text = STANDARD.read_text(encoding="utf-8")
    found = re.findall(r"^```http\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return list(map(parse, found))


def exchanges() -> Iterator[tuple[Message, Message]]:
    """Each request with the response that follows it."""
    found = messages()
    yield from zip(found[::2], found[1::2], strict=True)


class Counter(glyph.Resource):
    def __init__(self, start: int = 0) -> None:
        self._start = start
        self.value = start

    def add(self, n: int = 1) -> Counter:
        return Counter(self._start + n)

    @glyph.safe()
    def double(self) -> int:
        return 2 * self._start


#: What is kept by the service, by id.
NOTES: Final[dict[str, str]] = {}


class Note(glyph.Resource):
    """A text that the service keeps under an id."""

    def __init__(self, id: str) -> None:
        self._id = id

    @property
    def text(self) -> str:
        return NOTES.get(self._id, "")

    @glyph.method("PUT", envelope="form", own_url=True, if_unchanged=True)
    def write(self, text: str) -> None:
        NOTES[self._id] = text

    @glyph.method("DELETE", own_url=True)
    def clear(self) -> None:
        NOTES.pop(self._id, None)


def hello(name: str = "World") -> str:
    return f"Hello {name}"


@glyph.safe()
def search(q: str, limit: int = 10) -> list[str]:
    return [f"{q}-{number + 1}" for number in range(limit)]


@glyph.method("POST", envelope="blob")
def upload(file: glyph.Blob) -> int:
    return len(file.read())


@glyph.safe()
def download() -> glyph.Blob:
    return glyph.blob(b"0123456789", "text/plain")


@glyph.safe()
def listing(count: int) -> list[Counter]:
    return [Counter(number) for number in range(count)]


def count(to: int) -> Iterator[int]:
    for number in range(to):
        if number == 2:
            raise Tired("two are enough")
        yield number + 1


class Tired(glyph.Conflict):
    code = "tired"


def fail() -> None:
    raise OSError("/etc/secret is not to be read")


def refuse() -> None:
    raise Tired("not today", data={"again": 3})


def service() -> glyph.Router:
    """A fresh service, whose references are the same each time."""
    NOTES.clear()
    router = glyph.Router(secret="of the standard's examples", allowed_hosts=[HOST])
    offered = (hello, search, Counter, Note, upload, download, listing, count, fail, refuse)
    for target in offered:
        router.add(target)
    return router
