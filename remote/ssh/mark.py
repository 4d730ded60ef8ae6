"""The mark of an ssh that opens a shared connection: a file beside the socket, which only one process can make.

Its head names that ssh, by pid and start time; behind it is what that ssh prints, for whoever waits.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from sesh import paths
from sesh.identity import start_time
from sesh.remote.ssh.words import Heard

SUFFIX = ".start"
LONGEST = 60.0
"""Seconds after which an ssh that asks nobody hangs, and its outcome counts no more."""
_HEAD = 80
"""Bytes."""
_YOUNG = 1.0
"""Seconds in which a mark without a head is being written."""


class Mark:
    """A mark that stands, or stood. `asks`: its ssh may ask a person, who may take long."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path, self._descriptor = path, descriptor
        self.heard = Heard(descriptor, _HEAD)
        self.asks, self.pid, self._start, self._began = False, 0, "", os.fstat(descriptor).st_mtime
        self._read()

    def _read(self) -> None:
        """Read the head, which is missing at first, and is changed once ssh runs."""
        head = os.pread(self._descriptor, _HEAD, 0).decode("ascii", "replace").split(None, 3)
        if len(head) == len(("began", "asks", "pid", "start")):
            self._began, self.asks = float(head[0]), head[1] == "asks"
            self.pid, self._start = int(head[2]), head[3].strip()

    @classmethod
    def make(cls, path: str) -> Mark | None:
        """Make the mark of this process; None if another one stands."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, paths.OWN)
        except FileExistsError:
            return None
        mark = cls(path, descriptor)
        mark.pass_to(os.getpid(), asks=True)  # so that nobody ends this process
        return mark

    @classmethod
    def find(cls, path: str) -> Mark | None:
        """The mark of another process; None if none stands."""
        try:
            return cls(path, os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
        except FileNotFoundError:
            return None

    def __enter__(self) -> Mark:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def pass_to(self, pid: int, *, asks: bool) -> None:
        """Name the ssh in the head."""
        self.pid, self._start, self.asks = pid, start_time(pid), asks
        head = f"{self._began:.0f} {'asks' if self.asks else 'alone'} {pid} {self._start}"
        os.pwrite(self._descriptor, head.ljust(_HEAD - 1).encode() + b"\n", 0)

    @property
    def old(self) -> bool:
        """True if it was made long ago."""
        return abs(time.time() - self._began) > LONGEST  # a clock may have been set

    def runs(self) -> bool:
        """Return whether its ssh runs."""
        self._read()
        if not self.pid:
            return abs(time.time() - self._began) < _YOUNG
        return bool(self._start) and start_time(self.pid) == self._start

    def end(self) -> None:
        """End an ssh that asks nobody, with that of a jump host: all of its session."""
        if self.runs() and self.pid and not self.asks:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def remove(self) -> None:
        """Remove the mark, unless another one has taken its place."""
        aside = f"{self.path}.{time.monotonic_ns()}"
        with suppress(FileNotFoundError):
            os.rename(self.path, aside)  # so that nobody removes one that was just made in its place
            if not os.path.samestat(os.stat(aside), os.fstat(self._descriptor)):
                with suppress(FileExistsError):
                    os.link(aside, self.path)
            os.unlink(aside)
