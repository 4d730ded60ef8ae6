"""A screen as an SVG picture or an HTML page, each self-contained: no script, font or style from elsewhere.

The input is what `export.screen_data` returns. All text that comes from the program is escaped, and only web addresses
become links. Box drawing and block elements (U+2500 to U+259F) are drawn as shapes, as fonts leave gaps between rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from unicodedata import name

from sesh.vt.graphemes import clusters
from sesh.vt.render.screen_data import Run, Screen

Piece = tuple[int, int, str]

WIDTH, HEIGHT = 9, 18
"""The size of a cell in pixels."""
_FONT = "'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,'Noto Sans Mono CJK SC',monospace"
_SIZE, _BASE = 15, 14
_MARGIN = 9
_SIXTEEN = (
    "000000", "cd3131", "0dbc79", "e5e510", "2472c8", "bc3fbc", "11a8cd", "e5e5e5",
    "666666", "f14c4c", "23d18b", "f5f543", "3b8eea", "d670d6", "29b8db", "ffffff",
)  # fmt: skip
_FOREGROUND, _BACKGROUND = "#d4d4d4", "#1e1e1e"
_LEVELS = (0, 95, 135, 175, 215, 255)
_HEX = re.compile(r"#([0-9A-Fa-f]{3}){1,2}\Z")
_PARTS = re.compile(r"rgba?:([0-9A-Fa-f]{1,4})/([0-9A-Fa-f]{1,4})/([0-9A-Fa-f]{1,4})(?:/[0-9A-Fa-f]{1,4})?\Z")
_WEB = re.compile(r"(?:https?://|mailto:)[^\s]+\Z")


class Palette:
    """The colours of a screen in CSS: those that the program set, else the defaults."""

    def __init__(self, colours: dict[str, str]) -> None:
        set_ = {key: _css(value) for key, value in colours.items()}
        self._set = {key: value for key, value in set_.items() if value}
        self.foreground = self._set.get("foreground", _FOREGROUND)
        self.background = self._set.get("background", _BACKGROUND)

    def colour(self, colour: int | str) -> str:
        """A colour of a run, one of XTerm's 256 or `#rrggbb`, in CSS."""
        if isinstance(colour, str):
            return colour if _HEX.match(colour) else self.foreground
        if str(colour) in self._set:
            return self._set[str(colour)]
        if colour < 16:
            return f"#{_SIXTEEN[colour]}"
        if colour >= 232:
            return "#" + f"{8 + 10 * (colour - 232):02x}" * 3
        cube = colour - 16
        return "#" + "".join(f"{_LEVELS[part]:02x}" for part in (cube // 36, cube // 6 % 6, cube % 6))

    def of(self, run: Run) -> tuple[str, str]:
        """Return foreground and background of a run; the background is "" if it is that of the screen."""
        front = self.colour(run["fg"]) if "fg" in run else self.foreground
        back = self.colour(run["bg"]) if "bg" in run else ""
        return (back or self.background, front) if run.get("reverse") else (front, back)


def _css(value: str) -> str:
    """Return a colour as XParseColor reads it, in CSS; "" if it is unknown."""
    if _HEX.match(value):
        return value
    parts = _PARTS.match(value)
    if parts is None:
        return ""
    return "#" + "".join(f"{int(part, 16) * 255 // (16 ** len(part) - 1):02x}" for part in parts.groups())


def _pieces(run: Run) -> Iterator[Piece]:
    """Yield the pieces that are drawn as one, as (column, width, text): plain characters together, others alone."""
    column, start, held = run["column"], run["column"], ""
    for cluster, width in clusters(run["text"])[: run["width"]]:  # more than cells are from no terminal
        if width == 1 and cluster < "\u2000" and len(cluster) == 1:
            held += cluster
        else:
            if held:
                yield start, len(held), held
            yield column, width, cluster
            start, held = column + width, ""
        column += width
    if held:
        yield start, len(held), held


def _lines(run: Run, palette: Palette) -> str:
    """Underline, overline and strike-through, as shapes of the height of a cell."""
    kind, width = run.get("underline"), run["width"] * WIDTH
    colour = palette.colour(run["underline_colour"]) if "underline_colour" in run else "currentColor"
    paths = []
    if kind == "curly":
        paths.append((f"M0 16.5q2.25 -3 4.5 0t4.5 0{'t4.5 0' * round(width / 4.5 - 2)}", ""))
    elif kind:
        paths.append((f"M0 16.5H{width:g}", {"dotted": "1.5 1.5", "dashed": "4 2"}.get(kind, "")))
        if kind == "double":
            paths.append((f"M0 14.5H{width:g}", ""))
    under = len(paths)
    paths += [(f"M0 {y}H{width:g}", "") for key, y in (("overline", 1), ("strike", 9)) if run.get(key)]
    return "".join(
        f'<path d="{path}" fill="none" stroke="{colour if index < under else "currentColor"}"'
        + (f' stroke-dasharray="{dash}"/>' if dash else "/>")
        for index, (path, dash) in enumerate(paths)
    )


def _linked(run: Run, content: str) -> str:
    address = str(run.get("link") or "")
    return f'<a href="{escape(address)}">{content}</a>' if _WEB.match(address) else content


def _face(run: Run) -> str:
    """The CSS for the letters of a run."""
    faces = {"bold": "font-weight:bold", "italic": "font-style:italic", "dim": "opacity:.6"}
    return ";".join(css for key, css in faces.items() if run.get(key))


def svg(screen: Screen) -> str:
    """The picture."""
    palette = Palette(screen["colours"])
    width, height = screen["columns"] * WIDTH + 2 * _MARGIN, screen["rows"] * HEIGHT + 2 * _MARGIN
    size = f'xml:space="preserve" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONT}" font-size="{_SIZE}">',
        f"<title>{escape(_printable(screen['title']))}</title>",
        f'<rect width="100%" height="100%" fill="{palette.background}"/>',
        f'<g transform="translate({_MARGIN} {_MARGIN})">',
    ]
    for y, row in enumerate(screen["cells"]):
        for run in row:
            back = palette.of(run)[1]
            if back:
                x, wide = run["column"] * WIDTH, run["width"] * WIDTH
                out.append(
                    f'<rect x="{x}" y="{y * HEIGHT}" width="{wide}" height="{HEIGHT}" fill="{back}" '
                    'shape-rendering="crispEdges"/>'
                )
        out += [_drawn(run, y, palette) for run in row if not run.get("conceal")]
    cursor = screen["cursor"]
    if cursor["visible"]:
        x, y = cursor["column"] * WIDTH, cursor["row"] * HEIGHT
        block = f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}"'
        out.append(f'{block} fill="{palette.foreground}" fill-opacity=".5"/>')
    return "".join([*out, "</g></svg>\n"])


