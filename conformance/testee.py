"""Drives the program that is tested: a child process that answers lines of JSON with lines of JSON.

Reading and writing block, and one watchdog thread kills the child when an answer is overdue, which
ends both: no way of hanging (not reading, not answering, answering without end) needs its own case.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, cast

import attrs

from .cases import ROLES

PYTHON = (sys.executable, "-m", "hyperglyph.conformance.testees.codec")
TIMEOUT = 10.0
# An answer holds at most some MiB as hexadecimal; more than this is a child that never stops.
_LINE = 64 * 1024 * 1024
_TICK = 0.05


class TesteeError(Exception):
    """The testee gave no usable answer. `outcome` names how, and the child has been ended."""

    outcome = "errored"


class Crashed(TesteeError):
    """The process ended in place of an answer."""

    outcome = "crashed"


class Hung(TesteeError):
    """No answer came in time."""

    outcome = "hung"


class Garbage(TesteeError):
    """A line came that is no answer of the protocol."""

    outcome = "garbage"


class NotOffered(TesteeError):
    """The testee said that it has no such service; it goes on."""

    outcome = "skipped"


@attrs.frozen
class Implementation:
    """What a testee says of itself. `roles` are those in which it can be tried."""

    name: str
    language: str
    version: str
    roles: frozenset[str] = frozenset({"codec"})


class Testee:
    """A running testee, started again by the next `ask` after it went wrong.

    It has `timeout` seconds for an answer, and `patience` to start, which an interpreter under load
    may need whatever its answers take.
    `ask` raises TesteeError; so does entering the context, if the program cannot be started or
    does not answer to `start`.
    """

    __test__ = False  # the name looks like a test to pytest

    def __init__(
        self,
        command: Sequence[str] = PYTHON,
        *,
        timeout: float = TIMEOUT,
        patience: float = TIMEOUT,
    ) -> None:
        self.command = tuple(command)
        self.timeout = timeout
        self.patience = patience
        self.starts = 0
        self.implementation: Implementation | None = None
        self._child: _Child | None = None
        self._urls: dict[bool, str] = {}

    @property
    def roles(self) -> frozenset[str]:
        """In which it can be tried; none before it has started."""
        return frozenset() if self.implementation is None else self.implementation.roles

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of cases that it can be tried with by itself."""
        return frozenset(
            kind for kind, role in ROLES.items() if role in self.roles and kind != "call"
        )

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._child is not None:
            self._child.stop(self.timeout)
            self._child = None

    def ask(self, **request: object) -> dict[str, Any]:
        """Send one request and return its answer, without `seq`."""
        child = self._child or self._start()
        try:
            return child.ask(request, self.timeout)
        except TesteeError:
            self._child = None
            self._urls.clear()
            raise

    def served(self, *, old: bool = False) -> str:
        """Return the URL of the conformance service, which a testee serves from the first call on.

        `old` asks for the service as clients of 2012 need it. It may be another URL after the
        testee was started again. Raise TesteeError, NotOffered for what the testee does not serve.
        """
        if old not in self._urls:
            asked = {"old": True} if old else {}
            reply = self.ask(cmd="serve", port=free_port(), **asked)
            if old and "skipped" in reply:
                raise NotOffered(_short(reply))
            url = reply.get("url")
            if not isinstance(url, str):
                raise Garbage(f"not an answer to serve: {_short(reply)}")
            self._urls[old] = url
        return self._urls[old]

    def restart(self) -> None:
        """End the program; the next request starts it again, as after one that crashed."""
        if self._child is not None:
            self._child.kill()
        self._child = None
        self._urls.clear()

    def _start(self) -> "_Child":
        child = _Child(self.command)
        self.starts += 1
        about = child.ask({"cmd": "start", "protocol": 1}, self.patience)
        names = ("implementation", "language", "version")
        if not all(isinstance(about.get(name), str) for name in names):
            child.kill()
            raise Garbage(f"not an answer to start: {_short(about)}")
        roles = about.get("roles", ["codec"])
        self.implementation = Implementation(
            about["implementation"], about["language"], about["version"], frozenset(roles)
        )
        self._child = child
        return child


