"""Drawings of sesh's own over the program's output: guesses at the effect of keys, a new session's hint, a line."""

from __future__ import annotations

import os

from sesh.client.channel import Channel
from sesh.client.display import BELL, LONGEST_TELLING, Display, notification
from sesh.client.hint import Hint, joined
from sesh.client.own_line import Handle, OwnLine
from sesh.client.predict import Predictor
from sesh.loop.timers import Timers


class Overlays:
    """Drawings over the output while one connection of an attachment lasts. The predictor makes the guesses."""

    def __init__(
        self, display: Display, channel: Channel, timers: Timers, predictor: Predictor | None, handle: Handle
    ) -> None:
        self._display, self._channel, self._predictor = display, channel, predictor
        self.line = OwnLine(display, channel.send, timers, handle)
        self.greeting = ""
        """A line for the next screen."""
        self._hint: Hint | None = None
        """The hint: for the first screen, or on it."""

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
            self.line.show(self.greeting)
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
        """Remove all of it: something else than output will change the screen, or nothing will."""
        self.take_guesses_back()
        self.end_hint()
        self.line.end()

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

    # -- the line

    def tell(self, news: str, *, shown: bool) -> None:
        """Have the terminal tell the person of a session; where it only rings, a line says of which, if not of the one
        that it shows."""
        sequence = notification(news, os.environ)
        self._display.tell(sequence)
        if sequence == BELL and not shown:
            self.line.show(news[:LONGEST_TELLING])
