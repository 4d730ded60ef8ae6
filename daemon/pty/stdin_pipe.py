"""The standard input of a job that a client feeds: a pipe."""

from __future__ import annotations

import os
from collections.abc import Callable


class StdinPipe:
    """A pipe to a job's stdin, and its untaken bytes; closed without a descriptor."""

    def __init__(self, descriptor: int = -1) -> None:
        if descriptor >= 0:
            os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.received = 0  # bytes so far, where a feeder that reconnects continues
        self.feeder: object = None  # the connection that feeds
        self.linger = 0.0  # seconds that the pipe stays open without its feeder
        self.closes_at = float("inf")  # time (monotonic), as its feeder has gone
        self.waiting = memoryview(b"")  # bytes that the pipe has not taken
        self._respond: Callable[[bool], None] | None = None
        self.ends = False  # close the pipe after the waiting bytes

    @property
    def open(self) -> bool:
        return self.descriptor >= 0

    def feed(self, feeder: object, respond: Callable[[bool], None], offset: int, data: bytes, *, ends: bool) -> None:
        """Write bytes from `offset` of the input on; `respond` once the pipe has them."""
        self.feeder = feeder
        self._respond = respond
        self.ends = ends
        fresh = data[max(0, self.received - offset) :]
        self.received += len(fresh)
        self.waiting = memoryview(bytes(self.waiting) + fresh)
        if not (self.waiting or self.ends):
            self._report()

    @property
    def wants_write(self) -> bool:
        """True if it has something to do once the pipe has room."""
        return self.open and bool(self.waiting or self.ends)

    @property
    def due(self) -> float:
        """The time (monotonic) at which the pipe is closed, as its feeder has gone."""
        return self.closes_at

    def act(self, _now: float) -> None:
        """Close the pipe."""
        self.close()

    def write(self) -> None:
        """Write what the pipe takes."""
        try:
            while self.waiting:
                self.waiting = self.waiting[os.write(self.descriptor, self.waiting) :]
        except BlockingIOError:
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
        self.waiting = memoryview(b"")
        self.closes_at = float("inf")
        self._report()
        if descriptor >= 0:
            os.close(descriptor)

    def _report(self) -> None:
        respond = self._respond
        self._respond = None
        if respond is not None:
            respond(self.open)
