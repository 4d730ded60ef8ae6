"""The session's screen on the terminal: output, predicted keys, and one line of sesh's own over both.

The line covers the last row, and never enters the scrollback. To draw it, the client first requests the screen
(REDRAW). When the answer comes, the client draws the line and keeps the answer. It shows the answer before any later
output, and so restores the screen under the line.

    nothing ──say──▶ awaits a pause ──▶ requested ──REDRAW──▶ drawn ──key, 3 s──▶ nothing
                          ▲                                     │
                          └── output: first the kept screen ────┘
"""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING

from sesh import protocol
from sesh.client.channel import Channel
from sesh.client.display import BELL, LONGEST_NOTIFICATION, Display, notification
from sesh.loop.timers import Timers

if TYPE_CHECKING:
    from sesh.client.predict import Predictor

_PREDICT_FROM, _PREDICT_UNTIL = 0.030, 0.020  # round trip (seconds) above which prediction begins, below which it ends
DURATION = 3.0  # seconds after which the line is removed, even without a key
_QUIET = 0.25  # seconds without output after which the line is drawn again
_MOST_SKIPPED = 1 << 20  # bytes of skipped output that are kept, the newest ones
_MARK = b"redraw"  # payload of the PING before a request for the screen


class Skip(Enum):
    """The frames that are not shown, since a requested screen will replace them."""

    NOTHING = "none"
    UNTIL_PONG = "all, until the daemon has read the request"
    UNTIL_SCREEN = "output, until the screen comes"


