"""What every transport does, be there sockets or not: `ExchangeSuite`."""

from __future__ import annotations

import gzip
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, cast

import attrs
import pytest

from hyperglyph.transport.http.messages import (
    AsyncTransport,
    Deadline,
    Incoming,
    Request,
    Response,
    Transport,
)

from .driven import Driven, request_to

__all__ = ["ExchangeSuite", "Recorder", "Seen"]

#: Of a URL that some libraries spell anew.
TARGET = "/a%7eb/%C3%a9/./..;x?Ou1%3aa;+&%20~[]|"

LONG = 30.0


@attrs.frozen
class Seen:
    """A request as a server saw it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    length: int | None
    body: bytes

    def values(self, name: str) -> list[str]:
        """All values of a header; `name` in lower case."""
        return [value for key, value in self.headers if key.lower() == name]


class Recorder:
    """A server's handler that keeps what it sees, and answers as it is told to."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answer: Callable[[Incoming], Response] = lambda _: Response(200, (), (b"here",))

    def handle(self, request: Incoming, /) -> Response:
        """What a router does."""
        response = self.answer(request)
        body = b"".join(cast("Iterable[bytes]", request.body))
        headers = list(request.headers)
        self.seen.append(Seen(request.method, request.target, headers, request.length, body))
        return response


