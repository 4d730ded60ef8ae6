"""Poll descriptors, read stdin, and ask the kernel about terminals, sockets and pipes."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import select
import termios
import time
from collections.abc import Iterable, Iterator

from sesh.errors import Refused

_MAX_POLL = 86_400_000.0
"""Milliseconds of one poll(2), whose int holds at most 24 days; a longer wait polls again."""
_OTHER_DESCRIPTORS = 40  # descriptors reserved for files, pipes and links
_USUAL_LIMIT = 4096
INPUT, OUTPUT, LOCAL, CHARACTERS = 0, 1, 3, 6
"""The places of a terminal's flags and characters in what tcgetattr(3) returns: Python has no names for them."""


def polled(watched: Iterable[tuple[int, int]], deadline: float | None) -> list[int]:
    """Wait for events; return the ready descriptors, or none after the deadline (monotonic)."""
    poll = select.poll()
    for descriptor, events in watched:
        poll.register(descriptor, events)
    while True:
        left = None if deadline is None else min(max(0.0, deadline - time.monotonic()) * 1000, _MAX_POLL)
        ready = [descriptor for descriptor, _ in poll.poll(left)]
        if ready or (deadline is not None and time.monotonic() >= deadline):
            return ready


def check_audience(ready: list[int], audience: int) -> None:
    """Raise BrokenPipeError if nobody reads the output `audience` any more.

    It must have been polled for no events: then poll(2) reports it only once its reader has left.
    """
    if audience in ready:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def most_connections() -> int:
    """Return the most daemons to stay connected to, by the limit of descriptors (`ulimit -n`)."""
    limit = os.sysconf("SC_OPEN_MAX")
    return max(1, ((_USUAL_LIMIT if limit < 0 else limit) - _OTHER_DESCRIPTORS) // 2)


def unread(descriptor: int) -> int:
    """Return the number of unread bytes in a pipe or terminal. Raises OSError."""
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


def window_size(terminal: int) -> tuple[int, int, int, int]:
    """Return columns, rows, width and height (pixels) of a terminal, 0 if unknown.

    Raises OSError if the descriptor is not a terminal. Source: ioctl_tty(2), TIOCGWINSZ.
    """
    packed = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
    rows, columns, width, height = memoryview(packed).cast("H")
    return columns, rows, width, height


def own_terminal() -> int | None:
    """Return the standard descriptor that is a terminal; None without one."""
    return next((descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)), None)


def own_size() -> tuple[int, int, int, int]:
    """Return the `window_size` of `own_terminal`; zeros without one."""
    terminal = own_terminal()
    return window_size(terminal) if terminal is not None else (0, 0, 0, 0)


def echo_is_off(terminal: int) -> bool:
    """Return whether a terminal's echo is off, as while a program asks for a secret."""
    try:
        return not termios.tcgetattr(terminal)[LOCAL] & termios.ECHO
    except termios.error:
        return False


# -- stdin


_BLOCK = 1 << 16


def stdin_block(size: int, descriptor: int = 0) -> bytes | None:
    """Read at most `size` bytes of stdin; empty at its end. Raises Refused.

    None if a non-blocking stdin, such as Node.js may leave to its children, has no bytes yet.
    """
    try:
        return os.read(descriptor, size)
    except BlockingIOError:
        return None
    except OSError as error:
        raise Refused(f"cannot read stdin: {error.strerror}") from error


def stdin_blocks(descriptor: int = 0) -> Iterator[bytes]:
    """Yield stdin in blocks. Raises Refused."""
    while (data := stdin_block(_BLOCK, descriptor)) != b"":
        if data is None:
            select.select([descriptor], [], [])
        else:
            yield data


def whole_stdin(largest: int, descriptor: int = 0) -> bytes:
    """Return at most `largest` + 1 bytes of stdin, to detect excess. Raises Refused."""
    content = bytearray()
    for data in stdin_blocks(descriptor):
        content += data
        if len(content) > largest:
            break
    return bytes(content[: largest + 1])
