"""The screen: all parts together, what control strings set (titles, directory, links, colours), and resizing."""

from __future__ import annotations

import re

from sesh.vt import titles
from sesh.vt.cell import with_link
from sesh.vt.modes import STACK_LIMIT, Modes
from sesh.vt.reflow import crop, reflow

#: Characters that are kept of a title or a directory, and of a link.
TEXT_LIMIT = 1024
LINK_LIMIT = 2083

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_COLOUR = re.compile(r"[#A-Za-z0-9:/., ]{1,64}\Z")


def _sanitized(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text` without control characters, cut to `limit`."""
    return _CONTROLS.sub("", text[: limit * 4])[:limit]


class Screen(Modes):
    """A pyte Screen that remembers everything a terminal does."""

    def reset(self) -> None:
        """RIS: everything empty and at its default, but the scrollback and the titles, which xterm keeps."""
        super().reset()
        self.cwd = ""
        #: Titles pushed by XTWINOPS 22, oldest first: (BOTH, ICON or WINDOW; (icon name, title)).
        self.titles: list[tuple[int, tuple[str, str]]] = getattr(self, "titles", [])
        #: Colours that the program changed, as it wrote them: OSC 4 by index, OSC 10 to 19 by number.
        self.palette: dict[int, str] = {}
        self.dynamic: dict[int, str] = {}

    # -- strings ------------------------------------------------------------------------------------------

    def operating_command(self, body: str) -> None:
        """OSC: `number;rest`. Unknown numbers are ignored."""
        number, _, rest = body.partition(";")
        if number in {"0", "1", "2"}:
            text = _sanitized(rest)
            self.ever_changed.add("title")
            if number != "1":
                self.title = text
            if number != "2":
                self.icon_name = text
        elif number == "7":
            self.cwd = _sanitized(rest)
            self.ever_changed.add("cwd")
        elif number == "8":
            params, _, uri = rest.partition(";")
            fits = uri and len(uri) <= LINK_LIMIT and len(params) <= TEXT_LIMIT
            self.pen = with_link(self.pen, f"{_sanitized(params)};{_sanitized(uri, LINK_LIMIT)}" if fits else "")
        elif number == "4":
            self._set_palette(rest)
        elif number == "104":
            self._reset_palette(rest)
        elif number.isascii() and number.isdigit() and len(number) < 4:
            self._dynamic_colours(int(number), rest)

    def _set_palette(self, rest: str) -> None:
        parts = rest.split(";")
        for index, value in zip(parts[::2], parts[1::2], strict=False):
            if index.isascii() and index.isdigit() and len(index) < 4 and int(index) < 256 and _COLOUR.match(value):
                self.palette[int(index)] = value
                self.ever_changed.add("palette")

    def _reset_palette(self, rest: str) -> None:
        if not rest:
            self.palette.clear()
        for index in rest.split(";"):
            if index.isascii() and index.isdigit() and len(index) < 4:
                self.palette.pop(int(index), None)

    def _dynamic_colours(self, number: int, rest: str) -> None:
        """OSC 10 to 19 set a colour and those after it; OSC 110 to 119 reset one."""
        if 10 <= number <= 19:
            for at, value in zip(range(number, 20), rest.split(";"), strict=False):
                if _COLOUR.match(value):
                    self.dynamic[at] = value
                    self.ever_changed.add(f"colour {at}")
        elif 110 <= number <= 119:
            self.dynamic.pop(number - 100, None)

    # -- titles -------------------------------------------------------------------------------------------

    def window_operation(self, operation: int = 0, part: int = titles.BOTH) -> None:
        """XTWINOPS: 22 pushes the titles, 23 pops them. Nothing moves or resizes windows."""
        if part > titles.WINDOW:
            return
        if operation == 22:
            self.titles.append((part, (self.icon_name, self.title)))
            del self.titles[:-STACK_LIMIT]
        elif operation == 23:
            if part in (titles.BOTH, titles.ICON) and (saved := titles.pop(self.titles, titles.ICON)):
                self.icon_name = saved[0]
            if part in (titles.BOTH, titles.WINDOW) and (saved := titles.pop(self.titles, titles.WINDOW)):
                self.title = saved[1]

    # -- size ---------------------------------------------------------------------------------------------

    def settle_scrollback(self) -> None:
        """Bring the scrollback up to date with the main screen, before both are read or changed together."""
        self.scrollback.settle(self.main_rows[0])

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Change the size: the main screen is wrapped anew, the alternate one is cut or padded. Clears the margins, as
        xterm.js does."""
        lines, columns = lines or self.lines, columns or self.columns
        if (lines, columns) == (self.lines, self.columns):
            return
        self.settle_scrollback()
        cursor, saved = self.cursor, self.saved
        if self.main is None:
            marks = [(cursor.y, cursor.x), (saved.row, saved.column)]
            self.buffer, marks = reflow(self.buffer, self.scrollback, marks, columns, lines)
            (cursor.y, cursor.x), (row, column) = marks
            self.saved = saved._replace(row=row, column=column)
        else:
            self.buffer = crop(self.buffer, columns, lines)
            column = columns if saved.column >= self.columns else min(saved.column, columns)
            self.saved = saved._replace(row=min(saved.row, lines - 1), column=column)
            if cursor.x >= self.columns or cursor.x >= columns:
                cursor.x = columns - 1
            cursor.y = min(cursor.y, lines - 1)
            hidden = self.main_saved
            self.main, marks = reflow(self.main, self.scrollback, [(hidden.row, hidden.column)], columns, lines)
            self.main_saved = hidden._replace(row=marks[0][0], column=marks[0][1])
        stops = {stop for stop in self.tabstops if stop < columns}
        self.tabstops = stops | {stop for stop in range(8, columns, 8) if stop >= self.columns}
        self.columns, self.lines = columns, lines
        self.joinable = False
        self.clear_margins()
