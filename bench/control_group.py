"""Processor time of a command and of all processes that it causes, those that have ended included.

A control group counts this time in nanoseconds or microseconds. No other count is complete: a zygote ignores SIGCHLD,
so the time of its daemons is lost when they end. Root may make a group, and so may a user who owns a part of the tree
of groups, as in a systemd user session.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

_ROOT = "/sys/fs/cgroup"
_COUNTERS = {"cpuacct.usage": (0, 1e9), "cpu.stat": (1, 1e6)}
"""The files with the time, of version 1 and 2 of control groups: the index of the word, and its units in a second."""


class ControlGroup:
    """Counts the processes that are started inside. It is false if this user may make no group. A context manager."""

    def __init__(self) -> None:
        self._folder = self._outer = ""
        for parent in _own():
            folder = os.path.join(parent, f"sesh-bench-{os.getpid()}-{time.monotonic_ns()}")
            try:
                os.mkdir(folder)
            except OSError:
                continue
            self._folder, self._outer = folder, parent
            try:
                with self.inside():
                    self.seconds()
                return
            except OSError:
                self._folder = ""
                os.rmdir(folder)

    def __bool__(self) -> bool:
        return bool(self._folder)

    def __enter__(self) -> ControlGroup:
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the group, once its last process has ended."""
        deadline = time.monotonic() + 10
        while self._folder and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                os.rmdir(self._folder)
                return
            time.sleep(0.05)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Puts the processes that are started within the block into the group."""
        self._enter(self._folder)
        try:
            yield
        finally:
            self._enter(self._outer)

    def _enter(self, folder: str) -> None:
        if folder:
            with open(os.path.join(folder, "cgroup.procs"), "w", encoding="ascii") as file:
                file.write("0")

    def seconds(self) -> float:
        """Returns the processor time, in seconds, of all its processes so far; 0 without a group."""
        for name, (word, unit) in _COUNTERS.items() if self._folder else ():
            with contextlib.suppress(FileNotFoundError), open(os.path.join(self._folder, name), "rb") as file:
                return int(file.read().split()[word]) / unit
        return 0.0

    def rest(self) -> float:
        """Waits until the processes of the group are idle; returns their processor time so far."""
        before, now = -1.0, self.seconds()
        deadline = time.monotonic() + 10
        while now != before and time.monotonic() < deadline:
            time.sleep(0.03)
            before, now = now, self.seconds()
        return now


def _own() -> list[str]:
    """Returns the groups of this process that can count processor time."""
    groups = []
    with contextlib.suppress(OSError), open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if not controllers or "cpuacct" in controllers.split(","):
                groups.append(os.path.join(_ROOT, controllers) + path.rstrip("/"))
    return groups
