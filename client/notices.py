"""Lines of the daemon's own: printed before the session shows, kept for the end afterwards."""

from __future__ import annotations

from sesh.client.display import Display

_MOST = 20
"""Lines before the session shows, and lines at the end, the newest."""


class Notices:
    """The lines of one attachment."""

    def __init__(self) -> None:
        self.closing: list[str] = []
        self._printed = 0

    def take(self, line: str, display: Display) -> None:
        """Print a line if the session does not show yet; keep it otherwise."""
        if display.started or self._printed == _MOST:
            self.keep(line)
        else:
            self._printed += 1
            display.line(line)

    def keep(self, line: str) -> None:
        """Keep a line for the end."""
        self.closing = [*self.closing, line][-_MOST:]
