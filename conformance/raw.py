"""One HTTP/1.1 exchange over a socket of its own: octets out, and what comes back, read strictly.

What an HTTP library would mend or refuse to send is what servers are tried with, so none is used.
Everything is bounded, in time and in size, whatever the server does.
"""

import re
import socket
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress

import attrs

HEAD_SIZE = 256 * 1024
BODY_SIZE = 64 * 1024 * 1024
#: Of all that comes: the body, its framing, heads of 1xx before it, and trailers behind it.
SIZE = 2 * BODY_SIZE
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?")
# White space around a value is stripped: a pattern for it takes as long as the square of a line.
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?")


class NoAnswer(Exception):
    """No whole answer came, or none of HTTP. `outcome` is that of the case."""

    outcome = "failed"


class Refused(NoAnswer):
    """Nobody listens there."""

    outcome = "crashed"


class Late(NoAnswer):
    """The time was up."""

    outcome = "hung"


class Cut(NoAnswer):
    """The connection was closed before the end of an answer; of any, if `begun` is false."""

    def __init__(self, message: str, *, begun: bool) -> None:
        super().__init__(message)
        self.begun = begun


class NotHTTP(NoAnswer):
    """What came is no answer of HTTP/1.1."""


@attrs.frozen
class Answer:
    """An answer: header names are in lower case, `body` is as it came, without its framing."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The values of a header, joined by commas; None if there is none."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None

    @property
    def framed(self) -> bool:
        """Whether its end is told by something else than the end of the connection."""
        return not {"content-length", "transfer-encoding"}.isdisjoint(
            key for key, _ in self.headers
        )

    def content(self) -> bytes:
        """The body, decompressed if it was compressed with gzip. Raise NotHTTP."""
        coding = (self.header("content-encoding") or "identity").lower()
        if coding == "identity" or not self.body:
            return self.body
        if coding != "gzip":
            raise NotHTTP(f"nobody asked for the content coding {coding!r}")
        inflater = zlib.decompressobj(wbits=31)
        try:
            content = inflater.decompress(self.body, BODY_SIZE)
        except zlib.error as error:
            raise NotHTTP(f"the body is no gzip: {error}") from None
        if inflater.unconsumed_tail:
            _check_size(BODY_SIZE + 1)
        if not inflater.eof or inflater.unused_data:
            raise NotHTTP("the body is no gzip: it is cut, or something is behind it")
        return content


class Exchange:
    """A connection on which octets are sent, and the answer to them is read.

    `received` are the octets that have come so far. All of it has `timeout` seconds.
    """

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._deadline = time.monotonic() + timeout
        self._timeout = timeout
        self._ended = False
        self._at = 0
        self._seen = bytearray()
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except TimeoutError:
            raise Late(f"no connection within {timeout:g} s") from None
        except OSError as error:
            raise Refused(f"no connection: {error.strerror}") from None

    @property
    def received(self) -> bytes:
        return bytes(self._seen)

    def close(self) -> None:
        self._socket.close()

    def send(self, octets: bytes, *, half_close: bool = False) -> None:
        """Send them; a server may answer, and close, before it has them all."""
        with suppress(ConnectionError, TimeoutError):
            self._socket.settimeout(self._left())
            self._socket.sendall(octets)
            if half_close:
                self._socket.shutdown(socket.SHUT_WR)

    def answer(self, *, head_only: bool = False) -> Answer:
        """The answer, those of 1xx passed over. `head_only`: to HEAD. Raise NoAnswer."""
        while True:
            status, headers = self._head()
            if status >= 200:
                break
        answer = Answer(status, headers)
        if head_only or status in (204, 304):
            return answer
        return attrs.evolve(answer, body=self._body(answer))

    def closed(self) -> None:
        """Wait until the server has closed the connection behind its answer. Raise NoAnswer."""
        try:
            while not self._ended:
                if len(self._seen) > self._at:
                    raise NotHTTP("something comes behind the answer")
                self._more()
        except Late:
            raise NoAnswer("the connection was not closed") from None

    # Reading

    def _head(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        first, *lines = self._lines(HEAD_SIZE)
        match = _STATUS.fullmatch(first)
        if match is None:
            raise NotHTTP(f"not a status line: {first[:100]!r}")
        headers: list[tuple[str, str]] = []
        for line in lines:
            field = _FIELD.fullmatch(line)
            if field is None:
                raise NotHTTP(f"not a header: {line[:100]!r}")
            value = field[2].strip(b" \t").decode("latin-1")
            headers.append((field[1].decode("ascii").lower(), value))
        return int(match[1]), tuple(headers)

    def _body(self, answer: Answer) -> bytes:
        coding, length = answer.header("transfer-encoding"), answer.header("content-length")
        if coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise NotHTTP(f"a body framed by {coding!r} and the length {length!r}")
            return b"".join(self._chunks())
        if length is None:
            rest = bytearray()
            while piece := self._take(65536, short=True):
                rest += piece
                _check_size(len(rest))
            return bytes(rest)
        if re.fullmatch("[0-9]{1,12}", length) is None:
            raise NotHTTP(f"not a length: {length!r}")
        _check_size(int(length))
        return self._take(int(length))

    def _chunks(self) -> Sequence[bytes]:
        chunks: list[bytes] = []
        whole = 0
        while True:
            match = _SIZE.fullmatch(self._line(1024))
            if match is None:
                raise NotHTTP("not the size of a chunk")
            size = int(match[1], 16)
            if size == 0:
                break
            whole += size
            _check_size(whole)
            chunks.append(self._take(size))
            if self._take(2) != b"\r\n":
                raise NotHTTP("a chunk is longer than its size")
        while self._line(HEAD_SIZE):  # trailers
            pass
        return chunks

    def _lines(self, most: int) -> list[bytes]:
        lines: list[bytes] = []
        while line := self._line(most):
            lines.append(line)
            most -= len(line) + 2
        if not lines:
            raise NotHTTP("an empty line in place of an answer")
        return lines

    def _line(self, most: int) -> bytes:
        while (end := self._seen.find(b"\r\n", self._at)) < 0:
            if len(self._seen) - self._at > most:
                raise NotHTTP("a line without end")
            if not self._more():
                raise self._cut()
        line = bytes(self._seen[self._at : end])
        self._at = end + 2
        return line

    def _take(self, size: int, *, short: bool = False) -> bytes:
        while len(self._seen) - self._at < size:
            if not self._more():
                if short:
                    break
                raise self._cut()
        piece = bytes(self._seen[self._at : self._at + size])
        self._at += len(piece)
        return piece

    def _more(self) -> bool:
        """Receive what comes next; false at the end."""
        if self._ended:
            return False
        try:
            self._socket.settimeout(self._left())
            piece = self._socket.recv(65536)
        except TimeoutError:
            raise Late(f"no whole answer within {self._timeout:g} s") from None
        except ConnectionError:
            piece = b""
        self._ended = not piece
        self._seen += piece
        if len(self._seen) > SIZE:
            raise NotHTTP(f"more than {SIZE} octets came")
        return bool(piece)

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _cut(self) -> Cut:
        if not self._seen:
            return Cut("the connection was closed without an answer", begun=False)
        return Cut("the connection was closed before the end of the answer", begun=True)


def _check_size(size: int) -> None:
    if size > BODY_SIZE:
        raise NotHTTP(f"a body of more than {BODY_SIZE} octets")
