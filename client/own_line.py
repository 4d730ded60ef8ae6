"""A line of sesh's own over the last row of the session's screen; nothing of it ever enters the scrollback.

The daemon is asked for the screen (REDRAW). The line is laid over what stands there at the moment that the answer is
for; the answer waits, and takes the line away before anything else is shown.

    nothing ──show──▶ waits for a pause ──▶ asked ──REDRAW──▶ laid ──key, 3 s──▶ nothing
                           ▲                                   │
                           └── output: the screen, then that ──┘
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from sesh import protocol
from sesh.client.display import Display
from sesh.loop.timers import Timers

STANDS = 3.0
"""Seconds after which the line goes without a key."""
_QUIET = 0.25
"""Seconds without output after which the line is laid again."""
LONGEST = 4096
"""Characters of all lines that are shown as one."""

_MARK = b"redraw"


class Skip(Enum):
    """The frames of the screen that are skipped."""

    NOTHING = "none"
    UNTIL_PONG = "all until the daemon has read the request"
    UNTIL_SCREEN = "output until the screen comes"


class OwnLine:
    """One line at a time. `send` sends to the daemon, `handle` shows a frame that has waited."""

    def __init__(
        self, display: Display, send: Callable[[bytes], object], timers: Timers, handle: Callable[[int, bytes], None]
    ) -> None:
        self._display, self._send, self._timers, self._handle = display, send, timers, handle
        self.text = ""
        """The line that is laid, or that will be once the screen has come."""
        self._screen: bytes | None = None
        """The REDRAW that waits while the line is laid."""
        self.skip = Skip.NOTHING

    def show(self, text: str) -> None:
        """Lay a line over the last row once the screen has come; before one that stands, as the row may be full."""
        asked, self.text = self.text != "", (f"{text}; {self.text}" if self.text else text)[:LONGEST]
        if self._screen is not None:
            self._display.cover(self.text)
        elif not asked:
            self._await_quiet()

    def ask(self, shown: int) -> None:
        """Ask for the screen and the lines from a position on, up to which the terminal shows output.

        Frames before the answer are skipped: the answer holds their effect. A PONG tells it from an earlier screen.
        """
        self.skip = Skip.UNTIL_PONG
        self._send(protocol.frame(protocol.PING, _MARK) + protocol.frame(protocol.REDRAW, shown.to_bytes(8, "big")))

    def pong(self, payload: bytes) -> None:
        """Take in a PONG: the next screen is the one that was asked for last."""
        if self.skip is Skip.UNTIL_PONG and payload == _MARK:
            self.skip = Skip.UNTIL_SCREEN

    def takes(self, kind: int, payload: bytes, shown: int) -> bool:
        """Take a frame of OUTPUT, SCREEN or REDRAW; return whether it is not to be shown now.

        `shown`: the position up to which the terminal shows output.
        """
        if self.skip is Skip.UNTIL_PONG or (self.skip is Skip.UNTIL_SCREEN and kind == protocol.OUTPUT):
            return True
        if self.skip is not Skip.NOTHING or kind != protocol.REDRAW:
            self.skip = Skip.NOTHING
            self._lift()
            if self.text:
                self._await_quiet()
            return False
        if len(payload) >= 8 + protocol.CHUNK:  # the rest of the screen comes in further frames
            self.end()
        if not self.text:  # it was ended meanwhile: a screen that shows nothing else is not needed any more
            return protocol.split_number(payload)[0] == shown
        laid, self._screen = self._screen is not None, payload
        if not laid:
            self._display.cover(self.text)
        self._timers.ensure("end of line", STANDS, self.end)
        return True

    def end(self) -> None:
        """Remove the line and show the screen."""
        self.text = ""
        self._timers.clear("line")
        self._timers.clear("end of line")
        self._lift()

    def resized(self) -> None:
        """Remove the line: its screen was made for another size, and is asked for again."""
        screen, self._screen = self._screen, None
        self.end()
        if screen is not None:
            self.ask(protocol.split_number(screen)[0])

    def _await_quiet(self) -> None:
        self._timers.set("line", _QUIET, self._request)

    def _request(self) -> None:
        if self._display.in_string:  # a screen in the midst of an image would end that
            self._await_quiet()
        else:
            self._send(protocol.frame(protocol.REDRAW))

    def _lift(self) -> None:
        screen, self._screen = self._screen, None
        if screen is not None:
            self._handle(protocol.REDRAW, screen)
