"""Bytes into runs of text, controls and sequences, and what each of them calls (ECMA-48, the parser of DEC terminals).

One regular expression splits a piece, and `findall` returns whole runs of text, so that a byte of text costs no Python.
What a piece leaves unfinished is kept, within a bound, and can be sent on to a terminal as it is.

The grammar is that of `grammar`; C1 is dropped. As in DEC's parser, controls within a sequence act before it. A
sequence of LIMIT characters or more is ignored, but for the size of an image. So is one that is in none of the tables
(DEC STD 070, XTerm ctlseqs, kitty's protocols): queries, and all that acts on more than the screen, such as bells and
the clipboard.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import partial
from time import perf_counter

from sesh.vt.grammar import (
    ABORTED,
    CSI,
    CSI_PARTS,
    CSI_START,
    ESCAPE,
    ESCAPE_START,
    LIMIT,
    PARAMETERS,
    STRING_END,
    STRINGS,
    UNFINISHED,
    parameter,
)
from sesh.vt.printing import G_SETS
from sesh.vt.screen import Screen

Call = tuple[Callable[..., object], tuple[object, ...]]
"""A function and its arguments."""

PIECE, SMALLEST_PIECE = 1024, 2
"""Bytes that are parsed without a look at the clock: the most, and on the largest screens."""
_CELLS = 2_000_000
"""Cells that the bytes of a piece may change, as a short sequence changes all cells of a screen."""
_REMEMBERED, _LONGEST = 4096, 64
"""Number of sequences whose calls are remembered, and the length from which on none are."""

_TEXT, _C0 = "[ -~\xa0-\U0010ffff]", "[\x00-\x1a\x1c-\x1f]"
_INNER = "\x00-\x17\x19\x1c-\x1f\x7f-\x9f"
"""C0 controls that act within a sequence too: all but ESC, CAN and SUB; and DEL and C1, which do nothing."""
_TOKEN = re.compile(
    rf"""
      (?:({CSI}|{ESCAPE})|(?={_TEXT}|{_C0}))({_TEXT}*)(\r\n|{_C0}|)   # 1 a sequence, 2 text, 3 a control behind them
    | ({UNFINISHED})                                                # 4 the start of a sequence
    | (\x1b(?:{CSI_START}|{ESCAPE_START})[{_INNER}](?s:.*))         # 5 one with a control in it, and all that follows
    | {ABORTED}                                                     # nothing
    """,
    re.VERBOSE,
)
_CSI = re.compile(rf"{CSI_PARTS}\Z")
_STRING_END = re.compile(STRING_END)
_WITH_CONTROLS = re.compile(rf"\x1b[{_INNER}]*(?:\[[\x20-?{_INNER}]*|[\x20-/{_INNER}]*)")
_CONTROL = re.compile(f"[{_INNER}]")


def _hoist(match: re.Match[str]) -> str:
    """Move the controls within a sequence to its front, after the ST of a string that its ESC ends."""
    sequence = match[0]
    controls = "".join(_CONTROL.findall(sequence))
    return f"\x1b\\{controls}{_CONTROL.sub('', sequence)}" if controls else sequence


class Dispatcher:
    """The tables of functions, bound to one screen."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.controls: dict[str, Callable[[], object]] = {
            "\b": screen.backspace,
            "\t": screen.tab,
            "\n": screen.linefeed,
            "\v": screen.linefeed,
            "\f": screen.linefeed,
            "\r": screen.carriage_return,
            "\r\n": screen.newline,
            "\x0e": screen.shift_out,
            "\x0f": screen.shift_in,
        }
        self._escapes: dict[str, Callable[[], object]] = {
            "\x1b6": screen.back_index,
            "\x1b7": screen.save_cursor,
            "\x1b8": screen.restore_cursor,
            "\x1b9": screen.forward_index,
            "\x1b=": partial(screen.switch_private_mode, 66, True),
            "\x1b>": partial(screen.switch_private_mode, 66, False),
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
        self._csi = self._control_sequences(screen)

    def _control_sequences(self, screen: Screen) -> dict[str, tuple[Callable[..., object], int]]:
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
            " @": (screen.scroll_left, 1),
            " A": (screen.scroll_right, 1),
            "$v": (screen.copy_rectangle, 8),
            "$x": (screen.fill_rectangle, 5),
            "$z": (screen.erase_rectangle, 4),
            "${": (screen.wipe_rectangle, 4),
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
            "?s": (screen.save_modes, PARAMETERS),
            "?r": (screen.restore_modes, PARAMETERS),
        }

    def call_of(self, sequence: str, skipped: int) -> Call:
        """Return the call of a whole sequence. `skipped`: bands of an image in its middle that are left out."""
        kind = sequence[1]
        if len(sequence) - sequence.endswith("\x07") >= LIMIT:
            return (self._image, (sequence, skipped)) if kind in "P_" else (self.nothing, ())
        if kind == "[":
            return self._control_sequence(sequence)
        if kind == "]":
            return self.screen.operating_command, (sequence[2:].removesuffix("\x07"),)
        if kind in "P_":
            return self._image, (sequence, 0)
        if kind in G_SETS and len(sequence) in {3, 4}:
            return self.screen.define_charset, (sequence[2:], kind)
        return self._escapes.get(sequence, self.nothing), ()

    def _control_sequence(self, sequence: str) -> Call:
        match = _CSI.match(sequence)
        if match is None:
            return self.nothing, ()
        prefix, text, intermediates, final = match.groups()
        kind = prefix + intermediates + final
        if kind == "m":
            return self.screen.set_pen, (text,)
        if kind in {"h", "l", "?h", "?l"}:
            numbers = tuple(parameter(part) for part in text.split(";", PARAMETERS)[:PARAMETERS] if ":" not in part)
            return self.screen.switch_modes, (numbers, final == "h", bool(prefix))
        call, count = self._csi.get(kind, (self.nothing, 0))
        if ":" in text:
            return self.nothing, ()
        return call, tuple(parameter(part) for part in text.split(";", count)[:count]) if text else ()

    def nothing(self) -> None:
        """Ignore an unknown sequence."""

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

    def _image(self, sequence: str, skipped: int) -> None:
        """Act on a string that may be an image."""
        if sequence[1] == "P":
            self.screen.sixel(sequence, skipped)
        elif sequence[2:3] == "G":
            self.screen.graphics(sequence[2:])