def _drawn(run: Run, y: int, palette: Palette) -> str:
    """The letters and lines of one run."""
    colour = palette.of(run)[0]
    out = []
    for column, width, text in _pieces(run):
        x, top = column * WIDTH, y * HEIGHT
        drawn = shape(text)
        if drawn:
            out.append(f'<g transform="translate({x} {top})">{drawn}</g>')
        elif text.strip():
            position = (
                f'x="{x}" textLength="{width * WIDTH}" lengthAdjust="spacingAndGlyphs"'
                if width == len(text)
                else f'x="{x + width * WIDTH / 2:g}" text-anchor="middle"'
            )
            letters = escape(_printable(text))
            out.append(
                f'<text {position} y="{top + _BASE}" style="white-space:pre" fill="currentColor">{letters}</text>'
            )
    if lines := _lines(run, palette):
        out.append(f'<g transform="translate({run["column"] * WIDTH} {y * HEIGHT})">{lines}</g>')
    return f'<g color="{colour}" style="{_face(run)}">{_linked(run, "".join(out))}</g>' if out else ""


def html(screen: Screen) -> str:
    """The page. Its text can be selected and copied; the width of a cell is that of the browser's font."""
    palette = Palette(screen["colours"])
    cursor = screen["cursor"]
    rows = []
    for y, row in enumerate(screen["cells"]):
        here = ""
        if cursor["visible"] and cursor["row"] == y:
            here = f'<i class="c" style="left:{cursor["column"]}ch"></i>'
        rows.append(f"<div>{here}{''.join(_written(run, palette) for run in row)}</div>")
    style = (
        f"body{{margin:0;background:{palette.background}}}"
        f"pre{{margin:9px;font:{_SIZE}px/{HEIGHT}px {_FONT};color:{palette.foreground};width:{screen['columns']}ch}}"
        f"div{{position:relative;height:{HEIGHT}px;white-space:nowrap}}"
        f"span{{display:inline-block;position:relative;height:{HEIGHT}px;vertical-align:top;white-space:pre}}"
        "a{color:inherit;text-decoration:none}"
        "svg{position:absolute;left:0;top:0;width:100%;height:100%;overflow:hidden}"
        "b{font-weight:inherit;color:transparent}"
        f".c{{position:absolute;width:1ch;height:{HEIGHT}px;background:{palette.foreground};opacity:.5;z-index:1}}"
    )
    title = escape(_printable(screen["title"]) or "screen")
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{style}</style></head><body><pre>{''.join(rows)}</pre></body></html>\n"
    )


