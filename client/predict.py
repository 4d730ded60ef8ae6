"""Prediction on slow links: show the known effect of keys before their echo.

    input ──▶ Guesses ──▶ the predicted row after the last key ──▶ drawn over the screen, if the program echoes
                 ▲
    output ──▶ model: the screen without guesses;   ECHOED: the output contains the effect of input up to a number

`Guesses` keeps a list of rows: the cursor's row before the first key in flight, and after each key. ECHOED drops the
rows before the echoed key. A guess is drawn only while the screen shows one of the listed rows. A key that is sent
while no key is in flight, and the screen shows another row than the expected one, starts a new series with that row.
No guess of a series is drawn until the program has printed a key. After a key of unknown effect, guessing stops until
the echo of that key.

Before output is shown, the drawn cells are restored. So the terminal ends with the same content as without prediction.
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

MAX_GUESSES = 64  # with so many guessed keys in flight, further keys are not guessed
_LEFT, _RIGHT, _ERASE = "left", "right", "erase"
_EDITING = {
    b"\x1b[D": _LEFT, b"\x1bOD": _LEFT, b"\x1b[C": _RIGHT, b"\x1bOC": _RIGHT, b"\x7f": _ERASE, b"\x08": _ERASE,
}  # fmt: skip
_NARROW = re.compile(f"[{NARROW}]")

FOLLOW_TIMEOUT = 0.05  # if a piece of output takes the model more seconds of processor time, the model is dropped
_STEP = 0.008  # seconds of processor time between two checks of `FOLLOW_TIMEOUT`
_REQUEST_INTERVAL = 1.0  # least seconds between two requests for a model, as each model may be dropped
_START_UPDATE, _END_UPDATE = b"\x1b[?2026h", b"\x1b[?2026l"  # a synchronized update


def _key(token: bytes) -> str:
    """Return a token's character, or its editing key's name; empty for other keys."""
    text = token.decode("utf-8", "replace")
    return _EDITING.get(token, text if _NARROW.fullmatch(text) else "")


class CursorRow(NamedTuple):
    """The row of the screen that has the cursor."""

    y: int
    cells: tuple[str, ...]
    column: int  # of the cursor, from 0

    def with_cell(self, column: int, cell: str, cursor: int) -> CursorRow:
        """Return the row with another cell, and the cursor at column `cursor`."""
        return CursorRow(self.y, (*self.cells[:column], cell, *self.cells[column + 1 :]), cursor)


class PredictedRow(NamedTuple):
    """The expected row after input `number`; input has filled the columns from `start` to `end`."""

    number: int
    row: CursorRow
    start: int
    end: int

    def after(self, number: int, key: str) -> PredictedRow | None:
        """Return the row after another key; None if its effect is unknown."""
        _, cells, column = self.row
        at_end = column == self.end
        if key == _LEFT and column > self.start:
            return self._replace(number=number, row=self.row._replace(column=column - 1))
        if key == _RIGHT and not at_end:
            return self._replace(number=number, row=self.row._replace(column=column + 1))
        if key == _ERASE and at_end and (column > self.start or (column and cells[column - 1].strip())):
            column -= 1
            return PredictedRow(number, self.row.with_cell(column, " ", column), min(self.start, column), column)
        if len(key) == 1 and at_end and column < len(cells) - 1:  # in the last column the row may wrap
            return PredictedRow(number, self.row.with_cell(column, key, column + 1), self.start, column + 1)
        return None


class Guesses:
    """The keys in flight, as the expected row after each. Sans-I/O, without clock."""

    def __init__(self) -> None:
        self._screen_row: CursorRow | None = None
        self._rows: list[PredictedRow] = []
        self._series_start: PredictedRow | None = None  # the first row of the current series of guesses
        self._is_confirmed = False  # the program has printed a key of the series
        self._echo_off = False  # the pty does not echo, as at a password prompt
        self._sent = self._echoed = 0  # the newest input numbers
        self._resume_at = 0  # guessing stops until the input of this number is echoed; 0 while guessing goes on

    @property
    def row_to_draw(self) -> PredictedRow | None:
        if not self._is_confirmed or self._shown_row is None or self._rows[-1].row == self._screen_row:
            return None
        return self._rows[-1]

    @property
    def _shown_row(self) -> PredictedRow | None:
        """The expected row that the screen shows now."""
        return next((expected for expected in self._rows if expected.row == self._screen_row), None)

    def input_sent(self, number: int, data: bytes) -> None:
        """Guess the effect of the input sent under this number."""
        self._sent = number
        if len(self._rows) < 2 and self._shown_row is None:  # no key is in flight, and the row has changed
            self._start_series(number)
        for token, _ in tokens(data):
            expected = None if self._resume_at or not self._rows else self._rows[-1].after(number, _key(token))
            if expected is None or len(self._rows) > MAX_GUESSES:
                self._resume_at = number
                return
            self._rows.append(expected)

    def _start_series(self, number: int) -> None:
        self._rows = []
        self._is_confirmed = False
        if self._screen_row is not None and not self._echo_off:
            column = self._screen_row.column
            self._series_start = PredictedRow(number - 1, self._screen_row, column, column)
            self._rows = [self._series_start]

    def compare(self, screen_row: CursorRow) -> None:
        """Compare the row on the screen after output with the expected rows."""
        self._screen_row = screen_row
        shown = self._shown_row
        first = self._series_start
        if shown is None or first is None:
            return
        # Erased cells prove no echo: a program that prints an asterisk for each key of a secret erases them, too.
        printed = slice(first.end, shown.end)
        if shown.row.cells[printed] != first.row.cells[printed]:
            self._is_confirmed = True

    def echoed(self, number: int) -> None:
        """Drop the rows up to this input number, whose effect is in the output."""
        self._echoed = number
        while len(self._rows) > 1 and self._rows[1].number <= number:
            del self._rows[0]
        if self._resume_at and number >= self._resume_at:
            self.forget()

    def set_echo_off(self, echo_off: bool) -> None:
        """Stop guessing while the pty does not echo keys."""
        if echo_off != self._echo_off:
            self._echo_off = echo_off
            self.forget()

    def forget(self) -> None:
        """Stop guessing until all sent keys are echoed."""
        self._rows = []
        self._resume_at = self._sent if self._sent > self._echoed else 0


class Predictor:
    """Returns the bytes to draw for input and frames. `size`: returns columns and rows."""

    def __init__(self, send: Callable[[bytes], object], size: Callable[[], tuple[int, int]]) -> None:
        self._send = send
        self._size = size
        self._guesses = Guesses()
        self._model: Emulator | None = None  # the screen without guesses
        self._position = 0  # of the first byte of output that `_model` has not got
        self._requested_size: tuple[int, int] | None = None  # of the model in flight; None without a request
        self._requested_at = 0.0
        self._drawn: tuple[int, range] | None = None  # y and columns of drawn cells; no columns: the cursor

    def handle(self, kind: int, payload: bytes) -> bytes:
        """Handle ECHOED or MODEL; return the bytes to draw."""
        if kind == protocol.MODEL:
            self._build_model(*protocol.split_number(payload))
            return b""
        number, _, flags = protocol.split_echoed(payload)
        self._guesses.set_echo_off(flags & (protocol.ECHOES | protocol.BY_LINE) == protocol.BY_LINE)
        if number:  # else the flags alone have changed
            self._guesses.echoed(number)
        return self._redraw()

    def input_sent(self, number: int, data: bytes) -> bytes:
        """Guess the effect of the input sent under this number; return the bytes to draw."""
        self.request_model()
        self._guesses.input_sent(number, data)
        return self._redraw()

    def follow(self, position: int, data: bytes) -> tuple[bytes, bytes]:
        """Feed output to the model; return the bytes to draw before and after the output."""
        if self._model is None:
            return b"", b""
        before = self._restore()
        if not _feed(self._model, data[max(0, self._position - position) :]):
            self._drop()
            return before, b""
        self._position = max(self._position, position + len(data))
        self._guesses.compare(_cursor_row(self._model))
        after = self._draw()
        return (_START_UPDATE + before, after + _END_UPDATE) if before and after else (before, after)

    def withdraw(self) -> bytes:
        """Drop the model, before bytes other than output; return the bytes that remove guesses."""
        restored = self._restore()
        self._drop()
        return restored

    def request_model(self) -> None:
        """Request a model, unless this client has one or has requested one."""
        now = time.monotonic()
        if self._model is None and self._requested_size is None and now - self._requested_at >= _REQUEST_INTERVAL:
            self._requested_size = self._size()
            self._requested_at = now
            self._send(protocol.frame(protocol.MODEL))

    def _build_model(self, position: int, replay: bytes) -> None:
        """Build the model from a replay; an empty replay says that the daemon has none."""
        size = self._requested_size
        self._requested_size = None
        if size is None or size != self._size() or not replay:
            return
        model = Emulator(*size, max_lines=1)
        if _feed(model, replay):
            self._model = model
            self._position = position
            self._guesses.compare(_cursor_row(model))

    def _drop(self) -> None:
        self._model = self._requested_size = None  # a request may be lost with its link
        self._guesses.forget()

    def _redraw(self) -> bytes:
        drawn = self._draw()
        return _START_UPDATE + drawn + _END_UPDATE if drawn else self._restore()

    def _draw(self) -> bytes:
        """Return the bytes that draw the guessed row; empty without a guess."""
        predicted = self._guesses.row_to_draw
        model = self._model
        if predicted is None or model is None or not patch.patchable(model):
            return b""
        y, cells, column = predicted.row
        unguessed = model.settle().rows[model.cursor[0]].text
        guessed = {x: cell for x, cell in enumerate(cells) if cell != unguessed[x]}
        changed = [*guessed]
        if self._drawn is not None:
            changed += self._drawn[1]
        columns = range(min(changed, default=0), max(changed, default=-1) + 1)
        self._drawn = y, columns
        return patch.printed(model.settle(), y, guessed, columns, column)

    def _restore(self) -> bytes:
        """Return the bytes that restore the drawn cells; only output may follow them."""
        drawn = self._drawn
        self._drawn = None
        if drawn is None or self._model is None:
            return b""
        y, columns = drawn  # the bytes end with the last grapheme: a combining character may follow in the output
        return patch.restored(self._model.settle(), y, columns.start, columns.stop)


def _feed(model: Emulator, data: bytes) -> bool:
    """Feed output to a model; return False if that takes too long."""
    deadline = time.thread_time() + FOLLOW_TIMEOUT
    while data := data[model.feed(data, _STEP) :]:
        if time.thread_time() >= deadline:
            return False
    return True


def _cursor_row(model: Emulator) -> CursorRow:
    y, x = model.cursor
    return CursorRow(y, tuple(model.settle().rows[y].text), x)
