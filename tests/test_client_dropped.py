"""Answers that are dropped, and parts of downloads that are not what they say."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Serve
from http_peers import Peer, peer

import hyperglyph as glyph
from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport

DATA = bytes(range(256)) * 40
BROKEN = 5_000


def numbers(count: int) -> Iterator[int]:
    yield from range(count)


def hello() -> str:
    return "Hello"


def test_items_that_nobody_reads_give_their_connections_back(serve: Serve) -> None:
    url = serve(numbers, hello)

    async def body() -> None:
        async with glyph.AsyncClient(AsyncHttpxTransport(max_connections=2), timeout=5) as client:
            root = await client.get(url)
            for _ in range(5):
                await root.numbers(5)  # and dropped
            assert await root.hello() == "Hello"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.run(body())


def sync_get(url: str) -> bytes:
    with glyph.Client(timeout=5) as client, client.get(url) as blob:
        return bytes(blob.read())


def async_get(url: str) -> bytes:
    async def body() -> bytes:
        async with glyph.AsyncClient(timeout=5) as client:
            with await client.get(url) as blob:
                return bytes(blob.read())

    return asyncio.run(body())


class Part:
    """A server that breaks off, and then sends a part in chunks, which has no length."""

    def __init__(self, part: bytes, *head: str) -> None:
        self._part = part
        self._head = head
        self.asked = 0

    def __call__(self, running: Peer, connection: Any) -> None:
        if not running.read_request(connection):
            return
        self.asked += 1
        if self.asked == 1:
            lines = ["HTTP/1.1 200 OK", 'ETag: "v1"', "Accept-Ranges: bytes"]
            lines += [f"Content-Length: {len(DATA)}", "Content-Type: text/plain", "", ""]
            connection.sendall("\r\n".join(lines).encode() + DATA[:BROKEN])
            return
        size = len(DATA)
        lines = ["HTTP/1.1 206 Partial Content", f"Content-Range: bytes {BROKEN}-{size - 1}/{size}"]
        lines += ["Content-Type: text/plain", "Transfer-Encoding: chunked", *self._head, "", ""]
        chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(self._part), self._part)
        connection.sendall("\r\n".join(lines).encode() + chunk)


@pytest.mark.parametrize("fetch", [sync_get, async_get])
def test_a_part_in_chunks_is_taken(fetch: Callable[[str], bytes]) -> None:
    with peer(Part(DATA[BROKEN:])) as there:
        assert fetch(there.url) == DATA


@pytest.mark.parametrize("fetch", [sync_get, async_get])
@pytest.mark.parametrize(
    ("part", "head"),
    [
        (DATA[BROKEN:-10], ()),
        (DATA[BROKEN:] + b"more", ()),
        (DATA[BROKEN:], ("Content-Encoding: gzip",)),
        (DATA[BROKEN:], ('ETag: "v2"',)),
    ],
)
def test_a_part_that_is_not_what_it_says_is_no_download(
    fetch: Callable[[str], bytes], part: bytes, head: tuple[str, ...]
) -> None:
    with peer(Part(part, *head)) as there, pytest.raises(glyph.TransportError):
        fetch(there.url)
