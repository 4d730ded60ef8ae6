"""Guesses at the effect of the keys that are on their way on the row of the cursor. Pure: no I/O, no clock.

The rules are those of mosh's predictive echo (its paper: Winstein and Balakrishnan, USENIX ATC 2012). Guesses belong to
an epoch, which begins after each key whose effect is unknown, and when the cursor, or the text before it, is not as the
last key left it; those of an epoch are shown once one of them has come true. A key is judged when the session has
acknowledged it, which it does some time after the program got it. If a guess was wrong, the keys that are not
acknowledged yet are guessed again, from where the cursor is; what comes then may be the late echo of an earlier key,
so it counts for them only once they are acknowledged.
"""

from __future__ import annotations

import re
from typing import Protocol

from sesh.typed import tokens
from sesh.vt.graphemes import NARROW

Effect = tuple[int, dict[int, str]]


class View(Protocol):
    """The screen as the session's output has made it."""

    @property
    def columns(self) -> int:
        """Width of the screen."""

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor, from 0."""

    def grapheme(self, row: int, column: int) -> str:
        """Return the text of a cell; empty for the right half of a wide character."""

    def before(self, row: int, column: int) -> str:
        """Return something that is the same as long as the text before this column is."""


MOST_IN_FLIGHT = 64
"""Keys that are guessed and not acknowledged; keys typed beyond them wait for their echo."""
LEFT, RIGHT, ERASE = "left", "right", "erase"
_MOVES = (LEFT, RIGHT)
_EDITING = {
    b"\x1b[D": LEFT, b"\x1bOD": LEFT, b"\x1b[C": RIGHT, b"\x1bOC": RIGHT, b"\x7f": ERASE, b"\x08": ERASE,
}  # fmt: skip
_NARROW = re.compile(f"[{NARROW}]")
_BLANK = " "


class Guess:
    """The effect of one key: `cells` that change in `row`, by column, and the cursor at its `end`.

    `cursor`: that of the view when it was guessed. `visible`: its echo changes a cell's text (no blank does).
    """

    __slots__ = ("cells", "cursor", "end", "epoch", "key", "number", "row", "seen", "visible")

    def __init__(self, number: int, key: str, epoch: int, end: tuple[int, int], cells: dict[int, str]) -> None:
        self.number, self.key, self.epoch, self.end, self.cells = number, key, epoch, end, cells
        self.row = end[0]
        self.cursor, self.visible = end, False
        self.seen = False
        """True if its echo has come."""


class Span:
    """A part of a row that surely belongs to the line that is typed: columns from `start` up to `end`."""

    __slots__ = ("end", "row", "start")

    def __init__(self, row: int, start: int, end: int) -> None:
        self.row, self.start, self.end = row, start, end


class Guesses:
    """The keys on their way. `view` is the screen at the last output; call `output` after each change of it."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._guesses: list[Guess] = []
        self._waiting: list[tuple[int, str]] = []
        """Keys whose place is not known yet: number and key."""
        self._barrier = 0
        """The number of the input that must be acknowledged before the place of the next key is known; 0 for none."""
        self._epoch, self._confirmed, self._moved = 1, 0, 0
        """The epoch of the next guess; the newest in which the program has echoed, and in which it moved the cursor."""
        self._doubted = 0
        """The newest epoch of keys that were guessed again."""
        self._typed = self._acknowledged = 0
        self._line: Span | None = None
        self._judged_context = self._context()
        """The context in which the last key that was judged has left the cursor."""
        self._shown: tuple[int, dict[int, str], int] | None = None
        self.stale = False
        """True if something has happened since `shown` was called that may change what it returns."""
        self.hidden = False
        """True if the terminal shows nothing of typed keys (ICANON without ECHO)."""

    @property
    def active(self) -> bool:
        """True if anything is guessed, or waits to be."""
        return bool(self._guesses or self._waiting)

    @property
    def end(self) -> tuple[int, int] | None:
        """Row and column in which the keys leave the cursor; None if nothing is guessed."""
        return self._guesses[-1].end if self._guesses else None

    # -- events

    def typed(self, number: int, data: bytes) -> None:
        """Guess at the input that was sent under this number."""
        self._typed, self.stale = number, True
        if len(data) == 1 and b" " <= data < b"\x7f":
            self._key(number, data.decode())
            return
        for token, _ in tokens(data):
            if token in _EDITING:
                self._key(number, _EDITING[token])
            elif token[0] < 0x20:
                self._wait_for(number)
                return  # a control or another sequence: all behind it is of unknown effect too
            else:
                text = token.decode("utf-8", "replace")
                self._key(number, text if _NARROW.fullmatch(text) else "")

    def give_up(self, number: int) -> None:
        """Forget all guesses until input of unknown effect has been acknowledged."""
        self._typed = number
        self._forget()

    def acknowledged(self, number: int) -> None:
        """Judge the guesses for input up to `number`, the effect of which the view shows."""
        if number <= self._acknowledged:
            return
        self._acknowledged = number
        judged = [guess for guess in self._guesses if guess.number <= number]
        rest = self._guesses[len(judged) :]
        if judged and self._came_true(judged, rest):
            credited = self._confirmed, self._moved
            self._credit(judged)
            last, cursor = judged[-1], self._view.cursor
            if last.key in _MOVES and cursor == last.end and cursor != last.cursor:
                self._moved = max(self._moved, last.epoch)
            self._guesses = rest
            self.stale = self.stale or not rest or credited != (self._confirmed, self._moved)
        elif judged:
            self._guess_again(number)
            self.stale = True
        if self._barrier and number >= self._barrier:
            self._barrier, self.stale = 0, True
            waiting, self._waiting = self._waiting, []
            for later, key in waiting:
                if later > number:
                    self._key(later, key)
        if not self._guesses:
            self._judged_context = self._context()

    def output(self, *, scrolls: bool) -> None:
        """Credit guesses after a change of the view; `scrolls`: its rows may have moved."""
        if not self._guesses:
            return
        self.stale = True
        if scrolls or self._guesses[0].row != self._view.cursor[0]:  # all are in one row
            self._forget()
            return
        self._credit([each for each in self._guesses if each.epoch > self._doubted or each.epoch <= self._confirmed])

    def hide(self, hidden: bool) -> None:
        """Show no guesses while the terminal shows nothing of typed keys."""
        if hidden != self.hidden:
            self.hidden = hidden
            self._forget()

    # -- showing

    def shown(self) -> tuple[int, dict[int, str], int] | None:
        """Return row, graphemes by column and the cursor's column, if they differ from the view; None if not."""
        if self.stale:
            self._shown, self.stale = self._to_show(), False
        return self._shown

    def _to_show(self) -> tuple[int, dict[int, str], int] | None:
        cells: dict[int, str] = {}
        last = None
        for guess in self._guesses:
            if guess.epoch > (self._moved if guess.key in _MOVES else self._confirmed):
                break
            for column, text in guess.cells.items():
                if guess.seen:
                    cells.pop(column, None)
                else:
                    cells[column] = text
            last = guess
        if last is None or self.hidden:
            return None
        grapheme = self._view.grapheme
        cells = {column: text for column, text in cells.items() if grapheme(last.row, column) != text}
        if not cells and self._view.cursor == last.end:
            return None
        return last.row, cells, last.end[1]

    # -- guessing

    def _key(self, number: int, key: str) -> None:
        if self.hidden or not key or len(self._guesses) + len(self._waiting) >= MOST_IN_FLIGHT:
            self._wait_for(number)
            return
        cursor = self._view.cursor
        if self._guesses and all(cursor not in (guess.cursor, guess.end) for guess in self._guesses):
            self._forget()  # the cursor is where none of the keys on their way was typed, or leaves it
        elif not self._guesses and self._judged_context != self._context():
            self._epoch += 1  # the program has asked for something else, maybe without echo
            self._line = None
        if self._barrier:
            self._waiting.append((number, key))
        elif not self._guess(number, key):
            self._wait_for(number)

    def _context(self) -> tuple[int, int, str]:
        """Return the cursor's row and column, and the text before it."""
        row, column = self._view.cursor
        return row, column, self._view.before(row, column)

    def _wait_for(self, number: int) -> None:
        """Guess no further until this key is acknowledged: its effect, and the place of those behind it, is unknown."""
        self._barrier = number
        self._epoch += 1
        self._waiting.clear()
        self._line = None

    def _guess(self, number: int, key: str) -> bool:
        """Guess one key from where the last guess leaves the cursor; return False if its effect is not known."""
        row, column = self._guesses[-1].end if self._guesses else self._view.cursor
        line = self._line
        if line is not None and (line.row != row or not line.start <= column <= line.end):
            line = self._line = None
        if key == LEFT:
            effect = self._left(row, column, line)
        elif key == RIGHT:
            effect = (column + 1, {}) if line is not None and column < line.end else None
        elif key == ERASE:
            effect = self._erase(row, column, line)
        else:
            effect = self._print(row, column, line, key)
        if effect is None:
            return False
        column, cells = effect
        guess = Guess(number, key, self._epoch, (row, column), cells)
        guess.cursor = self._view.cursor
        guess.visible = key != _BLANK and not self._shows(guess)
        self._guesses.append(guess)
        return True

    # The effect of a key: the column of the cursor after it, and the cells that change; None if that is not known.

    def _print(self, row: int, column: int, line: Span | None, key: str) -> Effect | None:
        """Print a character: cells that surely belong to the line move right; any other is overwritten."""
        if line is None:
            line = self._line = Span(row, column, column)
        end = line.end + 1
        if end >= self._view.columns:  # nothing is guessed in the last column: the line may wrap there
            return None
        cells = {x + 1: self._text(row, x) for x in range(column, line.end)}
        cells[column] = key
        line.end = end
        return column + 1, cells

    def _erase(self, row: int, column: int, line: Span | None) -> Effect | None:
        """Erase the character before the cursor: within the line, or at the end of the text in the row."""
        if line is not None and column > line.start:
            cells = {x - 1: self._text(row, x) for x in range(column, line.end)}
            line.end -= 1
            cells[line.end] = _BLANK
            return column - 1, cells
        if not column or self._text(row, column - 1) == _BLANK or not self._blank_from(row, column):
            return None
        self._line = Span(row, column - 1, column - 1)
        return column - 1, {column - 1: _BLANK}

    def _left(self, row: int, column: int, line: Span | None) -> Effect | None:
        if line is not None and column > line.start:
            return column - 1, {}
        if not column or self._text(row, column - 1) in (_BLANK, ""):
            return None
        if line is not None:
            line.start = column - 1
        elif self._blank_from(row, column):
            self._line = Span(row, column - 1, column)
        return column - 1, {}

    def _text(self, row: int, column: int) -> str:
        """Return the text of a cell when all guesses have come true."""
        for guess in reversed(self._guesses):
            if column in guess.cells and guess.row == row:
                return guess.cells[column]
        return self._view.grapheme(row, column)

    def _blank_from(self, row: int, column: int) -> bool:
        return all(self._text(row, x) == _BLANK for x in range(column, self._view.columns))

    # -- judging

    def _credit(self, guesses: list[Guess]) -> None:
        """Note in which epochs the program has echoed, and so moves the cursor too."""
        for guess in guesses:
            if not guess.seen and guess.visible and self._shows(guess):
                guess.seen = True
                self._confirmed = max(self._confirmed, guess.epoch)
                self._moved = max(self._moved, self._confirmed)

    def _shows(self, guess: Guess) -> bool:
        grapheme, row = self._view.grapheme, guess.row
        # No generator: this runs several times for each key.
        return not [text for column, text in guess.cells.items() if grapheme(row, column) != text]

    def _came_true(self, judged: list[Guess], later: list[Guess]) -> bool:
        """Return whether the view holds the judged guesses, save in cells that later ones touch. All are in one row."""
        expected: dict[int, str] = {}
        for guess in judged:
            expected |= guess.cells
        row, grapheme = judged[0].row, self._view.grapheme
        for column, text in expected.items():
            if grapheme(row, column) != text and not [guess for guess in later if column in guess.cells]:
                return False
        # A key of unknown effect behind them may have moved the cursor already.
        return self._barrier > 0 or self._view.cursor in [guess.end for guess in (judged[-1], *later)]

    def _guess_again(self, number: int) -> None:
        """Guess the keys that are not acknowledged yet again, in an epoch of their own, since a guess was wrong."""
        again = [(guess.number, guess.key) for guess in self._guesses if guess.number > number]
        self._guesses.clear()
        if self._barrier:
            return  # the keys after an unknown one are not known either
        self._epoch += 1
        self._doubted = self._epoch
        self._line = None
        for later, key in again:
            self._key(later, key)

    def _forget(self) -> None:
        """Forget all guesses until everything typed has been acknowledged."""
        self._guesses.clear()
        self.stale = True
        self._wait_for(self._typed if self._typed > self._acknowledged else 0)
