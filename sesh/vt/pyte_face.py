"""The interface of `pyte.Screen`, in what pyte documents: a part of sesh's API.

Cells are `Char` in `buffer`, colours have names, modes are in one set. The emulator uses none of it but the cursor. It
is no wrapper around a screen, because `isinstance(screen, pyte.Screen)` holds.
"""

from __future__ import annotations

from typing import Any
from weakref import proxy

from pyte import graphics
from pyte.modes import DECAWM, DECOM, DECSCNM, DECTCEM, IRM, LNM
from pyte.screens import Char, Cursor, Margins

from sesh.vt.modes import Modes
from sesh.vt.pen import Pen, Style, pen_of
from sesh.vt.row import Row

_PRIVATE = 5  # pyte shifts the number of a private mode left by as many bits
_ANSI = (*(graphics.FG_ANSI[number] for number in range(30, 38)), *graphics.FG_AIXTERM.values())
_NAMES = {"default": "default", **{str(number): name for number, name in enumerate(_ANSI)}}  # by the form in a pen
_FORMS = {name: form for form, name in _NAMES.items()}


def _colour(form: str) -> str:
    if form.startswith("5;"):
        return graphics.FG_BG_256[int(form[2:])]
    return _NAMES.get(form) or bytes(map(int, form.split(";")[1:])).hex()


def _form(colour: str) -> str:
    return _FORMS.get(colour) or ";".join(["2", *map(str, bytes.fromhex(colour))])


def _char(grapheme: str, pen: Pen) -> Char:
    style = pen.style
    flags = (style.bold, style.italic, style.underline > 0, style.strike, style.reverse, style.blink)
    return Char(grapheme, _colour(style.fg), _colour(style.bg), *flags)


def _pen(char: Char) -> Pen:
    _, fg, bg, bold, italic, underscore, strike, reverse, blink = char
    style = Style(_form(fg), _form(bg), bold, False, italic, strike, reverse, blink, underline=int(underscore))
    return pen_of(style)


class _Line:
    def __init__(self, row: Row) -> None:
        self._row = row

    def __getitem__(self, x: int) -> Char:
        return _char(self._row.text[x], self._row.pens[x])

    def __setitem__(self, x: int, char: Char) -> None:
        self._row.text[x] = char.data
        self._row.pens[x] = _pen(char)


class _Cursor(Cursor):
    def __init__(self, screen: PyteFace) -> None:
        self._screen = proxy(screen)  # or a screen, with its scrollback, would stay until garbage is collected
        self.x, self.y = 0, 0
        self.hidden = False

    @property
    def attrs(self) -> Char:
        return _char(" ", self._screen.pen)

    @attrs.setter
    def attrs(self, char: Char) -> None:
        self._screen.pen = _pen(char)


class PyteFace(Modes):
    """The part of the screen with pyte's attributes and methods, made from its own state."""

    def reset(self) -> None:
        super().reset()
        self.cursor = _Cursor(self)

    @property
    def lines(self) -> int:  # type: ignore[override]
        return self.height

    @property
    def buffer(self) -> dict[int, _Line]:  # type: ignore[override]
        return {y: _Line(row) for y, row in enumerate(self.rows)}

    @property
    def display(self) -> list[str]:
        return [row.full_text() for row in self.rows]

    @property
    def margins(self) -> Margins | None:  # type: ignore[override]
        """The scrolling region's first and last row, from 0; None for the whole screen."""
        return None if (self.top, self.bottom) == (0, self.height - 1) else Margins(self.top, self.bottom)

    @property
    def mode(self) -> set[int]:  # type: ignore[override]
        private = {number for number in (DECTCEM, DECSCNM, DECOM, DECAWM) if self.get_mode(number >> _PRIVATE)}
        return private | {number for number in (LNM, IRM) if self.get_mode(number, private=False)}

    @property
    def charset(self) -> int:  # type: ignore[override]
        return self.charsets.gl

    @property
    def dirty(self) -> set[int]:  # type: ignore[override]
        """All rows, since changes are not tracked."""
        return set(range(self.height))

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        """SM; with `private` or a shifted number, DECSET."""
        self._switch(modes, True, bool(kwargs.get("private")))

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        """RM; with `private` or a shifted number, DECRST."""
        self._switch(modes, False, bool(kwargs.get("private")))

    def _switch(self, modes: tuple[int, ...], on: bool, private: bool) -> None:
        for mode in modes:
            shifted = not private and mode >> _PRIVATE
            self.switch_modes((shifted or mode,), on, private or bool(shifted))

    def select_graphic_rendition(self, *attrs: int) -> None:
        self.set_pen(";".join(map(str, attrs)))
