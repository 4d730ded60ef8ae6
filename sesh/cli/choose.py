"""`--pick`, `--next`, `--watch`: a session chosen among all, from a list or by its standing, and attached to."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING

from sesh.about import SESH
from sesh.cli import attach, go, printing
from sesh.cli.attach import ViewWords
from sesh.cli.invocation import Invocation
from sesh.cli.tui import picker, watcher
from sesh.cli.tui.live import Key, await_change, entries, since, standing
from sesh.errors import ExitCode, NotFound, Refused, SeshError
from sesh.names import check_label, natural
from sesh.ops import enter, lookup, sessions
from sesh.ops.index import SessionIndex
from sesh.ops.views import bears
from sesh.quitkey import quit_key
from sesh.reach.cancelling import Interrupts
from sesh.schema import Summary
from sesh.store import listing

if TYPE_CHECKING:
    from typing_extensions import Unpack


_PATIENCE = 2.0
"""Seconds that hosts have to answer `--next`."""
_SETTLING = 0.4
"""Seconds after which `--next` asks the machines again where something works, if nothing waits anywhere."""
_QUIET = 0.15
"""Seconds without an answer after which the first line of `--watch --json` waits for no more hosts."""


def pick(cli: Invocation, *, label: Sequence[str] = (), **view: Unpack[ViewWords]) -> int:
    """`--pick [--label K=V]… [OPTIONS]`: attach to the chosen session; return the exit code of attaching.

    1 if nothing is chosen. Raises Refused without a terminal, NotFound if there is nothing to choose from.
    """
    wanted = dict(map(check_label, label))
    if not printing.on_terminal():
        raise Refused("--pick needs a terminal", hint=f"use `{SESH} --list` and `{SESH} --attach NAME`")
    chosen, running = picker.choose(cli, cli.hosts or None, wanted)
    if chosen is None:
        return ExitCode.FAILED
    host, name = chosen
    if host == picker.DIRECTORY:
        return go.here(cli, name, **view)
    if host == picker.NEW:
        host = cli.hosts[0] if cli.hosts else None
    cli.set_host(host)
    if host is None and name in running:
        return attach.attach(cli, name, **view)
    return go.go(cli, name, **view)


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
    rows, unreachable = _sessions(cli, wanted)
    busy = {host for (host, _), row in rows.items() if standing(row)[0] == "working" and "stale" not in row}
    if busy and not _waiting(rows):
        time.sleep(_SETTLING)  # one may have begun to ask just now: a question counts once it has stood for a moment
        rows |= _sessions_of(cli, busy, wanted)
    waiting, silent = _waiting(rows), [*_silent(rows), *unreachable]
    chosen = following(waiting, here or (recent[0] if recent else None))
    if chosen is None or chosen == here:
        message = "no other session waits for you" if chosen is not None else "no session waits for you"
        message += f", but {', '.join(silent)} could not be asked" if silent else ""
        raise NotFound(message, hint=f"`{SESH}` lists all sessions with their states")
    cli.set_host(chosen[0])
    return attach.attach(cli, chosen[1], **view)


def following(waiting: dict[Key, float], last: Key | None) -> Key | None:
    """Return the session after `last` in the order in which they began to wait, else the one that waits longest."""
    order = sorted(waiting, key=lambda key: (waiting[key], key[0] or "", key[1]))
    if last in order:
        return order[(order.index(last) + 1) % len(order)]
    return order[0] if order else None


def _waiting(rows: dict[Key, Summary]) -> dict[Key, float]:
    """Return the sessions that wait, with the time since when; it is 0 if it is not known."""
    return {key: since(row) for key, row in rows.items() if standing(row)[0] == "waiting"}


def _silent(rows: dict[Key, Summary]) -> list[str]:
    """Return the sessions whose daemon does not answer; one of another machine is asked there."""
    return [
        f"{name} on @{host}" if host is not None else name
        for (host, name), row in rows.items()
        if row["state"] == "running" and row.get("responding") is False and not row.get("machine")
    ]


def _sessions(cli: Invocation, wanted: dict[str, str]) -> tuple[dict[Key, Summary], list[str]]:
    """Return the sessions of the machines of the line, and the hosts that do not answer.

    Raises the error of the host if a single one is named and cannot be reached.
    """
    if cli.host is not None:
        return _by_key(cli.host, cli.target.call(sessions.summaries), wanted), []
    with SessionIndex(cli, cli.hosts or None) as index:
        until = time.monotonic() + _PATIENCE
        while index.pending and (left := until - time.monotonic()) > 0:
            await_change(index, left)
        index.take(set())  # gives up the hosts that are late
        answers = sorted(index.there.items(), key=lambda row: natural(row[0]))
        unreachable = [f"@{host} ({answer})" for host, answer in answers if isinstance(answer, str)]
        return entries(index, wanted), unreachable


def _sessions_of(cli: Invocation, hosts: set[str | None], wanted: dict[str, str]) -> dict[Key, Summary]:
    """Return the sessions of these machines, None for this one, as far as they answer."""
    rows = _by_key(None, cli.target_of(None).call(sessions.summaries), wanted) if None in hosts else {}
    for host, answer in lookup.summaries(cli, [host for host in hosts if host is not None]):
        if not isinstance(answer, SeshError):
            rows |= _by_key(host, answer, wanted)
    return rows


def _by_key(host: str | None, rows: Sequence[Summary], wanted: dict[str, str]) -> dict[Key, Summary]:
    return {(host, row["name"]): row for row in rows if bears(row, wanted)}


def watch(cli: Invocation, *, label: Sequence[str] = ()) -> int:
    """`--watch [--label K=V]…`: draw the list again with each change; with `--json` print it in a line each time.

    Sessions that wait can be answered, or attached to: after that the list is there again, unless the terminal was
    switched to it. q, Escape, Ctrl-C leave; the last list stays. Raises Refused without a terminal.
    """
    wanted = dict(map(check_label, label))
    if cli.json:
        return _follow(cli, wanted)
    if not printing.on_terminal() or printing.dumb():
        raise Refused(
            "--watch needs a terminal that can move its cursor",
            hint=f"use {SESH} --watch --json, or {SESH} --list",
        )
    hosts = cli.hosts
    chosen: Key | None = None
    with quit_key:  # the terminal is not raw between the list and a session
        while (chosen := watcher.watch(cli, hosts or None, wanted, chosen)) is not None:
            cli.set_host(chosen[0])
            code = attach.attach(cli, chosen[1])
            if listing.current() is not None or quit_key.taken():
                return code
    return 0


def _follow(cli: Invocation, wanted: dict[str, str]) -> int:
    """Print the sessions as `--list --json` does, a line for each change; return the exit code after Ctrl-C."""
    before: list[Summary] | None = None
    quiet_at = time.monotonic() + _QUIET
    with Interrupts(tie=False, message="") as interrupts, SessionIndex(cli, cli.hosts or None, holds=True) as index:
        while True:
            rows: list[Summary] = [{**session, "host": key[0]} for key, session in entries(index, wanted).items()]
            if rows != before and not (before is None and index.pending and time.monotonic() < quiet_at):
                printing.value(rows)
                before = rows
            seconds = quiet_at - time.monotonic() if before is None else inf
            others = {interrupts.inbound: select.POLLIN, printing.STDOUT: 0}
            ready = await_change(index, max(0.0, seconds), others)
            if ready:
                quiet_at = time.monotonic() + _QUIET
            if printing.STDOUT in ready:
                raise BrokenPipeError  # nobody reads it any more
            if interrupts.inbound in ready:
                os.read(interrupts.inbound, 16)
                return ExitCode.INTERRUPTED
