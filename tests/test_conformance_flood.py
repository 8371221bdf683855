"""Servers that mean ill, and clients that flood: the judges keep to their time and their memory.

And words of the command that mean nothing.
"""

from __future__ import annotations

import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from http_peers import Peer, peer, port_of

from hyperglyph.conformance import __main__ as command_line
from hyperglyph.conformance import raw, registry, scripted
from hyperglyph.conformance.cases import load, load_scenarios
from hyperglyph.conformance.raw import Answer, Exchange, Late, NotHTTP
from hyperglyph.conformance.relay import Relay
from hyperglyph.conformance.runner import run
from hyperglyph.conformance.script import Exchanges, header_mismatch
from hyperglyph.conformance.scripted import Arrived, ScriptedServer
from hyperglyph.conformance.testee import Testee

pytestmark = pytest.mark.usefixtures("no_leaks")

GET = b"GET / HTTP/1.1\r\n\r\n"
BLANKS = b"X: a" + b" " * 60_000 + b"b\r\n"


def answered(first: bytes, again: bytes = b"", timeout: float = 5.0) -> Answer:
    """What is read of a server that says something first, and then something again and again."""

    def script(served: Peer, connection: socket.socket) -> None:
        served.read_request(connection)
        connection.sendall(first)
        while again:
            connection.sendall(again)

    with peer(script) as server:
        exchange = Exchange("127.0.0.1", port_of(server.url), timeout)
        try:
            exchange.send(GET)
            return exchange.answer()
        finally:
            exchange.close()


# --- servers --------------------------------------------------------------------------------------


def test_blanks_in_a_header_take_no_time() -> None:
    began = time.monotonic()
    answer = answered(b"HTTP/1.1 204 None\r\n" + BLANKS + b"Y: \t c \r\n\r\n")
    assert time.monotonic() - began < 4
    assert answer.headers == (("x", "a" + " " * 60_000 + "b"), ("y", "c"))


def test_a_body_in_many_chunks_takes_no_time() -> None:
    began = time.monotonic()
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = answered(head + b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n")
    assert time.monotonic() - began < 4
    assert answer.body == b"a" * 50_000


def test_a_pattern_for_a_long_header_takes_no_time() -> None:
    pattern = {"matches": r"\bGET\b.*\bPUT\b"}
    began = time.monotonic()
    reason = header_mismatch("GET, " * 20_000, "allow", pattern)
    assert reason == "allow: 100000 characters, which is more than is looked at"
    assert header_mismatch("GET, " * 1600 + "PUT", "allow", pattern) is None
    assert time.monotonic() - began < 4


ENDLESS = {
    "heads of 1xx": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 1000),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_comes_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(raw, "SIZE", 1024 * 1024)
    with pytest.raises(NotHTTP, match="more than 1048576 octets came"):
        answered(*ENDLESS[name], timeout=20.0)


def test_what_drips_has_its_time_in_all() -> None:
    with pytest.raises(Late, match=r"no whole answer within 0\.3 s"):
        answered(b"HTTP/1.1 200 OK\r\nX: ", b"x", timeout=0.3)


# It listens, and answers nothing.
DEAF = """
import json, socket, sys
for line in sys.stdin:
    request = json.loads(line)
    reply = {"seq": request["seq"]}
    if request["cmd"] == "start":
        reply |= {"implementation": "x", "language": "x", "version": "x", "roles": ["server"]}
    elif request["cmd"] == "serve":
        listener = socket.create_server(("127.0.0.1", request["port"]))
        reply["url"] = f"http://127.0.0.1:{request['port']}/"
    print(json.dumps(reply), flush=True)
"""


def test_a_server_that_hangs_is_started_again() -> None:
    cases = [case for case in load_scenarios() if case.kind == "server"][:2]
    with Testee((sys.executable, "-c", DEAF), timeout=0.5) as testee:
        assert [result.outcome for result in run(cases, testee)] == ["hung", "hung"]
        assert testee.starts == 2


# --- clients --------------------------------------------------------------------------------------


def exchanged(server: ScriptedServer, sent: bytes) -> bytes:
    address = ("127.0.0.1", port_of(server.places["origin"]))
    with socket.create_connection(address, 5) as connection:
        connection.sendall(sent)
        return connection.recv(65536)


def test_blanks_in_a_request_take_no_time() -> None:
    began = time.monotonic()
    script = Exchanges([{"request": {"headers": {"y": "c"}}}])
    with ScriptedServer(script) as server:
        assert b" 200 " in exchanged(server, b"GET / HTTP/1.1\r\n" + BLANKS + b"Y: \t c \r\n\r\n")
    assert time.monotonic() - began < 4
    assert script.problems == []


def test_of_a_flood_of_requests_little_is_kept() -> None:
    script = Exchanges([{"times": 3}])
    for number in range(1000):
        script(Arrived("origin", "GET", f"/{number}", octets=b"x" * 65536))
    assert len(script.problems) == 97
    assert script.problems[0] == "request 4 (origin): GET /3: no request was expected"
    assert len(script.seen) == 200


def test_all_that_is_expected_is_looked_at() -> None:
    script = Exchanges([{"times": 300}])
    for _ in range(301):
        script(Arrived("origin", "GET", "/"))
    assert script.problems == ["request 301 (origin): GET /: no request was expected"]


def test_connections_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripted, "CONNECTIONS", 3)
    with ExitStack() as stack, ScriptedServer(Exchanges([{}])) as server:
        address = ("127.0.0.1", port_of(server.places["origin"]))
        opened = [stack.enter_context(socket.create_connection(address, 5)) for _ in range(5)]
        assert [connection.recv(1) for connection in opened[3:]] == [b"", b""]
        opened[0].sendall(GET)
        assert opened[0].recv(9) == b"HTTP/1.1 "


def test_of_a_long_talk_the_relay_keeps_the_beginning() -> None:
    def echo(_: Peer, connection: socket.socket) -> None:
        while piece := connection.recv(1):
            connection.sendall(piece)

    with peer(echo) as server, Relay(server.url) as relay:
        address = ("127.0.0.1", port_of(relay.origin))
        with socket.create_connection(address, 5) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(600):
                connection.sendall(b"x")
                assert connection.recv(1) == b"x"
        kept = relay.taken()
    assert len(kept) == 1000
    assert kept[:2] == (("client", b"x"), ("server", b"x"))


# --- the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["integer-leading-zreo", "REQ-INT-99", "nothing-*"])
def test_a_known_failure_that_names_nothing_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pattern: str
) -> None:
    file = tmp_path / "known.txt"
    file.write_text(f"# why\nREQ-INT-1\n{pattern}\n")
    with pytest.raises(SystemExit) as ended:
        command_line.main(["run", "python", "--topic", "list", "--known", str(file)])
    assert ended.value.code == 2
    assert f"known.txt, line 3: {pattern} is the name of no case" in capsys.readouterr().err


def test_known_failures_of_ours_name_something() -> None:
    cases = [*load(), *load_scenarios()]
    for testee in registry.TESTEES:
        for line in testee.known():
            assert any(map(line.fits, cases)), line


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e9", "soon"])
def test_time_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], seconds: str) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(["run", "python", "--timeout", seconds])
    assert ended.value.code == 2
    assert "--timeout" in capsys.readouterr().err
