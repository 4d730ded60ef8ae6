"""The window of a link: the bytes of output in flight, which a client acknowledges.

The buffers of a link (sockets, pipes, ssh's window, TCP) hold megabytes. So a client over a link acknowledges output
(GOT), and gets no OUTPUT while `WINDOW` bytes are in flight: no echo waits behind seconds of output.
"""

from __future__ import annotations

WINDOW = 256 << 10  # bytes in flight; at the limit, no more are sent until a GOT
PIECE = 16 << 10  # bytes of one frame: the client sends GOT for whole frames


class Window:
    def __init__(self) -> None:
        self.sent = 0  # bytes of output
        self._got = 0  # the acknowledged ones

    @property
    def room(self) -> int:
        """The number of bytes that may be sent now."""
        return PIECE if self.sent - self._got < WINDOW else 0

    @property
    def drained(self) -> bool:
        """True if so few bytes are in flight that a screen would arrive soon."""
        return self.sent - self._got <= WINDOW >> 2

    def confirm(self, count: int) -> bool:
        """Handle a GOT for the first `count` bytes; return False if it is a duplicate or impossible."""
        is_valid = self._got < count <= self.sent
        if is_valid:
            self._got = count
        return is_valid
