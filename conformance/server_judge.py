"""Judges a server: sends the requests of a scenario, and looks at the answers (spec/testee.md)."""

import re
import secrets
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote, urlsplit

import attrs

from hyperglyph.codec import DecodeError, SequenceReader, decode
from hyperglyph.transport.http.shapes import is_dict
from hyperglyph.transport.http.urls import resolve

from .cases import Case
from .pages import NotThere, find, text_attribute
from .patterns import attributes_of, brief, mismatch
from .raw import Answer, Cut, Exchange, Late, NoAnswer, Refused
from .results import NotPassed, Result
from .script import header_mismatch
from .shapes import characters_of
from .substitution import body_of, octets, ordered, substitute
from .testee import Testee, TesteeError
from .typed import Typed, to_json

MEDIA_TYPE = "application/vnd.hyperglyph"
SEQUENCE = "application/vnd.hyperglyph-seq"
#: Of what went to and fro in a step, so many octets are kept.
_KEPT = 64 * 1024
_FOLLOWED = 3


def judge_server(case: Case, testee: Testee) -> Result:
    """Send the requests of a scenario of kind `server`, and judge what comes back."""
    seen: list[tuple[str, bytes]] = []
    outcome, detail, fails = "passed", "", False
    try:
        _Judge(case, testee, seen).run()
    except NotPassed as failure:
        outcome, detail, fails = failure.outcome, failure.detail, failure.fails
    except TesteeError as error:
        outcome, detail, fails = error.outcome, str(error), True
    return Result(case, outcome, detail, (), fails and case.level == "must", tuple(seen))


@attrs.frozen
class _Page:
    """An answer that later steps refer to, and the URL it came from."""

    url: str
    answer: Answer

    @property
    def value(self) -> Typed:
        return _decoded(self.answer)


@attrs.frozen
class _Target:
    """What a request is sent to: the two halves of its URL; and what a form or link says of it."""

    origin: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


