"""Prediction on slow links: shows the known effect of keys before their echo.

    input ──▶ Guesses ──▶ the line after the last key ──▶ drawn over the screen, if the program echoes
                 ▲
    output ──▶ model: the screen without guesses;   ECHOED: the output contains the effect of input up to a number

`Guesses` keeps a list of lines: the cursor's row before the first key in flight, and after each key. ECHOED drops the
lines before the echoed key. Guesses are drawn only while the screen shows one of the remaining lines. If a key is sent
while none is in flight, and the row on the screen is not the expected one, the list starts again with that row. Then
nothing is drawn until the program has printed a key. After a key of unknown effect, guessing waits for its echo.

Drawn cells are restored before output is shown, so output never meets a guess: whatever was guessed, the terminal ends
up with the same content as without prediction.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import NamedTuple

from sesh import protocol
from sesh.keys import tokens
from sesh.vt.emulator import Emulator
from sesh.vt.graphemes import NARROW
from sesh.vt.render import patch

CursorRow = tuple[int, tuple[str, ...], int]  # the row of the cursor, its cells, and the cursor's column, from 0

MOST_GUESSED = 64  # guessed keys without echo at which further keys are not guessed
_LEFT, _RIGHT, _ERASE = "left", "right", "erase"
_EDITING = {
    b"\x1b[D": _LEFT, b"\x1bOD": _LEFT, b"\x1b[C": _RIGHT, b"\x1bOC": _RIGHT, b"\x7f": _ERASE, b"\x08": _ERASE,
}  # fmt: skip
_NARROW = re.compile(f"[{NARROW}]")

FOLLOW_TIMEOUT, _STEP = 0.05, 0.008
"""Seconds of processor time for one piece of output, after which the model is dropped; seconds between two checks."""
_REQUEST_EVERY = 1.0  # minimum seconds between two requests for a model, in case each fails or is too slow to follow
_BEGIN, _END = b"\x1b[?2026h", b"\x1b[?2026l"  # a synchronized update


def _key(token: bytes) -> str:
    """Return a token's character, or its editing key's name; empty for other keys."""
    text = token.decode("utf-8", "replace")
    return _EDITING.get(token, text if _NARROW.fullmatch(text) else "")


class PredictedLine(NamedTuple):
    """The expected screen after input `number`; input has filled columns `start` to `end`."""

    number: int
    screen: CursorRow
    start: int
    end: int

    def after(self, number: int, key: str) -> PredictedLine | None:
        """Return the line after another key; None if its effect is unknown."""
        row, cells, column = self.screen
        at_end = column == self.end
        if key == _LEFT and column > self.start:
            return self._replace(number=number, screen=(row, cells, column - 1))
        if key == _RIGHT and not at_end:
            return self._replace(number=number, screen=(row, cells, column + 1))
        if key == _ERASE and at_end and (column > self.start or (column and cells[column - 1].strip())):
            column -= 1
            screen = row, (*cells[:column], " ", *cells[column + 1 :]), column
            return PredictedLine(number, screen, min(self.start, column), column)
        if len(key) == 1 and at_end and column < len(cells) - 1:  # in the last column the line may wrap
            screen = row, (*cells[:column], key, *cells[column + 1 :]), column + 1
            return PredictedLine(number, screen, self.start, column + 1)
        return None


class Guesses:
    """The keys in flight, as the expected line after each; without I/O and clock."""

    def __init__(self) -> None:
        self._screen: CursorRow | None = None
        self._lines: list[PredictedLine] = []
        self._first: PredictedLine | None = None  # the line at which the current series of guesses began
        self._echoes = False  # the program has printed a key of the series
        self._hidden = False  # the pty does not echo, as at a password prompt
        self._sent = self._echoed = 0  # the newest input numbers
        self._barrier = 0  # nothing is guessed until the input of this number is echoed; 0 if nothing is awaited

    @property
    def shown(self) -> PredictedLine | None:
        """The line to draw, if any."""
        if not self._echoes or self._reached is None or self._lines[-1].screen == self._screen:
            return None
        return self._lines[-1]

    @property
    def _reached(self) -> PredictedLine | None:
        """The expected line that the screen shows now."""
        return next((line for line in self._lines if line.screen == self._screen), None)

    def input_sent(self, number: int, data: bytes) -> None:
        """Guess the effect of the input sent under this number."""
        self._sent = number
        if len(self._lines) < 2 and self._reached is None:  # no key is in flight, and the row has changed
            self._begin(number)
        for token, _ in tokens(data):
            line = None if self._barrier or not self._lines else self._lines[-1].after(number, _key(token))
            if line is None or len(self._lines) > MOST_GUESSED:
                self._barrier = number
                return
            self._lines.append(line)

    def _begin(self, number: int) -> None:
        self._lines, self._echoes = [], False
        if self._screen is not None and not self._hidden:
            column = self._screen[2]
            self._first = PredictedLine(number - 1, self._screen, column, column)
            self._lines = [self._first]

    def compare(self, screen: CursorRow) -> None:
        """Compare the screen after output with the expected lines."""
        self._screen = screen
        line, first = self._reached, self._first
        if line is None or first is None:
            return
        # Erased cells prove nothing: a program that prints an asterisk for each key of a secret erases them, too.
        printed = slice(first.end, line.end)
        if line.screen[1][printed] != first.screen[1][printed]:
            self._echoes = True

    def echoed(self, number: int) -> None:
        """Drop the lines up to this input number, whose effect is in the output."""
        self._echoed = number
        while len(self._lines) > 1 and self._lines[1].number <= number:
            del self._lines[0]
        if self._barrier and number >= self._barrier:
            self.forget()

    def hide(self, hidden: bool) -> None:
        """Guess nothing while the pty does not echo keys."""
        if hidden != self._hidden:
            self._hidden = hidden
            self.forget()

    def forget(self) -> None:
        """Guess nothing until all keys sent are echoed."""
        self._lines = []
        self._barrier = self._sent if self._sent > self._echoed else 0


class Predictor:
    """Returns the bytes to draw for input and frames; `size`: the terminal's columns and rows."""

    def __init__(self, send: Callable[[bytes], object], size: Callable[[], tuple[int, int]]) -> None:
        self._send, self._size = send, size
        self._guesses = Guesses()
        self._model: Emulator | None = None
        """The screen without guesses, after the output up to `_position`, which is shown or about to be shown."""
        self._position = 0
        self._requested: tuple[int, int] | None = None
        """The terminal's size when a model was requested; None without a request in flight."""
        self._requested_at = 0.0
        self._drawn: tuple[int, range] | None = None  # row and columns under guesses; no columns for a moved cursor

    def handle(self, kind: int, payload: bytes) -> bytes:
        """Handle ECHOED or MODEL; return the bytes to draw."""
        if kind == protocol.MODEL:
            self._take_model(*protocol.split_number(payload))
            return b""
        number, _, flags = protocol.split_echoed(payload)
        self._guesses.hide(flags & (protocol.ECHOES | protocol.BY_LINE) == protocol.BY_LINE)
        if number:  # else the flags alone have changed
            self._guesses.echoed(number)
        return self._redraw()

    def input_sent(self, number: int, data: bytes) -> bytes:
        """Guess the effect of the input sent under this number; return the bytes to draw."""
        self.request_model()
        self._guesses.input_sent(number, data)
        return self._redraw()

    def follow(self, position: int, data: bytes) -> tuple[bytes, bytes]:
        """Follow output before it is shown; return the bytes to draw before and after it."""
        if self._model is None:
            return b"", b""
        back = self._take_back()
        if not _feed(self._model, data[max(0, self._position - position) :]):
            self._drop()
            return back, b""
        self._position = max(self._position, position + len(data))
        self._guesses.compare(_line(self._model))
        after = self._draw()
        return (_BEGIN + back, after + _END) if back and after else (back, after)

    def withdraw(self) -> bytes:
        """Drop the model, before bytes other than output; return the bytes that remove guesses."""
        back = self._take_back()
        self._drop()
        return back

    def request_model(self) -> None:
        """Request a model, unless there is one or a request is in flight."""
        now = time.monotonic()
        if self._model is None and self._requested is None and now - self._requested_at >= _REQUEST_EVERY:
            self._requested = self._size()
            self._requested_at = now
            self._send(protocol.frame(protocol.MODEL))

    def _take_model(self, position: int, screen: bytes) -> None:
        """Build the model from a replay, which is empty if the daemon had none."""
        size, self._requested = self._requested, None
        if size is None or size != self._size() or not screen:
            return
        model = Emulator(*size, max_lines=1)
        if _feed(model, screen):
            self._model, self._position = model, position
            self._guesses.compare(_line(model))

    def _drop(self) -> None:
        self._model = self._requested = None  # a request may be lost with its link
        self._guesses.forget()

    def _redraw(self) -> bytes:
        drawn = self._draw()
        return _BEGIN + drawn + _END if drawn else self._take_back()

    def _draw(self) -> bytes:
        """Return the bytes that draw the guessed line; empty without a guess."""
        line, model = self._guesses.shown, self._model
        if line is None or model is None or not patch.redrawable(model):
            return b""
        row, cells, column = line.screen
        own = model.screen.rows[model.cursor[0]].text
        guessed = {x: cell for x, cell in enumerate(cells) if cell != own[x]}
        changed = [*guessed, *(self._drawn[1] if self._drawn else ())]
        over = range(min(changed, default=0), max(changed, default=-1) + 1)
        self._drawn = row, over
        return patch.drawn(model.screen, row, guessed, over, column)

    def _take_back(self) -> bytes:
        """Return the bytes that restore the covered cells; only output may follow them."""
        drawn, self._drawn = self._drawn, None
        if drawn is None or self._model is None:
            return b""
        row, over = drawn  # the bytes end with the last grapheme, for a combining character to join
        return patch.restored(self._model.screen, row, over.start, over.stop)


def _feed(model: Emulator, data: bytes) -> bool:
    """Feed output to a model; return False if that takes too long."""
    deadline = time.thread_time() + FOLLOW_TIMEOUT
    while data := data[model.feed(data, _STEP) :]:
        if time.thread_time() >= deadline:
            return False
    return True


def _line(model: Emulator) -> CursorRow:
    y, x = model.cursor
    return y, tuple(model.screen.rows[y].text), x
