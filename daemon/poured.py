"""Lines of a flood as they came: kept in one piece, painted when somebody looks, cut off at the front unseen.

They stand for the finished lines that painting makes of them, to the byte; all they hold is printable text, tabs and
SGR, with backgrounds only where none reaches beyond its line, on a screen whose pen had no link (see `flood`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sesh.daemon.cell import DEFAULT, Pen
from sesh.daemon.sgr import step

if TYPE_CHECKING:
    from sesh.daemon.packed import Packed

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
            from sesh.daemon.packed import Packed

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
