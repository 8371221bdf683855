"""How a listener says that it takes no more connections, without losing one that it has."""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from contextlib import suppress
from typing import Final

__all__ = ["refuse_handshakes"]

_SO_ATTACH_FILTER: Final = 26

#: For Linux's packet filter: the segments that begin a handshake (SYN without ACK) are dropped.
#: Each line is an operation, where to go on if it holds, where if not, and its operand.
_NO_HANDSHAKES: Final = b"".join(
    struct.pack("=HBBI", *line)
    for line in (
        (0x30, 0, 0, 13),  # load the octet of flags
        (0x54, 0, 0, 0x12),  # and it with SYN and ACK
        (0x15, 0, 1, 0x02),  # is it SYN alone?
        (0x06, 0, 0, 0),  # then keep nothing of it
        (0x06, 0, 0, 0xFFFF_FFFF),  # else all
    )
)


def refuse_handshakes(listener: socket.socket) -> None:
    """Let no connection begin any more, where the system can; those that have may be accepted.

    Between the last `accept` and `close` nothing may be queued: it would be reset, with the request
    that its peer has sent already. Who comes meanwhile gets no answer, comes again after a second,
    and is refused then, or is answered by the listener's successor.
    """
    if sys.platform != "linux" or listener.family not in (socket.AF_INET, socket.AF_INET6):
        return
    lines = ctypes.create_string_buffer(_NO_HANDSHAKES)
    program = struct.pack("HP", len(_NO_HANDSHAKES) // 8, ctypes.addressof(lines))
    with suppress(OSError):  # not every sandbox has the filter
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
