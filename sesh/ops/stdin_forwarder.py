"""`--exec --stdin`: what sesh reads from its own standard input goes to the job, as fast as the job reads it."""

from __future__ import annotations

import os

from sesh import wire
from sesh.errors import Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STDIN = 0
NUMBER = 1 << 20
"""The number of the requests; only one is open at a time."""
_CHUNK = 64 << 10


class StdinForwarder:
    """`mends`: whether a lost connection may be made anew; the chunk that was on its way is then sent again."""

    def __init__(self, *, mends: bool) -> None:
        self._mends = mends
        self._at = 0
        self._chunk: bytes | None = b""
        """The bytes on their way: none at first, which says who it is that feeds."""
        self._ends = self._over = False

    @property
    def hungry(self) -> bool:
        """Whether stdin is to be read."""
        return self._chunk is None and not self._over

    def read(self, connection: wire.Connection) -> None:
        """Reads what is there and sends it; at the end of stdin, its end."""
        try:
            self._chunk = os.read(STDIN, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._chunk = b""  # it is closed, or a terminal that is gone
        self._ends = not self._chunk
        self.send(connection)

    def send(self, connection: wire.Connection) -> None:
        """Sends the chunk that has not been answered, where there is one."""
        if self._chunk is not None:
            words = {"at": self._at, "ends": self._ends, "mends": self._mends}
            try:
                connection.send(wire.asking("feed", NUMBER, self._chunk, **words))
            except Unreachable:
                return  # the job may have ended: what was said before the connection closed is still to be read

    def answered(self, answer: dict[str, Any]) -> None:
        """The job has the chunk, or will have no more."""
        self._over = self._ends or answer.get("open") is not True
        self._at += len(self._chunk or b"")
        self._chunk = None