def free_port() -> int:
    """A port below those that systems give to whoever asks for any: it stays free for a while."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class _Child:
    """One process from its start to its end; useless after the first TesteeError."""

    def __init__(self, command: tuple[str, ...]) -> None:
        try:
            # Its own session, so that killing it also reaches what it has started.
            self._process = subprocess.Popen(  # noqa: S603 - running a given program is the point
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise Crashed(f"cannot start {command[0]}: {error.strerror}") from None
        self._deadline: float | None = None
        self._overdue = False
        self._ended = threading.Event()
        self._seq = 0
        self._said: deque[bytes] = deque(maxlen=20)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def ask(self, request: dict[str, object], timeout: float) -> dict[str, Any]:
        self._seq += 1
        line = json.dumps({"seq": self._seq, **request}).encode("ascii") + b"\n"
        self._deadline = time.monotonic() + timeout
        try:
            reply = self._exchange(line)
        finally:
            self._deadline = None
        if self._overdue:
            self.kill()
            raise Hung(f"no answer within {timeout:g} s")
        if not reply.endswith(b"\n"):
            raise self._crash(reply)
        return self._parse(reply)

    def _exchange(self, line: bytes) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except OSError:  # it ended; what it said before is not an answer to this
            return b""
        return self._process.stdout.readline(_LINE)

    def _parse(self, reply: bytes) -> dict[str, Any]:
        try:
            answer: object = json.loads(reply)
        except (ValueError, RecursionError):
            answer = None
        if isinstance(answer, dict):
            members = cast("dict[str, Any]", answer)
            if members.pop("seq", None) == self._seq:
                return members
        # What follows could answer another request: the stream cannot be trusted any more.
        self.kill()
        raise Garbage(f"not an answer to request {self._seq}: {_short(reply)}")

    def _crash(self, reply: bytes) -> TesteeError:
        if len(reply) >= _LINE:
            self.kill()
            return Garbage(f"a line of more than {_LINE} bytes")
        try:
            # It closed its output; give it the time to say why, and its status.
            status: object = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            status = "unknown, it closed its output"
        self.kill()
        self._listener.join(1.0)
        said = b"".join(self._said).decode("utf-8", "replace").strip()
        return Crashed(f"exit status {status}" + (f"\n{said}" if said else ""))

    def stop(self, timeout: float) -> None:
        """Ask it to end, and make it if it does not."""
        with contextlib.suppress(TesteeError, subprocess.TimeoutExpired):
            self.ask({"cmd": "stop"}, timeout)
            self._process.wait(1.0)
        self.kill()

    def kill(self) -> None:
        """End the process, whatever it does, and let go of its pipes."""
        self._ended.set()
        self._signal()
        self._process.wait()
        self._listener.join(1.0)
        # Closing a pipe that the listener still reads (a grandchild holds it) would wait for it.
        errors = None if self._listener.is_alive() else self._process.stderr
        for pipe in (self._process.stdin, self._process.stdout, errors):
            if pipe is not None:
                # What was buffered can no longer be sent.
                with contextlib.suppress(OSError):
                    pipe.close()

    def _signal(self) -> None:
        if os.name != "posix":
            self._process.kill()
            return
        # Not after the process has been waited for: its number may be another's by then.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _listen(self) -> None:
        assert self._process.stderr is not None
        while line := self._process.stderr.readline(4096):
            self._said.append(line)

    def _watch(self) -> None:
        while not self._ended.wait(_TICK):
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self._overdue = True
                self._signal()
                return


def _short(answer: object) -> str:
    text = answer.decode("utf-8", "replace").strip() if isinstance(answer, bytes) else str(answer)
    return text if len(text) <= 200 else text[:200] + "…"
