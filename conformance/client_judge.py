"""Judges a client: has it make the calls of a scenario, and looks at what it did (spec/testee.md).

The testee never learns what is expected: it is told what to call, and where the server is.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from hyperglyph.transport.http.shapes import is_dict

from .cases import Case
from .patterns import brief, mismatch
from .results import NotPassed, Result
from .script import Exchanges, body_mismatch, header_mismatch
from .scripted import Arrived, ScriptedServer, certificate_authority
from .shapes import NotTyped
from .substitution import octets, substitute
from .testee import Testee, TesteeError
from .typed import Typed

#: What went wrong, as a testee tells it (spec/testee.md, "Results").
KINDS: Final = (
    *("arguments", "unusable", "refused", "status", "malformed", "transport", "timeout"),
)
_KEPT: Final = 64 * 1024

Seen = list[tuple[str, bytes]]


def judge_client(case: Case, testee: Testee) -> Result:
    """Have a client make calls to a scripted server, and judge what it sent and what it gave."""

    def judged(seen: Seen) -> None:
        with ScriptedServer(timeout=testee.timeout) as server:
            source = substitute(case.source, server.places)
            exchanges = Exchanges(source["serve"])
            exchanges.seen = seen
            server.script = exchanges
            options = dict(source.get("options", {}))
            if "{secure}" in json.dumps(case.source):
                options["ca"] = certificate_authority()
            steps = source["perform"]
            reply = testee.ask(cmd="perform", steps=steps, options=options)
        _told(reply, seen, "results")
        results = _results(reply, steps)
        _check_needs(exchanges.first, source.get("needs", {}))
        if exchanges.problems:
            raise NotPassed("failed", exchanges.problems[0] + _said(results))
        _check_results(results, source["results"])
        missing = exchanges.missing()
        if missing is not None:
            raise NotPassed("failed", missing + _said(results))

    return _judged(case, judged)


def judge_call(case: Case, testee: Testee, origin: str) -> Result:
    """Have a client make calls to the server of the conformance service at a URL."""

    def judged(seen: Seen) -> None:
        places = {"origin": origin.rstrip("/"), "unique": secrets.token_hex(6)}
        source = substitute(case.source, places)
        steps, options = source["perform"], source.get("options", {})
        _told({"steps": steps, "options": options}, seen, "perform")
        reply = testee.ask(cmd="perform", steps=steps, options=options)
        _told(reply, seen, "results")
        _check_results(_results(reply, steps), source["results"])

    return _judged(case, judged)


def judge_url(case: Case, testee: Testee) -> Result:
    """Have a client say where what is in a page leads."""

    def judged(seen: Seen) -> None:
        page, base = octets(case.source["page"]), case.source["base"]
        seen.append(("page", page[:_KEPT]))
        reply = testee.ask(cmd="urls", base=base, wire=page.hex())
        _told(reply, seen, "urls")
        _look(reply)
        got = reply.get("urls")
        if not isinstance(got, list):
            raise NotPassed("garbage", f"not an answer to urls: {brief(reply)}")
        wanted = case.source["urls"]
        if got != wanted:
            raise NotPassed("failed", f"{_difference(cast('list[object]', got), wanted)}")

    return _judged(case, judged)


def judge_request(case: Case, testee: Testee) -> Result:
    """Have a client say what a call would send, and judge that."""

    def judged(seen: Seen) -> None:
        source = case.source
        page = octets(source["page"])
        seen.append(("page", page[:_KEPT]))
        reply = testee.ask(
            cmd="request",
            base=source["base"],
            wire=page.hex(),
            member=source.get("member", []),
            arguments=source.get("arguments", []),
            named=source.get("named", {}),
        )
        _told(reply, seen, "request")
        _look(reply)
        if "error" in source:
            _check_error(reply, source)
        else:
            _check_request(reply, source["request"])

    return _judged(case, judged)


def _judged(case: Case, judge: Callable[[Seen], None]) -> Result:
    seen: Seen = []
    outcome, detail, fails = "passed", "", False
    try:
        judge(seen)
    except NotPassed as failure:
        outcome, detail, fails = failure.outcome, failure.detail, failure.fails
    except TesteeError as error:
        outcome, detail, fails = error.outcome, str(error), True
    return Result(case, outcome, detail, (), fails and case.level == "must", tuple(seen))


# Answers of the testee


def _look(reply: Mapping[str, Any]) -> None:
    for outcome in ("errored", "skipped"):
        if outcome in reply:
            raise NotPassed(outcome, str(reply[outcome]))


def _results(reply: Mapping[str, Any], steps: Sequence[object]) -> list[dict[str, Any]]:
    _look(reply)
    results = reply.get("results")
    if not isinstance(results, list) or len(cast("list[object]", results)) != len(steps):
        raise NotPassed("garbage", f"not a result for each of {len(steps)} steps: {brief(reply)}")
    found = cast("list[dict[str, Any]]", results)
    for result in found:
        held = {"value", "error", "skipped"}.intersection(result) if is_dict(result) else ()
        if len(held) != 1 or result.get("error", KINDS[0]) not in KINDS:
            raise NotPassed("garbage", f"not a result: {brief(result)}")
    return found


def _check_needs(first: Arrived | None, needs: Mapping[str, object]) -> None:
    """Skip what a client has not asked for, and a server would not send it therefore.

    One that has sent nothing at all is judged by that.
    """
    if first is None:
        return
    for name, pattern in needs.items():
        problem = header_mismatch(first.header(name), name, pattern)
        if problem is not None:
            raise NotPassed("skipped", f"the client does not ask for it: {problem}", fails=False)


def _check_results(results: Sequence[Mapping[str, Any]], wanted: Sequence[Any]) -> None:
    if len(results) != len(wanted):
        raise NotTyped(f"{len(wanted)} results for {len(results)} steps")
    for number, (result, pattern) in enumerate(zip(results, wanted, strict=True), 1):
        try:
            problem = result_mismatch(result, pattern)
        except (NotTyped, KeyError, TypeError, AttributeError) as error:
            raise NotPassed("garbage", f"step {number}: no value: {error!r}") from None
        if problem is not None:
            outcome = "skipped" if "skipped" in result else "failed"
            raise NotPassed(outcome, f"step {number}: {problem}")


def result_mismatch(result: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """In words why the result of a step does not fit; None if it does. Raise NotTyped."""
    if "either" in wanted:
        found = [result_mismatch(result, choice) for choice in wanted["either"]]
        return None if None in found else "; nor ".join(str(reason) for reason in found)
    if "skipped" in wanted:
        # What cannot be done, because an earlier step has failed as it should.
        return None if "skipped" in result else f"{brief(result)}, though there is nothing to do"
    if "skipped" in result:
        return f"skipped: {result['skipped']}"
    if "error" in wanted:
        return _error_mismatch(result, wanted)
    if "value" not in result:
        return f"{brief(result)}, not {brief(wanted)}"
    return mismatch(result["value"], wanted["value"])


def _error_mismatch(result: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    for name, pattern in wanted.items():
        held, said = result.get(name), brief(pattern)
        if isinstance(pattern, list):
            right = held in pattern
        elif isinstance(pattern, dict):
            members = cast("Typed", pattern)
            if held is None:
                right = members == {"type": "absent"}
            else:
                # Texts of an error are plain JSON, and a pattern for one that of a text.
                typed = {"type": "unicode", "value": held} if isinstance(held, str) else held
                right = mismatch(typed, members) is None
        else:
            right = held == pattern
        if not right:
            return f"{name} {brief(held)}, not {said}, in {brief(result)}"
    return None


def _check_error(reply: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    if "error" not in reply:
        raise NotPassed("failed", f"{brief(reply)}, not the error {brief(wanted['error'])}")
    problem = _error_mismatch(reply, {"error": wanted["error"]})
    if problem is not None:
        raise NotPassed("failed", problem)


def _check_request(reply: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    if "error" in reply:
        raise NotPassed("failed", f"{brief(reply)}, though it can be sent")
    try:
        headers = [(str(name).lower(), str(value)) for name, value in reply["headers"]]
        body = b"" if reply["body"] is None else bytes.fromhex(reply["body"])
        sent = {name: str(reply[name]) for name in ("method", "url")}
    except (KeyError, TypeError, ValueError) as error:
        raise NotPassed("garbage", f"not an answer to request: {error!r}: {brief(reply)}") from None
    problems = [
        f"{name}: {brief(sent[name])}, not {brief(wanted[name])}"
        for name in sent
        if wanted.get(name, sent[name]) != sent[name]
    ]
    for name, pattern in wanted.get("headers", {}).items():
        values = [value for key, value in headers if key == name]
        problems.append(header_mismatch(", ".join(values) if values else None, name, pattern) or "")
    if "body" in wanted:
        problems.append(body_mismatch(body, wanted["body"]) or "")
    if any(problems):
        raise NotPassed("failed", next(filter(None, problems)))


def _difference(got: Sequence[object], wanted: Sequence[object]) -> str:
    if len(got) != len(wanted):
        return f"{len(got)} URLs, not {len(wanted)}: {brief(got)}"
    index = next(index for index in range(len(got)) if got[index] != wanted[index])
    return f"URL {index + 1} is {brief(got[index])}, not {brief(wanted[index])}"


def _said(results: Sequence[Mapping[str, Any]]) -> str:
    """The first error that the testee has told, to explain what it did."""
    errors = [result for result in results if "error" in result]
    return f" (it said: {brief(errors[0])})" if errors else ""


def _told(reply: Mapping[str, Any], seen: Seen, what: str) -> None:
    seen.append((what, json.dumps(reply).encode()[:_KEPT]))
