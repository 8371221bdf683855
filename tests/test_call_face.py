"""The face: every public name is there, lazily, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import hyperglyph as glyph


def test_every_public_name() -> None:
    for name in glyph.__all__:
        assert getattr(glyph, name) is getattr(glyph, name)
    assert set(glyph.__all__) <= set(dir(glyph))
    assert glyph.__all__ == sorted(glyph.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = glyph.nothing  # type: ignore[attr-defined]  # pyright: ignore


NAMES = (Path(__file__).resolve().parent.parent / "docs" / "names.md").read_text("utf-8")


def test_every_public_name_is_in_the_docs() -> None:
    told = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", NAMES, re.MULTILINE)))
    assert sorted(told) == glyph.__all__
    statuses = re.findall(r"`(\w+)` ([45][0-9]{2})", NAMES)
    assert len(statuses) > 15
    assert all(getattr(glyph, name).status == int(status) for name, status in statuses)


def test_each_name_alone() -> None:
    """No name depends on another one having been imported first."""
    code = (
        "import importlib, subprocess, sys, hyperglyph\n"
        "for name in hyperglyph.__all__:\n"
        "    for module in [m for m in sys.modules if m.startswith('hyperglyph.')]:\n"
        "        del sys.modules[module]\n"
        "    vars(importlib.reload(hyperglyph)).pop(name, None)\n"
        "    getattr(hyperglyph, name)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


def test_builders() -> None:
    assert glyph.link("http://h/").attributes == {"url": "http://h/"}
    form = glyph.form("x", ["a", glyph.Input("b", value=1)])
    assert [entry.label for entry in form.inputs] == ["a", "b"]
    to = glyph.form(test_builders)
    assert (to.target, to.is_form, glyph.link(to).is_form) == (test_builders, True, False)
    error = glyph.error("m", code=1, data={"a": 2})
    assert (error.message, error.code, error.content) == ("m", 1, {"a": 2})
    assert glyph.error("m").code is None
    with glyph.blob(b"x", "a/b") as blob:
        assert blob.read() == b"x"
