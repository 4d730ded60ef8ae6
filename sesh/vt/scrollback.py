"""What has scrolled off: a ring of logical lines, rendered, bounded in lines and in bytes.

Rows that wrapped are joined, so a line can be shown at any width. A line is kept as the UTF-8 of its painted
text (see `paint`), without trailing blanks. The newest line stays open while a row on the screen goes on with it.

Lines of a flood as they came: kept in one piece, painted when somebody looks, cut off at the front unseen.

They stand for the finished lines that painting makes of them, to the byte; all they hold is printable text, tabs and
SGR, with backgrounds only where none reaches beyond its line, on a screen whose pen had no link (see `flood`).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sesh.vt.ansi import Painter, cells_of, data_of
from sesh.vt.cell import BLANK, DEFAULT, Cell, Pen, linked, step
from sesh.vt.graphemes import narrowed

if TYPE_CHECKING:
    from sesh.vt.grid import Row
    from sesh.vt.packed import Packed, PackedLines

#: A line longer than this many characters is ended: nothing that a program prints may grow without bound.
LINE_LIMIT = 65536

#: Single lines that are packed as one.
STRETCH = 256

#: A stored line; the name `bytes` is taken within the class.
Line = bytes


class Scrollback:
    """`lines` and `bytes` are what it holds now; `scrolled` counts all lines that ever came in."""

    def __init__(self, line_limit: int = 10_000, byte_limit: int = 8 << 20) -> None:
        self.line_limit = max(0, line_limit)
        self.byte_limit = max(0, byte_limit)
        #: Single lines, and whole stretches of a flood.
        self.ring: deque[Line | Poured | PackedLines] = deque()
        self._finished = 0
        self.scrolled = 0
        #: Lines taken back onto the screen by a resize: coming in again they are no new ones.
        self.owed = 0
        #: Bytes of the single lines, and no fewer than the stretches have.
        self._size = self._bound = 0
        #: The open line in parts, and the pen and grapheme that it ends with.
        self._parts: list[str] | None = None
        self._length = 0
        self._pen: Pen = DEFAULT
        self._last = ""
        #: The last cell of the last row, where it may be there only because a wide character did not fit.
        self._held: Cell | None = None

    @property
    def lines(self) -> int:
        """Logical lines held, the open one included."""
        return self._finished + (self._parts is not None)

    @property
    def bytes(self) -> int:
        """Bytes held, without what Python adds."""
        return self._size + self._length + sum(each.size for each in self.ring if not isinstance(each, Line))

    @property
    def open(self) -> bool:
        """Whether the next row may go on with the newest line."""
        return self._parts is not None

    @property
    def end(self) -> tuple[Pen, str]:
        """The pen and the grapheme at the end of the open line."""
        return self._pen, self._last

    def clear(self) -> None:
        """CSI 3 J."""
        self.ring.clear()
        self._finished = self._size = self._bound = 0
        self._parts = self._held = None
        self._length = 0
        self.owed = 0

    def push(self, row: Row, after: bool, following: Row | None) -> bool:
        """Take a row in; `after` tells that the next row goes on with it. Returns whether the line is still open."""
        if not self.line_limit:
            self.scrolled += not row.continues
            if following is not None:
                following.continues = False
            return False
        if not after and self._parts is None:
            if self.owed:
                self.owed -= 1
            else:
                self.scrolled += 1
            text = "" if row.styled else "".join(map(data_of, row[: row.used]))
            if row.styled or not text.isascii():
                painter = Painter()
                painter.cells(trimmed(row))
                text = "".join(painter.out)
            else:
                text = text.rstrip(" ")
            self._store(text.encode())
            return False
        if not row.continues or self._parts is None:
            self.close()
            self._count()
            self._parts, self._length, self._pen, self._last = [], 0, DEFAULT, ""
        self.settle(row)
        if not after:
            self._extend(trimmed(row))
        elif row.short and row[-1].data == " ":
            self._extend(row[:-1])
            self._held = row[-1]
        else:
            self._extend(row)
        if after and self._length < LINE_LIMIT:
            return True
        self.close()
        if after and following is not None:
            following.continues = False
        return False

    def settle(self, following: Row | None) -> None:
        """Decide about a last cell held back: it counts unless a wide character that did not fit left it over."""
        held, self._held = self._held, None
        if held is None:
            return
        if following is not None and left_over(held, following):
            return
        self._extend([held])

    def settle_for(self, following: Row) -> None:
        """The same for a row that is not pushed yet: a cell that may still be left over stays held."""
        held = self._held
        self.settle(following)
        if held is not None and left_over(held, following):
            self._held = held

    def _extend(self, cells: Sequence[Cell]) -> None:
        painter = Painter(self._pen)
        painter.last = self._last
        painter.cells(cells)
        text = str(painter)
        parts = self._parts if self._parts is not None else []
        parts.append(text)
        self._parts = parts
        self._length += len(text)
        self._pen, self._last = painter.pen, painter.last

    def _count(self) -> None:
        if self.owed:
            self.owed -= 1
        else:
            self.scrolled += 1

    def close(self) -> None:
        """Nothing on the screen goes on with the newest line any more: it is finished, without blanks at its end."""
        if self._parts is not None:
            self.settle(None)
            line = "".join(self._parts)
            if self._pen is DEFAULT and line.endswith(" "):
                line = line.rstrip(" ").removesuffix("\x1b[m").removesuffix("\x1b]8;;\x1b\\")
            self._parts = None
            self._length = 0
            self._store(line.encode())

    def _store(self, line: Line) -> None:
        self.ring.append(line)
        self._size += len(line)
        self._finished += 1
        if self._finished > self.line_limit or self._size + self._bound > self.byte_limit:
            self._evict()

    def pour(self, lines: Poured) -> None:
        """Take finished lines in, all at once."""
        self.close()
        self.scrolled += max(0, lines.count - self.owed)
        self.owed = max(0, self.owed - lines.count)
        self.ring.append(lines)
        self._finished += lines.count
        self._bound += lines.bound
        self._evict()

    def pack(self) -> None:
        """Make the finished lines small: stretches of them, and the single ones between."""
        from sesh.vt.packed import PackedLines

        ring: deque[Line | Poured | PackedLines] = deque()
        for single, group in groupby(self.ring, lambda each: isinstance(each, Line)):
            if not single:
                ring.extend(group)
                continue
            lines: list[Line] = list(group)  # type: ignore[arg-type]  # they are single lines
            for at in range(0, len(lines), STRETCH):
                piece = lines[at : at + STRETCH]
                if len(piece) < STRETCH or any(b"\n" in line for line in piece):
                    ring.extend(piece)  # too few to gain by it, or not to be told apart again
                    continue
                packed = PackedLines(piece)
                self._size -= packed.bound
                self._bound += packed.bound
                ring.append(packed)
        for each in ring:
            if isinstance(each, Poured):
                each.pack()
        self.ring = ring

    def _evict(self) -> None:
        """Let the oldest lines go, as the bounds want it."""
        ring = self.ring
        while (over := self._finished - self.line_limit) > 0:
            first = ring[0]
            if isinstance(first, Line):
                self._size -= len(first)
                self._finished -= 1
                ring.popleft()
            elif over < first.count:
                before = first.bound
                first.drop(over)
                self._bound += first.bound - before
                self._finished -= over
            else:
                self._bound -= first.bound
                self._finished -= first.count
                ring.popleft()
        if self._size + self._bound > self.byte_limit:
            self._settle_sizes()
            while self._size > self.byte_limit and self.ring:
                self._size -= len(self.ring.popleft())  # type: ignore[arg-type]  # they are single lines now
                self._finished -= 1

    def _settle_sizes(self) -> None:
        """Paint what was poured, where its size decides."""
        if self._bound:
            self.ring = deque(self._painted(self._finished))
            self._size = sum(map(len, self.ring))  # type: ignore[arg-type]
            self._bound = 0

    def _painted(self, count: int) -> list[Line]:
        """The newest finished lines, no more than there are, oldest first."""
        parts: list[list[Line]] = []
        for each in reversed(self.ring):
            if count <= 0:
                break
            parts.append([each] if isinstance(each, Line) else each.last(min(count, each.count)))
            count -= len(parts[-1])
        return [line for part in reversed(parts) for line in part]

    def last(self, count: int) -> list[str]:
        """The newest `count` lines, oldest first; where `open`, the last of them is not finished."""
        if count <= 0:
            return []
        open_line = ["".join(self._parts)] if self._parts is not None else []
        wanted = min(count - len(open_line), self._finished)
        return [line.decode() for line in self._painted(wanted)] + open_line

    def take_back(self) -> str | None:
        """Remove the newest line, for a resize that shows it again; None where there is none."""
        if self._parts is not None:
            line = "".join(self._parts)
            self._parts = self._held = None
            self._length = 0
        elif self.ring:
            self._settle_sizes()
            raw = self.ring.pop()
            self._size -= len(raw)  # type: ignore[arg-type]
            self._finished -= 1
            line = raw.decode()  # type: ignore[union-attr]
        else:
            return None
        self.owed += 1
        return line

    # -- state --------------------------------------------------------------------------------------------

    def state(self) -> dict[str, object]:
        """All of it as plain data."""
        parts = None if self._parts is None else "".join(self._parts)
        return {
            "line_limit": self.line_limit,
            "byte_limit": self.byte_limit,
            "scrolled": self.scrolled,
            "owed": self.owed,
            "lines": [line.decode() for line in self._painted(self._finished)],
            "open": parts,
            "held": None if self._held is None else [self._held.pen.sgr, self._held.pen.link],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Hold what `state` told."""
        self.clear()
        for line in state["lines"]:
            self._store(line.encode())
        self.scrolled, self.owed = state["scrolled"], state["owed"]
        if state["open"] is not None:
            cells = cells_of(state["open"])
            self._parts = [state["open"]]
            self._length = len(state["open"])
            self._pen = cells[-1].pen if cells else DEFAULT
            if state["held"] is not None:
                self._held = linked(step(DEFAULT, state["held"][0]), state["held"][1]).space
            self._last = next((cell.data for cell in reversed(cells) if cell.data), "")


