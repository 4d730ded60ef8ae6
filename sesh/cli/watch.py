"""`--watch`: the list, kept up to date until somebody has seen enough."""

from __future__ import annotations

import os
import time

from sesh.cli import printing, prompts, settings, tables
from sesh.errors import ExitCode, Refused
from sesh.names import check_label
from sesh.ops import caller, view
from sesh.ops.session_index import Roster

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.cli.parser import Line

_LEAVING = ("C-c", "q", "escape", "C-d", "hangup")


def watch(line: Line, *, label: Sequence[str] = ()) -> int:
    """`--watch [--label K=V]…`: on a terminal redrawn where something changed; with `--json` a list a line each time.

    q, Escape or Ctrl-C leave, and the last list stays on the terminal. Raises Refused without a terminal.
    """
    wanted = dict(check_label(word) for word in label)
    hosts = settings.loaded().hosts_of(line.hosts) if line.hosts else None
    if line.json:
        return _told(line, hosts, wanted)
    if not printing.on_terminal() or prompts.dumb():
        raise Refused(
            "--watch draws on a terminal that can move its cursor",
            hint="else take: $sesh --watch --json, or once: $sesh --list",
        )
    from sesh.cli.console import Stage
    from sesh.client.terminal import RawTerminal

    with RawTerminal() as terminal, Roster(line, hosts) as roster:
        with Stage(terminal) as stage:
            keys: list[str] = []
            while not any(key in _LEAVING for key in keys):
                width, height = stage.size
                rows = _rows(roster, wanted, width, coloured=tables.coloured(printing.STDOUT))
                if len(rows) > height:
                    rows[height - 1 :] = [tables.cut(f" … {len(rows) - height + 1} more", width)]
                stage.draw(rows)
                keys, ready = stage.wait(roster.descriptors, roster.due)
                roster.take(ready)
                if "resize" in keys or "resume" in keys:
                    stage.forget()
        last = _rows(roster, wanted, terminal.size()[0] or 80, coloured=tables.coloured(printing.STDOUT))
        terminal.write_all("".join(f"{row}\r\n" for row in last).encode("utf-8", "replace"), 2.0)
    return 0


def _rows(roster: Roster, wanted: dict[str, str], width: int, *, coloured: bool) -> list[str]:
    """The list as `--list` prints it."""
    now = time.time()
    drawn = tables.Table(width, coloured=coloured)
    groups = {word: rows for word, rows in roster.there.items() if not isinstance(rows, str)}
    shown = {word: [each for each in rows if view.bears(each, wanted)] for word, rows in groups.items()}
    here = [each for each in roster.here if view.bears(each, wanted)]
    drawn.measure([*here, *(each for rows in shown.values() for each in rows)], now)
    lines = drawn.lines(here, now) if here or any(shown.values()) else []
    for word, rows in shown.items():
        if rows:
            lines += [drawn.remark(word), *drawn.lines(rows, now)]
    lines += [drawn.remark(word, told) for word, told in roster.there.items() if isinstance(told, str)]
    missing = "no session bears these labels" if wanted else "no sessions; `sesh NAME` creates one"
    return lines or [tables.cut(missing, width)]


def _told(line: Line, hosts: list[str] | None, wanted: dict[str, str]) -> int:
    """The sessions as `--list --json` shows them, a line whenever they are others than before."""
    import select

    from sesh.ops.interrupts import Presses

    before: list[dict[str, Any]] | None = None
    with Presses(tie=False, left="") as presses, Roster(line, hosts) as roster:
        while True:
            whole = [{**each, "host": caller.host()} for each in roster.here]
            for rows in roster.there.values():
                whole += [] if isinstance(rows, str) else rows
            whole = [each for each in whole if view.bears(each, wanted)]
            if whole != before and not (before is None and roster.pending):
                printing.value(whole)
                before = whole
            poll = select.poll()
            for descriptor in (presses.inbound, *roster.descriptors):
                poll.register(descriptor, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll(roster.due * 1000)}
            if presses.inbound in ready:
                os.read(presses.inbound, 16)
                return ExitCode.INTERRUPTED
            roster.take(ready)
