"""Blobs on the wire: their heads and chunks, limits, and the temporary files behind them."""

import io
import os
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
from codec_help import content, fault_of, read, refuse, refuse_value, same

from hyperglyph.codec import (
    Blob,
    DecodeError,
    LimitExceeded,
    Limits,
    Reader,
    Truncated,
    decode,
    encode,
    encode_pieces,
)
from hyperglyph.codec.blob import CHUNK_SIZE, SPOOL_SIZE

HEAD = b"B0:Du12:content-type;u10:text/plain;;;"


class Stream(io.BytesIO):
    def seekable(self) -> bool:
        return False


def test_encoding() -> None:
    assert encode(Blob(b"", "text/plain")) == HEAD + b"c0;"
    assert encode(Blob(b"ab", "text/plain")) == HEAD + b"c0:2:ab;c0;"
    blob = Blob(b"x", "text/plain")
    blob.read()
    second = HEAD.replace(b"B0", b"B1")
    assert encode([blob, blob]) == b"L" + HEAD + second + b";c0:1:x;c0;c1:1:x;c1;"


@pytest.mark.parametrize("size", [CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE])
def test_chunks(size: int) -> None:
    wire = encode(Blob(b"x" * size, "text/plain"))
    expected = HEAD
    for length in [CHUNK_SIZE] * (size // CHUNK_SIZE) + [size % CHUNK_SIZE]:
        expected += b"c0:%d:%b;" % (length, b"x" * length) if length else b""
    assert wire == expected + b"c0;"
    assert content(decode(wire)) == b"x" * size
    assert content(read(wire, 1000)) == b"x" * size


def test_decoding() -> None:
    blob = decode(b"B0:D;;c0:2:ab;c0:00:;c00:1:c;c0;")
    assert type(blob) is Blob
    assert (blob.attributes, blob.content_type, blob.url) == ({}, "application/octet-stream", None)
    assert (blob.size, blob.tell(), blob.read()) == (3, 0, b"abc")
    assert repr(blob) == "<Blob 'application/octet-stream', 3 bytes>"


def test_attributes() -> None:
    blob = decode(b"B7:Ou12:content-type;b3:a/b;u3:url;u1:/;u1:x;L;;;\nc7; ")
    assert (blob.content_type, blob.url, blob.attributes["x"]) == ("a/b", "/", [])
    assert encode(blob) == b"B0:Ou12:content-type;b3:a/b;u3:url;u1:/;u1:x;L;;;c0;"
    wrong = decode(b"B0:Du12:content-type;i1;u3:url;i1;;;c0;")
    for name, says in [
        ("content_type", "blob: 'content-type' is not text but int"),
        ("url", "blob: 'url' is not text but int"),
    ]:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
            getattr(wrong, name)
        assert str(caught.value) == says


def test_chunks_may_interleave() -> None:
    wire = b"LB1:D;;B0:D;;;c0:1:a; c1:1:x;\nc0:1:b;c0;c1:2:y;;c1; \t"
    for value in (decode(wire), read(wire), read(wire, 3)):
        assert [content(blob) for blob in value] == [b"xy;", b"ab"]
        assert encode(value).endswith(b"c0:3:xy;;c0;c1:2:ab;c1;")


def test_a_blob_in_the_attributes_of_a_blob() -> None:
    outer = decode(b"B0:Du1:a;B1:D;;;;c0;c1:1:x;c1;")
    assert content(outer.attributes["a"]) == b"x"
    says = "a blob in the attributes of a blob (at $.attributes.a)"
    refuse_value(outer, says)


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (b"B:D;;", "malformed length or id: digits expected (at byte 0)"),
        (b"B-1:D;;", "malformed length or id: digits expected (at byte 0)"),
        (b"B 0:D;;", "malformed length or id: digits expected (at byte 0)"),
        (b"B12345678901", "length or id of more than 10 digits after 64 zeros (at byte 0)"),
        (b"B0;D;;", "':' expected after the id of a blob, found ';' (at byte 0)"),
        (b"B0: D;;", "the attributes of a blob are a dict, found ' ' (at byte 3)"),
        (b"B0:N;;", "the attributes of a blob are a dict, found 'N' (at byte 3)"),
        (b"B0:D; ;", "unknown type ' ' (at byte 5)"),
        (b"B0:D;N;;", "';' expected at the end of a blob, found 'N' (at byte 5)"),
        (b"B0:D;D;;", "';' expected at the end of a blob, found 'D' (at byte 5)"),
        (b"B0:Di1;N;;;", "the name of an attribute is text, not int (at byte 4)"),
        (b"LB0:D;;B00:D;;;", "blob id 0 appears twice (at byte 7)"),
        (b"B0:Du1:a;B0:D;;;;", "blob id 0 appears twice (at byte 9)"),
        (b"B0:D;;c1;", "chunk for blob 1, which is not in the message (at byte 6)"),
        (b"B0:D;;c0;c0;", "chunk for blob 0, which has ended already (at byte 9)"),
        (b"B0:D;;c0;c0:1:x;", "chunk for blob 0, which has ended already (at byte 9)"),
        (b"B0:D;;c;", "malformed length or id: digits expected (at byte 6)"),
        (b"B0:D;;c0:x:;", "malformed length or id: digits expected (at byte 6)"),
        (b"B0:D;;c0:1;", "malformed chunk: found ';' (at byte 6)"),
        (b"B0:D;;c0 ;", "malformed chunk: found ' ' (at byte 6)"),
        (b"B0:D;;c0:1:xy", "';' expected, found 'y' (at byte 12)"),
        (b"B0:D;;c0:0:x", "';' expected, found 'x' (at byte 11)"),
        (b"B0:D;;i1;", "'i' after the end of the message (at byte 6)"),
        (b"B0:D;;c0;;", "';' after the end of the message (at byte 9)"),
    ],
)
def test_malformed(wire: bytes, says: str) -> None:
    refuse(wire, says)