def trimmed(row: Row) -> list[Cell]:
    """The cells of a row without the default blanks at its end."""
    end = row.used
    while end and row[end - 1] == BLANK:
        end -= 1
    return row[:end]


def leftover(row: Row, following: Row | None) -> bool:
    """Whether the last cell of a row is only there because a wide character did not fit."""
    return row.short and following is not None and following.continues and left_over(row[-1], following)


def left_over(cell: Cell, following: Row) -> bool:
    """Whether wrapping before the first character of `following` leaves this cell behind."""
    if len(following) < 2 or cell.data != " " or (following[1].data and not narrowed(following[0].data)):
        return False
    return cell.pen.style == following[0].pen.erased.style


END = b"\r\n"
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_SGR_BYTES = re.compile(rb"\x1b\[([0-9;:]*)m")
#: As long as a pen's sequence can be: `ESC [ 0 … m`, all flags, two colours; and the underline's colour.
_SEQUENCE, _UNDERLINE = 4 + 22 + 2 * 17, 18
#: As much as a tab can become: blanks, and the sequence that makes them plain.
_TAB = 8 + 3


#: Bytes at the end of a stretch in which a reset is to be found, as a rule.
_NEAR = 4096


class Poured:
    """`count` lines, each ended by CR LF in `raw`; `pen` is the one that the first begins with."""

    __slots__ = ("_columns", "_held", "_pen", "_size", "_skipped", "bound", "count")

    def __init__(self, raw: bytes, count: int, pen: Pen, columns: int) -> None:
        self.count = count
        self._held: bytes | Packed = raw
        self._pen, self._columns = pen, columns
        self._skipped = 0
        self._size = -1
        #: More bytes than the painted lines have.
        self.bound = _most(raw, count, pen)

    @property
    def _raw(self) -> bytes:
        return self._held if isinstance(self._held, bytes) else self._held.unpacked()

    def pack(self) -> None:
        """Makes it small, until somebody looks."""
        if isinstance(self._held, bytes):
            from sesh.vt.packed import Packed

            self._held = Packed(self._held)

    def drop(self, count: int) -> None:
        """Forgets the oldest lines, fewer than there are."""
        self._skipped += count
        self.count -= count
        self._size = -1
        if self._skipped > self.count:
            raw = self._raw
            gone = END.join(raw.split(END, self._skipped)[:-1])
            self._pen = pen_after(self._pen, gone)
            self._held = raw[len(gone) + len(END) :]
            self._skipped = 0
            self.bound = _most(self._held, self.count, self._pen)

    def last(self, count: int) -> list[bytes]:
        """The newest lines, painted, oldest first."""
        if count < self.count:
            rest = self._raw[: -len(END)].rsplit(END, count)
            return painted(END.join(rest[1:]), pen_after(self._pen, rest[0]), self._columns)
        lines = self._raw[: -len(END)]
        pen = self._pen
        if self._skipped:
            gone = END.join(lines.split(END, self._skipped)[:-1])
            pen = pen_after(pen, gone)
            lines = lines[len(gone) + len(END) :]
        return painted(lines, pen, self._columns)

    @property
    def size(self) -> int:
        """Bytes of the painted lines."""
        if self._size < 0:
            self._size = sum(map(len, self.last(self.count)))
        return self._size


