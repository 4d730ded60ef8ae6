"""The session's screen on the terminal: output, guesses at the effect of keys, and a line of sesh's own over both."""

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
"""The kinds of frame that a view handles; a PONG comes behind all output so far."""


class View:
    """The frames of the screen go in, bytes for the display come out. `remote`: the options on a link, else None."""

    def __init__(self, display: Display, channel: Channel, timers: Timers, remote: AttachOptions | None) -> None:
        self.display, self._channel = display, channel
        self._predicts = "never" if remote is None or remote.read_only else remote.predict
        self._predictor: Predictor | None = None
        self.line = OwnLine(display, channel.send, timers, self._show)
        self.position = 0
        """Position of the first byte of the program's output that was not shown yet."""
        self.greeting = ""
        """A line for the next screen."""

    @property
    def continues(self) -> bool:
        """True if the bytes behind `position` are all that the terminal lacks: nothing is covered or broken off."""
        display = self.display
        return display.started and not (display.covered or display.unfinished) and self.line.skip is Skip.NOTHING

    # -- from the daemon

    def handle(self, kind: int, payload: bytes) -> None:
        """Show a frame, unless it waits for the end of a line of sesh's own."""
        if kind in (protocol.OUTPUT, protocol.SCREEN, protocol.REDRAW):
            if not self.line.takes(kind, payload, self.position):
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
        data = data[max(0, self.position - position) :]  # another link may have brought the first bytes already
        position = max(position, self.position)
        self.position = position + len(data)
        before, after = self._predictor.output(position, data) if self._predictor is not None else (b"", b"")
        self.display.show(data, before, after)

    def notify(self, news: str, *, shown: bool) -> None:
        """Notify the person of a session; on a terminal that only rings a line names it, unless it is `shown` there."""
        sequence = notification(news, os.environ)
        self.display.notify(sequence)
        if sequence == BELL and not shown:
            self.line.show(news[:LONGEST_NOTIFICATION])

    # -- from the terminal

    def typed(self, number: int, data: bytes) -> None:
        """Show the effect of input that was sent under this number, as far as it is known."""
        self.line.end()
        self._follow_round_trip()
        if self._predictor is not None:
            self.display.draw(self._predictor.typed(number, data))

    def _follow_round_trip(self) -> None:
        """Begin prediction on a long round trip, end it on a short one."""
        if self._predicts != "always" and (self._predicts == "never" or not self._channel.round_trip.long):
            self.display.draw(self._withdrawn())
            self._predictor = None
        elif self._predictor is None:
            from sesh.client.predict import Predictor  # loads pyte

            self._predictor = Predictor(self._channel.send, self.display.terminal.grid)

    # -- lines of sesh's own

    def say(self, text: str) -> None:
        """Show a line over the screen, or over the first one that comes."""
        if text and self.display.started:
            self.line.show(text)
        else:
            self.greeting = "; ".join(filter(None, (self.greeting, text)))[:LONGEST]

    def refuse_key(self, why: str) -> None:
        """Say why a key is not passed on; a further key takes the line away."""
        if self.line.text:
            self.line.end()
        else:
            self.line.show(why)

    # -- the screen

    def redraw(self) -> None:
        """Have the screen drawn again, and the output that the terminal lacks: it shows something else now."""
        self.take_back()
        self.line.ask(self.position)

    def resize(self) -> None:
        """Inform the daemon of the terminal's size, and take guesses and line back, which are for another one."""
        size = protocol.size_payload(*self.display.terminal.size())
        self._channel.send(protocol.frame(protocol.RESIZE, size))
        self.display.draw(self._withdrawn())
        self.line.resized()

    def suspend(self) -> None:
        """Give the terminal back for a while."""
        self.take_back()
        self.display.suspend()

    def take_back(self) -> None:
        """Remove guesses and line, before something else than output changes the screen."""
        self.display.draw(self._withdrawn())
        self.line.end()

    def _withdrawn(self) -> bytes:
        return self._predictor.withdraw() if self._predictor is not None else b""
