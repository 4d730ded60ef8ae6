"""The screen: all parts together, what control strings set (titles, directory, links, colours), modes, and resizing.

Only the private modes listed here are remembered; a restore leaves out all others. DECCOLM is not obeyed, as the size
is that of the terminal.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from weakref import WeakSet

from sesh.vt import grammar
from sesh.vt.cell import DEFAULT, Pen, with_link
from sesh.vt.graphemes import keep_stand_ins
from sesh.vt.grid import default_tab_stops
from sesh.vt.images import Images
from sesh.vt.marks import parsed, with_mark
from sesh.vt.modes import (
    KEYPAD,
    LEFT_RIGHT,
    MOUSE_ENCODING,
    MOUSE_TRACKING,
    OFF_BY_DEFAULT,
    ORIGIN,
    SCREENS,
    SYNCHRONIZED_OUTPUT,
    USER_DEFAULT,
)
from sesh.vt.reflow import crop, reflow
from sesh.vt.row import Row, uniform
from sesh.vt.scrollback import Scrollback
from sesh.vt.text import ASCII, Printing

STACK_LIMIT = 16
"""Pushes that are kept of the kitty keyboard stack and of the title stack."""


class SavedCursor(NamedTuple):
    """The state that DECSC saves: cursor (column = columns: a wrap is pending), pen, charsets and origin mode.

    The hyperlink is not saved (as in kitty, ghostty, xterm.js), nor is DECAWM (as in xterm, VTE, foot and others; the
    VT510's manual and kitty have it).
    """

    row: int = 0
    column: int = 0
    pen: Pen = DEFAULT
    charsets: tuple[str, ...] = (ASCII,) * 4
    gl: int = 0
    origin: bool = False


class Stacks(NamedTuple):
    """Sizes of the stacks: kitty's keyboard flags on the main and on the alternate screen, and titles, by part (see
    `grammar.pop`)."""

    main_flags: int = 0
    alternate_flags: int = 0
    titles: tuple[int, ...] = ()


class Modes(Printing):
    """SM and RM, DECSC and DECRC, DECSTR, RIS, kitty keyboard flags, modifyOtherKeys."""

    def reset(self) -> None:
        super().reset()
        self.modes: dict[int, bool] = {}
        """Private modes as the program set them, if that is not the default."""
        self.left_right_mode = False
        """DECLRMM: CSI s sets the left and right margin."""
        self.keypad = False
        self.saved = SavedCursor()
        self.hidden_saved = SavedCursor()
        """States that DECSC saved on the screen that shows, and on the other one."""
        self.kitty_stack = [0]
        self.hidden_kitty_stack = [0]
        """The stack of kitty keyboard flags of the screen that shows, the current ones last; and of the other one."""
        self.alternate_rows: list[Row] | None = None
        """The rows of the alternate screen while the main screen shows, if mode 47 left them there."""
        self.saved_modes: dict[int, bool] = {}
        """Private modes that XTSAVE saved."""
        self.key_resources: dict[int, int] = {}
        """XTMODKEYS by resource; only 4 (modifyOtherKeys) is in use today."""
        self.cursor_style = 0
        self.ever_set_modes: set[int] = getattr(self, "ever_set_modes", set())
        self.ever_set_resources: set[int] = getattr(self, "ever_set_resources", set())
        """Modes and XTMODKEYS resources that the program ever set."""

    # -- modes --------------------------------------------------------------------------------------------

    def switch_modes(self, modes: tuple[int, ...], on: bool, private: bool) -> None:
        """SM, RM, DECSET, DECRST."""
        for number in modes:
            if private:
                self.switch_private_mode(number, on)
            elif number == 4:
                self.insert = on
            elif number == 20:
                self.linefeed_mode = on

    def switch_private_mode(self, number: int, on: bool) -> None:
        """DECSET, DECRST of one mode."""
        if number == 25:
            self.cursor.hidden = not on
        elif number in OFF_BY_DEFAULT:
            if on:
                self.modes[number] = True
                self.ever_set_modes.add(number)
            else:
                self.modes.pop(number, None)
        elif number in MOUSE_TRACKING or number in MOUSE_ENCODING:
            self._switch_mouse(number, on)
        elif number in USER_DEFAULT:
            self.modes[number] = on
        elif number == ORIGIN:
            self.origin = on
            self.cursor_position()
        elif number == 7:
            self.wrap = on
        elif number == KEYPAD:
            self.keypad = on
        elif number == LEFT_RIGHT:
            self.left_right_mode = on
            if not on:
                self.set_left_right(0, self.columns - 1)
                self.margin_wrap = None
        elif number in SCREENS or number == 1048:
            self._switch_buffer(number, on)

    def _switch_mouse(self, number: int, on: bool) -> None:
        for other in MOUSE_ENCODING if number in MOUSE_ENCODING else MOUSE_TRACKING:
            if on or other == number or number in MOUSE_TRACKING:
                self.modes.pop(other, None)
        if on:
            self.modes[number] = True

    def backspace(self) -> None:
        """BS. With reverse wrap (mode 45) and DECAWM, from the first column back to the end of the row that wrapped
        into this one, and a pending wrap is only cancelled (XTerm from patch 383 on, xterm.js). With mode 1045 to the
        end of whatever row is above, and from the first row to the last one."""
        cursor = self.cursor
        if self.wrap and self.modes.get(1045):
            self._backspace_around()
        elif not (self.modes.get(45) and self.wrap) or self.narrow:
            self.cursor_back(1)
        elif cursor.x >= self.columns:
            self.cancel_wrap()
        elif cursor.x > 0:
            cursor.x -= 1
        elif self.top < cursor.y <= self.bottom and self.rows[cursor.y].wrapped:
            above, row = self.rows[cursor.y - 1], self.rows[cursor.y]
            cursor.y -= 1
            cursor.x = self.columns - 1 - above.ends_in_spacer(row)
            self.set_wrapped(cursor.y + 1, False)

    def _backspace_around(self) -> None:
        cursor = self.cursor
        left, right = (self.left, self.right) if self.left <= cursor.x <= self.right else (0, self.columns - 1)
        if self.pending_wrap:
            self.cancel_wrap()
        elif cursor.x != left:
            self.cursor_back(1)
        else:
            self.move_to(self.bottom if cursor.y == self.top else cursor.y - 1 if cursor.y else self.lines - 1, right)

    def get_mode(self, number: int, private: bool = True) -> bool | None:
        """Return whether a mode is set; None for an unknown one."""
        if not private:
            return {4: self.insert, 20: self.linefeed_mode}.get(number)
        if number in (*OFF_BY_DEFAULT, *MOUSE_TRACKING, *MOUSE_ENCODING, *USER_DEFAULT):
            return self.modes.get(number, False)
        if number in SCREENS:
            return self.alternate
        others = {7: self.wrap, 25: not self.cursor.hidden}
        others |= {ORIGIN: self.origin, KEYPAD: self.keypad, LEFT_RIGHT: self.left_right_mode}
        return others.get(number)

    # -- the alternate screen -----------------------------------------------------------------------------

    def _switch_buffer(self, number: int, on: bool) -> None:
        """Modes 47 and 1047 switch the screen, 1048 saves or restores the cursor, 1049 does both."""
        if on:
            if number in {1048, 1049}:
                self.save_cursor()
            if number != 1048:
                self.enter_alternate(clear=number == 1049)
        else:
            if number != 1048:
                self.leave_alternate(keep=number == 47)
            if number in {1048, 1049}:
                self.restore_cursor()

    def enter_alternate(self, *, clear: bool) -> None:
        """Show the alternate screen, with its own saved cursor and keyboard flags; the cursor does not move. It is
        empty, or with `clear` left out as mode 47 left it."""
        if self.main is None:
            rows, self.alternate_rows = self.alternate_rows, None
            self.main = self.rows
            self.rows = self.blank_rows(self.lines, self.erased) if clear or not rows else rows
            self._swap_screens()

    def leave_alternate(self, *, keep: bool) -> None:
        """Show the main screen as it was; the content of the alternate screen is dropped unless `keep` says otherwise.

        xterm keeps it also after ?1049l, and empties the screen when ?1049h enters it again.
        """
        if self.main is not None:
            if keep:
                self.ever_changed.add("alternate")
            self.alternate_rows = self.rows if keep else None
            self.rows = self.main
            self.main = None
            self._swap_screens()

    def _swap_screens(self) -> None:
        self.saved, self.hidden_saved = self.hidden_saved, self.saved
        self.kitty_stack, self.hidden_kitty_stack = self.hidden_kitty_stack, self.kitty_stack

    def save_modes(self, *modes: int) -> None:
        """XTSAVE, CSI ? modes s. Not for those that switch the screen, nor for what the terminal's user chose."""
        for number in modes:
            is_known = number in self.modes if number in USER_DEFAULT else self.get_mode(number) is not None
            if is_known and number not in (*SCREENS, SYNCHRONIZED_OUTPUT):
                self.saved_modes[number] = bool(self.get_mode(number))

    def restore_modes(self, *modes: int) -> None:
        """XTRESTORE, CSI ? modes r: what was never saved stays as it is."""
        for number in modes:
            on = self.saved_modes.get(number)
            if on is not None and on != self.get_mode(number):
                self.switch_private_mode(number, on)

    def save_cursor(self) -> None:
        """DECSC, SCOSC: each screen has one saved cursor; saving again replaces it."""
        if self.alternate:
            self.ever_changed.add("alternate")
        column, pen = min(self.columns, self.cursor.x), with_link(self.pen, "")
        self.saved = SavedCursor(self.cursor.y, column, pen, self.charsets, self.gl, self.origin)

    def restore_cursor(self) -> None:
        """DECRC, SCORC: also resets what was off when it was saved; with nothing saved, the defaults."""
        saved = self.saved
        self.origin = saved.origin
        row, column = saved.row, saved.column
        if self.origin:
            row, column = min(row, self.bottom), min(column, self.right)
        self.move_to(row, column)
        if saved.column >= self.columns and not self.origin:
            self.cursor.x = self.columns
        self.pen = with_link(saved.pen, self.pen.link)
        self.charsets = saved.charsets
        self.shift(saved.gl)

    # -- resets -------------------------------------------------------------------------------------------

    def soft_reset(self) -> None:
        """DECSTR: modes, margins, pen, charsets and the saved cursor at their defaults; text and cursor stay.

        Reverse wraparound too, in both its forms (xterm 379, 410).
        """
        self.cursor.hidden = False
        self.origin = self.insert = False
        self.wrap = True
        for mode in (1, 45, 1045):
            self.modes.pop(mode, None)
        self.keypad = False
        self.left_right_mode = False
        self.clear_margins()
        self.pen = DEFAULT
        self.reset_charsets()
        self.saved = SavedCursor()

    # -- keyboard -----------------------------------------------------------------------------------------

    @property
    def kitty_flags(self) -> int:
        """The kitty keyboard flags in force on the screen that shows."""
        return self.kitty_stack[-1]

    def push_kitty_flags(self, flags: int = 0) -> None:
        """CSI > flags u; drops the oldest entry when the stack is full."""
        self.ever_changed |= {"keys", "alternate"} if self.alternate else {"keys"}
        self.kitty_stack.append(flags & 31)
        del self.kitty_stack[: -STACK_LIMIT - 1]

    def pop_kitty_flags(self, count: int = 1) -> None:
        """CSI < count u; an empty stack means no flags."""
        self.kitty_stack = self.kitty_stack[: -(count or 1)] or [0]

    def set_kitty_flags(self, flags: int = 0, how: int = 1) -> None:
        """CSI = flags ; how u: 1 sets, 2 adds, 3 removes."""
        flags &= 31
        self.ever_changed |= {"keys", "alternate"} if self.alternate else {"keys"}
        now = self.kitty_stack[-1]
        self.kitty_stack[-1] = {2: now | flags, 3: now & ~flags}.get(how, flags)

    def set_key_resource(self, resource: int = 0, value: int = 0) -> None:
        """XTMODKEYS, CSI > resource ; value m; without a value the default."""
        if value and resource <= 7:
            self.ever_set_resources.add(resource)
            self.key_resources[resource] = value
        else:
            self.key_resources.pop(resource, None)

    def set_cursor_style(self, style: int = 0) -> None:
        """DECSCUSR: 0 the terminal's default; 1 to 6 block, underline, bar, each blinking, then steady."""
        if style <= 6:
            self.ever_changed.add("style")
            self.cursor_style = style


