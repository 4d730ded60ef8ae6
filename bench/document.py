"""A document with figures: the six lines and the chart between marks at its top, the table behind a mark at its end."""

from __future__ import annotations

import os

from bench.chart import chart
from bench.figures import Run
from bench.summary import six_lines
from bench.tables import as_table

BEGIN, END, TABLE = "<!-- lines -->\n", "<!-- end of lines -->\n", "<!-- figures -->\n"
PICTURE = "speed.svg"


def write(path: str, run: Run) -> None:
    """Puts the figures of a run into a document, and the chart beside it; the text between stays. Raises ValueError."""
    with open(path, encoding="utf-8") as file:
        before, begun, rest = file.read().partition(BEGIN)
    _, ended, rest = rest.partition(END)
    body, table, _ = rest.partition(TABLE)
    if not (begun and ended and table):
        raise ValueError(f"{path} needs the lines {BEGIN.strip()}, {END.strip()} and {TABLE.strip()}")
    lines = "".join(f"{line}\n" for line in six_lines(run.rows))
    picture = f"![How far sesh is ahead of its peers, and behind them, figure by figure]({PICTURE})\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{lines}\n{picture}\n{END}{body}{TABLE}\n{run.conditions}\n\n")
        file.write(as_table(run.rows, markdown=True))
    with open(os.path.join(os.path.dirname(path), PICTURE), "w", encoding="utf-8") as file:
        file.write(chart(run.rows))
