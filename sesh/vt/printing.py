"""Printing: puts characters into cells, wraps, joins.

A text is split into graphemes, one for each column, which go into a row as one slice, or as one for each row.
"""

from __future__ import annotations

from collections.abc import Sequence

from sesh.vt.charsets import DEFAULT_SETS, G_SETS
from sesh.vt.edit import Editing
from sesh.vt.graphemes import CLUSTER_LIMIT, RUNS, SIMPLE, attaches, cells, may_join, width
from sesh.vt.row import SPACER, STUB

_MAX_REPEATED = 100  # by one REP, of graphemes that are printed one by one: a piece may have fifty REPs


class Printing(Editing):
    """The part of the screen that prints. `insert`: IRM. `wrap`: DECAWM."""

    def reset(self) -> None:
        super().reset()
        self.insert = False
        self.wrap = True
        self.charsets = DEFAULT_SETS

    def define_charset(self, code: str, mode: str) -> None:
        """SCS: `mode`, the intermediate byte, selects G0 to G3; `code` designates the set."""
        self.used.charsets = True
        self.charsets = self.charsets.designated(G_SETS[mode], code)

    def shift(self, slot: int) -> None:
        """SI, SO, LS2, LS3: use one of G0 to G3."""
        self.charsets = self.charsets._replace(gl=slot)

    def shift_in(self) -> None:
        self.shift(0)

    def shift_out(self) -> None:
        self.shift(1)

    @property
    def prints_plainly(self) -> bool:
        """True if printing only replaces cells and wraps."""
        return self.wrap and not (self.insert or self.origin or self.charsets.translation)

    def draw(self, data: str) -> None:
        """Print a text (pyte's name)."""
        if self.charsets is not DEFAULT_SETS and (table := self.charsets.translation):
            data = data.translate(table)
        if not (self.insert or self.narrow):
            cursor = self.cursor
            start, found = (cursor.x, data) if data.isascii() else self._joined(data)
            end = start + len(found)
            if found and end <= self.columns:  # nearly all text
                self.rows[cursor.y].put(start, found, self.pen)
                cursor.x = end
                self.joinable = True
                self.margin_wrap = None
                return
            if self.wrap and self.columns > 1 and (data.isascii() or SIMPLE.fullmatch(data)):
                self._print(found[self.cursor.x - start :])  # all but the last grapheme, which it does not join
                return
        for narrow, wide, other in RUNS.findall(data):
            self._print(self._join(other) if other else narrow or cells(wide))

    def _joined(self, data: str) -> tuple[int, list[str]]:
        """Return the last grapheme's cells, which a text may join, and their column.

        No cells if the text begins with a mark that has nothing to join.
        """
        end = self.cursor.x
        if not self.joinable:
            return end, cells(data) if width(data[0]) else []
        x, _ = self.last_grapheme()
        return x, cells(data, self.rows[self.cursor.y].text[x:end])

    def _join(self, char: str) -> list[str]:
        """Join a character to the last grapheme if it joins; return the cells to print."""
        row = self.rows[self.cursor.y]
        x, cluster = self.last_grapheme()
        end = self.cursor.x
        if not self.joinable:
            if not width(char) and attaches(char) and x >= 0 and cluster and len(cluster) < CLUSTER_LIMIT:
                row.text[x] = cluster + char
            return cells(char)
        size = end - x
        found = cells(char, row.text[x:end])
        if found[size : size + 1] != [STUB]:
            row.text[x] = found[0]
            return found[size:]
        # The grapheme takes two columns now: print it again.
        row.text[x] = " "
        self.cursor.x = x
        if not self._make_room(2):  # the mark is dropped
            row.text[x] = cluster
            self.cursor.x = end
            return []
        if self.insert and self.rows[self.cursor.y] is row:
            self.delete_characters()  # the narrow grapheme was inserted, too
        return found

    def _right_limit(self) -> int:
        """Return the column where printing stops: after the right margin, or the last column."""
        after_margin = self.right + 1
        x = self.cursor.x
        return after_margin if x < after_margin or self.margin_wrap == (self.cursor.y, x) else self.columns

    def _make_room(self, size: int) -> int:
        """Wrap unless `size` columns fit; return the column where printing stops, 0 without room."""
        cursor = self.cursor
        limit = self._right_limit()
        if limit - cursor.x >= size:
            return limit
        if size > 1 and not (self.wrap and self.columns > 1):
            self.joinable = False
            return 0
        if not self.wrap:
            cursor.x = limit - 1
            return limit
        row = self.rows[cursor.y]
        # Before a wide one the last cell keeps its character (xterm, kitty, VTE, tmux); a blank takes the background
        # (xterm.js).
        if cursor.x < limit and row.text[cursor.x] == " ":
            row.fill(cursor.x, limit, self.pen.erased)
            if limit == self.columns:
                row.text[-1] = SPACER
        self._wrap()
        return self._right_limit()

    def _print(self, cells: Sequence[str]) -> None:
        """Print graphemes, one for each column; without room a wide one is dropped."""
        start = 0
        while start < len(cells):
            size = 2 if cells[start + 1 : start + 2] == [STUB] else 1
            end = start + size
            if limit := self._make_room(size):
                room = limit - self.cursor.x
                if self.insert and self.cursor.x < self.left:  # insert mode has no effect left of the left margin
                    room = max(size, self.left - self.cursor.x)
                end = start + room
                if cells[end : end + 1] == [STUB]:
                    end -= 1
                self._put(cells[start:end], limit)
            start = end

    def _put(self, texts: Sequence[str], limit: int) -> None:
        """Write the texts of cells, one for each column, at the cursor.

        They must fit before the column `limit`.
        """
        cursor = self.cursor
        row = self.rows[cursor.y]
        x = cursor.x
        if self.insert and self.left <= x <= self.right:
            self.shift_cells(row, x, len(texts))
        row.put(x, texts, self.pen)
        cursor.x = end = x + len(texts)
        self.joinable = True
        self.margin_wrap = (cursor.y, end) if end == limit < self.columns else None

    def _wrap(self) -> None:
        whole = self.right == self.columns - 1
        cursor = self.cursor
        left = self.left if cursor.x > self.left else 0
        self.margin_wrap = None
        cursor.x = min(cursor.x, self.columns - 1) if whole else self.right
        self.index(continues=whole and self.left == 0)
        cursor.x = left

    def last_grapheme(self) -> tuple[int, str]:
        """Return the column and text of the grapheme left of the cursor."""
        text = self.rows[self.cursor.y].text
        x = self.cursor.x - 1
        if x > 0 and text[x] == STUB:
            x -= 1
        return x, text[x]

    def repeat(self, count: int = 1) -> None:
        """REP: print the last grapheme again; after a control, do nothing (xterm.js)."""
        if self.joinable:
            _, grapheme = self.last_grapheme()
            most = self.columns * self.height
            if self.insert or self.narrow or not self.wrap or may_join(grapheme):
                most = min(most, _MAX_REPEATED)
            self.draw(grapheme * min(count or 1, most))