TEXT_LIMIT = 1024
LINK_LIMIT = 2083
"""Characters that are kept of a title or a directory, and of a link."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NUMBER = re.compile(r"[0-9]{1,3}\Z")
_COLOUR = re.compile(r"[#A-Za-z0-9:/., ]{1,64}\Z")


def _sanitized(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text` without control characters, cut to `limit`."""
    return _CONTROLS.sub("", text[: limit * 4])[:limit]


class Screen(Modes):
    """A pyte Screen that remembers everything a terminal does."""

    def __init__(self, columns: int, lines: int, scrollback: Scrollback) -> None:
        super().__init__(columns, lines, scrollback)
        _screens.add(self)

    def reset(self) -> None:
        """RIS: everything empty and at its default, the scrollback too, but not the titles (xterm)."""
        super().reset()
        self.scrollback.clear()
        self.cwd = ""
        self.titles: list[tuple[int, tuple[str, str]]] = getattr(self, "titles", [])
        """Titles pushed by XTWINOPS 22, oldest first: (BOTH, ICON or WINDOW; (icon name, title))."""
        self.images: Images = getattr(self, "images", Images())
        self.images.loading = None
        self.palette: dict[int, str] = {}
        self.dynamic: dict[int, str] = {}
        """Colours that the program changed, as it wrote them: OSC 4 by index, OSC 10 to 19 by number."""

    # -- strings ------------------------------------------------------------------------------------------

    def operating_command(self, body: str) -> None:
        """OSC: `number;rest`. Unknown numbers are ignored."""
        number, _, rest = body.partition(";")
        if number in {"0", "1", "2"}:
            text = _sanitized(rest)
            self.ever_changed.add("title")
            if number != "1":
                self.title = text
            if number != "2":
                self.icon_name = text
        elif number == "7":
            self.cwd = _sanitized(rest)
            self.ever_changed.add("cwd")
        elif number == "8":
            params, _, uri = rest.partition(";")
            target = _sanitized(uri, LINK_LIMIT)
            fits = target and len(uri) <= LINK_LIMIT and len(params) <= TEXT_LIMIT
            self.pen = with_link(self.pen, f"{_sanitized(params)};{target}" if fits else "")
        elif number == "4":
            self._set_palette(rest)
        elif number == "104":
            self._reset_palette(rest)
        elif number == "133":
            self._mark(parsed(rest))
        elif _NUMBER.match(number):
            self._dynamic_colours(int(number), rest)

    def _mark(self, body: str) -> None:
        """Add a prompt mark (see `marks`); on the alternate screen there are no prompts."""
        if not body or self.main is not None:
            return
        y, column = self.cursor.y, min(self.cursor.x, self.columns)
        if body[0] == "A":
            column = 0
            while y > 0 and self.rows[y].wrapped:
                y -= 1
            if self.rows[y].wrapped:
                return
        elif self.rows[y].wrapped:
            column = max(column, 1)
        row = self.unshared_row(y)
        row.marks = with_mark(row.marks, column, body)

    # -- images -------------------------------------------------------------------------------------------

    def sixel(self, sequence: str, skipped: int) -> None:
        """A sixel image: as many rows down as it covers. `skipped`: bands in its middle that are left out."""
        x = self.cursor.x
        self.index_times(self.images.sixel(sequence, skipped) - 1)
        self.cursor.x = min(x, self.cursor.x)

    @property
    def place(self) -> list[int]:
        """The cursor's position with the number of lines scrolled off: it changes with everything that is printed."""
        return [self.cursor.y, self.cursor.x, self.scrollback.scrolled]

    def graphics(self, body: str) -> None:
        """A command of kitty's graphics: right and down by the cells that the image covers."""
        self.images.place = self.place
        cells = self.images.kitty(body)
        if cells is None:
            return
        columns, rows = cells
        x = min(self.cursor.x, self.columns) + columns
        self.index_times(rows - 1 + (x >= self.columns))
        self.move_to(self.cursor.y, 0 if x >= self.columns else x)

    def _set_palette(self, rest: str) -> None:
        parts = rest.split(";")
        for index, value in zip(parts[::2], parts[1::2], strict=False):
            if _NUMBER.match(index) and int(index) < 256 and _COLOUR.match(value):
                self.palette[int(index)] = value
                self.ever_changed.add("palette")

    def _reset_palette(self, rest: str) -> None:
        if not rest:
            self.palette.clear()
        for index in rest.split(";"):
            if _NUMBER.match(index):
                self.palette.pop(int(index), None)

    def _dynamic_colours(self, number: int, rest: str) -> None:
        """Act on OSC 10 to 19, which set a colour and those after it, and on OSC 110 to 119, which reset one."""
        if 10 <= number <= 19:
            for colour, value in zip(range(number, 20), rest.split(";"), strict=False):
                if _COLOUR.match(value):
                    self.dynamic[colour] = value
                    self.ever_changed.add(f"colour {colour}")
        elif 110 <= number <= 119:
            self.dynamic.pop(number - 100, None)

    # -- titles -------------------------------------------------------------------------------------------

    def window_operation(self, operation: int = 0, part: int = grammar.BOTH) -> None:
        """XTWINOPS: 22 pushes the titles, 23 pops them. Nothing moves or resizes windows."""
        if part > grammar.WINDOW:
            return
        if operation == 22:
            self.titles.append((part, (self.icon_name, self.title)))
            del self.titles[:-STACK_LIMIT]
        elif operation == 23:
            if part != grammar.WINDOW and (saved := grammar.pop(self.titles, grammar.ICON)):
                self.icon_name = saved[0]
            if part != grammar.ICON and (saved := grammar.pop(self.titles, grammar.WINDOW)):
                self.title = saved[1]

    # -- size ---------------------------------------------------------------------------------------------

    def settle_scrollback(self) -> None:
        """Bring the scrollback up to date with the main screen, before both are read or changed together."""
        self.set_continued(self.scrollback.settle(self.main_rows[0]))

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Change the size: the main screen is rewrapped, the alternate one is cut or padded. Clears the margins, as
        xterm.js does."""
        lines, columns = lines or self.lines, columns or self.columns
        if (lines, columns) == (self.lines, self.columns):
            return
        self.settle_scrollback()
        cursor, saved = self.cursor, self.saved
        if self.main is None:
            marks = [(cursor.y, cursor.x), (saved.row, saved.column)]
            self.rows, marks = reflow(self.rows, self.scrollback, marks, columns, lines)
            (cursor.y, cursor.x), (row, column) = marks
            self.saved = saved._replace(row=row, column=column)
            self.hidden_saved = self._cropped(self.hidden_saved, columns, lines)
            if self.alternate_rows:
                self.alternate_rows = crop(self.alternate_rows, columns, lines)
        else:
            self.rows = crop(self.rows, columns, lines)
            self.saved = self._cropped(saved, columns, lines)
            if cursor.x >= self.columns or cursor.x >= columns:
                cursor.x = columns - 1
            cursor.y = min(cursor.y, lines - 1)
            hidden = self.hidden_saved
            self.main, marks = reflow(self.main, self.scrollback, [(hidden.row, hidden.column)], columns, lines)
            self.hidden_saved = hidden._replace(row=marks[0][0], column=marks[0][1])
        added = [stop for stop in default_tab_stops(columns) if stop >= self.columns]
        self.tabstops = [stop for stop in self.tabstops if stop < columns] + added
        self.columns, self.lines = columns, lines
        self.joinable = False
        self.clear_margins()

    def _cropped(self, saved: SavedCursor, columns: int, lines: int) -> SavedCursor:
        """Return a saved cursor of the alternate screen cut to another size; a pending wrap stays one."""
        column = columns if saved.column >= self.columns else min(saved.column, columns)
        return saved._replace(row=min(saved.row, lines - 1), column=column)


_screens: WeakSet[Screen] = WeakSet()


def free_stand_ins() -> None:
    """Free the stand-ins that no row of any screen holds."""
    uniform.cache_clear()
    held: set[str] = set()
    for screen in _screens:
        for row in (*screen.rows, *(screen.main or ()), *(screen.alternate_rows or ())):
            held.update(row.text or "")
    keep_stand_ins(held)
