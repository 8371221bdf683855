"""Help for the tests of the object layer: routers without sockets, raw requests, pages as data."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from http_peers import MEDIA_TYPE

import hyperglyph as glyph
from hyperglyph.codec import Resource, decode, encode
from hyperglyph.transport.http.messages import Incoming, Response

#: What this project's client says.
PARTIAL = f"{MEDIA_TYPE};partial=1, */*;q=0.5"


def local(router: Any, mount: str = "", **options: Any) -> Any:
    """The root of a router, through a client, in this process."""
    client = glyph.Client(glyph.LocalTransport(router, mount=mount), **options)
    return client.get(f"http://localhost{quote(mount)}/")


def ask(
    router: glyph.Router,
    method: str,
    url: str,
    arguments: Any = None,
    *,
    mount: str = "",
    **headers: str,
) -> Response:
    """A request as an adapter would hand it over; `url` is a path, with a query or not."""
    router.allow_random_key()
    split = urlsplit(url)
    fields = [("Host", "localhost"), *((k.replace("_", "-"), v) for k, v in headers.items())]
    body = b""
    if method == "POST":
        fields.append(("Content-Type", MEDIA_TYPE))
        body = encode({} if arguments is None else arguments)
    path = unquote(split.path, errors="surrogateescape").removeprefix(mount)
    return router.handle(
        Incoming(method, path, fields, (body,), query=split.query, mount=mount, target=url)
    )


def value(response: Response) -> Any:
    """The message in a response of 200."""
    data = b"".join(response.body)
    assert response.status == 200, (response.status, data)
    return decode(data)


def message(response: Response) -> str:
    """The text of an error."""
    found = decode(b"".join(response.body)).message
    assert isinstance(found, str)
    return found


def serve(*targets: Any, **options: Any) -> glyph.Router:
    """A router with these functions and classes."""
    router = glyph.Router(**options)
    for target in targets:
        router.add(target)
    return router


def returning(result: Any, **options: Any) -> glyph.Router:
    """A router with a function `f` that returns what `result()` does."""
    router = glyph.Router(**options)
    router.add(result, name="f")
    return router


def page(router: glyph.Router, name: str = "f", **options: Any) -> Any:
    """What a call of a function answers, as data."""
    return value(ask(router, "POST", f"/{quote(name)}", **options))


def page_of(router: glyph.Router, instance_of: str, **arguments: Any) -> Resource:
    """The page of a new instance."""
    answer = ask(router, "POST", f"/{instance_of}", arguments)
    location = answer.header("location")
    assert answer.status == 303
    assert location is not None
    found = value(ask(router, "GET", location))
    assert isinstance(found, Resource)
    return found


def reference(router: glyph.Router, name: str = "Thing", **state: Any) -> str:
    """The URL of a new instance."""
    location = ask(router, "POST", f"/{name}", state).header("location")
    assert location is not None
    return location


def spelled(data: bytes) -> str:
    """Bytes as a token spells them."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


# --- what most pages are of -----------------------------------------------------------------------


class User(glyph.Resource):
    def __init__(self, id: int, name: str = "bob") -> None:
        self.id = id
        self.name = name
        self._hidden = "private"

    @property
    def initial(self) -> str:
        return self.name[0]

    def message(self, subject: str, body: str) -> list[Any]:
        return [self.id, subject, body]

    @glyph.safe
    def bio(self) -> str:
        return f"bio of {self.name}"

    @glyph.safe
    def posts(self, page: int = 1) -> list[int]:
        return [self.id, page]

    @glyph.embed
    def badge(self) -> dict[str, Any]:
        return {"rank": self.id}

    @glyph.redirect
    def friend(self) -> User:
        return User(self.id + 1, "eve")

    @glyph.hidden
    def erase(self) -> None: ...


def hello(name: str = "World") -> str:
    return f"Hello {name}"


@glyph.safe
def now() -> str:
    return "now"


@glyph.safe
def search(text: str) -> list[str]:
    return [text]
