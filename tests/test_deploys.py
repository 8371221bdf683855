"""`examples/deploys.py` beside the three applications that use it: what it does with a service that
does not end.
"""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import EXAMPLES
from tutorial_help import load

deploys = load(EXAMPLES / "deploys.py")

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("http://127.0.0.1:1/", flush=True)
while True:
    time.sleep(1)
"""


def test_what_does_not_end_is_ended_and_says_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "stubborn.py"
    program.write_text(STUBBORN)
    monkeypatch.setattr(deploys, "STOP_SECONDS", 0.5)
    address = deploys.Address()
    address.deploy(program)
    process = address._process
    started = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        address.stop()
    assert 0.5 <= time.monotonic() - started < 10
    assert process.returncode == -signal.SIGABRT
    assert f'File "{program}", line 6 in <module>' in capfd.readouterr().err
    address.stop()  # there is nothing left to stop


def test_what_ends_before_it_listens_is_told(tmp_path: Path) -> None:
    program = tmp_path / "broken.py"
    program.write_text("")
    with pytest.raises(RuntimeError, match=r"broken\.py ended before it listened"):
        deploys.Address().deploy(program)
