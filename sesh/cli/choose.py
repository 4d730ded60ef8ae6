"""`--pick`, `--next`, `--watch`: a session chosen among all, from the board or by its standing, and attached to."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING

from sesh import wire
from sesh.about import SESH
from sesh.cli import attach, go, printing
from sesh.cli.attach import ViewWords
from sesh.cli.invocation import Invocation
from sesh.errors import ExitCode, NotFound, Refused
from sesh.names import check_label, natural
from sesh.ops import enter, lookup
from sesh.ops.index import DEBOUNCE, Key, SessionIndex
from sesh.quitkey import quit_key
from sesh.reach.cancelling import Interrupts
from sesh.schema import Summary
from sesh.store import listing
from sesh.tui import board
from sesh.tui.board import View
from sesh.tui.rows import Kind, Order, Row
from sesh.wording import since, standing

if TYPE_CHECKING:
    from typing_extensions import Unpack


_SETTLING = 0.4
"""Seconds for a session that works to ask, if none waits: a question counts once it has stood for a moment."""


def pick(cli: Invocation, *, label: Sequence[str] = (), **view: Unpack[ViewWords]) -> int:
    """`--pick [--label K=V]… [OPTIONS]`: attach to the chosen session; return the exit code of attaching.

    1 if nothing is chosen. Raises Refused without a terminal, NotFound if there is nothing to choose from.
    """
    wanted = dict(map(check_label, label))
    row = _chosen(cli, cli.hosts, wanted, Order.RECENT)
    return ExitCode.FAILED if row is None else _enter(cli, row, view)


def watch(cli: Invocation, *, label: Sequence[str] = ()) -> int:
    """`--watch [--label K=V]…`: the board, again after each session that is left; with `--json` a line for each change.

    Raises Refused without a terminal.
    """
    wanted = dict(map(check_label, label))
    if cli.json:
        return _follow(cli, wanted)
    hosts, row = cli.hosts, None
    with quit_key:  # the terminal is not raw between the board and a session
        while (row := _chosen(cli, hosts, wanted, Order.WAITING, row)) is not None:
            code = _enter(cli, row, {})
            if listing.current() is not None or quit_key.taken():
                return code
    return 0


def _chosen(
    cli: Invocation, hosts: list[str], wanted: dict[str, str], order: Order, mark: Row | None = None
) -> Row | None:
    """Show the board; return the chosen row. Raises NotFound if there is nothing to pick from."""
    if not printing.on_terminal() or printing.dumb():
        raise Refused(f"{cli.verb or '--pick'} needs a terminal that can move its cursor", hint=f"use `{SESH} --list`")
    picks = order is Order.RECENT
    directories: list[str] = []
    with SessionIndex(cli, hosts or None) as index:
        _await(index, inf, lambda: None not in index.pending)
        if picks and not directories:
            _await(index, lookup.PATIENCE, lambda: bool(index.sessions(wanted)))
            if not index.sessions(wanted):
                missing = "no session has these labels" if wanted else "there are no sessions"
                raise _nothing(missing, _silent(index), f"`{SESH} NAME` creates one")
        creates = picks and len(hosts) < 2
        view = View(order, wanted, directories, creates, cli.settings().quiet, printing.coloured())
        return board.show(index, view, mark)


def _await(index: SessionIndex, seconds: float, enough: Callable[[], bool]) -> None:
    """Wait until it is enough, all machines have reported, or the time is over."""
    until = time.monotonic() + seconds
    while index.pending and not enough() and time.monotonic() < until:
        wire.polled([(index.inbound, select.POLLIN)], until)
        index.take()


def _silent(index: SessionIndex) -> list[str]:
    """Return the hosts that do not answer, with why."""
    machines = sorted(index.machines.items(), key=lambda machine: natural(machine[0] or ""))
    return [f"@{host} ({report.silence})" for host, report in machines if report.silence]


def _nothing(message: str, silent: Sequence[str], hint: str) -> NotFound:
    return NotFound(f"{message}, but {', '.join(silent)} could not be asked" if silent else message, hint=hint)


def _enter(cli: Invocation, row: Row, view: ViewWords) -> int:
    """Attach to the session of a row, or create it; return the exit code."""
    if row.kind is Kind.DIRECTORY:
        return go.here(cli, row.name, **view)
    if row.session is not None:
        cli.set_host(row.host)
        if row.session["state"] == "running":
            return attach.attach(cli, row.name, **view)
    return go.go(cli, row.name, **view)


def next_(cli: Invocation, *, label: Sequence[str] = (), **view: Unpack[ViewWords]) -> int:
    """`--next [--label K=V]… [OPTIONS]`: attach to the session that has waited longest; once more, to the next.

    The exit code is that of attaching. Raises Refused without a terminal, NotFound if no session waits.
    """
    wanted = dict(map(check_label, label))
    if not printing.on_terminal():
        raise Refused("--next needs a terminal", hint=f"`{SESH} --list --json` has the activity of each session")
    current = listing.current()
    here = (None, str(current["name"])) if current is not None else None
    recent = [(host or None, name) for host, name in enter.recent()]
    with SessionIndex(cli, cli.hosts or None) as index:
        _await(index, lookup.PATIENCE, lambda: False)
        until = time.monotonic() + _SETTLING
        while not _waiting(rows := index.sessions(wanted)) and _works(rows) and time.monotonic() < until:
            wire.polled([(index.inbound, select.POLLIN)], until)
            index.take()
        silent = [*_stuck(rows), *_silent(index)]
    chosen = following(_waiting(rows), here or (recent[0] if recent else None))
    if chosen is None or chosen == here:
        message = "no other session waits for you" if chosen is not None else "no session waits for you"
        raise _nothing(message, silent, f"`{SESH}` lists all sessions with their states")
    cli.set_host(chosen[0])
    return attach.attach(cli, chosen[1], **view)


def following(waiting: dict[Key, float], last: Key | None) -> Key | None:
    """Return the session after `last` in the order in which they began to wait, else the one that waits longest."""
    order = sorted(waiting, key=lambda key: (waiting[key], key[0] or "", key[1]))
    if last in order:
        return order[(order.index(last) + 1) % len(order)]
    return order[0] if order else None


def _waiting(rows: dict[Key, Summary]) -> dict[Key, float]:
    """Return the sessions that wait, with the moment since when; it is 0 if it is not known."""
    return {key: since(row) for key, row in rows.items() if standing(row)[0] == "waiting"}


def _works(rows: dict[Key, Summary]) -> bool:
    return any(standing(row)[0] == "working" for row in rows.values())


def _stuck(rows: dict[Key, Summary]) -> list[str]:
    """Return the sessions whose daemon does not answer; one of another machine is asked there."""
    return [
        f"{name} on @{host}" if host is not None else name
        for (host, name), row in rows.items()
        if row["state"] == "running" and row.get("responding") is False and not row.get("machine")
    ]


def _follow(cli: Invocation, wanted: dict[str, str]) -> int:
    """Print the sessions as `--list --json` does, a line for each change; return the exit code after Ctrl-C."""
    before: list[Summary] | None = None
    print_at = time.monotonic() + DEBOUNCE
    with Interrupts(tie=False, message="") as interrupts, SessionIndex(cli, cli.hosts or None) as index:
        watched = [(index.inbound, select.POLLIN), (interrupts.inbound, select.POLLIN), (printing.STDOUT, 0)]
        while True:
            if time.monotonic() >= print_at and None not in index.pending:
                rows: list[Summary] = [{**row, "host": key[0]} for key, row in index.sessions(wanted).items()]
                if rows != before:
                    printing.value(rows)
                before, print_at = rows, inf
            ready = wire.polled(watched, min(print_at, time.monotonic() + index.due))
            wire.heard_out(ready, printing.STDOUT)
            if interrupts.inbound in ready:
                os.read(interrupts.inbound, 16)
                return ExitCode.INTERRUPTED
            if index.take():
                print_at = min(print_at, time.monotonic() + DEBOUNCE)
