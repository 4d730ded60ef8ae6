"""What all the processes that something causes use of the processor, those that have ended included.

A control group counts it in nanoseconds or microseconds. Nothing else has all of it: a zygote ignores SIGCHLD, so what
its daemons have used is told to nobody once they have ended. Root may make a group, and who has a part of the tree of
groups, such as the programs of a systemd user session.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

_ROOT = "/sys/fs/cgroup"
_COUNTERS = {"cpuacct.usage": (0, 1e9), "cpu.stat": (1, 1e6)}
"""Files that count, of the first version and of the second: which word of it, and what makes a second."""


class ControlGroup:
    """Counts the processes that are started inside. Is false where this user may make none. A context manager."""

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
        """Removes it, once its last process has ended."""
        deadline = time.monotonic() + 10
        while self._folder and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                os.rmdir(self._folder)
                return
            time.sleep(0.05)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """What is started meanwhile belongs to the group."""
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
        """Seconds of processor time that its processes have had so far; 0 without a group."""
        for name, (word, unit) in _COUNTERS.items() if self._folder else ():
            with contextlib.suppress(FileNotFoundError), open(os.path.join(self._folder, name), "rb") as file:
                return int(file.read().split()[word]) / unit
        return 0.0

    def rest(self) -> float:
        """Waits until its processes use nothing more; what they have had by then."""
        before, now = -1.0, self.seconds()
        deadline = time.monotonic() + 10
        while now != before and time.monotonic() < deadline:
            time.sleep(0.03)
            before, now = now, self.seconds()
        return now


def _own() -> list[str]:
    """The groups of this process that may count processor time."""
    found = []
    with contextlib.suppress(OSError), open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if not controllers or "cpuacct" in controllers.split(","):
                found.append(os.path.join(_ROOT, controllers) + path.rstrip("/"))
    return found
