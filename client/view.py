"""The session's screen on the terminal: output, predicted keys, and sesh's notices.

A notice is one line, which covers the last row, and never enters the scrollback. It is drawn over a screen that the
client requests for it (REDRAW) and keeps: shown again before later output, the kept screen restores the row under it.

    nothing ──say──▶ waits: for a pause, then for the screen ──REDRAW──▶ drawn ──key, 3 s──▶ nothing
                          ▲                                                │
                          └─────────── output: first the kept screen ──────┘
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from sesh import protocol
from sesh.client.channel import Channel
from sesh.client.display import BELL, LONGEST_NOTIFICATION, Display, notification
from sesh.loop.timers import Timers

if TYPE_CHECKING:
    from sesh.client.predict import Predictor

_PREDICT_FROM, _PREDICT_UNTIL = 0.030, 0.020  # round trip (seconds) above which prediction begins, below which it ends
DURATION = 3.0  # seconds after which the line is removed, even without a key
_QUIET = 0.25  # seconds without output after which the line is drawn
_MOST_SKIPPED = 1 << 20  # bytes of skipped output that are kept, the newest ones
_MARK = b"redraw"  # payload of the PING before a request for the screen
Timer = Enum("Timer", "DOUBT KEY LEAVE LINE LINE_END WELCOME")  # the names of the client's timers


class Skip(Enum):
    """Which frames are not shown, because a requested screen will replace them."""

    NOTHING = auto()
    UNTIL_PONG = auto()  # all: the daemon may not have read the request yet
    UNTIL_SCREEN = auto()  # output only: the next screen is the requested one


class NoticeState(Enum):
    NOTHING = auto()
    WAITS = auto()  # for the first screen, for a pause in the output, or for the screen requested then
    DRAWN = auto()  # over a screen that is kept, and shown again in the end


class NoticeLine:
    """A notice over the last row. `show_screen`: shows a screen, by its frame's payload."""

    def __init__(
        self, display: Display, channel: Channel, timers: Timers, show_screen: Callable[[bytes], object]
    ) -> None:
        self._display, self._channel, self._timers = display, channel, timers
        self._show_screen = show_screen
        self.state = NoticeState.NOTHING
        self._text = ""
        self._screen = b""  # under the drawn line

    def say(self, text: str) -> None:
        """Show a line over the screen, or over the first one that comes."""
        self._text = text
        if self.state is NoticeState.DRAWN:
            self._display.cover(text)
        elif self.state is NoticeState.NOTHING:
            self.state = NoticeState.WAITS
            if self._display.started:
                self._await_pause()

    def end(self) -> None:
        """Remove the line, unless it waits for the first screen; show the screen under it."""
        drawn = self.state is NoticeState.DRAWN
        self.forget()
        if drawn:
            self._show_screen(self._screen)

    def forget(self) -> None:
        """Forget the line and the screen under it, unless the first screen is awaited."""
        if self._display.started:
            self.state = NoticeState.NOTHING
            self._timers.clear(Timer.LINE)
            self._timers.clear(Timer.LINE_END)

    def make_way(self) -> None:
        """Show the screen under the line before output; draw the line in the next pause."""
        if self.state is NoticeState.DRAWN:
            self._show_screen(self._screen)
        self.state = NoticeState.WAITS
        self._await_pause()

    def draw_over(self, screen: bytes) -> None:
        """Keep the screen that was requested for the line, and draw the line over it."""
        if len(screen) >= protocol.NUMBER_SIZE + protocol.CHUNK:  # one frame can be kept, and this screen has several
            self.forget()
        if self.state is NoticeState.NOTHING:  # the line was removed meanwhile
            self._show_screen(screen)
            return
        self.state, self._screen = NoticeState.DRAWN, screen
        self._display.cover(self._text)
        self._timers.ensure(Timer.LINE_END, DURATION, self.end)

    def _await_pause(self) -> None:
        self._timers.set(Timer.LINE, _QUIET, lambda: self._channel.send(protocol.frame(protocol.REDRAW)))


