"""Help for the tests of envelopes: a function for each cell of the table, and raw requests."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from http_peers import MEDIA_TYPE

import hyperglyph as glyph
from hyperglyph.transport.http.forms import ENVELOPES
from hyperglyph.transport.http.messages import Incoming, Response

CELLS = [(method, envelope) for method, allowed in ENVELOPES.items() for envelope in allowed]

TYPE = "text/plain; charset=utf-8"


TYPED = {"Content_Type": MEDIA_TYPE}
FILE = {"Content_Type": "a/b", "Content_Disposition": 'form-data; name="content"'}


def told(*values: Any) -> list[Any]:
    return [glyph.context().method, *values]


def cell(method: str, envelope: str) -> Callable[..., Any]:
    """A function that is called so, and answers with the method that it sees."""

    @glyph.method(method, envelope=envelope)
    def none() -> list[Any]:
        return told()

    @glyph.method(method, envelope=envelope)
    def blob(content: glyph.Blob) -> list[Any]:
        return told(content.content_type, content.size, content.read())

    def some(a: Any, b: Any = 2) -> list[Any]:
        return told(a, b)

    if envelope in ("none", "blob"):
        return none if envelope == "none" else blob
    return glyph.method(method, envelope=envelope)(some)


def everything() -> glyph.Router:
    router = glyph.Router()
    for method, envelope in CELLS:
        router.add(cell(method, envelope), name=f"{method}-{envelope}")
    return router


class Pipe(io.BufferedIOBase):
    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return self._data.read(size)


def ask(
    router: glyph.Router, method: str, url: str, body: bytes = b"", /, **headers: str
) -> Response:
    router.allow_random_key()
    fields = [("Host", "localhost"), *((k.replace("_", "-"), v) for k, v in headers.items())]
    path, _, query = url.partition("?")
    return router.handle(Incoming(method, path, fields, (body,), query=query, target=url))
