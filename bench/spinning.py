"""What programs cost that draw a little all the time, as agents do while they think: detached, and with a client.

Stand-ins draw frames that are as often and as large as those of real agents: codex, gemini-cli and qwen-code.
"""

from __future__ import annotations

import contextlib
import os
import select
import time

from bench.contenders import Contender
from bench.field import Field
from bench.figures import REST, Row
from bench.thinking import AGENT, KINDS
from bench.window import Window, processor_time

COUNT = 4
"""Sessions of each tool."""
STARTED, SECONDS = 11.0, 10.0
"""Seconds until what a tool does once about a new program is over, and for which it is measured."""


def spin(field: Field) -> list[Row]:
    """Percent of a processor for each session: of what keeps it, without its program and the clients. All tools work in
    the same seconds."""
    if not os.path.isdir("/proc/self"):
        return []
    rows = []
    for kind, words in KINDS.items():
        away, here = _row(kind, "detached"), _row(kind, "attached")
        agent = [field.python, "-ISc", AGENT, *words]
        windows: list[tuple[Contender, Window]] = []
        with contextlib.ExitStack() as stack:
            names = {
                tool.name: [stack.enter_context(field.session(tool, agent)) for _ in range(COUNT)]
                for tool in field.tools
            }
            time.sleep(STARTED)
            _measure(field, away, [])
            try:
                for tool in field.tools:
                    windows += [(tool, field.enter(tool, name, agent)) for name in names[tool.name]]
                _show([window for _, window in windows], 3.0)
                _measure(field, here, [window for _, window in windows])
            finally:
                for tool, window in windows:
                    window.close(*tool.detach)
        rows += [away, here]
    return rows


def _row(kind: str, how: str) -> Row:
    title = f"thinking like {kind}, {how}, of a processor"
    return Row(
        f"spinner-{kind}-{how}", title, "%", said="1.5 x tmux", goal=lambda m: 1.5 * m["tmux"],
        line=REST, short=f"spinners {how}", charted=kind == "codex",
    )  # fmt: skip


def _measure(field: Field, row: Row, windows: list[Window]) -> None:
    keepers = {tool.name: tool.processes() for tool in field.tools}
    before = {name: sum(map(processor_time, pids)) for name, pids in keepers.items()}
    began = time.monotonic()
    _show(windows, SECONDS)
    passed = time.monotonic() - began
    for name, pids in keepers.items():
        row.add(name, 100 * (sum(map(processor_time, pids)) - before[name]) / passed / COUNT)


def _show(windows: list[Window], seconds: float) -> None:
    """Reads what all windows show for so long."""
    poll = select.poll()
    known = {window.master: window for window in windows}
    for master in known:
        poll.register(master, select.POLLIN)
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        for master, _ in poll.poll(left * 1000):
            known[master].read()
