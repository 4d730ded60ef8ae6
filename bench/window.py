"""A terminal window of the benchmark: a PTY with a client on it."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import termios
import time
from collections.abc import Iterable
from contextlib import suppress

Words = list[str]

PATIENCE = 60.0
"""Seconds that a wait may take; a longer one counts as failed."""
_SCHEDULED = 2
"""CPUCLOCK_SCHED: the clock of a process on Linux that counts its processor time."""
_DEFAULTS = (signal.SIGPIPE, signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


class Late(Exception):
    """A wait took too long, or a command failed."""


class Window:
    """A client on a PTY of its own; `began` is the moment before its start."""

    def __init__(self, words: Words, environment: dict[str, str], columns: int = 80, rows: int = 24) -> None:
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.set_blocking(self.master, False)
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.ttyname(slave), os.O_RDWR, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, 0, descriptor) for descriptor in (1, 2)]  # type: ignore[misc]
        self._poll = select.poll()
        self._poll.register(self.master, select.POLLIN)
        self.began = time.perf_counter()
        self.pid = os.posix_spawnp(words[0], words, environment, file_actions=actions, setsid=True, setsigdef=_DEFAULTS)
        os.close(slave)

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def wait(self, seconds: float) -> bool:
        """Wait until something has come; return False if nothing came in time."""
        return bool(self._poll.poll(seconds * 1000))

    def read(self) -> bytes:
        """Return what the client has shown since the last call. Raises Late after its end."""
        try:
            return os.read(self.master, 1 << 16)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise Late("the client has left") from error

    def until(self, mark: bytes, patience: float = PATIENCE) -> float:
        """Read until `mark` has been shown; return the moment. Raises Late."""
        deadline = time.monotonic() + patience
        seen = b""
        while self.wait(max(0.0, deadline - time.monotonic())):
            seen = seen[1 - len(mark) :] + self.read()
            if mark in seen:
                return time.perf_counter()
        raise Late(f"{mark!r} was not shown in {patience:g} s")

    def settle(self, quiet: float = 0.05) -> None:
        """Read until nothing has come for that many seconds."""
        while self.wait(quiet):
            self.read()

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)

    def leave(self, *keys: bytes) -> None:
        """Press the keys that leave, and wait up to 5 s for the client's end."""
        for key in keys:
            time.sleep(0.05)  # tmux takes keys that follow at once for a paste
            self.type(key)
        deadline = time.monotonic() + 5
        with suppress(Late):  # the client has left
            while time.monotonic() < deadline:
                self.wait(0.01)
                self.read()
        self.close()


def run(words: Words, environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; return its milliseconds, and those of processor time. Raises Late."""
    actions = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]
    began = time.perf_counter()
    pid = os.posix_spawnp(words[0], words, environment, file_actions=actions, setsigdef=_DEFAULTS)
    _, status, usage = os.wait4(pid, 0)
    took = time.perf_counter() - began
    if status:
        raise Late(f"{os.waitstatus_to_exitcode(status)}: {' '.join(words)}")
    return took * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def spent(pids: Iterable[int]) -> float:
    """Return processes' seconds of processor time, finer than the 10 ms of `stat`."""
    total = 0.0
    for pid in pids:
        with suppress(OSError, OverflowError):  # the process has ended, or the system does not tell
            total += time.clock_gettime(~pid << 3 | _SCHEDULED)
    return total
