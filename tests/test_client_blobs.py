"""Blobs in the hand of the caller: spooled, read, left unread, sent, sent again."""

from __future__ import annotations

import gc
import io
import socket
import tempfile
import warnings
from pathlib import Path
from typing import IO, Any

import pytest
from http_peers import Peer, answers, peer, response
from scripted import ROOT, bare, opened, page

import hyperglyph as glyph
from hyperglyph.codec import Extension, Form, Resource, encode

pytestmark = pytest.mark.usefixtures("face")


class Pipe(io.BufferedIOBase):
    """A stream that cannot be rewound."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return self._data.read(size)


def pipe(data: bytes) -> Any:
    return Pipe(data)


def test_they_are_whole_when_the_call_returns(no_leaks: None) -> None:
    content = bytes(range(256)) * 8192
    value = [glyph.blob(content, "a/b")]
    with glyph.Client() as client, peer(answers(response(200, encode(value)))) as server:
        (blob,) = client.get(server.url)
    with blob:  # the connection is long gone
        blob.seek(-4, io.SEEK_END)
        assert blob.read() == content[-4:]
        blob.seek(0)
        with blob.dup() as other:
            assert other.read(10) == content[:10]
        assert blob.read() == content


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
@pytest.mark.parametrize("raw", [True, False])
def test_one_that_nobody_reads_warns_and_is_closed(raw: bool, size: int) -> None:
    content = b"x" * size
    answer = bare(200, content, Content_Type="a/b") if raw else page([glyph.blob(content, "a/b")])
    root, _ = opened(answer)
    value = root.f(1)
    blob = value if raw else value.pop()
    kept = [blob]
    file = blob._shared.file
    del value, blob
    with pytest.warns(ResourceWarning, match=rf"never read: <Blob 'a/b', {size} bytes>"):
        kept.clear()
    assert file.closed


def test_those_that_were_used_do_not_warn() -> None:
    def use(blob: glyph.Blob, how: int) -> None:
        if how == 0:
            blob.read(1)
        elif how == 1:
            blob.close()
        elif how == 2:
            blob.dup().close()
        elif how == 3:
            blob.readline()
        else:
            root.f(blob)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for how in range(5):
            root, _ = opened(page(glyph.blob(b"xy", "a/b")), page(1))
            use(root.f(1), how)
            gc.collect()


def test_blobs_of_a_message_that_failed_leave_nothing_behind(no_leaks: None) -> None:
    whole = encode([glyph.blob(b"x" * 3_000_000, "a/b")])
    for body in (whole[:-1], whole + b"x", whole[:1000]):
        root, _ = opened(bare(200, body, Content_Type="application/vnd.hyperglyph"))
        with pytest.raises(glyph.DecodeError):
            root.f(1)
        gc.collect()


def test_their_urls_are_absolute() -> None:
    blobs = [glyph.Blob(b"", "a/b", url="x?y"), glyph.Blob(b"", "a/b")]
    odd = glyph.Blob.from_wire({"content-type": "a/b", "url": 3})
    inner = glyph.Blob(b"", "a/b", url="z")
    value = [*blobs, odd, Extension("opaque", {"url": "deep/"}, inner)]
    root, transport = opened(page(value), page(1), root=ROOT)
    received = root.f(1)
    assert received[0].url == "http://h/root/x?y"
    assert received[1].url is None
    assert received[2].attributes["url"] == 3
    assert received[3].content.url == "http://h/root/deep/z"
    assert root.f(received[0]) == 1
    sent = transport.sent(2)["a"]
    assert (sent.url, sent.read()) == ("http://h/root/x?y", b"")
    for blob in (*received[:3], received[3].content, sent, odd):
        blob.close()


def test_a_blob_in_a_resource_waits_for_its_reader() -> None:
    root, _ = opened(root=Resource({"b": glyph.blob(b"abc", "a/b")}, url="r/"))
    with root.b as blob:
        assert blob is root.b
        assert blob.read() == b"abc"


# --- sending ----------------------------------------------------------------------------------


def sources(directory: Path) -> list[IO[bytes] | bytes]:
    path = directory / "file"
    path.write_bytes(b"skipped, content")
    file = path.open("rb")
    file.seek(9)
    spooled: Any = tempfile.SpooledTemporaryFile()  # noqa: SIM115
    spooled.write(b"content")
    spooled.seek(0)
    return [b"content", io.BytesIO(b"content"), file, spooled]


def test_sent_twice_they_are_rewound(tmp_path: Path) -> None:
    for source in sources(tmp_path):
        root, transport = opened(page(1), page(2))
        blob = glyph.blob(source, "a/b")
        assert blob.read(3) == b"con"
        root.f(blob)
        root.f([blob, blob])
        for request, count in zip(transport.requests[1:], (1, 2), strict=True):
            assert isinstance(request.body, bytes)
            assert request.body.count(b":7:content") == count
        if not isinstance(source, bytes):
            assert not source.closed  # it belongs to the caller
            source.close()


def test_what_cannot_be_rewound_goes_once() -> None:
    root, transport = opened(page(1))
    blob = glyph.blob(pipe(b"content"), "a/b")
    with pytest.raises(ValueError, match="cannot be rewound"):
        root.f([blob, blob])
    assert root.f(blob) == 1
    with pytest.raises(ValueError, match=r"cannot be rewound .at \$\.a"):
        root.f(blob)
    closed = glyph.blob(b"", "a/b")
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        root.f(closed)
    assert len(transport.requests) == 2


@pytest.mark.parametrize("status", [307, 308])
def test_redirected_bodies(status: int) -> None:
    root, transport = opened(bare(status, Location="there"))
    with pytest.raises(glyph.RemoteError, match="cannot be rewound") as caught:
        root.f(glyph.blob(pipe(b"content"), "a/b"))
    assert caught.value.status == status
    assert len(transport.requests) == 2
    root, transport = opened(bare(status, Location="there"), page(1))
    assert root.f(glyph.blob(io.BytesIO(b"content"), "a/b")) == 1
    assert transport.requests[1].body == transport.requests[2].body


class Failing(Pipe):
    """A file on a disk that fails: at first, or after some bytes."""

    def __init__(self, error: Exception, after: int) -> None:
        super().__init__(b"x" * after)
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data:
            raise self._error
        return data


def failing(error: Exception, after: int) -> Any:
    return Failing(error, after)


@pytest.mark.parametrize("error", [OSError("disk"), ValueError("closed"), TimeoutError("nfs")])
@pytest.mark.parametrize("after", [0, 10, 1_000_000])
def test_errors_of_the_callers_own_file_come_out_as_they_are(
    error: Exception, after: int, no_leaks: None
) -> None:
    ok = response(200, encode(Resource({"f": Form("f", values=["a"])})))

    def script(running: Peer, connection: socket.socket) -> None:
        running.read_request(connection)
        connection.sendall(ok)
        while connection.recv(65536):
            pass

    with peer(script) as server, glyph.Client() as client:
        root = client.get(server.url)
        with pytest.raises(type(error), match=str(error)) as caught:
            root.f(glyph.blob(failing(error, after), "a/b"))
        assert caught.value is error
