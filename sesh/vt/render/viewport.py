"""The picture for a terminal of another size: a clipped part of the screen, drawn row by row.

Only rows that changed since the last call are sent. The part shown holds the cursor and moves only when it must.
"""

from __future__ import annotations

from sesh.vt.ansi import Painter
from sesh.vt.cell import DEFAULT
from sesh.vt.graphemes import narrowed
from sesh.vt.grid import Row
from sesh.vt.modes import ENCODINGS, MOUSE
from sesh.vt.render.clean_screen import LEAVE, NEUTRAL, clean_screen
from sesh.vt.render.replay import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.vt.emulator import Emulator
    from sesh.vt.screen import Screen

#: Modes that decide what the terminal sends: cursor keys, focus, bracketed paste, mouse.
_INPUT = (1, 1004, 2004, *MOUSE, *ENCODINGS)

_BLANK = "\x1b[K"
"""A row in which nothing stands."""


class Viewport:
    """What one terminal of `columns` by `rows` has been shown.

    `clear`: it shows something else as yet, which is scrolled away first; otherwise this session, which is drawn over.
    """

    def __init__(self, columns: int, rows: int, *, clear: bool = True) -> None:
        self._clear = clear
        self.columns, self.rows = max(1, columns), max(1, rows)
        self.top = self.left = 0
        self._shown: list[str] | None = None
        self._modes: dict[str, str] = {}
        self._cursor = ""

    def draw(self, emulator: Emulator) -> bytes:
        """The bytes that bring the terminal up to date; empty where nothing changed."""
        screen = emulator.screen
        self._follow(*emulator.cursor, screen.columns, screen.lines)
        painter = Painter()
        if self._shown is None:
            start = clean_screen(self.rows) if self._clear else LEAVE + NEUTRAL
            painter.out.append(start.decode())
            self._shown = [_BLANK if self._clear else ""] * self.rows
        window = screen.buffer[self.top : self.top + self.rows]
        texts = [self._text(row) for row in window] + [_BLANK] * (self.rows - len(window))
        for y, (text, old) in enumerate(zip(texts, self._shown, strict=True)):
            if text != old:
                painter.out.append(f"\x1b[{y + 1};1H{text}")
        changed = bool(painter.out)
        self._shown = texts
        painter.out.extend(self._input(screen))
        row, column = emulator.cursor
        place = f"\x1b[{row - self.top + 1};{column - self.left + 1}H"
        cursor = place + ("\x1b[?25l" if screen.cursor.hidden else "\x1b[?25h")
        if changed or cursor != self._cursor:
            painter.out.append(cursor)
            self._cursor = cursor
        return str(painter).encode()

    def _follow(self, row: int, column: int, columns: int, rows: int) -> None:
        """Move the part shown so that it holds the cursor, and no further over the edge than it must."""
        self.top = min(max(self.top, row - self.rows + 1), row, max(0, rows - self.rows))
        self.left = min(max(self.left, column - self.columns + 1), column, max(0, columns - self.columns))

    def _text(self, row: Row) -> str:
        """A row's part that shows, from the first column, the pen at rest before and after it."""
        cells = row[self.left : self.left + self.columns]
        if cells and not cells[0].data:
            cells[0] = cells[0].pen.space
        end = self.left + len(cells)
        cut = end < len(row) and not row[end].data
        if cut or (len(cells) == self.columns and narrowed(cells[-1].data)):
            cells[-1] = cells[-1].pen.space
        while cells and cells[-1] == DEFAULT.space:
            cells.pop()
        painter = Painter()
        painter.cells(cells)
        painter.use(DEFAULT)
        if len(cells) < self.columns:
            painter.out.append("\x1b[K")
        return str(painter)

    def _input(self, screen: Screen) -> list[str]:
        """What changed of the modes that decide what the terminal sends."""
        now = {f"\x1b[?{number}l": f"\x1b[?{number}h" for number in _INPUT if screen.modes.get(number)}
        if screen.keypad:
            now["\x1b>"] = "\x1b="
        if screen.kitty_flags:
            now["\x1b[=0;1u"] = keys([screen.kitty_flags])
        for resource, value in screen.key_resources.items():
            now[f"\x1b[>{resource}m"] = f"\x1b[>{resource};{value}m"
        out = [off for off in self._modes if off not in now]
        out += [on for off, on in now.items() if self._modes.get(off) != on]
        self._modes = now
        return out
