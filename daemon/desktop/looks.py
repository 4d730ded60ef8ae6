"""Looks at who listens on this machine, for those who ask.

Linux tells in a millisecond. Elsewhere lsof tells, for which no turn of the daemon waits: those who ask while it runs
are served by the next one, as it may have passed their port already.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Optional

from sesh.daemon.base.due import NEVER
from sesh.loop.poll import READ, Poll
from sesh.system import platforms, ports, programs

TIMEOUT = 3.0  # seconds for lsof; then nobody is found to listen
_KILLED = 0.1  # seconds for a killed program to end
_READ_SIZE = 64 << 10
_MAX_PRINTED = 4 << 20  # bytes

Done = Callable[[ports.Look], None]


class PortLooks:
    """The looks of one daemon. `until`: when (monotonic) the one that runs is given up."""

    def __init__(self) -> None:
        self.poll = Poll()  # the server's, once there is one
        self.until = NEVER
        self._of_turn = ports.Look()
        self._asked: list[Done] = []  # for the next look
        self._served: list[Done] = []  # by the look that runs
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._printed = b""

    @property
    def busy(self) -> bool:
        """True while a look runs."""
        return self._process is not None

    def ask(self, done: Done) -> None:
        """Call `done` with a look that begins after this call, or with that of this turn, where there is /proc."""
        if platforms.LINUX:
            done(self._of_turn)
        else:
            self._asked.append(done)
            self._begin()

    def end_turn(self) -> None:
        """Have the next turn look anew."""
        self._of_turn = ports.Look()

    def move(self, ready: dict[int, int]) -> None:
        """Read what has been printed, if there is some, and end a look that is over or takes too long."""
        process = self._process
        if process is None or process.stdout is None:
            return
        descriptor = process.stdout.fileno()
        if descriptor in ready:
            data = os.read(descriptor, _READ_SIZE)
            self._printed += data
            if not data or len(self._printed) > _MAX_PRINTED:
                self._end()
                return
        if self.until <= time.monotonic():
            self._end()

    def close(self) -> None:
        """End the look that runs; whoever has asked hears nothing."""
        self._asked, self._served = [], []
        self._end()

    def _begin(self) -> None:
        if self._process is not None or not self._asked:
            return
        self._served, self._asked = self._asked, []
        quiet = subprocess.DEVNULL
        try:
            self._process = programs.start(ports.LSOF, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet)
        except OSError:  # there is none, or no room for another process
            self._end()
            return
        self.until = time.monotonic() + TIMEOUT
        assert self._process.stdout is not None  # noqa: S101 (it is a pipe)
        self.poll.watch(self._process.stdout.fileno(), READ)

    def _end(self) -> None:
        """Serve those for whom the look was, and begin the next one."""
        process, self._process = self._process, None
        if process is not None and process.stdout is not None:
            self.poll.forget(process.stdout.fileno())
            process.stdout.close()
            process.kill()
            with suppress(subprocess.TimeoutExpired):  # it hangs in the kernel, at a dead disk
                process.wait(_KILLED)
        look = ports.Look(os.fsdecode(self._printed))
        served, self._served, self._printed, self.until = self._served, [], b"", NEVER
        for done in served:
            done(look)
        self._begin()
