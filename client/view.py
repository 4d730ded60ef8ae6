"""The session's screen on the terminal: output, predicted keys, and sesh's notices.

A notice is one line. The client draws the notice over the last row of a screen that it requests (REDRAW) and keeps.
The client shows the kept screen again before it shows output, so the notice never enters the scrollback.

    NONE ──say──▶ WAITS for a pause, then for the screen ──REDRAW──▶ DRAWN ──key, 3 s──▶ NONE
      │             ▲                                                  │
      │             ├───────────── output: first the kept screen ──────┘
      └──say──▶ HELD until the first screen is shown
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from sesh import protocol
from sesh.client.channel import Channel
from sesh.client.display import BELL, MAX_NOTIFICATION, Display, notification
from sesh.loop.timers import Timers

if TYPE_CHECKING:
    from sesh.client.predict import Predictor

_PREDICT_FROM = 0.030  # seconds of round trip above which prediction starts
_PREDICT_UNTIL = 0.020  # seconds of round trip up to which prediction stops
NOTICE_TIME = 3.0  # seconds, then the notice is removed even without a key
_PAUSE = 0.25  # seconds without output, then the notice is drawn
_MAX_SKIPPED = 1 << 20  # bytes of skipped output to keep: the newest ones
_MAX_PARTS = 8 << 20  # bytes of a screen to keep until its last part has come; then its parts are shown one by one
_REDRAW_PING = b"redraw"  # the payload of the PING before a request for the screen


class ClientTimer(Enum):
    """The names of the client's timers."""

    DOUBT = auto()
    KEY = auto()
    LEAVE = auto()
    NOTICE = auto()
    NOTICE_END = auto()
    WELCOME = auto()


class Skip(Enum):
    """Which frames are not shown, because a requested screen will replace them."""

    NOTHING = auto()
    UNTIL_PONG = auto()  # all frames: the daemon may not have read the request yet
    UNTIL_SCREEN = auto()  # output only: the next screen is the requested one


class NoticeState(Enum):
    NONE = auto()
    HELD = auto()  # until the first screen of the session is shown
    WAITS = auto()  # for a pause in the output, and then for the requested screen
    DRAWN = auto()  # over the kept screen


class Notice:
    """A line over the last row. `show_screen`: shows a screen, by its frame's payload."""

    def __init__(
        self, display: Display, channel: Channel, timers: Timers, show_screen: Callable[[bytes], object]
    ) -> None:
        self._display = display
        self._channel = channel
        self._timers = timers
        self._show_screen = show_screen
        self.state = NoticeState.NONE
        self._text = ""
        self._kept_screen = b""  # the payload of its frame

    def say(self, text: str) -> None:
        """Show a notice, in place of the last one."""
        self._text = text
        if self.state is NoticeState.DRAWN:
            self._display.cover(text)
        elif self.state is NoticeState.NONE and self._display.started:
            self._await_pause()
        elif self.state is NoticeState.NONE:
            self.state = NoticeState.HELD

    def end(self) -> None:
        """Remove the notice, unless it is held; show the kept screen."""
        drawn = self.state is NoticeState.DRAWN
        self.forget()
        if drawn:
            self._show_screen(self._kept_screen)

    def forget(self) -> None:
        """Forget the notice and the kept screen, unless the notice is held."""
        if self.state is not NoticeState.HELD:
            self.state = NoticeState.NONE
            self._timers.clear(ClientTimer.NOTICE)
            self._timers.clear(ClientTimer.NOTICE_END)

    def make_way(self) -> None:
        """Show the kept screen before output; draw the notice in the next pause."""
        if self.state is NoticeState.DRAWN:
            self._show_screen(self._kept_screen)
        if self.state is not NoticeState.NONE:
            self._await_pause()

    def draw_over(self, screen: bytes) -> None:
        """Keep the requested screen, and draw the notice over it."""
        if len(screen) >= protocol.NUMBER_SIZE + protocol.CHUNK:  # this screen has several frames: only one can be kept
            self.forget()
        if self.state is NoticeState.NONE:  # the notice was removed meanwhile
            self._show_screen(screen)
            return
        self.state = NoticeState.DRAWN
        self._kept_screen = screen
        self._display.cover(self._text)
        self._timers.ensure(ClientTimer.NOTICE_END, NOTICE_TIME, self.end)

    def _await_pause(self) -> None:
        """Request a screen in the next pause of the output, to draw the notice over it."""
        self.state = NoticeState.WAITS
        self._timers.set(ClientTimer.NOTICE, _PAUSE, lambda: self._channel.send(protocol.frame(protocol.REDRAW)))


