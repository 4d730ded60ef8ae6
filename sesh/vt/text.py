"""Character sets (ISO 2022): which of G0 to G3 draws what.

DEC special graphics and the British set change what is drawn; every other set is remembered by its
designator, so that it can be restored, and draws as ASCII: output is UTF-8.

Writing text: runs of characters into cells, wrapping, joining, character sets.

ASCII and other narrow characters go into a row by one slice; only what may be wide or may join its neighbour is
looked at one by one.
"""

from __future__ import annotations

from sesh.vt.cell import BLANK, CLUSTER_LIMIT, DEFAULT, Cell
from sesh.vt.edit import Editor
from sesh.vt.graphemes import RUNS, WIDTH, attaches, joined

#: DEC special graphics, 0x5f to 0x7e (VT100 user guide, table 3-9).
_GRAPHICS = "\xa0◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"

TABLES: dict[str, dict[int, str]] = {
    "0": {0x5F + at: char for at, char in enumerate(_GRAPHICS)},
    "A": {0x23: "£"},
}

#: Final byte of the designating escape for G0 to G3 (94 characters), by its intermediate.
SLOTS = {"(": 0, ")": 1, "*": 2, "+": 3}
ASCII = "B"


class Writer(Editor):
    """draw, REP, and G0 to G3."""

    def reset(self) -> None:
        super().reset()
        self.reset_charsets()

    def reset_charsets(self) -> None:
        """ASCII everywhere, G0 in use."""
        self.sets: tuple[str, ...] = (ASCII,) * 4
        self.charset = 0
        #: The set for the next character alone (SS2, SS3), or 0.
        self.single = 0
        self._choose()

    def define_charset(self, code: str, mode: str) -> None:
        """SCS: `mode` is the slot (0 to 3) as text, `code` the designator."""
        slot = int(mode)
        self.sets = (*self.sets[:slot], code, *self.sets[slot + 1 :])
        self.used.add("charsets")
        self._choose()

    def shift(self, slot: int) -> None:
        """SI, SO, LS2, LS3."""
        self.charset = slot
        self._choose()

    def shift_in(self) -> None:
        """SI."""
        self.shift(0)

    def shift_out(self) -> None:
        """SO."""
        self.shift(1)

    def _choose(self) -> None:
        self.table = TABLES.get(self.sets[self.charset])

    # -- text ---------------------------------------------------------------------------------------------

    def draw(self, data: str) -> None:
        """Write printable characters at the cursor."""
        if self.single:
            table = TABLES.get(self.sets[self.single])
            self.single = 0
            self._write(data[0].translate(table) if table else data[0])
            self.open = False
            data = data[1:]
            if not data:
                return
        if self.table is not None:
            data = data.translate(self.table)
        cursor = self.cursor
        x = cursor.x
        end = x + len(data)
        if data.isascii() and end <= self.columns and not self.insert and self.right == self.columns - 1:
            row = self.buffer[cursor.y]
            pen = self.pen
            if row.wide:
                row.cut(x, end, pen)
            row[x:end] = map(pen.cell, data)
            cursor.x = end
            if end > row.used:
                row.used = end
            if pen is not DEFAULT:
                row.styled = True
            self.open = True
        else:
            self._write(data)

    def _write(self, data: str) -> None:
        if data.isascii():
            self._narrow(data)
            return
        for narrow, wide, other in RUNS.findall(data):
            if narrow:
                self._narrow(narrow)
            elif wide:
                self._wide(wide)
            else:
                self._character(other)

    def _limit(self) -> int:
        """Where the cursor's row ends for writing: behind the right margin, for a cursor left of it."""
        right = self.right + 1
        if right == self.columns:
            return right
        x = self.cursor.x
        return right if x < right or self.held == (self.cursor.y, x) else self.columns

    def _narrow(self, data: str) -> None:
        """Characters of one column that join nothing."""
        cursor = self.cursor
        at, count = 0, len(data)
        while at < count:
            limit = self._limit()
            if cursor.x >= limit:
                if self.wrap:
                    self._wrap()
                    continue
                cursor.x = limit - 1
            if not self.wrap and count - at > limit - cursor.x:
                # All that is too much is written to the last column, one over the other.
                data = data[: at + limit - cursor.x - 1] + data[-1]
                count = len(data)
            size = min(limit - cursor.x, count - at)
            self._place(list(map(self.pen.cell, data[at : at + size])), limit)
            at += size

    def _wide(self, data: str) -> None:
        """Characters of two columns that join nothing."""
        at, count = 0, len(data)
        cell, stub = self.pen.cell, self.pen.stub
        while at < count:
            limit = self._limit()
            room = (limit - self.cursor.x) // 2
            if room <= 0:
                if not self._room_for_wide(limit):
                    self.open = False
                    return
                continue
            cells = [half for char in data[at : at + room] for half in (cell(char), stub)]
            self._place(cells, limit, wide=True)
            at += room

    def _place(self, cells: list[Cell], limit: int, wide: bool = False) -> None:
        """Cells at the cursor; they fit before `limit`."""
        cursor = self.cursor
        row = self.buffer[cursor.y]
        x = cursor.x
        end = x + len(cells)
        if self.insert and self.left <= x <= self.right:
            self.make_room(row, x, len(cells))
        row.cut(x, end, self.pen)
        row[x:end] = cells
        if wide:
            row.wide = True
        if self.pen is not DEFAULT:
            row.styled = True
        row.used = max(row.used, end)
        cursor.x = end
        self.open = True
        self.held = (cursor.y, end) if end == limit < self.columns else None

    def _wrap(self) -> None:
        """To the first column of the next row, which goes on with this line."""
        whole = self.right == self.columns - 1
        cursor = self.cursor
        left = self.left if cursor.x > self.left else 0
        self.held = None
        cursor.x = min(cursor.x, self.columns - 1) if whole else self.right
        self.index(continues=whole and self.left == 0)
        cursor.x = left

    def _room_for_wide(self, limit: int) -> bool:
        """Wrap for a character of two columns that does not fit; False where it never will."""
        if not self.wrap or limit - (self.left if self.cursor.x > self.left else 0) < 2:
            return False
        row = self.buffer[self.cursor.y]
        if self.cursor.x < limit:
            row.fill(self.cursor.x, limit, self.erased)
            row.short = limit == self.columns
        self.cursor.x = max(self.cursor.x, limit - 1)
        self._wrap()
        return True

    # -- joining ------------------------------------------------------------------------------------------

    def last(self) -> tuple[int, str]:
        """Column and text of the grapheme left of the cursor (its base, where it is wide)."""
        row = self.buffer[self.cursor.y]
        x = self.cursor.x - 1
        if x > 0 and not row[x].data:
            x -= 1
        return x, row[x].data

    def _character(self, char: str) -> None:
        """A character that may be of any width and may join the grapheme before it."""
        if self.open:
            x, cluster = self.last()
            width = self.cursor.x - x
            new = joined(cluster, width, char)
            if new:
                if len(cluster) < CLUSTER_LIMIT:
                    self._join(x, cluster + char, width, new)
                return
        width = WIDTH[char]
        if width == 1:
            self._narrow(char)
        elif width == 2:
            self._wide(char)
        elif attaches(char) and not self.open and self.cursor.x > 0:
            x, cluster = self.last()
            if cluster and len(cluster) < CLUSTER_LIMIT:
                row = self.buffer[self.cursor.y]
                row[x] = row[x].pen.cell(cluster + char)
                row.used = max(row.used, x + 1)

    def _join(self, x: int, cluster: str, old: int, new: int) -> None:
        """The grapheme at `x` becomes `cluster`, perhaps of another width."""
        row = self.buffer[self.cursor.y]
        pen = row[x].pen
        if new == old:
            row[x] = pen.cell(cluster)
            return
        if new < old:
            # The column given back is a default blank, whatever the pen, and the grapheme is closed: so a replay
            # of it comes out the same whatever stands behind it, and in insert mode.
            row[x : x + 2] = [pen.cell(cluster), BLANK]
            self.cursor.x -= 1
            self.held = None
            self.open = False
            return
        limit = self.columns if x > self.right else self.right + 1
        behind, self.cursor.x = self.cursor.x, x
        if x + 2 > limit:
            if self._room_for_wide(limit):
                self._place([pen.cell(cluster), pen.stub], limit, wide=True)
            else:
                self.cursor.x = behind  # no room to grow and none to wrap into: the mark is dropped
            return
        row[x] = pen.space
        if self.insert and self.left <= x <= self.right:
            self.make_room(row, x + 1, 1)
        row.cut(x, x + 2, pen)
        insert, self.insert = self.insert, False
        self._place([pen.cell(cluster), pen.stub], limit, wide=True)
        self.insert = insert

    def repeat(self, count: int = 1) -> None:
        """REP: the grapheme just written, again. Anything between it and REP makes this nothing (xterm.js)."""
        if self.open:
            cluster = self.last()[1]
            for _ in range(min(count or 1, self.columns * self.lines)):
                self._write(cluster)
