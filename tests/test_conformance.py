"""The conformance runner, by real child processes: right ones pass, each wrong one is caught."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hyperglyph.conformance import __main__ as command_line
from hyperglyph.conformance.cases import Vector, choose, load
from hyperglyph.conformance.results import Result, succeeded
from hyperglyph.conformance.runner import run
from hyperglyph.conformance.testee import Crashed, Garbage, Hung, Testee
from hyperglyph.conformance.typed import (
    NotTyped,
    Unbuildable,
    from_json,
    same,
    to_json,
    wire,
)

ONE = {"type": "integer", "value": "1"}
TWO = {"type": "integer", "value": "2"}
DICT = {"type": "dict", "pairs": [[TWO, {"type": "true"}], [ONE, {"type": "nil"}]]}
WITHIN = {"type": "dict", "pairs": [[ONE, {"type": "blob", "attributes": DICT, "hex": ""}]]}
REQUIREMENTS = ["REQ-INT-1"]
SAMPLE: list[dict[str, Any]] = [
    {"name": "integer", "wire": "i01;", "expect": "accept", "value": ONE, "canonical": "i1;"},
    {"name": "dict", "wire": "Di2;T;i1;N;;", "expect": "accept", "value": DICT,
     "canonical": "Di1;N;i2;T;;"},
    {"name": "set", "wire": "Si2;i1;;", "expect": "accept",
     "value": {"type": "set", "items": [ONE, TWO]}, "canonical": "Si1;i2;;"},
    {"name": "malformed", "wire": "Li1;x;", "expect": "reject", "fault": "malformed", "at": 4},
    {"name": "truncated", "wire": "Li1;", "expect": "reject", "fault": "truncated", "at": 4},
    {"name": "either", "wire": "Si1;T;;", "expect": "either", "fault": "malformed", "at": 4},
    {"name": "surrogate", "encode": {"type": "unicode", "codepoints": ["d800"]},
     "expect": "reject", "fault": "unencodable"},
    {"name": "encodable", "encode": {"type": "list", "items": [ONE]}, "expect": "accept",
     "canonical": "Li1;;"},
]  # fmt: skip

# A right testee but for what stands in place of {wrong}, which sees request and reply.
SCRIPT = """
import json, os, sys, time
from hyperglyph.conformance.testees.codec import answer
for line in sys.stdin:
    request = json.loads(line)
    cmd, octets = request["cmd"], bytes.fromhex(request.get("wire", ""))
    reply = {"seq": request["seq"], **answer(request)}
    {wrong}
    print(json.dumps(reply), flush=True)
    if cmd == "stop":
        break
