"""What a transport on sockets does beside: `WireSuite`, with deadlines, reuse and what became of a
request.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from abc import abstractmethod
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from hyperglyph.server.thread import Server
from hyperglyph.transport.http.messages import AsyncTransport, Deadline, Request, Transport
from hyperglyph.transport.http.status import DeadlineExceeded, TransportError

from .driven import Driven, request_to
from .exchanges import TARGET, ExchangeSuite, Recorder
from .peers import OK, Peer, answers, drip, peer, response

__all__ = ["WireSuite"]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


class WireSuite(ExchangeSuite):
    """Everything that a transport on sockets has to pass. A class of yours on it says how to make
    one:

        class TestMine(WireSuite):
            def make(self):
                return MyTransport()

    `makes_unix` makes one that connects to a Unix socket, where that is offered.
    """

    @abstractmethod
    def make(self) -> Transport | AsyncTransport:
        """A new transport, for `Client` or for `AsyncClient`."""

    def makes_unix(self, path: str) -> Transport | AsyncTransport | None:
        """One that connects to a Unix socket; None where that is not offered."""
        return None

    def serving(
        self, recorder: Recorder
    ) -> AbstractContextManager[tuple[Transport | AsyncTransport, str]]:
        @contextmanager
        def serving() -> Generator[tuple[Transport | AsyncTransport, str]]:
            with Server(recorder) as server:
                yield self.make(), server.url

        return serving()

    @pytest.fixture
    def wire(self) -> Iterator[Driven]:
        """The transport alone."""
        with Driven(self.make()) as driven:
            yield driven

    # --- on the wire --------------------------------------------------------------------------

    def test_bytes_on_the_wire(self, wire: Driven) -> None:
        with peer(answers(*[OK] * 4)) as server:
            headers = [("X-One", "1"), ("A-Two", "2"), ("X-One", "3")]
            assert wire.fetch(request_to(f"{server.url}{TARGET[1:]}#no", headers=headers)) == b"T;"
            wire.fetch(Request("POST", server.url, body=b"abc"))
            wire.fetch(Request("POST", server.url, body=iter([b"ab", b"c"]), length=3))
            wire.fetch(Request("POST", server.url, body=b""))
            first, *posted, empty = server.requests
            assert first.startswith(f"GET {TARGET} HTTP/1.1\r\n".encode())
            lines = first.decode().lower().split("\r\n")
            assert [line for line in lines if line[:5] in ("x-one", "a-two")] == [
                "x-one: 1", "a-two: 2", "x-one: 3",
            ]  # fmt: skip
            assert f"host: {server.url.split('/')[2]}" in lines
            for data in posted:
                assert b"content-length: 3\r\n" in data.lower()
                assert data.endswith(b"\r\n\r\nabc")
            assert b"content-length: 0\r\n" in empty.lower()

    def test_a_body_of_unknown_length_is_chunked(self, wire: Driven) -> None:
        def script(running: Peer, connection: socket.socket) -> None:
            data = b""
            while b"0\r\n\r\n" not in data:
                data += connection.recv(65536)
            running.requests.append(data)
            connection.sendall(OK)

        with peer(script) as server:
            wire.fetch(Request("POST", server.url, body=iter([b"ab", b"c"])))
            (data,) = server.requests
            assert b"transfer-encoding: chunked\r\n" in data.lower()
            assert data.endswith(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")

    @pytest.mark.parametrize(
        "url", ["ftp://x/", "/x", "http:///", "http://[::1/", "http://a:99999999/"]
    )
    def test_urls_that_cannot_be_sent(self, wire: Driven, url: str) -> None:
        error, _ = wire.failure(request_to(url))
        assert (error.phase, error.outcome) == ("connect", "not done")

    @pytest.mark.parametrize("value", ["a\r\nb: c", "\xfc\n", "\u2603", "\0"])
    def test_headers_that_cannot_be_sent(self, wire: Driven, value: str) -> None:
        with peer(answers(OK)) as server:
            error, _ = wire.failure(request_to(server.url, headers=[("X", value)]))
            assert error.outcome == "not done"
            assert server.requests == []

    def test_an_exception_of_the_body_passes_through(self, wire: Driven) -> None:
        def body() -> Iterator[bytes]:
            yield b"x"
            raise LookupError("mine")

        with peer(answers(OK)) as server:
            with pytest.raises(LookupError, match="mine"):
                wire.send(Request("POST", server.url, body=body(), length=2))
            server.script = answers(OK)
            answer = wire.send(request_to(server.url))
            assert (answer.reused, answer.read()) == (False, b"T;")

    # --- connections --------------------------------------------------------------------------

    def test_connections_are_used_again(self, wire: Driven) -> None:
        with peer(answers(OK, OK, OK)) as server:
            flags: list[bool] = []
            for _ in range(3):
                answer = wire.send(request_to(server.url))
                assert answer.read() == b"T;"
                flags.append(answer.reused)
            assert (flags, server.connections) == ([False, True, True], 1)

    def test_a_connection_with_the_rest_of_an_answer_is_not(self, wire: Driven) -> None:
        with peer(answers(response(200, b"x" * 1_000_000), OK)) as server:
            answer = wire.send(request_to(server.url))
            next(answer.pieces())
            answer.close()
            server.script = answers(OK)
            answer = wire.send(request_to(server.url))
            assert (answer.reused, answer.read()) == (False, b"T;")

    def test_a_connection_that_the_peer_has_closed_is_not(self, wire: Driven) -> None:
        with peer(answers(OK)) as server:
            assert wire.fetch(request_to(server.url)) == b"T;"
            server.script = answers(OK)
            time.sleep(0.05)
            assert wire.fetch(request_to(server.url)) == b"T;"
            assert server.connections == 2

    def test_closing_ends_the_connections(self, wire: Driven) -> None:
        ended = threading.Event()

        def script(running: Peer, connection: socket.socket) -> None:
            running.read_request(connection)
            connection.sendall(OK)
            if not running.read_request(connection):
                ended.set()

        with peer(script) as server:
            wire.fetch(request_to(server.url))
            wire.close()
            assert ended.wait(5)

    def test_many_at_once(self, wire: Driven) -> None:
        with Server(Recorder()) as server:
            results: list[bytes] = []
            if wire.is_async:

                async def ask() -> None:
                    results.extend(
                        [await wire.fetch_here(request_to(server.url)) for _ in range(20)]
                    )

                async def all_of_them() -> None:
                    await asyncio.gather(*(ask() for _ in range(8)))

                wire.run(all_of_them())
            else:

                def work() -> None:
                    results.extend(wire.fetch(request_to(server.url)) for _ in range(20))

                threads = [threading.Thread(target=work) for _ in range(8)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            assert results == [b"here"] * 160
            wire.close()

    def test_a_forked_child_has_connections_of_its_own(self, wire: Driven) -> None:
        if not hasattr(os, "fork"):
            pytest.skip("no fork here")
        with peer(answers(OK, OK)) as server, peer(answers(OK)) as other:
            wire.fetch(request_to(server.url))
            pid = os.fork()
            if pid == 0:  # pragma: no cover - the child
                status = 1
                signal.alarm(10)
                try:
                    child = wire.in_child()
                    answer = child.send(request_to(other.url))
                    status = 0 if answer.read() == b"T;" and not answer.reused else 2
                    child.close()
                finally:
                    os._exit(status)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            # The parent's connection still works.
            answer = wire.send(request_to(server.url))
            assert (answer.reused, answer.read()) == (True, b"T;")

    def test_unix_sockets(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        path = str(tmp_path_factory.mktemp("s") / "socket")
        transport = self.makes_unix(path)
        if transport is None:
            return
        with Driven(transport) as driven:
            error, _ = driven.failure(request_to("http://localhost/"))
            assert (error.phase, error.outcome) == ("connect", "not done")
            recorder = Recorder()
            with Server(recorder, unix=path):
                assert driven.fetch(request_to("http://localhost/x")) == b"here"
            assert recorder.seen[0].target == "/x"

    # --- what became of it --------------------------------------------------------------------

    def test_connection_refused(self, wire: Driven) -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        for url in (f"http://127.0.0.1:{port}/", "http://no-such-host.invalid/"):
            error, _ = wire.failure(request_to(url))
            assert (error.phase, error.outcome, error.reused) == ("connect", "not done", False)
            assert not isinstance(error, TimeoutError)

    def test_no_connection_in_time(self, wire: Driven) -> None:
        # A listener whose queue is full: connecting neither succeeds nor fails.
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            address = listener.getsockname()
            waiting = [socket.socket() for _ in range(8)]
            for sock in waiting:
                sock.setblocking(False)
                sock.connect_ex(address)
            url = f"http://127.0.0.1:{address[1]}/"
            for total, connect in ((5, 0.2), (0.2, 5)):
                error, seconds = wire.failure(request_to(url, total, connect=connect))
                assert isinstance(error, DeadlineExceeded)
                assert (error.phase, error.outcome) == ("connect", "not done")
                assert 0.15 < seconds < 4
            for sock in waiting:
                sock.close()

    def test_a_deadline_that_has_passed_sends_nothing(self, wire: Driven) -> None:
        with peer(answers(OK)) as server:
            error, _ = wire.failure(request_to(server.url, 0))
            assert isinstance(error, DeadlineExceeded)
            assert (error.phase, error.outcome) == ("connect", "not done")
            assert server.requests == []

    def test_a_peer_that_does_not_read(self, wire: Driven) -> None:
        release = threading.Event()

        def script(running: Peer, connection: socket.socket) -> None:
            release.wait(5)

        for limits in ({"deadline": Deadline(0.5)}, {"deadline": Deadline(9), "idle": 0.5}):
            release.clear()
            options: dict[str, Any] = {**limits}
            with peer(script) as server:
                request = Request("POST", server.url, body=b"x" * 20_000_000, **options)
                error, seconds = wire.failure(request)
                release.set()
            assert isinstance(error, DeadlineExceeded)
            assert (error.phase, error.outcome) == ("send", "not done")
            assert 0.4 < seconds < 4

    def test_no_answer(self, wire: Driven) -> None:
        def script(running: Peer, connection: socket.socket) -> None:
            running.read_request(connection)
            running.read_request(connection)

        with peer(script) as server:
            error, seconds = wire.failure(request_to(server.url, 0.3, idle=10))
        assert isinstance(error, DeadlineExceeded)
        assert (error.phase, error.outcome) == ("wait", "unknown")
        assert 0.25 < seconds < 4

    @pytest.mark.parametrize("seconds", [5, None])
    def test_a_peer_that_computes_is_not_idle(self, wire: Driven, seconds: float | None) -> None:
        def script(running: Peer, connection: socket.socket) -> None:
            for _ in range(2):  # on a new connection, and on one that is used again
                running.read_request(connection)
                time.sleep(0.4)
                connection.sendall(OK)

        with peer(script) as server:
            for _ in range(2):
                assert wire.fetch(request_to(server.url, seconds, idle=0.1)) == b"T;"

    def test_a_dripped_head_does_not_outlive_the_deadline(self, wire: Driven) -> None:
        with peer(drip(OK, 0.1)) as server:
            error, seconds = wire.failure(request_to(server.url, 0.5, idle=5))
        assert isinstance(error, DeadlineExceeded)
        assert (error.phase, error.outcome) == ("wait", "unknown")
        assert 0.4 < seconds < 4

    def test_a_dripped_body_does_not_outlive_the_deadline(self, wire: Driven) -> None:
        def script(running: Peer, connection: socket.socket) -> None:
            running.read_request(connection)
            connection.sendall(HEAD)
            for _ in range(100):
                connection.sendall(b"x")
                time.sleep(0.1)

        with peer(script) as server:
            error, seconds = wire.failure(request_to(server.url, 0.5, idle=5))
        assert isinstance(error, DeadlineExceeded)
        assert (error.phase, error.outcome) == ("read", "done")
        assert 0.4 < seconds < 4

    @pytest.mark.parametrize(("begun", "phase"), [(b"HTTP/1.1 2", "wait"), (HEAD, "read")])
    def test_a_peer_that_falls_silent_is_idle(self, wire: Driven, begun: bytes, phase: str) -> None:
        def script(running: Peer, connection: socket.socket) -> None:
            running.read_request(connection)
            connection.sendall(begun)
            connection.recv(1)

        with peer(script) as server:
            error, seconds = wire.failure(request_to(server.url, 9, idle=0.3))
        assert isinstance(error, DeadlineExceeded)
        assert (error.phase, error.outcome) == (phase, "done" if phase == "read" else "unknown")
        assert 0.25 < seconds < 4

    def test_while_the_deadline_stands_still_only_idleness_counts(self, wire: Driven) -> None:
        deadline = Deadline(0.3)
        deadline.pause()
        with peer(drip(OK, 0.01)) as server:
            request = Request("GET", server.url, deadline=deadline, idle=1)
            assert wire.fetch(request) == b"T;"

    @pytest.mark.parametrize("cut", range(0, len(OK), 7))
    def test_answers_cut_at_any_byte(self, wire: Driven, cut: int) -> None:
        with peer(answers(OK[:cut])) as server:
            error, _ = wire.failure(request_to(server.url))
        if cut <= OK.index(b"\r\n\r\n") + 3:
            assert (error.phase, error.outcome) == ("wait", "unknown")
        else:
            assert (error.phase, error.outcome) == ("read", "done")

    @pytest.mark.parametrize(
        "answer",
        [
            b"nonsense\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
            b"SSH-2.0-OpenSSH\r\n",
        ],
    )
    def test_answers_that_are_no_http(self, wire: Driven, answer: bytes) -> None:
        with peer(answers(answer)) as server:
            error, _ = wire.failure(request_to(server.url))
        assert error.phase in ("wait", "read")

    def test_nothing_is_sent_twice(self, wire: Driven) -> None:
        """The peer executes, then closes without an answer on a reused connection."""
        for body in (b"pay", iter([b"p", b"ay"])):
            with peer(answers(OK, b"")) as server:
                wire.fetch(request_to(server.url))
                request = Request("POST", server.url, body=body, length=3, deadline=Deadline(5))
                error, _ = wire.failure(request)
                time.sleep(0.05)
                assert [data[:4] for data in server.requests] == [b"GET ", b"POST"]
                assert server.connections == 1
            assert (error.phase, error.outcome, error.reused) == ("wait", "unknown", True)

    def test_an_early_answer_to_an_unfinished_body(self, wire: Driven) -> None:
        def script(running: Peer, connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(response(413, b""))
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

        with peer(script) as server:
            answer = wire.send(Request("POST", server.url, body=b"x" * 5_000_000))
            assert answer.status == 413
            assert answer.read() == b""

    @pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 2", HEAD + b"x"])
    def test_cancelling_ends_the_connection(self, wire: Driven, begun: bytes) -> None:
        if not wire.is_async:
            return
        ended = threading.Event()

        def script(running: Peer, connection: socket.socket) -> None:
            running.read_request(connection)
            connection.sendall(begun)
            if connection.recv(1) == b"":
                ended.set()

        async def ask(url: str) -> None:
            async with asyncio.timeout(0.2):
                await wire.fetch_here(request_to(url, 9))

        with peer(script) as server:
            with pytest.raises(TimeoutError) as caught:
                wire.run(ask(server.url))
            assert not isinstance(caught.value, TransportError)
            assert ended.wait(5)
            server.script = answers(OK)
            answer = wire.send(request_to(server.url))
            assert (answer.reused, answer.read()) == (False, b"T;")
