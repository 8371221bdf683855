"""What the two adapters on httpcore share: the library itself, the time limits of a request, how it
is spelled, and what its failures mean.

httpcore is the engine of httpx, or of its successor httpx2, whose engine is called httpcore2.

The adapters keep deadlines in the network backends that they hand to httpcore. Each request carries
one `Wait` as its timeouts; httpcore hands it through, untouched, to every connect, read and write,
and there each wait is clipped to the time left in total. The `Wait` also notes what was sent, so
that errors can tell the truth.

HTTP/1.0, odd reason phrases and bodies that end with the connection are for httpcore to read
(standard, section 22, REQ-OLD-10).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from hyperglyph.transport.http.addresses import AddressPolicy
from hyperglyph.transport.http.messages import Deadline, Request
from hyperglyph.transport.http.status import DeadlineExceeded, Outcome, Phase, TransportError

from .sockets import check_address

if TYPE_CHECKING:
    import httpcore
    import httpx
else:
    try:
        import httpcore
        import httpx
    except ImportError:
        try:
            import httpcore2 as httpcore
            import httpx2 as httpx
        except ImportError as error:
            raise ImportError(
                "the transport 'httpx' needs httpx (or httpx2), which is not installed: "
                "pip install httpx"
            ) from error

__all__ = [
    "FAILURES",
    "Wait",
    "core_request",
    "fail",
    "httpcore",
    "httpx",
    "malformed",
    "positive",
    "text_headers",
    "unasked",
    "wait_of",
]

FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)


_TIMEOUTS = (httpcore.TimeoutException, httpx.TimeoutException, TimeoutError)


class Wait(float):
    """The time limits of one request, and how far it has come.

    As a float it is the longest wait, for the pool's own waiting; the streams below ask `seconds`.
    """

    deadline: Deadline
    connect_limit: float | None
    idle_limit: float | None
    addresses: AddressPolicy | None
    address: str | None = None  # the peer's
    phase: Phase = "connect"
    begun = False  # something of the answer has arrived
    reused = True
    sent = False  # something of the request has left
    exhausted = False  # the body's iterator came to its end, or there is none
    failed = False  # a write failed

    @classmethod
    def of(cls, request: Request) -> Wait:
        """For a request that is about to be sent."""
        left = request.deadline.left()
        self = cls(threading.TIMEOUT_MAX if left is None else max(left, 0.0))
        self.deadline = request.deadline
        self.connect_limit = request.connect
        self.idle_limit = request.idle
        self.addresses = request.addresses
        self.exhausted = request.body is None
        return self

    def seconds(self, limit: float | None) -> float | None:
        """How long the next wait may take. Raises TimeoutError if the deadline has passed."""
        left = self.deadline.left()
        if left is None:
            return limit
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left if limit is None else min(left, limit)

    @property
    def outcome(self) -> Outcome:
        """What the server may have made of the request by now."""
        if not self.sent or not self.exhausted or (self.failed and self.phase == "send"):
            return "not done"
        return "unknown"

    def reading_limit(self, *, http2: bool) -> float | None:
        """The idle limit, once the answer has begun: who computes is not idle.

        In HTTP/2 what arrives before the head's end may be of the connection, not of the answer;
        and who takes no more of a body is idle.
        """
        begun = (self.phase == "read" or not self.exhausted) if http2 else self.begun
        return self.idle_limit if begun else None

    def begin(self, address: str | None) -> None:
        """A connection is about to be written to; its peer is at `address`, if it has one.

        The pool gives connections by name and port, so this one may have been made under another
        rule about addresses. Raises ConnectError where it may not be used.
        """
        if self.phase == "connect":
            try:
                check_address(address, self.addresses)
            except OSError as error:
                raise httpcore.ConnectError(str(error)) from error
            self.address = address
            self.phase = "send"
        elif not self.exhausted:
            # HTTP/2 writes while it reads, too: what it acknowledges is not the request.
            self.phase = "send"


def wait_of(timeout: float | None) -> Wait:
    """What a request carries as its timeouts."""
    assert isinstance(timeout, Wait), "httpcore hands timeouts through as they are"
    return timeout


def positive(seconds: float | None) -> float | None:
    """The same. Raises TimeoutError where nothing is left."""
    if seconds is not None and seconds <= 0:
        raise TimeoutError("the connect limit has passed")
    return seconds


def core_request(request: Request, wait: Wait, content: Any) -> httpcore.Request:
    """A request as httpcore wants it. Raises ValueError, UnicodeError for one that is malformed."""
    split = urlsplit(request.url)
    if split.scheme not in ("http", "https") or not split.hostname:
        raise ValueError("the URL is not one of http or https")
    target = split.path or "/"
    if "?" in request.url:
        target = f"{target}?{split.query}"
    return httpcore.Request(
        request.method,
        # A URL in parts is sent as it is; httpx's own type would re-spell it.
        httpcore.URL(scheme=split.scheme, host=split.hostname, port=split.port, target=target),
        headers=_headers_of(request, split.netloc.rpartition("@")[2]),
        content=content,
        extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), wait)},
    )


def _headers_of(request: Request, host: str) -> list[tuple[bytes, bytes]]:
    headers = [(b"Host", host.encode("ascii"))]
    headers += [(name.encode("ascii"), value.encode("latin-1")) for name, value in request.headers]
    body = request.body
    if isinstance(body, bytes):
        headers.append((b"Content-Length", b"%d" % len(body)))
    elif body is not None and request.length is not None:
        headers.append((b"Content-Length", b"%d" % request.length))
    elif body is not None:
        headers.append((b"Transfer-Encoding", b"chunked"))
    return headers


def text_headers(answer: httpcore.Response) -> list[tuple[str, str]]:
    """The headers of an answer."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]


def malformed(error: Exception) -> TransportError:
    """For what `core_request`, or the library, says of a request."""
    return TransportError(f"the request is malformed: {error}", phase="connect", outcome="not done")


def unasked(wait: Wait) -> TransportError:
    """For an answer of which nothing was read since its request: too many bytes came before."""
    return TransportError(
        "the connection had an answer that nobody had asked for",
        phase=wait.phase,
        outcome=wait.outcome,
        reused=wait.reused,
    )


def fail(error: Exception, wait: Wait, outcome: Outcome | None = None) -> NoReturn:
    """Raise our own error in place of the library's."""
    left = wait.deadline.left()
    expired = left is not None and left <= 0
    timed_out = expired or isinstance(error, _TIMEOUTS)
    cls = DeadlineExceeded if timed_out else TransportError
    if timed_out and wait.phase == "connect":
        what = "no connection in time"
    elif timed_out:
        what = "the deadline has passed" if expired else "the peer was idle for too long"
    else:
        what = {
            "connect": "cannot connect",
            "send": "the request could not be sent",
            "wait": "the connection ended without an answer",
            "read": "the answer was cut short",
        }[wait.phase]
        detail = str(error)
        what = f"{what}: {detail}" if detail else what
    raise cls(
        what, phase=wait.phase, outcome=outcome or wait.outcome, reused=wait.reused
    ) from error
