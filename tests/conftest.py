"""Fixtures of the HTTP side. Every test that uses `serve` or `client` proves that nothing leaks."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faces import FACES, put_in_place
from leaks import descriptors, left_behind
from redis_help import RedisServer

import hyperglyph as glyph

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"

Serve = Callable[..., str]


#: Long ones begin first: one that begins last is waited for by all the other processes.
LONGEST = (
    "test_conformance_wrong_clients.py",
    "test_app_jobqueue.py",
    "test_app_directory.py",
    "test_app_notebook.py",
    "test_memory.py",
    "test_servers.py",
    "test_persistent_processes.py",
    "test_deploy_balancer.py",
    "test_mutation_tools.py",
    "test_conformance_wrong_servers.py",
    "test_codec_properties.py",
    "test_adapters.py",
    "test_faults.py",
    "test_deploy_nginx.py",
    "test_vectors.py",
    "test_raw_requests.py",
    "test_blobs_faults.py",
    "test_codec_cost.py",
    "test_codec_security.py",
    "test_call_face.py",
    "test_conformance.py",
    "test_packaging.py",
    "test_client_errors.py",
    "test_server_hostile.py",
    "test_deploy_docs.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """No thread and no file descriptor is left behind, once a busy machine has ended them."""
    threads = set(threading.enumerate())
    before = descriptors()
    yield
    assert not left_behind(before, threads)


@pytest.fixture
def serve(no_leaks: None) -> Iterator[Serve]:
    """Serve functions from this process: `serve(f, g, idle=0.2)` returns the URL."""
    running: list[glyph.Server] = []

    def start(*functions: Callable[..., Any], router: glyph.Router | None = None, **o: Any) -> str:
        router = router or glyph.Router()
        for function in functions:
            router.add(function)
        running.append(glyph.Server(router, **o).start())
        return running[-1].url

    yield start
    for server in running:
        server.stop()


@pytest.fixture(params=FACES)
def face(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, no_leaks: None
) -> Iterator[None]:
    """The test runs twice, once with `AsyncClient` in the place of `Client`."""
    yield from put_in_place(request.param, monkeypatch)


@pytest.fixture
def client(no_leaks: None) -> Iterator[glyph.Client]:
    with glyph.Client(timeout=10) as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How the recordings of 2012 compare with this codec, wherever their tests have run."""
    reports = [
        report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)
    ]
    if not any(report.nodeid.partition("::")[0].endswith("test_golden.py") for report in reports):
        return
    from golden_report import exceptions_table, recordings_table

    head, *_, sums = exceptions_table()
    terminalreporter.section("recordings of 2012 (all of it: python tests/golden_report.py)")
    for line in (*recordings_table(), "", head, sums):
        terminalreporter.line(line)


@pytest.fixture
def store() -> glyph.MemoryStore:
    return glyph.MemoryStore()


@pytest.fixture(scope="module")
def service_url() -> Iterator[str]:
    """The example service, in a process of its own."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / "service.py")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(_redis: RedisServer) -> RedisServer:
    """A Redis server with nothing in it."""
    _redis.ask("FLUSHALL")
    return _redis
