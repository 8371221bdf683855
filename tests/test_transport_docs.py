"""The worked example of docs/transports.md is a transport."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import hyperglyph as glyph

DOCS = Path(__file__).resolve().parent.parent / "docs" / "transports.md"


@pytest.fixture
def transport() -> glyph.Transport:
    (code,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
        if "class StandardTransport" in block
    )
    assert len(code.splitlines()) < 45
    names: dict[str, Any] = {}
    exec(compile(code, str(DOCS), "exec"), names)
    made = names["StandardTransport"]()
    assert isinstance(made, glyph.Transport)
    return made


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


def test_it_tells_what_failed(transport: glyph.Transport) -> None:
    with glyph.Server(glyph.Router()) as server:
        url = server.url
    with pytest.raises(glyph.TransportError) as caught:
        glyph.Client(transport).get(url)
    assert (caught.value.phase, caught.value.outcome) == ("connect", "not done")
