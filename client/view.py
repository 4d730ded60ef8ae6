"""The session's screen on the terminal: output, predicted keys, and sesh's own line.

The line is drawn over the last row in a pause of the output. The next key, more output, or 3 s have the daemon draw the
screen again, so the line never enters the scrollback. After output the line is drawn again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sesh.client.channel import Channel
from sesh.client.display import BELL, MAX_NOTIFICATION, Display, notification
from sesh.loop.timers import Timers
from sesh.wire import protocol

if TYPE_CHECKING:
    from sesh.client.predict import Predictor

_PREDICT_FROM = 0.030  # seconds of round trip above which prediction starts
_PREDICT_UNTIL = 0.020  # seconds of round trip up to which prediction stops
NOTICE_TIME = 3.0  # seconds, then the notice is removed even without a key
_PAUSE = 0.25  # seconds without output, then the notice is drawn
_MAX_SKIPPED = 1 << 20  # bytes of skipped output to keep: the newest ones
_MAX_PARTS = 8 << 20  # bytes of a screen to keep until its last part has come; then its parts are shown one by one


class TerminalView:
    """Shows frames on the display. `predict`: on which links to show keys before their echo."""

    def __init__(self, display: Display, channel: Channel, timers: Timers, predict: str) -> None:
        self.display = display
        self._channel = channel
        self._predict = predict
        self._predictor: Predictor | None = None
        self.position: int | None = None  # of the first byte of output that is not shown yet; None before a screen
        self._timers = timers
        self._notice = ""  # a line of sesh's own, drawn or to be drawn
        self._held = ""  # another one, which stays over the last row; empty while there is none
        self._at_screen = False  # no output came since a screen, where the daemon has noted the terminal's state
        self.redraws = 0  # the number of the last request for a screen
        self._awaits_screen = False  # the frames before the requested screen are skipped: it contains their effect
        self._skipped = b""
        self._parts = bytearray()  # of a screen whose last part has not come

    @property
    def continues(self) -> bool:
        """True if the terminal needs only the output from `position` on."""
        return self.display.started and not (self.display.covered or self._awaits_screen or self._parts)

    def show(self, kind: int, payload: bytes) -> None:
        """Show a frame of output or screen, unless a requested screen will replace it."""
        is_output = kind == protocol.OUTPUT
        position, data = protocol.split_number(payload)
        answered, data = (0, data) if is_output else protocol.split_number(data)
        self._channel.received += len(data)
        if self.display.covered and not self._awaits_screen:
            self.redraw()
        if self._awaits_screen and answered != self.redraws:
            if is_output:
                self._skipped = (self._skipped + data)[-_MAX_SKIPPED:]
            return
        if is_output:
            self._show_output(position, data)
        elif not self._show_screen(position, data):
            return
        self._awaits_screen = False
        self._skipped = b""
        self._at_screen = not is_output
        self._await_pause()

    def _show_output(self, position: int, data: bytes) -> None:
        shown_to = self.position or 0
        data = data[max(0, shown_to - position) :]  # drop the bytes that have come over an earlier link
        position = max(position, shown_to)
        self.position = position + len(data)
        before, after = (b"", b"") if self._predictor is None else self._predictor.follow(position, data)
        self.display.show(data, self.position, before, after)

    def _show_screen(self, position: int, data: bytes) -> bool:
        """Show a screen as a whole; return False until its last part."""
        # If the link is lost before the last part, the terminal must not have shown some lines already.
        self._parts += data
        is_whole = position != protocol.PART
        if is_whole:
            self.position = position
        elif len(self._parts) < _MAX_PARTS:
            return False
        self.withdraw_guesses()
        self.display.show_screen(bytes(self._parts), self.position if is_whole else None)
        self._parts.clear()
        return True

    def show_skipped(self) -> None:
        """Show the skipped output: an ended session sends no requested screen."""
        self.display.show(self._skipped)

    def notify(self, text: str, *, is_own: bool) -> None:
        """Notify the user. `is_own`: of the shown session, which needs no notice."""
        sequence = notification(text, os.environ)
        self.display.notify(sequence)
        if sequence == BELL and not is_own:  # the bell alone says nothing
            self.say(text[:MAX_NOTIFICATION])

    def say(self, text: str) -> None:
        """Show a line of sesh's own, instead of the last, in the next pause."""
        self._notice = text
        self._await_pause()

    def _await_pause(self) -> None:
        if self._notice and self.display.started:
            self._timers.set(self._draw_notice, _PAUSE)

    def _draw_notice(self) -> None:
        if not self._at_screen:
            self.redraw()  # after that screen the daemon can send exactly the lines that follow
            return
        self.withdraw_guesses()
        self.display.cover(self._notice)
        self._timers.ensure(self.clear, NOTICE_TIME)

    def hold(self, text: str) -> None:
        """Keep a line over the last row while no output comes; empty: remove the line."""
        if not text and self._held:
            self.clear()
        elif text and not (text == self._held and self.display.covered):
            self._forget()
            self.display.cover(text)
        self._held = text

    def _forget(self) -> None:
        """Remove guesses, and forget the notice, unless it waits for the first screen."""
        self.withdraw_guesses()
        if self.display.started:
            self._notice = ""
            self._timers.clear(self._draw_notice)
            self._timers.clear(self.clear)

    def clear(self) -> None:
        """Remove guesses, and have the daemon draw the screen without sesh's line."""
        self._forget()
        if self.display.covered and not self._awaits_screen:
            self.redraw()

    def input_sent(self, number: int, data: bytes) -> None:
        """Remove sesh's line, and show the predicted effect of the input of this number."""
        if self._notice or self.display.covered:
            self.clear()
        if self._predictor is not None:
            self.display.write(self._predictor.input_sent(number, data))

    def handle_prediction(self, kind: int, payload: bytes) -> None:
        if self._predictor is not None:
            self.display.write(self._predictor.handle(kind, payload))

    def follow_round_trip(self, seconds: float) -> None:
        """Start prediction on a long round trip (in seconds), stop prediction on a short one."""
        limit = _PREDICT_FROM if self._predictor is None else _PREDICT_UNTIL
        if self._predict == "never" or (self._predict != "always" and seconds <= limit):
            self.withdraw_guesses()
            self._predictor = None
            return
        if self._predictor is None:
            from sesh.client.predict import Predictor  # noqa: PLC0415 - loads pyte

            self._predictor = Predictor(self._channel.send, self.display.terminal.grid)
        self._predictor.request_model()

    def withdraw_guesses(self) -> None:
        if self._predictor is not None:
            self.display.write(self._predictor.withdraw())

    def redraw(self) -> None:
        """Request the whole screen, and the output that the terminal lacks."""
        self.withdraw_guesses()
        self._parts.clear()
        self.redraws += 1
        self._awaits_screen = True
        self._skipped = b""
        self._channel.send(protocol.redraw(self.position or 0, self.redraws))

    def size_frame(self) -> bytes:
        return protocol.frame(protocol.RESIZE, protocol.size_payload(*self.display.terminal.size()))

    def resize(self) -> None:
        """Send the terminal's size; remove sesh's line."""
        self._channel.send(self.size_frame())
        self.clear()

    def suspend(self) -> None:
        """Give the terminal back; a later `redraw` brings what it has not been given."""
        self.clear()
        self.display.suspend()
        self.position = self.display.queue.given
