"""Row 18 of the security rules where it happens: a service that runs out of disk or descriptors
while a blob arrives, and uploads that are cut. Each is told, and leaves nothing behind.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import hyperglyph as glyph
from hyperglyph.codec import encode

pytestmark = pytest.mark.usefixtures("face")

SERVICE = Path(__file__).with_name("blob_server.py")
BIG = b"x" * 3_000_000  # goes to a file
MEDIA_TYPE = "application/vnd.hyperglyph"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(SERVICE)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.communicate()


def upload(root: Any, data: bytes = BIG) -> int:
    count: int = root.size(glyph.blob(data, "a/b"))
    return count


@pytest.mark.parametrize("fault", ["disk", "descriptors"])
def test_without_disk_or_descriptors(url: str, client: glyph.Client, fault: str) -> None:
    root = client.get(url)
    assert upload(root) == len(BIG)
    before = root.left()
    if fault == "disk":
        root.fill_disk(2_000_000)
    else:
        root.take_descriptors()
    with pytest.raises(glyph.ServerError) as failure:
        upload(root)
    assert failure.value.message == "internal error"
    assert upload(root, b"what stays in memory") == 20
    root.fill_disk(None)
    root.give_descriptors()
    assert upload(root) == len(BIG)
    assert root.left() == before
    assert before[1] == 0


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_a_cut_upload(url: str, client: glyph.Client, share: float) -> None:
    root = client.get(url)
    before = root.left()
    body = encode({"blob": glyph.blob(BIG, "a/b")})
    split = urlsplit(url)
    with socket.create_connection((split.hostname, split.port), timeout=10) as connection:
        head = (
            f"POST /size HTTP/1.1\r\nHost: {split.netloc}\r\nContent-Type: {MEDIA_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body[: int(len(body) * share)])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert upload(root) == len(BIG)
    assert root.left() == before
    assert before[1] == 0