@pytest.mark.parametrize("length", range(21))
def test_cut(length: int) -> None:
    wire = b"B0:D;;c0:2:ab; c0;c0"[:length]
    if length < 18:
        refuse(wire, f"the message is cut short (at byte {length})", Truncated)


def test_limits_of_blobs() -> None:
    limits = Limits(blobs=2, blob_size=3, message=40)
    says = "more than 2 blobs (at byte 13)"
    refuse(b"LB0:D;;B1:D;;B2:D;;;", says, LimitExceeded, limits=limits)
    assert len(decode(b"LB0:D;;B1:D;;;c0;c1;", limits=limits)) == 2
    blob = Blob(b"x", "a/b")
    third = Blob(b"x", "a/b")
    refuse_value([blob, blob, third], "more than 2 blobs (at $[2])", limits=limits)
    assert content(decode(b"B0:D;;c0:2:ab;c0:1:c;c0;", limits=limits)) == b"abc"
    says = "blob of more than 3 bytes (at byte 14)"
    refuse(b"B0:D;;c0:2:ab;c0:2:cd;c0;", says, LimitExceeded, limits=limits)
    says = "blob of more than 3 bytes (at byte 6)"
    refuse(b"B0:D;;c0:9999999999:", says, LimitExceeded, limits=limits)
    heads = b"B0:D;;" + b"c0:0:;" * 20
    says = "message of more than 40 bytes (at byte 42)"
    refuse(heads, says, LimitExceeded, limits=limits)


def test_big_blobs_go_to_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = b"x" * (SPOOL_SIZE + 1)
    before = descriptors()
    blob = decode(encode(Blob(data, "text/plain")))
    assert descriptors() == before + 1
    assert list(tmp_path.iterdir()) == []
    other = blob.dup()
    blob.close()
    assert content(other) == data
    other.close()
    assert descriptors() == before


def test_a_fault_closes_blobs_and_their_files() -> None:
    wire = encode(Blob(b"x" * (SPOOL_SIZE + 1), "text/plain"))
    cut, longer = wire[:-1], wire + b"z"
    before = descriptors()
    for attempt in (decode, partial(read, size=65_536)):
        says = f"the message is cut short (at byte {len(cut)})"
        assert fault_of(partial(attempt, cut)) == (Truncated, says)
        says = f"'z' after the end of the message (at byte {len(wire)})"
        assert fault_of(partial(attempt, longer)) == (DecodeError, says)
        assert descriptors() == before


def test_a_reader_that_is_left_closes_its_blobs() -> None:
    reader = Reader()
    reader.feed(b"B0:D;;c0:3:ab")
    blob = reader.root
    with pytest.raises(Truncated):
        reader.close()
    assert blob.closed


def test_the_size_of_pieces() -> None:
    first, second = Blob(b"x" * (2 * CHUNK_SIZE + 1), "text/plain"), Blob(b"", "text/plain")
    for value in (5, first, [first, second, "x" * 70_000], Blob(b"x" * CHUNK_SIZE, "a/b")):
        pieces = encode_pieces(value)
        assert pieces.size == len(b"".join(pieces)) == len(encode(value))
        assert b"".join(pieces) == encode(value)
        assert b"".join([pieces.root, *pieces.trailers()]) == encode(value)
    stream: Any = Stream(b"x")
    assert encode_pieces([first, Blob(stream, "a/b")]).size is None


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class Full(io.BytesIO):
    """A temporary file on a disk that is full."""

    opened: list["Full"]

    def write(self, data: Any, /) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("attempt", [decode, partial(read, size=9)])
def test_a_full_disk_passes_through(attempt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Full] = []

    def spool(**_: Any) -> IO[bytes]:
        made.append(Full())
        return made[-1]

    monkeypatch.setattr("hyperglyph.codec.blob.SpooledTemporaryFile", spool)
    before = descriptors()
    with pytest.raises(OSError, match="No space left on device"):
        attempt(b"LB0:D;;B1:D;;;c1:1:x;c0;c1;")
    assert [file.closed for file in made] == [True, True]
    assert descriptors() == before


def test_a_full_disk_when_the_spool_leaves_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_file(*_: Any, **__: Any) -> IO[bytes]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse_file)
    wire = encode(Blob(b"x" * (SPOOL_SIZE + 1), "text/plain"))
    before = descriptors()
    with pytest.raises(OSError, match="No space left on device"):
        decode(wire)
    reader = Reader()
    with pytest.raises(OSError, match="No space left on device"):
        reader.feed(wire)
    assert reader.root.closed
    assert descriptors() == before


class Broken(io.BytesIO):
    def read(self, *_: Any) -> bytes:
        raise OSError("the tape is torn")


def test_an_error_of_the_callers_file_passes_through() -> None:
    pieces = iter(encode_pieces(Blob(Broken(b"abc"), "text/plain")))
    assert next(pieces) == HEAD
    with pytest.raises(OSError, match="the tape is torn"):
        next(pieces)


def test_encode_pieces_reads_files_as_it_goes() -> None:
    gate = threading.Event()

    class Watched(io.BytesIO):
        def read(self, *arguments: Any) -> bytes:
            gate.set()
            return super().read(*arguments)

    pieces = iter(encode_pieces(Blob(Watched(b"x" * 3 * CHUNK_SIZE), "text/plain")))
    assert next(pieces) == HEAD
    assert not gate.is_set()
    rest = list(pieces)
    assert gate.is_set()
    assert max(map(len, rest)) <= CHUNK_SIZE + 20
    assert same(content(decode(HEAD + b"".join(rest))), b"x" * 3 * CHUNK_SIZE)
