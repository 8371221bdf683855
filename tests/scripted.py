"""A transport that answers from a script, and pages to answer with."""

from __future__ import annotations

from typing import Any

import hyperglyph as glyph
from hyperglyph.codec import Form, Input, Link, Resource, decode, encode
from hyperglyph.transport.http.messages import Request, Response


class Scripted:
    """A transport that gives the next answer, and keeps what it was asked."""

    name = "scripted"

    def __init__(self, *given: Response | Exception) -> None:
        self.given = list(given)
        self.requests: list[Request] = []
        self.closed = 0

    def send(self, request: Request, /) -> Response:
        if request.body is not None and not isinstance(request.body, bytes):
            request.body = b"".join(request.body)
        self.requests.append(request)
        answer = self.given.pop(0)
        if isinstance(answer, Exception):
            raise answer
        answer.url = request.url
        answer.on_close = self._count
        return answer

    def _count(self) -> None:
        self.closed += 1

    def close(self) -> None: ...

    def sent(self, index: int) -> Any:
        """The value in the body of a request."""
        body = self.requests[index].body
        assert isinstance(body, bytes)
        return decode(body)

    def header(self, index: int, name: str) -> str | None:
        return next((v for k, v in self.requests[index].headers if k.lower() == name), None)


def page(value: Any, status: int = 200, **headers: str) -> Response:
    fields = [("Content-Type", "application/vnd.hyperglyph")]
    fields += [(name.replace("_", "-"), text) for name, text in headers.items()]
    return Response(status, fields, (encode(value),))


def bare(status: int, body: bytes = b"", **headers: str) -> Response:
    fields = [(name.replace("_", "-"), text) for name, text in headers.items()]
    return Response(status, fields, (body,))


ROOT = Resource(
    {"f": Form("f", values=["a", Input("b", value=[2])]), "l": Link("l"), "x": 1, "_y": 2, "@z": 3},
    url="http://h/root/",
)


def opened(*given: Response | Exception, root: Any = ROOT, **options: Any) -> tuple[Any, Scripted]:
    transport = Scripted(page(root), *given)
    return glyph.Client(transport, **options).get("http://h/"), transport
