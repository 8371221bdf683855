"""The testee for this package's servers: `python -m hyperglyph.conformance.testees.server`.

`--adapter` says what carries the service (spec/service.md): `server`, this package's own, or
another server that is installed.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, Final

import attrs

from .program import about, serve_requests

SERVICE: Final = "hyperglyph.conformance.testees.service:router"
#: The same for clients of 2012.
OLD_SERVICE: Final = "hyperglyph.conformance.testees.service:old_router"
_STARTING: Final = 15.0


@attrs.frozen
class Adapter:
    """Another server: the package it comes with, and its command, with PORT for the port."""

    package: str
    command: tuple[str, ...]


def _module(name: str, *rest: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *rest)


_UVICORN = ("--host", "127.0.0.1", "--port", "PORT", "--log-level", "critical", SERVICE)
_GRANIAN = ("--host", "127.0.0.1", "--port", "PORT", "--no-ws", "--log-level", "critical", SERVICE)

ADAPTERS: Final = {
    "cheroot-wsgi": Adapter("cheroot", _module(__spec__.name, "--cheroot", "PORT")),
    "waitress-wsgi": Adapter(
        "waitress",
        _module(
            *("waitress", "--listen", "127.0.0.1:PORT"),
            *("--no-clear-untrusted-proxy-headers", SERVICE),
        ),
    ),
    "granian-wsgi": Adapter(
        "granian", _module("granian", "--interface", "wsgi", "--blocking-threads", "8", *_GRANIAN)
    ),
    "granian-asgi": Adapter("granian", _module("granian", "--interface", "asgi", *_GRANIAN)),
    "uvicorn": Adapter("uvicorn", _module("uvicorn", "--http", "h11", *_UVICORN)),
    "uvicorn-httptools": Adapter("httptools", _module("uvicorn", "--http", "httptools", *_UVICORN)),
    "hypercorn": Adapter(
        "hypercorn",
        _module(
            "hypercorn", f"asgi:{SERVICE}", "--bind", "127.0.0.1:PORT", "--log-level", "critical"
        ),
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer requests from standard input until it ends or says stop."""
    parser = argparse.ArgumentParser(prog="python -m hyperglyph.conformance.testees.server")
    parser.add_argument("--adapter", choices=["server", *ADAPTERS], default="server")
    for flag in ("--cheroot", "--old-cheroot"):
        parser.add_argument(flag, type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    for port, old in ((options.cheroot, False), (options.old_cheroot, True)):
        if port is not None:
            _serve_cheroot(port, old=old)
            return 0
    adapter = ADAPTERS.get(options.adapter)
    if adapter is not None and find_spec(adapter.package) is None:
        parser.error(f"{adapter.package} is not installed: pip install {adapter.package}")
    served: list[Callable[[], None]] = []
    try:
        serve_requests(lambda request: _answer(request, options.adapter, served))
    finally:
        for stop in served:
            stop()
    return 0


def _answer(request: dict[str, Any], name: str, served: list[Callable[[], None]]) -> dict[str, Any]:
    match request["cmd"]:
        case "start":
            return _start(name)
        case "serve":
            served.append(_serve(name, request["port"], old="old" in request))
            return {"url": f"http://127.0.0.1:{request['port']}/"}
        case "stop":
            return {"stopped": True}
        case unknown:
            return {"skipped": f"unknown command {unknown}"}


def _start(name: str) -> dict[str, Any]:
    return about("hyperglyph" if name == "server" else f"hyperglyph in {name}", "server")


def _serve(name: str, port: int, *, old: bool) -> Callable[[], None]:
    """Serve until the function that is returned is called."""
    if name == "server":
        from hyperglyph.server.thread import Server

        from . import service

        return Server(service.old_router if old else service.router, port=port).start().stop
    command = [part.replace("PORT", str(port)) for part in ADAPTERS[name].command]
    if old:
        command = [
            "--old-cheroot" if part == "--cheroot" else part.replace(SERVICE, OLD_SERVICE)
            for part in command
        ]
    # In the testee's own process group, so that it ends with the testee, whatever happens.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - one of ours

    def stop() -> None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    try:
        _wait_for(port, process)
    except BaseException:
        stop()
        raise
    return stop


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTING
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server did not listen within {_STARTING:g} s")


def _serve_cheroot(port: int, *, old: bool) -> None:
    from cheroot.wsgi import Server

    from . import service

    served = service.old_router if old else service.router
    Server(("127.0.0.1", port), served, numthreads=8).start()


if __name__ == "__main__":
    sys.exit(main())
