"""The adapters for libraries with the interface of 2012, `dump` and `load`, as processes of their
own: a small Ruby library with some of the gem's faults, and this package under the old names.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from hyperglyph.conformance import known, registry
from hyperglyph.conformance.cases import load
from hyperglyph.conformance.runner import run
from hyperglyph.conformance.testee import Testee

RUBY = ROOT / "tests" / "ruby_library"


@pytest.fixture(scope="module")
def ruby() -> str:
    program = shutil.which("ruby")
    if program is None:
        pytest.skip("no Ruby: apt-get install ruby")
    return program


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hyperglyph.conformance", *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_ruby_library_conforms_but_for_its_known_failures(ruby: str) -> None:
    registered = registry.find("ruby-2012")
    assert registered is not None
    lines = known.read_file(RUBY / "known.txt", load())
    with Testee(registered.with_library(str(RUBY)).command) as testee:
        results, untrue = known.apply(run(load(), testee), lines)
        assert testee.starts == 1
        assert testee.implementation is not None
        assert testee.implementation.language.startswith("Ruby ")
    assert [result.case.name for result in results if result.fails] == []
    assert untrue == []
    passed = sum(result.outcome == "passed" for result in results)
    assert passed > 2_500
    assert len(lines) + passed <= len(results)


def test_a_fault_of_ruby_that_is_mended_is_reported(ruby: str, tmp_path: Path) -> None:
    """The file of the gem names cases that the library here passes."""
    words = ["run", "ruby-2012", "--lib", str(RUBY), "--pattern", "singleton-*"]
    done = command(*words)
    assert done.returncode == 1
    assert "no known failure any more" in done.stdout


def test_a_library_is_asked_for() -> None:
    done = command("run", "ruby-2012")
    assert done.returncode == 2
    assert "ruby-2012 needs --lib PATH" in done.stderr


def test_a_library_that_is_not_there(ruby: str, tmp_path: Path) -> None:
    done = command("run", "ruby-2012", "--lib", str(tmp_path))
    assert done.returncode == 2
    assert "the testee does not start" in done.stderr


#: What the package of 2012 is for its adapter, as this one's codec offers it.
OLD = """
import sys
sys.path.insert(0, {here!r})
for name in [name for name in sys.modules if name.partition(".")[0] == "hyperglyph"]:
    del sys.modules[name]
from hyperglyph.codec import Blob as _Blob, Extension as _Extension
from hyperglyph.codec import decode as load, encode as _encode

class Extension(_Extension):
    pass

def make(name, attributes, content):
    return _Extension.from_wire(name, attributes, content)

_Extension.__make__ = staticmethod(make)
for kind in (_Extension, *_Extension.__subclasses__()):
    kind.__getstate__ = lambda self: (self.name, self.attributes, self.content)
Extension = _Extension

class _Meta(type):
    def __instancecheck__(cls, value):
        return isinstance(value, _Blob)

class Blob(metaclass=_Meta):
    def __new__(cls, content, attributes):
        return _Blob.from_wire(attributes, content)

_Blob.fh = property(lambda self: self)
_Blob._attributes = property(lambda self: self.attributes)

def dump(value):
    return _encode(value, canonical=True)

this = sys.modules["hyperglyph"]
vars(this).update(Blob=Blob, Extension=Extension, load=load, dump=dump)
"""


def test_the_adapter_for_python_of_2012_is_true(tmp_path: Path) -> None:
    """Around a codec that is right it passes nearly all: what it cannot say it skips."""
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "hyperglyph.py").write_text(OLD.replace("{here!r}", repr(str(ROOT / "src"))))
    registered = registry.find("python-2012")
    assert registered is not None
    program = registered.command[-1]
    with Testee([sys.executable, program, str(folder)]) as testee:
        results = list(run(load(), testee))
    wrong = [result for result in results if result.outcome != "passed"]
    periods = ("years or months", "period", "no typed form")
    unexplained = [
        (result.case.name, result.outcome, result.detail[:200])
        for result in wrong
        if result.outcome != "skipped" and not any(word in result.detail for word in periods)
    ]
    assert unexplained == []
    assert len(wrong) < 300
