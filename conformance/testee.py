"""Drives the program that is tested: a child process that answers lines of JSON with lines of JSON.

A thread of its own writes and reads, and whoever asks waits for it so long and no longer: no way of
hanging (not reading, not answering, answering without end) needs its own case, nor does a child
that is gone while something that it has started keeps its pipes open.
"""

import contextlib
import json
import os
import queue
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from types import TracebackType
from typing import IO, Any, Never, Self

import attrs

from hyperglyph.transport.http.shapes import is_dict, is_list

from .cases import ROLES
from .results import legible

PYTHON = (sys.executable, "-m", "hyperglyph.conformance.testees.codec")
TIMEOUT = 10.0
# An answer holds at most some MiB as hexadecimal; more than this is a child that never stops.
_LINE = 64 * 1024 * 1024
# A value as deep as any that a vector has is at most 304 levels of JSON; Python has room for more.
_LEVELS = 500
# What all strings of an answer, spelled out, are together, and sixteen for each member besides. The
# largest in the vectors has half of that.
_SPELLED = 128 * 1024 * 1024
_ORIGIN = re.compile(
    r"http://[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,9}:([1-9][0-9]{0,4})(?=/|$)"
)


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
    """A line came that is no answer of the protocol, or more than can be looked at."""

    outcome = "garbage"


class NotOffered(TesteeError):
    """The testee said that it has no such service; it goes on."""

    outcome = "skipped"


@attrs.frozen
class Implementation:
    """What a testee says of itself. `roles` are those in which it can be tried."""

    name: str = attrs.field(converter=legible)
    language: str = attrs.field(converter=legible)
    version: str = attrs.field(converter=legible)
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
        child, self._child = self._child, None
        if child is None:
            return
        if isinstance(error, KeyboardInterrupt):  # who has pressed Ctrl-C does not wait for it
            child.kill()
        else:
            child.stop(self.timeout)

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
            url = str(reply.get("url"))
            match = _ORIGIN.match(url)
            if match is None or int(match[1]) > 65535:
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
        child: _Child | None = None
        try:
            with _interrupts_held_back():  # or it might begin, and nobody know of it
                child = _Child(self.command)
            self.starts += 1
            about = child.ask({"cmd": "start", "protocol": 1}, self.patience)
            self.implementation = _introduced(about)
        except BaseException:  # Ctrl-C, too: nobody else knows of the child yet
            if child is not None:
                child.kill()
            raise
        self._child = child
        return child


def _introduced(about: dict[str, Any]) -> Implementation:
    """Who the answer to `start` says it is. Raise Garbage."""
    names = [about.get(name) for name in ("implementation", "language", "version")]
    roles = about.get("roles", ["codec"])
    texts = [*names, *roles] if is_list(roles) else [None]
    if not all(isinstance(text, str) for text in texts):
        raise Garbage(f"not an answer to start: {_short(about)}")
    name, language, version = map(str, names)
    return Implementation(name, language, version, frozenset(map(str, roles)))


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
        self._killed = False
        self._seq = 0
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._said: deque[bytes] = deque(maxlen=20)
        self._speaker = _started(self._speak)
        self._listener = _started(self._listen)

    def ask(self, request: dict[str, object], timeout: float) -> dict[str, Any]:
        self._seq += 1
        self._lines.put(json.dumps({"seq": self._seq, **request}).encode("ascii") + b"\n")
        try:
            reply = self._replies.get(timeout=timeout)
        except queue.Empty:
            self.kill()
            raise Hung(f"no answer within {timeout:g} s") from None
        if not reply.endswith(b"\n"):
            raise self._crash(reply)
        return self._parse(reply)

    def _speak(self) -> None:
        while (line := self._lines.get()) is not None:
            self._replies.put(self._exchange(line))
        _close(self._process.stdin)
        _close(self._process.stdout)

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
            answer: object = json.loads(reply.decode("utf-8"), parse_constant=_no_number)
            _check_extent(answer)
        except (ValueError, RecursionError):
            answer = None
        if is_dict(answer):
            seq = answer.pop("seq", None)
            if seq == self._seq and type(seq) is int:  # true and 1.0 are equal to 1
                return answer
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
        try:
            with contextlib.suppress(TesteeError, subprocess.TimeoutExpired):
                self.ask({"cmd": "stop"}, timeout)
                self._process.wait(1.0)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the process, whatever it does, and let go of its pipes. May be repeated."""
        if self._killed:
            return
        self._signal()
        self._process.wait()
        self._killed = True
        self._lines.put(None)
        # Each closes its pipes at its end, for which it may have to wait: a grandchild holds them.
        self._speaker.join(1.0)
        self._listener.join(1.0)

    def _signal(self) -> None:
        if os.name != "posix":
            self._process.kill()
            return
        # Also when it has ended itself: what it has started is still in its group, and as long as
        # anything is, the system gives the number of the group to nobody else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _listen(self) -> None:
        assert self._process.stderr is not None
        while line := self._process.stderr.readline(4096):
            self._said.append(line)
        _close(self._process.stderr)


@contextlib.contextmanager
def _interrupts_held_back() -> Generator[None]:
    """Let a Ctrl-C that comes meanwhile be felt at the end."""
    if threading.current_thread() is not threading.main_thread():  # no other feels it
        yield
        return
    came = list[int]()
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
    if came:
        signal.raise_signal(signal.SIGINT)


def _started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _close(pipe: IO[bytes] | None) -> None:
    assert pipe is not None
    with contextlib.suppress(OSError):  # what was buffered can no longer be sent
        pipe.close()


def _no_number(text: str) -> Never:
    raise ValueError(f"{text} is no JSON")


def _check_extent(answer: object) -> None:
    """Raise ValueError for an answer too deep or too large to be looked at.

    What `repeat` and `times` stand for counts in full: a short line may spell more than any memory.
    """
    left = _SPELLED
    waiting: list[tuple[Any, int, int]] = [(answer, 1, 1)]
    while waiting:
        part, level, times = waiting.pop()
        inner: Iterable[object] = ()
        if isinstance(part, str):
            left -= times * len(part)
        elif is_dict(part):
            inner = part.values()
            count = part.get("times")
            times *= max(count, 1) if isinstance(count, int) else 1
        elif is_list(part):
            inner = part
        left -= times * 16
        if left < 0 or level > _LEVELS:
            raise ValueError("too deep or too large")
        waiting += [(held, level + 1, times) for held in inner]


def _short(answer: object) -> str:
    text = answer.decode("utf-8", "replace").strip() if isinstance(answer, bytes) else str(answer)
    return text if len(text) <= 200 else text[:200] + "…"
