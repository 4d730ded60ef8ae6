"""The figures of a run as a table and a chart, for the benchmarks' page."""

from __future__ import annotations

import math
import os
from collections.abc import Collection
from html import escape

from bench.rows import EVEN, ORDER, OURS, Goal, Row

MARK, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
"""Lines of the page between which the figures stand."""
CHART = "speed.svg"
WIDTH, SIDE, TOP, STEP = 480, 14, 50, 42
"""Pixels: the width of the chart (still legible at 360), its margin, what is above its rows, a row."""
_STYLE = """
svg { font-family: sans-serif; font-size: 15px }
text { fill: #1f2328 } .dim { fill: #59636e; font-size: 14px }
.ground { fill: #ffffff } .even { stroke: #59636e } .ahead { fill: #0969da } .behind { fill: #bc4c00 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .dim { fill: #9198a1 }
.ground { fill: #0d1117 } .even { stroke: #9198a1 } .ahead { fill: #4493f8 } .behind { fill: #f0883e }
}
"""


def write(path: str, conditions: str, rows: Collection[Row]) -> None:
    """Put the figures between the marks of a page. Raises ValueError without the marks."""
    with open(path, encoding="utf-8") as file:
        before, mark, rest = file.read().partition(MARK)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"{path} needs the lines {MARK.strip()} and {END.strip()}")
    picture = f"![How many times sesh is ahead of its best peer, or behind it]({CHART})"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{mark}\n{picture}\n\n{conditions}\n\n{table(rows, markdown=True)}\n{end}{after}")
    with open(os.path.join(os.path.dirname(path), CHART), "w", encoding="utf-8") as file:
        file.write(chart(rows))


def table(rows: Collection[Row], *, markdown: bool = False) -> str:
    """Return a line for each row: medians with their spread, the best peer, the goals."""
    names = [name for name in ORDER if any(name in row.samples for row in rows)]
    lines = [["", *names, "beside the best peer", "goal", "met"]]
    for row in rows:
        met = row.met()
        cells = [_cell(row, name) for name in names]
        goals = ", ".join(_goal(goal, row.unit) for goal in row.goals)
        lines.append([row.name, *cells, verdict(row), goals, "-" if met is None else "yes" if met else "no"])
    if markdown:
        lines.insert(1, ["---"] * len(lines[0]))
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "".join(f"{'  '.join(line).rstrip()}\n" for line in padded)


def verdict(row: Row) -> str:
    """Return how far sesh is ahead of its best peer or behind it, in words."""
    best = row.best()
    if best is None:
        return "-"
    other, times = best
    factor = max(times, 1 / times) if times else math.inf
    if factor <= EVEN:
        return f"even with {other}"
    said = "beyond measure" if math.isinf(factor) else f"{factor:.0f} x" if factor >= 9.5 else f"{factor:.1f} x"
    return f"{said} {'ahead of' if times > 1 else 'behind'} {other}"


def _goal(goal: Goal, unit: str) -> str:
    if goal.of:
        return goal.of if goal.factor == 1 else f"{goal.factor:g} x {goal.of}"
    return f"{goal.factor:g} {unit}".rstrip()


def _cell(row: Row, name: str) -> str:
    if name not in row.samples:
        return "-"
    value, spread = row.medians[name], row.spread(name)
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:.{digits}f}" + (f" ±{spread:.0%}" if spread >= 0.005 else "")


def chart(rows: Collection[Row]) -> str:
    """Return an SVG with a bar for each charted row, rightwards where sesh leads."""
    bars = [(row, math.log(best[1])) for row in rows if row.charted and (best := row.best())]
    left = max(math.log(2), *(-length for _, length in bars))
    right = max(math.log(2), *(length for _, length in bars))
    scale = (WIDTH - 2 * SIDE) / (left + right)
    even, height = SIDE + left * scale, TOP + STEP * len(bars)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f"<title>{OURS} beside the best of its peers</title><style>{_STYLE}</style>",
        '<rect class="ground" width="100%" height="100%"/>',
        f'<text x="{SIDE}" y="22">{OURS} beside the best of its peers</text>',
        f'<line class="even" x1="{even:.1f}" x2="{even:.1f}" y1="{TOP - 10}" y2="{height}"/>',
    ]
    for number, (row, length) in enumerate(bars):
        y, wide = TOP + STEP * number, max(1.5, abs(length) * scale)
        x, kind = (even, "ahead") if length > 0 else (even - wide, "behind")
        parts += [
            f'<text x="{SIDE}" y="{y + 12}">{escape(row.title)}</text>',
            f'<text class="dim" x="{WIDTH - SIDE}" y="{y + 12}" text-anchor="end">{escape(verdict(row))}</text>',
            f'<rect class="{kind}" x="{x:.1f}" y="{y + 18}" width="{wide:.1f}" height="13" rx="2"/>',
        ]
    return "\n".join([*parts, "</svg>\n"])
