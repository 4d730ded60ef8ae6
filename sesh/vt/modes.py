"""Modes, saved cursors, the switch of screens, and the keyboard's protocols.

Private modes that are listed here, or have a number from OTHERS on, are stored and restored. DECCOLM is ignored: the
size is the terminal's.
"""

from __future__ import annotations

from typing import NamedTuple

from sesh.vt.charsets import DEFAULT_SETS
from sesh.vt.defaults import BLINKING, EITHER_AT_REST, ON_BY_DEFAULT, TERMINALS_DIFFER
from sesh.vt.grid import SavedCursor
from sesh.vt.pen import DEFAULT, with_link
from sesh.vt.printing import Printing

MOUSE_TRACKING = (9, 1000, 1001, 1002, 1003)
"""Modes that choose the mouse events to report; at most one is on. Resetting any turns reports off (xterm)."""
MOUSE_ENCODING = (1005, 1006, 1015, 1016)
"""Modes that choose the encoding of reports; at most one is on. Resetting one that is off does nothing (xterm)."""
OFF_BY_DEFAULT = (1, 5, 45, 1004, 1045, 2004, 2026, 2031, 2048, 9001)
"""Cursor keys, reverse video, reverse wrap, focus, bracketed paste, synchronized output, colour scheme and in-band size
reports, win32 input."""
OTHERS = 1000  # terminals number their own modes from here on, which are off by default; earlier ones may act
_MAX_USED = 200  # then no further mode is stored that is not listed
FOCUS = 1004
BRACKETED_PASTE = 2004
SYNCHRONIZED_OUTPUT = 2026  # never replayed: the terminal would not show the replay
SCREENS = (47, 1047, 1049)  # modes that switch the screen, each with its own treatment of content and cursor
KEYPAD = 66  # the mode that ESC = and ESC > switch, too
ORIGIN, LEFT_RIGHT = 6, 69
STACK_LIMIT = 16  # entries of the kitty keyboard stack; at the limit the oldest is dropped


class Stacks(NamedTuple):
    """What a program has pushed, and a terminal may have to pop."""

    main_flags: int = 0  # entries of kitty's keyboard flags on the main screen
    alternate_flags: int = 0
    titles: tuple[int, ...] = ()  # XTWINOPS' parameter for each entry of the stack of titles


