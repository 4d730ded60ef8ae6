"""The emulator: bytes in, the state of a terminal out. It never raises."""

from __future__ import annotations

from sesh.vt import snapshot
from sesh.vt.ansi import Encoder, closed, data_of, encode, plain
from sesh.vt.row import logical_lines
from sesh.vt.screen import Screen
from sesh.vt.scrollback import Scrollback
from sesh.vt.tokenizer import Tokenizer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Bounds of a screen, in columns and in rows.
SMALLEST, LARGEST = 1, 1000


def _clamped(size: int) -> int:
    return min(max(size, SMALLEST), LARGEST)


class Emulator:
    """A terminal without a display.

    `max_lines` and `max_bytes` bound the scrollback. Sizes are in character cells.
    """

    def __init__(self, columns: int, rows: int, *, max_lines: int = 10_000, max_bytes: int = 8 << 20) -> None:
        self.scrollback = Scrollback(max_lines, max_bytes)
        self.screen = Screen(_clamped(columns), _clamped(rows), self.scrollback)
        self.tokenizer = Tokenizer(self.screen)

    def feed(self, data: bytes) -> None:
        """Act on the output of a program. Never raises; see `errors`."""
        self.tokenizer.feed(data)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, clamped to 1 to 1000; the main screen is reflowed, the alternate screen is not."""
        self.screen.resize(_clamped(rows), _clamped(columns))

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
        """What OSC 7 set last, normally a file URL."""
        return self.screen.cwd

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen shows."""
        return self.screen.alternate

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor, from 0; the last column where a wrap is pending."""
        cursor = self.screen.cursor
        return cursor.y, min(cursor.x, self.columns - 1)

    @property
    def cursor_visible(self) -> bool:
        """DECTCEM."""
        return not self.screen.cursor.hidden

    @property
    def cursor_style(self) -> int:
        """DECSCUSR, 0 where the program has set none."""
        return self.screen.cursor_style

    @property
    def margins(self) -> tuple[int, int, int, int]:
        """First and last row, first and last column of the scrolling region, from 0."""
        screen = self.screen
        return screen.top, screen.bottom, screen.left, screen.right

    @property
    def kitty_flags(self) -> int:
        """The kitty keyboard flags in force."""
        return self.screen.kitty_flags

    @property
    def scrolled(self) -> int:
        """All logical lines that ever went into the scrollback; it only grows."""
        return self.scrollback.scrolled

    def mode(self, number: int, private: bool = True) -> bool | None:
        """Whether a mode is set; None for an unknown one."""
        return self.screen.get_mode(number, private)

    def pen_sgr(self) -> str:
        """The pen as SGR parameters."""
        return self.screen.pen.sgr or "0"

    # -- text ---------------------------------------------------------------------------------------------

    def text(self) -> list[str]:
        """The visible rows as plain text, without blanks at their ends."""
        return ["".join(map(data_of, row)).rstrip(" ") for row in self.screen.buffer]

    def last_lines(self, count: int, *, ansi: bool = False) -> list[str]:
        """The last `count` logical lines of scrollback and main screen, with their SGR where `ansi`.

        Empty lines at the end do not count, nor does an empty line with the cursor.
        """
        if count <= 0:
            return []
        self.screen.settle_scrollback()
        rows = self.screen.main_rows
        lines = logical_lines(rows)
        texts = self.scrollback.last(count)
        if texts and rows[0].wrapped:
            # The last line of the scrollback goes on on the screen.
            encoder = Encoder(*self.scrollback.end)
            encoder.cells(lines.pop(0))
            texts[-1] += str(encoder)
        while lines and not lines[-1]:
            lines.pop()
        texts = (texts + [encode(line) for line in lines])[-count:]
        return [closed(text) if ansi else plain(text) for text in texts]

    def rows_below(self) -> int:
        """How many rows below the cursor there are up to the last one that holds anything."""
        rows = self.screen.buffer
        y = self.screen.cursor.y
        last = max((at for at in range(y + 1, len(rows)) if rows[at].trimmed()), default=y)
        return last - y

    # -- state --------------------------------------------------------------------------------------------

    def state(self) -> dict[str, object]:
        """All of it as plain data, fit for JSON."""
        return snapshot.dump(self.screen, self.tokenizer)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Emulator:
        """The emulator that `state()` was called on. Raises ValueError for a state of another version."""
        if state.get("version") != snapshot.VERSION:
            raise ValueError(f"state of version {state.get('version')!r}, not {snapshot.VERSION}")
        bounds = state["scrollback"]
        emulator = cls(state["columns"], state["rows"], max_lines=bounds["max_lines"], max_bytes=bounds["max_bytes"])
        snapshot.load(emulator.screen, emulator.tokenizer, state)
        return emulator
