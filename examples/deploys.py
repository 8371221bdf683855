"""Rehearsing deploys: an address at which one version of a service after another runs, and the
references that clients hold meanwhile.

    with Address() as address:
        address.deploy(HERE / "service.py")
        rehearsal = Rehearsal()
        bob = glyph.get(address.url).find_user("bob")
        rehearsal.hold("bob", lambda: bob.bio())
        address.deploy(HERE / "deploys/1_new_methods.py")
        rehearsal.check("1 new methods")
        print(rehearsal.table())
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

#: Longer than the 10 s that a server gives the calls in flight before it abandons them.
STOP_SECONDS = 30.0


def free_port() -> int:
    """A port below those that systems give to whoever asks for any: nobody takes it by chance in
    the moment between two programs, or before the first one starts.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Address:
    """A port of this machine, where one program at a time serves.

    Every program is started as `python PROGRAM --port PORT ARGUMENTS...` and prints its URL when
    it listens. All share one secret, so a reference that one has signed is good for the next;
    `secret` gives it, for a second address whose references are to be the same. `env` is added to
    the environment of the programs.
    """

    def __init__(self, *, secret: str | None = None, env: Mapping[str, str] | None = None) -> None:
        self.secret = secret or secrets.token_urlsafe(32)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._env = {
            **os.environ,
            **(env or {}),
            "HYPERGLYPH_SECRET": self.secret,
            "PYTHONFAULTHANDLER": "1",  # one that hangs says where, see `_end`
        }
        self._process: subprocess.Popen[str] | None = None

    def deploy(self, program: Path, *arguments: str) -> None:
        """Stop what runs here, and start `program` in its place; return when it listens.

        `url` is what it prints, so a program may serve below a prefix. Raises RuntimeError if it
        ends without printing a URL.
        """
        self.stop()
        command = [sys.executable, str(program), "--port", str(self.port), *arguments]
        self._process = subprocess.Popen(  # noqa: S603 - our own programs
            command, env=self._env, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        url = self._process.stdout.readline().strip()
        if not url:
            self.stop()
            raise RuntimeError(f"{program.name} ended before it listened")
        self.url = url

    def kill(self) -> None:
        """End the process as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the process to end, and wait.

        If it hangs: end it in a way that prints its stacks, and raise TimeoutExpired.
        """
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        with process:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


@attrs.frozen
class Row:
    """What came of the references after one deploy: how many were held, and which failed how."""

    deploy: str
    held: int
    failures: tuple[tuple[str, Exception], ...]

    @property
    def worked(self) -> int:
        return self.held - len(self.failures)


class Rehearsal:
    """References that clients hold through deploys, each with a use that must go on working."""

    def __init__(self) -> None:
        self._held: dict[str, Callable[[], object]] = {}
        self.rows: list[Row] = []

    def hold(self, name: str, use: Callable[[], object]) -> None:
        """`use` is called now, and after each deploy; it fails by raising."""
        use()
        self._held[name] = use

    def check(self, deploy: str) -> Row:
        """Use all that is held. A failure is noted in the row, not raised."""
        failures: list[tuple[str, Exception]] = []
        for name, use in self._held.items():
            try:
                use()
            except Exception as error:  # noqa: BLE001 - whatever it is, it goes into the table
                failures.append((name, error))
        row = Row(deploy, len(self._held), tuple(failures))
        self.rows.append(row)
        return row

    def table(self) -> str:
        """The rows as text, each failure on a line of its own below its row."""
        width = max(len("deploy"), *(len(row.deploy) for row in self.rows))
        lines = [f"{'deploy':{width}}  held  worked"]
        for row in self.rows:
            lines.append(f"{row.deploy:{width}}  {row.held:4}  {row.worked:6}")
            lines += [f"    {name}: {type(e).__name__}: {e}" for name, e in row.failures]
        return "\n".join(lines)
