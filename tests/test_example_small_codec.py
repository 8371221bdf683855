"""examples/small_codec.py, written from the standard alone: it passes every vector by itself."""

import ast
import doctest
import importlib
import json
import subprocess
import sys
import zlib
from collections import Counter, OrderedDict
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
FILES = [EXAMPLES / "small_codec.py", EXAMPLES / "small_testee.py"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    return importlib.import_module("small_codec")


def test_every_vector_passes_strictly() -> None:
    runner = [sys.executable, "-m", "hyperglyph.conformance", "run", "--strict", "--report", "json"]
    done = subprocess.run(
        [*runner, "--", sys.executable, "-W", "error", str(FILES[1])],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    report = json.loads(done.stdout)
    not_passed = [case for case in report["results"] if case["outcome"] != "passed"]
    # Python's sets and dicts have no room for what has no hash or is equal to another, and it is a
    # codec without builders; nothing else may be skipped.
    assert {(case["topic"], case["outcome"]) for case in not_passed} <= {
        ("encode", "skipped"), ("build", "skipped"),
    }  # fmt: skip
    reasons = Counter(case["detail"].split()[0] for case in not_passed if case["topic"] != "build")
    assert reasons == {"unhashable": 17, "equal": 1}
    assert (report["conforms"], done.returncode, done.stderr) == (True, 0, "")
    assert len(report["results"]) - len(not_passed) > 3_500


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_owes_nothing_to_the_library(path: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).split(".")[0])
    assert imported, path
    assert imported - sys.stdlib_module_names <= {"small_codec"}
    assert not imported & {"importlib", "runpy", "subprocess"}


def test_what_its_text_shows(small: ModuleType) -> None:
    assert doctest.testmod(small).failed == 0
    assert doctest.testmod(small).attempted == 2


def test_values_come_back_as_they_were(small: ModuleType) -> None:
    value = {
        "all": [None, True, False, -(10**999), "é💩", b"\x00\xff", 1.5, -0.0, float("inf")],
        "times": [datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=UTC), timedelta(-1, 2, 3)],
        "period": small.Period(-1, -2, timedelta(-3)),
        (1, frozenset({"a"})): OrderedDict([("b", {1, 2}), ("a", {"x": None})]),
        "page": small.Extension("link", {"url": "/a"}, [small.Blob({"content-type": "a/b"}, b"c")]),
    }
    for canonical in (False, True):
        wire = small.encode(value, canonical=canonical)
        assert small.decode(wire) == value
        assert str(small.decode(wire)["all"]) == str(value["all"])
        assert type(small.decode(wire)[1, frozenset({"a"})]) is OrderedDict


def test_what_nobody_may_build(small: ModuleType) -> None:
    with pytest.raises(ValueError, match="reserved"):
        small.Extension("nil", {})
    for attributes in ({}, {"content-type": b"a/b"}):
        with pytest.raises(ValueError, match="content-type"):
            small.Blob(attributes)
    for parts in ((0, 0), (1_000_000_000, 0), (0, -1_000_000_000)):
        with pytest.raises(ValueError, match="years or months"):
            small.Period(*parts)
    for mixed in ((1, -1), (1, 0, timedelta(-1)), (-1, 0, timedelta(0, 0, 1))):
        with pytest.raises(ValueError, match="one sign"):
            small.Period(*mixed)
    decoded = small.decode(b"LXu3:nil;D;N;;B0:D;;;c0;")
    assert small.encode(decoded) == b"LXu3:nil;D;N;;B0:D;;;c0;"


class Hashable(dict[Any, Any]):
    """A dict that Python takes for a key."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)


def test_what_is_not_encoded(small: ModuleType) -> None:
    endless: list[Any] = []
    endless.append(endless)
    too_early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    blob = small.Blob({"content-type": "a/b"})
    values = [
        *(object(), endless, 10**4_300, "\ud800", datetime(2020, 1, 1), too_early),
        *({Hashable(): 1}, [{(1, Hashable())}], {float("nan"), float("nan")}),
        *(small.Extension("x", {1: 2}), small.Extension("x", None)),
        small.Blob({"content-type": "a/b", "x": [small.Extension("y", {}, blob)]}),
    ]
    for value in values:
        with pytest.raises(small.Fault) as caught:
            small.encode(value)
        assert (caught.value.kind, caught.value.at) == ("unencodable", None), value


def equal_hashes(count: int) -> bytes:
    return b"".join(b"i%d;" % (1 + sys.hash_info.modulus * n) for n in range(count))


@pytest.mark.parametrize(
    ("wire", "at"),
    [
        (b"L" * 101, 100),
        (b"L" + b"N;" * 10_000, 19_999),
        (b"i" + b"1" * 4_301, 0),
        (b"f" + b"1" * 801, 0),
        (b"d" + b"1" * 65, 0),
        (b"p" + b"1" * 201, 0),
        (b" " * 65_537, 0),
        (b"u2000001:", 0),
        (b"L" + b"b1500000:" + bytes(1_500_000) + b";b999999:", 1_500_011),
        (b"L" + b"".join(b"B%d:D;;" % n for n in range(17)), 103),
        (b"B0:D;;c0:2000000:" + bytes(2_000_000) + b";c0:1000001:", 2_000_018),
        (b"S" + equal_hashes(65), len(equal_hashes(64)) + 1),
        (b"SS" + equal_hashes(5), len(equal_hashes(4)) + 2),
    ],
    ids=lambda value: str(zlib.crc32(value)) if isinstance(value, bytes) else "",
)
def test_limits(small: ModuleType, wire: bytes, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "NODES", 10_000)
    monkeypatch.setattr(small, "MESSAGE", 2_000_000)
    monkeypatch.setattr(small, "BLOB", 3_000_000)
    with pytest.raises(small.Fault, match="more than") as caught:
        small.decode(wire)
    assert (caught.value.kind, caught.value.at) == ("limit", at)
