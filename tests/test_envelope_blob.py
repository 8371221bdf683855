"""The blob envelope: a file as the body, its name in Content-Disposition, large, cut and slow."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from envelopes_help import FILE, TYPED, Pipe, cell
from http_peers import exchange, port_of, status_of
from object_help import local, value
from object_help import serve as router_of

import hyperglyph as glyph
from hyperglyph.codec import Form, decode, encode
from hyperglyph.transport.http.disposition import pack_name, unpack_name
from hyperglyph.transport.http.forms import pack
from hyperglyph.transport.http.messages import Incoming

# --- names in Content-Disposition -----------------------------------------------------------------

NAMES = [
    "a", "a b", 'a"b', "a\\b", "a\\", '"', "", "a;b", "a=b", "name*", "é", "日本", "\U0001f600",
    "a\r\nCookie: x", "\0", "\x1b[2J", "\n", "a%0D%0A", "UTF-8''x", "%", "'", "\x7f", "../../x",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_name_comes_back_and_none_ends_the_header(name: str) -> None:
    header = pack_name(name)
    assert header.isascii()
    assert header.isprintable()
    assert unpack_name(header) == name


@pytest.mark.parametrize("name", [name for name in NAMES if name])
def test_hostile_names_of_a_page_over_a_socket(name: str, serve: Any, no_leaks: None) -> None:
    form = Form("upload", method="PUT", values=[name])

    @glyph.method("PUT")
    def upload(content: glyph.Blob) -> int:
        raise AssertionError(content)

    @glyph.safe
    def offer() -> Form:
        return form

    with glyph.Client(timeout=10) as client:
        given = client.get(serve(upload, offer)).offer()
        with pytest.raises(glyph.BadRequest, match="unexpected argument"):
            given(**{name: glyph.blob(b"x", "a/b")})


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Form-Data;name=a", "a"),
        ('form-data ; filename="x" ; NAME = "a"', "a"),
        ("form-data; name=b; name*=utf-8'en'%C3%A9", "é"),
        ('form-data; name="a\\\'b"', "a'b"),
    ],
)
def test_other_spellings(header: str, name: str) -> None:
    assert unpack_name(header) == name


@pytest.mark.parametrize(
    "header",
    [
        "", "attachment; name=a", "form-data", 'form-data; filename="a"', "form-data; name=",
        'form-data; name="a', "form-data; name=a b", "form-data; name=a; name=b",
        "form-data name=a",
        "form-data; name*=a", "form-data; name*=latin-1''a", "form-data; name*=UTF-8''%zz",
        "form-data; name*=UTF-8''%ff", "form-data; name*=UTF-8''%", 'form-data; name="\xe9"',
        'form-data; name="a\x00"', 'form-data; name="a\\\n"', "form-data; name=a;",
    ],
)  # fmt: skip
def test_malformed_ones(header: str) -> None:
    with pytest.raises(glyph.BadRequest, match="Content-Disposition"):
        unpack_name(header)


# --- files that are large, cut or too many --------------------------------------------------------


def head(length: int, *lines: str, method: str = "PUT", path: str = "/upload") -> bytes:
    fields = [
        f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}",
        "Content-Type: a/b", 'Content-Disposition: form-data; name="content"', *lines,
    ]  # fmt: skip
    return "\r\n".join([*fields, "", ""]).encode()


called: list[int] = []


@glyph.method("PUT")
def upload(content: glyph.Blob) -> int:
    called.append(content.size or 0)
    return content.size or 0


def test_a_cut_or_stalled_upload_is_no_call(serve: Any, no_leaks: None) -> None:
    called.clear()
    url = serve(upload, idle=0.2)
    assert status_of(exchange(url, head(3_000_000) + b"x" * 2_000_000)) == 408
    chunked = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    assert status_of(exchange(url, chunked + b"2\r\nxx\r\nzz\r\n")) == 400
    assert called == []
    assert status_of(exchange(url, chunked + b"2\r\nxx\r\n0\r\n\r\n")) == 200
    assert called == [2]


def test_limits_of_a_blob(serve: Any, no_leaks: None) -> None:
    called.clear()
    router = glyph.Router(limits=glyph.Limits(blob_size=1000))
    url = serve(upload, router=router)
    assert status_of(exchange(url, head(1000, "Connection: close") + b"x" * 1000)) == 200
    assert status_of(exchange(url, head(1001, "Connection: close"))) == 413
    chunked = head(0, "Connection: close").replace(
        b"Content-Length: 0", b"Transfer-Encoding: chunked"
    )
    assert status_of(exchange(url, chunked + b"3e9\r\n" + b"x" * 1001)) == 413
    assert called == [1000]


@pytest.mark.parametrize("envelope", ["blob", "form"])
def test_the_time_that_a_file_takes_is_not_the_calls(envelope: str) -> None:
    @glyph.method("PUT", envelope=envelope)
    def left(content: glyph.Blob) -> float:
        assert content.size == 5
        found = glyph.context().time_left
        assert found is not None
        return found

    body = b"01234" if envelope == "blob" else encode({"content": glyph.blob(b"01234", "a/b")})

    def slow() -> Iterator[bytes]:
        for piece in (body[:-2], body[-2:-1], body[-1:]):
            yield piece
            time.sleep(0.2)

    router = router_of(left)
    headers = {**(FILE if envelope == "blob" else TYPED), "Hyperglyph_Timeout": "0.3"}
    fields = [("Host", "localhost"), *((k.replace("_", "-"), v) for k, v in headers.items())]
    answer = router.handle(Incoming("PUT", "/left", fields, slow(), target="/left"))
    assert 0.1 < value(answer) <= 0.3


def test_a_local_call_holds_no_file_in_memory(no_leaks: None) -> None:
    class Endless(Pipe):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.taken += len(data := b"x" * (size or 0))
            return data

    stream: Any = Endless(b"")
    router = glyph.Router(limits=glyph.Limits(blob_size=3_000_000))
    router.add(upload)
    for target in (router, router.wsgi):
        with pytest.raises(glyph.ContentTooLarge, match="more than 3000000 bytes"):
            local(target).upload(glyph.blob(stream, "a/b"))
        assert 3_000_000 <= stream.taken < 4_000_000
        stream = Endless(b"")


def test_other_calls_are_served_while_one_uploads(serve: Any, no_leaks: None) -> None:
    url = serve(upload, cell("POST", "none"), threads=2)
    with socket.create_connection(("127.0.0.1", port_of(url)), 5) as slow:
        slow.sendall(head(10, "Connection: close") + b"12345")
        with glyph.Client(timeout=5) as client:
            assert client.get(url).none() == ["POST"]
        slow.sendall(b"67890")
        answer = b""
        while piece := slow.recv(65536):
            answer += piece
    assert decode(answer.partition(b"\r\n\r\n")[2]) == 10


@pytest.mark.parametrize("size", [4, 6])
def test_a_file_that_changes_while_it_is_sent(size: int) -> None:
    file = io.BytesIO(b"x" * 5)

    form = Form("f", method="PUT", values=["a"])
    body = pack(form, "http://h/f", [("a", glyph.blob(file, "a/b"))]).body
    assert body is not None
    assert body.rest is not None
    assert body.length == 5
    file.truncate(min(size, 5))
    file.seek(0, io.SEEK_END)
    file.write(b"y" * (size - 5))
    sent = b""
    with pytest.raises(ValueError, match="changed its size"):  # noqa: PT012
        for piece in body.rest:
            sent += piece
    assert len(sent) <= 5
