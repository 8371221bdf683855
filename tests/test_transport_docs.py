"""The code of docs/transports.md runs, and its worked example is a transport."""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

import hyperglyph as glyph
from hyperglyph.testing.exchanges import ExchangeSuite, Recorder

DOCS = Path(__file__).resolve().parent.parent / "docs" / "transports.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)


def run(marker: str) -> dict[str, Any]:
    """Run the one block in which the marker stands; its names."""
    (code,) = (block for block in BLOCKS if marker in block)
    names: dict[str, Any] = {}
    exec(compile(code, str(DOCS), "exec"), names)
    return names


def test_every_block_is_run_here() -> None:
    markers = (
        "class StandardTransport", "import LocalTransport", "AsyncLocalTransport(", "unix=\"",
        "ssl=context", "class TestMine",
        "hishel", "opentelemetry", "def timed",  # tests/test_given.py
    )  # fmt: skip
    assert [sum(marker in block for marker in markers) for block in BLOCKS] == [1] * len(markers)


@pytest.fixture
def transport() -> glyph.Transport:
    made = run("class StandardTransport")["StandardTransport"]()
    assert isinstance(made, glyph.Transport)
    return made


def test_a_unix_socket() -> None:
    with run('unix="')["client"] as client, pytest.raises(glyph.TransportError, match="connect"):
        client.get("http://localhost/")


def test_the_local_transport(capsys: pytest.CaptureFixture[str]) -> None:
    run("import LocalTransport")
    assert capsys.readouterr().out == "Hello World\nHello dave\n"
    run("AsyncLocalTransport(")
    assert capsys.readouterr().out == "['Hello dave', 'Hello eve']\n"


def test_a_middleware(capsys: pytest.CaptureFixture[str]) -> None:
    with run("def timed")["client"] as client:
        client.get("http://localhost/")
    assert capsys.readouterr().out == "GET 200 0\n"


def test_https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path("key.pem")
    certificate.cert_chain_pems[0].write_to_path("cert.pem")
    with run("ssl=context")["server"] as server:
        assert server.url.startswith("https://")


class TestStandard(ExchangeSuite):
    @contextmanager
    def serving(self, recorder: Recorder) -> Generator[tuple[glyph.Transport, str]]:
        with glyph.Server(recorder) as server:
            yield run("class StandardTransport")["StandardTransport"](), server.url


def test_a_class_on_the_suite(tmp_path: Path) -> None:
    (code,) = (block for block in BLOCKS if "class TestMine" in block)
    (tmp_path / "test_mine.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-k", "wire or unix", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert re.search(r"^[1-9] passed, [0-9]+ deselected", done.stdout, re.M), done.stdout


def test_the_example_works(transport: glyph.Transport, service_url: str) -> None:
    with glyph.Client(transport) as client:
        assert repr(client) == "<Client over standard>"
        server = client.get(service_url)
        assert server.add(1, 2) == 3
        assert server.digest(glyph.blob(b"x" * 100_000, "a/b"))["size"] == 100_000
        with server.lines(10_000) as blob:
            assert blob.readline() == b"line 0\n"
        with pytest.raises(glyph.NotFound):
            server.find_user("eve")


def test_it_speaks_https_where_the_url_says_so(
    transport: glyph.Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    router = glyph.Router()

    @router.add()
    def hello() -> str:
        return "Hello"

    with glyph.Server(router, ssl=context) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        assert glyph.Client(transport).get(server.url).hello() == "Hello"


def test_it_tells_what_failed(transport: glyph.Transport) -> None:
    with glyph.Server(glyph.Router()) as server:
        url = server.url
    with pytest.raises(glyph.TransportError) as caught:
        glyph.Client(transport).get(url)
    assert (caught.value.phase, caught.value.outcome) == ("connect", "not done")
