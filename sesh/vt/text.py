"""Printing: runs of characters into cells, wrapping, joining, and character sets (ISO 2022).

ASCII and other narrow characters go into a row as one slice; only characters that may be wide or may join the one
before are looked at one by one. Output is UTF-8, so only two character sets change what is drawn, DEC special graphics
and the British set; the others are remembered by their designators and draw as ASCII.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import groupby

from sesh.vt.cell import BLANK, DEFAULT, Cell, Pen, apply_sgr
from sesh.vt.graphemes import (
    CLUSTER_LIMIT,
    GRAPHEMES,
    KIND,
    OTHER,
    RUNS,
    STUB,
    WIDTH,
    attaches,
    character,
    clusters,
    columns,
    is_narrow,
    joined,
    joined_by_unicode,
    text_presentation,
)
from sesh.vt.rectangles import Rectangles
from sesh.vt.row import Row, spread, uniform

_GRAPHICS = "\xa0◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"
"""DEC special graphics, 0x5f to 0x7e (VT100 user guide, table 3-9)."""

TRANSLATIONS: dict[str, dict[int, str]] = {
    "0": {0x5F + index: char for index, char in enumerate(_GRAPHICS)},
    "A": {0x23: "£"},
}

_PIECE = re.compile(" *[^ ]+| +")
"""A word with the blanks before it: what can be laid out apart."""

G_SETS = {"(": 0, ")": 1, "*": 2, "+": 3}
"""G0 to G3 by the intermediate of the escape that designates a set of 94 characters (SCS)."""
ASCII = "B"


class Printing(Rectangles):
    """Printing characters, REP, G0 to G3.

    It is over 400 lines for speed: it works on the screen's own attributes, as one class of the screen.
    """

    modes: dict[int, bool]

    @property
    def clustering(self) -> bool:
        """Mode 2027: grapheme clusters as Unicode has them."""
        return 2027 in self.modes

    def reset(self) -> None:
        super().reset()
        self.reset_charsets()

    def reset_charsets(self) -> None:
        """ASCII in G0 to G3, G0 in use."""
        self.charsets: tuple[str, ...] = (ASCII,) * 4
        self.gl = 0
        """Number of the set in use (GL), 0 to 3."""
        self.single_shift = 0
        """The set for the next character alone, or 0."""
        self._update_translation()

    def define_charset(self, code: str, mode: str) -> None:
        """SCS: `mode` is the intermediate that names one of G0 to G3, `code` the designator of the set."""
        slot = G_SETS[mode]
        if self.charsets[slot] == code and "charsets" in self.ever_changed:
            return
        self.charsets = (*self.charsets[:slot], code, *self.charsets[slot + 1 :])
        self.ever_changed.add("charsets")
        self._update_translation()

    def shift(self, slot: int) -> None:
        """SI, SO, LS2, LS3: use one of G0 to G3 from now on."""
        self.gl = slot
        self._update_translation()

    def shift_next(self, slot: int) -> None:
        """SS2, SS3: use G2 or G3 for the next character alone."""
        self.single_shift = slot

    def _update_translation(self) -> None:
        self.translation = TRANSLATIONS.get(self.charsets[self.gl])

    # -- text ---------------------------------------------------------------------------------------------

    def draw(self, data: str) -> None:
        """Write printable characters at the cursor.

        Text that fits into the row is written here, without a further call, because this runs for each token. All
        else goes to `_print`, which looks at one case after the other.
        """
        if self.single_shift:
            table = TRANSLATIONS.get(self.charsets[self.single_shift])
            self.single_shift = 0
            self._print(data[0].translate(table) if table else data[0])
            self.joinable = False
            data = data[1:]
            if not data:
                return
        if self.translation is not None:
            data = data.translate(self.translation)
        if 2027 in self.modes:
            self._print(data)
            return
        text = data
        if not data.isascii():
            text = "" if self.joinable and OTHER.match(data) else columns(data)
        cursor = self.cursor
        x = cursor.x
        end = x + len(text)
        if not text or end > self.columns or self.insert or self.narrow:
            self._print(data, text)
            return
        row = self.rows[cursor.y]
        old = row.text
        if old is None or row.shared:
            row = self.unshared_row(cursor.y)
            if not row.as_text():
                self._print(data)
                return
            old = row.text or ""
        pen = self.pen
        if row.wide or row.parts or text is not data or x > len(old) or (pen is not DEFAULT and not row.styled):
            row.put(x, text, pen)
        else:  # the same, without a call
            if row.styled:
                row.pens[x:end] = [pen] * (end - x)
            row.text = old[:x] + text + old[end:]
            row.stale = True
        cursor.x = end
        self.joinable = True

    def draw_pens(self, data: str, erasing: bool = False) -> bool:
        """Write printable characters with SGRs among them, and ASCII designated as G0. `erasing`: the rest of the row
        is to be erased right after it; returns whether that is done.

        Frames rewrite whole rows: such a row takes texts and pens over as they are, a pen for each part. So the parts
        are split before it is known whether they can be written at once; if not, `_draw_parts` writes them one by one.
        """
        if "\x1b(" in data:
            if self.charsets[0] == ASCII:
                self.ever_changed.add("charsets")
                data = data.replace("\x1b(B\x1b[", "\x1b[")
            if "\x1b(" in data:
                self._draw_apart(data.split("\x1b(B"))
                return False
        parts = data.split("\x1b[")
        pen, cursor = self.pen, self.cursor
        row = self.rows[cursor.y]
        texts = [parts.pop(0)]
        # It usually takes the place of the whole row where it did so the last time.
        whole = cursor.x == 0 and (erasing or row.parts or not row.text)
        pens = [pen] if whole else [pen] * len(texts[0])
        for part in parts:
            sgr, _, words = part.partition("m")
            try:
                pen = pen.after_sgr[sgr]
            except KeyError:
                pen = apply_sgr(pen, sgr)
            if words:
                texts.append(words)
                if whole:
                    pens.append(pen)
                else:
                    pens += [pen] * len(words)
        text = "".join(texts)
        end = cursor.x + len(text)
        if (
            self.insert
            or self.single_shift
            or self.translation is not None
            or 2027 in self.modes
            or self.narrow
            or (end > self.columns and not self.wrap)
            or not (text.isascii() or is_narrow(text))
        ):
            self._draw_parts(texts[0], parts)
            return False
        if row.shared:
            row = self.unshared_row(cursor.y)
        fits = end <= self.columns and not row.wide and row.text is not None
        self.pen = pen
        self.joinable = not data.endswith("m")
        if whole and fits and (erasing or end >= len(row.text or "")):
            row.text, row.pens, row.parts = text, pens, texts
            row.styled = row.stale = True
            cursor.x = end
            if erasing and 0 < end < self.columns and not row.marks:
                row.rest = pen.erased.space
                self.joinable = False
                return True
            return False
        if whole:
            pens = spread(pens, texts)
        if fits:
            row.put_pens(cursor.x, text, pens)
            cursor.x = end
        else:
            self._print_pens(text, pens)
            self.pen = pen
            self.joinable = not data.endswith("m")
        return False

    def _print_pens(self, text: str, pens: list[Pen]) -> None:
        """Print narrow characters, with a pen for each, wrapping as needed."""
        cursor, start = self.cursor, 0
        while len(text) - start > (room := self.columns - cursor.x):
            end = start + room
            if room:
                self._put_pens(text[start:end], pens[start:end])
            self.pen = pens[end]
            self._wrap()
            start = end
        self._put_pens(text[start:], pens[start:])

    def _put_pens(self, text: str, pens: list[Pen]) -> None:
        """Put narrow characters, with a pen for each, at the cursor. They must fit into the row."""
        cursor = self.cursor
        row = self.unshared_row(cursor.y)
        if not row.wide and row.as_text():
            row.put_pens(cursor.x, text, pens)
            cursor.x += len(text)
            return
        start = 0
        for pen, group in groupby(pens):
            self.pen = pen
            end = start + len(list(group))
            self._put(text[start:end], self.columns)
            start = end

    def _draw_apart(self, pieces: list[str]) -> None:
        """Write pieces of text and SGRs; before each but the first, ASCII is designated as G0."""
        for index, piece in enumerate(pieces):
            if index:
                self.define_charset(ASCII, "(")
                self.joinable = False
            if piece:
                (self.draw_pens if "\x1b" in piece else self.draw)(piece)

    def _draw_parts(self, first: str, parts: list[str]) -> None:
        """Write text and SGRs one by one; each of `parts` begins with the parameters of an SGR."""
        if first:
            self.draw(first)
        for part in parts:
            sgr, _, words = part.partition("m")
            self.pen = apply_sgr(self.pen, sgr)
            self.joinable = False
            if words:
                self.draw(words)

    def _print(self, data: str, text: str = "") -> None:
        """Print characters. `text`: their `columns`, if known."""
        if self.clustering and not (data.isascii() and not self.joinable):
            self._print_clusters(data)
            return
        if data.isascii():
            self._print_plain(data, 1)
            return
        if not (self.insert or self.narrow or (self.joinable and OTHER.match(data))):
            text = text or columns(data)
            if not text:
                if len(pieces := _PIECE.findall(data)) > 1:
                    for piece in pieces:
                        self._print(piece)
                    return
            elif self.cursor.x + len(text) <= self.columns:
                self._put(text, self.columns)
                return
            elif self.wrap and self.columns > 1:
                self._print_wrapping(text)
                return
        for narrow, wide, other in RUNS.findall(data):
            if other:
                self._print_joining(other)
            else:
                self._print_plain(narrow or wide, 1 if narrow else 2)

    def _print_clusters(self, data: str) -> None:
        """Print characters with mode 2027 on: the grapheme before a run of characters may take in the first of them."""
        for narrow, wide, other in RUNS.findall(data):
            run = narrow or wide
            if other:
                self._print_joining(other)
            while run and self.joinable and KIND[(self.last_grapheme()[1] or " ")[-1]] in "p1":
                self._print_joining(run[0])
                run = run[1:]
            if run:
                self._print_plain(run, 1 if narrow else 2)

    def _print_wrapping(self, text: str) -> None:
        """Print text, a character for each column, which does not fit into the row."""
        cursor, columns, start = self.cursor, self.columns, 0
        while len(text) - start > (room := columns - cursor.x):
            end = start + room
            if not room or text[end] != STUB:
                if room:
                    self._put(text[start:end], columns)
                self._wrap()
                start = end
                continue
            if room > 1:
                self._put(text[start : end - 1], columns)
            start = end - 1
            first = GRAPHEMES.get(text[start], text[start])[0]
            moved = WIDTH[first] == 1
            if moved:  # it is printed before the grapheme becomes wide
                self._put(first, columns)
                cursor.x -= 1
            self._wrap_wide(columns, moved=moved)
        self._put(text[start:], columns)

    def _right_limit(self) -> int:
        """Return the column at which printing stops: after the right margin if the cursor is left of that, else the
        width."""
        right = self.right + 1
        if right == self.columns:
            return right
        x = self.cursor.x
        return right if x < right or self.margin_wrap == (self.cursor.y, x) else self.columns

    def _make_room(self, width: int, *, moved: bool = False) -> int:
        """Wrap if a character does not fit. Return the column at which printing stops; 0 if it will never fit."""
        limit = self._right_limit()
        if limit - self.cursor.x >= width:
            return limit
        if width > 1:
            if not self._wrap_wide(limit, moved=moved):
                self.joinable = False
                return 0
        elif self.wrap:
            self._wrap()
        else:
            self.cursor.x = limit - 1
        return self._right_limit()

    def _print_plain(self, data: str, width: int) -> None:
        """Print characters of `width` columns each that join nothing."""
        start = 0
        while start < len(data):
            limit = self._make_room(width)
            if not limit:
                return
            room = (limit - self.cursor.x) // width
            if width == 1 and not self.wrap and len(data) - start > room:
                # Without DECAWM the characters that do not fit overwrite one another in the last column.
                data = data[: start + room - 1] + data[-1]
            piece = data[start : start + room]
            self._put(piece if width == 1 else STUB.join(piece) + STUB, limit)
            start += room

    def _put(self, text: str, limit: int) -> None:
        """Put text, a character for each column, at the cursor. It must fit before `limit`."""
        cursor = self.cursor
        row = self.unshared_row(cursor.y)
        if self.insert or not row.as_text():
            self._put_cells(list(map(self.pen.cell, text)), limit, STUB in text)
            return
        end = cursor.x + len(text)
        row.put(cursor.x, text, self.pen)
        cursor.x = end
        self.joinable = True
        self.margin_wrap = (cursor.y, end) if end == limit < self.columns else None

    def _put_cells(self, cells: list[Cell], limit: int, wide: bool = False) -> None:
        """Put cells at the cursor. They must fit before `limit`."""
        cursor = self.cursor
        x = cursor.x
        end = x + len(cells)
        if self.insert and x < self.left < end:  # left of the margin nothing is inserted
            outside = self.left - x + (not cells[self.left - x].data)
            if outside < len(cells):
                self._put_cells(cells[:outside], limit, wide)
                self._put_cells(cells[outside:], limit, wide)
                return
        row = self.own_row(cursor.y)
        if self.insert and self.left <= x <= self.right:
            self.shift_cells(cursor.y, x, len(cells))
        row.blank_halves_outside(x, end, self.pen)
        row[x:end] = cells
        if wide:
            row.wide = True
        if self.pen is not DEFAULT:
            row.styled = True
        cursor.x = end
        self.joinable = True
        self.margin_wrap = (cursor.y, end) if end == limit < self.columns else None

    def _wrap(self) -> None:
        """Wrap to the first column of the next row, which goes on with this line."""
        whole = self.right == self.columns - 1
        cursor = self.cursor
        left = self.left if cursor.x > self.left else 0
        self.margin_wrap = None
        cursor.x = min(cursor.x, self.columns - 1) if whole else self.right
        self.index(wrapped=whole and self.left == 0)
        cursor.x = left

    def _wrap_wide(self, limit: int, *, moved: bool = False) -> bool:
        """Wrap before a character of two columns that does not fit. Returns False if it never will.

        `moved`: its first code points fitted, and took the cell.
        """
        if not self.wrap or limit - (self.left if self.cursor.x > self.left else 0) < 2:
            return False
        # What the cell shows stays there (xterm, kitty, VTE, tmux); a blank takes the background (xterm.js).
        if self.cursor.x < limit and (moved or self.rows[self.cursor.y].grapheme(self.cursor.x) == " "):
            row = self.unshared_row(self.cursor.y)
            row.fill(self.cursor.x, limit, self.erased)
            row.spacer = limit == self.columns
        self.cursor.x = max(self.cursor.x, limit - 1)
        self._wrap()
        return True

    # -- joining ------------------------------------------------------------------------------------------

    def last_grapheme(self) -> tuple[int, str]:
        """Column and text of the grapheme left of the cursor."""
        row = self.rows[self.cursor.y]
        x = self.cursor.x - 1
        if x > 0 and not row.grapheme(x):
            x -= 1
        return x, row.grapheme(x)

    def _print_joining(self, char: str) -> None:
        """Print a character that may have any width and may join the grapheme before it."""
        if self.joinable:
            x, cluster = self.last_grapheme()
            width = self.cursor.x - x
            new = (joined_by_unicode if self.clustering else joined)(cluster, width, char)
            if new:
                if len(cluster) < CLUSTER_LIMIT:
                    self._join(x, cluster + char, width, new)
                return
        width = WIDTH[char]
        if width:
            self._print_plain(char, width)
        elif attaches(char) and not self.joinable and self.cursor.x > 0:
            x, cluster = self.last_grapheme()
            if cluster and len(cluster) < CLUSTER_LIMIT:
                row = self.own_row(self.cursor.y)
                row[x] = row[x].pen.cell(cluster + char)

    def _join(self, x: int, cluster: str, old: int, new: int) -> None:
        """Make `cluster` the grapheme at `x`; its width may change."""
        row = self.unshared_row(self.cursor.y)
        char = character(cluster)
        text = row.text or "" if char and not self.insert and row.as_text() else ""
        if x >= len(text):
            text = ""
            row = self.own_row(self.cursor.y)
        pen = row.pen(x)
        if new == old:
            if text:
                row.text = text[:x] + char + text[x + 1 :]
                row.stale = True
            else:
                row[x] = pen.cell(cluster)
            return
        if new < old:
            # The column that becomes free is a default blank, whatever the pen, and nothing joins the grapheme any
            # more: so a replay comes out the same whatever comes after it, in insert mode too.
            if text:
                row.narrow(x, char)
            else:
                row[x : x + 2] = [pen.cell(cluster), BLANK]
            self.cursor.x -= 1
            self.margin_wrap = None
            self.joinable = False
            return
        limit = self.columns if x > self.right else self.right + 1
        behind, self.cursor.x = self.cursor.x, x
        if x + 2 > limit:
            if self._wrap_wide(limit, moved=True):
                self._put_cells([pen.cell(cluster), pen.stub], limit, wide=True)
            else:
                self.cursor.x = behind  # it can neither grow nor wrap: the mark is dropped
            return
        if text:
            row.put(x, char + STUB, pen)
            self.cursor.x = x + 2
            self.joinable = True
            self.margin_wrap = (self.cursor.y, x + 2) if x + 2 == limit < self.columns else None
            return
        row[x] = pen.space
        if self.insert and self.left <= x <= self.right:
            self.shift_cells(self.cursor.y, x + 1, 1)
        row.blank_halves_outside(x, x + 2, pen)
        insert, self.insert = self.insert, False
        self._put_cells([pen.cell(cluster), pen.stub], limit, wide=True)
        self.insert = insert

    # -- runs of one grapheme -----------------------------------------------------------------------------

    def repeat(self, count: int = 1) -> None:
        """REP: print the last grapheme again, but nothing after a control (xterm.js).

        It prints no more than the screen has cells. Between left and right margins, or of a grapheme that is not simply
        put beside itself, it prints no more than a row has columns (VTE prints no more than fits into the row in any
        case).
        """
        if not self.joinable:
            return
        grapheme = self.last_grapheme()[1]
        count = min(count or 1, self.columns * (1 if self.narrow else self.lines))
        self.touched += count
        regular = self.wrap and not self.insert and not self.narrow and self.columns > 1
        if regular or len(grapheme) == 1:
            if width := _width_in_run(grapheme, self.clustering):
                self._print_run(grapheme, width, count)
                return
            if regular and (
                width := _width_in_run(grapheme * 2, self.clustering)
            ):  # half a flag: with the one before it, and then in pairs
                self._print(grapheme)
                self._print_run(grapheme * 2, width, (count - 1) // 2)
                count = (count - 1) % 2
        for _ in range(min(count, self.columns)):
            before = self.cursor.x, self.last_grapheme()[1]
            self._print(grapheme)
            if len(before[1]) >= CLUSTER_LIMIT and before == (self.cursor.x, self.last_grapheme()[1]):
                return  # the last one takes all in, and is full

    def _print_run(self, grapheme: str, width: int, count: int) -> None:
        """Print a grapheme that joins nothing `count` times. All rows that it fills are one shared row."""
        cursor, pen = self.cursor, self.pen
        char = character(grapheme)
        while count:
            before = cursor.x
            limit = self._make_room(width, moved=WIDTH[grapheme[0]] == 1)
            if not limit:
                return
            if cursor.x < before and self.wrap and not self.narrow:
                full = (count - 1) // (self.columns // width)
                if full and not any(row.marks for row in self.rows):
                    self._fill_rows(grapheme, width, full)
                    count -= full * (self.columns // width)
                    continue
            size = min((limit - cursor.x) // width, count)
            if char:
                self._put((char + STUB * (width - 1)) * size, limit)
            else:
                self._put_cells([pen.cell(grapheme), pen.stub][:width] * size, limit, wide=width > 1)
            if width == 1 and not self.wrap:
                return  # the rest overwrites the last one
            count -= size

    def _fill_rows(self, grapheme: str, width: int, count: int) -> None:
        """Fill `count` rows, this one and those that it wraps to; more are to come."""
        y = self.cursor.y
        row = uniform(self.pen, grapheme, width, self.columns, True)
        last = self.bottom if y <= self.bottom else self.lines - 1
        down = min(count - 1, last - y)
        rows = self.rows
        rows[y] = self._filled(rows[y], grapheme, width, rows[y].wrapped)
        if self.columns % width:
            below = rows[y + 1 : y + 1 + down]
            rows[y + 1 : y + 1 + down] = [self._filled(old, grapheme, width, True) for old in below]
        else:
            rows[y + 1 : y + 1 + down] = [row] * down
        self.cursor.y = y + down
        self.cursor.x = self.columns // width * width
        if down < count - 1 and last == self.bottom:
            self.scroll_rows(count - 1 - down, row)

    def _filled(self, old: Row, grapheme: str, width: int, wrapped: bool) -> Row:
        """A row full of a grapheme; a last column without room for it keeps its cell, as in `_wrap_wide`."""
        last = None
        if WIDTH[grapheme[0]] == 2:
            old.settle()
            last = old[-1] if old[-1].data.strip() else None
        return uniform(self.pen, grapheme, width, self.columns, wrapped, last)


@lru_cache(256)
def _width_in_run(grapheme: str, clustering: bool) -> int:
    """Return the columns of a grapheme that is just put beside itself when it is printed repeatedly; else 0."""
    graphemes = clusters(grapheme * 2, joined_by_unicode if clustering else joined)
    same = len(graphemes) == 2 and graphemes[0] == graphemes[1] == (grapheme, graphemes[0][1])
    return graphemes[0][1] if same and not text_presentation(grapheme) else 0
