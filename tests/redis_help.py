"""A real Redis server for the tests: Debian's, on a free port, its files in a temporary folder."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import redis

#: Time goes by: what expires later than that many milliseconds from now does so earlier by them.
_AGE = """
for _, key in ipairs(redis.call('KEYS', '*')) do
    local left = redis.call('PTTL', key)
    if left >= 0 then redis.call('PEXPIRE', key, left - ARGV[1]) end
end
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _client(port: int) -> Any:
    return redis.Redis(port=port, protocol=2)


def _asked(port: int, command: str) -> bytes:
    with _client(port) as client:
        client.response_callbacks.clear()
        answer: bytes = client.execute_command(command)
        return answer


class RedisServer:
    """A process of redis-server that writes each change to disk, so that it may be killed."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("redis-server")
        if found is None:
            raise RuntimeError("these tests need redis-server: apt-get install redis-server")
        self._program = found
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Any = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        """Start it, on the same port as before if it has run; it answers when this returns."""
        for _ in range(1 if self.port else 5):  # somebody else may take a free port first
            port = self.port or free_port()
            command = [
                *(self._program, "--port", str(port), "--bind", "127.0.0.1"),
                *("--dir", str(self._folder), "--save", "", "--daemonize", "no"),
                *("--appendonly", "yes", "--appendfsync", "always"),
            ]
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            if self._answers(port):
                self.port = port
                return self
            self.stop()
        raise RuntimeError("redis-server does not start")

    def _answers(self, port: int) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + 20
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                # A stranger's server on that port would answer, too.
                said = _asked(port, "INFO").splitlines()
                if f"process_id:{self._process.pid}".encode() not in said:
                    return False
                if b"loading:0" in said:
                    return True
            except redis.ConnectionError:
                pass
            time.sleep(0.02)
        return False

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            self._process.wait(20)
            self._process = None

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def ask(self, *command: Any) -> Any:
        """What it answers to a command."""
        if self._client is None:
            self._client = _client(self.port)
        return self._client.execute_command(*command)

    def age(self, seconds: float) -> None:
        """Let time go by for all that expires."""
        self.ask("EVAL", _AGE, 0, int(seconds * 1000))
