"""The face of pyte: a screen is what pyte documents of `pyte.Screen`, for whoever knows that one.

Most of it is the screen's own methods, which bear pyte's names. Here is what pyte keeps in other forms: cells as `Char`
in `buffer`, colours by name, modes in one set. Nothing of this is used by the emulator itself.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from pyte import graphics
from pyte import modes as numbers
from pyte.screens import Char, Margins
from pyte.screens import Cursor as PyteCursor
from pyte.screens import Screen as PyteScreen

from sesh.vt.pen import Pen, Style, pen_of
from sesh.vt.row import SPACER, Row

_NAMES = [graphics.FG_ANSI[number] for number in range(30, 38)]
_NAMES += [graphics.FG_AIXTERM[number] for number in range(90, 98)]
"""The names of the 16 ANSI colours."""
_MODES = (numbers.LNM, numbers.IRM, numbers.DECTCEM, numbers.DECSCNM, numbers.DECOM, numbers.DECAWM)
"""The modes that pyte knows; private ones are shifted by 5 bits."""


def _colour(form: str) -> str:
    """Return a colour of a pen as pyte names it: by name, or in six hexadecimal digits."""
    if form.startswith("5;"):
        return graphics.FG_BG_256[int(form[2:])]
    if form.startswith("2;"):
        return "".join(f"{int(part):02x}" for part in form.split(";")[1:])
    return form if form == "default" else _NAMES[int(form)]


def _form(colour: str) -> str:
    """Return a colour of pyte in the form that a pen keeps."""
    if colour in _NAMES:
        return str(_NAMES.index(colour))
    return colour if colour == "default" else ";".join(["2", *(str(byte) for byte in bytes.fromhex(colour))])


def _char(grapheme: str, pen: Pen) -> Char:
    style = pen.style
    flags = (style.bold, style.italics, style.underline > 0, style.strikethrough, style.reverse, style.blink)
    return Char(" " if grapheme == SPACER else grapheme, _colour(style.fg), _colour(style.bg), *flags)


def _pen(char: Char) -> Pen:
    _, fg, bg, bold, italics, underscore, strikethrough, reverse, blink = char
    flags = (bold, italics, strikethrough, reverse, blink)
    return pen_of(Style(_form(fg), _form(bg), *flags, underline=int(underscore)))


class _Line(MutableMapping[int, Char]):
    """A row as pyte has it: its cells by column."""

    def __init__(self, row: Row) -> None:
        self._row = row

    def __getitem__(self, x: int) -> Char:
        return _char(self._row.text[x], self._row.pens[x])

    def __setitem__(self, x: int, char: Char) -> None:
        self._row.text[x], self._row.pens[x] = char.data, _pen(char)

    def __delitem__(self, x: int) -> None:
        self[x] = Char(" ")

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __len__(self) -> int:
        return len(self._row)


class Cursor(PyteCursor):
    """A cursor; the screen has its attributes, as a pen."""

    def __init__(self, screen: PyteFace) -> None:
        self._screen = screen
        self.x = self.y = 0
        self.hidden = False

    @property
    def attrs(self) -> Char:
        """The attributes of the next character."""
        return _char(" ", self._screen.pen)

    @attrs.setter
    def attrs(self, char: Char) -> None:
        self._screen.pen = _pen(char)


class PyteFace(PyteScreen):
    """What pyte keeps in other forms."""

    rows: list[Row]
    pen: Pen
    top: int
    bottom: int
    gl: int

    @property
    def buffer(self) -> dict[int, _Line]:  # type: ignore[override]
        """The cells, by row and column; they can be changed."""
        return {y: _Line(row) for y, row in enumerate(self.rows)}

    @property
    def display(self) -> list[str]:
        """The rows as text."""
        return [row.drawn() for row in self.rows]

    @property
    def margins(self) -> Margins | None:  # type: ignore[override]
        """First and last row of the scrolling region, from 0; None for the whole screen."""
        return None if (self.top, self.bottom) == (0, self.lines - 1) else Margins(self.top, self.bottom)

    @property
    def mode(self) -> set[int]:  # type: ignore[override]
        """The modes that are set, of those that pyte knows."""
        return {number for number in _MODES if self.get_mode(*_unshifted(number))}

    @property
    def charset(self) -> int:  # type: ignore[override]
        """The number of the set in use."""
        return self.gl

    @property
    def dirty(self) -> set[int]:  # type: ignore[override]
        """All rows: what has changed is not followed."""
        return set(range(self.lines))

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        """SM; with `private`, or a number that is shifted, DECSET."""
        self._switch(modes, True, bool(kwargs.get("private")))

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        """RM; with `private`, or a number that is shifted, DECRST."""
        self._switch(modes, False, bool(kwargs.get("private")))

    def _switch(self, modes: tuple[int, ...], on: bool, private: bool) -> None:
        for mode in modes:
            number, shifted = _unshifted(mode)
            self.switch_modes((mode if private else number,), on, private or shifted)

    def switch_modes(self, modes: tuple[int, ...], on: bool, private: bool) -> None:
        """Set or reset modes."""
        raise NotImplementedError

    def get_mode(self, number: int, private: bool = True) -> bool | None:
        """Return whether a mode is set; None for an unknown one."""
        raise NotImplementedError

    def select_graphic_rendition(self, *attrs: int) -> None:
        """SGR, by numbers."""
        self.set_pen(";".join(map(str, attrs)))

    def set_pen(self, parameters: str) -> None:
        """SGR: `parameters` as they came."""
        raise NotImplementedError


def _unshifted(mode: int) -> tuple[int, bool]:
    """Return the number of a mode of pyte, and whether it is a private one."""
    return (mode >> 5, True) if mode >= 1 << 5 else (mode, False)
