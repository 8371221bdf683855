"""`add(1, 2)` over loopback, against the standard library's peers: calls a second, and CPU.

    python benchmarks/calls.py [--calls N] [--rounds N]

Client and server are two processes; each candidate has one connection that it keeps. The candidates
take turns round by round, since absolute times move by 2x on shared machines; quoted are the median
of the rounds, and of the ratios to `http.client` within a round.

`http.client` is the floor of the standard library: the same HTTP server, the arguments and the
answer as JSON, no names, no types, no errors. `xmlrpc` is its own remote call.
"""

from __future__ import annotations

import argparse
import http.client
import http.server
import json
import statistics
import time
import xmlrpc.client
import xmlrpc.server
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from processes import Make, cpu_seconds, process

import hyperglyph as glyph
from hyperglyph.transport.adapters.local import LocalTransport

Call = Callable[[], Any]


def add(a: Any, b: Any) -> Any:
    return a + b


# --- servers, each in a process of its own ------------------------------------------------------


def serve_hyperglyph() -> tuple[str, Any]:
    router = glyph.Router()
    router.add(add)
    server = glyph.Server(router).start()
    return server.url, server


class JSONHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(add(*arguments)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""


def serve_json() -> tuple[str, Any]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), JSONHandler)
    return f"http://127.0.0.1:{server.server_port}/", server


class XMLHandler(xmlrpc.server.SimpleXMLRPCRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1


def serve_xmlrpc() -> tuple[str, Any]:
    server = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), XMLHandler, logRequests=False)
    server.register_function(add)
    return f"http://127.0.0.1:{server.server_address[1]}/", server


# --- clients --------------------------------------------------------------------------------------


def call_hyperglyph(url: str, stack: ExitStack) -> Call:
    server = stack.enter_context(glyph.Client()).get(url)
    function = server.add
    return lambda: function(1, 2)


def call_json(url: str, stack: ExitStack) -> Call:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    stack.callback(connection.close)

    def call() -> Any:
        connection.request("POST", "/add", b"[1, 2]", {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())

    return call


def call_xmlrpc(url: str, stack: ExitStack) -> Call:
    proxy: Any = stack.enter_context(xmlrpc.client.ServerProxy(url))
    return lambda: proxy.add(1, 2)


def call_local(url: str, stack: ExitStack) -> Call:
    """Without sockets: what mapping, codec and dispatch of both sides cost together."""
    router = glyph.Router()
    router.add(add)
    function = glyph.Client(LocalTransport(router)).get(url).add
    return lambda: function(1, 2)


PEERS: dict[str, tuple[Make, Callable[[str, ExitStack], Call]]] = {
    "hyperglyph": (serve_hyperglyph, call_hyperglyph),
    "hyperglyph, in process": (serve_hyperglyph, call_local),
    "http.client": (serve_json, call_json),
    "xmlrpc": (serve_xmlrpc, call_xmlrpc),
}
UNIT = "http.client"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=500, help="calls in a round")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    rates: dict[str, list[float]] = {name: [] for name in PEERS}
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in PEERS}
    with ExitStack() as stack:
        ready: dict[str, tuple[Call, Callable[[], float]]] = {}
        for name, (make, connect) in PEERS.items():
            server = stack.enter_context(process(make))
            call = connect(server.url, stack)
            for _ in range(50):
                assert call() == 3
            ready[name] = call, server.cpu
        for _ in range(options.rounds):
            for name, (call, cpu) in ready.items():
                theirs, ours, start = cpu(), cpu_seconds(), time.perf_counter()
                for _ in range(options.calls):
                    call()
                seconds = time.perf_counter() - start
                rates[name].append(options.calls / seconds)
                micro = 1e6 / options.calls
                costs[name].append(((cpu_seconds() - ours) * micro, (cpu() - theirs) * micro))
    print(f"{'':24}{'calls/s':>9}{'ratio':>8}{'CPU us: client':>16}{'server':>8}")
    for name in PEERS:
        ratio = statistics.median(a / b for a, b in zip(rates[name], rates[UNIT], strict=True))
        client, server = (statistics.median(column) for column in zip(*costs[name], strict=True))
        rate = statistics.median(rates[name])
        print(f"{name:24}{rate:9.0f}{ratio:8.2f}{client:16.0f}{server:8.0f}")


if __name__ == "__main__":
    main()
