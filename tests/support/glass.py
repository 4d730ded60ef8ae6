"""A terminal emulator for tests, which shares no code with the product.

pyte's screen holds the cells. The tokenizer, both buffers, the scrollback and the answers to queries are the harness's
own, because pyte stumbles over sequences that vim, fish and sesh itself send. Text, cursor and modes are exact enough
to be asserted on; colours are pyte's.
"""

from __future__ import annotations

import codecs
import copy
import re
from collections import defaultdict
from collections.abc import Callable

import pyte
import pyte.charsets
import pyte.modes
from pyte.screens import Char, Margins, StaticDefaultDict
from wcwidth import wcwidth

_TOKEN = re.compile(
    rb"(?P<text>[^\x00-\x1f\x7f]+)"
    rb"|\x1b\[(?P<prefix>[<=>?]?)(?P<parameters>[0-9:;]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    rb"|\x1b\](?P<command>[^\x07\x1b\x18\x1a]*)(?:\x07|\x1b\\|[\x18\x1a])"
    rb"|\x1b[PX^_][^\x1b\x18\x1a]*(?:\x1b\\|[\x18\x1a])"
    rb"|\x1b\[[0-9:;<=>?]*[ -/]*[\x18\x1a]"
    rb"|\x1b(?P<set>[()])(?P<charset>[0-~])"
    rb"|\x1b[ -/]+[0-~]"
    rb"|\x1b(?P<escape>[0-OQ-WYZ\\`-~])"
    rb"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
)
_UNFINISHED = re.compile(
    rb"\x1b(?:\[[0-9:;<=>?]*[ -/]*|\][^\x07\x1b\x18\x1a]*\x1b?|[PX^_][^\x1b\x18\x1a]*\x1b?|[ -/]*)\Z"
)
_ALTERNATE = (47, 1047, 1049)
_CONTROLS = {
    b"\b": "backspace",
    b"\t": "tab",
    b"\n": "linefeed",
    b"\v": "linefeed",
    b"\f": "linefeed",
    b"\r": "carriage_return",
    b"\x0e": "shift_out",
    b"\x0f": "shift_in",
}


