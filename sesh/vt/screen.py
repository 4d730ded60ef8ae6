"""The whole screen: control strings (titles, links, colours, prompts), images and resizing."""

from __future__ import annotations

import re

from sesh.vt import grammar
from sesh.vt.grid import SavedCursor
from sesh.vt.images import kitty_cells, sixel_rows
from sesh.vt.moves import default_tab_stops
from sesh.vt.pen import with_link
from sesh.vt.pyte_face import PyteFace
from sesh.vt.reflow import crop, reflow
from sesh.vt.scrollback import Scrollback
from sesh.vt.titles import ICON_NAME, TITLE, TitleStack

TEXT_LIMIT = 1024  # characters at which a title or directory is cut; a link with longer parameters is dropped
LINK_LIMIT = 2083  # characters of a link's address; a longer one is dropped

REPORTED = {"7": "", "9;4": "0", "22": ""}
"""The parameters of an OSC that clear what the program has reported: directory, progress, pointer (kitty)."""
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NUMBER = re.compile(r"[0-9]{1,3}\Z")
_SHAPE = re.compile(r"[A-Za-z0-9_-]{0,64}\Z")  # no query, and no push or pop of kitty's
_COLOUR = re.compile(r"[#A-Za-z0-9:/., ]{1,64}\Z")


def _sanitized(text: str, limit: int = TEXT_LIMIT) -> str:
    return _CONTROLS.sub("", text[: limit * 4])[:limit]


class Screen(PyteFace):
    """The last part of the screen: whatever is no text, movement or mode."""

    def __init__(self, columns: int, height: int, scrollback: Scrollback) -> None:
        self.title = self.icon_name = ""
        self.titles = TitleStack()
        super().__init__(columns, height, scrollback)

    def reset(self) -> None:
        """RIS: reset everything, including the scrollback, but not the titles (xterm)."""
        super().reset()
        self.scrollback.clear()
        self.reported = dict.fromkeys(REPORTED, "")  # directory, progress, pointer's shape, by number of the OSC
        self.palette: dict[int, str] = {}  # colours set by OSC 4, by index, as the program wrote them
        self.dynamic: dict[int, str] = {}  # colours set by OSC 10 to 19, by number, as the program wrote them
        self.at_input = False  # the last prompt has ended, and its command has not started (OSC 133 B)

    def operating_command(self, body: str) -> None:
        """OSC: `number;rest`. Unknown numbers are ignored."""
        number, _, rest = body.partition(";")
        if number in {"0", "1", "2"}:
            text = _sanitized(rest)
            if number != "1":
                self._note_title(TITLE)
                self.title = text
            if number != "2":
                self._note_title(ICON_NAME)
                self.icon_name = text
        elif number == "7":
            self._report(number, _sanitized(rest))
        elif number == "8":
            params, _, uri = rest.partition(";")
            target = _sanitized(uri, LINK_LIMIT)
            fits = target and len(uri) <= LINK_LIMIT and len(params) <= TEXT_LIMIT
            self.pen = with_link(self.pen, f"{_sanitized(params)};{target}" if fits else "")
        elif number == "4":
            self._set_palette(rest)
        elif number == "104":
            self._reset_palette(rest)
        elif number == "9" and rest.startswith("4;"):
            self._report("9;4", _sanitized(rest[2:]))
        elif number == "22" and _SHAPE.match(rest):
            self._report(number, rest)
        elif number == "133" and not self.alternate:
            self._mark_prompt(rest.partition(";")[0])
        elif _NUMBER.match(number):
            self._dynamic_colours(int(number), rest)

    def _report(self, number: str, text: str) -> None:
        self.reported[number] = text if text != REPORTED[number] else ""
        self.used.reports.add(number)

    def _mark_prompt(self, mark: str) -> None:
        """OSC 133: A starts a prompt, B input, C output; D ends the command."""
        if mark in {"A", "B", "C", "D"}:
            self.at_input = mark == "B"
        if mark == "A":
            first = self.rows[self.line_start(self.cursor.y)]
            first.prompt = not first.continues

    def _set_palette(self, rest: str) -> None:
        parts = rest.split(";")
        for index, value in zip(parts[::2], parts[1::2], strict=False):
            if _NUMBER.match(index) and int(index) < 256 and _COLOUR.match(value):
                self.palette[int(index)] = value
                self.used.palette = True

    def _reset_palette(self, rest: str) -> None:
        if not rest:
            self.palette.clear()
        for index in rest.split(";"):
            if _NUMBER.match(index):
                self.palette.pop(int(index), None)

    def _dynamic_colours(self, number: int, rest: str) -> None:
        """OSC 10 to 19 set successive colours, OSC 110 to 119 reset one."""
        if 10 <= number <= 19:
            for colour, value in zip(range(number, 20), rest.split(";"), strict=False):
                if _COLOUR.match(value):
                    self.dynamic[colour] = value
                    self.used.colours.add(colour)
        elif 110 <= number <= 119:
            self.dynamic.pop(number - 100, None)

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
        x = self.cursor.x
        if sequence[1] == "P":
            for _ in range(min(sixel_rows(sequence[: grammar.LIMIT], self.cell_height), self.height) - 1):
                self.index()
            self.cursor.x = min(x, self.cursor.x)
        elif cells := kitty_cells(sequence[2:]):
            columns, rows = cells
            x = min(x, self.columns) + columns
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
        first.continues = self.scrollback.open

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Change the size, as pyte's method does."""
        self.change_size(columns or self.columns, lines or self.height)

    def change_size(self, columns: int, height: int) -> None:
        """Reflow the main screen, crop the alternate one, and reset the margins (as xterm.js)."""
        if (columns, height) == (self.columns, self.height):
            return
        self.sync_scrollback()
        if self.alternate:
            self._resize_alternate_shown(columns, height)
        else:
            self._resize_main_shown(columns, height)
        added = {stop for stop in default_tab_stops(columns) if stop >= self.columns}
        self.tabstops = {stop for stop in self.tabstops if stop < columns} | added
        self.columns, self.height = columns, height
        self.joinable = False
        self.clear_margins()

    def _resize_main_shown(self, columns: int, height: int) -> None:
        cursor, hidden = self.cursor, self.other
        places = [(cursor.y, cursor.x), self.saved.place]
        self.rows, places = reflow(self.rows, self.scrollback, places, columns, height)
        cursor.y, cursor.x = places[0]
        self.saved = self.saved.moved(places[1])
        rows = crop(hidden.rows, columns, height) if hidden.rows else []
        self.other = hidden._replace(rows=rows, saved=self._cropped(hidden.saved, columns, height))

    def _resize_alternate_shown(self, columns: int, height: int) -> None:
        cursor, hidden = self.cursor, self.other
        self.rows = crop(self.rows, columns, height)
        self.saved = self._cropped(self.saved, columns, height)
        if cursor.x >= self.columns or cursor.x >= columns:
            cursor.x = columns - 1
        cursor.y = min(cursor.y, height - 1)
        rows, places = reflow(hidden.rows, self.scrollback, [hidden.saved.place], columns, height)
        self.other = hidden._replace(rows=rows, saved=hidden.saved.moved(places[0]))

    def _cropped(self, saved: SavedCursor, columns: int, height: int) -> SavedCursor:
        """Return the alternate screen's saved cursor, clipped to another size; keep a pending wrap."""
        column = columns if saved.column >= self.columns else min(saved.column, columns)
        return saved.moved((min(saved.row, height - 1), column))