"""


def sample() -> list[Vector]:
    vectors = [{"requirements": REQUIREMENTS, **vector} for vector in SAMPLE]
    return load([("sample.json", {"topic": "sample", "about": "…", "vectors": vectors})])


def start(wrong: str, *, timeout: float = 10.0) -> Testee:
    return Testee([sys.executable, "-c", SCRIPT.replace("{wrong}", wrong)], timeout=timeout)


def outcomes(results: list[Result]) -> dict[str, str]:
    return {result.case.name: result.outcome for result in results}


def test_right_testee_passes() -> None:
    with start("pass") as child:
        results = list(run(sample(), child, strict=True))
    assert outcomes(results) == {vector["name"]: "passed" for vector in SAMPLE}
    assert succeeded(results)
    assert child.starts == 1
    assert child.implementation is not None
    assert child.implementation.language == "Python"


WRONG = {
    "crashes": ('if b"x" in octets: sys.exit("no x")', {"malformed": "crashed"}),
    "aborts": ('if b"x" in octets: os.abort()', {"malformed": "crashed"}),
    "closes its output": ('if b"x" in octets: os.close(1); time.sleep(60)',
                          {"malformed": "crashed"}),
    "hangs": ('if b"x" in octets: time.sleep(60)', {"malformed": "hung"}),
    "talks": ('if b"x" in octets: print("what is x?")', {"malformed": "garbage"}),
    "loses count": ('if b"x" in octets: reply["seq"] -= 1', {"malformed": "garbage"}),
    "answers with a list": ('if b"x" in octets: reply = [reply]', {"malformed": "garbage"}),
    "says nothing": ('if b"x" in octets: reply = {"seq": reply["seq"]}',
                     {"malformed": "garbage"}),
    "writes numbers": ('if octets == b"i01;": reply["value"]["value"] = 1',
                       {"integer": "garbage"}),
    "gives up": ('if b"x" in octets: reply = {"seq": reply["seq"], "errored": "Traceback"}',
                 {"malformed": "errored"}),
    "skips": ('if octets: reply = {"seq": reply["seq"], "skipped": "no"}',
              dict.fromkeys(["integer", "dict", "set", "malformed", "truncated", "either",
                             "encodable"], "skipped")),
    "gives another value": ('if octets == b"i01;": reply["value"]["value"] = "2"',
                            {"integer": "failed"}),
    "gives another type": ('if octets == b"i01;": reply["value"] = {"type": "true"}',
                           {"integer": "failed"}),
    "refuses": ('if octets == b"i01;": reply = {"seq": reply["seq"], "fault": "malformed"}',
                {"integer": "failed"}),
    "accepts cut input": (
        'if reply.get("fault") == "truncated": reply.update(value={"type": "nil"}); '
        'del reply["fault"]', {"truncated": "failed"}),
    "ignores what is malformed": (
        'if b"x" in octets: reply = {"seq": reply["seq"], "value": {"type": "nil"}}',
        {"malformed": "failed"}),
    "mistakes the fault": ('if b"x" in octets: reply["fault"] = "truncated"',
                           {"malformed": "failed"}),
    "counts from one": ('if "at" in reply: reply["at"] += 1',
                        dict.fromkeys(["malformed", "truncated", "either"], "failed")),
    "needs it whole": (
        'if len(octets) > 4 and "pieces" in request: reply = {"seq": reply["seq"], '
        '"fault": "truncated", "at": 0}',
        dict.fromkeys(["dict", "set", "malformed", "either"], "failed")),
    "sorts nothing": ('if cmd == "canonical": reply.update(answer({**request, "cmd": "encode"}))',
                      {"dict": "failed"}),
    "encodes loosely": (
        'if cmd == "encode" and reply.get("wire") == "69313b": reply["wire"] = "6930313b"',
        {"integer": "failed"}),
    "encodes wrongly": (
        'if cmd == "encode" and request["value"]["type"] == "set": reply["wire"] = "533b"',
        {"set": "failed"}),
    "encodes anything": (
        'if reply.get("fault") == "unencodable": reply["wire"] = "753b"; del reply["fault"]',
        {"surrogate": "failed"}),
    "encodes nothing": (
        'if cmd == "encode": reply = {"seq": reply["seq"], "fault": "unencodable"}',
        dict.fromkeys(["integer", "dict", "set", "encodable"], "failed")),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_testee_is_caught(name: str) -> None:
    wrong, expected = WRONG[name]
    with start(wrong, timeout=1.5) as child:
        results = list(run(sample(), child, strict=True))
    found = {vector: outcome for vector, outcome in outcomes(results).items()
             if outcome != "passed"}  # fmt: skip
    assert found == expected
    assert not succeeded(results)


def test_status_and_last_words_of_a_crash_are_told() -> None:
    with start(WRONG["crashes"][0]) as child:
        results = list(run(sample(), child))
    (crashed,) = [result for result in results if result.fails]
    assert crashed.detail == "exit status 1\nno x"
    assert child.starts == 2


def test_offsets_are_notes_unless_strict() -> None:
    with start(WRONG["counts from one"][0]) as child:
        results = list(run(sample(), child))
    assert succeeded(results)
    notes = {result.case.name: result.notes[0] for result in results if result.notes}
    assert notes["malformed"] == "decode: fault at 5, not 4"
    assert set(notes) == {"malformed", "truncated", "either"}


def test_incremental_decoding_may_be_absent() -> None:
    wrong = 'if "pieces" in request: reply = {"seq": reply["seq"], "skipped": "no reader"}'
    with start(wrong) as child:
        assert succeeded(list(run(sample(), child, strict=True)))


def test_what_is_expected_is_not_sent(tmp_path: Path) -> None:
    log = tmp_path / "log"
    wrong = f'open({str(log)!r}, "a").write(line)'
    with start(wrong) as child:
        list(run(sample()[3:5], child))
    requests = [json.loads(line) for line in log.read_text().splitlines()]
    assert {name for request in requests for name in request} == {
        *("seq", "cmd", "protocol", "wire", "pieces"),
    }


def test_value_that_no_encoder_may_emit() -> None:
    attributes = "Du1:a;B1:D;;;"
    inner: dict[str, Any] = {"type": "blob", "attributes": {"type": "dict", "pairs": []}, "hex": ""}
    key = {"type": "unicode", "value": "a"}
    vector: dict[str, Any] = {
        "name": "blob-in-attributes",
        "requirements": ["REQ-BLB-5"],
        "wire": f"B0:{attributes};c0;c1;",
        "expect": "accept",
        "value": {
            "type": "blob",
            "attributes": {"type": "dict", "pairs": [[key, inner]]},
            "hex": "",
        },
        "canonical": None,
    }
    vectors = load([("sample.json", {"topic": "blob", "about": "…", "vectors": [vector]})])
    with start("pass") as child:
        assert outcomes(list(run(vectors, child))) == {"blob-in-attributes": "passed"}
    emits = 'if cmd == "encode": reply = {"seq": reply["seq"], "wire": octets.hex()}'
    with start(emits) as child:
        assert outcomes(list(run(vectors, child))) == {"blob-in-attributes": "failed"}


@pytest.mark.parametrize(
    ("code", "error", "patience"),
    [
        ("import sys; sys.exit(4)", Crashed, 10),
        ("print('hello', flush=True); input(); input()", Garbage, 10),
        ("input(); print('{\"seq\": 1}', flush=True); input()", Garbage, 10),
        ("import time; time.sleep(60)", Hung, 0.5),
    ],
)
def test_testee_that_does_not_start(code: str, error: type[Exception], patience: float) -> None:
    with pytest.raises(error), Testee([sys.executable, "-c", code], patience=patience):
        pass  # pragma: no cover


def test_program_that_is_not_there() -> None:
    with pytest.raises(Crashed, match=r"cannot start \./not-there"), Testee(["./not-there"]):
        pass  # pragma: no cover


def test_testee_that_does_not_stop_is_ended() -> None:
    with start("if cmd == 'stop': time.sleep(60)", timeout=0.3) as child:
        assert child.ask(cmd="decode", wire="4e3b") == {"value": {"type": "nil"}}


def test_testee_that_does_not_read_is_ended() -> None:
    value = {"type": "unicode", "value": "a" * 500_000}
    wrong = "if cmd == 'start': print(json.dumps(reply), flush=True); time.sleep(60)"
    message = r"no answer within 0\.6 s"
    with start(wrong, timeout=0.6) as child, pytest.raises(Hung, match=message):
        child.ask(cmd="encode", value=value)


# The command line


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "hyperglyph.conformance", *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_python_conforms() -> None:
    done = command("run", "python")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    assert ": conforms; " in done.stdout.splitlines()[-1]


def test_any_program_can_be_run() -> None:
    words = ["run", "--pattern", "integer-*", "--", sys.executable, "-m"]
    done = command(*words, "hyperglyph.conformance.testees.codec")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hyperglyph" in done.stdout


def test_report_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "python", "--requirement", "REQ-SNG-1", "--report", "json"]
    assert command_line.main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    chosen = choose(load(), requirements=["REQ-SNG-1"])
    assert report["conforms"] is True
    assert report["totals"] == {"passed": len(chosen)}
    assert report["requirements"]["REQ-SNG-1"] == {"passed": len(chosen)}
    assert [result["name"] for result in report["results"]] == [vector.name for vector in chosen]


def test_failures_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = SCRIPT.replace("{wrong}", 'if "at" in reply: reply["at"] += 1')
    arguments = ["run", "--topic", "singleton", "--", sys.executable, "-c", wrong]
    assert command_line.main(arguments) == 0
    assert "note    " in capsys.readouterr().out
    assert command_line.main(["run", "--strict", *arguments[1:]]) == 1
    assert "does not conform" in capsys.readouterr().out
    assert command_line.main(["run", "--strict", "--report", "json", *arguments[1:]]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["conforms"] is False
    assert any("fault at" in result.get("detail", "") for result in report["results"])


def test_no_case_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["run", "python", "--topic", "nonsense"]) == 1
    assert "no case was run" in capsys.readouterr().out


def test_skips_alone_are_a_failure() -> None:
    vectors = [vector for vector in sample() if vector.expect == "either"]
    with start(WRONG["skips"][0]) as child:
        results = list(run(vectors, child))
    assert [(result.outcome, result.fails) for result in results] == [("skipped", False)]
    assert not succeeded(results)


def test_program_that_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["run", "--", "./not-there"]) == 2
    assert "does not start" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "python", "--", "x"], ["run", "nobody"], []]
)
def test_wrong_command_line(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command_line.main(arguments)
    assert left.value.code == 2


def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["list", "--pattern", "message-first-byte-00?"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "message-first-byte-000  reject  REQ-MSG-4"
    assert len(lines) == 10
    assert command_line.main(["show", "message-first-byte-000"]) == 0
    assert "2 octets:\n000000  00 3b" in capsys.readouterr().out
    assert command_line.main(["list", "--topic", "nonsense"]) == 1
    assert command_line.main(["show", "nonsense"]) == 1


# Typed values


def unicode(text: str) -> dict[str, Any]:
    return {"type": "unicode", "value": text}


def of(kind: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "items": list(items)}


def pairs(kind: str, *held: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    return {"type": kind, "pairs": [list(pair) for pair in held]}


def number(spelt: str) -> dict[str, Any]:
    return {"type": "float", "value": spelt}


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (of("set", ONE, TWO), of("set", TWO, ONE), True),
        (of("set", ONE, ONE), of("set", ONE), False),
        (of("list", ONE, TWO), of("list", TWO, ONE), False),
        (of("list", ONE, ONE), {"type": "list", "repeat": ONE, "times": 2}, True),
        (of("list"), of("set"), False),
        (pairs("dict", (ONE, TWO), (TWO, ONE)), pairs("dict", (TWO, ONE), (ONE, TWO)), True),
        (pairs("dict", (ONE, TWO)), pairs("dict", (TWO, ONE)), False),
        (pairs("ordered_dict", (ONE, TWO), (TWO, ONE)),
         pairs("ordered_dict", (TWO, ONE), (ONE, TWO)), False),
        (pairs("ordered_dict"), pairs("dict"), False),
        (number("0x0.0p+0"), number("-0x0.0p+0"), False),
        (number("nan"), number("nan"), True),
        (ONE, {"type": "true"}, False),
        (ONE, number("0x1.0000000000000p+0"), False),
        (unicode("aa"), {"type": "unicode", "repeat": "a", "times": 2}, True),
        (unicode("a"), {"type": "unicode", "codepoints": ["0061"]}, True),
        (unicode("a"), {"type": "bytearray", "hex": "61"}, False),
        ({"type": "bytearray", "hex": "6161"}, {"type": "bytearray", "repeat": "61", "times": 2},
         True),
        # structure must not be feigned by content
        (of("list", unicode("a"), unicode("b")), of("list", unicode("a),10:unicode(1:b")), False),
    ],
)  # fmt: skip
def test_same(left: dict[str, Any], right: dict[str, Any], expected: bool) -> None:
    assert same(left, right) is expected
    assert same(right, left) is expected


@pytest.mark.parametrize(
    "typed",
    [
        {"type": "integer", "value": "-" + "7" * 5000},
        number("-0x1.0000000000000p-1022"),
        number("nan"),
        {"type": "datetime", "value": "0001-01-01T00:00:00.000001Z"},
        {"type": "datetime", "value": "2020-01-02T03:04:05.000"},
        {"type": "timedelta", "value": "-P0Y0M999999999DT0H0M0S"},
        {"type": "timedelta", "value": "-P1Y0M2DT0H0M0.000001S"},
        {"type": "unicode", "codepoints": ["d800"]},
        {"type": "extension", "name": "integer", "attributes": DICT, "content": ONE},
        {"type": "blob", "attributes": WITHIN, "repeat": "00ff", "times": 3},
        pairs("dict", (of("list", of("set", of("list"))), {"type": "nil"})),
        pairs("ordered_dict", (TWO, of("list", ONE)), (ONE, {"type": "false"})),
    ],
)
def test_there_and_back(typed: dict[str, Any]) -> None:
    assert same(to_json(from_json(typed)), typed)


@pytest.mark.parametrize(
    "typed",
    [
        1, {}, {"type": "int"}, {"type": "integer"}, {"type": "integer", "value": 1},
        {"type": "integer", "value": "01"}, {"type": "integer", "value": "1", "x": 1},
        {"type": "nil", "value": ""}, number("1.5"), number("0x1.8p+0"),
        {"type": "datetime", "value": "2020-01-02"},
        {"type": "datetime", "value": "2020-02-30T00:00:00.000Z"},
        {"type": "timedelta", "value": "PT1S"}, {"type": "bytearray", "hex": "f"},
        {"type": "unicode", "codepoints": ["110000"]},
        {"type": "unicode", "repeat": "a", "times": True}, {"type": "list", "items": {}},
        {"type": "dict", "pairs": [[ONE]]},
        {"type": "extension", "name": "a", "attributes": ONE, "content": ONE},
    ],
)  # fmt: skip
def test_not_typed(typed: Any) -> None:
    with pytest.raises(NotTyped):
        from_json(typed)


@pytest.mark.parametrize(
    "typed",
    [
        of("set", ONE, {"type": "true"}),
        of("set", {"type": "dict", "pairs": []}),
        pairs("dict", (ONE, ONE), (number("0x1.0000000000000p+0"), ONE)),
        pairs("dict", (pairs("dict"), ONE)),
        {"type": "timedelta", "value": "P0Y0M1000000000DT0H0M0S"},
    ],
)
def test_unbuildable(typed: dict[str, Any]) -> None:
    with pytest.raises(Unbuildable):
        from_json(typed)


def test_to_json_takes_only_values_of_the_data_model() -> None:
    with pytest.raises(TypeError, match="no typed form for object"):
        to_json(object())


@pytest.mark.parametrize(
    ("source", "octets"),
    [
        ("i1;\n", b"i1;\n"),
        ({"hex": "c3a9"}, b"\xc3\xa9"),
        ({"repeat": ["a", {"hex": "ff"}], "times": 2}, b"a\xffa\xff"),
        (["a", ["b", "c"], []], b"abc"),
    ],
)
def test_wire(source: object, octets: bytes) -> None:
    assert wire(source) == octets


@pytest.mark.parametrize("source", ["é", {"hex": "F0"}, {"repeat": "a"}, {}, 1, None, ["a", 1]])
def test_not_wire(source: object) -> None:
    with pytest.raises(NotTyped):
        wire(source)
