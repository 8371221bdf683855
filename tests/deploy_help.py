"""Real processes for the tests of deployments: nginx with a configuration of examples/deploy, and
servers that share a secret.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from conftest import EXAMPLES

DEPLOY = EXAMPLES / "deploy"
PROGRAM = Path(__file__).with_name("deploy_app.py")
SECRET = "a secret that all processes share"

_MAIN = """
user {user};
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/service.conf;
}}
"""


def free_port() -> int:
    """A port below those that systems give to whoever asks for any: it stays free for a while."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def wait_until_listening(port: int, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        assert time.monotonic() < deadline, f"nothing listens on port {port}"
        time.sleep(0.02)


class Nginx:
    """nginx, as this user, with a file of examples/deploy in which some text is replaced.

    `instead` maps what stands in the file, at least once, to what the test has in its place.
    """

    def __init__(self, folder: Path, name: str, instead: Mapping[str, str]) -> None:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is None:
            raise RuntimeError("these tests need nginx: apt-get install nginx-light")
        folder.mkdir()
        self._folder = folder
        text = (DEPLOY / name).read_text("utf-8")
        for written, real in instead.items():
            assert written in text, (name, written)
            text = text.replace(written, real)
        (folder / "service.conf").write_text(text)
        main = _MAIN.format(folder=folder, user=getpass.getuser())
        if os.geteuid() != 0:  # it warns of a line that only root can use
            main = main.partition(";\n")[2]
        (folder / "nginx.conf").write_text(main)
        self._command = [
            *(program, "-p", str(folder), "-e", str(folder / "error.log")),
            *("-c", str(folder / "nginx.conf"), "-g", "daemon off;"),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, port: int) -> Self:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        try:
            wait_until_listening(port, self._process)
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}: {self.said}") from None
        return self

    @property
    def said(self) -> str:
        """What is in its log of errors."""
        return (self._folder / "error.log").read_text("utf-8")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class Process:
    """A process of deploy_app.py on a port of its own; what it executes it writes to a log."""

    def __init__(self, log: Path, *arguments: str, port: int | None = None) -> None:
        self.log = log
        self.port = port or free_port()
        self._command = [
            *(sys.executable, "-W", "error", str(PROGRAM), "--log", str(log)),
            *("--port", str(self.port), *arguments),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> Self:
        """Start it; it listens when this returns."""
        env = {**os.environ, "HYPERGLYPH_SECRET": SECRET}
        self._process = subprocess.Popen(self._command, env=env)
        wait_until_listening(self.port, self._process)
        return self

    def end(self, how: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
        """End it, and wait: its exit status. If it hangs: kill it, raise TimeoutExpired."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()


def executions(log: Path) -> Counter[str]:
    """How many times each call was executed, by the id that it was given."""
    return Counter(log.read_text("ascii").split())
