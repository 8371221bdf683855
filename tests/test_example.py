"""The example runs as it stands."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_the_tour() -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "tour.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "'Hello World'" in done.stdout
    assert "'Goodbye dave'" in done.stdout
    assert "10000000000000000000000000000000000000000" in done.stdout
    assert time.monotonic() - started < 30  # on a busy machine; alone it takes one second


def test_the_command_line(service_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "hyperglyph", service_url],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "add(a, b=1)" in done.stdout.splitlines()
    failed = subprocess.run(
        [sys.executable, "-m", "hyperglyph", "ftp://x/"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert failed.returncode == 1
    assert "http" in failed.stderr
