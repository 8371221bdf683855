"""A script of exchanges: which requests must come, in their order, and what answers them.

spec/testee.md, "kind `client`", says how exchanges are written.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, cast

from hyperglyph.codec import DecodeError, decode
from hyperglyph.transport.http.negotiate import MEDIA_TYPE

from .patterns import brief, mismatch
from .scripted import Arrived, Reply
from .substitution import octets
from .typed import to_json

Exchange = Mapping[str, Any]

#: Of what went to and fro in an exchange, so many octets are kept.
_KEPT: Final = 64 * 1024
#: Of so many requests what went to and fro is kept, and what was wrong with them.
_REQUESTS: Final = 100
#: Characters of a header that a regular expression is tried on: some take the square of them.
_SEARCHED: Final = 8 * 1024
_UNEXPECTED: Final = Reply(
    b"HTTP/1.1 500 Not Expected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", keep=False
)


class Exchanges:
    """Answers each request by the exchange whose turn it is, and notes what does not fit.

    `problems` are in words, the first one being the cause of those behind it; `seen` is what went
    to and fro, and `first` the request that came first.
    """

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self.problems: list[str] = []
        self.seen: list[tuple[str, bytes]] = []
        self.first: Arrived | None = None
        self._exchanges = exchanges
        self._turn = 0
        self._used = 0
        self._count = 0

    def __call__(self, arrived: Arrived) -> Reply:
        self._count += 1
        self.first = self.first or arrived
        label = f"request {self._count} ({arrived.at})"
        reply, problem = self._reply(arrived)
        if self._count > _REQUESTS and self.problems:  # the first one says it all
            return reply
        if problem is not None:
            self.problems.append(f"{label}: {problem}")
        self.seen.append((label, arrived.octets[:_KEPT]))
        self.seen.append((f"answer {self._count}", reply.octets[:_KEPT]))
        return reply

    def missing(self) -> str | None:
        """In words the first request that has not come, though it must."""
        for number, exchange in enumerate(self._exchanges[self._turn :], self._turn):
            used = self._used if number == self._turn else 0
            if not exchange.get("optional") and used < exchange.get("times", 1):
                return f"the request of exchange {number + 1} did not come: {_told(exchange)}"
        return None

    def _reply(self, arrived: Arrived) -> tuple[Reply, str | None]:
        """The answer, and in words what is wrong with the request."""
        if arrived.fault:
            return _UNEXPECTED, arrived.fault
        while self._turn < len(self._exchanges):
            exchange = self._exchanges[self._turn]
            if self._used < exchange.get("times", 1):
                elsewhere = _elsewhere(arrived, exchange)
                problem = elsewhere or _misfit(arrived, exchange.get("request", {}))
                if elsewhere is None and (problem is None or not exchange.get("optional")):
                    self._used += 1
                    return reply_of(exchange), problem
                if not exchange.get("optional"):
                    return _UNEXPECTED, problem
            self._turn, self._used = self._turn + 1, 0
        return _UNEXPECTED, f"{arrived.method} {brief(arrived.target)}: no request was expected"


def reply_of(exchange: Exchange) -> Reply:
    """What an exchange answers with. Raise NotTyped for a body that is none."""
    response = exchange.get("response", {})
    raw = "raw" in response
    sent = octets(response["raw"]) if raw else _whole(response)
    cut = exchange.get("cut")
    reset = exchange.get("reset", False)
    return Reply(
        sent if cut is None else sent[:cut],
        keep=not raw and cut is None and not reset,
        delay=exchange.get("delay", 0),
        hold=exchange.get("hold", 0),
        reset=reset,
    )


def header_mismatch(value: str | None, name: str, pattern: object) -> str | None:
    """In words why the value of a header does not fit; None if it does."""
    if isinstance(pattern, str):
        right = value is not None and value.lower() == pattern.lower()
        return None if right else f"{name}: {value!r}, not {pattern!r}"
    ((kind, what),) = cast("dict[str, Any]", pattern).items()
    if kind == "absent":
        return None if value is None else f"{name}: {value!r} must not be there"
    if value is None:
        return f"no header {name}"
    if kind == "present":
        return None
    if len(value) > _SEARCHED:
        return f"{name}: {len(value)} characters, which is more than is looked at"
    if kind == "contains":
        right = what.lower() in value.lower()
    else:
        right = re.search(what, value) is not None
    return None if right else f"{name}: {value!r}, not {brief(pattern)}"


def body_mismatch(body: bytes, wanted: Any) -> str | None:
    """In words why a body does not fit; None if it does. `wanted` is None where there is none."""
    if isinstance(wanted, dict) and "value" in wanted:
        try:
            value = to_json(decode(body))
        except DecodeError as error:
            return f"the body {brief(body)} is no message: {error}"
        return mismatch(value, cast("dict[str, Any]", wanted)["value"], "body")
    right = b"" if wanted is None else octets(cast("object", wanted))
    return None if body == right else f"the body is {brief(body)}, not {brief(right)}"


def _elsewhere(arrived: Arrived, exchange: Exchange) -> str | None:
    """In words how a request is another one than that of an exchange."""
    at, wanted = exchange.get("at", "origin"), exchange.get("request", {})
    method, target = wanted.get("method", arrived.method), wanted.get("target", arrived.target)
    if (at, method, target) == (arrived.at, arrived.method, arrived.target):
        return None
    came = f"{arrived.method} {brief(arrived.target)} at {arrived.at}"
    return f"{came}, not {_told(exchange)}"


def _misfit(arrived: Arrived, wanted: Mapping[str, Any]) -> str | None:
    for name, pattern in wanted.get("headers", {}).items():
        problem = header_mismatch(arrived.header(name), name, pattern)
        if problem is not None:
            return problem
    return body_mismatch(arrived.body, wanted["body"]) if "body" in wanted else None


def _told(exchange: Exchange) -> str:
    wanted = exchange.get("request", {})
    method, target = wanted.get("method", "any method"), wanted.get("target", "any target")
    return f"{method} {brief(target)} at {exchange.get('at', 'origin')}"


def _whole(response: Mapping[str, Any]) -> bytes:
    """A response with its head.

    Content-Length is added where the head does not frame the body, and Content-Type where there is
    a body; a header that is None is not sent.
    """
    status = response.get("status", 200)
    given = response.get("headers", {})
    pairs = cast("dict[str, Any]", given).items() if isinstance(given, dict) else given
    fields = [(name, value) for name, value in cast("Iterable[tuple[str, Any]]", pairs)]
    names = {name.lower() for name, _ in fields}
    body = octets(response.get("body", ""))
    if body and "content-type" not in names:
        fields.append(("Content-Type", MEDIA_TYPE))
    if names.isdisjoint({"content-length", "transfer-encoding"}) and status not in (204, 304):
        fields.append(("Content-Length", str(len(body))))
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in fields if value is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
