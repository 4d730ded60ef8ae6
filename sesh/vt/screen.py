"""The screen: what strings from the program set (titles, directory, links, colours), RIS and resizing."""

from __future__ import annotations

import re
from typing import Any

from sesh.vt import titles
from sesh.vt.cell import linked, step
from sesh.vt.modes import STACK, Modal
from sesh.vt.reflow import reflow

#: As much of a title or a directory as is kept, and of a link, in characters.
TEXT_LIMIT = 1024
LINK_LIMIT = 2083

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_COLOUR = re.compile(r"[#A-Za-z0-9:/., ]{1,64}\Z")


def cleaned(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text` without control characters, at most `limit` characters of it."""
    return _CONTROLS.sub("", text[: limit * 4])[:limit]


class Screen(Modal):
    """A pyte Screen that remembers all that a terminal would."""

    def reset(self) -> None:
        """RIS: everything at rest and empty, save the scrollback and the titles (xterm keeps them)."""
        super().reset()
        self.cwd = ""
        #: Titles pushed by XTWINOPS 22, oldest first: (what: 0 both, 1 the icon's, 2 the window's; icon; title).
        self.titles: list[tuple[int, tuple[str, str]]] = getattr(self, "titles", [])
        #: Colours that the program changed: OSC 4 by index, OSC 10 to 19 by number; values as it wrote them.
        self.palette: dict[int, str] = {}
        self.dynamic: dict[int, str] = {}
        #: The last mark of shell integration (OSC 133), `A` to `D`.
        self.prompt = ""
        self.buffer[0].continues = False

    # -- pen ----------------------------------------------------------------------------------------------

    def rendition(self, text: str) -> None:
        """SGR with its parameters as text."""
        self.set_pen(step(self.pen, text))

    def select_graphic_rendition(self, *attrs: int, **_: Any) -> None:
        """SGR with its parameters as numbers (pyte's form)."""
        self.rendition(";".join(map(str, attrs)))

    # -- strings ------------------------------------------------------------------------------------------

    def operating_command(self, body: str) -> None:
        """OSC: `number;rest`. Unknown numbers are passed over."""
        number, _, rest = body.partition(";")
        if number in {"0", "1", "2"}:
            text = cleaned(rest)
            self.used.add("title")
            if number != "1":
                self.title = text
            if number != "2":
                self.icon_name = text
        elif number == "7":
            self.cwd = cleaned(rest)
            self.used.add("cwd")
        elif number == "8":
            params, _, uri = rest.partition(";")
            fits = uri and len(uri) <= LINK_LIMIT and len(params) <= TEXT_LIMIT
            self.set_pen(linked(self.pen, f"{cleaned(params)};{cleaned(uri, LINK_LIMIT)}" if fits else ""))
        elif number == "4":
            self._set_palette(rest)
        elif number == "104":
            self._reset_palette(rest)
        elif number == "133":
            self.prompt = rest[:1] if rest[:1] in "ABCD" else self.prompt
        elif number.isascii() and number.isdigit() and len(number) < 4:
            self._dynamic_colours(int(number), rest)

    def _set_palette(self, rest: str) -> None:
        parts = rest.split(";")
        for index, value in zip(parts[::2], parts[1::2], strict=False):
            if index.isascii() and index.isdigit() and len(index) < 4 and int(index) < 256 and _COLOUR.match(value):
                self.palette[int(index)] = value
                self.used.add("palette")

    def _reset_palette(self, rest: str) -> None:
        if not rest:
            self.palette.clear()
        for index in rest.split(";"):
            if index.isascii() and index.isdigit() and len(index) < 4:
                self.palette.pop(int(index), None)

    def _dynamic_colours(self, number: int, rest: str) -> None:
        """OSC 10 to 19 set a colour and those that follow it; OSC 110 to 119 take one back."""
        if 10 <= number <= 19:
            for at, value in zip(range(number, 20), rest.split(";"), strict=False):
                if _COLOUR.match(value):
                    self.dynamic[at] = value
                    self.used.add(f"colour {at}")
        elif 110 <= number <= 119:
            self.dynamic.pop(number - 100, None)

    # -- titles -------------------------------------------------------------------------------------------

    def window_operation(self, *params: int) -> None:
        """XTWINOPS: 22 pushes the titles, 23 pops them; what moves or resizes windows is not ours to do."""
        what = params[1] if len(params) > 1 else 0
        if what > 2:
            return
        if params[:1] == (22,):
            self.titles.append((what, (self.icon_name, self.title)))
            del self.titles[:-STACK]
        elif params[:1] == (23,):
            if what in (titles.BOTH, titles.ICON) and (saved := titles.pop(self.titles, titles.ICON)):
                self.icon_name = saved[0]
            if what in (titles.BOTH, titles.WINDOW) and (saved := titles.pop(self.titles, titles.WINDOW)):
                self.title = saved[1]

    def settle_scrollback(self) -> None:
        """Finish the newest line of the scrollback where the first row no longer goes on with it."""
        rows = self.buffer if self.main is None else self.main
        if self.scrollback.open:
            if not rows[0].continues:
                self.scrollback.close()
            else:
                self.scrollback.settle_for(rows[0])
        else:
            rows[0].continues = False

    # -- size ---------------------------------------------------------------------------------------------

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Another size: see `reflow`. Margins open to the whole screen, as in xterm.js."""
        lines, columns = lines or self.lines, columns or self.columns
        if (lines, columns) != (self.lines, self.columns):
            self.settle_scrollback()
            reflow(self, columns, lines)
            self.clear_margins()
