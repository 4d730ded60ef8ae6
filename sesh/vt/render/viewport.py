"""The part of the screen that a terminal of another size shows: its viewport.

Only rows that have changed since the last time are sent. The viewport contains the cursor and moves only when it must.
It returns to the first column, where prompts and output begin, as soon as the cursor fits, and moves up instead of
showing blank rows at its end.
"""

from __future__ import annotations

from sesh.vt.emulator import Emulator
from sesh.vt.encoded import encode
from sesh.vt.render.clean_screen import CANCEL, NEUTRAL, clean_screen
from sesh.vt.render.replay import input_settings
from sesh.vt.row import Row
from sesh.vt.screen import Screen

_BLANK = "\x1b[K"


class Viewport:
    """A terminal of `columns` by `rows`, and its state after all bytes sent to it."""

    def __init__(self, columns: int, rows: int, *, clear: bool = True, alternate: bool = False) -> None:
        self.columns, self.rows = max(1, columns), max(1, rows)
        self.top = self.left = 0
        self.alternate = alternate  # the terminal is on its alternate screen, as far as that is known
        self._clear = clear  # first scroll the terminal's content away; otherwise it already shows the session
        self._sent: list[str] | None = None
        self._settings = ""
        self._cursor = ""

    def update(self, emulator: Emulator) -> bytes:
        """Return the bytes that update the terminal; empty without changes."""
        screen = emulator.screen
        self._follow(*emulator.cursor, screen)
        out: list[str] = []
        if self._sent is None:
            out.append((clean_screen(self.columns, self.rows) if self._clear else CANCEL + NEUTRAL).decode())
        if self._sent is None or self.alternate != emulator.alternate:
            self.alternate = emulator.alternate
            out.append("\x1b[?1049h" if self.alternate else "\x1b[?1049l" + NEUTRAL.decode())
            self._sent = [""] * self.rows
            self._settings = ""  # each screen has its own flags of kitty's keyboard protocol
        visible = screen.rows[self.top : self.top + self.rows]
        texts = [self._text(row) for row in visible] + [_BLANK] * (self.rows - len(visible))
        for y, (text, sent) in enumerate(zip(texts, self._sent)):
            if text != sent:
                out.append(f"\x1b[{y + 1};1H{text}")
        self._sent = texts
        if (settings := input_settings(screen)) != self._settings:
            out.append(settings)
            self._settings = settings
        row, column = emulator.cursor
        visibility = "\x1b[?25l" if screen.cursor.hidden else "\x1b[?25h"
        cursor = f"\x1b[{row - self.top + 1};{column - self.left + 1}H{visibility}"
        if out or cursor != self._cursor:
            out.append(cursor)
            self._cursor = cursor
        return "".join(out).encode()

    def _follow(self, row: int, column: int, screen: Screen) -> None:
        """Move the viewport to the cursor, with as little blank space as possible."""
        least = max(0, row - self.rows + 1)
        self.top = min(max(self.top, least), row)
        if self.top > least:
            rows = screen.rows
            end = next((y + 1 for y in range(len(rows) - 1, row, -1) if rows[y].end()), row + 1)
            self.top = min(self.top, max(least, end - self.rows))
        left = self.left if column >= self.columns else 0
        self.left = min(max(left, column - self.columns + 1), column, max(0, screen.columns - self.columns))

    def _text(self, row: Row) -> str:
        line = row.part(self.left, self.left + self.columns).trimmed()
        text = encode(line, reset=True)
        return text + _BLANK if len(line) < self.columns else text