class TerminalView:
    """Turns frames into bytes for the display. `predicts`: when to show keys before their echo."""

    def __init__(self, display: Display, channel: Channel, timers: Timers, predicts: str) -> None:
        self.display, self._channel, self._timers, self._predicts = display, channel, timers, predicts
        self._predictor: Predictor | None = None
        self.position = 0
        """Position of the first byte of output not shown yet."""
        self._line = ""
        """The line that is drawn, or waits for the first screen, for a pause, or for the requested screen."""
        self._kept_screen: bytes | None = None
        """The REDRAW that is kept while the line is drawn."""
        self._skip = Skip.NOTHING
        self._skipped = b""
        """The output skipped since the request for the screen."""

    @property
    def continues(self) -> bool:
        """True if the terminal needs only the output from `position` on."""
        return self.display.started and not self.display.covered and self._skip is Skip.NOTHING

    # -- from the daemon

    def show(self, kind: int, payload: bytes) -> None:
        """Show a frame of output or of the screen, skip it, or keep it under the line."""
        output = kind == protocol.OUTPUT
        if not output or self._line or self._skip is not Skip.NOTHING:
            if self._withholds(kind, payload):
                return
            if not output:
                self._show_screen(payload)
                return
        position, data = protocol.split_number(payload)
        data = data[max(0, self.position - position) :]  # the first bytes may have come over an earlier link
        position = max(position, self.position)
        self.position = position + len(data)
        before, after = self._predictor.output(position, data) if self._predictor is not None else (b"", b"")
        self.display.show(data, before, after)

    def _show_screen(self, payload: bytes) -> None:
        self.position, data = protocol.split_number(payload)
        self.display.show(data, self._withdrawn(), screen=True)

    def handle(self, kind: int, payload: bytes) -> None:
        """Take a PONG, or a frame for the predictor."""
        if kind == protocol.PONG and self._skip is Skip.UNTIL_PONG and payload == _MARK:
            self._skip = Skip.UNTIL_SCREEN  # the PONG comes after all earlier frames: the next screen is the answer
        elif kind in (protocol.ECHOED, protocol.MODEL) and self._predictor is not None:
            self.display.draw(self._predictor.handle(kind, payload))

    def _withholds(self, kind: int, payload: bytes) -> bool:
        """Skip or keep a frame; return False if it is to be shown."""
        if self._skip is Skip.UNTIL_PONG or (self._skip is Skip.UNTIL_SCREEN and kind == protocol.OUTPUT):
            if kind == protocol.OUTPUT:
                self._skipped = (self._skipped + payload[8:])[-_MOST_SKIPPED:]
            return True
        self._skipped = b""
        if self._skip is not Skip.NOTHING or kind != protocol.REDRAW:
            self._skip = Skip.NOTHING
            if self._line:
                self._show_kept_screen()
                self._await_quiet()
            return False
        if len(payload) >= 8 + protocol.CHUNK:  # only one frame can be kept, and this screen has several
            self.end_line()
        if not self._line:  # the line was removed meanwhile: skip a screen that the terminal shows already
            return protocol.split_number(payload)[0] == self.position
        drawn = self._kept_screen is not None
        self._kept_screen = payload
        if not drawn:
            self.display.cover(self._line)
        self._timers.ensure("end of line", DURATION, self.end_line)
        return True

    def show_skipped(self) -> None:
        """Show the skipped output: the session has ended, and the requested screen will not come."""
        self.display.show(self._skipped)

    def notify(self, news: str, *, shown: bool) -> None:
        """Notify the user. If the terminal has only a bell, also show a line, unless the session is `shown`."""
        sequence = notification(news, os.environ)
        self.display.notify(sequence)
        if sequence == BELL and not shown:
            self.say(news[:LONGEST_NOTIFICATION])

    # -- from the terminal

    def typed(self, number: int, data: bytes) -> None:
        """Show the predicted effect of input sent under this number."""
        if self._line:
            self.end_line()
        if self._predictor is not None:
            self.display.draw(self._predictor.typed(number, data))

    def follow_round_trip(self, seconds: float) -> None:
        """Start prediction on a long round trip, stop it on a short one; in between, change nothing."""
        limit = _PREDICT_FROM if self._predictor is None else _PREDICT_UNTIL
        if self._predicts == "never" or (self._predicts != "always" and seconds <= limit):
            self.display.draw(self._withdrawn())
            self._predictor = None
            return
        if self._predictor is None:
            from sesh.client.predict import Predictor  # loads pyte

            self._predictor = Predictor(self._channel.send, self.display.terminal.grid)
        self._predictor.ask()

    # -- the line

    def say(self, text: str) -> None:
        """Show a line over the screen, or over the first one that comes, in place of an earlier line."""
        requested, self._line = self._line != "", text or self._line
        if self._kept_screen is not None:
            self.display.cover(self._line)
        elif text and self.display.started and not requested:
            self._await_quiet()

    def refuse_key(self, why: str) -> None:
        """Show why a key is not passed on; the next key removes the line."""
        if self._line:
            self.end_line()
        else:
            self.say(why)

    def end_line(self) -> None:
        """Remove the line and show the screen under it. A line that waits for the first screen stays."""
        if not self.display.started:
            return
        self._line = ""
        self._timers.clear("line")
        self._timers.clear("end of line")
        self._show_kept_screen()

    def _await_quiet(self) -> None:
        self._timers.set("line", _QUIET, self._request)

    def _request(self) -> None:
        if self.display.undo.in_string:  # a screen sent now would break off an image
            self._await_quiet()
        else:
            self._channel.send(protocol.frame(protocol.REDRAW))

    def _show_kept_screen(self) -> None:
        screen, self._kept_screen = self._kept_screen, None
        if screen is not None:
            self._show_screen(screen)

    # -- the screen

    def redraw(self) -> None:
        """Request the whole screen, and the output that the terminal lacks.

        Frames before the answer are skipped, because the answer contains their effect. A PONG separates the answer from
        an earlier screen.
        """
        self.take_back()
        self._skip, self._skipped = Skip.UNTIL_PONG, b""
        position = self.position.to_bytes(8, "big")
        self._channel.send(protocol.frame(protocol.PING, _MARK) + protocol.frame(protocol.REDRAW, position))

    def resize(self) -> None:
        """Send the terminal's size to the daemon; if a line covers the screen, request the screen in the new size."""
        size = protocol.size_payload(*self.display.terminal.size())
        self._channel.send(protocol.frame(protocol.RESIZE, size))
        under, self._kept_screen = self._kept_screen, None  # of the old size
        self.take_back()
        if under is not None:
            self.redraw()

    def suspend(self) -> None:
        """Restore the terminal for a while."""
        self.take_back()
        self.display.suspend()

    def take_back(self) -> None:
        """Remove the guesses and the line, before bytes other than output change the screen."""
        self.display.draw(self._withdrawn())
        self.end_line()

    def _withdrawn(self) -> bytes:
        return self._predictor.withdraw() if self._predictor is not None else b""
