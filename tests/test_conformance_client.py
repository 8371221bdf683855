"""Clients are tried: our own pass everything, wrong ones are caught, the judges are strict."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_vectors import validator_of

from hyperglyph.conformance import known, registry
from hyperglyph.conformance.cases import Scenario, choose, load_scenarios
from hyperglyph.conformance.client_judge import judge_call, judge_client, result_mismatch
from hyperglyph.conformance.results import Result, succeeded
from hyperglyph.conformance.runner import SERVER, run
from hyperglyph.conformance.testee import Testee

pytestmark = pytest.mark.usefixtures("no_leaks")

FACES = ("", "-async")
CASES = [case for case in load_scenarios() if case.role == "client"]
ONE = {"type": "integer", "value": "1"}
ANY = {"type": "any"}

# A testee that answers to `perform` what {answer} says, in terms of `steps` and `log`.
SCRIPT = """
import json, sys, urllib.request
for line in sys.stdin:
    request = json.loads(line)
    steps = request.get("steps", [])
    reply = {"seq": request["seq"]}
    if request["cmd"] == "start":
        reply |= {"implementation": "x", "language": "x", "version": "1", "roles": ["client"]}
    elif request["cmd"] == "stop":
        reply |= {"stopped": True}
    else:
        {answer}
    print(json.dumps(reply), flush=True)
    if request["cmd"] == "stop":
        break
"""
FETCHES = 'urllib.request.urlopen(steps[0]["url"]).read(); '


def scripted(answer: str) -> Testee:
    return Testee([sys.executable, "-c", SCRIPT.replace("{answer}", answer)], timeout=5)


def scenario(kind: str = "client", level: str = "must", **source: Any) -> Scenario:
    return Scenario(
        name="x", topic="x", requirements=("REQ-LINK-1",), kind=kind, level=level, source=source
    )


def registered(name: str) -> registry.Registered:
    found = registry.find(name)
    assert found is not None
    return found


def warned(name: str) -> list[str]:
    """Its command, by which a warning is an error."""
    python, *rest = registered(name).command
    return [python, "-W", "error", *rest]


OURS = warned("python-client")
PLAIN: dict[str, Any] = {
    "serve": [{"request": {"method": "GET", "target": "/"}, "response": {"body": "i1;"}}],
    "perform": [{"op": "get", "url": "{origin}/"}],
    "results": [{"value": ONE}],
}


def judged(answer: str, *, level: str = "must", **changes: Any) -> Result:
    with scripted(answer) as testee:
        return judge_client(scenario(level=level, **{**PLAIN, **changes}), testee)


@pytest.fixture(scope="module")
def server() -> Iterator[Testee]:
    with Testee(SERVER) as started:
        yield started


@pytest.mark.parametrize("name", ["python-client", "python-client-httpx-async"])
def test_our_clients_pass_everything(name: str, server: Testee) -> None:
    with Testee(warned(name)) as testee:
        results = list(run(CASES, testee, server=server))
        assert testee.starts == 1
    assert [(r.case.name, r.detail) for r in results if r.outcome != "passed"] == []
    assert len(results) == len(CASES)
    assert succeeded(results)


@pytest.mark.parametrize(
    "name", [f"python-client-{kind}{face}" for kind in ("given", "httpx-h2") for face in FACES]
)
def test_other_adapters_pass_but_for_what_is_known(name: str, server: Testee) -> None:
    patterns = ["client-redirect-*", "client-url-https*", "client-form-*", "call-st*", "*-nobody-*"]
    chosen = choose(CASES, patterns=patterns)
    with Testee(warned(name)) as testee:
        results = list(run(chosen, testee, server=server))
    judged, _ = known.apply(results, registered(name).known())
    assert [(r.case.name, r.detail) for r in judged if r.fails] == []
    assert len(results) > 100


def test_calls_get_a_server_of_their_own() -> None:
    with Testee(OURS) as testee:
        results = list(run(choose(CASES, patterns=["call-function-hello*"]), testee))
    assert {result.outcome for result in results} == {"passed"}
    assert len(results) >= 5


class Listening(Testee):
    """Keeps what is asked and answered."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.heard: list[dict[str, Any]] = []

    def ask(self, **request: object) -> dict[str, Any]:
        reply = super().ask(**request)
        self.heard += [{"seq": 1, **request}, {"seq": 1, **reply}]
        return reply


def test_messages_fit_their_schema(server: Testee) -> None:
    patterns = ["*-of-*", "*-with-*", "call-object-*", "url-*"]
    chosen = [case for case in choose(CASES, patterns=patterns) if "hundred" not in case.name]
    with Listening(OURS) as testee:
        list(run(chosen, testee, server=server))
    validator = validator_of("testee.json")
    wrong = [message for message in testee.heard if not validator.is_valid(message)]
    assert not wrong
    assert len(testee.heard) > 200