class Modes(Printing):
    """The part of the screen with modes, saved cursors and the state of the keyboard."""

    def reset(self) -> None:
        super().reset()
        self.modes: dict[int, bool] = {}  # private modes that are not at their defaults
        self.left_right_mode = False  # DECLRMM: CSI s sets the left and right margin
        self.keypad = False
        self.saved_modes: dict[int, bool] = {}  # by XTSAVE
        self.key_resources: dict[int, int] = {}  # values of XTMODKEYS; programs use only resource 4 (modifyOtherKeys)
        self.cursor_style = 0

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
        if number == 25:
            self.cursor.hidden = not on
        elif number in MOUSE_TRACKING or number in MOUSE_ENCODING:
            self._switch_mouse(number, on)
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
        elif number in SCREENS or number == 1048:
            self._switch_buffer(number, on)
        elif number in EITHER_AT_REST:
            self.modes[number] = on
        elif not on:
            self.modes.pop(number, None)
        elif number in OFF_BY_DEFAULT or (number >= OTHERS and len(self.used.modes) < _MAX_USED):
            self.modes[number] = True
            self.used.modes.add(number)

    def _switch_mouse(self, number: int, on: bool) -> None:
        group = MOUSE_ENCODING if number in MOUSE_ENCODING else MOUSE_TRACKING
        for other in group:
            if on or other == number or number in MOUSE_TRACKING:
                self.modes.pop(other, None)
        if on:
            self.modes[number] = True

    def backspace(self) -> None:
        """BS: move left one column.

        With reverse wrap (mode 45) and DECAWM, BS goes from the first column to the end of the row above, if that row
        wrapped into this one. While a wrap is pending, BS only cancels the wrap (XTerm from patch 383 on, xterm.js).
        With mode 1045 and DECAWM, BS goes to the end of any row above, and from the first row to the last.
        """
        cursor = self.cursor
        anywhere = self.modes.get(1045)
        left, right = (self.left, self.right) if self.left <= cursor.x <= self.right else (0, self.columns - 1)
        if not self.wrap or not (anywhere or (self.modes.get(45) and not self.narrow)):
            self.cursor_back(1)
        elif self.pending_wrap:
            self.cancel_wrap()
        elif cursor.x != left:
            self.cursor_back(1)
        elif anywhere:
            above = cursor.y - 1 if cursor.y else self.height - 1
            self.move_to(self.bottom if cursor.y == self.top else above, right)
        elif self.top < cursor.y <= self.bottom and self.rows[cursor.y].continues:
            row = self.rows[cursor.y]
            cursor.y -= 1
            cursor.x = self.columns - 1
            if self.rows[cursor.y].ends_in_spacer(row):
                cursor.x -= 1
            row.continues = False

    def get_mode(self, number: int, private: bool = True) -> bool | None:
        if not private:
            return {4: self.insert, 20: self.linefeed_mode}.get(number)
        if number in SCREENS:
            return self.alternate
        own = {7: self.wrap, 25: not self.cursor.hidden}
        own |= {ORIGIN: self.origin, KEYPAD: self.keypad, LEFT_RIGHT: self.left_right_mode}
        if number in own:
            return own[number]
        if number in (*OFF_BY_DEFAULT, *MOUSE_TRACKING, *MOUSE_ENCODING, *EITHER_AT_REST):
            return self.modes.get(number, number in ON_BY_DEFAULT)
        return None

    def _switch_buffer(self, number: int, on: bool) -> None:
        """Modes 47 and 1047 switch screens, 1048 saves or restores the cursor, 1049 does both.

        Each screen has its own saved cursor and keyboard flags; the cursor does not move. After ?47l the content of the
        alternate screen is kept. xterm keeps it after ?1049l, too, but ?1049h erases it then.
        """
        saves = number in {1048, 1049}
        if saves and on:
            self.save_cursor()
        if number != 1048 and on != self.alternate:
            empty = on and (number == 1049 or not self.other.rows)
            self.swap_pages(self.blank_rows(self.height, self.pen.erased) if empty else self.other.rows)
            if number == 47 and not on:
                self.used.alternate = True
            elif not on:
                self.other = self.other._replace(rows=[])
        if saves and not on:
            self.restore_cursor()

    def save_modes(self, *modes: int) -> None:
        """XTSAVE, CSI ? modes s; skip SCREENS, and modes whose value is the terminal's own."""
        for number in modes:
            value = self.get_mode(number)
            if number in (*TERMINALS_DIFFER, BLINKING):
                value = self.modes.get(number)
            if value is not None and number not in (*SCREENS, SYNCHRONIZED_OUTPUT):
                self.saved_modes[number] = value

    def restore_modes(self, *modes: int) -> None:
        """XTRESTORE, CSI ? modes r. Modes that were never saved stay unchanged."""
        for number in modes:
            on = self.saved_modes.get(number)
            if on is not None and on != self.get_mode(number):
                self.switch_private_mode(number, on)

    def save_cursor(self) -> None:
        """DECSC, SCOSC: each screen has one saved cursor; saving again replaces it."""
        if self.alternate:
            self.used.alternate = True
        column = min(self.columns, self.cursor.x)
        pen = with_link(self.pen, "")
        self.saved = SavedCursor(self.cursor.y, column, pen, self.charsets, self.origin)

    def restore_cursor(self) -> None:
        """DECRC, SCORC: restore cursor, pen, charsets and origin mode, or else their defaults.

        In origin mode, too, the cursor goes back, even to a place outside the margins (VTE, kitty, tmux).
        """
        saved = self.saved
        self.origin = saved.origin
        self.move_to(saved.row, saved.column)
        if saved.column >= self.columns:
            self.cursor.x = self.columns
        self.pen = with_link(saved.pen, self.pen.link)
        self.charsets = saved.charsets

    def save_cursor_or_set_margins(self, left: int = 0, right: int = 0) -> None:
        """CSI s: DECSLRM while DECLRMM (mode 69) is on, otherwise SCOSC."""
        if self.left_right_mode:
            self.set_left_right_margins(left, right)
        else:
            self.save_cursor()

    def soft_reset(self) -> None:
        """DECSTR: reset modes, margins, pen, charsets and the saved cursor; keep text and cursor."""
        self.cursor.hidden = False
        self.origin = self.insert = False
        self.wrap = True
        for mode in (1, 45, 1045):  # 45 and 1045 since xterm 379 and 410
            self.modes.pop(mode, None)
        self.keypad = False
        self.left_right_mode = False
        self.clear_margins()
        self.pen = DEFAULT
        self.charsets = DEFAULT_SETS
        self.saved = SavedCursor()

    @property
    def kitty_flags(self) -> int:
        return self.kitty_stack[-1]

    def _note_keys(self) -> None:
        self.used.keys = True
        if self.alternate:
            self.used.alternate = True

    def push_kitty_flags(self, flags: int = 0) -> None:
        """CSI > flags u; drops the oldest entry when the stack is full."""
        self._note_keys()
        self.kitty_stack.append(flags & 31)
        del self.kitty_stack[: -STACK_LIMIT - 1]

    def pop_kitty_flags(self, count: int = 1) -> None:
        """CSI < count u; an empty stack means no flags."""
        self.kitty_stack = self.kitty_stack[: -(count or 1)] or [0]

    def set_kitty_flags(self, flags: int = 0, how: int = 1) -> None:
        """CSI = flags ; how u: 1 sets, 2 adds, 3 removes."""
        self._note_keys()
        flags &= 31
        now = self.kitty_stack[-1]
        self.kitty_stack[-1] = {2: now | flags, 3: now & ~flags}.get(how, flags)

    def set_key_resource(self, resource: int = 0, value: int = 0) -> None:
        """XTMODKEYS, CSI > resource ; value m. Without a value, the resource gets its default."""
        if value and resource <= 7:
            self.used.resources.add(resource)
            self.key_resources[resource] = value
        else:
            self.key_resources.pop(resource, None)

    def set_cursor_style(self, style: int = 0) -> None:
        """DECSCUSR: 0 default; 1, 2 block; 3, 4 underline; 5, 6 bar; odd ones blink."""
        if style <= 6:
            self.cursor_style = style
            self.used.shape = True
