"""Whether a shell is at its prompt and has read all that was typed: told from the terminal and the kernel alone."""

from __future__ import annotations

import fcntl
import os
import termios
from sys import byteorder

from sesh.daemon.shells import foreground

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.pty import Pty


def at_prompt(pty: Pty) -> bool:
    """Whether the terminal's foreground is a shell that waits for a command line, with nothing typed ahead of it."""
    shell = foreground(pty)
    if shell is None or not shell.ready:
        return False
    try:
        return not _unread(pty.path)
    except OSError:
        return False  # the terminal is gone


def _unread(path: str) -> int:
    """Bytes that were typed and that nobody has read yet."""
    slave = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return int.from_bytes(fcntl.ioctl(slave, termios.FIONREAD, bytes(4)), byteorder)
    finally:
        os.close(slave)
