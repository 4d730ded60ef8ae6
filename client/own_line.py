"""A line of sesh's own over the last row of the session's screen; nothing of it ever enters the scrollback.

The daemon is asked for the screen (REDRAW). The line is laid over what stands there at the moment that the answer is
for. The answer waits, and all that comes behind it, until the line goes: so nothing is drawn on a screen with the line.
"""

from __future__ import annotations

from collections.abc import Callable

from sesh import protocol
from sesh.client.display import Display
from sesh.loop.timers import Timers

STANDS = 3.0
"""Seconds that the line stands, unless a key is pressed."""
LONGEST = 4096
"""Characters of all lines that are shown as one."""
MAX_WAITING = 256 << 10
"""Bytes of output that wait for the end of the line, which goes early where more comes."""
_FRAME = 128
"""Bytes that a frame takes beside its payload."""

Handle = Callable[[int, bytes], None]


class OwnLine:
    """One line at a time. `send` sends to the daemon, `handle` shows a frame that has waited."""

    def __init__(self, display: Display, send: Callable[[bytes], None], timers: Timers, handle: Handle) -> None:
        self._display, self._send, self._timers, self._handle = display, send, timers, handle
        self._text = ""
        """The line that stands, or that will once the screen has come."""
        self._waiting: list[tuple[int, bytes]] = []
        """The frames that came while it stands: first the screen without it."""
        self._size = 0
        self._passes_over = False
        """True if nothing is shown before the next REDRAW."""

    def show(self, text: str) -> None:
        """Lay a line over the last row once the screen has come; before one that stands, as the row may be full."""
        if not self._text:
            self.ask()
        self._text = (f"{text}; {self._text}" if self._text else text)[:LONGEST]
        if self._waiting:
            self._lay()

    def ask(self, shown: int | None = None) -> None:
        """Ask for the screen. `shown`: the position up to which the terminal shows output; what comes before the
        answer is passed over then, and the answer begins with the lines behind that position."""
        self._passes_over = self._passes_over or shown is not None
        self._send(protocol.frame(protocol.REDRAW, b"" if shown is None else shown.to_bytes(8, "big")))

    def takes(self, kind: int, payload: bytes) -> bool:
        """Take a frame that concerns the screen; return whether it is not to be shown now."""
        if self._waiting:
            self._waiting.append((kind, payload))
            self._size += len(payload) + _FRAME
            if self._size > MAX_WAITING:
                self.end()
            return True
        if kind != protocol.REDRAW:
            return self._passes_over and kind in (protocol.OUTPUT, protocol.SCREEN)
        if self._passes_over:
            self._passes_over = False
            if self._text:
                self.ask()
            return False
        if len(payload) >= 8 + protocol.CHUNK:  # the rest of the screen comes in further frames
            self._text = ""
        if not self._text:
            return False
        self._waiting, self._size = [(kind, payload)], 0
        self._lay()
        return True

    def _lay(self) -> None:
        self._display.notice(self._text, held=True)
        self._timers.set("line", STANDS, self.end)

    def end(self) -> None:
        """Remove the line, if it stands, and show what has waited."""
        for kind, payload in self._taken():
            self._handle(kind, payload)

    def resized(self) -> None:
        """Remove the line: what has waited was made for another size, and is asked for again."""
        waiting = self._taken()
        if waiting:
            self.ask(protocol.split_number(waiting[0][1])[0])
        for kind, payload in waiting:
            if kind in (protocol.ECHOED, protocol.MODEL):
                self._handle(kind, payload)

    def _taken(self) -> list[tuple[int, bytes]]:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._text = ""
            self._timers.clear("line")
        return waiting
