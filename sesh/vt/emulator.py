"""The emulator: turns output into the state of a terminal."""

from __future__ import annotations

from itertools import chain
from math import inf
from time import perf_counter

from sesh.vt.bulk import Bulk, ScrollState
from sesh.vt.encoded import PROMPT, closed, encode, without_sgr
from sesh.vt.images import is_image_start
from sesh.vt.modes import Stacks
from sesh.vt.parser import Parser
from sesh.vt.reflow import unwrap
from sesh.vt.screen import Screen
from sesh.vt.scrollback import Scrollback
from sesh.vt.timeline import Timeline

MIN_SIZE, MAX_SIZE = 1, 1000  # bounds of a screen, in columns and in rows
_ALL = 1 << 62  # above every number of lines or characters
SLICE = 64 << 10  # bytes that are searched for bulk output at once, and that `feed` takes at most with a deadline


def _clamped(size: int) -> int:
    return min(max(size, MIN_SIZE), MAX_SIZE)


class Emulator:
    """A terminal without a display. `max_lines`, `max_bytes`: limits of the scrollback."""

    def __init__(self, columns: int, height: int, *, max_lines: int = 10_000, max_bytes: int = 8 << 20) -> None:
        self._parser = Parser(Screen(_clamped(columns), _clamped(height), Scrollback(max_lines, max_bytes)))
        self._bulk = Bulk(self._parser)
        self.times = Timeline()  # of lines, by their numbers

    @property
    def screen(self) -> Screen:
        """The screen, with its scrollback; first, what `feed` has left of bulk output is parsed."""
        self._bulk.parse_tail()
        return self._parser.screen

    @property
    def unfinished(self) -> bytes:
        """The bytes of an unfinished sequence and of an unfinished character after it."""
        return self._parser.unfinished

    @property
    def last_error(self) -> Exception | None:
        return self._parser.last_error

    def feed(self, data: bytes, seconds: float | None = None) -> int:
        """Parse output; return the number of bytes parsed, at least one.

        With `seconds`, one slice is parsed, up to the deadline; the caller then feeds the remaining bytes. `feed` never
        raises: a sequence that fails is skipped (`last_error`).
        """
        if seconds is not None:
            return self._bulk.feed(data[:SLICE], perf_counter() + seconds)
        start = 0
        while start < len(data):
            start += self._bulk.feed(data[start : start + SLICE])
        return start

    def resize(self, columns: int, height: int) -> None:
        """Reflow the main screen, and crop the alternate one; sizes are clamped to 1..1000."""
        self.screen.change_size(_clamped(columns), _clamped(height))

    @property
    def columns(self) -> int:
        return self._parser.screen.columns

    @property
    def height(self) -> int:
        return self._parser.screen.height

    @property
    def in_image(self) -> bool:
        return is_image_start(self._parser.pending)

    @property
    def alternate(self) -> bool:
        return self._parser.screen.alternate  # which bulk output leaves as it is

    @property
    def cursor(self) -> tuple[int, int]:
        """The cursor's row and column, from 0; with a wrap pending, the column printed last."""
        screen = self.screen
        return screen.cursor.y, screen.cursor.x - screen.pending_wrap

    @property
    def stacks(self) -> Stacks:
        screen = self._parser.screen
        pushed = [len(screen.kitty_stack) - 1, len(screen.other.kitty_stack) - 1]
        main, alternate = pushed[::-1] if screen.alternate else pushed
        return Stacks(main, alternate, screen.titles.parameters)

    @property
    def scrolled(self) -> int:
        return self.scroll_state().scrolled

    def scroll_state(self) -> ScrollState:
        """Return what has scrolled off; as a rule this parses nothing, so it costs little amid bulk output."""
        return self._bulk.scroll_state()

    def note_time(self, second: int) -> None:
        """Note that what is fed from now on came in a second, or later: the cursor's line, and those below."""
        self.times.note(second, self.cursor_line)
        self.times.forget(self._parser.screen.scrollback.first)

    @property
    def cursor_line(self) -> int:
        """The number of the main screen's line that the cursor is in."""
        state = self.scroll_state()
        line = state.first_line + state.on_screen
        if state.open_rows and not state.on_screen:  # the cursor may be in the line that has begun above the screen
            screen = self.screen
            row = screen.other.saved.row if screen.alternate else screen.cursor.y
            line -= all(each.continues for each in screen.main_rows[: row + 1])
        return line

    def mode(self, number: int, private: bool = True) -> bool | None:
        """Return whether a mode is set; None for an unknown mode."""
        return self._parser.screen.get_mode(number, private)  # which bulk output leaves as it is

    def text(self) -> list[str]:
        return [row.trimmed_text() for row in self.screen.rows]

    def last_lines(self, count: int, *, ansi: bool = False, since: float | None = None) -> list[str]:
        """Return the last logical lines of scrollback and main screen, with SGR if `ansi`.

        Empty lines at the end are left out, even the cursor's line. `since`: only those that came in this second (see
        `note_time`) or later.
        """
        return self.lines_before(_ALL, count, _ALL, ansi=ansi, first=self.first_since(since))[0]

    def first_since(self, second: float | None) -> int:
        """Return the number of the first line that came in a second or later; 0 for None."""
        if second is None:
            return 0
        first = self.times.first_since(second)
        return _ALL if first is None else first

    def lines_before(
        self, until: int, count: int, most: int, *, ansi: bool = False, seconds: float = inf, first: int = 0
    ) -> tuple[list[str], int]:
        """Return the logical lines from number `first` to before `until`, and the number of the first returned.

        The screen's lines are numbered after those of the scrollback. At most `count` lines are returned, with at most
        `most` characters in all (a single line may be longer), and fewer once `seconds` have passed.
        """
        deadline = perf_counter() + seconds
        screen = self.screen
        screen.sync_scrollback()
        scrollback = screen.scrollback
        on_screen = [encode(line) for line in unwrap(scrollback.open_rows + screen.main_rows)]
        while on_screen and not on_screen[-1].removeprefix(PROMPT):
            on_screen.pop()
        until = min(until, scrollback.end + len(on_screen))
        lines: list[str] = []
        count = min(count, until - first)
        if count < 1:
            return [], until
        for part in chain([on_screen[: max(0, until - scrollback.end)]], scrollback.backwards(until)):
            for text in reversed(part):
                lines.append(closed(text) if ansi else without_sgr(text))
                most -= len(lines[-1])
                if most < 0 and len(lines) > 1:
                    lines.pop()
                elif len(lines) < count:
                    continue
                return lines[::-1], until - len(lines)
            if lines and perf_counter() >= deadline:
                break
        return lines[::-1], until - len(lines)

    def used_rows(self) -> int:
        """Count the rows from the cursor's to the last one that is not blank."""
        screen = self.screen
        y = screen.cursor.y
        return max((index + 1 - y for index, row in enumerate(screen.rows) if index >= y and row.end()), default=0)
