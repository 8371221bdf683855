"""The server that clients are tried with: it reads requests over sockets and answers by a script.

What an HTTP library would mend or refuse to send is what clients are tried with, so none is used.
Everything is bounded, in time and in size, whatever the client does.
"""

import re
import selectors
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from types import TracebackType
from typing import Final, Self

import attrs

HEAD_SIZE: Final = 256 * 1024
BODY_SIZE: Final = 64 * 1024 * 1024
#: Of a request: the body, its framing, and trailers behind it.
SIZE: Final = 2 * BODY_SIZE
#: Connections at a time; a client that makes more finds them closed.
CONNECTIONS: Final = 100
#: Names of the origins, as exchanges name them (spec/testee.md, "kind `client`").
ORIGINS: Final = ("origin", "other", "secure")
_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/1\.[01]")
# White space around a value is stripped: a pattern for it takes as long as the square of a line.
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?")
_NO_WAIT: Final = struct.pack("ii", 1, 0)
_TLS: Final = files("hyperglyph.spec").joinpath("http", "tls")


@attrs.frozen
class Arrived:
    """A request as it came. Header names are in lower case, the body is without its framing.

    `fault` says in words what is wrong with it as HTTP: it was cut short, or is none.
    """

    at: str
    method: str = ""
    target: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    octets: bytes = b""
    fault: str = ""

    def header(self, name: str) -> str | None:
        """The values of a header, joined by commas; None if there is none."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None


@attrs.frozen
class Reply:
    """What is sent, `delay` seconds after the request.

    Then the connection serves the next request if `keep`; else it is closed after `hold` seconds,
    by a reset if `reset`.
    """

    octets: bytes
    keep: bool = True
    delay: float = 0.0
    hold: float = 0.0
    reset: bool = False


#: Gives the answer to each request, one request at a time.
Script = Callable[[Arrived], Reply]


class _NotHTTP(Exception):
    """What came is no request, or not the whole of one."""


class ScriptedServer:
    """Listens at three origins on loopback from the time it is entered until it is left.

    `places` has their URLs without a path: "origin" and "other" by http, "secure" by https with
    the certificate that `certificate_authority` vouches for, and "dead", where nobody listens.
    A connection has `timeout` seconds for each request. Left, no thread and no socket remains.
    """

    def __init__(self, script: Script | None = None, *, timeout: float = 10.0) -> None:
        self.script = script
        self.places: dict[str, str] = {}
        self._timeout = timeout
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._listeners: dict[str, socket.socket] = {}
        self._context: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        self._waker, self._woken = socket.socketpair()
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every connection and wait for the threads."""
        self._ended.set()
        with self._lock:
            for connection in self._sockets:
                # The descriptor itself, past TLS: whoever reads from it wakes up.
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
        with suppress(OSError):
            self._waker.send(b"x")
        for thread in list(self._threads):
            thread.join()
        for held in (*self._listeners.values(), self._waker, self._woken):
            held.close()

    def _open(self) -> None:
        for name in (*ORIGINS, "dead"):
            held = self._listeners[name] = socket.socket()
            held.bind(("127.0.0.1", 0))  # a port that is bound, but not listened at, is refused
            if name != "dead":
                held.listen(64)
                held.setblocking(False)
            scheme = "https" if name == "secure" else "http"
            self.places[name] = f"{scheme}://127.0.0.1:{held.getsockname()[1]}"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(str(_TLS.joinpath("server.pem")))

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        self._threads.add(thread)

    def _accept(self) -> None:
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._woken, selectors.EVENT_READ)
            for name in ORIGINS:
                waiting.register(self._listeners[name], selectors.EVENT_READ, name)
            while not self._ended.is_set():
                for key, _ in waiting.select():
                    if key.data is not None:
                        self._accepted(self._listeners[key.data], key.data)

    def _accepted(self, listener: socket.socket, at: str) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:  # gone before it was looked at
            return
        with self._lock:
            if self._ended.is_set() or len(self._sockets) >= CONNECTIONS:
                connection.close()
                return
            self._sockets.add(connection)
            self._start(self._serve, connection, at)

    # In the thread of a connection

    def _serve(self, connection: socket.socket, at: str) -> None:
        spoken = connection
        try:
            connection.settimeout(self._timeout)
            if at == "secure":
                assert self._context is not None
                spoken = self._context.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
                with self._lock:
                    self._sockets.discard(connection)  # it is part of the other from here on
                    self._sockets.add(spoken)
                    if self._ended.is_set():
                        return
                assert isinstance(spoken, ssl.SSLSocket)
                spoken.do_handshake()
            spoken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = _Reader(spoken, at, self._timeout)
            while not self._ended.is_set():
                arrived = reader.request()
                if arrived is None or not self._answered(spoken, arrived):
                    break
        except OSError:  # the client went away, which is its right
            pass
        finally:
            with self._lock:
                self._sockets.discard(connection)
                self._sockets.discard(spoken)
                self._threads.discard(threading.current_thread())
            spoken.close()

    def _answered(self, connection: socket.socket, arrived: Arrived) -> bool:
        """Answer a request; false if nothing more is read from its connection."""
        with self._lock:
            reply = Reply(b"", keep=False) if self.script is None else self.script(arrived)
        if reply.delay and self._ended.wait(reply.delay):
            return False
        connection.sendall(reply.octets)
        if reply.keep:
            return True
        if reply.hold:
            self._ended.wait(reply.hold)
        if reply.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_WAIT)
        return False


