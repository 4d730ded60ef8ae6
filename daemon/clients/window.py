"""Bytes on their way to a client behind a link, so that no key waits behind seconds of old output.

The buffers on the way (sockets, pipes, ssh's window, TCP) hold megabytes. So the client reports the bytes that have
come (GOT), and no more than a window is sent beyond them.
"""

from __future__ import annotations

SIZE = 256 << 10
"""Bytes that may be on their way."""
PIECE = 16 << 10
"""Bytes that are sent at once: the client reports a frame when its last byte has come."""


class Window:
    """Bytes of OUTPUT and SCREEN that one client was sent, and has got, since it came."""

    def __init__(self) -> None:
        self._sent = self._got = 0

    @property
    def room(self) -> int:
        """Bytes that may be sent now."""
        return PIECE if self._sent - self._got < SIZE else 0

    @property
    def drained(self) -> bool:
        """True if so little is on its way that a screen would come soon."""
        return self._sent - self._got <= SIZE >> 2

    def add(self, size: int) -> None:
        """Note that bytes were sent."""
        self._sent += size

    def arrived(self, count: int) -> bool:
        """Take the client's report of all bytes that came; return whether it is news. Ignore an impossible count."""
        news = self._got < count <= self._sent
        if news:
            self._got = count
        return news