def _most(raw: bytes, count: int, pen: Pen) -> int:
    """As many bytes as so many lines can have when they are painted: a sequence for each change and each line."""
    sequences = raw.count(b"\x1b")
    plain = len(raw) + _TAB * raw.count(b"\t")
    if not sequences and pen is DEFAULT:
        return plain
    room = _SEQUENCE + (_UNDERLINE if b"58" in raw or "58" in pen.sgr else 0)
    return plain + room * (sequences + count)


def pen_after(pen: Pen, raw: bytes) -> Pen:
    """The pen behind a stretch of text and SGR: what follows the last reset decides."""
    near = max(0, len(raw) - _NEAR)
    at = max(raw.rfind(b"\x1b[m", near), raw.rfind(b"\x1b[0m", near))
    if at < 0:
        at = max(raw.rfind(b"\x1b[m"), raw.rfind(b"\x1b[0m"), 0)
    for sgr in _SGR_BYTES.findall(raw, at):
        pen = step(pen, sgr.decode())
    return pen


def painted(raw: bytes, pen: Pen, columns: int) -> list[bytes]:
    """Lines as the scrollback keeps them."""
    lines = []
    for line in raw.decode().split("\r\n"):
        if "\t" in line:
            text, pen = _tabbed(line, pen, columns)
        elif "\x1b" in line or pen is not DEFAULT:
            text, pen = _coloured(line, pen)
        else:
            text = line.rstrip(" ")
        lines.append(text.encode())
    return lines


