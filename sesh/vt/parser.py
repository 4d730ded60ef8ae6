"""The parser: turns text, controls and sequences into calls of the screen (ECMA-48, DEC).

One regular expression splits a piece, and `findall` returns whole runs of text, so that text costs no Python code per
byte. An unfinished sequence is kept, up to LIMIT, and can be passed on to a terminal unchanged.

The grammar is in `grammar`; C1 controls are dropped. As in DEC's parser, controls inside a sequence act before the
sequence. A sequence of LIMIT characters or more is ignored, but an image still moves the cursor. Sequences outside the
tables (DEC STD 070, XTerm ctlseqs, kitty's protocols) are ignored too, such as queries, bells and the clipboard.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import lru_cache
from io import StringIO
from operator import methodcaller
from time import perf_counter

from sesh.vt import grammar
from sesh.vt.charsets import G_SETS
from sesh.vt.grammar import LIMIT, PARAMETERS, parameter
from sesh.vt.modes import KEYPAD
from sesh.vt.screen import Screen

Call = Callable[[Screen], object]  # a method of a screen, with its arguments

PIECE = 1024  # most bytes parsed between two checks of the deadline; on large screens there are fewer
SMALLEST_PIECE = 2
_CELLS = 2_000_000  # most cells that a piece changes if each of its bytes changes the whole screen
_MAX_CACHED = 64  # the length from which on the call of a sequence is not cached

_TEXT = "[ -~\xa0-\U0010ffff]"
_C0 = "[\x00-\x1a\x1c-\x1f]"  # without ESC
_INNER = "\x00-\x17\x19\x1c-\x1f\x7f-\x9f"
"""Controls that do not end a sequence. C0 controls except ESC, CAN and SUB act; DEL and C1 controls do nothing."""
_START = f"{grammar.CSI_START}|{grammar.ESCAPE_START}"
_TOKEN = re.compile(
    rf"""
      (?:({grammar.CSI}|{grammar.ESCAPE})|(?={_TEXT}|{_C0}))     # 1 a sequence
          ({_TEXT}*)({_C0}?)                                    # 2 text, 3 a control after them
    | ({grammar.UNFINISHED})                                    # 4 an unfinished sequence at the end
    | (?=\x1b(?:{_START})[{_INNER}])                            # a sequence with controls inside:
          (\x1b[{_INNER}]*(?:\[[\x20-?{_INNER}]*|[\x20-/{_INNER}]*))   # 5 up to its final byte
          ((?s:.*))                                             # 6 all after that
    | {grammar.ABORTED}                                         # an aborted sequence
    """,
    re.VERBOSE,
)
r"""Splits a text into tokens. For example, with the groups that are not empty:

    \e[31mred\r        1 \e[31m, 2 red, 3 \r
    red               2 red
    \e[H\e[J           1 \e[H; the next token has 1 \e[J
    \e[3              4 \e[3, if the text ends there
    \e[3\e[1m         none: \e[3 is aborted; the next token has 1 \e[1m
    \e[3\b1mred        5 \e[3\b1, 6 mred: BS acts, then \e[31mred is split again
"""
_CSI = re.compile(rf"{grammar.CSI_PARTS}\Z")
_CONTROL = re.compile(f"[{_INNER}]")
_OSC_GOES_ON = re.compile(r"[^\x07\x18\x1a\x1b]*")
_STRING_GOES_ON = re.compile(r"[^\x18\x1a\x1b]*")
_CSI_GOES_ON = re.compile(rf"[\x20-?{_INNER}]*")
_ESCAPE_GOES_ON = re.compile(rf"[\x20-/{_INNER}]*")


def _nothing(_: Screen) -> None:
    """Ignore an unknown sequence."""


_CONTROLS: dict[str, Callable[[Screen], object]] = {
    "\b": Screen.backspace,
    "\t": Screen.tab,
    "\n": Screen.linefeed,
    "\v": Screen.linefeed,
    "\f": Screen.linefeed,
    "\r": Screen.carriage_return,
    "\x0e": Screen.shift_out,
    "\x0f": Screen.shift_in,
}
_ESCAPES: dict[str, tuple[Callable[..., object], tuple[object, ...]]] = {
    "6": (Screen.back_index, ()),
    "7": (Screen.save_cursor, ()),
    "8": (Screen.restore_cursor, ()),
    "9": (Screen.forward_index, ()),
    "=": (Screen.switch_private_mode, (KEYPAD, True)),
    ">": (Screen.switch_private_mode, (KEYPAD, False)),
    "D": (Screen.index, ()),
    "E": (Screen.next_line, ()),
    "H": (Screen.set_tab_stop, ()),
    "M": (Screen.reverse_index, ()),
    "c": (Screen.reset, ()),
    "n": (Screen.shift, (2,)),
    "o": (Screen.shift, (3,)),
    "#8": (Screen.alignment_display, ()),
}
_SEQUENCES: dict[str, tuple[Callable[..., object], int]] = {  # the function that a CSI calls, and its most parameters
    "A": (Screen.cursor_up, 1),
    "B": (Screen.cursor_down, 1),
    "C": (Screen.cursor_forward, 1),
    "D": (Screen.cursor_back, 1),
    "E": (Screen.cursor_down1, 1),
    "F": (Screen.cursor_up1, 1),
    "G": (Screen.cursor_to_column, 1),
    "H": (Screen.cursor_position, 2),
    "I": (Screen.tab, 1),
    "Z": (Screen.back_tab, 1),
    "`": (Screen.cursor_to_column, 1),
    "a": (Screen.position_right, 1),
    "d": (Screen.cursor_to_line, 1),
    "e": (Screen.position_down, 1),
    "f": (Screen.cursor_position, 2),
    "@": (Screen.insert_characters, 1),
    "J": (Screen.erase_in_display, 1),
    "?J": (Screen.erase_in_display, 1),
    "K": (Screen.erase_in_line, 1),
    "?K": (Screen.erase_in_line, 1),
    "L": (Screen.insert_lines, 1),
    "M": (Screen.delete_lines, 1),
    "P": (Screen.delete_characters, 1),
    "S": (Screen.scroll_up, 1),
    "T": (Screen.scroll_down, 1),
    "X": (Screen.erase_characters, 1),
    "^": (Screen.scroll_down, 1),
    "b": (Screen.repeat, 1),
    "'}": (Screen.insert_columns, 1),
    "'~": (Screen.delete_columns, 1),
    " @": (Screen.scroll_left, 1),
    " A": (Screen.scroll_right, 1),
    "$v": (Screen.copy_rectangle, 8),
    "$x": (Screen.fill_rectangle, 5),
    "$z": (Screen.erase_rectangle, 4),
    "${": (Screen.wipe_rectangle, 4),
    "g": (Screen.clear_tab_stop, 1),
    "r": (Screen.set_margins, 2),
    "s": (Screen.save_cursor_or_set_margins, 2),
    "t": (Screen.window_operation, 2),
    "u": (Screen.restore_cursor, 0),
    "!p": (Screen.soft_reset, 0),
    " q": (Screen.set_cursor_style, 1),
    ">u": (Screen.push_kitty_flags, 1),
    "<u": (Screen.pop_kitty_flags, 1),
    "=u": (Screen.set_kitty_flags, 2),
    ">m": (Screen.set_key_resource, 2),
    ">n": (Screen.set_key_resource, 1),
    "?s": (Screen.save_modes, PARAMETERS),
    "?r": (Screen.restore_modes, PARAMETERS),
}


def _call(method: Callable[..., object], *arguments: object) -> Call:
    """Return the call of a screen's method, which a subclass may override."""
    return methodcaller(method.__name__, *arguments)


def _call_of(sequence: str) -> Call:
    kind = sequence[1]
    if kind in "P_":
        return _call(Screen.image, sequence)
    if len(sequence) - sequence.endswith("\x07") >= LIMIT:
        return _nothing
    if kind == "[":
        return _control_sequence(sequence)
    if kind == "]":
        return _call(Screen.operating_command, sequence[2:].removesuffix("\x07"))
    if kind in G_SETS and len(sequence) in {3, 4}:
        return _call(Screen.define_charset, sequence[2:], kind)
    if sequence[1:] not in _ESCAPES:
        return _nothing
    method, arguments = _ESCAPES[sequence[1:]]
    return _call(method, *arguments)


def _control_sequence(sequence: str) -> Call:
    match = _CSI.match(sequence)
    if match is None:
        return _nothing
    prefix, text, intermediates, final = match.groups()
    kind = prefix + intermediates + final
    if kind == "m":
        return _call(Screen.set_pen, text)
    if kind in {"h", "l", "?h", "?l"}:
        numbers = tuple(parameter(part) for part in text.split(";", PARAMETERS)[:PARAMETERS] if ":" not in part)
        return _call(Screen.switch_modes, numbers, final == "h", bool(prefix))
    if ":" in text or kind not in _SEQUENCES:
        return _nothing
    method, count = _SEQUENCES[kind]
    return _call(method, *(parameter(part) for part in text.split(";", count)[:count] if text))


_cached_call = lru_cache(4096)(_call_of)


class Parser:
    """Reads bytes, and calls the functions of a screen."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = StringIO()  # the start of an unfinished sequence
        self._goes_on: re.Pattern[str] | None = None  # matches text that does not end it; None without such a sequence
        self.last_error: Exception | None = None  # of a sequence whose call raised

    @property
    def pending(self) -> str:
        """The start of an unfinished sequence, at most `LIMIT` characters."""
        return self._pending.getvalue()

    @property
    def unfinished(self) -> bytes:
        return self.pending.encode() + self._decoder.getstate()[0]

    def parse(self, data: bytes, deadline: float | None = None) -> int:
        """Parse `data` until the `deadline` (of `perf_counter`); return the number of bytes parsed.

        Never raises: a sequence whose call raises is skipped.
        """
        start = 0
        while start < len(data):
            piece = data[start : start + self._piece()]
            self._take(self._decoder.decode(piece))
            start += len(piece)
            if deadline is not None and perf_counter() >= deadline:
                break
        return start

    def _piece(self) -> int:
        cells = self.screen.columns * self.screen.height
        if self.screen.left_right_mode:
            cells *= 8  # with left and right margins a line feed moves the cells of each row separately
        return min(PIECE, max(SMALLEST_PIECE, _CELLS // cells))

    def _take(self, text: str) -> None:
        if self._goes_on is not None:
            if self._goes_on.fullmatch(text):
                self._go_on(text)
                return
            text = self.pending + text
            self._pending = StringIO()
            self._goes_on = None
        while text:
            text = self._act(text)

    def _begin(self, sequence: str) -> None:
        """Keep the start of a sequence."""
        kind = sequence[1:2]
        if kind == "[":
            self._goes_on = _CSI_GOES_ON
        elif kind == "]":
            self._goes_on = _OSC_GOES_ON
        else:
            self._goes_on = _STRING_GOES_ON if kind and kind in grammar.STRINGS else _ESCAPE_GOES_ON
        self._pending.write(sequence[:LIMIT])

    def _go_on(self, text: str) -> None:
        """Add a text that does not end the kept sequence, which is not searched again: each byte is read once."""
        if self._goes_on in (_CSI_GOES_ON, _ESCAPE_GOES_ON) and _CONTROL.search(text):
            self._act("".join(_CONTROL.findall(text)))
            text = _CONTROL.sub("", text)
        self._pending.write(text[: LIMIT - self._pending.tell()])

    def _act(self, text: str) -> str:
        """Act on a text up to a sequence with controls inside; return the rest."""
        screen = self.screen
        for sequence, printed, control, unfinished, interrupted, rest in _TOKEN.findall(text):
            if sequence:
                try:
                    repeats = sequence[1] == "[" and len(sequence) < _MAX_CACHED  # titles and links seldom come again
                    call = _cached_call(sequence) if repeats else _call_of(sequence)
                    call(screen)
                except Exception as error:
                    self.last_error = error
                screen.joinable = False
            try:
                if printed:
                    screen.draw(printed)
                if control:
                    _CONTROLS.get(control, _nothing)(screen)
                    screen.joinable = False
                elif unfinished:
                    self._begin(unfinished)
                elif interrupted:
                    self._act("".join(_CONTROL.findall(interrupted)))  # there is no ESC in it
                    remaining: str = _CONTROL.sub("", interrupted) + rest
                    return remaining
                elif not (sequence or printed):  # an aborted sequence
                    screen.joinable = False
            except Exception as error:
                self.last_error = error
        return ""
