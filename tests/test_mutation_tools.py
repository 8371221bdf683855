"""The mutation tester is no rubber stamp: what is wrong is noticed, what is not lives, and every
vector that could notice is asked."""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from hyperglyph.conformance.cases import choose, load

TOOLS = Path(__file__).resolve().parent.parent / "tools"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("sys.path", [str(TOOLS), *sys.path])
    return import_module


VECTORS = choose(load(), patterns=["datetime-offset-*", "datetime-[a-f]*", "list-*"])


def verdict(tool: Any, file: str, old: str, new: str, vectors: Any = VECTORS) -> Any:
    """What a child says of the codec with one piece of a source replaced."""
    trial = tool("trial")
    source = (trial.CODEC / file).read_text("utf-8")
    assert source.count(old) == 1
    baseline = trial.unchanged(vectors)
    assert not baseline.failing
    changed = source.replace(old, new)

    def run() -> bytes:
        found = trial.trial(file, changed, vectors, baseline)
        return json.dumps([found.by, found.contract]).encode()

    ((_, said),) = tool("forked").run_forked([(None, run)], 1, 60)
    return None if said is None else json.loads(said)


def test_a_wrong_bound_is_noticed_by_a_vector(tool: Any) -> None:
    by, contract = verdict(tool, "times.py", "hours > 23 ", "hours > 24 ")
    assert by.startswith("datetime-")
    assert not contract


def test_the_same_program_lives(tool: Any) -> None:
    assert verdict(tool, "times.py", "hours > 23 ", "hours >= 24 ") == [None, False]


def test_a_mutant_in_what_others_import_is_seen_by_them(tool: Any) -> None:
    by, _ = verdict(tool, "limits.py", "DATETIME_WIDTH = 64", "DATETIME_WIDTH = 4")
    assert by.startswith("datetime-")


def test_a_loop_is_noticed_by_its_time(tool: Any) -> None:
    endless = "while hours > 23: pass\n    if hours > 23 "
    by, _ = verdict(tool, "times.py", "if hours > 23 ", endless)
    assert by == "! _TooSlow"


def test_a_child_that_computes_for_ever_in_c_is_stopped(tool: Any) -> None:
    said = verdict(tool, "times.py", "if hours > 23 ", "if sum(range(10**12)) or hours > 23 ")
    assert said is None


def test_a_trace_finds_the_vectors_of_a_line(tool: Any) -> None:
    source: str = (tool("trial").CODEC / "times.py").read_text("utf-8")

    def line_of(text: str) -> int:
        return source[: source.index(text)].count("\n") + 1

    reach = tool("reach").trace(VECTORS, 2)
    indices: list[int] = reach.indices("times.py", [line_of("hours > 23")])
    reached = {VECTORS[index].name for index in indices}
    assert "datetime-offset-000" in reached
    assert all(name.startswith("datetime-") for name in reached)
    assert len(reached) < len([vector for vector in VECTORS if vector.topic == "datetime"])
    while_imported = reach.indices("times.py", [line_of("_ZERO =")])
    assert while_imported == list(range(len(VECTORS)))


def test_a_fast_path_that_takes_less_has_lost_something(tool: Any) -> None:
    loses = tool("fastpath").loses
    assert loses((True, True), (True, False))
    assert not loses((True, False), (True, True))
    assert not loses((False,), (False,))


# --- Children -------------------------------------------------------------------------------------


def test_children_answer_die_and_hang(tool: Any) -> None:
    def die() -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return b"alive"

    work = [("answers", partial(bytes, 100_000)), ("dies", die)]
    said = dict(tool("forked").run_forked(work, 2, 60))
    assert said == {"answers": bytes(100_000), "dies": None}
    assert dict(tool("forked").run_forked([("hangs", signal.pause)], 1, 0.2)) == {"hangs": None}


def test_a_fault_of_the_tool_is_no_killed_mutant(tool: Any) -> None:
    def faulty() -> bytes:
        raise KeyError("a mistake of the tool")

    with pytest.raises(RuntimeError, match="a mistake of the tool"):
        list(tool("forked").run_forked([(None, faulty)], 1, 60))


# --- The list -------------------------------------------------------------------------------------


def test_the_list_is_of_single_mutants_with_reasons(tool: Any) -> None:
    listed = tool("equivalents").read_equivalents(tool("equivalents").LIST.read_text("utf-8"))
    for key, reason in listed.items():
        assert (tool("trial").CODEC / key.file).exists()
        assert key.before != key.after
        assert len(reason.split()) > 3


def test_the_list_is_read_as_it_is_written(tool: Any) -> None:
    equivalents = tool("equivalents")
    keys = [
        equivalents.Key("keys.py", "make_set", 1, "a == b", "a >= b"),
        equivalents.Key("keys.py", "make_set", 1, "a == b", "a <= b"),
        equivalents.Key("keys.py", "make_set", 2, "a == b", "a >= b"),
        equivalents.Key("keys.py", "Name", 1, "@property", ""),
    ]
    text = f"# A remark.\n\n= They are never less.\n\n{equivalents.blocks(keys)}\n"
    assert equivalents.read_equivalents(text) == dict.fromkeys(keys, "They are never less.")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("= So.\n\nkeys.py:make_set *", "not FILE:FUNCTION"),
        ("= So.\n\nkeys.py:make_set\n- a == b", "not FILE:FUNCTION"),
        ("= So.\n\nkeys.py\n- a == b\n+ a > b", "not FILE:FUNCTION"),
        ("keys.py:make_set\n- a == b\n+ a > b", "no reason"),
        ("= So.\n\nkeys.py:f\n- a\n+ b\n\n= Thus.\n\nkeys.py:f\n- a\n+ b", "listed twice"),
        ("= So.\nkeys.py:f\n- a\n+ b", "block of its own"),
    ],
)
def test_what_is_no_list_is_refused(tool: Any, text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        tool("equivalents").read_equivalents(text)
