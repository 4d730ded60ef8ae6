"""The whole screen: control strings (titles, links, colours, prompts), images and resizing."""

from __future__ import annotations

from sesh.vt import grammar, sized_text
from sesh.vt.images import image_cells
from sesh.vt.moves import default_tab_stops
from sesh.vt.osc_values import TEXT_LIMIT, OscValues, changed, sanitized
from sesh.vt.pen import with_link
from sesh.vt.pyte_face import PyteFace
from sesh.vt.reflow import crop, reflow
from sesh.vt.scrollback import Scrollback
from sesh.vt.titles import ICON_NAME, TITLE, TitleStack

LINK_LIMIT = 2083  # characters of a link's address; a longer one is dropped


class Screen(PyteFace):
    """The last part of the screen: whatever is no text, movement or mode."""

    def __init__(self, columns: int, height: int, scrollback: Scrollback) -> None:
        self.title = self.icon_name = ""
        self.titles = TitleStack()
        self.osc_values: OscValues = {}
        super().__init__(columns, height, scrollback)

    def reset(self) -> None:
        """RIS: reset everything, including the scrollback, but not the titles (xterm)."""
        super().reset()
        self.scrollback.clear()
        self.osc_values = dict.fromkeys(self.osc_values, "")
        self.at_input = False  # the last prompt has ended, and its command has not started (OSC 133 B)

    def operating_command(self, body: str) -> None:
        """OSC: `number;rest`. Unknown numbers are ignored."""
        number, _, rest = body.partition(";")
        if number in {"0", "1", "2"}:
            text = sanitized(rest)
            if number != "1":
                self._note_title(TITLE)
                self.title = text
            if number != "2":
                self._note_title(ICON_NAME)
                self.icon_name = text
        elif number == "8":
            params, _, uri = rest.partition(";")
            target = sanitized(uri, LINK_LIMIT)
            fits = target and len(uri) <= LINK_LIMIT and len(params) <= TEXT_LIMIT
            self.pen = with_link(self.pen, f"{sanitized(params)};{target}" if fits else "")
        elif number == "66":
            self._print_sized(rest)
        elif number == "133" and not self.alternate:
            self._mark_prompt(rest.partition(";")[0])
        else:
            self.osc_values |= changed(self.osc_values, number, rest)

    def _print_sized(self, rest: str) -> None:
        """OSC 66, kitty's text sizing: print a text in the columns and rows that it takes there, in the usual size."""
        sizing, text = sized_text.parse(rest)
        row, column = self.cursor.y, self.cursor.x
        missing = min(row + sizing.scale - 1 - self.bottom, row - self.top)
        if self.top <= row <= self.bottom and missing > 0:  # rows that it takes below the cursor
            self.move_to(self.bottom, column)
            for _ in range(missing):
                self.index()
            self.move_to(row - missing, column)
        block = sized_text.block(sizing, text, self.columns)
        if sizing.width and len(block) > 1:
            self._make_room(len(block))  # it is not parted
        self.draw(block)

    def _mark_prompt(self, mark: str) -> None:
        """OSC 133: A starts a prompt, B input, C output; D ends the command."""
        if mark in {"A", "B", "C", "D"}:
            self.at_input = mark == "B"
        if mark == "A":
            first = self.rows[self.line_start(self.cursor.y)]
            first.prompt = not first.continues

    def _note_title(self, part: int) -> None:
        """Note that a title is set which a pop will not bring back."""
        if not any(part in entry for entry in self.titles.entries):
            self.used.titles = True

    def window_operation(self, operation: int = 0, parameter: int = 0) -> None:
        """XTWINOPS: 22 pushes the titles, 23 pops them; other operations are ignored."""
        if operation == 22:
            self.titles.push(parameter, self.icon_name, self.title)
        elif operation == 23:
            popped = self.titles.pop(parameter)
            self.icon_name = popped.get(ICON_NAME, self.icon_name)
            self.title = popped.get(TITLE, self.title)

    def image(self, sequence: str) -> None:
        """Move the cursor as an image does: see `images`."""
        columns, rows = image_cells(sequence[: grammar.LIMIT], self.cell_height)
        if rows:
            x = min(self.cursor.x, self.columns - (columns == 0)) + columns
            for _ in range(min(rows, self.height) - 1):
                self.index()
            if x >= self.columns:
                self.index()
                x = 0
            self.move_to(self.cursor.y, x)

    def sync_scrollback(self) -> None:
        """End the scrollback's open line unless the first row of the main screen continues it.

        Call this before reading or changing scrollback and screen together.
        """
        first = self.main_rows[0]
        if not first.continues:
            self.scrollback.close()
        first.continues = self.scrollback.open_count > 0

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Change the size, as pyte's method does."""
        self.change_size(columns or self.columns, lines or self.height)

    def change_size(self, columns: int, height: int) -> None:
        """Reflow the main screen, crop the alternate one, and reset the margins (as xterm.js)."""
        if (columns, height) == (self.columns, self.height):
            return
        self.sync_scrollback()
        alternate, cursor = self.alternate, self.cursor
        if alternate:
            self.swap_pages(self.other.rows)
        place = self.saved.row, self.saved.column
        points = [place if alternate else (cursor.y, cursor.x), place]
        self.rows, points = reflow(self.rows, self.scrollback, points, columns, height)
        self.saved = self.saved._replace(row=points[1][0], column=points[1][1])
        rows, saved, _ = self.other
        # A wrap that is pending on the alternate screen stays so for its saved cursor.
        column = columns if saved.column >= self.columns else min(saved.column, columns)
        rows = crop(rows, columns, height) if rows else []
        self.other = self.other._replace(rows=rows, saved=saved._replace(row=min(saved.row, height - 1), column=column))
        if alternate:
            self.swap_pages(self.other.rows)
            cursor.y, cursor.x = min(cursor.y, height - 1), min(cursor.x, columns - 1)
        else:
            cursor.y, cursor.x = points[0]
        added = {stop for stop in default_tab_stops(columns) if stop >= self.columns}
        self.tabstops = {stop for stop in self.tabstops if stop < columns} | added
        self.columns, self.height = columns, height
        self.joinable = False
        self.clear_margins()
