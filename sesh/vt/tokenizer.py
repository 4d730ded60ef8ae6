"""Bytes into runs of text, controls and sequences, and what each of them calls (ECMA-48, the parser of DEC terminals).

One regular expression splits a block, and `findall` returns whole runs of text, so that a byte of text costs no Python.
What a block leaves unfinished is kept, within a bound, and can be sent on to a terminal as it is.

The grammar is that of `grammar`; C1 is dropped. As in DEC's parser, controls within a sequence act before it. A
sequence of LIMIT characters or more is ignored, but for the size of an image. So is one that is in none of the tables
(DEC STD 070, XTerm ctlseqs, kitty's protocols): queries, and all that acts on more than the screen, such as bells and
the clipboard.
"""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from operator import length_hint
from time import perf_counter

from sesh.vt.cell import apply_sgr
from sesh.vt.fast_path import SMALLEST, bulk_limit, scroll_through, split
from sesh.vt.grammar import (
    ABORTED,
    CSI,
    CSI_END,
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
from sesh.vt.graphemes import STAND_INS, stand_ins_left
from sesh.vt.screen import Screen, free_stand_ins
from sesh.vt.text import G_SETS

_CSI = re.compile(rf"{CSI_PARTS}\Z")

Call = tuple[Callable[..., object], tuple[object, ...]]
"""A function and its arguments."""
Moves = tuple[list[Call], int, int]
"""Calls of sequences, and the row and the column of a CUP that ends them; -1 without one."""


class Dispatcher:
    """The tables, bound to one screen: `controls` (C0, CR LF and EL); other sequences by `csi` and `escape`."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.controls: dict[str, Callable[[], object]] = {
            "\r\n": screen.newline,
            "\b": screen.backspace,
            "\t": screen.tab,
            "\n": screen.linefeed,
            "\v": screen.linefeed,
            "\f": screen.linefeed,
            "\r": screen.carriage_return,
            "\x0e": partial(screen.shift, 1),
            "\x0f": partial(screen.shift, 0),
            "\x1b[K": screen.erase_in_line,
            "\x1b[0K": screen.erase_in_line,
            "\x1b[1K": partial(screen.erase_in_line, 1),
            "\x1b[2K": partial(screen.erase_in_line, 2),
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
        """Return the call of a whole control sequence, for the size that the screen has."""
        match = _CSI.match(sequence)
        if match is None:
            return self.nothing, ()
        prefix, text, intermediates, final = match.groups()
        kind = prefix + intermediates + final
        if kind in {"h", "l", "?h", "?l"}:
            numbers = tuple(parameter(part) for part in text.split(";", PARAMETERS)[:PARAMETERS] if ":" not in part)
            if prefix and len(numbers) == 1:
                return self.screen.switch_private_mode, (numbers[0], final == "h")
            return partial(self.screen.switch_modes, numbers, final == "h", bool(prefix)), ()
        if kind in {"?s", "?r"}:
            numbers = tuple(map(parameter, text.split(";", PARAMETERS)[:PARAMETERS])) if ":" not in text else ()
            return (self.screen.save_modes if final == "s" else self.screen.restore_modes), numbers
        if kind == "r" and ":" not in text:
            return self._margins(*map(parameter, text.split(";", 2)[:2]))
        entry = self._csi.get(kind)
        if entry is None or ":" in text:
            return self.nothing, ()
        call, count = entry
        params = tuple(parameter(part) for part in text.split(";", count)[:count]) if text else ()
        return call, params

    def nothing(self, *_: int) -> None:
        """Ignore an unknown sequence."""

    def _margins(self, top: int = 0, bottom: int = 0) -> Call:
        """DECSTBM: 1-based; ignored for fewer than two rows."""
        lines = self.screen.lines
        first, last = top - 1 if top else 0, min(bottom or lines, lines) - 1
        return (self.screen.set_region, (first, last)) if first < last else (self.nothing, ())

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

    def escape(self, sequence: str) -> Call:
        """Return the call of an escape, or of a string, which holds its terminator if that is BEL."""
        kind = sequence[1]
        if kind == "]":
            return self.screen.operating_command, (sequence[2:].removesuffix("\x07"),)
        if kind in "P_":
            return self.image, (sequence,)
        if kind in G_SETS and len(sequence) in {3, 4}:
            return self.screen.define_charset, (sequence[2:], kind)
        return self._escapes.get(sequence, self.nothing), ()

    def image(self, sequence: str, skipped: int = 0) -> None:
        """Act on a string that may be an image. `skipped`: bands of sixel in its middle that are left out."""
        if sequence[1] == "P":
            self.screen.sixel(sequence, skipped)
        elif sequence[2:3] == "G":
            self.screen.graphics(sequence[2:])


PIECE, ONE_BY_ONE, SMALL, TOGETHER, TOUCHED = 4096, 256, 64, 32, 20_000
"""PIECE: bytes that are tokenized at once; ONE_BY_ONE: of characters that are drawn one by one; SMALL: of a piece that
cannot be left between two tokens, or between left and right margins. TOGETHER: tokens that are acted on without a look
at the clock, as long as they change no more than TOUCHED cells."""
CACHE, LONGEST = 4096, 64
"""Number of sequences whose calls are remembered, and the length from which on none are."""


def _up_to(count: int, part: str) -> str:
    """An expression for up to `count` times `part`. Branches cost `re` less than a repetition of a group."""
    return f"(?:{part}{_up_to(count - 1, part)}|)" if count else ""


_ALL = "*+" if sys.version_info >= (3, 11) else "*"
"""Repetition, as often as it goes. It never matches what follows, so giving none back finds the same, at less cost."""
_TEXT, _C0 = "[ -~\xa0-\U0010ffff]", "[\x00-\x1a\x1c-\x1f]"
"""Text: `re` tries one range after the other, so ASCII comes first."""
_INNER = "\x00-\x17\x19\x1c-\x1f\x7f-\x9f"
"""C0 controls that act within a sequence too: all but ESC, CAN and SUB; and DEL and C1, which do nothing."""
_SGR_END = rf"\[[0-9;:]{_ALL}m"
_SGR = rf"\x1b{_SGR_END}"
_MOVE, _ERASE = rf"\x1b\[[0-9;?]{_ALL}[A-HJKXZ`ac-fhlr]", r"\x1b\[[0-2]?K"
_SEQUENCES = rf"{_MOVE}{_up_to(7, _MOVE)}|(?!{_SGR})(?:{CSI}|{ESCAPE})"
_IN_PENS = _TEXT + _ALL + _up_to(15, rf"\x1b(?:{_SGR_END}|\(B){_TEXT}{_ALL}")
TOKEN = re.compile(
    rf"""
      (?:({_SEQUENCES})|(?={_TEXT}|{_C0}|{_SGR}))({_up_to(3, _SGR)})({_IN_PENS})(\r\n|{_C0}|{_ERASE}|)
                                      # 1 moves or one sequence, 2 SGRs, 3 text with SGRs, 4 control or EL
    | ({UNFINISHED})                  # 5 the start of a sequence
    | (\x1b(?:{CSI_START}|{ESCAPE_START})[{_INNER}](?s:.*))   # 6 one with a control in it, and all that follows
    | {ABORTED}                       # nothing
    """,
    re.VERBOSE,
)
"""The tokens of usual frames: sequences that move the cursor or cost no more, SGRs, text in some pens, and a control or
EL, all as one, because finding tokens takes a third of the time of a frame that has many. The clock is not looked at
within a token: hence at most 8 moves, 3 SGRs and 16 pens."""
_MOVES = re.compile(_MOVE)
_LEFT_RIGHT_MODE = re.compile(rb"\[\?[^@-~]*69")
_ONE_BY_ONE = re.compile(rb"\[[^@-~]*(?:4h|4;|2027|7l|7;)")
_ENDS = (re.compile(CSI_END), re.compile(STRING_END))
_WITH_CONTROLS = re.compile(rf"\x1b[{_INNER}]*(?:\[[\x20-?{_INNER}]*|[\x20-/{_INNER}]*)")
_CONTROL = re.compile(f"[{_INNER}]")


def _hoist(match: re.Match[str]) -> str:
    """Move the controls within a sequence to its front, after the ST of a string that its ESC ends."""
    sequence = match[0]
    controls = "".join(_CONTROL.findall(sequence))
    return f"\x1b\\{controls}{_CONTROL.sub('', sequence)}" if controls else sequence


class Tokenizer:
    """Feeds a screen; keeps what is unfinished, counts errors."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.dispatcher = Dispatcher(screen)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.pending = ""
        """The start of an unfinished sequence, as text."""
        self.skipped = 0
        """Bands of sixel in what came after `pending` and was not kept."""
        self.errors = 0
        self.last_error: Exception | None = None
        self._moves: dict[str, Moves] = {}
        self._size = 0, 0
        """Columns and rows of the screen that these are for."""

    @property
    def unfinished(self) -> bytes:
        """The start of a sequence, of a character or of both, with which the next bytes go on."""
        return self.pending.encode() + self.decoder.getstate()[0]

    def feed(self, data: bytes, seconds: float | None = None) -> int:
        """Act on `data`, or on a start of it once `seconds` are over; returns how many bytes that is. Never raises:
        after an error the rest of the sequence that caused it is skipped."""
        until = None if seconds is None else perf_counter() + seconds
        if until is not None:
            data = data[: bulk_limit(data)]
        left = data
        if len(data) >= SMALLEST:
            try:
                left = self._feed_bulk(data, until)
            except Exception as error:
                self._note(error)
        return len(data) - len(left) + self._feed_pieces(left, until)

    def _feed_bulk(self, data: bytes, until: float | None) -> bytes:
        """Take the fast path if `data` is bulk output; returns what is left to feed."""
        bulk = split(self.screen, data)
        if bulk is None:
            return data
        head, lines, count, tail = bulk
        acted = self._feed_pieces(head, until)
        if acted == len(head) and not self.unfinished and scroll_through(self.screen, lines, count):
            return tail
        return data[acted:]

    def _feed_pieces(self, data: bytes, until: float | None) -> int:
        """Act on `data` in pieces, at least on one: a block of short sequences would be millions of tokens at once."""
        start = 0
        while start < len(data):
            if stand_ins_left() < STAND_INS // 4:
                free_stand_ins()
            piece = data[start : start + PIECE]
            if until is not None:
                piece = piece[: self._most(piece)]
            start += self._feed(piece, until)
            if until is not None and perf_counter() >= until:
                break
        return start

    def _most(self, piece: bytes) -> int:
        """Return how many bytes of a piece are fed at once in a call with a time limit."""
        screen, known = self.screen, self.pending[-SMALL:].encode() + piece
        # Between left and right margins each line feed, and each wrap of a run of text, moves cells of all rows.
        if screen.left_right_mode or _LEFT_RIGHT_MODE.search(known):
            return SMALL
        # In insert mode and with mode 2027 characters are looked at one by one, and a run of them is one token.
        if not piece.isascii() and (screen.insert or screen.clustering or not screen.wrap or _ONE_BY_ONE.search(known)):
            return ONE_BY_ONE
        return PIECE

    def _note(self, error: Exception) -> None:
        self.errors += 1
        self.last_error = error

    def _feed(self, data: bytes, until: float | None) -> int:
        """Act on a piece, or on a start of it once it is `until`; returns how many bytes that is.

        For speed, all tokens are found at once, as texts without positions. Only when time is over, `_taken` counts
        their bytes, as UTF-8. It cannot if some were invalid, or if the controls within a sequence were moved.
        """
        pending, state = self.pending, self.decoder.getstate()
        text = self.decoder.decode(data)
        if pending:
            if len(pending) >= LIMIT and not _ENDS[pending[1] in STRINGS].search(text):
                self.skipped += text.count("-")
                return len(data)  # more of what is not kept, usually an image
            text = pending + text
            self.pending = ""
        divisible = until is not None
        if divisible and "\ufffd" in text:
            return self._feed_small(data, until, pending, state)
        matches = TOKEN.findall(text)
        tokens = iter(matches)
        while left := length_hint(tokens):
            if divisible and left < len(matches) and perf_counter() >= (until or 0.0):
                if taken := self._taken(text, len(matches) - left, pending.encode() + state[0], data):
                    return taken
                divisible = False
            try:
                again = self._run(islice(tokens, TOGETHER))
            except Exception as error:
                self._note(error)
                continue
            if again:
                if divisible and len(matches) == 1:
                    return self._feed_small(data, until, pending, state)
                if divisible and (taken := self._taken(text, len(matches) - 1, pending.encode() + state[0], data)):
                    return taken
                tokens = iter(TOKEN.findall(_WITH_CONTROLS.sub(_hoist, again)))
                divisible = False
        return len(data)

    def _feed_small(self, data: bytes, until: float | None, pending: str, state: tuple[bytes, int]) -> int:
        """Act on a piece whose tokens cannot be found in its bytes (no UTF-8, or controls within a sequence): by small
        pieces, from the state before it."""
        self.pending = pending
        self.decoder.setstate(state)
        start = 0
        while start < len(data):
            start += self._feed(data[start : start + SMALL], None)
            if until is not None and perf_counter() >= until:
                break
        return start

    def _taken(self, text: str, count: int, start: bytes, data: bytes) -> int:
        """Return the bytes of `data` that the first `count` tokens of `text` take, which began with `start`; 0 if the
        tokens end elsewhere in the bytes. The rest is to be fed again."""
        end = next(islice(TOKEN.finditer(text), count - 1, None)).end()
        acted = text[:end].encode()
        if len(acted) <= len(start) or not (start + data).startswith(acted):
            return 0
        self.pending = ""
        self.decoder.reset()
        return len(acted) - len(start)

    def _run(self, tokens: Iterable[Sequence[str]]) -> str:
        """Act on tokens. Returns the text from a sequence with a control in it on, which has to be tokenized again.

        All kinds of tokens stand in this one loop: a call for each token would cost more.
        """
        screen = self.screen
        screen.touched = 0
        draw, draw_pens = screen.draw, screen.draw_pens
        moves, controls, nothing = self._known_moves(), self.dispatcher.controls, self.dispatcher.nothing
        for sequences, sgrs, text, end, unfinished, interrupted in tokens:
            if sequences:
                calls, row, column = moves.get(sequences) or self._resolve(sequences)
                for call, arguments in calls:
                    try:
                        call(*arguments)
                    except Exception as error:
                        self._note(error)
                if row >= 0:
                    if screen.origin:
                        screen.cursor_position(row + 1, column + 1)
                    else:  # the same, without a call
                        cursor = screen.cursor
                        cursor.y = row
                        cursor.x = column
                        screen.margin_wrap = None
                screen.joinable = False
            if sgrs:
                parameters = sgrs[2:-1]
                pen = screen.pen.after_sgr.get(parameters)
                screen.pen = apply_sgr(screen.pen, parameters) if pen is None else pen
                screen.joinable = False
            if text:
                if "\x1b" not in text:
                    draw(text)
                elif draw_pens(text, end == "\x1b[K"):
                    continue
            if end:
                controls.get(end, nothing)()
                screen.joinable = False
            elif not text and self._ends(unfinished, interrupted):
                return interrupted
            if screen.touched > TOUCHED:
                break
        return ""

    def _ends(self, unfinished: str, interrupted: str) -> bool:
        """Act on a token without text and end, after its sequences. Returns whether it has to be tokenized again."""
        if unfinished:
            self.pending = unfinished[:LIMIT]
            self.skipped = self.skipped + unfinished.count("-", LIMIT) if len(unfinished) >= LIMIT else 0
        elif not interrupted:
            self.screen.joinable = False  # after an aborted sequence too
        return bool(interrupted)

    def _known_moves(self) -> dict[str, Moves]:
        """The calls that are remembered, for the size that the screen has."""
        size = self.screen.columns, self.screen.lines
        if self._size != size:
            self._size = size
            self._moves.clear()
        return self._moves

    def _resolve(self, sequences: str) -> Moves:
        """Return the calls of several moves, or of one sequence of any kind; short ones are remembered."""
        dispatcher = self.dispatcher
        moves = _MOVES.findall(sequences)
        if len(moves) > 1:
            calls = self._needed([dispatcher.csi(move) for move in moves])
        elif sequences[1] == "[":
            calls = [dispatcher.csi(sequences)] if len(sequences) <= LIMIT else []
        elif len(sequences) - sequences.endswith("\x07") < LIMIT:
            calls = [dispatcher.escape(sequences)]
        elif sequences[1] in "P_":
            calls = [(dispatcher.image, (sequences, self.skipped))]
        else:
            calls = []
        row = column = -1
        if calls and calls[-1][0] == self.screen.cursor_position:
            row, column = self._clipped(*calls.pop()[1])  # type: ignore[arg-type]  # they are numbers
        resolved = calls, row, column
        if len(sequences) < LONGEST:
            if len(self._moves) >= CACHE:
                self._moves.clear()
            self._moves[sequences] = resolved
        return resolved

    def _clipped(self, line: int = 1, column: int = 1) -> tuple[int, int]:
        """Return the row and the column of a CUP."""
        columns, rows = self._size
        return min(max(line, 1), rows) - 1, min(max(column, 1), columns) - 1

    def _needed(self, calls: list[Call]) -> list[Call]:
        """Return the calls without each CUP, DECTCEM and DECSTBM that a later one overrides: a frame often ends with
        those that the next one begins with. All of them, if there are calls of other kinds."""
        screen = self.screen
        kinds: dict[object, int] = {screen.cursor_position: 0, screen.switch_private_mode: 1, screen.set_region: 2}
        latest: dict[object, Call] = {}
        for function, arguments in calls:
            count = kinds.get(function)
            if count is None or (count == 1 and arguments[0] != 25):
                return calls
            key = function, arguments[:count]
            latest.pop(key, None)
            latest[key] = function, arguments
        return list(latest.values())