def _written(run: Run, palette: Palette) -> str:
    """A run of the page."""
    colour, back = palette.of(run)
    out = []
    for _, width, text in _pieces(run):
        drawn = shape(text)
        letters = escape(_printable(text))
        if drawn:
            box = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">{drawn}</svg>'
            out.append(f'<span style="width:1ch"><b>{letters}</b>{box}</span>')
        else:
            centre = "" if width == len(text) else ";text-align:center"
            out.append(f'<span style="width:{width}ch{centre}">{letters}</span>')
    if lines := _lines(run, palette):
        out.append(f'<svg viewBox="0 0 {run["width"] * WIDTH} {HEIGHT}" preserveAspectRatio="none">{lines}</svg>')
    css = filter(None, [f"color:{colour}", back and f"background:{back}", _face(run)])
    content = _linked(run, "".join(out))
    if run.get("conceal"):
        content = f'<span style="width:{run["width"]}ch"></span>'
    return f'<span style="{";".join(css)}">{content}</span>'


def _printable(text: str) -> str:
    """Text without the characters that XML does not allow."""
    return "".join(
        character
        for character in text
        if character >= " " and not "\ud800" <= character <= "\udfff" and character not in "\ufffe\uffff"
    )


# -- shapes ---------------------------------------------------------------------------------------------------

_MIDDLE, _CENTRE = WIDTH / 2, HEIGHT / 2
_SIDES = {"LEFT": (0, _CENTRE), "RIGHT": (WIDTH, _CENTRE), "UP": (_MIDDLE, 0), "DOWN": (_MIDDLE, HEIGHT)}
_BOTH = {"HORIZONTAL": ("LEFT", "RIGHT"), "VERTICAL": ("UP", "DOWN")}
_WEIGHTS = {"LIGHT": 1.2, "SINGLE": 1.2, "HEAVY": 2.6, "DOUBLE": 3.6}
_DASHES = {"DOUBLE": 2, "TRIPLE": 3, "QUADRUPLE": 4}
_QUADRANTS = {0x96: "3", 0x97: "4", 0x98: "1", 0x99: "134", 0x9A: "14", 0x9B: "123", 0x9C: "124", 0x9D: "2"}
_QUADRANTS |= {0x9E: "23", 0x9F: "234"}
"""Quadrants that are filled: 1 and 2 above, 3 and 4 below, from left to right."""


def shape(character: str) -> str:
    """The SVG of a box drawing or block character for a cell, in the colour `currentColor`; empty for all others."""
    if not "\u2500" <= character <= "\u259f" or len(character) != 1:
        return ""
    if character >= "\u2580":
        return _block(ord(character) - 0x2500)
    words = name(character).removeprefix("BOX DRAWINGS ")
    if "ARC" in words:
        return _arc(words)
    if "DIAGONAL" in words:
        return _diagonal(words)
    if "DASH" in words:
        return _dashed(words)
    return "".join(_arm(side, weight) for side, weight in _arms(words).items())