def _coloured(line: str, pen: Pen) -> tuple[str, Pen]:
    """A line as the scrollback keeps it, and the pen at its end."""
    parts = iter(_SGR.split(line))
    first = next(parts)
    out: list[str] = []
    now = DEFAULT
    if first:
        out = [pen.sequence, first] if pen is not DEFAULT else [first]
        now = pen
    for sgr, words in zip(parts, parts, strict=True):
        pen = pen.steps.get(sgr) or step(pen, sgr)
        if words:
            if pen is not now and pen.sgr != now.sgr:
                out.append(pen.sequence)
                now = pen
            out.append(words)
    return _trimmed("".join(out), now), pen


def _tabbed(line: str, pen: Pen, columns: int) -> tuple[str, Pen]:
    """The same for a line with tabs: what they pass over stays blank, whatever the pen."""
    out: list[str] = []
    at = 0
    now = DEFAULT
    for index, part in enumerate(_SGR.split(line)):
        if index & 1:
            pen = pen.steps.get(part) or step(pen, part)
            continue
        for number, words in enumerate(part.split("\t")):
            if number and at < columns:
                stop = min((at // 8 + 1) * 8, columns - 1)
                if stop > at and now is not DEFAULT:
                    out.append(DEFAULT.sequence)
                    now = DEFAULT
                out.append(" " * (stop - at))
                at = stop
            if words:
                if pen is not now and pen.sgr != now.sgr:
                    out.append(pen.sequence)
                    now = pen
                out.append(words)
                at = _column(at + len(words), columns)
    return _trimmed("".join(out), now), pen


def _trimmed(text: str, pen: Pen) -> str:
    """A painted text that ends with `pen`, without default blanks at its end."""
    if pen is DEFAULT and text.endswith(" "):
        return text.rstrip(" ").removesuffix("\x1b[m")
    return text


def _column(at: int, columns: int) -> int:
    """Where the cursor stands after writing up to `at`, rows wrapping; the width itself means waiting to wrap."""
    return at if at <= columns else (at - 1) % columns + 1
