"""Two documents with figures: one has six lines and the chart between marks at its top, the other the lines in full and
the table behind a mark at its end."""

from __future__ import annotations

import os

from bench.chart import chart
from bench.figures import Run
from bench.summary import headlines, six_lines
from bench.tables import as_table

BEGIN, END, TABLE = "<!-- lines -->\n", "<!-- end of lines -->\n", "<!-- figures -->\n"
PICTURE = "speed.svg"
TABLES = os.path.join(os.path.dirname(__file__), "TABLES.md")


def write(path: str, run: Run) -> None:
    """Puts the figures of a run into two documents, and the chart beside them; other text stays. Raises ValueError."""
    with open(path, encoding="utf-8") as file:
        before, begun, rest = file.read().partition(BEGIN)
    _, ended, after = rest.partition(END)
    with open(TABLES, encoding="utf-8") as file:
        head, table, _ = file.read().partition(TABLE)
    if not (begun and ended and table):
        raise ValueError(f"{path} needs the lines {BEGIN.strip()} and {END.strip()}, {TABLES} the line {TABLE.strip()}")
    lines = "".join(f"{line}\n" for line in headlines(run.rows))
    full = "".join(f"{line}\n" for line in six_lines(run.rows))
    picture = f"![How far sesh is ahead of its peers, and behind them, figure by figure]({PICTURE})\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{lines}\n{picture}\n{END}{after}")
    with open(TABLES, "w", encoding="utf-8") as file:
        file.write(f"{head}{TABLE}\n{run.conditions}\n\n{full}\n{as_table(run.rows, markdown=True)}")
    with open(os.path.join(os.path.dirname(path), PICTURE), "w", encoding="utf-8") as file:
        file.write(chart(run.rows))