def _arms(words: str) -> dict[str, str]:
    """The weight of the line to each side, from a name like `VERTICAL LIGHT AND RIGHT HEAVY`."""
    arms: dict[str, str] = {}
    for part in words.split(" AND "):
        weights = [term for term in part.split() if term in _WEIGHTS]
        for term in part.split():
            for side in _BOTH.get(term, (term,) if term in _SIDES else ()):
                arms[side] = weights[0] if weights else ""
    default = next((weight for weight in arms.values() if weight), "LIGHT")
    return {side: weight or default for side, weight in arms.items()}


def _arm(side: str, weight: str) -> str:
    """A line from the middle to a side, beginning a little before the middle so that corners close."""
    x, y = _SIDES[side]
    wide = _WEIGHTS[weight]
    over = wide / 2
    flat = y == _CENTRE
    left, right = (min(x, _MIDDLE - over), max(x, _MIDDLE + over)) if flat else (x - wide / 2, x + wide / 2)
    top, bottom = (y - wide / 2, y + wide / 2) if flat else (min(y, _CENTRE - over), max(y, _CENTRE + over))
    if weight != "DOUBLE":
        return _filled(left, top, right, bottom)
    thin = wide / 3
    if flat:
        return _filled(left, top, right, top + thin) + _filled(left, bottom - thin, right, bottom)
    return _filled(left, top, left + thin, bottom) + _filled(right - thin, top, right, bottom)


def _filled(left: float, top: float, right: float, bottom: float, opacity: float = 1.0) -> str:
    faint = f' opacity="{opacity:g}"' if opacity < 1 else ""
    return f'<path d="M{left:g} {top:g}H{right:g}V{bottom:g}H{left:g}z" fill="currentColor"{faint}/>'


def _stroked(path: str, wide: float = 1.2, dash: str = "") -> str:
    more = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="{wide:g}"{more}/>'


def _arc(words: str) -> str:
    (x, y), (u, v) = (_SIDES[side] for side in words.removeprefix("LIGHT ARC ").split(" AND "))
    return _stroked(f"M{x:g} {y:g}Q{_MIDDLE:g} {_CENTRE:g} {u:g} {v:g}")


def _diagonal(words: str) -> str:
    rising, falling = f"M0 {HEIGHT}L{WIDTH} 0", f"M0 0L{WIDTH} {HEIGHT}"
    return _stroked(rising + falling if "CROSS" in words else rising if "UPPER RIGHT" in words else falling)


def _dashed(words: str) -> str:
    parts = next(count for name, count in _DASHES.items() if f"{name} DASH" in words)
    wide = _WEIGHTS["HEAVY" if words.startswith("HEAVY") else "LIGHT"]
    flat = "HORIZONTAL" in words
    step = (WIDTH if flat else HEIGHT) / parts
    path = f"M{step / 6:g} {_CENTRE:g}H{WIDTH}" if flat else f"M{_MIDDLE:g} {step / 6:g}V{HEIGHT}"
    return _stroked(path, wide, f"{step * 2 / 3:g} {step / 3:g}")


def _block(code: int) -> str:
    """A part of the cell: eighths from below or from the left, halves, shades, quadrants."""
    if code in _QUADRANTS:
        return "".join(
            _filled(_MIDDLE * (number in "24"), _CENTRE * (number in "34"), _MIDDLE * (1 + (number in "24")),
                    _CENTRE * (1 + (number in "34")))
            for number in _QUADRANTS[code]
        )  # fmt: skip
    if 0x81 <= code <= 0x88:
        return _filled(0, HEIGHT * (1 - (code - 0x80) / 8), WIDTH, HEIGHT)
    if 0x89 <= code <= 0x8F:
        return _filled(0, 0, WIDTH * (0x90 - code) / 8, HEIGHT)
    if 0x91 <= code <= 0x93:
        return _filled(0, 0, WIDTH, HEIGHT, (code - 0x90) / 4)
    others = {
        0x80: (0, 0, WIDTH, _CENTRE), 0x90: (_MIDDLE, 0, WIDTH, HEIGHT),
        0x94: (0, 0, WIDTH, HEIGHT / 8), 0x95: (WIDTH * 7 / 8, 0, WIDTH, HEIGHT),
    }  # fmt: skip
    return _filled(*others[code])
