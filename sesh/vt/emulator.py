"""The emulator: bytes in, the state of a terminal out. It never raises.

Its state is also plain data, for a daemon that replaces its own program and to compare emulators: rows and lines are
encoded texts (see `cell`), which are canonical; pens are SGR parameters and a link.
"""

from __future__ import annotations

from typing import Any

from sesh.vt.cell import DEFAULT, Encoder, Pen, apply_sgr, closed, plain, with_link
from sesh.vt.images import CELL, begins
from sesh.vt.logical import decoded
from sesh.vt.marks import unmarked
from sesh.vt.reflow import unwrap
from sesh.vt.row import Row, row_of
from sesh.vt.screen import SavedCursor, Screen, Stacks
from sesh.vt.scrollback import Scrollback
from sesh.vt.tokenizer import Tokenizer

_PLAIN = (
    "top", "bottom", "left", "right", "title", "icon_name", "joinable", "origin", "insert", "linefeed_mode", "wrap",
    "gl", "single_shift", "left_right_mode", "keypad", "cursor_style", "cwd",
)  # fmt: skip
_LISTS = ("charsets", "kitty_stack", "hidden_kitty_stack")
_SETS = ("ever_set_modes", "ever_set_resources", "ever_changed")
_NUMBERED = ("modes", "saved_modes", "key_resources", "palette", "dynamic")
"""Attributes of the screen that are plain data already; that are lists or tuples, sets, and dictionaries by number."""


def _load_pen(pair: list[str]) -> Pen:
    return with_link(apply_sgr(DEFAULT, pair[0]), pair[1])


def _dump_saved(saved: SavedCursor) -> list[object]:
    return [saved.row, saved.column, [saved.pen.sgr, saved.pen.link], list(saved.charsets), saved.gl, saved.origin]


def _load_saved(data: list[Any]) -> SavedCursor:
    row, column, pen, charsets, gl, origin = data
    return SavedCursor(row, column, _load_pen(pen), tuple(charsets), gl, origin)


def _dump_rows(rows: list[Row]) -> list[list[object]]:
    followings = [*rows[1:], None]
    return [
        [row.encoded(), row.wrapped, row.ends_in_spacer(following)]
        for row, following in zip(rows, followings, strict=True)
    ]


def _dump_marks(rows: list[Row]) -> dict[str, list[list[object]]]:
    """Return the marks of rows that have one under the second half of a wide character, where an encoded text cannot
    hold it."""
    return {
        str(y): [list(mark) for mark in row.marks]
        for y, row in enumerate(rows)
        if row.marks and any(0 < column < len(row) and not row.grapheme(column) for column, _ in row.marks)
    }


def _load_rows(data: list[list[Any]], columns: int) -> list[Row]:
    rows = []
    for text, wrapped, spacer in data:
        marks: list[tuple[int, str]] = []
        row = row_of(decoded(text, marks), columns)
        row.marks = tuple(marks)
        row.wrapped = wrapped
        row.spacer = spacer
        rows.append(row)
    return rows


