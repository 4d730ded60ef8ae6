"""`--watch`: the list, kept up to date on a terminal, or as lines of JSON."""

from __future__ import annotations

import os
import select
import time

from sesh import CALLED, wording
from sesh.cli import console, printing, views
from sesh.errors import ExitCode, Refused
from sesh.names import check_label
from sesh.ops.lookup import SessionIndex
from sesh.ops.views import bears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.cli.invocation import Invocation

_LEAVING = ("C-c", "q", "escape", "C-d", "hangup")


def watch(cli: Invocation, *, label: Sequence[str] = ()) -> int:
    """`--watch [--label K=V]…`: on a terminal redrawn where something changed; with `--json` a list a line each time.

    q, Escape or Ctrl-C leave, and the last list stays on the terminal. Raises Refused without a terminal.
    """
    wanted = dict(check_label(word) for word in label)
    hosts = cli.hosts or None
    if cli.json:
        return _follow(cli, hosts, wanted)
    if not printing.on_terminal() or console.dumb():
        raise Refused(
            "--watch needs a terminal that can move its cursor",
            hint="use $sesh --watch --json, or $sesh --list",
        )
    from sesh.cli.console import Stage
    from sesh.client.terminal import RawTerminal

    with RawTerminal() as terminal, SessionIndex(cli.caller, hosts) as index:
        with Stage(terminal) as stage:
            keys: list[str] = []
            while not any(key in _LEAVING for key in keys):
                width, height = stage.size
                rows = _rows(index, wanted, width, coloured=printing.coloured(printing.STDOUT))
                if len(rows) > height:
                    rows[height - 1 :] = [wording.cut(f" … {len(rows) - height + 1} more", width)]
                stage.draw(rows)
                keys, ready = stage.wait(index.descriptors, index.due)
                index.take(ready)
                if "resize" in keys or "resume" in keys:
                    stage.forget()
        last = _rows(index, wanted, terminal.size()[0] or 80, coloured=printing.coloured(printing.STDOUT))
        terminal.write_all("".join(f"{row}\r\n" for row in last).encode("utf-8", "replace"), 2.0)
    return 0


def _rows(index: SessionIndex, wanted: dict[str, str], width: int, *, coloured: bool) -> list[str]:
    """The list as `--list` prints it."""
    now = time.time()
    drawn = views.Table(width, coloured=coloured)
    groups = {word: rows for word, rows in index.there.items() if not isinstance(rows, str)}
    shown = {word: [each for each in rows if bears(each, wanted)] for word, rows in groups.items()}
    here = [each for each in index.here if bears(each, wanted)]
    drawn.measure([*here, *(each for rows in shown.values() for each in rows)], now)
    lines = drawn.lines(here, now) if here or any(shown.values()) else []
    for word, rows in shown.items():
        if rows:
            lines += [drawn.remark(word, index.remarks.get(word, "")), *drawn.lines(rows, now)]
    lines += [drawn.remark(word, rows) for word, rows in index.there.items() if isinstance(rows, str)]
    missing = "no session has these labels" if wanted else f"no sessions; `{CALLED} NAME` creates one"
    return lines or [wording.cut(missing, width)]


def _follow(cli: Invocation, hosts: list[str] | None, wanted: dict[str, str]) -> int:
    """The sessions as `--list --json` shows them, a line whenever they are others than before."""
    from sesh.ops.interrupts import Interrupts

    before: list[dict[str, Any]] | None = None
    with Interrupts(tie=False, left="") as interrupts, SessionIndex(cli.caller, hosts) as index:
        while True:
            whole = [{**each, "host": None} for each in index.here]
            for rows in index.there.values():
                whole += [] if isinstance(rows, str) else rows
            whole = [each for each in whole if bears(each, wanted)]
            if whole != before and not (before is None and index.pending):
                printing.value(whole)
                before = whole
            poll = select.poll()
            for descriptor in (interrupts.inbound, *index.descriptors):
                poll.register(descriptor, select.POLLIN)
            poll.register(printing.STDOUT, 0)
            ready = {descriptor for descriptor, _ in poll.poll(index.due * 1000)}
            if printing.STDOUT in ready:
                raise BrokenPipeError  # nobody reads it any more
            if interrupts.inbound in ready:
                os.read(interrupts.inbound, 16)
                return ExitCode.INTERRUPTED
            index.take(ready)
