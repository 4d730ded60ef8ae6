"""Verbs that choose a session, and attach to it: `pick`, `watch`, `next`."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import NoReturn

from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.attach import NO_FLAGS, AttachFlags, attach_or_create, attach_terminal
from sesh.cli.invocation import Invocation
from sesh.cli.list import groups_of
from sesh.cli.parameters import Context, Labelled, NoDetachKey, NoReplay, ReadOnly, Replace
from sesh.cli.printed import prints
from sesh.errors import ExitCode, NotFound, Refused
from sesh.ops import enter
from sesh.ops.index import SessionIndex
from sesh.schema.facts import Place, Summary
from sesh.store import listing
from sesh.system.descriptors import check_audience, polled
from sesh.text.describe import activity_facts, is_silent, qualified_name, since
from sesh.tui import board
from sesh.tui.rows import BoardRow, SortOrder


def pick(
    ctx: Context,
    *,
    label: Labelled = None,
    replace: Replace = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoDetachKey = False,
) -> int:
    """Choose a session from the board; the session attached last comes first.

    Examples:
      sesh pick
      sesh @gpu pick
      sesh pick --label team=web
    """
    return pick_and_attach(ctx.obj, label or (), AttachFlags(replace, read_only, no_replay, no_detach_key))


def pick_and_attach(cli: Invocation, label: Sequence[tuple[str, str]] = (), flags: AttachFlags = NO_FLAGS) -> int:
    """Attach to the session chosen on the board; return 1 if none is chosen."""
    row = _choose_row(cli, dict(label), SortOrder.RECENT)
    return ExitCode.FAILED if row is None else _go_to(cli, row, flags)


@prints(list[Summary])
def watch(ctx: Context, *, label: Labelled = None) -> int:
    """Show the board, kept up to date; sessions that wait for you come first.

    Examples:
      sesh watch
      sesh @gpu watch
      sesh watch --json
    """
    cli = ctx.obj
    wanted = dict(label or ())
    if cli.line.json:
        try:
            _print_changes(cli, wanted)
        except KeyboardInterrupt:
            return printing.exit_interrupted()
    row: BoardRow | None = None
    while (row := _choose_row(cli, wanted, SortOrder.WAITING, row)) is not None:
        code = _go_to(cli, row)
        if listing.current() is not None:
            return code
    return 0


def _choose_row(
    cli: Invocation, wanted: dict[str, str], order: SortOrder, selected: BoardRow | None = None
) -> BoardRow | None:
    """Show the board; return the chosen row."""
    hosts = cli.line.hosts
    picks = order is SortOrder.RECENT
    if not printing.on_terminal() or printing.dumb():
        verb = "sesh pick" if picks else "sesh watch"
        raise Refused(f"{verb} needs a terminal that can move its cursor", hint=f"use `{SESH} list`")
    with SessionIndex(cli, hosts or None) as index:
        creates = picks and len(hosts) < 2
        options = board.BoardOptions(
            order=order,
            wanted=wanted,
            creates=creates,
            quiet_hours=cli.settings().quiet,
            coloured=printing.coloured(),
        )
        return board.show(index, options, selected)


def _go_to(cli: Invocation, row: BoardRow, flags: AttachFlags = NO_FLAGS) -> int:
    """Go to the session of a row, or create it; return the exit code."""
    if row.session is None:
        return attach_or_create(cli, row.name, flags=flags, chosen=True)
    target = cli.target_of(row.host)
    if row.session["state"] == "running":  # if it has ended meanwhile, nothing is created in its place
        return attach_terminal(cli, target, enter.attach, {"name": row.name}, flags)
    return attach_or_create(cli, row.name, flags=flags, target=target, chosen=True)


def next_(
    ctx: Context,
    *,
    label: Labelled = None,
    replace: Replace = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoDetachKey = False,
) -> int:
    """Go to the session that has waited longest for you.

    It is here or on a known remote; repeat the verb for the next one. Inside a session it switches this terminal. If no
    session waits, it says so and exits with 1.

    Examples:
      sesh next
      sesh @gpu next
      sesh next --label team=web
    """
    cli = ctx.obj
    if not printing.on_terminal():
        raise Refused("sesh next needs a terminal", hint=f"`{SESH} list --json` has the activity of each session")
    record = listing.current()
    current = Place(None, str(record["name"])) if record is not None else None
    groups = list(groups_of(cli, dict(label or ())))
    silent = [f"@{group.host} ({group.reason})" for group in groups if group.reason]
    rows = [row for group in groups for row in group.sessions if "stale" not in row]
    silent += [qualified_name(Place(row.get("host"), row["name"])) for row in rows if is_silent(row)]
    waiting = {Place(row.get("host"), row["name"]): since(row) for row in rows if activity_facts(row)[0] == "waiting"}
    chosen = following(waiting, current or next(iter(enter.recent()), None))
    if chosen is None or chosen == current:
        message = "no other session waits for you" if chosen is not None else "no session waits for you"
        if silent:
            message += f", but {', '.join(silent)} could not be asked"
        raise NotFound(message, hint=f"`{SESH}` lists all sessions with their states")
    target = cli.target_of(chosen.host)
    flags = AttachFlags(replace, read_only, no_replay, no_detach_key)
    return attach_terminal(cli, target, enter.attach, {"name": chosen.name}, flags)


def following(waiting: dict[Place, float], last: Place | None) -> Place | None:
    """Return the session that began to wait after `last`, in a circle, else the first.

    `waiting`: for each session the time when it began to wait, 0 if unknown.
    """
    order = sorted(waiting, key=lambda place: (waiting[place], place.host or "", place.name))
    if last in order:
        return order[(order.index(last) + 1) % len(order)]
    return order[0] if order else None


def _print_changes(cli: Invocation, wanted: dict[str, str]) -> NoReturn:
    """Print the list as a line of JSON after each change, until Ctrl-C."""
    printed: list[Summary] | None = None
    with SessionIndex(cli, cli.line.hosts or None) as index:
        watched = [(index.inbound, select.POLLIN), (printing.STDOUT, 0)]
        while True:
            if None not in index.pending:
                rows: list[Summary] = [{**row, "host": place.host} for place, row in index.sessions(wanted).items()]
                if rows != printed:
                    cli.out.value(rows)
                printed = rows
            check_audience(polled(watched, time.monotonic() + index.due), printing.STDOUT)
            index.update()
