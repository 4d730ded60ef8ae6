"""The standard input of a job that is fed: a pipe, written as the job reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from sesh.loop.loop import WRITE, Loop
from sesh.messages import Answer

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Feeder(Protocol):
    """The connection that a job's standard input comes from."""

    closed: bool

    def respond(self, request: int, data: bytes = b"", **values: Unpack[Answer]) -> None: ...


class StdinPipe:
    """The writing end of the pipe. `received` counts bytes: a feeder that reconnects goes on there."""

    def __init__(self, descriptor: int, loop: Loop) -> None:
        """Write to this descriptor; it is negative for a pipe that is closed already."""
        if descriptor >= 0:
            os.set_blocking(descriptor, False)
        self.descriptor, self._loop = descriptor, loop
        self.received = 0
        self.feeder: Feeder | None = None
        self.linger = 0.0
        """Seconds for which the pipe stays open when its feeder is gone."""
        self.waiting = memoryview(b"")
        """The bytes to be written."""
        self.request = 0
        """The number of the request that sent them."""
        self.ends = False
        """True if they are the last."""

    @property
    def open(self) -> bool:
        """True if the job may still be fed."""
        return self.descriptor >= 0

    def take(self, feeder: Feeder, request: int, offset: int, data: bytes, *, ends: bool) -> None:
        """Take bytes that begin at an offset of the input; the request is answered when the job has them."""
        self.feeder, self.request, self.ends = feeder, request, ends
        fresh = data[max(0, self.received - offset) :]
        self.received += len(fresh)
        self.waiting = memoryview(bytes(self.waiting) + fresh)
        self.watch()
        if not (self.waiting or self.ends):
            self._answer()

    def watch(self) -> None:
        """Write as soon as the pipe takes bytes, if any wait, or close it then if they were the last."""
        if self.open:
            self._loop.watch(self.descriptor, WRITE if self.waiting or self.ends else 0, lambda _: self._write())

    def _write(self) -> None:
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
            self._answer()
            self.watch()

    def close(self) -> None:
        """Close the pipe: the job sees the end of its input."""
        descriptor, self.descriptor = self.descriptor, -1
        self.waiting = memoryview(b"")
        self._answer()
        if descriptor >= 0:
            self._loop.forget(descriptor)
            os.close(descriptor)

    def _answer(self) -> None:
        feeder, request, self.request = self.feeder, self.request, 0
        if feeder is not None and request and not feeder.closed:
            feeder.respond(request, received=self.received, open=self.open)
