"""The testees that this package knows by name."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import attrs

from . import known
from .known import Known

__all__ = ["TESTEES", "Registered", "find"]


def _always() -> str | None:
    return None


@attrs.frozen
class Registered:
    """A testee by name. `lacks` tells what the machine has not that it needs, None if nothing.

    `library`: it is given a library's path. `strict`: all that it SHOULD is demanded of it.
    """

    name: str
    about: str
    roles: frozenset[str]
    command: tuple[str, ...]
    lacks: Callable[[], str | None] = _always
    library: bool = False
    strict: bool = False
    known_failures: str = ""

    def with_library(self, path: str) -> "Registered":
        """Return the same, to try the library at `path`."""
        return attrs.evolve(self, command=(*self.command, path))

    def known(self) -> Sequence[Known]:
        """Its known failures."""
        return known.shipped(self.known_failures) if self.known_failures else ()


def find(name: str) -> Registered | None:
    """Return the testee of this name, if there is one."""
    return next((testee for testee in TESTEES if testee.name == name), None)


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"hyperglyph.conformance.testees.{name}", *arguments)


def _needs(*modules: str) -> Callable[[], str | None]:
    def lacks() -> str | None:
        missing = [name for name in modules if find_spec(name) is None]
        return f"pip install {' '.join(missing)}" if missing else None

    return lacks


def _needs_program(program: str, package: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(program) else f"install {package}"


def _python27() -> str:
    """Its program: the environment variable PYTHON27, or what is called so."""
    return os.environ.get("PYTHON27", "python2.7")


def _lacks_python27() -> str | None:
    # A name that only a version manager knows is there, and does not run.
    with contextlib.suppress(OSError):
        if not subprocess.run([_python27(), "-c", ""], capture_output=True, check=False).returncode:  # noqa: S603
            return None
    return "install Python 2.7, and say in PYTHON27 where it is"


def _shipped(name: str) -> str:
    return str(Path(str(files("hyperglyph.conformance").joinpath("testees", name))))


def _gem(name: str) -> Path:
    """A program of the gem, which lies beside this package in a checkout and is in no wheel."""
    return Path(str(files("hyperglyph.conformance"))).resolve().parent / "ruby" / name


def _lacks_gem() -> str | None:
    if not _gem("testee.rb").exists():
        return "run from a checkout: ruby/testee.rb is not installed with this package"
    with contextlib.suppress(OSError):
        ruby = ("ruby", "-rrack", "-rpuma", "-e", "")
        if not subprocess.run(ruby, capture_output=True, check=False).returncode:  # noqa: S603
            return None
    return "install Ruby 3.1 or later, with rack and puma"


def _server(adapter: str, about: str, *modules: str) -> Registered:
    name = "python-server" if adapter == "server" else f"python-server-{adapter}"
    return _adapter("server", adapter, name, about, modules)


def _client(adapter: str, about: str, *modules: str) -> Registered:
    name = "python-client" if adapter == "httpx" else f"python-client-{adapter}"
    return _adapter("client", adapter, name, about, modules)


def _adapter(
    role: str, adapter: str, name: str, about: str, modules: tuple[str, ...]
) -> Registered:
    """One of the ADAPTERS of `testees.client` or `testees.server`; it may have known failures."""
    return Registered(
        name,
        about,
        frozenset({role}),
        _module(role, "--adapter", adapter),
        _needs(*modules),
        known_failures=f"{name}.txt" if known.is_shipped(f"{name}.txt") else "",
    )


_CODEC = frozenset({"codec"})

TESTEES: tuple[Registered, ...] = (
    Registered("python", "this package's codec", _CODEC, _module("codec"), strict=True),
    _client("httpx", "this package's Client", "httpx"),
    _client("httpx-async", "its AsyncClient", "httpx"),
    _client("httpx-h2", "its Client, which offers HTTP/2", "httpx", "h2"),
    _client("httpx-h2-async", "its AsyncClient, which offers HTTP/2", "httpx", "h2"),
    _client("given", "its Client over a transport that was made for httpx", "httpx"),
    _client("given-async", "its AsyncClient over such a transport", "httpx"),
    _server("server", "this package's Server", "cheroot"),
    _server("cheroot-wsgi", "a router under cheroot", "cheroot"),
    _server("waitress-wsgi", "a router under waitress", "waitress"),
    _server("granian-wsgi", "a router under granian, by WSGI", "granian"),
    _server("granian-asgi", "a router under granian, by ASGI", "granian"),
    _server("uvicorn", "a router under uvicorn, with h11", "uvicorn", "h11"),
    _server("uvicorn-httptools", "a router under uvicorn, with httptools", "uvicorn", "httptools"),
    _server("hypercorn", "a router under hypercorn", "hypercorn"),
    Registered(
        "ruby",
        "the gem",
        frozenset({"codec", "client", "server"}),
        ("ruby", str(_gem("testee.rb"))),
        _lacks_gem,
    ),
    Registered(
        "ruby-2012",
        "the gem of 2012, or another Ruby library with Hyperglyph.dump and Hyperglyph.load",
        _CODEC,
        ("ruby", _shipped("ruby_2012.rb")),
        _needs_program("ruby", "Ruby"),
        library=True,
        known_failures="ruby-2012.txt",
    ),
    Registered(
        "python-2012",
        "the Python package of 2012, under a Python 2.7",
        _CODEC,
        (_python27(), _shipped("python_2012.py2")),
        _lacks_python27,
        library=True,
        known_failures="python-2012.txt",
    ),
)
