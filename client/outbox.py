"""Frames that wait until the daemon takes them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.wire import Connection

LIMIT = 64 << 10
"""Bytes that wait, beyond which the other side's questions are not answered: it reads no answers."""


class Outbox:
    """What goes to the daemon over a non-blocking connection, `first` before all else."""

    def __init__(self, connection: Connection, first: bytes) -> None:
        self.closed = False
        """Whether the daemon is gone, or nothing is to be sent to it any more."""
        self._connection, self._queue = connection, bytearray(first)

    @property
    def waiting(self) -> bool:
        """Whether something waits."""
        return bool(self._queue)

    def send(self, data: bytes = b"") -> None:
        """Send frames, or queue what the daemon does not take now."""
        if data and not (self.closed or self._queue):
            data = data[self._write(data) :]
        if self.closed:
            return
        self._queue += data
        while self._queue and (written := self._write(self._queue)):
            del self._queue[:written]

    def answer(self, data: bytes) -> None:
        """Send a frame that the other side has called for, as often as it likes: not while much waits."""
        if len(self._queue) <= LIMIT:
            self.send(data)

    def _write(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self._connection.outbound, data)
        except BlockingIOError:
            return 0
        except OSError:  # the daemon is gone; what it sent before can still be read, and then the end
            self.closed = True
            self._queue.clear()
            return 0
