"""The session's screen on the terminal: output, guesses at the effect of keys, and a line of sesh's own over both."""

from __future__ import annotations

import os

from sesh import protocol
from sesh.client.channel import Channel
from sesh.client.display import Display
from sesh.client.notification import BELL, LONGEST, notification
from sesh.client.outcome import AttachOptions
from sesh.client.own_line import LONGEST as LONGEST_LINE
from sesh.client.own_line import OwnLine
from sesh.client.predict import Predictor
from sesh.loop.timers import Timers

FRAMES = frozenset((protocol.OUTPUT, protocol.SCREEN, protocol.REDRAW, protocol.ECHOED, protocol.MODEL))
"""The kinds of frame that a view shows."""


_RESIZED_AFTER = 0.1
"""Seconds that a window keeps its size until a session behind a link is told of it."""


class View:
    """The frames of the screen go in, bytes for the display come out. `remote`: the options on a link, else None."""

    def __init__(self, display: Display, channel: Channel, timers: Timers, remote: AttachOptions | None) -> None:
        self.display, self._timers, self._send = display, timers, channel.send
        self._predictor: Predictor | None = None
        if remote is not None and remote.predict != "never" and not remote.read_only:
            always = remote.predict == "always"
            self._predictor = Predictor(channel.send, display.terminal.grid, channel.round_trip, always=always)
        self.line = OwnLine(display, channel.send, timers, self._show)
        self.position = 0
        """Position of the first byte of the program's output that was not shown yet."""
        self.greeting = ""
        """A line for the next screen."""
        self._said = False

    @property
    def continues(self) -> bool:
        """True if the bytes behind `position` are all that the terminal lacks: nothing is covered or broken off."""
        return self.display.started and not (self.display.covered or self.display.unfinished or self.line.skips)

    # -- from the daemon

    def handle(self, kind: int, payload: bytes) -> None:
        """Show a frame, unless it waits for the end of a line of sesh's own."""
        if kind in (protocol.ECHOED, protocol.MODEL):
            self.judge(kind, payload)
        elif not self.line.takes(kind, payload, self.position):
            self._show(kind, payload)

    def _show(self, kind: int, payload: bytes) -> None:
        position, data = protocol.split_number(payload)
        if kind != protocol.OUTPUT:
            self.position = position
            self.display.screen(data, self._withdrawn())
            if self.greeting:
                self.line.show(self.greeting)
                self.greeting = ""
            return
        data = data[max(0, self.position - position) :]  # another link may have brought the first bytes already
        position = max(position, self.position)
        self.position = position + len(data)
        before, after = self._predictor.output(position, data) if self._predictor is not None else (b"", b"")
        self.display.show(data, before, after)

    def judge(self, kind: int, payload: bytes) -> None:
        """Handle ECHOED, MODEL or PONG, which comes behind all output so far."""
        if kind == protocol.PONG:
            self.line.pong(payload)
        if self._predictor is not None:
            self.display.draw(self._predictor.handle(kind, payload))

    def tell(self, news: str, *, shown: bool) -> None:
        """Have the terminal tell the person of a session; where it only rings, a line says of which, if not of the one
        that it shows."""
        sequence = notification(news, os.environ)
        self.display.tell(sequence)
        if sequence == BELL and not shown:
            self.line.show(news[:LONGEST])

    # -- from the terminal

    def typed(self, number: int, data: bytes) -> None:
        """Show the effect of input that was sent under this number, as far as it is known."""
        self.line.end()
        if self._predictor is not None:
            self.display.draw(self._predictor.typed(number, data))

    def say(self, text: str) -> None:
        """Show a line over the screen, or over the first one that comes."""
        if text and self.display.started:
            self.line.show(text)
        else:
            self.greeting = "; ".join(filter(None, (self.greeting, text)))[:LONGEST_LINE]

    def introduce(self, new: str, leaves: str) -> None:
        """Say with the first screen how to leave a session that is new; in front where the row is narrow."""
        said = self.greeting or new
        whole = f"{said} · {leaves}"
        self.greeting = whole if len(whole) < self.display.terminal.grid()[0] - 2 else f"{leaves} · {said}"

    def say_once(self, text: str) -> None:
        """Show a line at the first call; at each later one remove the line that stands."""
        said, self._said = self._said, True
        if said:
            self.line.end()
        else:
            self.line.show(text)

    def cover(self, text: str) -> None:
        """Lay a line over the last row that stands until `redraw`: the daemon cannot be asked for the screen."""
        self.take_back()
        self.display.cover(text)

    def redraw(self) -> None:
        """Have the screen drawn again from what the terminal lacks on: it shows something else now."""
        self.take_back()
        self.line.ask(self.position)

    def resize(self) -> None:
        """Tell the daemon of the terminal's size, and take guesses and line back, which are for another one."""
        self._timers.clear("resize")
        self._send(protocol.frame(protocol.RESIZE, protocol.size_payload(*self.display.terminal.size())))
        self.display.draw(self._withdrawn())
        self.line.resized()

    def resize_soon(self) -> None:
        """Do that once the window rests: a session behind a link draws its screen for each size."""
        self.take_back()
        self._timers.set("resize", _RESIZED_AFTER, self.resize)

    def suspend(self) -> None:
        """Give the terminal back for a while."""
        self.take_back()
        self.display.suspend()

    def take_back(self) -> None:
        """Remove guesses and line: something else than output will change the screen, or nothing will."""
        self.display.draw(self._withdrawn())
        self.line.end()

    def _withdrawn(self) -> bytes:
        return self._predictor.withdraw() if self._predictor is not None else b""
