"""Blobs: as files, and on the wire with their chunks."""

import io
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
from codec_help import content, fault_of, read, refuse, refuse_value, same

from hyperglyph.codec import (
    Blob,
    DecodeError,
    EncodeError,
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


class Pipe(io.RawIOBase):
    """A stream that cannot seek, and gives less than it is asked for."""

    def __init__(self, data: bytes, most: int = 7) -> None:
        self.data = io.BytesIO(data)
        self.most = most

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self.data.read(self.most if size < 0 else min(size, self.most))


def pipe(data: bytes, most: int = 7) -> Blob:
    stream: Any = Pipe(data, most)
    return Blob(stream, "text/plain")


# --- A file ---------------------------------------------------------------------------------------


def test_a_blob_reads_like_a_binary_file() -> None:
    with Blob(b"hello\nworld\n", "text/plain", url="/x") as blob:
        assert (blob.content_type, blob.url, blob.size) == ("text/plain", "/x", 12)
        assert blob.attributes == {"content-type": "text/plain", "url": "/x"}
        assert blob.readable()
        assert blob.seekable()
        assert not blob.writable()
        assert blob.read(3) == b"hel"
        assert blob.tell() == 3
        assert blob.read1(2) == b"lo"
        assert blob.read(None) == b"\nworld\n"
        assert blob.read() == b""
        assert blob.seek(-6, io.SEEK_END) == 6
        assert blob.read1() == b"world\n"
        assert blob.seek(1) == 1
        assert blob.seek(1, io.SEEK_CUR) == 2
        buffer = bytearray(3)
        assert blob.readinto(buffer) == 3
        assert buffer == b"llo"
        blob.seek(0)
        assert list(blob) == [b"hello\n", b"world\n"]
        blob.seek(100)
        assert blob.read() == b""
        assert repr(blob) == "<Blob 'text/plain', 12 bytes>"
    assert blob.closed
    assert repr(blob) == "<Blob 'text/plain', closed>"
    blob.close()


def test_a_text_wrapper_reads_it() -> None:
    assert io.TextIOWrapper(Blob("é\n".encode(), "text/plain"), "utf-8").read() == "é\n"


@pytest.mark.parametrize("buffer", [b"ab", bytearray(b"ab"), memoryview(b"ab")])
def test_content_is_any_buffer(buffer: bytes) -> None:
    assert content(Blob(buffer, "text/plain")) == b"ab"


def test_a_file_is_read_from_where_it_stands_and_left_open(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        file.seek(4)
        blob = Blob(file, "text/plain")
        assert blob.size == 6
        assert blob.read() == b"456789"
        assert blob.seek(0) == 0
        assert blob.read(1) == b"4"
        other = blob.dup()
        assert (other.read(2), blob.read(2)) == (b"45", b"56")
        blob.close()
        assert other.read(1) == b"6"
        other.close()
        assert not file.closed
        file.seek(8)
        late = Blob(file, "text/plain")
        os.truncate(path, 2)
        assert (late.size, late.read()) == (0, b"")


def test_own_content_is_closed_with_its_last_reader() -> None:
    blob = Blob(b"ab", "text/plain")
    other = blob.dup()
    blob.close()
    assert other.read() == b"ab"
    other.close()
    with pytest.raises(ValueError, match="the blob is closed"):
        other.dup()


@pytest.mark.parametrize(
    "use",
    [
        lambda blob: blob.read(),
        lambda blob: blob.seek(0),
        lambda blob: blob.dup(),
        lambda blob: blob.size,
        lambda blob: list(blob.chunks()),
    ],
)
def test_closed(use: Any) -> None:
    blob = Blob(b"ab", "text/plain")
    blob.close()
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        use(blob)
    assert str(caught.value) == "the blob is closed"


def test_bad_seeks() -> None:
    blob = Blob(b"ab", "text/plain")
    with pytest.raises(ValueError, match="whence is 0, 1 or 2, not 3"):
        blob.seek(0, 3)
    with pytest.raises(ValueError, match="cannot seek before the beginning of the blob"):
        blob.seek(-1)
    assert blob.tell() == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((b"", None), "content_type is a str, not NoneType"),
        ((b"", b"text/plain"), "content_type is a str, not bytes"),
        (("text", "text/plain"), "content is bytes or a binary file, not str"),
        ((io.StringIO("a"), "text/plain"), "content is a text file; open it in binary mode"),
        ((5, "text/plain"), "content is bytes or a binary file, not int"),
    ],
)
def test_constructor(arguments: tuple[Any, Any], says: str) -> None:
    with pytest.raises(TypeError) as caught:
        Blob(*arguments)
    assert str(caught.value) == says


def test_the_url_is_text() -> None:
    with pytest.raises(TypeError, match="url is a str, not int"):
        Blob(b"", "text/plain", url=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_blobs_are_equal_only_to_themselves() -> None:
    blob = Blob(b"", "text/plain")
    assert blob != Blob(b"", "text/plain")
    assert {blob: 1}[blob] == 1


def test_readers_in_many_threads() -> None:
    data = os.urandom(200_000)
    blob = Blob(data, "text/plain")
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: b"".join(blob.dup().chunks()) == data, range(32)))


# --- A stream -------------------------------------------------------------------------------------


def test_a_stream_is_read_once() -> None:
    blob = pipe(b"hello world")
    assert repr(blob) == "<Blob 'text/plain', streamed bytes>"
    assert blob.size is None
    assert not blob.seekable()
    assert blob.read(3) == b"hel"
    assert blob.tell() == 3
    for use in (lambda: blob.seek(0), blob.dup):
        with pytest.raises(io.UnsupportedOperation) as caught:
            use()
        assert str(caught.value) == "the blob comes from a stream that cannot seek"
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        list(blob.chunks())
    assert str(caught.value) == "the blob was read already, and its stream cannot be rewound"
    refuse_value(blob, f"{caught.value} (at $)")
    blob.close()
    with pytest.raises(ValueError, match="the blob is closed"):
        blob.read()


def test_a_stream_is_sent_in_full_chunks() -> None:
    data = bytes(range(256)) * 300
    wire = encode(pipe(data, 1000))
    assert wire == encode(Blob(data, "text/plain"))
    assert content(decode(wire)) == data


def test_a_stream_is_sent_once() -> None:
    blob = pipe(b"ab")
    says = "the blob was read already, and its stream cannot be rewound"
    with pytest.raises(EncodeError, match=says):
        encode([blob, blob])
    assert encode(blob) == HEAD + b"c0:2:ab;c0;"
    refuse_value(blob, f"{says} (at $)")


# --- On the wire ----------------------------------------------------------------------------------


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
        expected = (Truncated, f"the message is cut short (at byte {len(cut)})")
        assert fault_of(partial(attempt, cut)) == expected
        expected = (DecodeError, f"'z' after the end of the message (at byte {len(wire)})")
        assert fault_of(partial(attempt, longer)) == expected
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
    assert encode_pieces([first, pipe(b"x")]).size is None


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class Full(io.BytesIO):
    """A temporary file on a disk that is full."""

    opened: list["Full"]

    def write(self, data: Any, /) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("attempt", [decode, lambda wire: read(wire, 9)])
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
