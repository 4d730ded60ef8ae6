"""Linux or macOS, and what differs at their sockets and terminals; more of that in `identity`, `proc` and `system`."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import termios

LINUX = sys.platform.startswith("linux")
LONGEST_SOCKET_PATH = 107 if LINUX else 103
"""Bytes of `sun_path`, less the closing NUL."""

_LOCAL_PEERCRED = 0x001


def peer_uid(peer: socket.socket) -> int:
    """Return the user at the other end of a Unix socket (SO_PEERCRED; LOCAL_PEERCRED on macOS). Raises OSError."""
    if LINUX:
        credentials = peer.getsockopt(1, 17, 12)  # SOL_SOCKET, SO_PEERCRED: pid, uid, gid
    else:
        credentials = peer.getsockopt(0, _LOCAL_PEERCRED, 76)  # struct xucred: version, uid, …
    return int.from_bytes(credentials[4:8], sys.byteorder)


def longest_line(descriptor: int) -> int:
    """Bytes of a line that a terminal passes on to a program that reads lines; of a longer one it drops the rest."""
    return 4095 if LINUX else os.fpathconf(descriptor, "PC_MAX_CANON")


def window_size(terminal: int) -> tuple[int, int, int, int]:
    """Columns, rows, width and height in pixels of a terminal, 0 if unknown (ioctl_tty(2), TIOCGWINSZ).

    Raises OSError if the descriptor is no terminal.
    """
    packed = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
    rows, columns, width, height = memoryview(packed).cast("H")
    return columns, rows, width, height


def untaken(descriptor: int) -> bool:
    """Return whether the other end of a Unix socket has left bytes unread; False where the system does not tell."""
    try:
        return any(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))  # of a socket it is SIOCOUTQ (unix(7))
    except OSError:
        return False
