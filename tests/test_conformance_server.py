"""Servers, tried with the scenarios: ours passes, and one with a fault planted is caught."""

from __future__ import annotations

import gzip
import sys
from collections import Counter as Counts
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from http_peers import Peer, Script, peer

import hyperglyph as glyph
from hyperglyph.codec import Error, Form, Link, Resource, encode
from hyperglyph.conformance.cases import Case, Scenario, load_scenarios
from hyperglyph.conformance.raw import Exchange, NoAnswer
from hyperglyph.conformance.results import Result, succeeded
from hyperglyph.conformance.runner import run
from hyperglyph.conformance.server_judge import judge_server
from hyperglyph.conformance.testee import Garbage, NotOffered, Testee
from hyperglyph.conformance.testees.server import ADAPTERS
from hyperglyph.conformance.testees.service import Counter, router
from hyperglyph.transport.http.messages import Incoming, Response

SERVER = (sys.executable, "-m", "hyperglyph.conformance.testees.server")
CASES = {case.name: case for case in load_scenarios() if case.kind == "server"}


def failures(results: list[Result]) -> str:
    return "\n".join(f"{r.outcome} {r.case.name}: {r.detail}" for r in results if r.fails)


# --- Ours ---------------------------------------------------------------------------------------


def test_our_server_passes_every_scenario(no_leaks: None) -> None:
    with Testee(SERVER) as testee:
        results = list(run(CASES.values(), testee))
        steps = [step for case in CASES.values() for step in case.source["steps"]]
        assert testee.starts == 1 + sum("restart" in step for step in steps)
    assert succeeded(results), failures(results)
    assert Counts(result.outcome for result in results) == {"passed": len(CASES)}
    for result in results:
        assert [label for label, _ in result.seen[:2]] == ["step 1: sent", "step 1: received"]
        assert result.seen[1][1].startswith(b"HTTP/1.1 ") or "closed" in str(result.case.source)


#: What other servers take or answer by themselves, before an application sees it.
THEIRS = {
    "uvicorn": {
        "server-framing-length-list",
        "server-framing-two-lengths",
        "server-line-folded-header",
    },
}


@pytest.mark.parametrize("name", THEIRS)
def test_another_server_passes_what_is_the_application_s(name: str) -> None:
    pytest.importorskip(ADAPTERS[name].package)
    with Testee((*SERVER, "--adapter", name), patience=20) as testee:
        results = list(run(CASES.values(), testee))
    failed = {result.case.name for result in results if result.outcome != "passed"}
    assert failed == THEIRS[name], failures(results)


def test_an_adapter_that_is_not_installed_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hyperglyph.conformance.testees import server

    def nothing(_: str) -> None: ...

    monkeypatch.setattr(server, "find_spec", nothing)
    with pytest.raises(SystemExit):
        server.main(["--adapter", "granian-asgi"])
    assert "granian is not installed: pip install granian" in capsys.readouterr().err


def test_a_server_that_has_died_is_started_again() -> None:
    case = CASES["server-page-root"]
    with Testee(SERVER) as testee:
        testee.served()
        testee._urls[False] = "http://127.0.0.1:1/"  # pyright: ignore[reportPrivateUsage]
        died, well = run([case, case], testee)
        assert testee.starts == 2
    assert (died.outcome, died.fails) == ("crashed", True)
    assert well.outcome == "passed"


# --- Servers with a fault -----------------------------------------------------------------------


class Here(Testee):
    """A server of this process in place of a program."""

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        super().__init__(timeout=timeout)
        self._served = url

    def served(self, *, old: bool = False) -> str:
        return self._served


Handle = Callable[[Incoming], Response]
Fault = Callable[[Incoming, Handle], Response]


