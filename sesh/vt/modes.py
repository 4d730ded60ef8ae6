"""Modes, the two buffers, saved cursors and the keyboard protocols.

Of private modes only those listed here are remembered: what a program sets beyond them has no part in a restore.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sesh.vt.cell import DEFAULT, Pen, linked
from sesh.vt.grid import Row
from sesh.vt.scrollback import leftover
from sesh.vt.text import ASCII, Writer

#: One of these at a time tells which mouse events are reported; resetting any turns reports off (xterm).
MOUSE = (9, 1000, 1001, 1002, 1003)
#: One of these at a time tells how they are encoded; resetting one means nothing while another is set (xterm).
ENCODINGS = (1005, 1006, 1015, 1016)
#: Modes that are off unless set: cursor keys, reverse video, reverse wrap, focus, bracketed paste, synchronized
#: output, grapheme clusters, colour scheme and in-band size reports, win32 input.
PLAIN = (1, 5, 45, 1004, 2004, 2026, 2027, 2031, 2048, 9001)
#: Modes that rest as the terminal's owner likes it (blinking, alternate scroll, xterm's meta keys): remembered, on or
#: off, once a program has chosen.
CHOICES = (12, 1007, 1034, 1035, 1036, 1039)
#: Never replayed: it would hold the picture back.
SYNCHRONIZED = 2026
#: As many pushes of the kitty keyboard stack and of the title stack as are kept.
STACK = 16


class Saved(NamedTuple):
    """What DECSC keeps: the cursor (column = columns: it waits to wrap), pen, charsets, origin and wrap mode.

    An open hyperlink is no part of it (kitty, ghostty, xterm.js).
    """

    row: int = 0
    column: int = 0
    pen: Pen = DEFAULT
    sets: tuple[str, ...] = (ASCII,) * 4
    charset: int = 0
    origin: bool = False
    wrap: bool = True


class Modal(Writer):
    """set_mode, reset_mode, DECSC and DECRC, DECSTR, RIS, kitty keyboard flags, modifyOtherKeys."""

    def reset(self) -> None:
        super().reset()
        #: Private modes as the program last set them, where that differs from rest.
        self.modes: dict[int, bool] = {}
        self.side_margins = False
        self.keypad = False
        #: Columns may be switched (mode 40); noted, never obeyed: the size is the terminal's.
        self.column_switch = False
        #: The slot of DECSC for the screen that shows, and the main screen's while the alternate shows.
        self.saved = Saved()
        self.main_saved = Saved()
        #: kitty keyboard flags: what was pushed, the current flags last; the main screen's while the other shows.
        self.keys = [0]
        self.main_keys = [0]
        #: XTMODKEYS by resource; only 4 (modifyOtherKeys) changes what programs are sent today.
        self.key_resources: dict[int, int] = {}
        self.cursor_style = 0
        #: Modes and XTMODKEYS resources that the program ever set.
        self.touched: set[int] = getattr(self, "touched", set())
        self.resources: set[int] = getattr(self, "resources", set())

    # -- modes --------------------------------------------------------------------------------------------

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        """SM, DECSET."""
        self._switch(modes, True, bool(kwargs.get("private")))

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        """RM, DECRST."""
        self._switch(modes, False, bool(kwargs.get("private")))

    def _switch(self, modes: tuple[int, ...], on: bool, private: bool) -> None:
        for number in modes:
            if private:
                self._switch_private(number, on)
            elif number == 4:
                self.insert = on
            elif number == 20:
                self.linefeed_mode = on

    def _switch_private(self, number: int, on: bool) -> None:
        if number in PLAIN:
            if on:
                self.modes[number] = True
                self.touched.add(number)
            else:
                self.modes.pop(number, None)
        elif number in MOUSE or number in ENCODINGS:
            self._switch_mouse(number, on)
        elif number in CHOICES:
            self.modes[number] = on
        elif number == 6:
            self.origin = on
            self.cursor_position()
        elif number == 7:
            self.wrap = on
        elif number == 25:
            self.cursor.hidden = not on
        elif number == 40:
            self.column_switch = on
        elif number == 66:
            self.keypad = on
        elif number == 69:
            self._switch_side_margins(on)
        elif number in {47, 1047, 1048, 1049}:
            self._switch_buffer(number, on)

    def _switch_mouse(self, number: int, on: bool) -> None:
        for other in ENCODINGS if number in ENCODINGS else MOUSE:
            if on or other == number or number in MOUSE:
                self.modes.pop(other, None)
        if on:
            self.modes[number] = True

    def _switch_side_margins(self, on: bool) -> None:
        self.side_margins = on
        if not on:
            self.set_sides(0, self.columns - 1)
            self.held = None

    def backspace(self) -> None:
        """BS. In mode 45 with wrapping on, from the first column back to the end of the row that wrapped into this
        one; a cursor that waits to wrap comes to stand on the last column (XTerm from patch 383 on, xterm.js)."""
        cursor = self.cursor
        if not (self.modes.get(45) and self.wrap) or self.narrowed:
            self.cursor_back(1)
        elif cursor.x >= self.columns:
            self.settle()
        elif cursor.x > 0:
            cursor.x -= 1
        elif self.top < cursor.y <= self.bottom and self.buffer[cursor.y].continues:
            above, row = self.buffer[cursor.y - 1], self.buffer[cursor.y]
            cursor.y -= 1
            cursor.x = self.columns - 1 - leftover(above, row)
            row.continues = False

    def mode_of(self, number: int, private: bool = True) -> bool | None:
        """Whether a mode is set; None for one that is not known here."""
        if not private:
            return {4: self.insert, 20: self.linefeed_mode}.get(number)
        if number in PLAIN or number in MOUSE or number in ENCODINGS or number in CHOICES:
            return self.modes.get(number, False)
        return {
            6: self.origin,
            7: self.wrap,
            25: not self.cursor.hidden,
            40: self.column_switch,
            47: self.alternate,
            66: self.keypad,
            69: self.side_margins,
            1047: self.alternate,
            1049: self.alternate,
        }.get(number)

    # -- buffers ------------------------------------------------------------------------------------------

    def _switch_buffer(self, number: int, on: bool) -> None:
        if number == 1048 or (number == 1049 and on):
            if on:
                self.save_cursor()
            else:
                self.restore_cursor()
        if number != 1048:
            if on:
                self.enter_alternate()
            else:
                self.leave_alternate()
                if number == 1049:
                    self.restore_cursor()

    def enter_alternate(self) -> None:
        """Show an empty alternate screen; the cursor stays where it is. It has a saved cursor and keys of its own."""
        if self.main is None:
            self.main = self.buffer
            self.buffer = [Row(self.columns, self.erased) for _ in range(self.lines)]
            self.main_saved, self.saved = self.saved, Saved()
            self.main_keys, self.keys = self.keys, [0]

    def leave_alternate(self) -> None:
        """Show the main screen as it was; the alternate one is forgotten."""
        if self.main is not None:
            self.buffer = self.main
            self.main = None
            self.saved, self.main_saved = self.main_saved, Saved()
            self.keys, self.main_keys = self.main_keys, [0]

    def save_cursor(self) -> None:
        """DECSC, SCOSC: one slot for each buffer, however often it is saved."""
        cursor = self.cursor
        column = min(self.columns, cursor.x)
        self.saved = Saved(cursor.y, column, linked(self.pen, ""), self.sets, self.charset, self.origin, self.wrap)

    def restore_cursor(self) -> None:
        """DECRC, SCORC: also what was off when it was saved; with nothing saved, home with a pen at rest."""
        saved = self.saved
        self.origin, self.wrap = saved.origin, saved.wrap
        row, column = saved.row, saved.column
        if self.origin:
            row = min(max(row, self.top), self.bottom)
            column = min(max(column, self.left), self.right)
        self.go(row, column)
        if saved.column >= self.columns and not self.origin:
            self.cursor.x = self.columns
        self.set_pen(linked(saved.pen, self.pen.link))
        self.sets = saved.sets
        self.shift(saved.charset)

    # -- resets -------------------------------------------------------------------------------------------

    def soft_reset(self) -> None:
        """DECSTR: modes, margins, pen, charsets and the saved cursor at rest; text and cursor stay."""
        self.cursor.hidden = False
        self.origin = self.insert = False
        self.wrap = True
        self.modes.pop(1, None)
        self.keypad = False
        self.side_margins = False
        self.clear_margins()
        self.set_pen(DEFAULT)
        self.reset_charsets()
        self.saved = Saved()

    # -- keyboard -----------------------------------------------------------------------------------------

    @property
    def kitty_flags(self) -> int:
        """The kitty keyboard flags in force on the screen that shows."""
        return self.keys[-1]

    def push_keys(self, flags: int = 0) -> None:
        """CSI > flags u; the oldest entry goes when the stack is full."""
        self.used.add("keys")
        self.keys.append(flags & 31)
        del self.keys[: -STACK - 1]

    def pop_keys(self, count: int = 1) -> None:
        """CSI < count u; an emptied stack leaves no flags."""
        count = count or 1
        self.keys = self.keys[:-count] or [0]

    def set_keys(self, flags: int = 0, how: int = 1) -> None:
        """CSI = flags ; how u: 1 sets, 2 adds, 3 takes away."""
        flags &= 31
        self.used.add("keys")
        now = self.keys[-1]
        self.keys[-1] = {2: now | flags, 3: now & ~flags}.get(how, flags)

    def set_key_resource(self, *params: int) -> None:
        """XTMODKEYS, CSI > resource ; value m; without a value the resource goes back to its default."""
        resource = params[0] if params else 0
        if len(params) > 1 and params[1] and resource <= 7:
            self.resources.add(resource)
            self.key_resources[resource] = params[1]
        else:
            self.key_resources.pop(resource, None)

    def set_cursor_style(self, style: int = 0) -> None:
        """DECSCUSR: 0 the terminal's own, 1 to 6 block, underline, bar, each blinking or steady."""
        if style <= 6:
            self.used.add("style")
            self.cursor_style = style
