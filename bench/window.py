"""A terminal window as the benchmark sees it: the master side of a PTY, with a client on the other side."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import termios
import time
from collections.abc import Container, Iterable

READ = 1 << 16
PATIENCE = 60.0
"""Seconds that a wait may take; a longer one counts as failed."""

_SCHEDULED = 2
"""CPUCLOCK_SCHED: the clock of a process on Linux that counts its processor time."""
_DEFAULTS = (signal.SIGPIPE, signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


class Late(Exception):
    """A wait took too long, or a command failed."""


class Window:
    """A client on a PTY of its own; `began` is the moment before it was started, `count` the bytes it has shown."""

    def __init__(self, words: list[str], environment: dict[str, str], columns: int = 80, rows: int = 24) -> None:
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.set_blocking(self.master, False)
        path = os.ttyname(slave)
        actions = [(os.POSIX_SPAWN_OPEN, 0, path, os.O_RDWR, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, 0, descriptor) for descriptor in (1, 2)]  # type: ignore[misc]
        self.count = 0
        self.tail = b""
        self.began = time.perf_counter()
        self.pid = os.posix_spawnp(words[0], words, environment, file_actions=actions, setsid=True, setsigdef=_DEFAULTS)
        os.close(slave)

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def read(self) -> bytes:
        """Returns what the client has shown since the last call, maybe nothing. Raises Late if the client has left."""
        try:
            data = os.read(self.master, READ)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise Late("the client has left") from error
        self.count += len(data)
        return data

    def until(self, mark: bytes, patience: float = PATIENCE) -> float:
        """Reads until `mark` has been shown; returns the moment. Raises Late."""
        return together([self], mark, patience)

    def settle(self, quiet: float = 0.05) -> None:
        """Reads until nothing has come for that many seconds."""
        poll = select.poll()
        poll.register(self.master, select.POLLIN)
        while poll.poll(quiet * 1000):
            if not self.read():
                return

    def close(self, *keys: bytes) -> None:
        """Presses the keys that leave, one after the other, and waits until the client has gone; without keys it is
        killed."""
        if not keys:
            os.kill(self.pid, signal.SIGKILL)
        for key in keys:
            time.sleep(0.05)  # tmux takes keys that follow at once for a paste
            self.type(key)
        deadline = time.monotonic() + 5
        poll = select.poll()
        poll.register(self.master, select.POLLIN)
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
            if poll.poll(10):
                try:
                    self.read()
                except Late:
                    time.sleep(0.002)
        os.close(self.master)


def together(windows: list[Window], mark: bytes, patience: float = PATIENCE) -> float:
    """Reads all windows until each has shown `mark`; returns the moment of the last one. Raises Late."""
    left = {window.master: window for window in windows}
    poll = select.poll()
    for window in windows:
        window.tail = b""
        poll.register(window.master, select.POLLIN)
    deadline = time.monotonic() + patience
    short = len(mark) - 1
    moment = 0.0
    while left:
        ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not ready:
            raise Late(f"{mark!r} was not shown in {patience:g} s")
        for descriptor, _ in ready:
            window = left[descriptor]
            data = window.read()
            seen = window.tail + data
            if mark in seen:
                moment = time.perf_counter()
                del left[descriptor]
                poll.unregister(descriptor)
            window.tail = seen[-short:]
    return moment


def show(windows: list[Window], seconds: float) -> None:
    """Reads what the windows show, for that many seconds."""
    poll = select.poll()
    by_master = {window.master: window for window in windows}
    for master in by_master:
        poll.register(master, select.POLLIN)
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        for master, _ in poll.poll(left * 1000):
            by_master[master].read()


def run(words: list[str], environment: dict[str, str]) -> float:
    """Runs a command to its end without a terminal; returns the seconds that it took. Raises Late if it fails."""
    return timed(words, environment)[0]


def timed(words: list[str], environment: dict[str, str], codes: Container[int] = (0,)) -> tuple[float, float]:
    """Runs a command as `run` does; returns the seconds, and the seconds of processor time.

    The processor time is that of the command and of the children that it has waited for. Raises Late if the command
    exits with none of the codes.
    """
    actions = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]
    began = time.perf_counter()
    pid = os.posix_spawnp(words[0], words, environment, file_actions=actions, setsigdef=_DEFAULTS)
    _, status, usage = os.wait4(pid, 0)
    took = time.perf_counter() - began
    if (code := os.waitstatus_to_exitcode(status)) not in codes:
        raise Late(f"{code}: {' '.join(words)}")
    return took, usage.ru_utime + usage.ru_stime


def run_on_terminal(words: list[str], environment: dict[str, str]) -> float:
    """Runs a command to its end on a terminal; returns the seconds that it took."""
    window = Window(words, environment)
    poll = select.poll()
    poll.register(window.master, select.POLLIN)
    while True:
        poll.poll(1000)
        try:
            window.read()
        except Late:
            break
    os.waitpid(window.pid, 0)
    took = time.perf_counter() - window.began
    os.close(window.master)
    return took


def processor_time(pid: int) -> float:
    """Returns the processor time of a process in seconds; 0 if the system does not tell.

    It reads the clock of the process, because that counts nanoseconds, and threads that have ended too. `stat` counts
    ticks of 10 ms, `schedstat` only living threads.
    """
    try:
        return time.clock_gettime(~pid << 3 | _SCHEDULED)
    except (OSError, OverflowError):
        return 0.0


def spent(pids: Iterable[int]) -> float:
    """Returns the processor time of several processes, in seconds."""
    return sum(map(processor_time, pids))