class Faulty:
    """The conformance service behind a fault."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    def handle(self, request: Incoming) -> Response:
        return self._fault(request, router.handle)


def without(*names: str) -> Fault:
    """Answers that miss headers."""

    def fault(request: Incoming, handle: Handle) -> Response:
        response = handle(request)
        response.headers = [pair for pair in response.headers if pair[0].lower() not in names]
        return response

    return fault


def page(status: int, body: bytes, *headers: tuple[str, str]) -> Response:
    kind = ("Content-Type", "application/vnd.hyperglyph")
    return Response(status, [kind, ("Content-Length", str(len(body))), *headers], (body,))


def instead(changes: Callable[[Incoming, Response], Response | None]) -> Fault:
    """Answers in place of others."""

    def fault(request: Incoming, handle: Handle) -> Response:
        response = handle(request)
        return changes(request, response) or response

    return fault


def header_of(request: Incoming, name: str) -> str:
    return request.header(name) or ""


def ignores(*names: str) -> Fault:
    """Headers of the request that it does not look at."""

    def fault(request: Incoming, handle: Handle) -> Response:
        request.headers = tuple(pair for pair in request.headers if pair[0] not in names)
        return handle(request)

    return fault


def pretends(name: str, value: str) -> Fault:
    """It takes a header of every request for another."""

    def fault(request: Incoming, handle: Handle) -> Response:
        kept = tuple(pair for pair in request.headers if pair[0] != name)
        request.headers = (*kept, (name, value))
        return handle(request)

    return fault


def traceback(_: Incoming, response: Response) -> Response | None:
    if response.status != 500:
        return None
    return page(500, encode(Error("RuntimeError: secret-of-the-server", logref="1")))


def text_errors(_: Incoming, response: Response) -> Response | None:
    if response.status < 400:
        return None
    return Response(
        response.status, [("Content-Type", "text/html"), ("Content-Length", "2")], (b"no",)
    )


def same_tag(_: Incoming, response: Response) -> Response | None:
    for index, (name, _value) in enumerate(response.headers):
        if name.lower() == "etag":
            response.headers[index] = (name, '"always"')  # type: ignore[index]
    return None


def nil_by_200(_: Incoming, response: Response) -> Response | None:
    return page(200, b"N;") if response.status == 204 else None


def trailing(_: Incoming, response: Response) -> Response | None:
    body = b"".join(response.body) if isinstance(response.body, tuple) else b""
    return page(200, body + b"x") if response.status == 200 and body.startswith(b"u") else None


#: By the fault: the requirement that it breaks, and the scenario that catches it.
FAULTS: dict[str, tuple[Fault, str, str]] = {
    "no Allow": (without("allow"), "REQ-METHOD-5", "server-method-get-of-what-is-not-safe"),
    "no Vary": (without("vary"), "REQ-COND-6", "server-condition-vary"),
    "no Cache-Control": (without("cache-control"), "REQ-COND-7", "server-condition-private"),
    "no nosniff": (
        without("x-content-type-options"),
        "REQ-BLOBHTTP-3",
        "server-blob-raw-is-harmless",
    ),
    "no challenge": (without("www-authenticate"), "REQ-STATUS-18", "server-error-unauthorized"),
    "traceback": (instead(traceback), "REQ-SAFE-4", "server-error-undeclared"),
    "errors as HTML": (instead(text_errors), "REQ-STATUS-20", "server-error-unknown-name"),
    "one ETag for all": (instead(same_tag), "REQ-COND-3", "server-condition-gzip-has-its-own-tag"),
    "octets behind the message": (instead(trailing), "REQ-ARG-8", "server-arguments-all-defaults"),
    "If-Match ignored": (ignores("if-match"), "REQ-COND-4", "server-condition-if-match-too-late"),
    "Origin ignored": (ignores("origin"), "REQ-HEAD-6", "server-head-foreign-origin"),
    "deadline ignored": (
        ignores("hyperglyph-timeout"),
        "REQ-TIME-3",
        "server-time-nothing-left",
    ),
    "Method ignored": (ignores("method"), "REQ-METHOD-2", "server-method-delete-by-header"),
    "content type ignored": (
        pretends("content-type", "application/vnd.hyperglyph"),
        "REQ-HEAD-4",
        "server-type-text",
    ),
    "gzip for all": (
        pretends("accept-encoding", "gzip"),
        "REQ-HEAD-7",
        "server-type-no-coding-unasked",
    ),
    "sequences for all": (
        pretends("accept", "application/vnd.hyperglyph-seq"),
        "REQ-SEQ-1",
        "server-sequence-list-without-it",
    ),
    "partial for all": (
        pretends("accept", "application/vnd.hyperglyph;partial=1"),
        "REQ-PART-1",
        "server-partial-full-not-asked",
    ),
    "raw for all": (
        pretends("accept", "application/vnd.hyperglyph, */*"),
        "REQ-BLOBHTTP-1",
        "server-blob-not-raw-for-nothing",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault: str, no_leaks: None) -> None:
    plant, requirement, name = FAULTS[fault]
    case = CASES[name]
    assert requirement in case.requirements
    with glyph.Server(Faulty(plant)) as server:
        result = judge_server(case, Here(server.url))
        assert judge_server(CASES["server-page-link"], Here(server.url)).outcome == "passed"
    assert (result.outcome, result.fails) == ("failed", True), result


def test_what_a_should_asks_for_does_not_fail() -> None:
    case = CASES["server-error-nil-is-204"]
    assert case.level == "should"
    with glyph.Server(Faulty(instead(nil_by_200))) as server:
        result = judge_server(case, Here(server.url))
        assert judge_server(CASES["server-error-nil"], Here(server.url)).outcome == "passed"
    assert (result.outcome, result.fails) == ("failed", False)
    assert result.detail == "step 2: status 200, not 204"
    assert succeeded([result])


# --- Raw answers --------------------------------------------------------------------------------


def asking(*, steps: list[Any] | None = None, **response: Any) -> Case:
    step = {"request": {"target": "/"}, "response": response}
    return Scenario(
        name="one",
        topic="some",
        requirements=("REQ-SAFE-1",),
        kind="server",
        source={"steps": steps or [step]},
    )


def saying(answer: bytes, *, wait: bool = False) -> Script:
    def script(peer: Peer, connection: Any) -> None:
        peer.read_request(connection)
        connection.sendall(answer)
        if wait:
            connection.recv(1)

    return script


def answer(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", "Content-Type: application/vnd.hyperglyph", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


NUMBER = {"value": {"type": "integer", "value": "1"}}
WELL = [
    (answer(b"i1;", "Content-Length: 3"), NUMBER),
    (answer(b"3\r\ni1;\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), NUMBER),
    (answer(b"2;x=y\r\ni1\r\n1\r\n;\r\n0\r\nA: b\r\n\r\n", "Transfer-Encoding: Chunked"), NUMBER),
    (answer(b"i1;"), NUMBER),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"i1;", "Content-Length: 3"), NUMBER),
    (answer(gzip.compress(b"i1;"), "Content-Encoding: gzip"), NUMBER),
    (answer(b"", status="204 Nothing Here"), {"status": 204, "body": "", "closed": True}),
    (answer(b"", "Content-Length: 3", status="304"), {"status": ["4xx", 304], "body": ""}),
    (b"", {"status": 400, "closed": True}),
    (b"", {"status": 400, "closed": "may"}),
    (answer(b"i1;", "Content-Length: 3", "X: a", "X: b"), {"headers": {"x": "A, b"}}),
]
BOMB = gzip.compress(bytes(65 * 1024 * 1024))
WRONG: list[tuple[bytes, dict[str, Any], str]] = [
    (b"", {"status": 200}, "closed without an answer"),
    (b"hello\r\n\r\n", {}, "not a status line"),
    (b"HTTP/2 200\r\n\r\n", {}, "not a status line"),
    (b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", {}, "not a header"),
    (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", {}, "not a header"),
    (b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", {}, "not a header"),
    (b"HTTP/1.1 200 OK\r\nX", {"closed": "may"}, "before the end of the answer"),
    (answer(b"i1", "Content-Length: 3"), {"closed": True}, "before the end of the answer"),
    (answer(b"i1;", "Content-Length: +3"), {}, "not a length"),
    (answer(b"i1;", "Content-Length: 3, 3"), {}, "not a length"),
    (answer(b"i1;", "Content-Length: 999999999999"), {}, "a body of more than"),
    (answer(b"i1;", "Transfer-Encoding: gzip"), {}, "a body framed by 'gzip'"),
    (answer(b"g\r\n", "Transfer-Encoding: chunked"), {}, "not the size of a chunk"),
    (answer(b"1\r\nabc", "Transfer-Encoding: chunked"), {}, "longer than its size"),
    (answer(b"1\r\na\r\n", "Transfer-Encoding: chunked"), {}, "before the end of the answer"),
    (answer(b"i1;x", "Content-Length: 3"), {"closed": True}, "comes behind the answer"),
    (answer(b"i1;"), {"framed": True}, "nobody can tell a cut body"),
    (answer(b"i1;"), {"status": [201, "4xx"]}, "status 200, not [201, '4xx']"),
    (answer(b"i2;"), NUMBER, "$: {'type': 'integer', 'value': '2'}, not"),
    (answer(b"i1;i1;"), NUMBER, "the body is no message"),
    (b"HTTP/1.1 200 OK\r\n\r\ni1;", NUMBER, "content-type: '', not application/vnd.hyperglyph"),
    (answer(b"x", "Content-Encoding: br"), NUMBER, "the content coding 'br'"),
    (answer(b"x", "Content-Encoding: gzip"), NUMBER, "the body is no gzip"),
    (answer(gzip.compress(b"i1;")[:-3], "Content-Encoding: gzip"), NUMBER, "it is cut"),
    (answer(BOMB, "Content-Encoding: gzip"), NUMBER, "a body of more than"),
    (answer(b"i1;"), {"items": [NUMBER]}, "not application/vnd.hyperglyph-seq"),
    (answer(b"i1;"), {"body": "i2;"}, "the body is b'i1;', not b'i2;'"),
    (answer(b"i1;"), {"body": {"size": 2}}, "a body of 3 octets, not 2"),
    (answer(b"i1;"), {"without": ["vnd."]}, "'vnd.' is in the answer"),
    (answer(b"i1;"), {"headers": {"allow": {"present": True}}}, "no header allow"),
    (answer(b"i1;", "Allow: PUT"), {"headers": {"allow": {"contains": "get"}}}, "allow: 'PUT'"),
    (answer(b"i1;", "Allow: PUT"), {"headers": {"allow": {"absent": True}}}, "must not be there"),
    (answer(b"i1;", "Allow: PUT"), {"headers": {"allow": {"matches": "^GET"}}}, "not {'matches'"),
]


@pytest.fixture
def scripted(no_leaks: None) -> Iterator[Callable[[Script], str]]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(peer(script)).url


@pytest.mark.parametrize(("said", "response"), WELL)
def test_a_good_answer_passes(
    scripted: Callable[[Script], str], said: bytes, response: dict[str, Any]
) -> None:
    result = judge_server(asking(**response), Here(scripted(saying(said))))
    assert result.outcome == "passed", result.detail


@pytest.mark.parametrize(("said", "response", "reason"), WRONG)
def test_a_wrong_answer_is_caught(
    scripted: Callable[[Script], str], said: bytes, response: dict[str, Any], reason: str
) -> None:
    result = judge_server(asking(**response), Here(scripted(saying(said))))
    assert (result.outcome, result.fails) == ("failed", True)
    assert reason in result.detail
    assert result.seen[-1] == ("step 1: received", said[: 64 * 1024])


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", answer(b"i", "Content-Length: 3")])
def test_a_server_that_falls_silent_hangs(scripted: Callable[[Script], str], said: bytes) -> None:
    url = scripted(saying(said, wait=True))
    result = judge_server(asking(status=200), Here(url, timeout=0.3))
    assert (result.outcome, result.fails) == ("hung", True)
    assert result.detail == "step 1: no whole answer within 0.3 s"


def test_a_connection_that_stays_open_is_not_closed(scripted: Callable[[Script], str]) -> None:
    url = scripted(saying(answer(b"", "Content-Length: 0"), wait=True))
    result = judge_server(asking(closed=True), Here(url, timeout=0.3))
    assert (result.outcome, result.detail) == ("failed", "step 1: the connection was not closed")


def test_nobody_listens() -> None:
    with pytest.raises(NoAnswer, match="no connection") as error:
        Exchange("127.0.0.1", 1, 1.0)
    assert error.value.outcome == "crashed"


def test_links_that_cannot_be_followed(scripted: Callable[[Script], str]) -> None:
    content = {
        "away": Link.from_wire("link", {"url": "http://b/"}, None),
        "blank": Link.from_wire("link", {"url": "/a b"}, None),
        "line": Link.from_wire("link", {"url": "/a\r\nX: y"}, None),
        "far": Link.from_wire("link", {"url": "/\u2603"}, None),
        "long": Link.from_wire("link", {"url": "x" * 5000}, None),
        "head": Form.from_wire("form", {"url": "x", "headers": {"A": "b\r\nX: y"}}, None),
    }
    url = scripted(saying(answer(encode(Resource(content)))))
    first = {"request": {"target": "/"}, "as": "root"}
    for member, reason in (
        ("away", "http://b/ leads away from"),
        ("none", "no 'none' of ['none']"),
        ("blank", "/a b is not percent-encoded ASCII"),
        ("line", "is not percent-encoded ASCII"),
        ("far", "is not percent-encoded ASCII"),
        ("long", "no URL: the URL is longer than 4000 characters"),
        ("head", "not a header to be sent: A"),
    ):
        target = {"of": "root", "member": [member]}
        case = asking(steps=[first, {"request": {"target": target}}])
        result = judge_server(case, Here(url))
        assert result.outcome == "failed"
        assert reason in result.detail


@pytest.mark.parametrize(
    "url", ["", "x", "https://a/", "http://a:x/", "http://a@b:1/", "http://a:1x"]
)
def test_a_testee_that_says_nonsense_of_where_it_is(url: str) -> None:
    result = judge_server(CASES["server-page-root"], Here(url))
    assert (result.outcome, result.fails) == ("garbage", True)


def test_a_program_that_cannot_serve_is_no_server() -> None:
    with Testee() as testee, pytest.raises(Garbage, match="not an answer to serve"):
        testee.served()


# --- Other services, and the same one anew ------------------------------------------------------


class Anew(Here):
    """Serves at the first URL until it is started again, then at the second one."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self._second = second

    def restart(self) -> None:
        self._served = self._second


