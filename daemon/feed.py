"""The pipe that is a job's standard input, where whoever waits for the job feeds it: filled as fast as it is read."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.peer import Peer


class Feed:
    """The writing end of the pipe. `received` counts the bytes taken in: one who comes again goes on from there."""

    def __init__(self, descriptor: int) -> None:
        if descriptor >= 0:
            os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.received = 0
        self.feeder: Peer | None = None
        self.patience = 0.0
        """Seconds for which the pipe stays open when its feeder is gone."""
        self._waiting = memoryview(b"")
        self._asked = 0
        self._ends = False

    @property
    def open(self) -> bool:
        """Whether the job may still be fed."""
        return self.descriptor >= 0

    @property
    def pending(self) -> bool:
        """Whether something is to be written."""
        return self.open and bool(self._waiting or self._ends)

    def kept(self) -> tuple[bytes, int, bool]:
        """What waits to be written, the request that waits for that, and whether it is the end."""
        return bytes(self._waiting), self._asked, self._ends

    def resume(self, waiting: bytes, asked: int, *, ends: bool) -> None:
        """Goes on where `kept` says."""
        self._waiting, self._asked, self._ends = memoryview(waiting), asked, ends

    def take(self, peer: Peer, asked: int, at: int, data: bytes, *, ends: bool) -> None:
        """Takes bytes in that begin at offset `at`; the request is answered when the job has them."""
        self.feeder, self._asked, self._ends = peer, asked, ends
        fresh = data[max(0, self.received - at) :]
        self.received += len(fresh)
        self._waiting = memoryview(bytes(self._waiting) + fresh)
        if not self.pending:
            self._answer()

    def write(self) -> bool:
        """Writes what the pipe takes and answers when all is written; whether the pipe is to be closed."""
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self.descriptor, self._waiting) :]
        except BlockingIOError:
            return False
        except OSError:
            return True  # the job has closed it
        if not self._ends:
            self._answer()
        return self._ends

    def close(self) -> None:
        """Lets the job see the end of its input."""
        if self.open:
            os.close(self.descriptor)
            self.descriptor = -1
        self._waiting = memoryview(b"")
        self._answer()

    def _answer(self) -> None:
        peer, asked, self._asked = self.feeder, self._asked, 0
        if peer is not None and asked and not peer.closed:
            peer.respond(asked, received=self.received, open=self.open)
