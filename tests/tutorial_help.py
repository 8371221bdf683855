"""What the tests of the applications share: their modules, and the tutorial page of each."""

from __future__ import annotations

import doctest
import importlib.util
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

from conftest import ROOT

_QUOTED = re.compile(
    r"^ *<!-- (\S+) -->\n *```(?:python|sql)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE
)


def load(path: Path) -> Any:
    """A module of an example, which is no package."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Tutorial:
    """A page in docs/tutorial."""

    def __init__(self, name: str) -> None:
        self.path = ROOT / "docs" / "tutorial" / name
        self.text = self.path.read_text("utf-8")

    def check_quotes(self) -> None:
        """Each block of code stands in the file that it names.

        Line by line; how far a block is indented, and its empty lines, are the formatter's.
        """
        quotes = _QUOTED.findall(self.text)
        assert len(quotes) == self.text.count("```python") + self.text.count("```sql") > 8
        for path, block in quotes:
            quoted = _code_lines(block)
            there = [line for line in (ROOT / path).read_text("utf-8").splitlines() if line.strip()]
            windows = (there[at : at + len(quoted)] for at in range(len(there)))
            assert any(_code_lines("\n".join(each)) == quoted for each in windows), (path, quoted)

    def check_links(self) -> None:
        """Each link inside the project leads to a file."""
        links = re.findall(r"\]\((?!https?:)([^)#]+)\)", self.text)
        assert links
        assert [link for link in links if not (self.path.parent / link).exists()] == []

    def type_in(self, instead: dict[str, str], names: dict[str, Any] | None = None) -> Any:
        """Type what stands in the page into one shell, with other text `instead` of some.

        Returns the names that the shell has at the end.
        """
        code = "".join(re.findall(r"```pycon\n(.*?)```", self.text, re.DOTALL))
        for written, real in instead.items():
            assert written in code
            code = code.replace(written, real)
        test = doctest.DocTestParser().get_doctest(code, names or {}, self.path.name, None, 0)
        assert len(test.examples) > 10
        said: list[str] = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        runner.run(test, out=said.append, clear_globs=False)
        assert not said, "".join(said)
        return test.globs


def _code_lines(block: str) -> list[str]:
    return [line for line in dedent(block).splitlines() if line.strip()]
