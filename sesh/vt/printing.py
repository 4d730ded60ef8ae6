"""Printing: puts characters into cells, wraps, joins.

Runs of ASCII and other narrow characters go into a row as one slice; only characters that may be wide or may join are
handled one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from sesh.vt.charsets import DEFAULT_SETS, G_SETS
from sesh.vt.edit import Editing
from sesh.vt.graphemes import CLUSTER_LIMIT, RUNS, attaches, cells, halves, joined_width, may_join, width
from sesh.vt.row import SPACER, STUB

_MOST_REPEATED = 100  # by one REP, of graphemes that are printed one by one: a piece may have fifty REPs


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
        plain = data.isascii()
        if not (self.insert or self.narrow) and (plain or self._begins_cell(data)):
            texts = data if plain else cells(data)
            if self.cursor.x + len(texts) <= self.columns:  # nearly all text
                self._put(texts, self.columns)
                return
        if self.insert and self.narrow:
            for char in data:  # each by itself, because insert mode has no effect left of a left margin
                self._print_runs(char)
        else:
            self._print_runs(data)

    def _print_runs(self, data: str) -> None:
        for narrow, wide, other in RUNS.findall(data):
            if narrow:
                self._print_run(narrow, 1)
            elif wide:
                self._print_run(wide, 2)
            else:
                self._print_joining(other)

    def _begins_cell(self, data: str) -> bool:
        """Return whether a text does not join the grapheme before it."""
        if not may_join(data):
            return True
        if not width(data[0]):
            return False
        if not self.joinable:
            return True
        x, cluster = self.last_grapheme()
        return not joined_width(cluster, self.cursor.x - x, data[0])

    def _right_limit(self) -> int:
        """Return the column where printing stops: after the right margin, or the last column."""
        after_margin = self.right + 1
        x = self.cursor.x
        return after_margin if x < after_margin or self.margin_wrap == (self.cursor.y, x) else self.columns

    def _make_room(self, size: int) -> int:
        """Wrap unless `size` columns fit; return the column where printing stops, 0 without room."""
        limit = self._right_limit()
        if limit - self.cursor.x >= size:
            return limit
        if size > 1:
            if not self._wrap_wide(limit):
                self.joinable = False
                return 0
        elif self.wrap:
            self._wrap()
        else:
            self.cursor.x = limit - 1
        return self._right_limit()

    def _print_run(self, data: str, size: int) -> None:
        """Print characters that take `size` columns each and do not join."""
        start = 0
        while start < len(data):
            limit = self._make_room(size)
            if not limit:
                return
            room = (limit - self.cursor.x) // size
            if size == 1 and not self.wrap and len(data) - start > room:
                # Without DECAWM the characters that do not fit overwrite each other in the last column.
                data = data[: start + room - 1] + data[-1]
            piece = data[start : start + room]
            self._put(list(piece) if size == 1 else halves(piece), limit)
            start += room

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

    def _wrap_wide(self, limit: int) -> bool:
        """Wrap before a wide grapheme that does not fit; return False if that is impossible."""
        cursor = self.cursor
        if not self.wrap or limit - (self.left if cursor.x > self.left else 0) < 2:
            return False
        # The last cell keeps its character (xterm, kitty, VTE, tmux); a blank takes the background (xterm.js).
        row = self.rows[cursor.y]
        if cursor.x < limit and row.text[cursor.x] == " ":
            row.fill(cursor.x, limit, self.pen.erased)
            if limit == self.columns:
                row.text[-1] = SPACER
        cursor.x = max(cursor.x, limit - 1)
        self._wrap()
        return True

    def last_grapheme(self) -> tuple[int, str]:
        """Return the column and text of the grapheme left of the cursor."""
        text = self.rows[self.cursor.y].text
        x = self.cursor.x - 1
        if x > 0 and text[x] == STUB:
            x -= 1
        return x, text[x]

    def _print_joining(self, char: str) -> None:
        """Print a character of any width that may join the grapheme before it."""
        if self.joinable:
            x, cluster = self.last_grapheme()
            size = self.cursor.x - x
            if new := joined_width(cluster, size, char):
                if len(cluster) >= CLUSTER_LIMIT:
                    return
                if new > size:
                    self._widen(x, cluster + char)
                else:
                    self.rows[self.cursor.y].text[x] = cluster + char
                return
        if size := width(char):
            self._print_run(char, size)
        elif attaches(char) and not self.joinable and self.cursor.x > 0:
            x, cluster = self.last_grapheme()
            if cluster and len(cluster) < CLUSTER_LIMIT:
                self.rows[self.cursor.y].text[x] = cluster + char

    def _widen(self, x: int, cluster: str) -> None:
        """Print the grapheme in column `x` again, as `cluster`, which takes two columns now."""
        row = self.rows[self.cursor.y]
        narrow = row.text[x]
        end = self.cursor.x
        row.text[x] = " "
        self.cursor.x = x
        limit = self._make_room(2)
        if not limit:  # the mark that widens the grapheme is dropped
            row.text[x] = narrow
            self.cursor.x = end
            return
        if self.insert and self.rows[self.cursor.y] is row:
            self.delete_characters()  # the narrow grapheme was inserted, too
        self._put([cluster, STUB], limit)

    def repeat(self, count: int = 1) -> None:
        """REP: print the last grapheme again; after a control, do nothing (xterm.js)."""
        if self.joinable:
            _, grapheme = self.last_grapheme()
            most = self.columns * self.height
            if self.narrow or may_join(grapheme):
                most = min(most, _MOST_REPEATED)
            self.draw(grapheme * min(count or 1, most))
