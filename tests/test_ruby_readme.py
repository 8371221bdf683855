"""The gem's README: its services and callers run as written, and print what it says."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

GEM = Path(__file__).resolve().parent.parent / "ruby"
_PROGRAM = re.compile(r"<!-- (\w+\.(?:py|rb)) -->\n```\w+\n(.*?)```", re.DOTALL)
_PRINTED = re.compile(r"^ *(?:puts|print).*?# (.*)$", re.MULTILINE)


def has_ruby(*libraries: str) -> bool:
    words = [f"-r{library}" for library in libraries]
    return shutil.which("ruby") is not None and not (
        subprocess.run(["ruby", *words, "-e", ""], capture_output=True, check=False).returncode
    )


def programs() -> dict[str, str]:
    return {
        found[1]: found[2] for found in _PROGRAM.finditer((GEM / "README.md").read_text("utf-8"))
    }


def command(program: Path) -> list[str]:
    if program.suffix == ".py":
        return [sys.executable, "-W", "error", str(program)]
    return ["ruby", "-w", "-I", str(GEM / "lib"), str(program)]


@contextmanager
def running(program: Path, port: int) -> Generator[None]:
    """The service, from when it listens; asked to end, it ends by itself."""
    environment = os.environ | {"HYPERGLYPH_SECRET": "0123456789abcdef" * 2}
    process = subprocess.Popen(command(program), env=environment)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "the service has ended"
                assert time.monotonic() < deadline, "the service does not listen"
                time.sleep(0.05)
        yield
        process.terminate()
        assert process.wait(timeout=20) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("service", "caller"), [("service.py", "caller.rb"), ("service.rb", "caller.py")]
)
def test_callers_print_what_the_readme_says(service: str, caller: str, tmp_path: Path) -> None:
    if not has_ruby(*(["puma", "rack"] if service.endswith(".rb") else [])):
        pytest.skip("Ruby, and Puma for its server, are not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    for name in (service, caller):
        code = programs()[name]
        assert code.count("8000") == 1
        (tmp_path / name).write_text(code.replace("8000", str(port)), "utf-8")
    expected = _PRINTED.findall(programs()[caller])
    assert len(expected) == 4
    with running(tmp_path / service, port):
        done = subprocess.run(
            command(tmp_path / caller), capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.splitlines() == expected


def test_every_program_of_the_readme_is_run() -> None:
    code = (GEM / "README.md").read_text("utf-8")
    assert sorted(programs()) == ["caller.py", "caller.rb", "service.py", "service.rb"]
    assert code.count("```") == 2 * len(programs())
