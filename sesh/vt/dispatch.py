"""What each control and sequence calls (ECMA-48, DEC STD 070, XTerm ctlseqs, the keyboard protocol of kitty).

A sequence that is in none of these tables does nothing. That includes queries, and all that acts on more than the
screen: bells, the clipboard, windows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from sesh.vt.grammar import CSI_PARTS, parameter
from sesh.vt.screen import Screen
from sesh.vt.text import G_SETS

_CSI = re.compile(rf"{CSI_PARTS}\Z")

#: A function and its arguments.
Call = tuple[Callable[..., Any], tuple[int, ...]]


class Dispatcher:
    """The tables, bound to one screen: `controls` (C0 and CR LF), `escapes`, and control sequences by `csi`."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.controls = self._controls(screen)
        self.escapes = self._escapes(screen)
        self._csi = {**self._movement(screen), **self._editing(screen), **self._state(screen)}

    @staticmethod
    def _controls(screen: Screen) -> dict[str, Callable[[], Any]]:
        return {
            "\r\n": screen.newline,
            "\b": screen.backspace,
            "\t": screen.tab,
            "\n": screen.linefeed,
            "\v": screen.linefeed,
            "\f": screen.linefeed,
            "\r": screen.carriage_return,
            "\x0e": partial(screen.shift, 1),
            "\x0f": partial(screen.shift, 0),
        }

    @staticmethod
    def _escapes(screen: Screen) -> dict[str, Callable[[], Any]]:
        return {
            "\x1b6": screen.back_index,
            "\x1b7": screen.save_cursor,
            "\x1b8": screen.restore_cursor,
            "\x1b9": screen.forward_index,
            "\x1b=": partial(screen.set_keypad, True),
            "\x1b>": partial(screen.set_keypad, False),
            "\x1bD": screen.index,
            "\x1bE": screen.next_line,
            "\x1bH": screen.set_tab_stop,
            "\x1bM": screen.reverse_index,
            "\x1bN": partial(screen.shift_next, 2),
            "\x1bO": partial(screen.shift_next, 3),
            "\x1bc": screen.reset,
            "\x1bn": partial(screen.shift, 2),
            "\x1bo": partial(screen.shift, 3),
            "\x1b#8": screen.alignment_display,
        }

    @staticmethod
    def _movement(screen: Screen) -> dict[str, tuple[Callable[..., Any], int]]:
        """CSI by prefix, intermediates and final byte, with the number of parameters that the function takes."""
        return {
            "A": (screen.cursor_up, 1),
            "B": (screen.cursor_down, 1),
            "C": (screen.cursor_forward, 1),
            "D": (screen.cursor_back, 1),
            "E": (screen.cursor_down1, 1),
            "F": (screen.cursor_up1, 1),
            "G": (screen.cursor_to_column, 1),
            "H": (screen.cursor_position, 2),
            "I": (screen.tab, 1),
            "Z": (screen.back_tab, 1),
            "`": (screen.cursor_to_column, 1),
            "a": (screen.position_right, 1),
            "d": (screen.cursor_to_line, 1),
            "e": (screen.position_down, 1),
            "f": (screen.cursor_position, 2),
            "j": (screen.cursor_back, 1),
            "k": (screen.cursor_up, 1),
        }

    def _editing(self, screen: Screen) -> dict[str, tuple[Callable[..., Any], int]]:
        return {
            "@": (screen.insert_characters, 1),
            "J": (screen.erase_in_display, 1),
            "?J": (screen.erase_in_display, 1),
            "K": (screen.erase_in_line, 1),
            "?K": (screen.erase_in_line, 1),
            "L": (screen.insert_lines, 1),
            "M": (screen.delete_lines, 1),
            "P": (screen.delete_characters, 1),
            "S": (screen.scroll_up, 1),
            "T": (self._scroll_down, 2),
            "X": (screen.erase_characters, 1),
            "^": (screen.scroll_down, 1),
            "b": (screen.repeat, 1),
            "'}": (screen.insert_columns, 1),
            "'~": (screen.delete_columns, 1),
        }

    def _state(self, screen: Screen) -> dict[str, tuple[Callable[..., Any], int]]:
        return {
            "g": (screen.clear_tab_stop, 1),
            "r": (screen.set_margins, 2),
            "s": (self._save_or_margins, 2),
            "t": (screen.window_operation, 2),
            "u": (screen.restore_cursor, 0),
            "!p": (screen.soft_reset, 0),
            " q": (screen.set_cursor_style, 1),
            ">u": (screen.push_kitty_flags, 1),
            "<u": (screen.pop_kitty_flags, 1),
            "=u": (screen.set_kitty_flags, 2),
            ">m": (screen.set_key_resource, 2),
            ">n": (screen.set_key_resource, 1),
        }

    # -- CSI ----------------------------------------------------------------------------------------------

    def csi(self, sequence: str) -> Call:
        """What a whole control sequence calls."""
        match = _CSI.match(sequence)
        if match is None:
            return self.nothing, ()
        prefix, text, intermediates, final = match.groups()
        kind = prefix + intermediates + final
        if kind in {"h", "l", "?h", "?l"}:
            switch = self.screen.set_mode if final == "h" else self.screen.reset_mode
            numbers = tuple(parameter(part) for part in text.split(";") if ":" not in part)
            return partial(switch, private=bool(prefix)), numbers
        found = self._csi.get(kind)
        if found is None or ":" in text:
            return self.nothing, ()
        call, count = found
        params = tuple(parameter(part) for part in text.split(";", count)[:count]) if text else ()
        return call, params

    def nothing(self, *_: int) -> None:
        """What an unknown sequence calls."""

    def _scroll_down(self, count: int = 1, more: int | None = None) -> None:
        """SD; with more parameters it is xterm's mouse highlighting, which is not supported."""
        if more is None:
            self.screen.scroll_down(count)

    def _save_or_margins(self, left: int = 0, right: int = 0) -> None:
        """CSI s: DECSLRM while DECLRMM (mode 69) is on, otherwise SCOSC."""
        if self.screen.left_right_mode:
            self.screen.set_left_right_margins(left, right)
        else:
            self.screen.save_cursor()

    # -- escapes ------------------------------------------------------------------------------------------

    def escape(self, sequence: str) -> None:
        """Act on an escape that is not in `escapes`, or on a string, which holds its terminator if that is BEL."""
        kind = sequence[1]
        if kind == "]":
            self.screen.operating_command(sequence[2:].removesuffix("\x07"))
        elif kind in G_SETS and len(sequence) in {3, 4}:
            self.screen.define_charset(sequence[2:], kind)