class TerminalView:
    """Turns frames into bytes for the display. `predicts`: when to show keys before their echo."""

    def __init__(self, display: Display, channel: Channel, timers: Timers, predicts: str) -> None:
        self.display, self._channel = display, channel
        self._predicts = predicts
        self._predictor: Predictor | None = None
        self.position = 0
        """Position of the first byte of output not shown yet."""
        self.notice = NoticeLine(display, channel, timers, self._show_screen)
        self._skip, self._skipped = Skip.NOTHING, b""

    @property
    def continues(self) -> bool:
        """True if the terminal needs only the output from `position` on."""
        return self.display.started and not self.display.covered and self._skip is Skip.NOTHING

    def show(self, kind: int, payload: bytes) -> None:
        """Show a frame of output or screen, skip it, or keep it under the line."""
        is_output = kind == protocol.OUTPUT
        if self._skip is Skip.UNTIL_PONG or (self._skip is Skip.UNTIL_SCREEN and is_output):
            if is_output:
                self._skipped = (self._skipped + payload[protocol.NUMBER_SIZE :])[-_MOST_SKIPPED:]
        elif kind == protocol.REDRAW and self._skip is Skip.NOTHING:
            self.notice.draw_over(payload)
        else:
            self._skip, self._skipped = Skip.NOTHING, b""
            if self.notice.state is not NoticeState.NOTHING:
                self.notice.make_way()
            if is_output:
                self._show_output(payload)
            else:
                self._show_screen(payload)

    def _show_output(self, payload: bytes) -> None:
        position, data = protocol.split_number(payload)
        data = data[max(0, self.position - position) :]  # the first bytes may have come over an earlier link
        position = max(position, self.position)
        self.position = position + len(data)
        before, after = (b"", b"") if self._predictor is None else self._predictor.follow(position, data)
        self.display.show(data, before, after)

    def _show_screen(self, payload: bytes) -> None:
        self._withdraw_guesses()
        self.position, data = protocol.split_number(payload)
        self.display.show(data, screen=True)

    def show_skipped(self) -> None:
        """Show the skipped output: the session has ended, and the requested screen will not come."""
        self.display.show(self._skipped)

    def handle_pong(self, payload: bytes) -> None:
        """After the PONG for the PING before a request, expect the requested screen."""
        if self._skip is Skip.UNTIL_PONG and payload == _MARK:
            self._skip = Skip.UNTIL_SCREEN  # all earlier frames have come: the next screen is the requested one

    def notify(self, news: str, *, shown: bool) -> None:
        """Notify the user; if the terminal has only a bell, show a line unless `shown`."""
        sequence = notification(news, os.environ)
        self.display.notify(sequence)
        if sequence == BELL and not shown:
            self.notice.say(news[:LONGEST_NOTIFICATION])

    def input_sent(self, number: int, data: bytes) -> None:
        """Remove the line, and show the predicted effect of the input of this number."""
        if self.notice.state is not NoticeState.NOTHING:
            self.notice.end()
        if self._predictor is not None:
            self.display.draw(self._predictor.input_sent(number, data))

    def handle_prediction(self, kind: int, payload: bytes) -> None:
        if self._predictor is not None:
            self.display.draw(self._predictor.handle(kind, payload))

    def follow_round_trip(self, seconds: float) -> None:
        """Start prediction on a long round trip (in seconds), stop it on a short one."""
        limit = _PREDICT_FROM if self._predictor is None else _PREDICT_UNTIL
        if self._predicts == "never" or (self._predicts != "always" and seconds <= limit):
            self._withdraw_guesses()
            self._predictor = None
            return
        if self._predictor is None:
            from sesh.client.predict import Predictor  # loads pyte

            self._predictor = Predictor(self._channel.send, self.display.terminal.grid)
        self._predictor.request_model()

    def _withdraw_guesses(self) -> None:
        if self._predictor is not None:
            self.display.draw(self._predictor.withdraw())

    def redraw(self) -> None:
        """Request the whole screen, and the output that the terminal lacks.

        Frames before the requested screen are skipped, because it contains their effect. A PONG separates it from an
        earlier screen.
        """
        self.take_back()
        self._skip, self._skipped = Skip.UNTIL_PONG, b""
        ping = protocol.frame(protocol.PING, _MARK)
        self._channel.send(ping + protocol.numbered(protocol.REDRAW, self.position, b""))

    def resize(self) -> None:
        """Send the terminal's size; request the screen if the line covers the old one."""
        size = protocol.size_payload(*self.display.terminal.size())
        self._channel.send(protocol.frame(protocol.RESIZE, size))
        covered = self.notice.state is NoticeState.DRAWN
        self.notice.forget()  # the screen under it has the old size
        self._withdraw_guesses()
        if covered:
            self.redraw()

    def suspend(self) -> None:
        self.take_back()
        self.display.suspend()

    def take_back(self) -> None:
        """Remove the guesses and the line, before bytes other than output change the screen."""
        self._withdraw_guesses()
        self.notice.end()
