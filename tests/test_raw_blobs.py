"""A result that is one blob, sent as it is: who gets it so, in parts, and what breaks off."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import Serve
from http_peers import MEDIA_TYPE, Peer, peer
from object_help import ask, local

import hyperglyph as glyph
from hyperglyph.codec import Blob, decode
from hyperglyph.transport.http.conditional import etag_of
from hyperglyph.transport.http.messages import Response

DATA = os.urandom(1000) * 300
#: What this project's client says, in short.
ACCEPT = f"{MEDIA_TYPE};partial=1, */*;q=0.5"


def router_of(make: Callable[[], glyph.Blob]) -> glyph.Router:
    router = glyph.Router()

    @router.add
    @glyph.safe
    def get() -> glyph.Blob:
        return make()

    @router.add
    def post() -> glyph.Blob:
        return make()

    return router


@pytest.fixture
def router() -> glyph.Router:
    return router_of(lambda: glyph.blob(DATA, "text/plain; charset=utf-8"))


def content(response: Response) -> bytes:
    try:
        return b"".join(response.body)
    finally:
        response.close()


def test_as_it_is(router: glyph.Router) -> None:
    for answer in (
        ask(router, "GET", "/get", accept=ACCEPT),
        ask(router, "POST", "/post", accept=ACCEPT),
    ):
        assert answer.status == 200
        assert answer.header("content-type") == "text/plain; charset=utf-8"
        assert answer.header("content-length") == str(len(DATA))
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("content-security-policy") == "sandbox"
        assert answer.header("content-disposition") == "attachment"
        assert content(answer) == DATA


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        MEDIA_TYPE,
        "text/plain",
        f"{MEDIA_TYPE}, image/*",
        f"{MEDIA_TYPE}, */*;q=0",
        f"{MEDIA_TYPE};q=0, */*",
        f"{MEDIA_TYPE}-seq, */*",
    ],
)
def test_who_cannot_read_it_so_gets_a_message(router: glyph.Router, accept: str) -> None:
    headers = {"accept": accept} if accept else {}
    answer = ask(router, "POST", "/post", **headers)
    assert answer.header("content-type") == MEDIA_TYPE
    blob = decode(content(answer))
    assert blob.read() == DATA
    blob.close()


@pytest.mark.parametrize("accept", ["text/plain", "TEXT/*;q=0.1", "*/*;q=0.001"])
def test_whoever_names_it(router: glyph.Router, accept: str) -> None:
    answer = ask(router, "POST", "/post", accept=f"{accept}, {MEDIA_TYPE}")
    assert content(answer) == DATA


@pytest.mark.parametrize(
    "content_type",
    [
        *("no type", MEDIA_TYPE, f"{MEDIA_TYPE}; x=1", "application/vnd.hyperglyph-seq", ""),
        *("text/plain\r\nX-Evil: 1", "text/plain; name=\xe9", "text/plain;\0"),
    ],
)
def test_a_type_that_no_header_should_say_stays_in_a_message(content_type: str) -> None:
    answer = ask(router_of(lambda: glyph.blob(b"x", content_type)), "POST", "/post", accept=ACCEPT)
    assert answer.header("content-type") == MEDIA_TYPE
    blob = decode(content(answer))
    assert blob.content_type == content_type
    blob.close()


def test_inside_of_something_it_is_part_of_a_message() -> None:
    router = glyph.Router()

    @router.add
    def both() -> list[Any]:
        return [glyph.blob(b"x", "text/plain")]

    answer = ask(router, "POST", "/both", accept=ACCEPT)
    assert answer.header("content-type") == MEDIA_TYPE
    content(answer)


# --- Versions and parts ---------------------------------------------------------------------------


def test_versions(router: glyph.Router) -> None:
    first = ask(router, "GET", "/get", accept=ACCEPT)
    etag = first.header("etag")
    assert etag is not None
    content(first)
    again = ask(router, "GET", "/get", accept=ACCEPT, if_none_match=etag)
    assert (again.status, again.header("etag"), content(again)) == (304, etag, b"")
    assert ask(router, "GET", "/get", accept=ACCEPT, if_match='"other"').status == 412
    posted = ask(router, "POST", "/post", accept=ACCEPT)
    assert posted.header("etag") is None
    assert posted.header("accept-ranges") is None
    content(posted)


@pytest.mark.parametrize(
    ("asked", "status", "start", "stop"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=1000-70999", 206, 1000, 71_000),
        ("bytes=299999-", 206, 299_999, 300_000),
        ("bytes=-7", 206, 299_993, 300_000),
        ("bytes=0-", 206, 0, 300_000),
        ("bytes=1-2,4-5", 200, 0, 300_000),
        ("nonsense", 200, 0, 300_000),
        ("bytes=300000-", 416, 0, 0),
    ],
)
def test_parts(router: glyph.Router, asked: str, status: int, start: int, stop: int) -> None:
    answer = ask(router, "GET", "/get", accept=ACCEPT, range=asked)
    assert answer.status == status
    assert answer.header("accept-ranges") == "bytes"
    assert answer.header("content-length") == str(stop - start)
    expected = {206: f"bytes {start}-{stop - 1}/300000", 416: "bytes */300000"}.get(status)
    assert answer.header("content-range") == expected
    assert content(answer) == DATA[start:stop]


def test_a_part_of_the_version_that_is_held(router: glyph.Router) -> None:
    etag = ask(router, "HEAD", "/get", accept=ACCEPT).header("etag") or ""
    for condition, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200)):
        answer = ask(router, "GET", "/get", accept=ACCEPT, range="bytes=5-9", if_range=condition)
        assert answer.status == status
        content(answer)


def test_no_part_of_a_head_or_of_what_was_posted(router: glyph.Router) -> None:
    head = ask(router, "HEAD", "/get", accept=ACCEPT, range="bytes=5-9")
    assert (head.status, content(head)) == (200, b"")
    posted = ask(router, "POST", "/post", accept=ACCEPT, range="bytes=5-9")
    assert (posted.status, content(posted)) == (200, DATA)


def file_router(path: Path, opened: list[Any] | None = None) -> glyph.Router:
    def make() -> glyph.Blob:
        file = path.open("rb")
        if opened is not None:
            opened.append(file)
        return glyph.blob(file, "application/octet-stream")

    return router_of(make)


@pytest.mark.parametrize("settled", [False, True])
def test_a_file_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: bool) -> None:
    if settled:
        monkeypatch.setattr("hyperglyph.server.raw._SETTLED", 0)
    path = tmp_path / "file"
    path.write_bytes(DATA)
    os.utime(path, ns=(1, 1_000))
    opened: list[Any] = []
    router = file_router(path, opened)
    first = ask(router, "GET", "/get", accept=ACCEPT, range="bytes=100000-200000")
    etag = first.header("etag") or ""
    assert content(first) == DATA[100_000:200_001]
    assert ask(router, "GET", "/get", accept=ACCEPT, if_none_match=etag).status == 304
    # Another file in its place, which only its inode tells from the first.
    other = bytes(len(DATA))
    (tmp_path / "other").write_bytes(other)
    os.utime(tmp_path / "other", ns=(1, 1_000))
    (tmp_path / "other").replace(path)
    again = ask(router, "GET", "/get", accept=ACCEPT, if_none_match=etag)
    assert (again.status, content(again)) == (200, other)
    part = ask(router, "GET", "/get", accept=ACCEPT, range="bytes=5-9", if_range=etag)
    assert (part.status, content(part)) == (200, other)
    assert all(file.closed for file in opened)


def test_a_file_that_changes_twice_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    router = file_router(path)
    etag = ask(router, "HEAD", "/get", accept=ACCEPT)
    etag.close()
    with path.open("r+b") as file:
        file.write(b"other")
    answer = ask(router, "GET", "/get", accept=ACCEPT, if_none_match=etag.header("etag") or "")
    assert (answer.status, content(answer)) == (200, b"other" + DATA[5:])


def test_a_stream_has_no_length_and_no_parts() -> None:
    def make() -> glyph.Blob:
        read, write = os.pipe()
        os.write(write, b"from a pipe")
        os.close(write)
        return glyph.blob(os.fdopen(read, "rb"), "text/plain")

    router = router_of(make)
    answer = ask(router, "GET", "/get", accept=ACCEPT, range="bytes=0-1")
    assert (answer.status, answer.header("content-length")) == (200, None)
    assert (answer.header("accept-ranges"), answer.header("etag")) == (None, None)
    assert content(answer) == b"from a pipe"


# --- The caller -----------------------------------------------------------------------------------


def test_a_blob_all_the_same(router: glyph.Router, serve: Serve) -> None:
    url = serve(router=router)
    with glyph.Client(timeout=10) as client:
        for root in (client.get(url), local(router)):
            for call in (root.get, root.post):
                with call() as blob:
                    assert isinstance(blob, Blob)
                    assert blob.content_type == "text/plain; charset=utf-8"
                    assert blob.read() == DATA


class Breaking:
    """A server that sends `first` bytes of a file, and then closes; it notes what it is asked."""

    def __init__(self, first: int, *head: str, rest: str = "206") -> None:
        self.first = first
        self.head = head or ('ETag: "v1"', "Accept-Ranges: bytes")
        self.rest = rest
        self.asked: list[bytes] = []

    def __call__(self, running: Peer, connection: Any) -> None:
        request = running.read_request(connection)
        if not request:
            return
        self.asked.append(request)
        start, stop, sent = self._answer()
        status = "200 OK" if start is None else "206 Partial Content"
        lines = [f"HTTP/1.1 {status}", "Content-Type: text/plain", *self.head]
        lines.append(f"Content-Length: {stop - (start or 0)}")
        if start is not None:
            lines.append(f"Content-Range: bytes {start}-{stop - 1}/{len(DATA)}")
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + sent)

    def _answer(self) -> tuple[int | None, int, bytes]:
        """Where a part begins, where it ends, and what of it is sent."""
        if len(self.asked) == 1:
            return None, len(DATA), DATA[: self.first]
        if self.rest == "206":
            return self.first, len(DATA), DATA[self.first :]
        if self.rest == "shifted":
            return 0, len(DATA), DATA
        if self.rest == "changed":
            return None, len(DATA), bytes(len(DATA))
        assert self.rest == "again"
        return self.first, len(DATA), DATA[self.first : self.first + 10]


def sync_get(url: str) -> bytes:
    with glyph.Client(timeout=10) as client, client.get(url) as blob:
        return bytes(blob.read())


def async_get(url: str) -> bytes:
    async def body() -> bytes:
        async with glyph.AsyncClient(timeout=10) as client:
            with await client.get(url) as blob:
                return bytes(blob.read())

    return asyncio.run(body())


@pytest.fixture(params=[sync_get, async_get])
def fetch(request: pytest.FixtureRequest) -> Callable[[str], bytes]:
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("first", [1, 5_000, len(DATA) - 1])
def test_a_download_goes_on_where_it_broke_off(fetch: Callable[[str], bytes], first: int) -> None:
    script = Breaking(first)
    with peer(script) as there:
        assert fetch(there.url) == DATA
    assert len(script.asked) == 2
    assert b"Range: bytes=%d-\r\n" % first in script.asked[1]
    assert b'If-Range: "v1"\r\n' in script.asked[1]
    assert script.asked[1].startswith(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("script", "requests"),
    [
        (Breaking(5_000, rest="again"), 2),
        (Breaking(5_000, rest="changed"), 2),
        (Breaking(5_000, rest="shifted"), 2),
        (Breaking(5_000, 'ETag: W/"v1"', "Accept-Ranges: bytes"), 1),
        (Breaking(5_000, 'ETag: "v1"'), 1),
        (Breaking(5_000, "Accept-Ranges: bytes"), 1),
    ],
)
def test_once_and_only_for_the_same_version(script: Breaking, requests: int) -> None:
    for fetch in (sync_get, async_get):
        script.asked.clear()
        with peer(script) as there, pytest.raises(glyph.TransportError, match="cut short"):
            fetch(there.url)
        assert len(script.asked) == requests


def test_what_was_posted_is_not_asked_for_again() -> None:
    script = Breaking(5_000)
    with peer(script) as there, glyph.Client(timeout=10, addresses=["127.0.0.1"]) as client:
        form = glyph.Form(there.url, method="POST")
        with pytest.raises(glyph.TransportError):
            client_call(client, form)
    assert len(script.asked) == 1


def client_call(client: glyph.Client, form: glyph.Form) -> Any:
    """Call a form that came from nowhere."""
    from hyperglyph.client.page import Page, wrap
    from hyperglyph.transport.http.urls import Base

    url = form.url or ""
    return wrap(form, Base(url), Page(client, url))()


def test_what_is_no_regular_file_has_no_version() -> None:
    with open(os.devnull, "rb") as device:
        router = router_of(lambda: glyph.blob(device, "text/plain"))
        answer = ask(router, "GET", "/get", accept=ACCEPT)
        assert answer.header("etag") == etag_of(b"")
        content(answer)


def test_what_is_large_and_in_memory_has_none() -> None:
    router = router_of(lambda: glyph.blob(bytes(9_000_000), "text/plain"))
    answer = ask(router, "HEAD", "/get", accept=ACCEPT)
    assert (answer.header("etag"), answer.header("content-length")) == (None, "9000000")


def test_a_part_of_a_file_is_another_version(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)

    def make(start: int) -> glyph.Blob:
        file = path.open("rb")
        file.seek(start)
        return glyph.blob(file, "text/plain")

    tags: list[str | None] = []
    for start in (0, 0, 5):
        answer = ask(router_of(partial(make, start)), "HEAD", "/get", accept=ACCEPT)
        tags.append(answer.header("etag"))
        answer.close()
    assert tags[0] == tags[1] != tags[2]
