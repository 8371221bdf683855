"""The servers of test_servers.py and docs/servers.md, and how each is started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import attrs
from conftest import ROOT
from deploy_help import free_port, wait_until_listening
from server_app import MOUNT

HERE = Path(__file__).parent
TABLE = ROOT / "docs" / "servers.md"

#: The columns of the table, beside the first.
COLUMNS = (
    "chunked upload",
    "413 before the body",
    "100-continue",
    "half-sent body",
    "two Hosts",
    "URL of 4,200",
    "head of 100,000",
    "SIGTERM in a call",
)


@attrs.frozen
class Kind:
    """A server: its name in the table, its command, and below which prefix the service is."""

    name: str
    command: tuple[str, ...]
    mount: str = ""
    #: What the framework around the service says at its own root page.
    outer: bytes = b""


_PROGRAM = (sys.executable, str(HERE / "server_app.py"))
_GUNICORN = (
    *(sys.executable, "-m", "gunicorn", "server_app:app", "--bind", "127.0.0.1:PORT"),
    *("--log-level", "critical", "--graceful-timeout", "10"),
)

_UVICORN = (
    *(sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", "PORT"),
    *("--log-level", "critical"),
)
_HTTPTOOLS = ("--http", "httptools", "--loop", "uvloop")

KINDS = (
    Kind("`glyph.Server`", (*_PROGRAM, "own", "PORT")),
    Kind("cheroot", (*_PROGRAM, "cheroot", "PORT")),
    Kind(
        "waitress",
        (
            *(sys.executable, "-m", "waitress", "--listen", "127.0.0.1:PORT"),
            *(
                "--channel-timeout",
                "1",
                "--cleanup-interval",
                "1",
                "--no-clear-untrusted-proxy-headers",
                "server_app:app",
            ),
        ),
    ),
    Kind("gunicorn sync", (*_GUNICORN, "--workers", "2", "--timeout", "3")),
    Kind(
        "gunicorn gthread",
        (*_GUNICORN, "--worker-class", "gthread", "--threads", "8", "--timeout", "3"),
    ),
    Kind(
        "granian WSGI",
        (
            *(sys.executable, "-m", "granian", "server_app:app", "--interface", "wsgi"),
            *("--host", "127.0.0.1", "--port", "PORT", "--no-ws", "--blocking-threads", "8"),
            *("--log-level", "critical"),
        ),
    ),
    Kind(
        "granian ASGI",
        (
            *(sys.executable, "-m", "granian", "server_app:app", "--interface", "asgi"),
            *("--host", "127.0.0.1", "--port", "PORT", "--no-ws", "--log-level", "critical"),
        ),
    ),
    Kind(
        "uvicorn, h11",
        (*_UVICORN, "--http", "h11", "--loop", "asyncio", "server_app:app"),
    ),
    Kind("uvicorn, httptools", (*_UVICORN, *_HTTPTOOLS, "server_app:app")),
    Kind(
        "hypercorn",
        (
            *(sys.executable, "-m", "hypercorn", "asgi:server_app:app"),
            *("--bind", "127.0.0.1:PORT", "--log-level", "critical"),
        ),
    ),
    Kind("Flask, in cheroot", (*_PROGRAM, "flask", "PORT"), MOUNT, b"Flask"),
    Kind("Django, in cheroot", (*_PROGRAM, "django", "PORT"), MOUNT, b"Django"),
    Kind(
        "Starlette, in uvicorn",
        (*_UVICORN, *_HTTPTOOLS, "--factory", "server_app:starlette_app"),
        MOUNT,
        b"Starlette",
    ),
    Kind(
        "FastAPI, in uvicorn",
        (*_UVICORN, *_HTTPTOOLS, "--factory", "server_app:fastapi_app"),
        MOUNT,
        b"FastAPI",
    ),
)


@attrs.define
class Running:
    """A server that runs, and what the tests have seen of it, by column."""

    kind: Kind
    port: int
    process: subprocess.Popen[bytes]
    seen: dict[str, str] = attrs.field(factory=dict[str, str])

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.kind.mount}/"

    @property
    def row(self) -> str:
        """Its row of the table."""
        return "| " + " | ".join([self.kind.name, *(self.seen[name] for name in COLUMNS)]) + " |"


@contextmanager
def running(kind: Kind, seconds: float = 20) -> Generator[Running]:
    """Start a server; it has ended when this is left."""
    port = free_port()
    command = [part.replace("PORT", str(port)) for part in kind.command]
    env = {**os.environ, "PYTHONPATH": str(HERE)}
    process = subprocess.Popen(command, cwd=HERE, env=env, stderr=subprocess.DEVNULL)
    try:
        wait_until_listening(port, process)
        yield Running(kind, port, process)
    finally:
        process.terminate()
        try:
            process.wait(seconds)
        finally:
            process.kill()
            process.wait()


def heading() -> str:
    """The first two lines of the table."""
    names = ("server", *COLUMNS)
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"
