"""The drawing of `pictures.py`: recorded screens as windows with a title, a caption and a key, still or moving.

A picture is one SVG file for light pages and one for dark ones, without scripts, fonts or pictures from elsewhere, so
that it shows and plays as the source of an `<img>`. A film has its frames side by side, and CSS moves them along in
steps; each row of a screen is drawn once, however many frames show it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from sesh.vt.render import pictures
from sesh.vt.render.screen_data import Run, Screen

_SCALE = 16 / 15
"""The letters of the renderer have 15 pixels, those here 16."""
_CELL, _LINE = pictures.WIDTH * _SCALE, pictures.HEIGHT * _SCALE
_PAD, _BAR, _FOOT, _GAP = 16, 40, 52, 16
"""Pixels around the screen, of the title, of the caption below the screen, and between two windows."""
_WIDE = 760
"""The width of a picture where there is room for it."""
_LETTERS = "'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace"
_WORDS = "-apple-system,BlinkMacSystemFont,'Segoe UI','Noto Sans',Helvetica,Arial,sans-serif"
_ROW = re.compile(r'<g transform="translate\(9 9\)">(.*)</g></svg>', re.DOTALL)


@dataclass(frozen=True)
class Shot:
    """A screen as a terminal shows it, and what the window around it says.

    `key`: the key that is pressed now. `missed`: texts whose rows are marked. `seconds`: how long a film shows it.
    `card`: lines in large letters in place of the screen.
    """

    screen: Screen
    window: str
    caption: str = ""
    key: str = ""
    missed: tuple[str, ...] = ()
    seconds: float = 0.0
    card: tuple[str, ...] = ()


@dataclass(frozen=True)
class Look:
    """The colours of a picture: of the page's kind, and those of the terminal, first the sixteen."""

    bar: str
    border: str
    words: str
    faint: str
    accent: str
    foreground: str
    background: str
    sixteen: str

    def colours(self) -> dict[str, str]:
        """The colours as a program in the terminal would have set them."""
        own = {"foreground": self.foreground, "background": self.background}
        return own | {str(number): f"#{colour}" for number, colour in enumerate(self.sixteen.split())}


LIGHT = Look(
    "#f0f3f6", "#8c959f", "#1f2328", "#57606a", "#0969da", "#1f2328", "#ffffff",
    "24292f cf222e 116329 7d4e00 0969da 8250df 1b7c83 6e7781 57606a a40e26 1a7f37 633c01 218bff a475f9 3192aa 8c959f",
)  # fmt: skip
DARK = Look(
    "#1c2128", "#444c56", "#e6edf3", "#9aa4af", "#58a6ff", "#e6edf3", "#0d1117",
    "484f58 ff7b72 3fb950 d29922 58a6ff bc8cff 39c5cf b1bac4 6e7681 ffa198 56d364 e3b341 79c0ff d2a8ff 56d4dd ffffff",
)  # fmt: skip


@dataclass
class _Rows:
    """The rows of a picture's screens, each drawn once."""

    look: Look
    ids: dict[str, str] = field(default_factory=dict)

    def drawn(self, row: list[Run], columns: int) -> str:
        """The name of a row; empty for one without anything."""
        screen: Screen = {
            "columns": columns, "rows": 1, "cursor": {"row": 0, "column": 0, "visible": False, "style": 0}, "title": "",
            "alternate": False, "colours": self.look.colours(), "continued": [], "cells": [row],
        }  # fmt: skip
        match = _ROW.search(pictures.svg(screen))
        assert match is not None  # noqa: S101
        lean = match[1].replace(' style="white-space:pre" fill="currentColor"', "").replace(' style=""', "")
        lean = lean.replace("opacity:.6", "opacity:.75").replace(' shape-rendering="crispEdges"', "")
        return self.ids.setdefault(lean, f"r{len(self.ids)}") if lean else ""

    def definitions(self) -> str:
        return "<defs>" + "".join(f'<g id="{name}">{row}</g>' for row, name in self.ids.items()) + "</defs>"


def still(shots: Sequence[Shot], title: str, look: Look) -> str:
    """One picture of one screen or several, below each other."""
    rows, parts, top, wide = _Rows(look), [], 0.5, 0.0
    for shot in shots:
        width, height = _size(shot)
        parts.append(f'<g transform="translate(.5 {top:g})">{_frame(shot, look)}{_inside(shot, rows)}</g>')
        top, wide = top + height + _GAP, max(wide, width)
    return _whole(parts, rows, title, (wide + 1, top - _GAP + 0.5))


