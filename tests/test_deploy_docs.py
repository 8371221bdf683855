"""docs/deploy.md: its commands start the service, and its quotes stand in examples/deploy."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import EXAMPLES, ROOT
from deploy_help import DEPLOY, SECRET, free_port, wait_until_listening
from http_peers import exchange, status_of

import hyperglyph as glyph

TEXT = (ROOT / "docs" / "deploy.md").read_text("utf-8")
COMMANDS = "".join(re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)).splitlines()
QUOTES = re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)


@contextmanager
def started(command: list[str]) -> Generator[tuple[str, subprocess.Popen[bytes]]]:
    """A command of the page, on another port and from this environment: its URL and process."""
    port = free_port()
    words = [word.replace("8001", str(port)) for word in command]
    words[0] = str(Path(sys.executable).parent / words[0])
    env = {**os.environ, "HYPERGLYPH_SECRET": SECRET}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(words, cwd=DEPLOY, env=env, stdout=quiet, stderr=quiet)
    try:
        wait_until_listening(port, process)
        yield f"http://127.0.0.1:{port}/", process
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()


def check_service(url: str) -> None:
    request = "GET /{} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{}\r\n"
    assert status_of(exchange(url, request.format("health", "").encode())) == 204
    with glyph.Client() as client:
        root = client.get(url)
        assert root.health() is None
        user = root.User("ada")
        assert user.bio() == "ada likes HTTP."
        assert user.greet().startswith("ada says hello from process ")
    told = exchange(url, request.format("", "X-Forwarded-Prefix: /service\r\n").encode())
    assert b"/service/" in told


def test_there_are_commands() -> None:
    assert [command.split()[0] for command in COMMANDS] == [
        "python",
        "gunicorn",
        "waitress-serve",
        "granian",
    ]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[0])
def test_commands(command: str) -> None:
    with started(shlex.split(command)) as (url, _):
        check_service(url)


def test_the_unit_of_systemd() -> None:
    """Its command, as an instance on a port, ends on its signal, and within its time."""
    unit = dict(
        line.split("=", 1)
        for line in (DEPLOY / "hyperglyph@.service").read_text("utf-8").splitlines()
        if "=" in line and not line.startswith("#")
    )
    words = unit["ExecStart"].replace("%i", "8001").split()
    assert words[0] == f"{unit['WorkingDirectory']}/.venv/bin/python"
    with started(["python", *words[1:]]) as (url, process):
        check_service(url)
        process.send_signal(signal.Signals[unit["KillSignal"]])
        assert process.wait(float(unit["TimeoutStopSec"])) == 0


def test_what_is_quoted_stands_in_the_files() -> None:
    assert len(QUOTES) == 5
    for name, block in QUOTES:
        assert block in (ROOT / name).read_text("utf-8"), name


def test_links_lead_somewhere() -> None:
    for page in ("deploy.md", "servers.md"):
        text = (ROOT / "docs" / page).read_text("utf-8")
        links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
        assert links
        assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    named = {path.name for path in (EXAMPLES / "deploy").glob("*.*") if path.is_file()}
    assert [name for name in sorted(named) if f"examples/deploy/{name}" not in TEXT] == []


def test_a_secret_is_changed_in_three_deploys() -> None:
    """Processes of one deploy and of the next take each other's references."""
    old, new = "the secret of yesterday", "the secret of tomorrow"
    deploys = [(old,), (old, new), (new, old), (new,)]
    assert "`old,new`, then `new,old`, and `new` alone" in " ".join(TEXT.split())

    def served(secret: tuple[str, ...]) -> glyph.Client:
        router = glyph.Router(secret=secret)

        @router.add()
        class User(glyph.Resource):
            def __init__(self, name: str) -> None:
                self.name = name

        return glyph.Client(glyph.LocalTransport(router))

    def reference(deploy: tuple[str, ...]) -> str:
        return glyph.url_of(served(deploy).get("http://localhost/").User("ada"))

    for before, after in itertools.pairwise(deploys):
        for signs, reads in ((before, after), (after, before)):
            assert served(reads).get(reference(signs)).name == "ada"
    with pytest.raises(glyph.BadRequest):  # which is why it takes three
        served((old,)).get(reference((new, old)))
