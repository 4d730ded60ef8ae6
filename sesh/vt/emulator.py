"""The emulator: bytes in, the state of a terminal out. It runs behind the relay and never raises."""

from __future__ import annotations

from sesh.vt.ansi import Painter, data_of, plain
from sesh.vt.screen import Screen
from sesh.vt.scrollback import Scrollback, leftover, trimmed
from sesh.vt.snapshot import restored, snapshot
from sesh.vt.tokenizer import Tokenizer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.vt.cell import Cell
    from sesh.vt.grid import Row

#: Bounds of a screen, in columns and in rows.
SMALLEST, LARGEST = 1, 1000


def clamped(size: int) -> int:
    """A number of columns or rows that a screen may have."""
    return min(max(size, SMALLEST), LARGEST)


class Emulator:
    """A terminal without a display.

    `max_lines` and `max_bytes` bound the scrollback. Sizes are in character cells.
    """

    def __init__(self, columns: int, rows: int, *, max_lines: int = 10_000, max_bytes: int = 8 << 20) -> None:
        self.scrollback = Scrollback(max_lines, max_bytes)
        self.screen = Screen(clamped(columns), clamped(rows), self.scrollback)
        self.tokenizer = Tokenizer(self.screen)

    def feed(self, data: bytes) -> None:
        """Act on what the program wrote. Never raises; see `errors`."""
        self.tokenizer.feed(data)

    def resize(self, columns: int, rows: int) -> None:
        """Another size, clamped to 1 to 1000; the main screen reflows, the alternate one does not."""
        self.screen.resize(clamped(rows), clamped(columns))

    # -- what is set --------------------------------------------------------------------------------------

    @property
    def columns(self) -> int:
        """Width in cells."""
        return self.screen.columns

    @property
    def rows(self) -> int:
        """Height in cells."""
        return self.screen.lines

    @property
    def errors(self) -> int:
        """How many sequences failed inside the emulator."""
        return self.tokenizer.errors

    @property
    def last_error(self) -> Exception | None:
        """The newest of those failures."""
        return self.tokenizer.last_error

    @property
    def title(self) -> str:
        """The window title (OSC 0, 2)."""
        return self.screen.title

    @property
    def icon(self) -> str:
        """The icon name (OSC 0, 1)."""
        return self.screen.icon_name

    @property
    def cwd(self) -> str:
        """What OSC 7 said last, a file URL as a rule."""
        return self.screen.cwd

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen shows."""
        return self.screen.alternate

    @property
    def at_rest(self) -> bool:
        """Whether no sequence and no character is unfinished."""
        return not self.tokenizer.unfinished

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor, from 0; waiting to wrap it stands on the last column."""
        cursor = self.screen.cursor
        return cursor.y, min(cursor.x, self.columns - 1)

    @property
    def cursor_visible(self) -> bool:
        """DECTCEM."""
        return not self.screen.cursor.hidden

    @property
    def cursor_style(self) -> int:
        """DECSCUSR, 0 where the program chose none."""
        return self.screen.cursor_style

    @property
    def margins(self) -> tuple[int, int, int, int]:
        """First and last row, first and last column of the scrolling region, from 0."""
        screen = self.screen
        return screen.top, screen.bottom, screen.left, screen.right

    @property
    def kitty_flags(self) -> int:
        """kitty keyboard flags in force."""
        return self.screen.kitty_flags

    @property
    def scrolled(self) -> int:
        """Logical lines that ever went into the scrollback; it only grows."""
        return self.scrollback.scrolled

    def mode(self, number: int, private: bool = True) -> bool | None:
        """Whether a mode is set; None for one that is not known."""
        return self.screen.mode_of(number, private)

    def pen_sgr(self) -> str:
        """The pen as SGR parameters."""
        return self.screen.pen.sgr or "0"

    # -- text ---------------------------------------------------------------------------------------------

    def text(self) -> list[str]:
        """The visible rows as plain text, without blanks at their ends."""
        return ["".join(map(data_of, row)).rstrip(" ") for row in self.screen.buffer]

    def last_lines(self, count: int, *, ansi: bool = False) -> list[str]:
        """The last `count` logical lines of scrollback and main screen, with their SGR where `ansi`.

        Rows below the last one written do not count, nor does an empty line that the cursor stands on.
        """
        if count <= 0:
            return []
        screen = self.screen
        screen.settle_scrollback()
        rows = screen.main if screen.main is not None else screen.buffer
        lines = self._lines(rows)
        while lines and not lines[-1]:
            lines.pop()
        found = self.scrollback.last(count)
        if self.scrollback.open and rows[0].continues and found:
            # One painted text for the line that is partly on the screen.
            painter = Painter(self.scrollback.end[0])
            painter.last = self.scrollback.end[1]
            first = self._cells(rows, painter)
            found[-1] += first
            lines = lines[1:]
        if len(lines) < count:
            lines = found[-(count - len(lines)) :] + lines
        lines = lines[-count:]
        if not ansi:
            return [plain(line) for line in lines]
        return [_ended(line) for line in lines]

    def _lines(self, rows: list[Row]) -> list[str]:
        """The rows as logical lines, painted."""
        lines: list[str] = []
        painter = Painter()
        for y, row in enumerate(rows):
            following = rows[y + 1] if y + 1 < len(rows) else None
            painter.cells(_row_cells(row, following))
            if following is None or not following.continues:
                lines.append(str(painter))
                painter = Painter()
        return lines

    @staticmethod
    def _cells(rows: list[Row], painter: Painter) -> str:
        """The first logical line of `rows`, painted on."""
        for y, row in enumerate(rows):
            following = rows[y + 1] if y + 1 < len(rows) else None
            painter.cells(_row_cells(row, following))
            if following is None or not following.continues:
                break
        return str(painter)

    def rows_below(self) -> int:
        """How many rows below the cursor's row hold anything."""
        rows = self.screen.buffer
        y = self.screen.cursor.y
        last = max((at for at in range(y + 1, len(rows)) if trimmed(rows[at])), default=y)
        return last - y

    # -- state --------------------------------------------------------------------------------------------

    def state(self) -> dict[str, object]:
        """All of it as plain data that JSON can carry."""
        return snapshot(self)

    @classmethod
    def from_state(cls, state: dict[str, object]) -> Emulator:
        """The emulator that `state()` was taken from."""
        return restored(cls, state)


def _row_cells(row: Row, following: Row | None) -> list[Cell]:
    if following is None or not following.continues:
        return trimmed(row)
    return row[:-1] if leftover(row, following) else list(row)


def _ended(line: str) -> str:
    """A painted line that leaves no pen and no link behind."""
    if "\x1b" not in line:
        return line
    return line + ("\x1b[m\x1b]8;;\x1b\\" if "\x1b]8" in line else "\x1b[m")
