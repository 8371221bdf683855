"""Raw requests for the tests of servers; for those of clients, the scripted servers."""

from __future__ import annotations

import re
import socket
from contextlib import suppress

from hyperglyph.testing.peers import MEDIA_TYPE, Peer, Script, answers, peer, response

__all__ = [
    "MEDIA_TYPE",
    "Peer",
    "Script",
    "answers",
    "exchange",
    "peer",
    "port_of",
    "post",
    "response",
    "status_of",
]


def port_of(url: str) -> int:
    return int(url.rstrip("/").rpartition(":")[2])


def exchange(url: str, data: bytes, timeout: float = 5.0) -> bytes:
    """Send raw bytes to a server, and return all that it says until it closes or falls silent."""
    with socket.create_connection(("127.0.0.1", port_of(url)), timeout) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # it may answer before the end
            connection.sendall(data)
        answer = b""
        with suppress(TimeoutError, ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
        return answer


def status_of(answer: bytes) -> int:
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert match is not None, answer
    return int(match[1])


def post(path: str, body: bytes = b"O;", *headers: str, host: str = "127.0.0.1") -> bytes:
    """A raw POST that ends the connection."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