def test_there_are_enough() -> None:
    kinds = Counter(case.kind for case in CASES)
    assert kinds["client"] >= 90
    assert (kinds["url"] >= 25, kinds["request"] >= 30, kinds["call"] >= 40) == (True,) * 3
    assert {case.level for case in CASES} == {"must", "should", "may"}


# The judges


def test_right_answer_passes_and_is_kept() -> None:
    result = judged(FETCHES + 'reply["results"] = [{"value": {"type": "integer", "value": "1"}}]')
    assert (result.outcome, result.detail, result.fails) == ("passed", "", False)
    seen = dict(result.seen)
    assert seen["request 1 (origin)"].startswith(b"GET / HTTP/1.1\r\n")
    assert seen["answer 1"].endswith(b"\r\n\r\ni1;")
    assert b'"value": "1"' in seen["results"]


WRONG = {
    "another value": (
        FETCHES + 'reply["results"] = [{"value": {"type": "integer", "value": "2"}}]',
        "failed",
        "not .*'1'",
    ),
    "an error": (
        FETCHES + 'reply["results"] = [{"error": "status", "status": 404}]',
        "failed",
        "step 1: .*404",
    ),
    "no request": (
        'reply["results"] = [{"value": {"type": "integer", "value": "1"}}]',
        "failed",
        "exchange 1 did not come: GET / at origin",
    ),
    "two requests": (
        FETCHES * 2 + 'reply["results"] = [{"value": {"type": "integer", "value": "1"}}]',
        "errored",
        "HTTP Error 500",
    ),
    "another request": (
        'urllib.request.urlopen(steps[0]["url"] + "x").read()',
        "errored",
        "HTTP Error 500",
    ),
    "too few results": ('reply["results"] = []', "garbage", "each of 1 steps"),
    "no results": ('reply["values"] = [1]', "garbage", "each of 1 steps"),
    "no result": ('reply["results"] = [{}]', "garbage", "not a result"),
    "two in one": (
        'reply["results"] = [{"value": {"type": "nil"}, "error": "status"}]',
        "garbage",
        "not a result",
    ),
    "an unknown error": ('reply["results"] = [{"error": "oops"}]', "garbage", "not a result"),
    "no value": (FETCHES + 'reply["results"] = [{"value": 1}]', "garbage", "step 1: no value"),
    "a mistyped value": (
        FETCHES + 'reply["results"] = [{"value": {"type": "integer", "value": 1}}]',
        "garbage",
        "step 1: no value",
    ),
    "a skip": ('reply["skipped"] = "cannot"', "skipped", "cannot"),
    "a step skipped": (FETCHES + 'reply["results"] = [{"skipped": "cannot"}]', "skipped", "cannot"),
    "a traceback": ('reply["errored"] = "Traceback"', "errored", "Traceback"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answer_is_told(name: str) -> None:
    answer, outcome, words = WRONG[name]
    if outcome == "errored" and "urlopen" in answer:
        answer = (
            "try:\n            "
            + answer
            + "\n        except Exception as error:\n            reply['errored'] = str(error)"
        )
    result = judged(answer)
    assert (result.outcome, result.fails) == (outcome, True)
    assert re.search(words, result.detail)


def test_a_request_too_many_is_told_though_the_value_is_right() -> None:
    answer = (
        "\n        for _ in range(2):\n            try: urllib.request.urlopen(steps[0]['url'])"
        "\n            except Exception: pass"
        '\n        reply["results"] = [{"value": {"type": "integer", "value": "1"}}]'
    )
    result = judged(answer)
    assert result.detail == "request 2 (origin): GET /: no request was expected"


def test_only_a_must_fails() -> None:
    for level in ("should", "may"):
        result = judged('reply["results"] = [{"error": "transport"}]', level=level)
        assert (result.outcome, result.fails) == ("failed", False)


def test_what_a_client_does_not_ask_for_is_skipped() -> None:
    answer = FETCHES + 'reply["results"] = [{"error": "malformed"}]'
    result = judged(answer, needs={"accept": {"contains": "application/vnd.hyperglyph-seq"}})
    assert (result.outcome, result.fails) == ("skipped", False)
    result = judged(answer, needs={"user-agent": {"contains": "urllib"}})
    assert (result.outcome, result.fails) == ("failed", True)


@pytest.mark.parametrize(("said", "outcome"), [("error", "failed"), ("skipped", "skipped")])
def test_a_client_that_sends_nothing_is_not_excused_by_what_it_does_not_ask_for(
    said: str, outcome: str
) -> None:
    answer = f'reply["results"] = [{{"{said}": "transport"}}]'
    result = judged(answer, needs={"user-agent": {"contains": "urllib"}})
    assert (result.outcome, result.fails) == (outcome, True)


@pytest.mark.parametrize(
    ("result", "wanted", "right"),
    [
        ({"value": ONE}, {"value": ANY}, True),
        ({"value": ONE}, {"error": "status"}, False),
        ({"error": "status", "status": 404}, {"error": "status"}, True),
        ({"error": "status", "status": 404}, {"error": "status", "status": 410}, False),
        ({"error": "timeout"}, {"error": ["timeout", "transport"]}, True),
        ({"error": "status"}, {"error": ["timeout", "transport"]}, False),
        ({"error": "timeout"}, {"error": "timeout", "outcome": "done"}, False),
        (
            {"error": "status", "message": "no, never"},
            {"error": "status", "message": {"type": "matches", "regex": "never"}},
            True,
        ),
        ({"error": "status", "code": ONE}, {"error": "status", "code": ONE}, True),
        ({"error": "status"}, {"error": "status", "code": ONE}, False),
        ({"skipped": "x"}, {"skipped": True}, True),
        ({"value": ONE}, {"skipped": True}, False),
        ({"value": ONE}, {"either": [{"error": "status"}, {"value": ONE}]}, True),
        ({"error": "timeout"}, {"either": [{"error": "status"}, {"value": ONE}]}, False),
    ],
)
def test_results_fit_or_not(result: Any, wanted: Any, right: bool) -> None:
    assert (result_mismatch(result, wanted) is None) == right


def test_what_is_expected_is_not_sent_and_each_run_has_its_own_names(tmp_path: Path) -> None:
    log = tmp_path / "log"
    answer = f'open({str(log)!r}, "a").write(line); reply["results"] = [{{"error": "status"}}]'
    call = scenario(
        "call",
        perform=[{"op": "get", "url": "{origin}/{unique}"}],
        results=[{"error": "status"}],
    )
    with scripted(answer) as testee:
        results = [judge_call(call, testee, "http://127.0.0.1:9/") for _ in range(2)]
        judge_client(scenario(options={"timeout": 1}, **PLAIN), testee)
    assert [result.outcome for result in results] == ["passed", "passed"]
    first, second, third = [json.loads(line) for line in log.read_text().splitlines()]
    assert set(first) == {"seq", "cmd", "steps", "options"}
    urls = [request["steps"][0]["url"] for request in (first, second)]
    assert all(re.fullmatch(r"http://127\.0\.0\.1:9/\w{12}", url) for url in urls)
    assert urls[0] != urls[1]
    assert third["options"] == {"timeout": 1}


@pytest.mark.parametrize(
    ("kind", "source", "answer", "words"),
    [
        ("url", {"urls": ["http://h/x"]}, 'reply["urls"] = ["http://h/y"]', "URL 1 is http://h/y"),
        ("url", {"urls": ["http://h/x"]}, 'reply["urls"] = []', "0 URLs, not 1"),
        ("url", {"urls": [None]}, 'reply["urls"] = "none"', "not an answer to urls"),
        ("request", {"error": "unusable"}, 'reply["error"] = "arguments"', "error arguments"),
        ("request", {"error": "unusable"}, 'reply["method"] = "GET"', "not the error unusable"),
        ("request", {"request": {"method": "GET"}}, 'reply["error"] = "refused"', "can be sent"),
        ("request", {"request": {"method": "GET"}}, 'reply["method"] = "GET"', "not an answer"),
        ("request", {"request": {"method": "GET"}}, "{SENT}", "method: POST, not GET"),
        ("request", {"request": {"url": "http://h/y"}}, "{SENT}", "url: http://h/x, not"),
        ("request", {"request": {"body": "x"}}, "{SENT}", "the body is b'O;'"),
        ("request", {"request": {"headers": {"a": {"absent": True}}}}, "{SENT}", "a: '1, 2'"),
    ],
)
def test_wrong_url_or_request_is_told(kind: str, source: Any, answer: str, words: str) -> None:
    sent = {"method": "POST", "url": "http://h/x", "headers": [["A", "1"], ["a", "2"]]}
    answer = answer.replace("{SENT}", f"reply |= { ({**sent, 'body': '4f3b'})!r}")
    case = scenario(kind, base="http://h/", page="N;", **source)
    with scripted(answer) as testee:
        (result,) = run([case], testee)
    assert result.fails
    assert words in result.detail


def test_testee_ends_with_its_input_and_refuses_an_unknown_adapter() -> None:
    ended = subprocess.run(OURS, input=b"", capture_output=True, timeout=20, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    wrong = subprocess.run(
        [*OURS[:-1], "carrier-pigeon"], capture_output=True, timeout=20, check=False
    )
    assert wrong.returncode == 2
    assert b"invalid choice" in wrong.stderr


def test_testee_says_what_it_cannot_do() -> None:
    with Testee(OURS) as testee:
        assert testee.ask(cmd="fly") == {"skipped": "unknown command fly"}
        (result,) = testee.ask(cmd="perform", steps=[{"op": "call", "on": "x"}])["results"]
        assert result == {"skipped": "there is no result 'x'"}
        reply = testee.ask(cmd="perform", steps=[{"op": "fly", "on": "x"}, {"op": "get"}])
        assert "KeyError" in reply["errored"]
        assert testee.starts == 1
