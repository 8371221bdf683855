"""Blobs as files. What they are on the wire is tested in test_codec_chunks.py."""

import copy
import io
import os
import pickle
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, cast

import pytest
from codec_help import content, refuse_value

from hyperglyph.codec import (
    Blob,
    EncodeError,
    decode,
    encode,
)

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
    blob: Any = Blob("é\n".encode(), "text/plain")
    assert io.TextIOWrapper(blob, "utf-8").read() == "é\n"


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


USES: list[Callable[[Blob], object]] = [
    lambda blob: blob.read(),
    lambda blob: blob.seek(0),
    lambda blob: blob.dup(),
    lambda blob: blob.size,
    lambda blob: list(blob.chunks()),
]


@pytest.mark.parametrize("use", USES)
def test_closed(use: Any) -> None:
    blob = Blob(b"ab", "text/plain")
    blob.close()
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        use(blob)
    assert str(caught.value) == "the blob is closed"


def test_a_closed_blob_is_not_sent() -> None:
    blob = Blob(b"ab", "text/plain")
    blob.close()
    refuse_value({"k": blob}, "the blob is closed (at $.k)")


def test_discard_closes_the_file_of_the_caller_too() -> None:
    file = io.BytesIO(b"ab")
    blob = Blob(file, "text/plain")
    other = blob.dup()
    blob.discard()
    assert blob.closed
    assert other.read() == b"ab"
    other.close()
    assert file.closed
    stream: Any = Pipe(b"ab")
    blob = Blob(stream, "text/plain")
    blob.discard()
    assert blob.closed
    assert stream.closed
    blob.discard()


def test_a_blob_of_a_given_spool() -> None:
    spool = io.BytesIO()
    blob = Blob.from_wire({"content-type": "a/b"}, spool)
    blob.write_spool(b"abc")
    assert blob.read() == b"abc"
    blob.close()
    assert spool.closed


def expected() -> Blob:
    blob = Blob.from_wire({"content-type": "a/b"}, io.BytesIO(b"abc"))
    blob.expect_reader()
    return blob


def test_a_blob_that_waits_for_a_reader_warns_if_none_comes() -> None:
    blob = expected()
    with pytest.warns(ResourceWarning, match="never read: <Blob"):
        del blob


@pytest.mark.parametrize("use", [Blob.read, Blob.close, Blob.discard])
def test_a_blob_that_was_used_does_not_warn(use: Callable[[Blob], object]) -> None:
    blob = expected()
    use(blob)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del blob
    assert caught == []


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
        contents = pool.map(content, [blob] * 32)
        assert all(octets == data for octets in contents)


# --- A stream -------------------------------------------------------------------------------------


def test_a_stream_is_read_once() -> None:
    blob = pipe(b"hello world")
    assert repr(blob) == "<Blob 'text/plain', streamed bytes>"
    assert blob.size is None
    assert not blob.seekable()
    assert blob.read(3) == b"hel"
    assert blob.tell() == 3
    for use in (lambda: blob.seek(0), blob.dup):
        with pytest.raises(io.UnsupportedOperation) as refused:
            use()
        assert str(refused.value) == "the blob comes from a stream that cannot seek"
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
    with pytest.raises(EncodeError) as caught:
        encode([{"a": blob, "b": blob}])
    assert caught.value.path == "$[0].b"
    assert encode(blob) == HEAD + b"c0:2:ab;c0;"
    refuse_value(blob, f"{says} (at $)")


def test_a_blob_is_no_value_to_keep() -> None:
    with Blob(b"content", "text/plain") as blob, pytest.raises(TypeError) as caught:
        pickle.dumps(blob)
    assert str(caught.value) == (
        "a blob reads from a file and cannot be pickled: keep what read() gives"
    )


def test_a_copy_is_another_reader() -> None:
    blob = Blob(b"content", "text/plain")
    other = copy.copy(blob)
    assert other.read(3) == b"con"
    other.close()
    assert blob.read() == b"content"


def test_the_file_on_disk_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        assert Blob(file, "text/plain").fileno() == file.fileno()
    with SpooledTemporaryFile() as spool:
        spool.write(b"content")
        blobs = [Blob(b"content", "x/y"), pipe(b"ab"), Blob(cast("Any", spool), "x/y")]
        for blob in blobs:
            with pytest.raises(io.UnsupportedOperation):
                blob.fileno()
        assert not cast("Any", spool)._rolled