def test_references_are_taken_to_where_it_serves_then(no_leaks: None) -> None:
    case = CASES["server-reference-over-a-restart"]
    other = glyph.Router(secret="another key, made when the server started")
    other.add(Counter)
    with glyph.Server(router) as first, glyph.Server(router) as second:
        assert judge_server(case, Anew(first.url, second.url)).outcome == "passed"
    with glyph.Server(router) as first, glyph.Server(other) as second:
        result = judge_server(case, Anew(first.url, second.url))
    assert result.outcome == "failed"
    assert result.detail.startswith("step 4: status 400, not 200")


def test_a_testee_without_pages_for_2012_is_not_tried_with_them() -> None:
    answering = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    said = {"start": {"implementation": "x", "language": "y", "version": "1", "roles": ["server"]},
            "serve": {"skipped": "no such pages"}, "stop": {"stopped": True}}
    print(json.dumps({"seq": request["seq"], **said[request["cmd"]]}), flush=True)
"""
    with Testee([sys.executable, "-c", answering]) as testee:
        result = judge_server(CASES["server-old-defaults-for-both"], testee)
        assert (result.outcome, result.fails) == ("skipped", False)
        with pytest.raises(NotOffered, match="no such pages"):
            testee.served(old=True)
        assert testee.starts == 1
