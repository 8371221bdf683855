"""What does not depend on the server holds under ASGI, too: stores, principals, caches, gzip."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from asgi_help import HTTP, post, uvicorn_server
from http_peers import MEDIA_TYPE

import hyperglyph as glyph
from hyperglyph.codec import encode


def build(store: glyph.MemoryStore) -> glyph.Router:
    async def authenticate(request: glyph.Incoming) -> str | None:
        await asyncio.sleep(0)
        return request.header("x-user")

    router = glyph.Router(authenticate=authenticate, bind_state=glyph.principal, gzip_requests=True)
    router.allow_random_key()

    @router.add()
    class Counter(glyph.PersistentResource, store=store, retries=5):
        def __init__(self) -> None:
            self.count = 0

        async def add(self, by: int = 1) -> int:
            before = self.count
            await asyncio.sleep(0.01)
            self.count = before + by
            return self.count

        def add_at_once(self) -> int:
            self.count += 1
            return self.count

        async def where(self) -> str:
            return threading.current_thread().name

        async def another(self) -> Counter:
            return Counter()

        async def fails(self) -> None:
            self.count += 1
            raise glyph.Conflict("no")

    @router.add()
    @glyph.safe
    async def me() -> object:
        return glyph.principal()

    @router.add()
    @glyph.cache(max_age=60)
    @glyph.safe
    async def page() -> str:
        return "x" * 5000

    @router.add()
    async def elsewhere() -> None:
        raise glyph.Moved("https://other.example/")

    @router.add()
    @glyph.method("PUT", envelope="blob")
    async def put(file: glyph.Blob) -> int:
        return len(file.read())

    router.default(Counter())
    return router


@pytest.fixture(params=HTTP)
def url(request: pytest.FixtureRequest, no_leaks: None, store: glyph.MemoryStore) -> Iterator[str]:
    with uvicorn_server(build(store), http=request.param) as url:
        yield url


@pytest.fixture
def alice(no_leaks: None) -> Iterator[glyph.Client]:
    with glyph.Client(headers={"X-User": "alice"}, timeout=10) as client:
        yield client


def test_persistent_objects(url: str, alice: glyph.Client) -> None:
    counter = alice.get(url)  # the root page is one
    assert [counter.add(), counter.add(by=4), counter.add_at_once()] == [1, 5, 6]
    assert not counter.where().startswith("hyperglyph")  # on the loop itself
    with pytest.raises(glyph.Conflict):
        counter.fails()
    assert glyph.reload(counter).count == 6
    assert counter.another().add() == 1
    threads = [threading.Thread(target=counter.add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert glyph.reload(counter).count == 9


def test_principals(url: str, alice: glyph.Client) -> None:
    assert alice.get(url + "me") == "alice"
    with glyph.Client(timeout=10) as nobody, pytest.raises(glyph.Unauthorized):
        nobody.get(url)
    counter = alice.get(url).another()
    with (
        glyph.Client(headers={"X-User": "eve"}, timeout=10) as eve,
        pytest.raises(glyph.BadRequest),
    ):
        eve.get(glyph.url_of(counter) or "")


def test_conditions_and_codings(url: str) -> None:
    headers = {"x-user": "alice", "accept-encoding": "identity"}
    plain = httpx.get(url + "page", headers=headers)
    assert plain.headers["cache-control"] == "private, max-age=60"
    assert int(plain.headers["content-length"]) == len(plain.content)
    etag = plain.headers["etag"]
    known = httpx.get(url + "page", headers={**headers, "if-none-match": etag})
    assert (known.status_code, known.content) == (304, b"")
    headers["accept-encoding"] = "gzip"
    packed = httpx.get(url + "page", headers=headers)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["etag"] != etag
    assert packed.content == plain.content
    bodiless = httpx.head(url + "page", headers=headers)
    assert (bodiless.status_code, bodiless.content) == (200, b"")
    moved = post(url + "elsewhere", x_user="alice")
    assert (moved.status_code, moved.headers["location"]) == (
        307,
        "https://other.example/elsewhere",
    )
    sent = post(url + "elsewhere", gzip.compress(b"O;"), x_user="alice", content_encoding="gzip")
    assert sent.status_code == 307


def test_a_file_as_the_body(url: str) -> None:
    answer: Any = httpx.put(
        url + "put",
        content=iter([b"x" * 100_000] * 3),
        headers={
            "x-user": "alice",
            "content-type": "text/plain",
            "content-disposition": 'form-data; name="file"',
            "accept": MEDIA_TYPE,
        },
    )
    assert answer.content == encode(300_000)
