"""Blobs are streamed: neither process holds one. Real processes, their memory from /proc. A body
without blobs is held once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from server_help import KINDS, running

import hyperglyph as glyph
from hyperglyph.codec import Limits, encode
from hyperglyph.transport.http.bodies import MessageSink, read_into
from hyperglyph.transport.http.waiting import finish

PROGRAM = Path(__file__).resolve().parent.parent / "benchmarks" / "blobs.py"
MIB = 1024 * 1024


@pytest.mark.parametrize("face", ["Client", "AsyncClient"])
@pytest.mark.parametrize("envelope", ["form", "blob"])
def test_64_mib_both_ways_grow_no_process_by_more_than_8_mib(envelope: str, face: str) -> None:
    command = [sys.executable, "-W", "error", str(PROGRAM), "--json", "--size=64", "--rounds=2"]
    command += ["--envelope", envelope, *(["--async"] if face == "AsyncClient" else [])]
    answer = subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=True)
    figures = json.loads(answer.stdout)
    assert 0 <= figures["client"] <= 8 * MIB
    assert 0 <= figures["server"] <= 8 * MIB


def _peak(pid: int) -> int:
    """The most memory that a process has had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.parametrize("name", ["uvicorn, h11", "uvicorn, httptools"])
def test_64_mib_both_ways_grow_no_asgi_server_by_more_than_8_mib(name: str, tmp_path: Path) -> None:
    kind = next(kind for kind in KINDS if kind.name == name)
    path = tmp_path / "large"
    path.touch()
    before = 0
    with running(kind) as server, glyph.Client(timeout=60) as client:
        root = client.get(server.url)
        for size in (2 * MIB, 64 * MIB):  # the first is what they cost in any case
            os.truncate(path, size)
            with path.open("rb") as file:
                assert root.size_of(glyph.blob(file, "a/b")) == size
            with root.zeros(size) as blob:
                assert sum(len(piece) for piece in iter(lambda: blob.read(65536), b"")) == size
            if size == 2 * MIB:
                before = _peak(server.process.pid)
        assert _peak(server.process.pid) - before <= 8 * MIB


def test_a_body_is_kept_once_while_it_is_decoded() -> None:
    message = encode("x" * (4 * MIB))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        pieces = (message[at : at + 65536] for at in range(0, len(message), 65536))
        finish(read_into(MessageSink(limits=Limits()), pieces))
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # The body, the octets of the text, the text.
    assert peak < 3.5 * len(message)
