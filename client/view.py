"""The session's screen on the terminal: output, predicted keys, and sesh's own line over both."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sesh import protocol
from sesh.client.channel import Channel
from sesh.client.display import BELL, LONGEST_NOTIFICATION, Display, notification
from sesh.client.options import AttachOptions
from sesh.client.own_line import LONGEST, OwnLine, Skip
from sesh.loop.timers import Timers

if TYPE_CHECKING:
    from sesh.client.predict import Predictor

FRAMES = frozenset((protocol.OUTPUT, protocol.SCREEN, protocol.REDRAW, protocol.ECHOED, protocol.MODEL, protocol.PONG))
"""The kinds of frame that a view handles; a PONG among them, as it comes after all output so far."""


class View:
    """Turns frames into bytes for the display. `remote`: the options on a link, else None."""

    def __init__(self, display: Display, channel: Channel, timers: Timers, remote: AttachOptions | None) -> None:
        self.display, self._channel = display, channel
        self._predicts = "never" if remote is None or remote.read_only else remote.predict
        self._predictor: Predictor | None = None
        self.line = OwnLine(display, channel.send, timers, self._show)
        self.position = 0
        """Position of the first byte of output not shown yet."""
        self.greeting = ""
        """A line to show over the next screen."""

    @property
    def continues(self) -> bool:
        """True if the terminal needs only the output from `position` on: nothing is covered or incomplete."""
        display = self.display
        return display.started and not (display.covered or display.unfinished) and self.line.skip is Skip.NOTHING

    # -- from the daemon

    def handle(self, kind: int, payload: bytes) -> None:
        """Show a frame, unless sesh's own line skips or keeps it."""
        if kind in (protocol.OUTPUT, protocol.SCREEN, protocol.REDRAW):
            if not self.line.withholds(kind, payload, self.position):
                self._show(kind, payload)
            return
        if kind == protocol.PONG:
            self.line.pong(payload)
            self._follow_round_trip()
        if self._predictor is not None:
            self.display.draw(self._predictor.handle(kind, payload))

    def _show(self, kind: int, payload: bytes) -> None:
        position, data = protocol.split_number(payload)
        if kind != protocol.OUTPUT:
            self.position, greeting, self.greeting = position, self.greeting, ""
            self.display.screen(data, self._withdrawn())
            self.say(greeting)
            return
        data = data[max(0, self.position - position) :]  # the first bytes may have come over an earlier link
        position = max(position, self.position)
        self.position = position + len(data)
        before, after = self._predictor.output(position, data) if self._predictor is not None else (b"", b"")
        self.display.show(data, before, after)

    def notify(self, news: str, *, shown: bool) -> None:
        """Notify the user. If the terminal has only a bell, also show a line, unless the session is `shown`."""
        sequence = notification(news, os.environ)
        self.display.notify(sequence)
        if sequence == BELL and not shown:
            self.line.show(news[:LONGEST_NOTIFICATION])

    # -- from the terminal

    def typed(self, number: int, data: bytes) -> None:
        """Show the predicted effect of input sent under this number."""
        self.line.end()
        self._follow_round_trip()
        if self._predictor is not None:
            self.display.draw(self._predictor.typed(number, data))

    def _follow_round_trip(self) -> None:
        """Start prediction on a long round trip, stop it on a short one."""
        if self._predicts != "always" and (self._predicts == "never" or not self._channel.round_trip.long):
            self.display.draw(self._withdrawn())
            self._predictor = None
        elif self._predictor is None:
            from sesh.client.predict import Predictor  # loads pyte

            self._predictor = Predictor(self._channel.send, self.display.terminal.grid)

    # -- lines of sesh's own

    def say(self, text: str) -> None:
        """Show a line over the screen; before the first screen, keep it for that."""
        if text and self.display.started:
            self.line.show(text)
        else:
            self.greeting = "; ".join(filter(None, (self.greeting, text)))[:LONGEST]

    def refuse_key(self, why: str) -> None:
        """Show why a key is not passed on; the next key removes the line."""
        if self.line.text:
            self.line.end()
        else:
            self.line.show(why)

    # -- the screen

    def redraw(self) -> None:
        """Request the whole screen, and the output that the terminal lacks."""
        self.take_back()
        self.line.ask(self.position)

    def resize(self) -> None:
        """Send the terminal's size to the daemon; remove guesses and line, which were drawn for the old size."""
        size = protocol.size_payload(*self.display.terminal.size())
        self._channel.send(protocol.frame(protocol.RESIZE, size))
        self.display.draw(self._withdrawn())
        self.line.resized()

    def suspend(self) -> None:
        """Restore the terminal for a while."""
        self.take_back()
        self.display.suspend()

    def take_back(self) -> None:
        """Remove guesses and line, before other bytes than output change the screen."""
        self.display.draw(self._withdrawn())
        self.line.end()

    def _withdrawn(self) -> bytes:
        return self._predictor.withdraw() if self._predictor is not None else b""
