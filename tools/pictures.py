"""Draws the pictures of the pages from recordings.

A recording is an asciicast (version 2). Each of its markers becomes a frame with the marker's label as caption; several
frames are an animation. NAME.cast gives NAME.svg and, for dark pages, NAME-dark.svg.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import NamedTuple

from sesh.vt.emulator import Emulator
from sesh.vt.pen import Style
from sesh.vt.row import STUB, Row

WIDTH, HEIGHT, BASELINE = 9.03, 19, 14.5  # of a cell, in units of the picture; the text's distance from its top
MARGIN, CAPTION = 16, 34
SECONDS = 4.5  # that a frame is shown
_FONT = "'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace"
_FLAGS = {"bold": "font-weight:bold", "dim": "opacity:.6", "italic": "font-style:italic"}


class Theme(NamedTuple):
    """The colours of a picture; `ansi`: those with the numbers 0 to 15."""

    suffix: str
    page: str
    text: str
    caption: str
    ansi: str


THEMES = (
    Theme(
        "", "#fbfbfa", "#24292f", "#57606a",
        "#24292f #cf222e #116329 #7d4e00 #0550ae #8250df #1b7c83 #6e7781 "
        "#57606a #a40e26 #1a7f37 #9a6700 #0969da #a475f9 #3192aa #8c959f",
    ),
    Theme(
        "-dark", "#0d1117", "#e6edf3", "#9198a1",
        "#484f58 #ff7b72 #3fb950 #d29922 #58a6ff #bc8cff #39c5cf #b1bac4 "
        "#6e7681 #ffa198 #56d364 #e3b341 #79c0ff #d2a8ff #56d4dd #ffffff",
    ),
)  # fmt: skip


class Frame(NamedTuple):
    """The screen at a marker."""

    caption: str
    rows: list[Row]


def frames(recording: str) -> tuple[int, int, list[Frame]]:
    """Return columns, rows and frames of a recording."""
    header, *events = (json.loads(line) for line in recording.splitlines())
    emulator, found = Emulator(header["width"], header["height"]), []
    for _, kind, data in events:
        if kind == "o":
            emulator.feed(data.encode())
        elif kind == "m":
            rows = [Row(list(row.text), list(row.pens)) for row in emulator.screen.rows]
            found.append(Frame(data, rows))
    return header["width"], header["height"], found


def colour(form: str, theme: Theme, default: str) -> str:
    """Return a pen's colour (see `Style`) for CSS."""
    if form == "default":
        return default
    kind, *rgb = form.split(";")
    if kind == "2":
        return "#" + "".join(f"{int(part):02x}" for part in rgb)
    number = int(form.removeprefix("5;"))
    if number < 16:
        return theme.ansi.split()[number]
    if number > 231:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    levels = (0, 95, 135, 175, 215, 255)
    return "#" + "".join(f"{levels[(number - 16) // step % 6]:02x}" for step in (36, 6, 1))


def run(x: int, y: int, text: str, style: Style, theme: Theme) -> str:
    """Return adjacent cells of one style."""
    text_colour, background = colour(style.fg, theme, theme.text), colour(style.bg, theme, theme.page)
    if style.reverse:
        text_colour, background = background, text_colour
    left = x * WIDTH
    top = y * HEIGHT
    width = len(text) * WIDTH
    out = ""
    if background != theme.page:
        out = f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{HEIGHT}" fill="{background}"/>'
    words = html.escape(text.rstrip(" "))
    if words.strip():
        look = ";".join(css for flag, css in _FLAGS.items() if getattr(style, flag))
        underline = ' text-decoration="underline"' * bool(style.underline)
        look = f' style="{look}"' * bool(look) + underline
        out += f'<text x="{left:.1f}" y="{top + BASELINE}" fill="{text_colour}"{look}>{words}</text>'
    return out


def drawn(frame: Frame, lines: int, theme: Theme) -> str:
    """Return a frame's rows and caption."""
    out = []
    for y, row in enumerate(frame.rows):
        start = 0
        for x in range(1, len(row.text) + 1):
            if x == len(row.text) or row.pens[x] is not row.pens[start]:
                text = "".join(cell or " " for cell in row.text[start:x] if cell != STUB)
                out.append(run(start, y, text, row.pens[start].style, theme))
                start = x
    caption = f'<text x="0" y="{lines * HEIGHT + 26}" fill="{theme.caption}">{html.escape(frame.caption)}</text>'
    return "".join(out) + caption


def picture(title: str, recording: str, theme: Theme) -> str:
    """Return a recording as SVG."""
    columns, lines, found = frames(recording)
    width = columns * WIDTH + 2 * MARGIN
    height = lines * HEIGHT + CAPTION + 2 * MARGIN
    period, moving = len(found) * SECONDS, len(found) > 1
    style = "text{white-space:pre}"  # some browsers no longer heed xml:space, others only that
    if moving:
        hidden = f"{100 / len(found):.3f}%"
        style += f"@keyframes f{{0%{{opacity:1}}{hidden}{{opacity:0}}}}"
        style += f".f{{opacity:0;animation:f {period}s step-end infinite}}"
    size = f'viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" font-family="{_FONT}" font-size="15"'
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" role="img" {size}>',
        f"<title>{html.escape(title)}</title><style>{style}</style>",
        f'<rect width="100%" height="100%" rx="8" fill="{theme.page}"/>',
        f'<g transform="translate({MARGIN} {MARGIN})">',
    ]
    for number, frame in enumerate(found):
        timing = f' class="f" style="animation-delay:{number * SECONDS}s"' * moving
        out.append(f"<g{timing}>{drawn(frame, lines, theme)}</g>")
    return "\n".join([*out, "</g></svg>\n"])


def pictures(path: Path) -> dict[str, str]:
    """Return the pictures of a recording, by the names of their files."""
    recording = path.read_text(encoding="utf-8")
    title = str(json.loads(recording.partition("\n")[0])["title"])
    return {f"{path.stem}{theme.suffix}.svg": picture(title, recording, theme) for theme in THEMES}