class TerminalView:
    """Shows frames on the display. `predict`: on which links to show keys before their echo."""

    def __init__(self, display: Display, channel: Channel, timers: Timers, predict: str) -> None:
        self.display = display
        self._channel = channel
        self._predict = predict
        self._predictor: Predictor | None = None
        self.position = 0  # of the first byte of output that is not shown yet
        self.notice = Notice(display, channel, timers, self._show_screen)
        self._skip = Skip.NOTHING
        self._skipped = b""
        self._parts = bytearray()  # of a screen whose last part has not come

    def forget_parts(self) -> None:
        """Forget the parts of a screen: the whole screen comes again."""
        self._parts.clear()

    @property
    def continues(self) -> bool:
        """True if the terminal needs only the output from `position` on."""
        return self.display.started and not self.display.covered and self._skip is Skip.NOTHING

    def show(self, kind: int, payload: bytes) -> None:
        """Show a frame of output or screen, skip it, or draw the notice over it."""
        is_output = kind == protocol.OUTPUT
        if self._skip is Skip.UNTIL_PONG or (self._skip is Skip.UNTIL_SCREEN and is_output):
            if is_output:
                self._skipped = (self._skipped + payload[protocol.NUMBER_SIZE :])[-_MAX_SKIPPED:]
            return
        if not is_output and not (payload := self._assemble(payload)):
            return
        if kind == protocol.REDRAW and self._skip is Skip.NOTHING:
            self.notice.draw_over(payload)
        else:
            self._skip = Skip.NOTHING
            self._skipped = b""
            self.notice.make_way()
            if is_output:
                self._show_output(payload)
            else:
                self._show_screen(payload)

    def _show_output(self, payload: bytes) -> None:
        position, data = protocol.split_number(payload)
        data = data[max(0, self.position - position) :]  # drop the bytes that have come over an earlier link
        position = max(position, self.position)
        self.position = position + len(data)
        before, after = (b"", b"") if self._predictor is None else self._predictor.follow(position, data)
        self.display.show(data, before, after)

    def _show_screen(self, payload: bytes) -> None:
        position, data = protocol.split_number(payload)
        if position != protocol.PART:
            self.position = position
        self._withdraw_guesses()
        self.display.show(data, is_replay=True)

    def _assemble(self, payload: bytes) -> bytes:
        """Return a screen with all its parts; over a link, empty until the last one."""
        # If the link is lost before the last part, the terminal must not have shown some lines already.
        position, data = protocol.split_number(payload)
        self._parts += data
        if position == protocol.PART and self._channel.on_link and len(self._parts) < _MAX_PARTS:
            return b""
        whole = payload[: protocol.NUMBER_SIZE] + self._parts
        self._parts.clear()
        return whole

    def show_skipped(self) -> None:
        """Show the skipped output: an ended session sends no requested screen."""
        self.display.show(self._skipped)

    def handle_pong(self, payload: bytes) -> None:
        """After the PONG for the PING before a request, expect the requested screen."""
        if self._skip is Skip.UNTIL_PONG and payload == _REDRAW_PING:
            self._skip = Skip.UNTIL_SCREEN

    def notify(self, text: str, *, is_own: bool) -> None:
        """Notify the user. `is_own`: of the shown session, which needs no notice."""
        sequence = notification(text, os.environ)
        self.display.notify(sequence)
        if sequence == BELL and not is_own:  # the bell alone says nothing
            self.notice.say(text[:MAX_NOTIFICATION])

    def input_sent(self, number: int, data: bytes) -> None:
        """Remove the notice, and show the predicted effect of the input of this number."""
        self.notice.end()
        if self._predictor is not None:
            self.display.write(self._predictor.input_sent(number, data))

    def handle_prediction(self, kind: int, payload: bytes) -> None:
        if self._predictor is not None:
            self.display.write(self._predictor.handle(kind, payload))

    def follow_round_trip(self, seconds: float) -> None:
        """Start prediction on a long round trip (in seconds), stop prediction on a short one."""
        limit = _PREDICT_FROM if self._predictor is None else _PREDICT_UNTIL
        if self._predict == "never" or (self._predict != "always" and seconds <= limit):
            self._withdraw_guesses()
            self._predictor = None
            return
        if self._predictor is None:
            from sesh.client.predict import Predictor  # loads pyte

            self._predictor = Predictor(self._channel.send, self.display.terminal.grid)
        self._predictor.request_model()

    def _withdraw_guesses(self) -> None:
        if self._predictor is not None:
            self.display.write(self._predictor.withdraw())

    def redraw(self) -> None:
        """Request the whole screen, and the output that the terminal lacks.

        Skip the frames before the requested screen, which contains their effect. A PONG separates the requested screen
        from an earlier one.
        """
        self.remove_overlays()
        self.forget_parts()
        self._skip = Skip.UNTIL_PONG
        self._skipped = b""
        ping = protocol.frame(protocol.PING, _REDRAW_PING)
        self._channel.send(ping + protocol.numbered(protocol.REDRAW, self.position, b""))

    def resize(self) -> None:
        """Send the terminal's size; request the screen if a notice is drawn."""
        size = protocol.size_payload(*self.display.terminal.size())
        self._channel.send(protocol.frame(protocol.RESIZE, size))
        covered = self.notice.state is NoticeState.DRAWN
        self.notice.forget()  # the kept screen has the old size
        self._withdraw_guesses()
        if covered:
            self.redraw()

    def suspend(self) -> None:
        self.remove_overlays()
        self.display.suspend()

    def remove_overlays(self) -> None:
        """Remove the guesses and the notice, before bytes other than output change the screen."""
        self._withdraw_guesses()
        self.notice.end()
