"""Blocks of lines of a scrollback: one piece of bytes, rendered when it is read, and compressed while nobody does."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sesh.vt.cell import BLANK, DEFAULT, Cell, Encoder, Pen, apply_sgr, encode
from sesh.vt.grammar import SGR_PARAMETERS
from sesh.vt.graphemes import CLUSTER_LIMIT, OTHER, WIDTH, ZWJ, attaches, clusters, columns, stand_ins_left
from sesh.vt.packed import Packed

END = b"\r\n"
_SGR = re.compile(SGR_PARAMETERS)
SGR_BYTES = re.compile(SGR_PARAMETERS.encode())
PARTING = ZWJ.encode()
"""Behind it a line as it is kept may have an SGR that keeps graphemes apart."""
LONGEST_SGR, UNDERLINE_COLOUR = 4 + 22 + 2 * 17, 18
"""The longest SGR of a pen: `ESC [ 0 … m`, all attributes, two colours; and the colour of underlines."""
_LONGEST_TAB = 8 + 3
"""The most that a tab becomes: blanks, and the SGR that resets the pen for them."""
_NEAR = 4096
"""Bytes at the end of raw lines among which there usually is a reset."""


class LineBlock:
    """Finished lines, trimmed from the front.

    `raw` holds `count` lines, each ended by CR LF: those that `fast_path.split` lets through, the first of which begins
    with `pen`; or, if `pen` is None, rendered lines, as a scrollback keeps them. `size`: their bytes as they are held;
    `max_size`: an upper bound of their bytes once they are rendered.
    """

    __slots__ = ("_columns", "_data", "_pen", "_skipped", "count", "max_size", "size")

    def __init__(self, raw: bytes, count: int, pen: Pen | None = None, columns: int = 0) -> None:
        self._columns = columns
        self._set(raw, count, pen)

    def _set(self, raw: bytes, count: int, pen: Pen | None) -> None:
        self._data: bytes | Packed = raw
        self.count, self._pen = count, pen
        self._skipped = 0
        self.size = len(raw) - len(END) * count
        self.max_size = self.size if pen is None else _max_size(raw, count, pen)

    @property
    def _raw(self) -> bytes:
        return self._data if isinstance(self._data, bytes) else self._data.unpacked()

    @property
    def rendered(self) -> bool:
        """True if it holds lines as a scrollback keeps them."""
        return self._pen is None

    def render(self) -> None:
        """Keep the lines as a scrollback keeps them."""
        self._set(END.join([*self.last(self.count), b""]), self.count, None)

    def copy(self) -> LineBlock:
        """Return one from which lines may be dropped and taken without a change of this one."""
        new = LineBlock.__new__(LineBlock)
        for name in LineBlock.__slots__:
            setattr(new, name, getattr(self, name))
        return new

    def pack(self) -> None:
        """Use less memory until somebody reads."""
        if isinstance(self._data, bytes):
            self._data = Packed(self._data)

    def drop(self, count: int) -> None:
        """Forget the oldest lines; fewer than there are."""
        self._skipped += count
        self.count -= count
        if self._skipped > self.count:
            before, rest = self._split(self.count)
            self._set(rest + END, self.count, self._pen_after(before))

    def last(self, count: int) -> list[bytes]:
        """The newest lines, oldest first."""
        before, newest = self._split(count)
        pen = self._pen_after(before)
        return newest.split(END) if pen is None else _rendered(newest, pen, self._columns)

    def portions(self, count: int) -> Iterator[list[bytes]]:
        """Yield the lines, oldest first, at most `count` at a time."""
        before, rest = self._split(self.count)
        pen = self._pen_after(before)
        left = self.count
        while left > 0:
            lines = rest.split(END, count)
            rest = lines.pop() if left > count else b""
            left -= len(lines)
            if pen is None:
                yield lines
                continue
            raw = END.join(lines)
            yield _rendered(raw, pen, self._columns)
            pen = pen_after(pen, raw)

    def take(self, count: int) -> list[bytes]:
        """Remove the newest lines, and return them, oldest first."""
        lines = self.last(count)
        before, skipped = self._split(count)[0], self._skipped
        self._set(before, self.count - count, self._pen)
        self._skipped = skipped
        return lines

    def _split(self, count: int) -> tuple[bytes, bytes]:
        """All before the newest `count` lines, and those, without the last line end."""
        lines = self._raw[: -len(END)]
        if count == self.count and not self._skipped:
            return b"", lines
        newest = END.join(lines.rsplit(END, count)[1:])
        return lines[: len(lines) - len(newest)], newest

    def _pen_after(self, raw: bytes) -> Pen | None:
        return None if self._pen is None else pen_after(self._pen, raw)  # a pen without cells yet is false


def _max_size(raw: bytes, count: int, pen: Pen) -> int:
    """An upper bound of the bytes of the rendered lines: an SGR for each change of pen and each line."""
    sequences = raw.count(b"\x1b")
    if not raw.isascii():
        sequences += raw.count(PARTING)
    plain = len(raw) + _LONGEST_TAB * raw.count(b"\t")
    if not sequences and pen is DEFAULT:
        return plain
    longest = LONGEST_SGR + (UNDERLINE_COLOUR if b"58" in raw or "58" in pen.sgr else 0)
    return plain + longest * (sequences + count)


def pen_after(pen: Pen, raw: bytes) -> Pen:
    """The pen after text with SGR: only what follows the last reset counts."""
    near = max(0, len(raw) - _NEAR)
    reset = max(raw.rfind(b"\x1b[m", near), raw.rfind(b"\x1b[0m", near))
    if reset < 0:
        reset = max(raw.rfind(b"\x1b[m"), raw.rfind(b"\x1b[0m"), 0)
    for sgr in SGR_BYTES.findall(raw, reset):
        pen = apply_sgr(pen, sgr.decode())
    return pen


def _rendered(raw: bytes, pen: Pen, columns: int) -> list[bytes]:
    """Lines as the scrollback keeps them (see `cell`)."""
    lines = []
    for line in raw.decode().split("\r\n"):
        if "\t" in line:
            line = _without_tabs(line, pen, columns)
        if not line.isascii() and OTHER.search(line):
            text, pen = _with_joining(line, pen)
        elif "\x1b" in line or pen is not DEFAULT:
            text, pen = _with_sgr(line, pen)
        else:
            text = line.rstrip(" ")
        lines.append(text.encode())
    return lines


def _with_sgr(line: str, pen: Pen) -> tuple[str, Pen]:
    """A line with SGR, and the pen after it."""
    parts = iter(_SGR.split(line))
    first = next(parts)
    out: list[str] = []
    now = DEFAULT
    if first:
        out = [pen.sequence, first] if pen is not DEFAULT else [first]
        now = pen
    for sgr, words in zip(parts, parts, strict=True):
        pen = pen.after_sgr.get(sgr) or apply_sgr(pen, sgr)
        if words:
            if pen is not now and pen.sgr != now.sgr:
                out.append(pen.sequence)
                now = pen
            out.append(words)
    return _without_trailing_blanks("".join(out), now), pen


def _with_joining(line: str, pen: Pen) -> tuple[str, Pen]:
    """Render a line with characters that may join or have any width, as `text` prints them into blank rows: words that
    come again are not looked at again."""
    if ZWJ in line and not stand_ins_left():
        return _by_cells(line, pen)
    now, pens, texts = pen, [], []
    for index, part in enumerate(_SGR.split(line)):
        if index & 1:
            now = now.after_sgr.get(part) or apply_sgr(now, part)
        elif part:
            text = columns(part)
            if not text:
                return _by_cells(line, pen)
            pens.append(now)
            texts.append(text)
    while texts and pens[-1] is DEFAULT:
        texts[-1] = texts[-1].rstrip(" ")
        if texts[-1]:
            break
        del pens[-1], texts[-1]
    encoder = Encoder()
    encoder.runs(pens, texts)
    return str(encoder), now


def _by_cells(line: str, pen: Pen) -> tuple[str, Pen]:
    """Render a line where a character joins the one before it across an SGR, or gives a column back."""
    cells: list[Cell] = []
    for index, part in enumerate(_SGR.split(line)):
        if index & 1:
            pen = pen.after_sgr.get(part) or apply_sgr(pen, part)
            continue
        words = part
        while words and not WIDTH[words[0]]:
            at = -2 if cells and not cells[-1].data else -1
            if cells and attaches(words[0]) and len(cells[at].data) < CLUSTER_LIMIT:
                cells[at] = cells[at].pen.cell(cells[at].data + words[0])
            words = words[1:]
        for cluster, width in clusters(words):
            cells += (pen.cell(cluster), pen.stub)[:width]
    while cells and cells[-1] == BLANK:
        cells.pop()
    return encode(cells), pen


def _without_tabs(line: str, pen: Pen, columns: int) -> str:
    """A line with blanks in place of its tabs, which leave default ones whatever the pen."""
    out: list[str] = []
    column = 0
    for index, part in enumerate(_SGR.split(line)):
        if index & 1:
            pen = pen.after_sgr.get(part) or apply_sgr(pen, part)
            out.append(f"\x1b[{part}m")
            continue
        for number, words in enumerate(part.split("\t")):
            if number and column < columns:
                stop = min((column // 8 + 1) * 8, columns - 1)
                blanks = " " * (stop - column)
                out += [blanks] if pen is DEFAULT else [DEFAULT.sequence, blanks, pen.sequence]
                column = stop
            out.append(words)
            column += len(words)
            if column > columns:  # it wraps; a cursor in column `columns` waits to
                column = (column - 1) % columns + 1
    return "".join(out)


def _without_trailing_blanks(text: str, pen: Pen) -> str:
    """An encoded text that ends with `pen`, without default blanks at its end."""
    if pen is DEFAULT and text.endswith(" "):
        return text.rstrip(" ").removesuffix("\x1b[m")
    return text