class Glass(pyte.Screen):
    """A screen of `columns` x `rows` that is fed bytes.

    `scrollback`: the lines that left at the top of the main screen, oldest first. `modes`: the private modes that are
    on. `replies`: what a terminal would send back (DA1, DSR), for a test that wants to send it. `bells`: their number.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.scrollback: list[str] = []
        self.modes: set[int] = set()
        self.replies = bytearray()
        self.bells = 0
        self.alternate = False
        self.cursor_style = 0
        self._kept = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._main: tuple[dict[int, StaticDefaultDict[int, Char]], pyte.screens.Cursor] | None = None
        self._last = ""
        self._cells: dict[Char, dict[str, Char]] = {}
        """Cells by their attributes, then by their character: each is made only once."""
        super().__init__(columns, rows)

    # -- reading it

    def rows(self) -> list[str]:
        """The visible rows as text, without trailing blanks."""
        return [self.row(y) for y in range(self.lines)]

    def row(self, y: int) -> str:
        """One visible row, counted from 0."""
        if y not in self.buffer:
            return ""
        cells = self.buffer[y]
        end = min(max(cells, default=-1) + 1, self.columns)
        return "".join([cells[x].data for x in range(end)]).rstrip()

    def text(self) -> str:
        """Scrollback and screen, a line each."""
        return "\n".join([*self.scrollback, *self.rows()]).rstrip("\n")

    # -- feeding it

    def feed(self, data: bytes) -> None:
        """Take bytes in chunks of any size; an incomplete sequence waits for its rest."""
        data = self._kept + data
        self._kept = b""
        at = 0
        while at < len(data):
            token = _TOKEN.match(data, at)
            if token is None:
                if _UNFINISHED.match(data, at):
                    self._kept = data[at:]
                    return
                at += 1  # a stray ESC
                continue
            at = token.end()
            self._take(token)

    def _take(self, token: re.Match[bytes]) -> None:
        kind = token.lastgroup
        if kind == "text":
            self._write(self._decoder.decode(token["text"]))
        elif kind == "control":
            self._control(token["control"])
        elif kind == "final":
            numbers = [int(part.partition(b":")[0] or 0) for part in token["parameters"].split(b";")]
            self._csi(token["prefix"] + token["between"] + token["final"], [min(n, 9999) for n in numbers])
        elif kind == "command":
            code, _, rest = token["command"].partition(b";")
            if code in (b"0", b"2"):
                self.title = rest.decode("utf-8", "replace")
        elif kind == "charset":
            self.define_charset(token["charset"].decode(), token["set"].decode())
        elif kind == "escape":
            self._escape(token["escape"])

    def _write(self, text: str) -> None:
        # pyte's draw stops at the first character without width, so text that may have one is drawn piece by piece.
        for piece in [text] if text.isascii() else text:
            self.draw(piece)
        self._last = text[-1:] or self._last

    def draw(self, data: str) -> None:
        """Draw text at the cursor; plain ASCII by rows, because pyte's way is slow."""
        plain = data.isascii() and not self.charset and self.g0_charset is pyte.charsets.LAT1_MAP
        if not plain or pyte.modes.IRM in self.mode or pyte.modes.DECAWM not in self.mode:
            wraps = self.cursor.x == self.columns - 1 and pyte.modes.DECAWM in self.mode
            if wraps and wcwidth(data[:1]) == 2:  # it does not fit; pyte would draw half of it
                self.carriage_return()
                self.linefeed()
            super().draw(data)
            return
        cells = self._cells.setdefault(self.cursor.attrs, {})
        for char in {*data}.difference(cells):
            cells[char] = self.cursor.attrs._replace(data=char)
        while data:
            if self.cursor.x >= self.columns:
                self.carriage_return()
                self.linefeed()
            x = self.cursor.x
            part, data = data[: self.columns - x], data[self.columns - x :]
            self.buffer[self.cursor.y].update(zip(range(x, x + len(part)), map(cells.__getitem__, part), strict=True))
            self.cursor.x = x + len(part)

    def _control(self, control: bytes) -> None:
        if control == b"\a":
            self.bells += 1
        elif name := _CONTROLS.get(control):
            getattr(self, name)()

    def _escape(self, final: bytes) -> None:
        if final == b"E":
            self.carriage_return()
        acts: dict[bytes, Callable[[], None]] = {
            b"7": self.save_cursor,
            b"8": self.restore_cursor,
            b"D": self.index,
            b"E": self.index,
            b"H": self.set_tab_stop,
            b"M": self.reverse_index,
            b"c": self.reset,
        }
        if final in acts:
            acts[final]()

    def _csi(self, sequence: bytes, numbers: list[int]) -> None:
        first = numbers[0]
        if sequence in (b"?h", b"?l"):
            for number in numbers:
                self._private(number, sequence == b"?h")
        elif sequence in (b"h", b"l"):
            (self.set_mode if sequence == b"h" else self.reset_mode)(*numbers)
        elif sequence == b"m":
            self.select_graphic_rendition(*numbers)
        elif sequence in (b"H", b"f", b"r"):
            pair = [*numbers, 0][:2]
            (self.set_margins if sequence == b"r" else self.cursor_position)(pair[0] or None, pair[1] or None)
        elif sequence == b"J":
            self._erase(first)
        elif sequence == b"K":
            if first <= 2:
                self.erase_in_line(first)
        elif sequence in (b"S", b"T"):
            self._scroll(first or 1, up=sequence == b"S")
        elif sequence == b"b":
            self._write(self._last * (first or 1))
        elif sequence in (b"c", b"n"):
            self._answer(sequence, first)
        elif sequence == b" q":
            self.cursor_style = first
        elif sequence == b"!p":
            self.margins = None
            self.reset_mode(6, private=True)
            self.select_graphic_rendition(0)
        else:
            self._edit(sequence, first)

    def _edit(self, sequence: bytes, number: int) -> None:
        acts: dict[bytes, Callable[[int], None]] = {
            b"@": self.insert_characters,
            b"A": self.cursor_up,
            b"B": self.cursor_down,
            b"C": self.cursor_forward,
            b"D": self.cursor_back,
            b"E": self.cursor_down1,
            b"F": self.cursor_up1,
            b"G": self.cursor_to_column,
            b"L": self.insert_lines,
            b"M": self.delete_lines,
            b"P": self.delete_characters,
            b"X": self.erase_characters,
            b"`": self.cursor_to_column,
            b"a": self.cursor_forward,
            b"d": self.cursor_to_line,
            b"e": self.cursor_down,
            b"g": self.clear_tab_stop,
            b"s": lambda _: self.save_cursor(),
            b"u": lambda _: self.restore_cursor(),
        }
        if sequence in acts:
            acts[sequence](number)

    def _private(self, number: int, on: bool) -> None:
        if on:
            self.modes.add(number)
        else:
            self.modes.discard(number)
        if number in _ALTERNATE:
            self._switch(on)
        elif number == 1048:
            (self.save_cursor if on else self.restore_cursor)()
        elif number in (6, 7, 25):
            (self.set_mode if on else self.reset_mode)(number, private=True)

    def _switch(self, alternate: bool) -> None:
        """Change to the alternate buffer, or back to the main one (mode 1049)."""
        if alternate == self.alternate:
            return
        self.alternate = alternate
        if alternate:
            self._main = (self.buffer, self.cursor)
            self.buffer = self._empty()
            self.cursor = copy.copy(self.cursor)
        elif self._main is not None:
            self.buffer, self.cursor = self._main
            self._main = None
            self.ensure_hbounds()
            self.ensure_vbounds()

    def _answer(self, query: bytes, number: int) -> None:
        if query == b"c" and number == 0:
            self.replies += b"\x1b[?62;22c"
        elif query == b"n" and number == 5:
            self.replies += b"\x1b[0n"
        elif query == b"n" and number == 6:
            column = min(self.cursor.x, self.columns - 1) + 1
            self.replies += b"\x1b[%d;%dR" % (self.cursor.y + 1, column)

    def _erase(self, how: int) -> None:
        if how == 3:
            self.scrollback.clear()
        elif how <= 2:
            self.erase_in_display(how)

    def _scroll(self, count: int, up: bool) -> None:
        top, bottom = self.margins or Margins(0, self.lines - 1)
        row, self.cursor.y = self.cursor.y, bottom if up else top
        for _ in range(min(count, self.lines)):
            (self.index if up else self.reverse_index)()
        self.cursor.y = row

    # -- where pyte differs from every terminal

    def reset(self) -> None:
        """Reset (RIS) all state, also that outside of pyte; the scrollback stays."""
        super().reset()
        self.modes.clear()
        self.alternate, self._main = False, None

    def save_cursor(self) -> None:
        """Save the cursor (DECSC) in the one slot that terminals have; pyte has a stack."""
        self.savepoints.clear()
        super().save_cursor()

    def restore_cursor(self) -> None:
        """Restore the cursor (DECRC); it stays saved."""
        kept = list(self.savepoints)
        super().restore_cursor()
        if kept:
            super().save_cursor()
            self.savepoints[:-1] = []

    def index(self) -> None:
        """Move a line down; scroll only at the bottom margin."""
        top, bottom = self.margins or Margins(0, self.lines - 1)
        if self.cursor.y == bottom:
            if top == 0 and not self.alternate:
                self.scrollback.append(self.row(0))
            for y in range(top, bottom):
                self.buffer[y] = self.buffer[y + 1]
            self.buffer.pop(bottom, None)
        elif self.cursor.y < self.lines - 1:
            self.cursor.y += 1

    def reverse_index(self) -> None:
        """Move a line up; scroll only at the top margin."""
        top, _ = self.margins or Margins(0, self.lines - 1)
        if self.cursor.y == top:
            super().reverse_index()
        elif self.cursor.y > 0:
            self.cursor.y -= 1

    def cursor_up(self, count: int | None = None) -> None:
        """Move up (CUU); the top margin stops a cursor that is not above it."""
        top, _ = self.margins or Margins(0, self.lines - 1)
        self.cursor.y = max(self.cursor.y - (count or 1), top if self.cursor.y >= top else 0)

    def cursor_down(self, count: int | None = None) -> None:
        """Move down (CUD); the bottom margin stops a cursor that is not below it."""
        _, bottom = self.margins or Margins(0, self.lines - 1)
        self.cursor.y = min(self.cursor.y + (count or 1), bottom if self.cursor.y <= bottom else self.lines - 1)

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Resize without reflow: top rows go into the scrollback until the cursor fits."""
        lines, columns = lines or self.lines, columns or self.columns
        for _ in range(max(0, self.cursor.y - lines + 1)):
            if not self.alternate:
                self.scrollback.append(self.row(0))
            rows, self.buffer = self.buffer, self._empty()
            self.buffer.update({y - 1: row for y, row in rows.items() if y})
            self.cursor.y -= 1
        for y in [y for y in self.buffer if y >= lines]:
            del self.buffer[y]
        self.lines, self.columns = lines, columns
        self.margins = None
        self.tabstops = set(range(8, columns, 8))
        self.ensure_hbounds()
        self.ensure_vbounds()

    def _empty(self) -> dict[int, StaticDefaultDict[int, Char]]:
        return defaultdict(lambda: StaticDefaultDict[int, Char](self.default_char))
