"""The face: every public name is there, lazily, and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

import hyperglyph as glyph


def test_every_public_name() -> None:
    for name in glyph.__all__:
        assert getattr(glyph, name) is getattr(glyph, name)
    assert set(glyph.__all__) <= set(dir(glyph))
    assert glyph.__all__ == sorted(glyph.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = glyph.nothing  # type: ignore[attr-defined]  # pyright: ignore


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
