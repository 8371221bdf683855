"""The conformance service of spec/service.md, as a router: `hyperglyph...service:router`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Counts
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle, islice
from threading import Lock
from typing import Any, Final, TypeVar

import hyperglyph as glyph

#: What runs in several processes, or is started again, signs with one key.
_SECRET: Final = "the key of a service that is there to be tried"  # noqa: S105
router: Final = glyph.Router(secret=_SECRET, gzip_requests=True)
#: The same service for clients of 2012.
old_router: Final = glyph.Router(secret=_SECRET, gzip_requests=True, legacy_clients=True)
_T = TypeVar("_T", bound=Callable[..., Any])


def _serve(member: _T) -> _T:
    """Register a function or class with both."""
    router.add(member)
    old_router.add(member)
    return member


_REFUSALS: Final = {
    400: glyph.BadRequest,
    401: glyph.Unauthorized,
    403: glyph.Forbidden,
    404: glyph.NotFound,
    409: glyph.Conflict,
    410: glyph.StaleReference,
}
_lock = Lock()
_documents: dict[str, str] = {}
_executed: Counts[str] = Counts()


@_serve
def hello(name: str = "World") -> str:
    return f"Hello {name}"


@_serve
def add(a: int, b: int = 1) -> int:
    return a + b


@_serve
def echo(value: object) -> object:
    return value


@_serve
def nothing() -> None:
    return None


@_serve
def concat(first: str, second: str = "-", third: str | None = None) -> str:
    return "".join(text for text in (first, second, third) if text is not None)


@_serve
@glyph.safe
def search(q: str, limit: int = 10) -> list[str]:
    return [f"{q}-{number}" for number in range(1, limit + 1)]


@_serve
@glyph.safe
def today() -> datetime:
    moment = datetime(2012, 1, 1, tzinfo=UTC)
    glyph.context().last_modified = moment
    return moment


@_serve
@glyph.cache(max_age=60, public=True)
@glyph.safe
def public() -> str:
    return "for all"


@_serve
def fail() -> None:
    raise RuntimeError("secret-of-the-server")


@_serve
def refuse(code: int) -> None:
    if code == 503:
        raise glyph.Unavailable("refused on purpose", retry_after=1)
    raise _REFUSALS.get(code, glyph.BadRequest)("refused on purpose")


@_serve
@glyph.hidden("start")
class Counter(glyph.Resource):
    def __init__(self, start: int = 0) -> None:
        self.start = start

    @property
    def value(self) -> int:
        return self.start

    def add(self, n: int = 1) -> Counter:
        return Counter(self.start + n)

    @glyph.safe
    def double(self) -> int:
        return self.start * 2


@_serve
@glyph.hidden("name")
class Document(glyph.Resource):
    def __init__(self, name: str) -> None:
        self.name = name
        with _lock:
            _documents.setdefault(name, "")

    @classmethod
    @contextmanager
    def __glyph_open__(cls, state: Mapping[str, Any]) -> Generator[Document]:
        if state["name"] not in _documents:
            raise glyph.StaleReference("this document was removed")
        yield cls(state["name"])

    @property
    def text(self) -> str:
        return _documents.get(self.name, "")

    def write(self, text: str) -> None:
        _documents[self.name] = text

    def clear(self) -> None:
        _documents[self.name] = ""

    @glyph.method("PUT", envelope="form", own_url=True, if_unchanged=True)
    def replace(self, text: str) -> None:
        _documents[self.name] = text

    @glyph.method("DELETE", own_url=True)
    def remove(self) -> None:
        _documents.pop(self.name, None)


@_serve
@glyph.redirect
def moved(name: str) -> Document:
    return Document(name)


@_serve
@glyph.safe
def listing(count: int) -> list[Counter]:
    return [Counter(start) for start in range(count)]


@_serve
@glyph.safe
def documents(names: list[str]) -> list[Document]:
    return [Document(name) for name in names]


@_serve
def count(to: int) -> Generator[int]:
    yield from range(1, to + 1)


@_serve
def broken(to: int) -> Generator[int]:
    yield from range(1, to + 1)
    raise glyph.Conflict("broken on purpose")


@_serve
def crashed(to: int) -> Generator[int]:
    yield from range(1, to + 1)
    raise RuntimeError("secret-of-the-server")


@_serve
def ended(to: int) -> Generator[object]:
    yield from range(1, to + 1)
    yield glyph.Extension("end", {}, None)


@_serve
@glyph.method("POST", envelope="blob")
def upload(file: glyph.Blob) -> int:
    return len(file.read())


@_serve
@glyph.method("POST", envelope="blob")
def type_of(file: glyph.Blob) -> str:
    return file.content_type


@_serve
def send(file: glyph.Blob) -> dict[str, Any]:
    return {"size": len(file.read()), "type": file.content_type}


@_serve
@glyph.safe
def download(size: int) -> glyph.Blob:
    return glyph.blob(bytes(islice(cycle(b"0123456789"), size)), "text/plain")


@_serve
async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


@_serve
def link_of(counter: Counter) -> int:
    return counter.value


@_serve
def executed(id: str) -> int:  # noqa: A002 - the name is that of the service
    with _lock:
        _executed[id] += 1
        return _executed[id]


@_serve
@glyph.safe
def executions(id: str) -> int:  # noqa: A002
    with _lock:
        return _executed[id]


@_serve
class Square(glyph.Resource):
    def __init__(self, side: int) -> None:
        self.side = side

    @glyph.embed
    def area(self) -> int:
        return self.side * self.side


@_serve
def relay(url: str, name: str, arguments: dict[str, Any]) -> object:
    if not url.startswith("http://127.0.0.1:"):
        raise glyph.BadRequest("only what is on this machine is called")
    with glyph.Client() as client:
        return client.get(url)[name](**arguments)


@_serve
def ticking(id: str) -> Generator[int]:  # noqa: A002
    for number in range(1, 51):
        executed(id)
        yield number
        time.sleep(0.05)


@_serve
@glyph.safe
def time_left() -> str | None:
    return glyph.context().header("hyperglyph-timeout")
