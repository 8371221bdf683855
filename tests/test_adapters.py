"""The suite that ships, over every adapter."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

import hyperglyph as glyph
from hyperglyph.testing.exchanges import ExchangeSuite, Recorder
from hyperglyph.testing.wire import WireSuite
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport
from hyperglyph.transport.adapters.wsgi import WSGIAdapter


@pytest.mark.usefixtures("no_leaks")
class TestHttpx(WireSuite):
    def make(self) -> glyph.Transport:
        return HttpxTransport()

    def makes_unix(self, path: str) -> glyph.Transport:
        return HttpxTransport(unix=path)


@pytest.mark.usefixtures("no_leaks")
class TestAsyncHttpx(WireSuite):
    def make(self) -> glyph.AsyncTransport:
        return AsyncHttpxTransport()

    def makes_unix(self, path: str) -> glyph.AsyncTransport:
        return AsyncHttpxTransport(unix=path)


class TestLocal(ExchangeSuite):
    @contextmanager
    def serving(self, recorder: Recorder) -> Generator[tuple[Any, str]]:
        yield glyph.LocalTransport(recorder), "http://localhost/"


class TestLocalApplication(ExchangeSuite):
    shows_spelling = False

    @contextmanager
    def serving(self, recorder: Recorder) -> Generator[tuple[Any, str]]:
        yield glyph.LocalTransport(WSGIAdapter(recorder)), "http://localhost/"


class TestAsyncLocal(ExchangeSuite):
    @contextmanager
    def serving(self, recorder: Recorder) -> Generator[tuple[Any, str]]:
        yield glyph.AsyncLocalTransport(recorder), "http://localhost/"
