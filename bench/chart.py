"""A chart of how far sesh is ahead of its peers or behind them, as an SVG that follows the reader's light or dark."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from bench.figures import Row, Standing
from bench.tables import times

WIDTH, SIDE, TOP, STEP, BAR = 480, 14, 76, 42, 13
"""Pixels: the whole width (still legible at 360), the margin, what is above the rows, a row, a bar."""
MOST = 1000.0
"""Factors beyond this one get the longest bar."""
_BETTER = {"MB/s": "faster", "MiB": "less", "ms": "faster", "%": "less"}
_WORSE = {"MB/s": "slower", "MiB": "more", "ms": "slower", "%": "more"}
_STYLE = """
svg { font-family: sans-serif; font-size: 15px }
text { fill: #1f2328; stroke: #ffffff; stroke-width: 4px; paint-order: stroke }
.dim { fill: #59636e; font-size: 14px }
.ground { fill: #ffffff } .line { stroke: #d1d9e0 } .one { stroke: #59636e }
.ahead { fill: #0969da } .behind { fill: #bc4c00 } .even { fill: #59636e } .dot { fill: #1f2328; stroke: #ffffff }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; stroke: #0d1117 } .dim { fill: #9198a1 }
.ground { fill: #0d1117 } .line { stroke: #3d444d } .one { stroke: #9198a1 }
.ahead { fill: #4493f8 } .behind { fill: #f0883e } .even { fill: #9198a1 } .dot { fill: #f0f6fc; stroke: #0d1117 }
}
"""


def chart(rows: Iterable[Row]) -> str:
    """Returns the chart, with a bar for each charted row.

    The bar goes to the right if sesh is ahead of the best peer, to the left if it is behind. The same factor is as long
    on both sides. A dot shows how sesh compares with tmux.
    """
    bars = [(row, best, row.beside("tmux")) for row in rows if row.charted and (best := row.beside_best())]
    lengths = [_length(standing) for _, best, tmux in bars for standing in (best, tmux) if standing]
    left, right = max([math.log(2), *(-length for length in lengths)]), max([math.log(2), *lengths])
    scale = (WIDTH - 2 * SIDE) / (left + right)
    even = SIDE + left * scale
    height = TOP + STEP * len(bars) + 4
    legend = "beside tmux; a line down for each factor of ten"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f"<title>sesh beside the best of tmux, screen and dtach</title><style>{_STYLE}</style>",
        '<rect class="ground" width="100%" height="100%"/>',
        f'<text x="{SIDE}" y="22">sesh beside the best of its peers</text>',
        f'<circle class="dot" cx="{SIDE + 5}" cy="39" r="4.5"/>',
        f'<text class="dim" x="{SIDE + 16}" y="43">{legend}</text>',
        *_axis(even, scale, height),
    ]
    for number, (row, best, tmux) in enumerate(bars):
        parts += _bar(row, best, tmux, TOP + STEP * number, (even, scale))
    return "\n".join([*parts, "</svg>\n"])


def _length(standing: Standing) -> float:
    """The logarithm that is drawn; a negative one goes to the left."""
    if not standing.times:
        return -math.log(MOST)
    return max(-math.log(MOST), min(math.log(MOST), math.log(standing.times)))


def _axis(even: float, scale: float, height: int) -> list[str]:
    """Lines at the powers of ten, and the names of the sides. `even`: where the factor is 1."""
    parts = []
    for power in range(-3, 4):
        x = even + power * math.log(10) * scale
        if SIDE <= x <= WIDTH - SIDE:
            kind = "line" if power else "one"
            parts.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 10}" y2="{height - 4}"/>')
    parts.append(f'<text class="dim" x="{even - 6:.1f}" y="{TOP - 15}" text-anchor="end">behind</text>')
    parts.append(f'<text class="dim" x="{even + 6:.1f}" y="{TOP - 15}">ahead</text>')
    return parts


def _bar(row: Row, best: Standing, tmux: Standing | None, y: int, place: tuple[float, float]) -> list[str]:
    """A row: its name and what it comes to, above its bar."""
    even, scale = place
    end = even + _length(best) * scale
    x, wide = min(even, end), max(1.5, abs(end - even))
    kind = "ahead" if best.ahead else "behind" if best.behind else "even"
    verdict = f"even with {best.other}"
    if best.ahead or best.behind:
        word = (_BETTER if best.ahead else _WORSE).get(row.unit, "better" if best.ahead else "worse")
        verdict = f"{times(best.factor)} {word} than {best.other}"
    parts = [
        f'<text x="{SIDE}" y="{y + 12}">{escape(row.title)}</text>',
        f'<text class="dim" x="{WIDTH - SIDE}" y="{y + 12}" text-anchor="end">{escape(verdict)}</text>',
        f'<rect class="{kind}" x="{x:.1f}" y="{y + 18}" width="{wide:.1f}" height="{BAR}" rx="2"/>',
    ]
    if tmux and tmux.other != best.other:
        at = even + _length(tmux) * scale
        parts.append(f'<circle class="dot" cx="{at:.1f}" cy="{y + 18 + BAR / 2}" r="4.5"/>')
    return parts
