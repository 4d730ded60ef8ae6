"""The standard input of a job that a client feeds: a pipe."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.errors import Refused

MAX_WAITING = 8 << 20  # bytes that the pipe has not taken; a feeder that waits for each response has at most one chunk


class _Fed(NamedTuple):
    """A request whose bytes the pipe has not taken yet."""

    end: int  # offset in the input, up to which the pipe must have taken it
    respond: Callable[[bool], None]


class StdinPipe(Part):
    """A pipe to a job's stdin, and its untaken bytes; closed without a descriptor."""

    def __init__(self, agenda: Agenda, descriptor: int = -1) -> None:
        super().__init__(agenda)
        if descriptor >= 0:
            os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.received = 0  # bytes so far, where a feeder that reconnects continues
        self.feeder: object = None  # the connection that feeds
        self.linger = 0.0  # seconds that the pipe stays open without its feeder
        # `due`: time (monotonic) at which it is closed, as its feeder has gone
        self.waiting = bytearray()  # bytes that the pipe has not taken
        self._fed: deque[_Fed] = deque()
        self.ends = False  # close the pipe after the waiting bytes

    @property
    def open(self) -> bool:
        return self.descriptor >= 0

    def feed(self, feeder: object, respond: Callable[[bool], None], offset: int, data: bytes, *, ends: bool) -> None:
        """Write bytes from `offset` of the input on; `respond` once the pipe has them.

        Raises Refused if `MAX_WAITING` bytes wait.
        """
        fresh = data[max(0, self.received - offset) :]
        if len(self.waiting) + len(fresh) > MAX_WAITING:
            raise Refused(f"{MAX_WAITING >> 20} MiB of input wait for the job; await the response to each feed")
        if feeder is not self.feeder:
            self._fed.clear()  # nobody waits for the responses to an earlier feeder
        self.feeder = feeder
        self.ends = ends
        self.received += len(fresh)
        self.waiting += fresh
        self._fed.append(_Fed(self.received, respond))
        if not (self.waiting or self.ends):
            self._report()

    @property
    def wants_write(self) -> bool:
        """True if it has something to do once the pipe has room."""
        return self.descriptor >= 0 and bool(self.waiting or self.ends)

    def act(self, _now: float) -> None:
        """Close the pipe."""
        self.close()

    def write(self) -> None:
        """Write what the pipe takes."""
        try:
            while self.waiting:
                del self.waiting[: os.write(self.descriptor, self.waiting)]
        except BlockingIOError:
            self._report()
            return
        except OSError:
            self.close()  # the job has closed its end
            return
        if self.ends:
            self.close()
        else:
            self._report()

    def close(self) -> None:
        """Close the pipe: the job sees the end of its input."""
        descriptor = self.descriptor
        self.descriptor = -1
        self.waiting.clear()
        self.due = NEVER
        self._report()
        if descriptor >= 0:
            os.close(descriptor)

    def _report(self) -> None:
        """Respond to the requests whose bytes the pipe has taken."""
        taken = self.received - len(self.waiting)
        while self._fed and self._fed[0].end <= taken:
            self._fed.popleft().respond(self.open)
