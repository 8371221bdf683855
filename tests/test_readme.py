"""The README's code is run as written: two processes for the first call, one for the rest."""

import doctest
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"
_BLOCK = re.compile(r"(?:<!-- (\w+) -->\n)?```(\w+)\n(.*?)```", re.DOTALL)

# Runs transcripts, one a line of JSON, in one lasting namespace; answers with what went wrong.
_INTERPRETER = """
import doctest, io, json, sys
namespace = {"__name__": "__main__"}
for line in sys.stdin:
    test = doctest.DocTestParser().get_doctest(json.loads(line), namespace, "README", None, 0)
    said = io.StringIO()
    flags = doctest.ELLIPSIS
    doctest.DocTestRunner(optionflags=flags).run(test, out=said.write, clear_globs=False)
    namespace = test.globs
    print(json.dumps(said.getvalue()), file=sys.__stdout__, flush=True)
"""


def blocks() -> list[tuple[str, str, str]]:
    """(who, language, code) of every fenced block; `who` is "" for code that is for one process."""
    found = _BLOCK.finditer(README.read_text("utf-8"))
    return [(match[1] or "", match[2], match[3]) for match in found]


class Interpreter:
    """A Python of its own, typed into."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _INTERPRETER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def type(self, transcript: str) -> str:
        """Type it in; return what differs from what the transcript shows."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(transcript) + "\n")
        self._process.stdin.flush()
        differs: str = json.loads(self._process.stdout.readline())
        return differs

    def close(self) -> None:
        self._process.communicate(timeout=20)
        assert self._process.returncode == 0


@pytest.fixture
def interpreters() -> Iterator[dict[str, Interpreter]]:
    both = {"service": Interpreter(), "caller": Interpreter()}
    yield both
    both["caller"].close()
    both["service"].close()


@pytest.fixture
def port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


def test_first_call_in_two_processes(interpreters: dict[str, Interpreter], port: str) -> None:
    transcripts = [(who, code) for who, language, code in blocks() if language == "pycon"]
    assert {who for who, _ in transcripts} == {"service", "caller"}
    for who, code in transcripts:
        assert doctest.DocTestParser().get_examples(code), code
        differs = interpreters[who].type(code.replace("8000", port))
        assert not differs, differs


def test_python_blocks_run(capsys: pytest.CaptureFixture[str]) -> None:
    code = [code for _, language, code in blocks() if language == "python"]
    assert code
    namespace: dict[str, object] = {}
    for block in code:
        exec(compile(block, "README.md", "exec"), namespace)
    said = capsys.readouterr().out
    promised = re.findall(r"^ *print\(\w+\) +# (.*)$", "\n".join(code), re.MULTILINE)
    assert promised
    assert [line for line in promised if line not in said.splitlines()] == []


def test_what_is_quoted_of_the_applications_stands_there() -> None:
    part = README.read_text("utf-8").partition("## Applications")[2].partition("\n## ")[0]
    quoted = [line.strip() for line in part.splitlines() if line.startswith("    ")]
    files = (README.parent / "examples").glob("*/*.py")
    written = {line.strip() for path in files for line in path.read_text("utf-8").splitlines()}
    assert len(quoted) > 10
    assert [line for line in quoted if line not in written] == []


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []


def test_no_other_language_is_left_untested() -> None:
    assert {language for _, language, _ in blocks()} == {"pycon", "python"}