SMALLEST, LARGEST = 1, 1000
"""Bounds of a screen, in columns and in rows."""


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

    def feed(self, data: bytes, seconds: float | None = None) -> int:
        """Act on the output of a program. Never raises; see `errors`.

        Once `seconds` are over it stops between two sequences. It returns how many bytes it acted on, one at least;
        what is left is to be fed again.
        """
        return self.tokenizer.feed(data, seconds)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, clamped to 1 to 1000; the main screen is reflowed, the alternate screen is not."""
        self.screen.resize(_clamped(rows), _clamped(columns))

    def set_cell(self, size: tuple[int, int] | None) -> None:
        """Set width and height of a cell in pixels; None if unknown."""
        self.screen.images.cell = size or CELL

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
    def in_image(self) -> bool:
        """True if an image has begun and not ended: the next bytes belong to it. An image in parts that was given up
        has ended once something else is printed."""
        images = self.screen.images
        return begins(self.tokenizer.pending) or (images.loading is not None and images.place == self.screen.place)

    @property
    def errors(self) -> int:
        """Number of sequences that failed inside the emulator."""
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
    def alternate(self) -> bool:
        """True if the alternate screen shows."""
        return self.screen.alternate

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor, from 0. While a wrap is pending: the last column, or the right margin."""
        cursor = self.screen.cursor
        if self.screen.margin_wrap == (cursor.y, cursor.x):
            return cursor.y, cursor.x - 1
        return cursor.y, min(cursor.x, self.columns - 1)

    @property
    def cursor_visible(self) -> bool:
        """DECTCEM."""
        return not self.screen.cursor.hidden

    @property
    def cursor_style(self) -> int:
        """DECSCUSR; 0 if the program has set none."""
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
    def stacks(self) -> Stacks:
        """Sizes of the stacks to which the program has pushed."""
        screen = self.screen
        shown, hidden = len(screen.kitty_stack) - 1, len(screen.hidden_kitty_stack) - 1
        flags = (hidden, shown) if screen.alternate else (shown, hidden)
        return Stacks(*flags, tuple(part for part, _ in screen.titles))

    @property
    def scrolled(self) -> int:
        """All logical lines that ever went into the scrollback; it only grows."""
        return self.scrollback.scrolled

    def mode(self, number: int, private: bool = True) -> bool | None:
        """Return whether a mode is set; None for an unknown one."""
        return self.screen.get_mode(number, private)

    def pen_sgr(self) -> str:
        """The pen as SGR parameters."""
        return self.screen.pen.sgr or "0"

    # -- text ---------------------------------------------------------------------------------------------

    def text(self) -> list[str]:
        """The visible rows as plain text, without blanks at their ends."""
        return [row.plain() for row in self.screen.rows]

    def last_lines(self, count: int, *, ansi: bool = False) -> list[str]:
        """Return the last `count` logical lines of scrollback and main screen, with their SGR if `ansi`.

        Empty lines at the end do not count, nor does an empty line with the cursor.
        """
        if count <= 0:
            return []
        self.screen.settle_scrollback()
        rows = self.screen.main_rows
        lines = unwrap(rows)[0]
        texts = self.scrollback.last(count)
        if texts and rows[0].wrapped:
            # The last line of the scrollback goes on on the screen.
            encoder = Encoder(*self.scrollback.end)
            lines.pop(0).write(encoder)
            texts[-1] += str(encoder)
        while lines and not lines[-1]:
            lines.pop()
        texts = (texts + [line.encoded() for line in lines])[-count:]
        texts = list(map(unmarked, texts))
        return [closed(text) if ansi else plain(text) for text in texts]

    def lines_before(self, until: int, count: int, most: int, *, ansi: bool = False) -> tuple[list[str], int]:
        """Return up to `count` of these lines before number `until`, and the number of the first; `most` characters.

        Lines are numbered as they scroll off; those of the screen come behind them.
        """
        self.screen.settle_scrollback()
        if until > self.scrollback.completed:
            rows = self.screen.main_rows
            on_screen = unwrap(rows)[0]
            while on_screen and not on_screen[-1]:
                on_screen.pop()
            joined = bool(on_screen) and rows[0].wrapped and not self.scrollback.open
            end = self.scrollback.completed + len(on_screen) - joined
            behind = max(0, end - until)  # a resize may have taken back lines that were read before
            lines = self.last_lines(count + behind, ansi=ansi)
            lines = lines[: len(lines) - behind]
            until = end - behind
        else:
            raw: list[bytes] = []
            start = min(until, max(until - count, self.scrollback.first))
            for portion in self.scrollback.since(start):
                raw += portion
                if len(raw) >= until - start:
                    break
            texts = [unmarked(line.decode()) for line in raw[: until - start]]
            lines = [closed(text) if ansi else plain(text) for text in texts]
        kept, size = 0, 0
        for line in reversed(lines):
            size += len(line)
            if kept and size > most:
                break
            kept += 1
        return lines[len(lines) - kept :], max(0, until - kept)

    def rows_below(self) -> int:
        """Return the number of rows from below the cursor to the last one that holds anything."""
        rows = self.screen.rows
        y = self.screen.cursor.y
        last = max((index for index in range(y + 1, len(rows)) if rows[index].line(trimmed=True)), default=y)
        return last - y

    # -- state --------------------------------------------------------------------------------------------

    def state(self) -> dict[str, object]:
        """All of it as plain data, fit for JSON."""
        screen, tokenizer = self.screen, self.tokenizer
        screen.settle_scrollback()
        cursor = screen.cursor
        partial, flags = tokenizer.decoder.getstate()
        return {
            "columns": screen.columns,
            "rows": screen.lines,
            "screen": _dump_rows(screen.rows),
            "main": screen.main and _dump_rows(screen.main),
            "alternate_rows": screen.alternate_rows and _dump_rows(screen.alternate_rows),
            "marks": _dump_marks(screen.main_rows),
            "scrollback": screen.scrollback.state(),
            "cursor": [cursor.y, cursor.x, cursor.hidden],
            "margin_wrap": None if screen.margin_wrap != (cursor.y, cursor.x) else list(screen.margin_wrap),
            "pen": [screen.pen.sgr, screen.pen.link],
            "tabs": list(screen.tabstops),
            "saved": _dump_saved(screen.saved),
            "hidden_saved": _dump_saved(screen.hidden_saved),
            "titles": [[part, icon, title] for part, (icon, title) in screen.titles],
            "pending": tokenizer.pending,
            "partial": partial.decode("latin-1"),
            "decoder": flags,
            "errors": tokenizer.errors,
            "skipped": tokenizer.skipped,
            "images": screen.images.state(),
            **{name: getattr(screen, name) for name in _PLAIN},
            **{name: list(getattr(screen, name)) for name in _LISTS},
            **{name: sorted(getattr(screen, name)) for name in _SETS},
            **{name: {str(key): value for key, value in sorted(getattr(screen, name).items())} for name in _NUMBERED},
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Emulator:
        """The emulator that `state()` was called on."""
        bounds = state["scrollback"]
        emulator = cls(state["columns"], state["rows"], max_lines=bounds["max_lines"], max_bytes=bounds["max_bytes"])
        screen, tokenizer = emulator.screen, emulator.tokenizer
        screen.scrollback.load(state["scrollback"])
        screen.buffer = _load_rows(state["screen"], screen.columns)
        screen.main = state["main"] and _load_rows(state["main"], screen.columns)
        screen.alternate_rows = state["alternate_rows"] and _load_rows(state["alternate_rows"], screen.columns)
        for y, marks in state["marks"].items():
            screen.main_rows[int(y)].marks = tuple((int(column), str(body)) for column, body in marks)
        screen.cursor.y, screen.cursor.x, screen.cursor.hidden = state["cursor"]
        screen.margin_wrap = state["margin_wrap"] and (state["margin_wrap"][0], state["margin_wrap"][1])
        for name in _PLAIN + _LISTS:
            setattr(screen, name, state[name])
        for name in _SETS:
            setattr(screen, name, set(state[name]))
        for name in _NUMBERED:
            setattr(screen, name, {int(number): value for number, value in state[name].items()})
        screen.set_left_right(screen.left, screen.right)
        screen.pen = _load_pen(state["pen"])
        screen.charsets = tuple(screen.charsets)
        screen.shift(screen.gl)
        screen.tabstops = sorted(state["tabs"])
        screen.saved, screen.hidden_saved = _load_saved(state["saved"]), _load_saved(state["hidden_saved"])
        screen.titles = [(part, (icon, title)) for part, icon, title in state["titles"]]
        tokenizer.pending = state["pending"]
        tokenizer.decoder.setstate((state["partial"].encode("latin-1"), state["decoder"]))
        tokenizer.errors = state["errors"]
        tokenizer.skipped = state["skipped"]
        screen.images.load(state["images"])
        return emulator
