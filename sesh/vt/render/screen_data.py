"""The types of a screen as data, printed by `screen --format json`."""

from __future__ import annotations

from typing import Annotated, TypedDict, Union

Colour = Union[Annotated[int, range(256)], str]
Side = Annotated[int, range(1, 1001)]  # columns or rows of a screen
_Styled = Annotated[str, "styled"]


class Cursor(TypedDict):
    """The cursor; rows and columns count from 0. `style`: DECSCUSR's number, 0 by default."""

    row: int
    column: int
    visible: bool
    style: int


class _Run(TypedDict):
    column: int
    width: int
    text: str


class Run(_Run, total=False):
    """Adjacent cells of the same style.

    `column`: from 0; `width`: columns, two for a wide character. Attributes that are not set are absent. A colour is a
    number from 0 to 255, or `#rrggbb`; `underline`: single, double, curly, dotted or dashed.
    """

    fg: Colour
    bg: Colour
    bold: bool
    dim: bool
    italic: bool
    underline: str
    underline_colour: Colour
    strike: bool
    reverse: bool
    blink: bool
    conceal: bool
    overline: bool
    link: str


class LineState(TypedDict):
    """The state in which a `LineReader` continues after the last lines.

    `open`: the cursor is on the last line that is not blank. `blank`: the number of empty lines between that and the
    cursor's. `start`: bytes, as latin-1, that move the reader's cursor to its column.
    """

    open: bool
    blank: int
    columns: int
    start: str


class ScreenFacts(TypedDict):
    """The visible rows as runs of cells.

    `colours`: those that the program has changed, as it wrote them, by number of the palette, or by `foreground` and
    `background`. `continued`: the rows, from 0, that continue the line of the row above.
    """

    columns: Side
    rows: Side
    cursor: Cursor
    title: str
    alternate: bool
    colours: dict[str, str]
    continued: list[int]
    cells: list[list[Run]]


class ScreenText(TypedDict):
    """The visible rows as text, whole and by line.

    `continued`: the rows, from 0, that continue the line of the row above.
    """

    text: _Styled
    lines: list[_Styled]
    continued: list[int]
