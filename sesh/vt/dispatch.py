"""What each control and sequence calls: the tables of the tokenizer (ECMA-48, DEC STD 070, XTerm ctlseqs, kitty).

A sequence that is not in a table is known to nobody and does nothing; that also holds for queries and for
whatever acts on the world (bells, clipboard, windows).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sesh.vt.cell import number
from sesh.vt.screen import Screen
from sesh.vt.text import SLOTS

#: Prefix, parameters, intermediates and final byte of a CSI sequence.
_CSI = re.compile(r"\x1b\[([<=>?]?)([0-9;:]*)([\x20-/]*)([@-~])\Z")
#: As many parameters as a sequence may have, modes and SGR apart.
PARAMETERS = 32

Call = tuple[Callable[..., Any], tuple[int, ...]]


class Controls:
    """The tables, bound to one screen."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.plain = self._plain(screen)
        self.escapes = self._escapes(screen)
        self.table = {**self._movement(screen), **self._editing(screen), **self._settings(screen)}

    @staticmethod
    def _plain(screen: Screen) -> dict[str, Callable[[], Any]]:
        """C0 controls."""
        return {
            "\r\n": screen.newline,
            "\b": screen.backspace,
            "\t": screen.tab,
            "\n": screen.linefeed,
            "\v": screen.linefeed,
            "\f": screen.linefeed,
            "\r": screen.carriage_return,
            "\x0e": screen.shift_out,
            "\x0f": screen.shift_in,
        }

    def _escapes(self, screen: Screen) -> dict[str, Callable[[], Any]]:
        """Escape sequences without parameters."""
        return {
            "\x1b6": screen.back_index,
            "\x1b7": screen.save_cursor,
            "\x1b8": screen.restore_cursor,
            "\x1b9": screen.forward_index,
            "\x1b=": self._keypad_on,
            "\x1b>": self._keypad_off,
            "\x1bD": screen.index,
            "\x1bE": screen.next_line,
            "\x1bH": screen.set_tab_stop,
            "\x1bM": screen.reverse_index,
            "\x1bN": self._single_shift_2,
            "\x1bO": self._single_shift_3,
            "\x1bc": screen.reset,
            "\x1bn": self._lock_2,
            "\x1bo": self._lock_3,
            "\x1b#8": screen.alignment_display,
        }

    @staticmethod
    def _movement(screen: Screen) -> dict[str, tuple[Callable[..., Any], int]]:
        """CSI by prefix, intermediates and final; the number is how many parameters the call takes."""
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

    def _settings(self, screen: Screen) -> dict[str, tuple[Callable[..., Any], int]]:
        return {
            "g": (screen.clear_tab_stop, 1),
            "r": (screen.set_margins, 2),
            "s": (self._save_or_margins, 2),
            "t": (screen.window_operation, 3),
            "u": (screen.restore_cursor, 0),
            "!p": (screen.soft_reset, 0),
            " q": (screen.set_cursor_style, 1),
            ">u": (screen.push_keys, 1),
            "<u": (screen.pop_keys, 1),
            "=u": (screen.set_keys, 2),
            ">m": (screen.set_key_resource, 2),
            ">n": (self._drop_key_resource, 1),
        }

    # -- CSI ----------------------------------------------------------------------------------------------

    def csi(self, sequence: str) -> Call:
        """What a complete CSI sequence calls."""
        match = _CSI.match(sequence)
        if match is None:
            return self.nothing, ()
        prefix, text, middle, final = match.groups()
        kind = prefix + middle + final
        if kind in {"h", "l", "?h", "?l"}:
            numbers = tuple(number(part) for part in text.split(";") if ":" not in part)
            private = bool(prefix)
            return (self._set if final == "h" else self._reset), (private, *numbers)
        found = self.table.get(kind)
        if found is None or (":" in text):
            return self.nothing, ()
        call, count = found
        params = tuple(number(part) for part in text.split(";", PARAMETERS)[:count]) if text else ()
        if kind == "t" and params and params[0] not in {22, 23}:
            return self.nothing, ()
        if kind == "=u" and len(params) < 2:
            params = (*params, 1) if params else (0, 1)
        return call, params

    def nothing(self, *_: int) -> None:
        """An unknown sequence."""

    def _set(self, private: int, *modes: int) -> None:
        self.screen.set_mode(*modes, private=private)

    def _reset(self, private: int, *modes: int) -> None:
        self.screen.reset_mode(*modes, private=private)

    def _scroll_down(self, count: int = 1, more: int | None = None) -> None:
        """SD; with more parameters it is xterm's mouse highlighting, which is not kept."""
        if more is None:
            self.screen.scroll_down(count)

    def _save_or_margins(self, left: int = 0, right: int = 0) -> None:
        """CSI s: DECSLRM while mode 69 is on, SCOSC otherwise."""
        if self.screen.side_margins:
            self.screen.set_side_margins(left, right)
        else:
            self.screen.save_cursor()

    def _drop_key_resource(self, resource: int = 0) -> None:
        self.screen.set_key_resource(resource)

    # -- escapes ------------------------------------------------------------------------------------------

    def escape(self, sequence: str) -> None:
        """An escape sequence other than CSI, or a string with its terminator if that is BEL."""
        kind = sequence[1]
        if kind == "]":
            self._operating_command(sequence)
        elif kind in SLOTS and len(sequence) in {3, 4}:
            self.screen.define_charset(sequence[2:], str(SLOTS[kind]))

    def _operating_command(self, sequence: str) -> None:
        if sequence.endswith("\x07"):
            self.screen.operating_command(sequence[2:-1])
        else:
            self.screen.operating_command(sequence[2:])

    def _keypad_on(self) -> None:
        self.screen.keypad = True

    def _keypad_off(self) -> None:
        self.screen.keypad = False

    def _single_shift_2(self) -> None:
        self.screen.single = 2

    def _single_shift_3(self) -> None:
        self.screen.single = 3

    def _lock_2(self) -> None:
        self.screen.shift(2)

    def _lock_3(self) -> None:
        self.screen.shift(3)