class ExchangeSuite(ABC):
    """Requests go out and answers come in as they are. For pytest: a class of yours on it, whose
    name begins with Test, says how to make a transport, and to what server it leads.
    """

    #: False where the server sees paths through WSGI, which undoes their escapes.
    shows_spelling = True

    @abstractmethod
    def serving(
        self, recorder: Recorder
    ) -> AbstractContextManager[tuple[Transport | AsyncTransport, str]]:
        """A transport, and the URL under which it finds what the recorder answers, with no path
        but "/".
        """

    @pytest.fixture
    def recorder(self) -> Recorder:
        return Recorder()

    @pytest.fixture
    def served(self, recorder: Recorder) -> Iterator[tuple[Driven, str]]:
        with self.serving(recorder) as (transport, url), Driven(transport) as driven:
            yield driven, url

    @pytest.fixture
    def driven(self, served: tuple[Driven, str]) -> Driven:
        return served[0]

    @pytest.fixture
    def url(self, served: tuple[Driven, str]) -> str:
        return served[1]

    def test_it_is_a_transport(self, driven: Driven) -> None:
        kind = AsyncTransport if driven.is_async else Transport
        assert isinstance(driven.transport, kind)
        assert isinstance(driven.transport.name, str)

    def test_urls_are_sent_as_they_are(self, driven: Driven, url: str, recorder: Recorder) -> None:
        answer = driven.send(request_to(f"{url}{TARGET[1:]}"))
        assert answer.url == f"{url}{TARGET[1:]}"
        assert answer.read() == b"here"
        driven.fetch(request_to(url[:-1]))
        targets = [seen.target for seen in recorder.seen]
        if self.shows_spelling:
            assert targets == [TARGET, "/"]
        else:
            assert [target.partition("?")[2] for target in targets] == [TARGET.split("?")[1], ""]

    def test_headers_keep_their_order_and_their_number(
        self, driven: Driven, url: str, recorder: Recorder
    ) -> None:
        headers = [("X-One", "1"), ("X-Two", ""), ("x-one", "\xe9"), ("X-One", "1")]
        driven.fetch(request_to(url, headers=headers))
        (seen,) = recorder.seen
        given = [(k.lower(), v) for k, v in seen.headers if k.lower().startswith("x-")]
        # An interface of the server's may have joined those of one name, as RFC 9110 allows.
        assert ",".join(seen.values("x-one")).replace(", ", ",") == "1,\xe9,1"
        assert ("x-two", "") in given
        assert seen.values("host") == [url.split("/")[2]]
        for name in ("cookie", "authorization", "content-length", "transfer-encoding"):
            assert seen.values(name) == []

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    def test_methods(self, driven: Driven, url: str, recorder: Recorder, method: str) -> None:
        driven.fetch(Request(method, url, deadline=Deadline(LONG)))
        assert (recorder.seen[0].method, recorder.seen[0].body) == (method, b"")

    @pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_000])
    @pytest.mark.parametrize("kind", ["bytes", "pieces with a length", "pieces without one"])
    def test_bodies_arrive(
        self, driven: Driven, url: str, recorder: Recorder, kind: str, size: int
    ) -> None:
        data = bytes(range(256)) * (size // 256 + 1)
        data = data[:size]
        pieces = iter([data[: size // 3], data[size // 3 :]] if size else [])
        body: Any = data if kind == "bytes" else pieces
        length = size if kind == "pieces with a length" else None
        request = Request("POST", url, body=body, length=length, deadline=Deadline(LONG))
        assert driven.fetch(request) == b"here"
        (seen,) = recorder.seen
        assert seen.body == data
        assert seen.length == (None if kind == "pieces without one" else size)

    def test_answers_arrive(self, driven: Driven, url: str, recorder: Recorder) -> None:
        data = bytes(range(256)) * 12_000
        headers = [("X-One", "1"), ("X-Two", "\xe9"), ("x-one", "2")]
        for body in ((data,), iter([data[:5], data[5:]]), (), (b"",)):
            recorder.answer = lambda _, body=body: Response(  # type: ignore[misc]
                418, headers, body
            )
            answer = driven.send(request_to(url))
            assert answer.status == 418
            given = [value for key, value in answer.headers if key.lower() == "x-one"]
            assert given == ["1", "2"]
            assert ("x-two", "\xe9") in [(key.lower(), value) for key, value in answer.headers]
            assert answer.read() in (data, b"")
        assert len(recorder.seen) == 4

    @pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308, 401, 407, 408, 425, 503])
    def test_nothing_is_followed_or_asked_again(
        self, driven: Driven, url: str, recorder: Recorder, status: int
    ) -> None:
        headers = [("Location", f"{url}x"), ("WWW-Authenticate", "Basic"), ("Retry-After", "0")]
        recorder.answer = lambda _: Response(status, headers, ())
        for method in ("GET", "POST"):
            answer = driven.send(Request(method, url, body=b"x" if method == "POST" else None))
            assert answer.status == status
            answer.read()
        assert len(recorder.seen) == 2

    def test_no_cookie_is_kept(self, driven: Driven, url: str, recorder: Recorder) -> None:
        recorder.answer = lambda _: Response(200, [("Set-Cookie", "a=b; Path=/")], (b"",))
        for _ in range(2):
            driven.fetch(request_to(url))
        assert [seen.values("cookie") for seen in recorder.seen] == [[], []]

    def test_no_coding_is_undone(self, driven: Driven, url: str, recorder: Recorder) -> None:
        packed = gzip.compress(b"x" * 100)
        headers = [("Content-Encoding", "gzip"), ("Content-Type", "text/plain; charset=latin-1")]
        recorder.answer = lambda _: Response(200, headers, (packed,))
        assert driven.fetch(request_to(url)) == packed

    def test_an_answer_comes_while_it_is_made(
        self, driven: Driven, url: str, recorder: Recorder
    ) -> None:
        more = threading.Event()

        def body() -> Iterator[bytes]:
            yield b"first"
            assert more.wait(LONG)
            yield b"second"

        recorder.answer = lambda _: Response(200, (), body())
        answer = driven.send(request_to(url, LONG))
        pieces = answer.pieces()
        assert next(pieces) == b"first"
        more.set()
        assert b"".join(pieces) == b"second"
        answer.close()

    def test_a_request_goes_while_it_is_made(
        self, driven: Driven, url: str, recorder: Recorder
    ) -> None:
        arrived = threading.Event()

        def body() -> Iterator[bytes]:
            yield b"x" * 1_000_000
            assert arrived.wait(LONG)
            yield b"end"

        def answer(request: Incoming) -> Response:
            pieces = iter(cast("Iterable[bytes]", request.body))
            size = len(next(pieces))
            arrived.set()
            size += sum(map(len, pieces))
            return Response(200, (), (str(size).encode(),))

        recorder.answer = answer
        assert driven.fetch(Request("POST", url, body=body())) == b"1000003"

    def test_an_answer_that_nobody_reads_is_let_go(
        self, driven: Driven, url: str, recorder: Recorder
    ) -> None:
        ended = threading.Event()

        def body() -> Generator[bytes]:
            try:
                while True:
                    yield b"x" * 65_536
            finally:
                ended.set()

        made = body()
        recorder.answer = lambda _: Response(200, (), made, on_close=made.close)
        for taken in range(2):
            ended.clear()
            made = body()
            answer = driven.send(request_to(url))
            pieces = answer.pieces()
            for _ in range(taken * 3):
                next(pieces)
            answer.close()
            answer.close()
            if taken:
                assert ended.wait(LONG)
        recorder.answer = lambda _: Response(200, (), (b"after",))
        assert driven.fetch(request_to(url)) == b"after"

    def test_it_may_be_used_after_it_was_closed(self, driven: Driven, url: str) -> None:
        assert driven.fetch(request_to(url)) == b"here"
        driven.close()
        driven.close()
        assert driven.fetch(request_to(url)) == b"here"