class Parser:
    """Feeds a screen; keeps what is unfinished, counts errors."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._dispatcher = Dispatcher(screen)
        self._calls: dict[str, Call] = {}
        """The calls of sequences that came lately."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.pending = ""
        """The start of an unfinished sequence, as text."""
        self._skipped = 0
        """Bands of sixel in what came after `pending` and was not kept."""
        self.errors = 0
        self.last_error: Exception | None = None

    @property
    def unfinished(self) -> bytes:
        """The start of a sequence, of a character or of both, with which the next bytes go on."""
        return self.pending.encode() + self._decoder.getstate()[0]

    def feed(self, data: bytes, until: float | None = None) -> int:
        """Act on `data`, or on a start of it once it is `until` (see `perf_counter`); return its number of bytes.

        Never raises: after an error the rest of the sequence that caused it is skipped.
        """
        start = 0
        while start < len(data):
            piece = data[start : start + self._piece()]
            self._parse(self._decoder.decode(piece))
            start += len(piece)
            if until is not None and perf_counter() >= until:
                break
        return start

    def _piece(self) -> int:
        """Return the bytes to parse at once: few on a large screen, or between left and right margins.

        There each line feed moves cells of all rows, one after the other.
        """
        cells = self.screen.columns * self.screen.lines * (8 if self.screen.left_right_mode else 1)
        return min(PIECE, max(SMALLEST_PIECE, _CELLS // cells))

    def _parse(self, text: str) -> None:
        if self.pending:
            if len(self.pending) > 1 and self.pending[1] in STRINGS and not _STRING_END.search(text):
                self._keep(text)
                return
            text, self.pending = self.pending + text, ""
        self._act(text)

    def _keep(self, text: str) -> None:
        """Keep more of an unfinished sequence, as far as its limit."""
        room = LIMIT - len(self.pending)
        self.pending += text[:room]
        self._skipped += text.count("-", room)

    def _act(self, text: str) -> None:
        """Act on all tokens of a text."""
        screen, calls = self.screen, self._calls
        controls, nothing = self._dispatcher.controls, self._dispatcher.nothing
        for sequence, words, control, unfinished, interrupted in _TOKEN.findall(text):
            if sequence:
                try:
                    function, arguments = calls.get(sequence) or self._call_of(sequence)
                    function(*arguments)
                except Exception as error:
                    self._note(error)
                screen.joinable = False
            try:
                if words:
                    screen.draw(words)
                if control:
                    controls.get(control, nothing)()
                    screen.joinable = False
                elif unfinished:
                    self._skipped = 0
                    self._keep(unfinished)
                elif interrupted:
                    self._act(_WITH_CONTROLS.sub(_hoist, interrupted))
                elif not (sequence or words):
                    screen.joinable = False  # after an aborted sequence too
            except Exception as error:
                self._note(error)

    def _note(self, error: Exception) -> None:
        self.errors += 1
        self.last_error = error

    def _call_of(self, sequence: str) -> Call:
        """Return the call of a sequence; short ones are remembered."""
        call = self._dispatcher.call_of(sequence, self._skipped)
        if len(sequence) < _LONGEST:
            if len(self._calls) >= _REMEMBERED:
                self._calls.clear()
            self._calls[sequence] = call
        return call