class _Judge:
    """Judges one scenario; each step returns or raises NotPassed or TesteeError."""

    def __init__(self, case: Case, testee: Testee, seen: list[tuple[str, bytes]]) -> None:
        self._testee = testee
        self._seen = seen
        self._pages: dict[str, _Page] = {}
        self._places = {"unique": secrets.token_hex(6)}
        self._old = bool(case.source.get("old"))
        self._find()
        self._steps = cast("list[dict[str, Any]]", case.source["steps"])

    def _find(self) -> None:
        """Ask where the testee serves, which starts it if it does not run."""
        url = self._testee.served(old=True) if self._old else self._testee.served()
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._host, self._port = parts.hostname, parts.port
        self._origin = f"http://{parts.netloc}"
        self._places |= {"origin": self._origin, "host": parts.netloc, "port": str(self._port)}

    def run(self) -> None:
        for number, step in enumerate(self._steps, 1):
            try:
                self._step(substitute(step, self._places), f"step {number}")
            except NotPassed as failure:
                failure.detail = f"step {number}: {failure.detail}"
                raise

    def _step(self, step: Mapping[str, Any], label: str) -> None:
        if "when" in step and not self._holds(step["when"]):
            return
        if "restart" in step:
            self._restart()
            return
        request, wanted = step["request"], step.get("response", {})
        target = self._target(request)
        method = request.get("method", target.method)
        sent = self._octets(request, target, method)
        answer = self._exchanged(sent, request.get("then"), wanted, method, label)
        if answer is None:
            return
        if request.get("follow"):
            target, answer = self._followed(target, answer, label)
        self._check(answer, wanted)
        if "as" in step:
            self._remember(step["as"], _Page(target.origin + target.path, answer))

    def _restart(self) -> None:
        """Start the server anew, and have what was remembered lead to where it serves then."""
        before = self._origin
        self._testee.restart()
        self._find()
        for name, page in self._pages.items():
            url = self._origin + page.url.removeprefix(before)
            self._remember(name, attrs.evolve(page, url=url))

    def _remember(self, name: str, page: _Page) -> None:
        self._pages[name] = page
        self._places |= {
            f"{name}.url": page.url,
            f"{name}.base": page.url[: page.url.rindex("/") + 1],
            f"{name}.changed": _damaged(page.url, cut=False),
            f"{name}.cut": _damaged(page.url, cut=True),
        }

    def _holds(self, when: Mapping[str, str]) -> bool:
        """Whether an earlier answer had a header that fits."""
        value = self._pages[when["of"]].answer.header(when["header"])
        return value is not None and re.search(when.get("matches", ""), value) is not None

    # The request

    def _target(self, request: Mapping[str, Any]) -> _Target:
        given = request["target"]
        if isinstance(given, str):
            url = given if given.startswith(self._origin) else self._origin + given
            return self._with_query(self._ours(url), request)
        page = self._pages[given.get("of") or given.get("location")]
        headers: dict[str, str] = {}
        method = "GET"
        if "location" in given:
            url = self._location(page.url, page.answer)
        elif "member" not in given:
            url = page.url
        else:
            try:
                value, url = find(page.value, page.url, given["member"])
            except NotThere as error:
                raise NotPassed("failed", str(error)) from None
            name = value.get("name")
            method = (text_attribute(value, "method") if name in ("link", "form") else None) or (
                "POST" if name == "form" else "GET"
            )
            headers = _headers_of(value)
        target = attrs.evolve(self._ours(url, method), headers=headers)
        return self._with_query(target, request)

    def _ours(self, url: str, method: str = "GET") -> _Target:
        """Where a URL leads, which must be to the testee itself."""
        if not url.startswith(self._origin + "/"):
            raise NotPassed("failed", f"{brief(url)} leads away from {self._origin}")
        path = url[len(self._origin) :].partition("#")[0]
        if re.fullmatch("[!-~]+", path) is None:
            raise NotPassed("failed", f"{brief(path)} is not percent-encoded ASCII")
        return _Target(self._origin, path, method.upper())

    def _with_query(self, target: _Target, request: Mapping[str, Any]) -> _Target:
        if "query" not in request:
            return target
        query = quote(octets({"value": ordered(request["query"])}), safe="")
        return attrs.evolve(target, path=f"{target.path}?{query}")

    def _location(self, url: str, answer: Answer) -> str:
        location = answer.header("location")
        if not location:
            raise NotPassed("failed", f"no Location in an answer of {answer.status}")
        try:
            return resolve(url, location)
        except ValueError as error:
            raise NotPassed("failed", f"Location: {error}") from None

    def _octets(self, request: Mapping[str, Any], target: _Target, method: str) -> bytes:
        if "raw" in request:
            return octets(substitute(request["raw"], {"target": target.path}))
        body = body_of(request["body"]) if request.get("body") is not None else None
        headers: dict[str, Any] = {"host": f"{self._host}:{self._port}", "accept": MEDIA_TYPE}
        if body is not None:
            headers |= {"content-type": MEDIA_TYPE, "content-length": str(len(body))}
        for name, value in {**target.headers, **request.get("headers", {})}.items():
            headers.pop(name.lower(), None)
            headers[name] = value
        lines = [f"{method} {target.path} HTTP/1.1"]
        for name, value in headers.items():
            lines += [f"{name}: {line}" for line in self._lines(value)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")

    def _lines(self, value: object) -> list[str]:
        """The values of a header that is sent, one for each line."""
        if value is None:
            return []
        if isinstance(value, list):
            return [line for part in cast("list[object]", value) for line in self._lines(part)]
        if isinstance(value, dict):
            members = cast("dict[str, str]", value)
            found = self._pages[members["of"]].answer.header(members["header"])
            if found is None:
                raise NotPassed("failed", f"{members['of']} had no header {members['header']}")
            return [found]
        return [str(value)]

    # The answer

    def _exchanged(
        self, sent: bytes, then: str | None, wanted: Mapping[str, Any], method: str, label: str
    ) -> Answer | None:
        """The answer to octets; None where none need come, and none came."""
        self._seen.append((f"{label}: sent", sent[:_KEPT]))
        exchange: Exchange | None = None
        try:
            exchange = Exchange(self._host, self._port, self._testee.timeout)
            exchange.send(sent, half_close=then == "half-close")
            if then == "close":
                return None
            return self._answered(exchange, wanted, head_only=method == "HEAD")
        except NoAnswer as error:
            if isinstance(error, (Refused, Late)):
                self._testee.restart()
            raise NotPassed(error.outcome, str(error)) from None
        finally:
            if exchange is not None:
                exchange.close()
                self._seen.append((f"{label}: received", exchange.received[:_KEPT]))

    def _answered(
        self, exchange: Exchange, wanted: Mapping[str, Any], *, head_only: bool
    ) -> Answer | None:
        closed = wanted.get("closed")
        try:
            answer = exchange.answer(head_only=head_only)
        except Cut as error:
            if closed is not None and not error.begun and _is_refusal(wanted):
                return None
            raise
        if closed is True:
            exchange.closed()
        return answer

    def _followed(self, target: _Target, answer: Answer, label: str) -> tuple[_Target, Answer]:
        """The answer to which one of 201 or 303 leads."""
        for number in range(1, _FOLLOWED + 1):
            if answer.status not in (201, 303):
                return target, answer
            target = self._ours(self._location(target.origin + target.path, answer))
            sent = self._octets({}, target, "GET")
            found = self._exchanged(sent, None, {}, "GET", f"{label}, followed {number}")
            assert found is not None
            answer = found
        raise NotPassed("failed", f"more than {_FOLLOWED} answers lead elsewhere")

    def _check(self, answer: Answer, wanted: Mapping[str, Any]) -> None:
        if "status" in wanted and not _fits_status(answer.status, wanted["status"]):
            expected = brief(wanted["status"])
            raise NotPassed("failed", f"status {answer.status}, not {expected}{_told(answer)}")
        for name, pattern in wanted.get("headers", {}).items():
            reason = self._header_mismatch(answer.header(name), name, pattern)
            if reason is not None:
                raise NotPassed("failed", reason)
        if wanted.get("framed") and not answer.framed:
            raise NotPassed(
                "failed", "neither Content-Length nor chunks: nobody can tell a cut body"
            )
        if "value" in wanted:
            _fit(_decoded(answer), wanted["value"])
        if "items" in wanted:
            _fit(_items(answer), {"type": "list", "items": wanted["items"]})
        if "body" in wanted:
            _check_body(answer, wanted["body"])
        for text in wanted.get("without", ()):
            if text.encode() in _everything(answer):
                raise NotPassed("failed", f"{text!r} is in the answer")

    def _header_mismatch(self, value: str | None, name: str, pattern: object) -> str | None:
        """In words why a header of an answer does not fit; None if it does."""
        held = pattern if is_dict(pattern) else {}
        kind = next((kind for kind in ("same", "differs") if kind in held), None)
        if kind is None or value is None:
            return header_mismatch(value, name, pattern)
        before = self._pages[held[kind]].answer.header(name)
        right = (value == before) == (kind == "same")
        return None if right else f"{name}: {value!r}, not {brief(pattern)}"


def _damaged(url: str, *, cut: bool) -> str:
    """The URL, but for one character in the midst of its longest segment, or without four of it."""
    segments = url.split("/")
    at = max(range(3, len(segments)), key=lambda index: len(segments[index]))
    segment = segments[at]
    if cut:
        segments[at] = segment[:-4]
    elif segment:
        middle = len(segment) // 2
        other = "B" if segment[middle] == "A" else "A"
        segments[at] = segment[:middle] + other + segment[middle + 1 :]
    return "/".join(segments)


def _fits_status(status: int, wanted: object) -> bool:
    if isinstance(wanted, list):
        return any(_fits_status(status, one) for one in cast("list[object]", wanted))
    if isinstance(wanted, str):
        return f"{status // 100}xx" == wanted
    return status == wanted


def _is_refusal(wanted: Mapping[str, Any]) -> bool:
    """Whether nothing but a refusal is wanted, in whose place a connection may be closed."""
    status: object = wanted.get("status", 400)
    statuses = cast("list[object]", status) if isinstance(status, list) else [status]
    return all(str(one)[0] in "45" for one in statuses)


def _headers_of(value: Typed) -> dict[str, str]:
    """The headers that a form or link says are to be sent, by name in lower case.

    Raise NotPassed for what cannot be one.
    """
    held = attributes_of(value).get("headers") if value.get("type") == "extension" else None
    if held is None or held["type"] not in ("dict", "ordered_dict"):
        return {}
    headers: dict[str, str] = {}
    for name, text in attributes_of(held).items():
        line = characters_of(text) if text["type"] == "unicode" else ""
        if re.fullmatch("[A-Za-z-]+: [ -~]+", f"{name}: {line}") is None:
            raise NotPassed("failed", f"not a header to be sent: {brief(name)}: {brief(text)}")
        headers[name.lower()] = line
    return headers


def _content(answer: Answer) -> bytes:
    try:
        return answer.content()
    except NoAnswer as error:
        raise NotPassed(error.outcome, str(error)) from None


def _everything(answer: Answer) -> bytes:
    head = "\n".join(f"{name}: {value}" for name, value in answer.headers)
    return head.encode("latin-1") + b"\n\n" + _content(answer)


def _typed_body(answer: Answer, media_type: str) -> bytes:
    given = answer.header("content-type") or ""
    if given.partition(";")[0].strip().lower() != media_type:
        raise NotPassed("failed", f"content-type: {given!r}, not {media_type}{_told(answer)}")
    return _content(answer)


def _decoded(answer: Answer) -> Typed:
    body = _typed_body(answer, MEDIA_TYPE)
    try:
        return to_json(decode(body))
    except DecodeError as error:
        raise NotPassed("failed", f"the body is no message: {error}") from None


def _items(answer: Answer) -> Typed:
    """The messages of a sequence as a list."""
    body = _typed_body(answer, SEQUENCE)
    reader = SequenceReader()
    try:
        items = [to_json(item) for item in reader.feed(body)]
        reader.close()
    except DecodeError as error:
        raise NotPassed("failed", f"the body is no sequence: {error}") from None
    return {"type": "list", "items": items}


def _fit(value: Typed, pattern: Typed) -> None:
    reason = mismatch(value, pattern)
    if reason is not None:
        raise NotPassed("failed", reason)


def _check_body(answer: Answer, wanted: Any) -> None:
    body = _content(answer)
    if isinstance(wanted, dict) and "size" in wanted:
        size = cast("dict[str, Any]", wanted)["size"]
        if len(body) != size:
            raise NotPassed("failed", f"a body of {len(body)} octets, not {size}")
        return
    right = octets(cast("object", wanted))
    if body != right:
        raise NotPassed("failed", f"the body is {brief(body)}, not {brief(right)}")


def _told(answer: Answer) -> str:
    """What an answer says of itself, where it is an error; for people."""
    if answer.status < 400 or not answer.body:
        return ""
    return f" ({brief(answer.body)})"
