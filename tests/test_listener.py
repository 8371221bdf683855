"""A listener that is about to close: what has connected is still there, and nothing comes after."""

from __future__ import annotations

import socket
import sys

import pytest

from hyperglyph.server.listener import refuse_handshakes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's packet filter")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_nothing_is_queued_any_more(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        where = listener.getsockname()[:2]
        with socket.create_connection(where, 5) as early:
            refuse_handshakes(listener)
            early.sendall(b"sent before it was accepted")
            with pytest.raises(TimeoutError):
                socket.create_connection(where, 0.2)
            listener.settimeout(5)
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.recv(100) == b"sent before it was accepted"
                accepted.sendall(b"answered")
                assert early.recv(100) == b"answered"
            listener.settimeout(0)
            with pytest.raises(BlockingIOError):
                listener.accept()


def test_who_comes_meanwhile_reaches_the_successor() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = listener.getsockname()
        refuse_handshakes(listener)
        late = socket.socket()
        late.setblocking(False)
        with pytest.raises(BlockingIOError):
            late.connect(where)
    with late, socket.create_server(where) as successor:
        successor.settimeout(10)
        accepted, peer = successor.accept()
        with accepted:
            assert peer == late.getsockname()


def test_other_sockets_are_left_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        refuse_handshakes(ours)
        theirs.sendall(b"as before")
        assert ours.recv(100) == b"as before"