def certificate_authority() -> str:
    """The path of the certificate that vouches for the scripted server's."""
    return str(_TLS.joinpath("ca.pem"))


class _Reader:
    """Reads the requests of a connection, strictly."""

    def __init__(self, connection: socket.socket, at: str, timeout: float) -> None:
        self._connection = connection
        self._at = at
        self._timeout = timeout
        self._deadline = 0.0
        self._held = bytearray()
        self._used = 0

    def request(self) -> Arrived | None:
        """The next request; None at the end of the connection. Raise OSError."""
        del self._held[: self._used]
        self._used = 0
        self._deadline = time.monotonic() + self._timeout
        arrived = Arrived(self._at)
        try:
            first = self._line(HEAD_SIZE)
            match = _LINE.fullmatch(first)
            if match is None:
                raise _NotHTTP(f"not a request line: {first[:100]!r}")
            arrived = Arrived(self._at, match[1].decode(), match[2].decode())
            arrived = attrs.evolve(arrived, headers=self._fields())
            arrived = attrs.evolve(arrived, body=self._body(arrived))
        except _NotHTTP as error:
            if not self._held:
                return None
            arrived = attrs.evolve(arrived, fault=str(error))
        except TimeoutError:
            if not self._held:
                raise
            arrived = attrs.evolve(arrived, fault="the request did not come to its end in time")
        return attrs.evolve(arrived, octets=bytes(self._held[: self._used]))

    def _fields(self) -> tuple[tuple[str, str], ...]:
        fields: list[tuple[str, str]] = []
        left = HEAD_SIZE
        while line := self._line(left):
            left -= len(line) + 2
            match = _FIELD.fullmatch(line)
            if match is None:
                raise _NotHTTP(f"not a header: {line[:100]!r}")
            value = match[2].strip(b" \t").decode("latin-1")
            fields.append((match[1].decode("ascii").lower(), value))
        return tuple(fields)

    def _body(self, arrived: Arrived) -> bytes:
        coding, length = arrived.header("transfer-encoding"), arrived.header("content-length")
        if coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise _NotHTTP(f"a body framed by {coding!r} and the length {length!r}")
            return self._chunks()
        if length is None:
            return b""
        if re.fullmatch("[0-9]{1,12}", length) is None or int(length) > BODY_SIZE:
            raise _NotHTTP(f"not a length: {length!r}")
        return self._take(int(length))

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            match = _SIZE.fullmatch(self._line(1024))
            if match is None:
                raise _NotHTTP("not the size of a chunk")
            size = int(match[1], 16)
            if size == 0:
                break
            if len(body) + size > BODY_SIZE:
                raise _NotHTTP(f"a body of more than {BODY_SIZE} octets")
            body += self._take(size)
            if self._take(2) != b"\r\n":
                raise _NotHTTP("a chunk is longer than its size")
        self._fields()
        return bytes(body)

    def _line(self, most: int) -> bytes:
        while (end := self._held.find(b"\r\n", self._used)) < 0:
            if len(self._held) - self._used > most:
                raise _NotHTTP("a line without end")
            self._more()
        line = bytes(self._held[self._used : end])
        self._used = end + 2
        return line

    def _take(self, size: int) -> bytes:
        while len(self._held) - self._used < size:
            self._more()
        piece = bytes(self._held[self._used : self._used + size])
        self._used += size
        return piece

    def _more(self) -> None:
        self._connection.settimeout(max(self._deadline - time.monotonic(), 0.001))
        piece = self._connection.recv(65536)
        if not piece:
            raise _NotHTTP("the request was cut short")
        self._held += piece
        if len(self._held) > SIZE:
            raise _NotHTTP(f"a request of more than {SIZE} octets")
