"""`Blob`: bytes that travel beside a message instead of inside it.

A blob is a binary file with attributes. Its content is bytes, a file of the caller's, or a spool
that the decoder fills: memory up to 1 MiB, then a temporary file that has no name.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator, Mapping
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final, Never, cast

__all__ = ["CHUNK_SIZE", "DEFAULT_CONTENT_TYPE", "SPOOL_SIZE", "Blob"]

DEFAULT_CONTENT_TYPE: Final = "application/octet-stream"  # REQ-BLB-2
SPOOL_SIZE: Final = 1024 * 1024
CHUNK_SIZE: Final = 65_536  # REQ-CAN-2
_WHENCE: Final = (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END)


class _Shared:
    """A seekable file, the lock of its readers, and how many blobs still use it."""

    def __init__(self, file: IO[bytes], *, owned: bool, start: int = 0) -> None:
        self.file = file
        self.owned = owned
        self.start = start
        self.lock = threading.Lock()
        self.users = 1

    def read(self, position: int, size: int) -> bytes:
        with self.lock:
            self.file.seek(self.start + position)
            return self.file.read(size)

    def size(self) -> int:
        with self.lock:
            return max(0, self.file.seek(0, io.SEEK_END) - self.start)

    def release(self) -> None:
        with self.lock:
            self.users -= 1
            if not self.users and self.owned:
                self.file.close()


class Blob(io.BufferedIOBase):
    """Content with a type, read like a binary file.

    `content` is bytes-like, or a binary file open for reading; a file is read from where it
    stands, belongs to the caller and is not closed. `content_type` is required (REQ-BLB-2).
    `attributes` is what travels in the message.

    Reading, seeking and `dup()` take a lock, so blobs that share a file may be read from several
    threads; one blob has one position and so one reader. Blobs are equal only to themselves.
    """

    attributes: Mapping[str, Any]
    _unread = False

    def __init__(
        self,
        content: bytes | bytearray | memoryview | IO[bytes],
        content_type: str,
        *,
        url: str | None = None,
    ) -> None:
        if not isinstance(content_type, str):
            raise TypeError(f"content_type is a str, not {type(content_type).__name__}")
        attributes: dict[str, Any] = {"content-type": content_type}
        if url is not None:
            if not isinstance(url, str):
                raise TypeError(f"url is a str, not {type(url).__name__}")
            attributes["url"] = url
        if isinstance(content, bytes | bytearray | memoryview):
            self._open(attributes, _Shared(io.BytesIO(content), owned=True))
            return
        if not hasattr(content, "read"):
            raise TypeError(f"content is bytes or a binary file, not {type(content).__name__}")
        if isinstance(cast("object", content), io.TextIOBase):
            raise TypeError("content is a text file; open it in binary mode")
        if content.seekable():
            self._open(attributes, _Shared(content, owned=False, start=content.tell()))
        else:
            self._open(attributes, None, content)

    def _open(
        self, attributes: Mapping[str, Any], shared: _Shared | None, stream: IO[bytes] | None = None
    ) -> None:
        self.attributes = attributes
        self._shared = shared
        self._stream = stream  # read once, front to back
        self._position = 0

    @classmethod
    def from_wire(cls, attributes: Mapping[str, Any], spool: IO[bytes] | None = None) -> Blob:
        """A blob as the decoder makes it: attributes unchecked, content in an own `spool`.

        The spool may still be filled by `write_spool`; without one, a new one is made.
        """
        self = cls.__new__(cls)
        if spool is None:
            spool = cast("IO[bytes]", SpooledTemporaryFile(max_size=SPOOL_SIZE))  # noqa: SIM115
        self._open(attributes, _Shared(spool, owned=True))
        return self

    def write_spool(self, data: bytes | memoryview) -> None:
        """Append to the spool of a blob that is being received."""
        assert self._shared is not None
        with self._shared.lock:
            self._shared.file.seek(0, io.SEEK_END)
            self._shared.file.write(data)

    def expect_reader(self) -> None:
        """Warn (ResourceWarning) if the blob is dropped without having been read or closed."""
        self._unread = True

    def __del__(self) -> None:
        if self._unread and not self.closed:
            warnings.warn(f"never read: {self!r}", ResourceWarning, stacklevel=2, source=self)
        super().__del__()

    # --- about it -----------------------------------------------------------------------------

    @property
    def content_type(self) -> str:
        """The attribute `content-type`; application/octet-stream where it is absent."""
        value = self.attributes.get("content-type", DEFAULT_CONTENT_TYPE)
        if isinstance(value, bytes):  # the 2012 Python implementation
            value = value.decode("utf-8", "replace")
        if not isinstance(value, str):
            raise ValueError(f"blob: 'content-type' is not text but {type(value).__name__}")  # noqa: TRY004
        return value

    @property
    def url(self) -> str | None:
        value = self.attributes.get("url")
        if value is not None and not isinstance(value, str):
            raise ValueError(f"blob: 'url' is not text but {type(value).__name__}")
        return value

    @property
    def size(self) -> int | None:
        """The number of bytes in all, or None where the file cannot tell."""
        return None if self._shared is None else self._source().size()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self.size if self._shared else 'streamed'} bytes"
        return f"<Blob {self.attributes.get('content-type', DEFAULT_CONTENT_TYPE)!r}, {state}>"

    # --- a binary file ------------------------------------------------------------------------

    def _source(self) -> _Shared:
        if self.closed:
            raise ValueError("the blob is closed")
        if self._shared is None:
            raise io.UnsupportedOperation("the blob comes from a stream that cannot seek")
        return self._shared

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        """The descriptor of the file on disk behind it, to ask about that; its position is not the
        blob's. Raises UnsupportedOperation where there is no such file.
        """
        file = self._source().file
        if isinstance(file, SpooledTemporaryFile):  # asked, that goes to disk
            raise io.UnsupportedOperation("the blob is not a file on disk")
        return file.fileno()

    def seekable(self) -> bool:
        return self._shared is not None

    def read(self, size: int | None = -1, /) -> bytes:
        self._unread = False
        size = -1 if size is None else size
        if self._shared is None:
            if self.closed:
                raise ValueError("the blob is closed")
            assert self._stream is not None
            data = self._stream.read(size)
        else:
            data = self._source().read(self._position, size)
        self._position += len(data)
        return data

    def read1(self, size: int = -1, /) -> bytes:
        return self.read(CHUNK_SIZE if size < 0 else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        source = self._source()
        if whence not in _WHENCE:
            raise ValueError(f"whence is 0, 1 or 2, not {whence}")
        base = (0, self._position, source.size() if whence == io.SEEK_END else 0)[whence]
        if base + offset < 0:
            raise ValueError("cannot seek before the beginning of the blob")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def dup(self) -> Blob:
        """Another reader of the same content, at its beginning, closed on its own."""
        source = self._source()
        self._unread = False
        with source.lock:
            source.users += 1
        other = Blob.__new__(Blob)
        other._open(self.attributes, source)
        return other

    def __copy__(self) -> Blob:
        return self.dup()

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("a blob reads from a file and cannot be pickled: keep what read() gives")

    def chunks(self) -> Iterator[bytes]:
        """The whole content, from its beginning, in pieces of CHUNK_SIZE (the last is shorter).

        Raises ValueError if it was read already and its file cannot be rewound.
        """
        self._unread = False
        if self._shared is not None:
            source = self._source()
            position = 0
            while piece := source.read(position, CHUNK_SIZE):
                yield piece
                position += len(piece)
            return
        if self.closed or self._position:
            raise ValueError("the blob was read already, and its stream cannot be rewound")
        while piece := _read_exactly(self, CHUNK_SIZE):
            yield piece

    def close(self) -> None:
        if not self.closed:
            super().close()
            # A constructor that raised leaves no source behind.
            shared = cast("_Shared | None", getattr(self, "_shared", None))
            if shared is not None:
                shared.release()

    def discard(self) -> None:
        """Close the blob and the file it was made from, even the caller's own.

        What a server does with a result: the function handed it over, and nobody else is left
        to close it. Other readers made by `dup()` keep the file open until they are closed.
        """
        if self._shared is not None:
            self._shared.owned = True
        else:
            assert self._stream is not None
            self._stream.close()
        self.close()


def _read_exactly(file: Blob, size: int) -> bytes:
    """A pipe or socket gives less than was asked for; chunks are filled all the same."""
    pieces: list[bytes] = []
    while size and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
