"""`python -m bench.spinners`: the cost of programs that draw a little all the time, as agents do while they think.

Stand-ins draw frames as often and as large as those of codex, gemini-cli and qwen-code. Figures are percent of a
processor for each session: of the processes that keep the session, without and with a client, and of these and the
client together. (The clients of tmux and screen hand their terminals to the process that keeps the session, and cost
nothing.) The program in the session is not counted.
"""

from __future__ import annotations

import os
import sys
import time
from itertools import chain

from bench.alone import alone
from bench.field import Field
from bench.figures import REST, Row
from bench.resting import sessions, windows
from bench.window import Window, show, spent

AGENT = r"""
import select, sys, tty
rows, gap, width = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
tty.setraw(0)
sys.stdout.write("\x1b[?1049h\x1b[2J" if rows == 1 else "\r\n" * 20)
number = 0
while True:
    number += 1
    frame, seconds = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[number % 10], int(number * gap)
    if rows == 1:
        text = f"\x1b[?2026h\x1b[20;3H\x1b[38;5;{232 + number % 24}mW\x1b[0m{frame} ({seconds}s)\x1b[22;3H\x1b[?2026l"
    else:
        text = "\x1b[?25l" + "\x1b[2K\x1b[1A" * rows + "\x1b[2K\x1b[G"
        for row in range(rows):
            words = f" {frame} Thinking ({seconds}s)" if row == 2 else "│ words in a row that do not change " * 3
            text += f"\x1b[38;5;{200 + row}m{words[:width]:<{width}}\x1b[39m\r\n"
    sys.stdout.write(text)
    sys.stdout.flush()
    select.select([], [], [], gap)
"""
KINDS = {"codex": ("1", "0.032", "0"), "gemini": ("12", "0.055", "78"), "qwen": ("8", "0.08", "78")}
"""Rows that a frame draws, seconds between two, and columns."""


def spin(field: Field, count: int = 4, seconds: float = 10.0, kinds: str = ",".join(KINDS)) -> list[Row]:
    """Measures all tools in the same seconds, with so many sessions each."""
    if not os.path.isdir("/proc/self"):
        return []
    rows = []
    for kind in kinds.split(","):
        kind_rows = [_row(kind, state) for state in ("detached", "attached", "both")]
        agent = [field.python, "-ISc", AGENT, *KINDS[kind]]
        with sessions(field, field.tools, agent, count) as names:
            _measure(field, kind_rows[:1], {}, seconds, count)
            with windows(field.tools, names, b"") as opened:
                show(list(chain(*opened.values())), 3.0)
                _measure(field, kind_rows[1:], opened, seconds, count)
        rows += kind_rows
    return rows


def _row(kind: str, state: str) -> Row:
    if state == "both":
        return Row(f"spinner-{kind}-both", f"thinking like {kind}, attached, with the client, of a processor", "%")
    title = f"thinking like {kind}, {state}, of a processor"
    return Row(
        f"spinner-{kind}-{state}", title, "%", said="1.5 x tmux", goal=lambda m: 1.5 * m["tmux"],
        line=REST, short=f"spinners {state}", charted=kind == "codex",
    )  # fmt: skip


def _measure(field: Field, rows: list[Row], opened: dict[str, list[Window]], seconds: float, count: int) -> None:
    """Fills the row of the processes that keep the sessions, and that of these and the clients."""
    counted = []
    for tool in field.tools:
        keepers, clients = tool.processes(), [window.pid for window in opened.get(tool.name, ())]
        counted += [(row, tool.name, pids) for row, pids in zip(rows, (keepers, keepers + clients), strict=False)]
    before = [spent(pids) for *_, pids in counted]
    began = time.monotonic()
    show(list(chain(*opened.values())), seconds)
    share = 100 / (time.monotonic() - began) / count
    for (row, name, pids), past in zip(counted, before, strict=True):
        row.add(name, (spent(pids) - past) * share)


if __name__ == "__main__":
    sys.exit(alone(spin))
