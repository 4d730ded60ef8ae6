"""Drawings of sesh's own over the program's output: guesses at the effect of keys, the hint of a new session, notices.

A notice over a program's screen never meets output: the daemon is asked to send none (NOTICE), and sends the line back
where its output ends. Held output comes with the screen that the client asks for (REDRAW), once a key was pressed or
some seconds are over.
"""

from __future__ import annotations

import os

from sesh import protocol
from sesh.client.channel import Channel
from sesh.client.display import BELL, LONGEST_TELLING, Display, notification
from sesh.client.hint import Hint, joined
from sesh.client.predict import Predictor
from sesh.loop.timers import Timers

_NOTICE_TIME = 3.0
"""Seconds that a notice stays, unless a key is pressed."""
_MOST_TELLINGS = 8
"""Lines that tell of other sessions in that time."""
_MAX_NOTICE = 4096
"""Characters of all notices that came while one is shown."""


class Overlays:
    """Drawings over the output while one connection of an attachment lasts. The predictor makes the guesses."""

    def __init__(self, display: Display, channel: Channel, timers: Timers, predictor: Predictor | None) -> None:
        self._display, self._channel, self._timers, self._predictor = display, channel, timers, predictor
        self.greeting = ""
        """A notice for the next screen."""
        self._notice = ""
        self._tellings = 0
        """Lines that tell of other sessions, in the last seconds."""
        self._hint: Hint | None = None
        """The hint: for the first screen, or on it."""

    @property
    def any(self) -> bool:
        """True if something is drawn, or may be."""
        return self._predictor is not None or self._hint is not None

    # -- output

    def show_screen(self, position: int, data: bytes) -> None:
        """Show a SCREEN, which replaces guesses and hint."""
        guesses = b""
        if self._predictor is not None:
            self._channel.measure()
            guesses = self._predictor.withdraw()
        self._display.show(data, guesses, anew=True)
        hint, self._hint = self._hint, None
        if hint is not None and position == 0 and not hint.shown:
            drawn = hint.begin()
            self._display.draw(drawn)
            self._hint = hint
            if drawn:  # the greeting is in it
                self.greeting = ""
        if self.greeting:
            self.show_notice(self.greeting)
            self.greeting = ""

    def show_output(self, position: int, data: bytes) -> None:
        """Show OUTPUT without guesses beneath it; the hint goes if output needs its row."""
        before = after = b""
        if self._predictor is not None:
            before, after = self._predictor.output(position, data)
        hint = self._hint
        if hint is None or not hint.shown:
            self._display.show(data, before, after)
        else:
            for hint_before, part, hint_after in hint.around(data):
                self._display.show(part, before + hint_before, hint_after)
                before = b""
            self._display.draw(after)

    def take_back(self) -> None:
        """Remove guesses and hint: something else than output will change the screen, or nothing will."""
        self.take_guesses_back()
        self.end_hint()

    # -- guesses

    def take_guesses_back(self) -> None:
        """Remove guesses: the screen they build upon will change."""
        if self._predictor is not None:
            self._display.draw(self._predictor.withdraw())

    def guess(self, number: int, data: bytes) -> None:
        """Guess at the effect of input that was sent under this number."""
        if self._predictor is not None:
            self._channel.measure()
            self._display.draw(self._predictor.typed(number, data))

    def judge(self, kind: int, payload: bytes) -> None:
        """Have the predictor handle ECHOED, MODEL or PONG, which comes behind all output so far."""
        if self._predictor is not None:
            self._display.draw(self._predictor.handle(kind, payload))

    # -- the hint

    def begin_hint(self, name: str, detaches: str) -> None:
        """Have the first screen, if it is blank, say which session it is and what `detaches` from it."""
        columns, rows = self._display.terminal.grid()
        text = joined(self.greeting or f"new session {name}", detaches, columns)
        self._hint = Hint(text, columns, rows)

    def end_hint(self) -> None:
        """Remove the hint: a key was pressed, or the screen will change."""
        if self._hint is not None:
            self._display.draw(self._hint.end())
            self._hint = None

    # -- notices

    def show_notice(self, text: str) -> None:
        """Lay a line over the last row for a few seconds, or until a key is pressed."""
        self.take_guesses_back()
        self._channel.send(protocol.message(protocol.NOTICE, {"text": text}))

    def tell(self, news: str, *, shown: bool) -> None:
        """Have the terminal tell the person of a session; where it only rings, a line says of which, if not of the one
        that it shows."""
        sequence = notification(news, os.environ)
        self._display.tell(sequence)
        if sequence == BELL and not shown and self._tellings < _MOST_TELLINGS:
            self._tellings += 1
            self._timers.ensure("tellings", _NOTICE_TIME, self._tell_on)
            self.show_notice(news[:LONGEST_TELLING])

    def _tell_on(self) -> None:
        self._tellings = 0

    def held(self, text: str) -> None:
        """Show the line of a daemon that sends nothing from here on: before one that stands, as the row may be full."""
        self.take_guesses_back()
        self._notice = (f"{text}; {self._notice}" if self._timers.is_set("notice") else text)[:_MAX_NOTICE]
        self._display.notice(self._notice, held=True)
        self._timers.set("notice", _NOTICE_TIME, self.ask_for_screen)

    def clear_notice(self) -> None:
        """Remove the notice, if there is one."""
        if self._timers.is_set("notice"):
            self._timers.clear("notice")
            self.ask_for_screen()

    def ask_for_screen(self) -> None:
        """Have the daemon send the screen anew."""
        self._channel.send(protocol.frame(protocol.REDRAW))
