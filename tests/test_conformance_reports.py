"""What the command says of a run: known failures, reports for programs and for people, pages."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hyperglyph.conformance import coverage, html, known, matrix, registry
from hyperglyph.conformance.__main__ import main
from hyperglyph.conformance.cases import Case, Scenario, Vector, choose, load, load_scenarios
from hyperglyph.conformance.layout import dump, layout
from hyperglyph.conformance.matrix import Cell, Matrix, table
from hyperglyph.conformance.relay import Relay
from hyperglyph.conformance.report import Run, for_programs, junit, terminal
from hyperglyph.conformance.results import Result
from hyperglyph.conformance.testee import Implementation
from hyperglyph.conformance.testees import client, server

ROOT = Path(__file__).resolve().parent.parent
ABOUT = Implementation("mine", "Python", "1")


def case(name: str, requirement: str = "REQ-INT-1", level: str = "must") -> Case:
    return Scenario(
        name=name, topic=name.partition("-")[0], requirements=(requirement,), kind="server",
        level=level, source={"name": name, "steps": []},
    )  # fmt: skip


PASSED = Result(case("a-passes"), "passed", fails=False)
FAILED = Result(case("a-fails", "REQ-INT-2"), "failed", "1, not 2\x00 <b>")
WEAK = Result(case("b-should", level="should"), "failed", "no gzip", fails=False)


# Known failures


def test_a_known_failure_does_not_count() -> None:
    judged, untrue = known.apply([PASSED, FAILED], known.read("# why\na-fails\n", "k.txt"))
    assert untrue == []
    assert [(result.fails, result.known) for result in judged] == [(False, ""), (False, "why")]
    assert Run(ABOUT, judged, 0).verdict == "conforms but for 1 known failures"


@pytest.mark.parametrize("pattern", ["a-passes", "a-p*", "REQ-INT-1"])
def test_a_known_failure_that_passes_is_told(pattern: str) -> None:
    lines = known.read(f"{pattern}  # it did\n", "k.txt")
    judged, untrue = known.apply([PASSED, FAILED], lines)
    assert untrue == lines
    assert not Run(ABOUT, judged[:1], 0, untrue).conforms
    assert f"k.txt, line 1\n    {pattern}: no known failure any more" in terminal(
        Run(ABOUT, judged, 0, untrue)
    )


def test_a_line_for_several_is_true_while_one_fails_and_one_for_none_is_not_judged() -> None:
    _, untrue = known.apply([PASSED, FAILED], known.read("# why\na-*\nc-*\n", "k.txt"))
    assert untrue == []


def test_a_flaky_one_may_pass() -> None:
    lines = known.read("# by chance\na-passes flaky\na-fails flaky # by chance\n", "k.txt")
    assert [(line.pattern, line.flaky) for line in lines] == [
        ("a-passes", True), ("a-fails", True),
    ]  # fmt: skip
    judged, untrue = known.apply([PASSED, FAILED], lines)
    assert untrue == []
    assert [(result.fails, result.known) for result in judged] == [
        (False, ""), (False, "by chance"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["a-fails\n", "a-fails flaky\n", "a fails # why\n"])
def test_a_line_is_a_pattern_and_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"k\.txt, line 1: a pattern, .*, # and the reason"):
        known.read(text, "k.txt")


def test_the_files_of_the_package_name_cases_that_exist() -> None:
    cases: list[Case] = [*load(), *load_scenarios()]
    for testee in registry.TESTEES:
        for line in testee.known():
            assert any(line.fits(one) for one in cases), line
    named = {testee.known_failures for testee in registry.TESTEES} - {""}
    assert named == {path.name for path in (ROOT / "conformance" / "known").iterdir()}


# Reports


def test_the_terminal_shows_what_failed_what_should_not_and_the_counts() -> None:
    text = terminal(Run(ABOUT, [PASSED, FAILED, WEAK], 1.5))
    assert "failed  a-fails\n    1, not 2" in text
    assert "should  b-should\n    no gzip" in text
    assert "a            1        1" in text
    assert text.endswith("mine 1 (Python): does not conform; 3 cases in 1.5 s")


def test_programs_get_json() -> None:
    document = json.loads(for_programs(Run(ABOUT, [PASSED, FAILED, WEAK], 1.5)))
    assert document["conforms"] is False
    assert document["totals"] == {"passed": 1, "failed": 2}
    assert document["requirements"]["REQ-INT-2"] == {"failed": 1}
    assert [result["level"] for result in document["results"]] == ["must", "must", "should"]


def test_builds_get_junit() -> None:
    line = known.read("a-passes # it did", "k.txt")
    root = ElementTree.fromstring(junit(Run(ABOUT, [PASSED, FAILED, WEAK], 1.5, line)))
    suites = {suite.get("name"): suite for suite in root}
    assert suites["a"].get("failures") == "1"
    assert suites["b"].get("skipped") == "1"
    assert [failure.text for failure in suites["a"].iter("failure")] == [
        "1, not 2\N{REPLACEMENT CHARACTER} <b>"
    ]
    assert suites["known"].get("failures") == "1"


# Pages


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.hrefs: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.ids.add(held.get("id") or "")
        if "href" in held:
            self.hrefs.append(held["href"] or "")
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(page: str) -> Links:
    links = Links()
    links.feed(page)
    links.close()
    assert links.open == []
    assert {href.removeprefix("#") for href in links.hrefs} <= links.ids
    return links


def test_the_page_of_a_run_has_every_case_and_its_octets() -> None:
    vector = next(one for one in load() if one.name == "message-first-byte-000")
    page = html.page_of_run(Run(ABOUT, [PASSED, FAILED, Result(vector, "failed")], 1))
    read(page)
    assert "a-fails" in page
    assert "a-passes" in page
    assert "&lt;b&gt;" in page
    assert "000000  00 3b" in page


def test_each_cell_of_the_matrix_leads_to_its_cases_and_their_octets() -> None:
    exchanged = Result(
        case("a-call"), "passed", fails=False, seen=(("client", b"GET / HTTP/1.1\r\n\0"),)
    )
    cells = [Cell("c", "s", [exchanged]), Cell("c", "t", [FAILED])]
    made = Matrix([Run(ABOUT, [PASSED], 1, name="mine")], cells, [("ruby-2012", "no <Ruby>")])
    page = html.page_of_matrix(made)
    links = read(page)
    assert links.hrefs[:2] == ["#c--s", "#c--t"]
    assert "GET / HTTP/1.1\n\\x00" in page
    assert "ruby-2012: no &lt;Ruby&gt;" in page
    text = table(made)
    assert re.search(r"^c\s+1/1\s+0/1 !$", text, re.M)
    assert "c against t: a-fails: 1, not 2" in text
    assert "not run here: ruby-2012: no <Ruby>" in text
    assert not made.well


# Octets


def test_octets_are_laid_out_by_sixteen() -> None:
    assert list(dump(b"i1;" + bytes(15))) == [
        "000000  69 31 3b 00 00 00 00 00 00 00 00 00 00 00 00 00  i1;.............",
        "000010  00 00                                            ..",
    ]
    assert list(dump(b"x" * 5000))[-1] == "… 4008 octets more"
    assert "2 octets:\n000000  00 3b" in layout(
        next(one for one in load() if one.name == "message-first-byte-000")
    )


@pytest.fixture
def echo(no_leaks: None) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                while piece := connection.recv(100):
                    connection.sendall(piece.upper())

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def test_the_relay_passes_octets_on_and_keeps_a_copy(echo: int) -> None:
    with Relay(f"http://127.0.0.1:{echo}/") as relay:
        port = int(relay.origin.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"one")
            assert client.recv(100) == b"ONE"
            client.sendall(b"two")
            assert client.recv(100) == b"TWO"
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100) == b""
        assert relay.taken() == (
            ("client", b"one"), ("server", b"ONE"), ("client", b"two"), ("server", b"TWO"),
        )  # fmt: skip
        assert relay.taken() == ()


def test_the_relay_of_a_server_that_is_gone_closes_the_connection(no_leaks: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with Relay(f"http://127.0.0.1:{port}/") as relay:
        there = int(relay.origin.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", there), 5) as client:
            assert client.recv(1) == b""


def test_the_matrix_is_made_several_at_a_time_and_comes_in_order() -> None:
    names = ["python-client", "python-client-httpx-async", "python-server", "python-server-uvicorn"]
    testees = [testee for testee in registry.TESTEES if testee.name in names]
    patterns = ["call-function-hello*", "server-page-root", "request-query-on-a-query"]
    chosen = choose([*load(), *load_scenarios()], patterns=patterns)
    made = matrix.make(chosen, timeout=10, testees=testees, jobs=4)
    assert [run.name for run in made.runs] == names
    assert (made.clients, made.servers) == (names[:2], names[2:])
    assert [(cell.client, cell.server) for cell in made.cells] == [
        (client, server) for server in names[2:] for client in names[:2]
    ]
    assert made.well
    assert {cell.passed for cell in made.cells} == {len(made.cells[0].results)}
    assert "GET / HTTP/1.1" in str(made.cells[0].results[0].seen)


def test_a_matrix_of_none_at_a_time_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["matrix", "--jobs", "0"])
    assert "not a number from 1 on: 0" in capsys.readouterr().err


# Libraries of 2012


def test_names_are_unique_and_what_is_missing_is_told(tmp_path: Path) -> None:
    names = [testee.name for testee in registry.TESTEES]
    assert len(set(names)) == len(names)
    assert registry.find("nobody") is None
    adapters = {("client", name) for name in client.ADAPTERS}
    adapters |= {("server", name) for name in ("server", *server.ADAPTERS)}
    ours = {
        (role, testee.command[-1])
        for testee in registry.TESTEES
        for role in testee.roles
        if "--adapter" in testee.command
    }
    assert ours == adapters
    absent = registry.Registered("x", "x", frozenset({"codec"}), ("x",), lambda: "install x")
    assert absent.lacks() == "install x"
    assert absent.with_library("there").command == ("x", "there")


def test_a_vector_is_a_case_of_the_codec() -> None:
    assert {one.role for one in load()} == {"codec"}
    assert all(isinstance(one, Vector) for one in load())


# Requirements


def test_what_a_requirement_lacks_is_told() -> None:
    text = "**REQ-INT-1.** One.\n**REQ-INT-2.** Two, REQ-INT-9.\n**REQ-INT-3.** Three.\n"
    text += "**REQ-INT-4.** Four.\n**REQ-INT-5.** Five.\n"
    steps = [{"response": {"status": 200}}, {"response": {"status": [400, 404]}}]
    both = Scenario(
        name="s", topic="s", requirements=("REQ-INT-1",), kind="server", source={"steps": steps}
    )
    one = Scenario(
        name="c", topic="c", requirements=("REQ-INT-2",), kind="request",
        source={"error": "arguments"},
    )  # fmt: skip
    said = coverage.Remarks(
        {"REQ-INT-4": ["s"]}, {"REQ-INT-5": (["accepting", "rejecting"], "It says nothing.")}
    )
    seen = Scenario(
        name="s", topic="s", requirements=("REQ-INT-4",), kind="url", source={"urls": ["x"]}
    )
    rows = coverage.covered([both, one, seen], text, said)
    assert [(row.requirement, row.accepting, row.rejecting) for row in rows] == [
        ("REQ-INT-1", 1, 1), ("REQ-INT-2", 0, 1), ("REQ-INT-3", 0, 0), ("REQ-INT-4", 1, 1),
        ("REQ-INT-5", 0, 0),
    ]  # fmt: skip
    assert coverage.table(rows).endswith(
        "REQ-INT-5: no accepting and no rejecting case: It says nothing.\n"
        "REQ-INT-2: no accepting case\nREQ-INT-3: no accepting and no rejecting case\n"
        "5 requirements: 2 with cases of both kinds "
        "(1 of them by what an implementation fails that breaks them), "
        "1 with all that they can have, 1 with one kind, 1 with none"
    )
