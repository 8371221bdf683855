"""Servers, tried with the scenarios: ours passes, and a wrong answer is told."""

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
from hyperglyph.codec import Form, Link, Resource, encode
from hyperglyph.conformance import known, registry
from hyperglyph.conformance.cases import Case, Scenario, load_scenarios
from hyperglyph.conformance.raw import Exchange, NoAnswer
from hyperglyph.conformance.results import Result, succeeded
from hyperglyph.conformance.runner import run
from hyperglyph.conformance.server_judge import judge_server
from hyperglyph.conformance.testee import Garbage, NotOffered, Testee
from hyperglyph.conformance.testees.service import Counter, router

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


def test_another_server_passes_but_for_what_is_known() -> None:
    uvicorn = registry.find("python-server-uvicorn")
    assert uvicorn is not None
    with Testee(uvicorn.command, patience=20) as testee:
        results = list(run(CASES.values(), testee))
    judged, untrue = known.apply(results, uvicorn.known())
    assert succeeded(judged), failures(judged)
    assert not untrue


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


def test_what_a_should_asks_for_does_not_fail() -> None:
    case = CASES["server-error-nil-is-204"]
    assert case.level == "should"
    command = (sys.executable, "-m", "hyperglyph.conformance.testees.wrong", "200 for nil")
    with Testee(command, patience=20) as testee:
        result, other = run([case, CASES["server-error-nil"]], testee)
    assert other.outcome == "passed"
    assert (result.outcome, result.fails) == ("failed", False)
    assert result.detail == "step 2: status 200, not 204"
    assert succeeded([result])


# --- Raw answers --------------------------------------------------------------------------------


class Here(Testee):
    """A server of this process in place of a program."""

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        super().__init__(timeout=timeout)
        self._served = url

    def served(self, *, old: bool = False) -> str:
        return self._served


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
