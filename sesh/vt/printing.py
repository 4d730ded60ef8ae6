"""Printing: runs of characters into cells, wrapping and joining.

ASCII and other narrow characters go into a row as one slice; only characters that may be wide or may join the one
before are looked at one by one.
"""

from __future__ import annotations

from sesh.vt.charsets import DEFAULT_SETS, G_SETS, Charsets
from sesh.vt.graphemes import CLUSTER_LIMIT, RUNS, attaches, cells, halves, joined, may_join, width
from sesh.vt.pen import DEFAULT
from sesh.vt.rectangles import Rectangles
from sesh.vt.row import SPACER, STUB


class Printing(Rectangles):
    """Printing characters, REP, G0 to G3."""

    def reset(self) -> None:
        super().reset()
        self.insert, self.wrap = False, True
        self.reset_charsets()

    def reset_charsets(self) -> None:
        """Put ASCII into G0 to G3, and G0 in use."""
        self.single_shift = 0
        """The set for the next character alone, or 0."""
        self.use_charsets(DEFAULT_SETS)

    def use_charsets(self, charsets: Charsets) -> None:
        """Print with other character sets from now on."""
        self.charsets = charsets
        self._translation = charsets.translation(charsets.gl)

    def define_charset(self, code: str, mode: str) -> None:
        """SCS: `mode` is the intermediate that names one of G0 to G3, `code` the designator of the set."""
        self.used.add("charsets")
        self.use_charsets(self.charsets.designated(G_SETS[mode], code))

    def shift(self, slot: int) -> None:
        """SI, SO, LS2, LS3: use one of G0 to G3 from now on."""
        self.use_charsets(self.charsets._replace(gl=slot))

    def shift_in(self) -> None:
        """SI: use G0."""
        self.shift(0)

    def shift_out(self) -> None:
        """SO: use G1."""
        self.shift(1)

    def shift_next(self, slot: int) -> None:
        """SS2, SS3: use G2 or G3 for the next character alone."""
        self.single_shift = slot

    @property
    def draws_plainly(self) -> bool:
        """True if printed text just replaces what stands in its row, and wraps."""
        changed = self.insert or self.origin or self.single_shift or self._translation is not None
        return self.wrap and not changed

    def draw(self, data: str) -> None:
        """Write printable characters at the cursor."""
        if self.single_shift:
            table = self.charsets.translation(self.single_shift)
            self.single_shift = 0
            self._print(data[0].translate(table) if table else data[0])
            self.joinable = False
            data = data[1:]
        if self._translation is not None:
            data = data.translate(self._translation)
        if data:
            self._print(data)

    def _print(self, data: str) -> None:
        plain = data.isascii()
        if (plain or not may_join(data)) and not (self.insert or self.narrow):
            cursor = self.cursor
            graphemes = data if plain else cells(data)
            end = cursor.x + len(graphemes)
            if end <= self.columns:  # nearly all text
                self.rows[cursor.y].put(cursor.x, graphemes, self.pen)
                cursor.x = end
                self.joinable = True
                return
        for narrow, wide, other in RUNS.findall(data):
            if other:
                self._print_joining(other)
            else:
                self._print_run(narrow or wide, 1 if narrow else 2)

    def _right_limit(self) -> int:
        """Return the column at which printing stops: behind the right margin, if the cursor is left of that."""
        right, x = self.right + 1, self.cursor.x
        return right if x < right or self.margin_wrap == (self.cursor.y, x) else self.columns

    def _make_room(self, size: int) -> int:
        """Wrap if a grapheme of `size` columns does not fit; return the column at which printing stops.

        Return 0 if it will never fit.
        """
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
        """Print characters of `size` columns each that join nothing."""
        start = 0
        while start < len(data):
            limit = self._make_room(size)
            if not limit:
                return
            room = (limit - self.cursor.x) // size
            if size == 1 and not self.wrap and len(data) - start > room:
                # Without DECAWM the characters that do not fit overwrite one another in the last column.
                data = data[: start + room - 1] + data[-1]
            piece = data[start : start + room]
            self._put(list(piece) if size == 1 else halves(piece), limit)
            start += room

    def _put(self, graphemes: list[str], limit: int) -> None:
        """Put graphemes, one for each column, at the cursor. They must fit before `limit`."""
        cursor = self.cursor
        x, end = cursor.x, cursor.x + len(graphemes)
        if self.insert and x < self.left < end:  # left of the margin nothing is inserted
            outside = self.left - x + (graphemes[self.left - x] == STUB)
            if outside < len(graphemes):
                self._put(graphemes[:outside], limit)
                self._put(graphemes[outside:], limit)
                return
        row = self.rows[cursor.y]
        if self.insert and self.left <= x <= self.right:
            self.shift_cells(row, x, len(graphemes))
        row.put(x, graphemes, self.pen)
        self._stand_behind(end, limit)

    def _stand_behind(self, end: int, limit: int) -> None:
        """Put the cursor behind the grapheme just written, with a wrap pending at a right margin."""
        self.cursor.x = end
        self.joinable = True
        self.margin_wrap = (self.cursor.y, end) if end == limit < self.columns else None

    def _wrap(self) -> None:
        """Wrap to the first column of the next row, which goes on with this line."""
        whole = self.right == self.columns - 1
        cursor = self.cursor
        left = self.left if cursor.x > self.left else 0
        self.margin_wrap = None
        cursor.x = min(cursor.x, self.columns - 1) if whole else self.right
        self.index(continues=whole and self.left == 0)
        cursor.x = left

    def _wrap_wide(self, limit: int, *, moved: bool = False) -> bool:
        """Wrap before a grapheme of two columns that does not fit. Return False if it never will.

        `moved`: its first code points fitted, and took the cell.
        """
        cursor = self.cursor
        if not self.wrap or limit - (self.left if cursor.x > self.left else 0) < 2:
            return False
        # What the cell shows stays there (xterm, kitty, VTE, tmux); a blank takes the background (xterm.js).
        row = self.rows[cursor.y]
        if cursor.x < limit and (moved or row.text[cursor.x] in (" ", SPACER)):
            row.fill(cursor.x, limit, self.erased)
            if limit == self.columns:
                row.text[-1] = SPACER
        cursor.x = max(cursor.x, limit - 1)
        self._wrap()
        return True

    def last_grapheme(self) -> tuple[int, str]:
        """Return column and text of the grapheme left of the cursor."""
        text, x = self.rows[self.cursor.y].text, self.cursor.x - 1
        if x > 0 and text[x] == STUB:
            x -= 1
        return x, text[x]

    def _print_joining(self, char: str) -> None:
        """Print a character that may have any width and may join the grapheme before it."""
        if self.joinable:
            x, cluster = self.last_grapheme()
            size = self.cursor.x - x
            if new := joined(cluster, size, char):
                if len(cluster) < CLUSTER_LIMIT:
                    self._join(x, cluster + char, size, new)
                return
        if size := width(char):
            self._print_run(char, size)
        elif attaches(char) and not self.joinable and self.cursor.x > 0:
            x, cluster = self.last_grapheme()
            if cluster and len(cluster) < CLUSTER_LIMIT:
                self.rows[self.cursor.y].text[x] = " " + char if cluster == SPACER else cluster + char

    def _join(self, x: int, cluster: str, old: int, new: int) -> None:
        """Make `cluster` the grapheme at column `x`; its width may change from `old` to `new`."""
        row, cursor = self.rows[self.cursor.y], self.cursor
        row.text[x] = cluster
        if new == old:
            return
        pen = row.pens[x]
        if new < old:
            # The column that becomes free is a default blank, whatever the pen, and nothing joins the grapheme any
            # more: so a replay comes out the same whatever comes after it, in insert mode too.
            row.text[x + 1], row.pens[x + 1] = " ", DEFAULT
            cursor.x -= 1
            self.margin_wrap = None
            self.joinable = False
            return
        limit = self.columns if x > self.right else self.right + 1
        if x + 2 > limit:
            behind, cursor.x = cursor.x, x
            if self._wrap_wide(limit, moved=True):
                self._put([cluster, STUB], limit)
            else:
                row.text[x] = cluster[:-1]  # it can neither grow nor wrap: the mark is dropped
                cursor.x = behind
            return
        if self.insert and self.left <= x <= self.right:
            self.shift_cells(row, x + 1, 1)
        row.put(x, [cluster, STUB], pen)
        self._stand_behind(x + 2, limit)

    def repeat(self, count: int = 1) -> None:
        """REP: print the last grapheme again, but nothing after a control (xterm.js).

        It prints no more than the screen has cells; between left and right margins, and of a grapheme of several code
        points, no more than a row has columns.
        """
        if self.joinable:
            grapheme = self.last_grapheme()[1]
            plain = not (self.narrow or may_join(grapheme))
            self._print(grapheme * min(count or 1, self.columns * (self.lines if plain else 1)))