def film(shots: Sequence[Shot], title: str, look: Look, rests: int) -> str:
    """A picture that moves, for ever from the beginning; where no movement is wanted it shows the frame `rests`."""
    rows = _Rows(look)
    width, height = _size(shots[0])
    step = round(width) + 8
    frames, keys, passed, whole = [], [], 0.0, sum(shot.seconds for shot in shots)
    for number, shot in enumerate(shots):
        frames.append(f'<g transform="translate({number * step} 0)">{_inside(shot, rows)}</g>')
        keys.append(f"{passed / whole * 100:.3f}%{{transform:translateX(-{number * step}px)}}")
        passed += shot.seconds
    keys.append(f"100%{{transform:translateX(-{(len(shots) - 1) * step}px)}}")
    style = (
        f"<style>#film{{transform:translateX(-{rests * step}px);animation:play {whole:.1f}s step-end infinite}}"
        f"@keyframes play{{{''.join(keys)}}}"
        "@media (prefers-reduced-motion:reduce){#film{animation:none}}</style>"
    )
    inner = f'<svg width="{width:g}" height="{height:g}"><g id="film">{"".join(frames)}</g></svg>'
    parts = [style, f'<g transform="translate(.5 .5)">{_frame(shots[0], look)}{inner}</g>']
    return _whole(parts, rows, title, (width + 1, height + 1))


def _whole(parts: Sequence[str], rows: _Rows, title: str, size: tuple[float, float]) -> str:
    width, height = size
    look = rows.look
    style = (
        "<style>text{white-space:pre;fill:currentColor}"
        f".w{{font:600 16px {_WORDS};fill:{look.faint};text-anchor:middle}}"
        f".b{{font:700 44px {_LETTERS};fill:{look.words};text-anchor:middle}}"
        f".c{{font:500 20px {_WORDS};fill:{look.words}}}"
        f".k{{font:700 18px {_WORDS};fill:{look.background};text-anchor:middle}}</style>"
    )
    room = f'width="{_WIDE}" height="{height * _WIDE / width:g}" viewBox="0 0 {width:g} {height:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" role="img" {room} '
        f'font-family="{_LETTERS}" font-size="15">'
        f"<title>{escape(title)}</title>{style}{rows.definitions()}{''.join(parts)}</svg>\n"
    )


def _size(shot: Shot) -> tuple[float, float]:
    screen = shot.screen
    return screen["columns"] * _CELL + 2 * _PAD, screen["rows"] * _LINE + 2 * _PAD + _BAR + _FOOT


def _frame(shot: Shot, look: Look) -> str:
    """The frame of the window: title bar, borders, buttons."""
    width, height = _size(shot)
    box = f'width="{width:g}" height="{height:g}" rx="10"'
    foot = height - _FOOT
    lights = "".join(f'<circle cx="{22 + 20 * number}" cy="20" r="6" fill="{look.border}"/>' for number in range(3))
    return (
        f'<rect {box} fill="{look.bar}"/>'
        f'<path d="M0 {_BAR}H{width:g}V{foot:g}H0z" fill="{look.background}"/>'
        f'<path d="M0 {_BAR - 0.5}H{width:g}M0 {foot + 0.5:g}H{width:g}" stroke="{look.border}" opacity=".5"/>'
        f'<rect {box} fill="none" stroke="{look.border}"/>{lights}'
    )


def _inside(shot: Shot, rows: _Rows) -> str:
    """The name of the window, the screen, the caption and the key."""
    width, height = _size(shot)
    screen, look = shot.screen, rows.look
    parts = []
    for number, row in enumerate(screen["cells"]):
        text = "".join(run["text"] for run in row)
        top = number * pictures.HEIGHT
        if any(missed in text for missed in shot.missed):
            parts.append(
                f'<path d="M-10 {top}v18h4v-18z" fill="{look.accent}"/><path d="M-6 {top}v18H'
                f'{screen["columns"] * pictures.WIDTH + 6}v-18z" fill="{look.accent}" fill-opacity=".14"/>'
            )
        if name := rows.drawn(row, screen["columns"]):
            parts.append(f'<use href="#{name}" y="{top}"/>')
    cursor = screen["cursor"]
    if cursor["visible"]:
        x, y = cursor["column"] * pictures.WIDTH, cursor["row"] * pictures.HEIGHT
        parts.append(f'<path d="M{x} {y}h9v18h-9z" fill="{look.foreground}" fill-opacity=".5"/>')
    middle, foot = _BAR + (height - _BAR - _FOOT) / 2, height - _FOOT / 2 + 6
    if shot.card:
        drawn = "".join(
            f'<text class="b" x="{width / 2:g}" y="{middle - 10 + 56 * number:g}">{escape(line)}</text>'
            for number, line in enumerate(shot.card)
        )
    else:
        place = f'color="{look.foreground}" transform="translate({_PAD} {_BAR + _PAD}) scale({_SCALE:.4f})"'
        drawn = f"<g {place}>{''.join(parts)}</g>"
    return (
        f'<text class="w" x="{width / 2:g}" y="26">{escape(shot.window)}</text>'
        + drawn
        + (f'<text class="c" x="{_PAD}" y="{foot:g}">{escape(shot.caption)}</text>' if shot.caption else "")
        + (_key(shot.key, width, height - _FOOT / 2, look) if shot.key else "")
    )


def _key(key: str, right: float, middle: float, look: Look) -> str:
    """A key, at the right of the caption."""
    wide = max(36, 11 * len(key) + 22)
    left = right - _PAD - wide
    return (
        f'<rect x="{left:g}" y="{middle - 17:g}" width="{wide}" height="34" rx="7" fill="{look.accent}"/>'
        f'<text class="k" x="{left + wide / 2:g}" y="{middle + 6:g}">{escape(key)}</text>'
    )
