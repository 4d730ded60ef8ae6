"""A line of sesh's own over the last row of the session's screen; it never enters the scrollback.

The client requests the screen (REDRAW). When the answer comes, the client draws the line and keeps the answer, which it
shows before any later output: so the screen under the line is restored.

    nothing ──show──▶ awaits a pause ──▶ requested ──REDRAW──▶ drawn ──key, 3 s──▶ nothing
                           ▲                                     │
                           └── output: show the screen, then it ─┘
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from sesh import protocol
from sesh.client.display import Display
from sesh.loop.timers import Timers

DURATION = 3.0  # seconds after which the line is removed, even without a key
_QUIET = 0.25  # seconds without output after which the line is drawn again
LONGEST = 4096  # characters at which the joined lines are cut

_MARK = b"redraw"


class Skip(Enum):
    """The frames that are not shown, since a requested screen will replace them."""

    NOTHING = "none"
    UNTIL_PONG = "all, until the daemon has read the request"
    UNTIL_SCREEN = "output, until the screen comes"


class OwnLine:
    """One line at a time. `send` sends to the daemon, `handle` shows the kept frame."""

    def __init__(
        self, display: Display, send: Callable[[bytes], object], timers: Timers, handle: Callable[[int, bytes], None]
    ) -> None:
        self._display, self._send, self._timers, self._handle = display, send, timers, handle
        self.text = ""
        """The line that is drawn, or will be after the requested screen has come."""
        self._screen: bytes | None = None
        """The REDRAW that is kept while the line is drawn."""
        self.skip = Skip.NOTHING

    def show(self, text: str) -> None:
        """Draw a line over the last row once the screen has come. It precedes an earlier line, which may be cut."""
        requested = self.text != ""
        self.text = (f"{text}; {self.text}" if requested else text)[:LONGEST]
        if self._screen is not None:
            self._display.cover(self.text)
        elif not requested:
            self._await_quiet()

    def ask(self, shown: int) -> None:
        """Request the screen, and the lines after `shown`, the position up to which output is shown.

        Frames before the answer are skipped: it contains their effect. A PONG separates it from an earlier screen.
        """
        self.skip = Skip.UNTIL_PONG
        self._send(protocol.frame(protocol.PING, _MARK) + protocol.frame(protocol.REDRAW, shown.to_bytes(8, "big")))

    def pong(self, payload: bytes) -> None:
        """Handle a PONG: the next screen answers the last request."""
        if self.skip is Skip.UNTIL_PONG and payload == _MARK:
            self.skip = Skip.UNTIL_SCREEN

    def withholds(self, kind: int, payload: bytes, shown: int) -> bool:
        """Skip or keep a frame (OUTPUT, SCREEN, REDRAW); return False if the caller must show it.

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
        if len(payload) >= 8 + protocol.CHUNK:  # only one frame can be kept, and this screen has several
            self.end()
        if not self.text:  # the line was removed meanwhile: skip a screen without news
            return protocol.split_number(payload)[0] == shown
        drawn, self._screen = self._screen is not None, payload
        if not drawn:
            self._display.cover(self.text)
        self._timers.ensure("end of line", DURATION, self.end)
        return True

    def end(self) -> None:
        """Remove the line and show the screen."""
        self.text = ""
        self._timers.clear("line")
        self._timers.clear("end of line")
        self._lift()

    def resized(self) -> None:
        """Remove the line, and request its screen again in the new size."""
        screen, self._screen = self._screen, None
        self.end()
        if screen is not None:
            self.ask(protocol.split_number(screen)[0])

    def _await_quiet(self) -> None:
        self._timers.set("line", _QUIET, self._request)

    def _request(self) -> None:
        if self._display.in_string:  # a screen sent now would break off an image
            self._await_quiet()
        else:
            self._send(protocol.frame(protocol.REDRAW))

    def _lift(self) -> None:
        screen, self._screen = self._screen, None
        if screen is not None:
            self._handle(protocol.REDRAW, screen)
