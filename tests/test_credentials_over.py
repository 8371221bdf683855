"""What a user gives the client for one server reaches no other, over the transports that
test_client_credentials.py does not take: one made for httpx, and HTTP/2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from credential_cases import (
    HOPS,
    SECRETS,
    check_listed,
    check_options,
    check_page,
    check_redirects,
    cleared,
)
from faces import Awaited, put_in_place
from fault_scenes import given, given_async
from http2_server import Http2Recorder, certified, hypercorn_server
from recorder import Recorded, recorders

import hyperglyph as glyph
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport

#: One of those that become a GET, and one that keeps the body.
STATUSES = (302, 307)


@pytest.fixture(scope="module", params=["given", "http2"])
def over(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[list[Recorded], Callable[[], Any], Callable[[], Any]]]:
    """Three servers, and what makes transports to them."""
    if request.param == "given":
        with recorders(3) as made:
            yield [*made], given, given_async
        return
    pem, trusting = certified(tmp_path_factory.mktemp("tls"))
    options: dict[str, Any] = {"http2": True, "verify": trusting}
    with ExitStack() as stack:
        servers: list[Recorded] = []
        for _ in range(3):
            recorder = Http2Recorder()
            servers.append(recorder.at(stack.enter_context(hypercorn_server(recorder, pem))))
        yield (
            servers,
            lambda: HttpxTransport(**options),
            lambda: AsyncHttpxTransport(**options),
        )


@pytest.fixture(params=["Client", "AsyncClient"])
def servers(
    over: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, no_leaks: None
) -> Iterator[list[Recorded]]:
    """The servers, where `glyph.Client` is one of the faces over the transport."""
    made, sync, awaited = over
    face: Any = Awaited if request.param == "AsyncClient" else glyph.Client
    make = awaited if request.param == "AsyncClient" else sync
    running = put_in_place("Client", monkeypatch)
    next(running)

    def client(**options: Any) -> Any:
        return face(make(), **options)

    monkeypatch.setattr(glyph, "Client", client)
    cleared(made)
    yield made
    for _ in running:
        pass


@pytest.mark.parametrize("secret", SECRETS)
def test_redirects(secret: str, servers: list[Recorded]) -> None:
    check_redirects(STATUSES, secret, HOPS, servers[0], servers[1])


@pytest.mark.parametrize("secret", SECRETS)
def test_links_forms_and_what_else_a_page_leads_to(secret: str, servers: list[Recorded]) -> None:
    check_page(secret, servers[0], servers[1])


@pytest.mark.parametrize("secret", SECRETS)
def test_origins_that_are_listed_have_them(secret: str, servers: list[Recorded]) -> None:
    check_listed(secret, servers[0], servers[2], servers[1])


def test_options_are_no_way_around(servers: list[Recorded]) -> None:
    check_options(servers[0], servers[1])
