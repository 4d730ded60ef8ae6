"""Prediction on slow links: show the known effect of keys before their echo.

    input ──▶ Guesses ──▶ the predicted row after the last key ──▶ drawn over the screen, if the program echoes
                 ▲
    output ──▶ model: the screen without guesses;   ECHOED: the output contains the effect of input up to a number

`Guesses` lists rows: the cursor's row before the first key in flight, and after each key. ECHOED drops the rows before
the echoed key. A guess is drawn only while the screen shows a listed row. A key starts a new series if no key is in
flight and the cursor's row has changed. Nothing of a series is drawn until the program has echoed one of its keys.
After a key of unknown effect, guessing stops until its echo.

Before output is shown, the drawn cells are restored. So the terminal ends with the same content as without prediction.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import NamedTuple

from sesh.text.keys import tokens
from sesh.vt.emulator import Emulator
from sesh.vt.graphemes import NARROW
from sesh.vt.render import patch
from sesh.wire import protocol

_LEFT, _RIGHT, _ERASE = "left", "right", "erase"
_EDITING = {
    b"\x1b[D": _LEFT, b"\x1bOD": _LEFT, b"\x1b[C": _RIGHT, b"\x1bOC": _RIGHT, b"\x7f": _ERASE, b"\x08": _ERASE,
}  # fmt: skip
_NARROW = re.compile(f"[{NARROW}]")

FOLLOW_TIMEOUT = 0.05  # if a piece of output takes the model more seconds of processor time, the model is dropped
_STEP = 0.008  # seconds of processor time between two checks of `FOLLOW_TIMEOUT`
_UPDATE = b"\x1b[?2026h%s\x1b[?2026l"  # a synchronized update
_REQUEST_INTERVAL = 1.0  # least seconds between two requests for a model, as each model may be dropped


class CursorRow(NamedTuple):
    """The row of the screen that has the cursor."""

    y: int
    cells: tuple[str, ...]
    column: int  # of the cursor, from 0


class PredictedRow(NamedTuple):
    """The expected row after input `number`; input has filled the columns from `start` to `end`."""

    number: int
    row: CursorRow
    start: int
    end: int

    def after(self, number: int, key: str) -> PredictedRow | None:
        """Return the row after another key; None if its effect is unknown."""
        y, cells, column = self.row
        start, end = self.start, self.end
        at_end = column == end
        if key == _LEFT and column > start:
            column -= 1
        elif key == _RIGHT and not at_end:
            column += 1
        elif key == _ERASE and at_end and (column > start or (column and cells[column - 1].strip())):
            column = end = column - 1
            start = min(start, column)
            cells = (*cells[:column], " ", *cells[column + 1 :])
        elif len(key) == 1 and at_end and column < len(cells) - 1:  # in the last column the row may wrap
            cells = (*cells[:column], key, *cells[column + 1 :])
            column = end = column + 1
        else:
            return None
        return PredictedRow(number, CursorRow(y, cells, column), start, end)


class Guesses:
    """The keys in flight, as the expected row after each. Sans-I/O, without clock."""

    def __init__(self, sent: int, echoed: int) -> None:
        self._screen_row: CursorRow | None = None
        self._rows: list[PredictedRow] = []
        self._series_start: PredictedRow | None = None  # the first row of the current series of guesses
        self._is_confirmed = False  # the program has printed a key of the series
        self._echo_off = False  # the pty does not echo, as at a password prompt
        self._sent, self._echoed = sent, echoed  # the newest input numbers
        self._resume_at = 0  # guessing stops until the input of this number is echoed; 0 while guessing goes on
        self.forget()

    @property
    def row_to_draw(self) -> CursorRow | None:
        return self._rows[-1].row if self._is_confirmed and self._shown_row is not None else None

    @property
    def _shown_row(self) -> PredictedRow | None:
        """The expected row that the screen shows now."""
        return next((expected for expected in self._rows if expected.row == self._screen_row), None)

    def input_sent(self, number: int, data: bytes) -> None:
        """Guess the effect of the input sent under this number."""
        self._sent = number
        if len(self._rows) < 2 and self._shown_row is None:  # no key is in flight, and the row has changed
            row = self._screen_row
            self._is_confirmed = False
            self._rows = [PredictedRow(number - 1, row, row.column, row.column)] if row and not self._echo_off else []
            self._series_start = self._rows[0] if self._rows else None
        for token, _ in tokens(data):
            text = token.decode("utf-8", "replace")
            key = _EDITING.get(token, text if _NARROW.fullmatch(text) else "")
            expected = None if self._resume_at or not self._rows else self._rows[-1].after(number, key)
            if expected is None:
                self._resume_at = number
                return
            self._rows.append(expected)

    def compare(self, screen_row: CursorRow) -> None:
        """Compare the row on the screen after output with the expected rows."""
        self._screen_row = screen_row
        first, shown = self._series_start, self._shown_row
        # Erased cells prove no echo: a program that prints an asterisk for each key of a secret erases them, too.
        if first and shown and shown.row.cells[first.end : shown.end] != first.row.cells[first.end : shown.end]:
            self._is_confirmed = True

    def echoed(self, number: int, *, echo_off: bool) -> None:
        """Drop the rows up to this input number. `echo_off`: the pty does not echo."""
        self._echoed = max(self._echoed, number)
        while len(self._rows) > 1 and self._rows[1].number <= number:
            del self._rows[0]
        if echo_off != self._echo_off or (self._resume_at and number >= self._resume_at):
            self._echo_off = echo_off
            self.forget()

    def pass_over(self, number: int) -> None:
        """Guess nothing of the input sent under this number, nor of what follows it before its echo."""
        self._sent = number
        self.forget()

    def forget(self) -> None:
        """Stop guessing until all sent keys are echoed."""
        self._rows = []
        self._resume_at = self._sent if self._sent > self._echoed else 0


class Predictor:
    """Returns the bytes to draw for input and frames.

    `size`: returns columns and rows. `sent`, `echoed`: the numbers of the newest input before.
    """

    def __init__(
        self, send: Callable[[bytes], object], size: Callable[[], tuple[int, int]], sent: int = 0, echoed: int = 0
    ) -> None:
        self._send = send
        self._size = size
        self._guesses = Guesses(sent, echoed)
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
        echo_off = flags & (protocol.ECHOES | protocol.BY_LINE) == protocol.BY_LINE
        self._guesses.echoed(number, echo_off=echo_off)  # 0: the flags alone have changed
        return self._draw() or self._restore()

    def input_sent(self, number: int, data: bytes) -> bytes:
        """Guess the effect of the input sent under this number; return the bytes to draw."""
        self.request_model()
        self._guesses.input_sent(number, data)
        return self._draw() or self._restore()

    def pass_over(self, number: int) -> None:
        """Note input sent under this number whose effect is not to be shown."""
        self._guesses.pass_over(number)

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
        return before, self._draw()

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

    def _draw(self) -> bytes:
        """Return the bytes that draw the guessed row; empty without a guess."""
        row, model = self._guesses.row_to_draw, self._model
        if row is None or model is None or row == _cursor_row(model) or not patch.patchable(model):
            return b""
        y, cells, column = row
        unguessed = model.screen.rows[model.cursor[0]].text
        guessed = {x: cell for x, cell in enumerate(cells) if cell != unguessed[x]}
        changed = [*guessed]
        if self._drawn is not None:
            changed += self._drawn[1]
        columns = range(min(changed, default=0), max(changed, default=-1) + 1)
        self._drawn = y, columns
        return _UPDATE % patch.printed(model.screen, y, guessed, columns, column)

    def _restore(self) -> bytes:
        """Return the bytes that restore the drawn cells; only output may follow them."""
        drawn = self._drawn
        self._drawn = None
        if drawn is None or self._model is None:
            return b""
        y, columns = drawn  # the bytes end with the last grapheme: a combining character may follow in the output
        return patch.restored(self._model.screen, y, columns.start, columns.stop)


def _feed(model: Emulator, data: bytes) -> bool:
    """Feed output to a model; return False if that takes too long."""
    deadline = time.thread_time() + FOLLOW_TIMEOUT
    while data := data[model.feed(data, _STEP) :]:
        if time.thread_time() >= deadline:
            return False
    return True


def _cursor_row(model: Emulator) -> CursorRow:
    y, x = model.cursor
    return CursorRow(y, tuple(model.screen.rows[y].text), x)
