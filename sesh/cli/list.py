"""`--list`: the sessions here and on known remotes, as a table or as JSON."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from sesh import errors, paths, reading, writing
from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.table import Table
from sesh.errors import Refused, SeshError, for_host
from sesh.names import check_label
from sesh.ops import lookup, views
from sesh.ops.views import bears
from sesh.remote import known
from sesh.schema import Overview, Summary

_PATIENCE = 5.0
"""Seconds for the one host that is listed; a list of all waits for less."""


def show(cli: Invocation, label: Sequence[str] = ()) -> int:
    """Print the sessions that have all of the labels, here and on known remotes; return the exit code."""
    wanted = dict(map(check_label, label))
    if len(cli.hosts) > 1:
        return _list_hosts(cli, wanted)
    try:
        overview, clock = _overview(cli)
    except (errors.TimedOut, errors.Unreachable) as error:
        if cli.host is not None and not cli.json:
            _print_last_known(cli.host, wanted, error)
        raise
    rows: list[Summary] = [session for session in overview["sessions"] if bears(session, wanted)]
    for reason in overview["refusals"]:
        cli.note(reason)
    if cli.host is not None:
        sessions = [lookup.placed(row, cli.host, overview["home"], clock) for row in overview["sessions"]]
        known.keep(cli.host, sessions)
        rows = [session for session in sessions if bears(session, wanted)]
    asks_remotes = cli.host is None and not cli.local and paths.knows_remotes()
    table = _table(marks=asks_remotes) if not cli.json else None
    if table is not None and asks_remotes:
        _measure_remotes(table, wanted)
    if table is not None and rows:
        printing.text("\n".join(table.lines(rows, time.time())))
    if table is not None and cli.host is None:
        _tell_of_lost(cli, overview["sessions"])
    if asks_remotes:
        rows += _remote_rows(cli, wanted, table)
    if cli.json:
        return cli.value(rows)
    if not rows and os.isatty(printing.STDOUT):
        machine = f" on @{cli.host}" if cli.host is not None else ""
        none = f"no session{machine} has these labels" if wanted else f"no sessions{machine}; `{SESH} NAME` creates one"
        printing.text(for_host(none, cli.host))
    return 0


def _overview(cli: Invocation) -> tuple[Overview, float]:
    """Return what is listed of the machine, and by how many seconds its clock is ahead. Raises its error.

    A person is not kept waiting for a host as long as ssh waits, if its sessions are known.
    """
    target = cli.target
    host, watched = target.destination, cli.watched and not cli.json
    if host is not None and watched and known.sessions(host.host) and not known.asks(host.host):
        try:
            with cli.connecting(host.host):
                rows = lookup.sessions_of(cli, host.host, time.monotonic() + _PATIENCE, named=True)
            home, clock = (rows[0].get("home", ""), rows[0].get("clock", 0.0)) if rows else ("", 0.0)
            return {"sessions": rows, "refusals": [], "home": home}, clock
        except (errors.LoginRefused, errors.NotDeployed, OSError):
            pass  # the person may log in, or have sesh deployed there
    return target.call(views.overview), target.clock


def _print_last_known(host: str, wanted: dict[str, str], error: SeshError) -> None:
    """Print what a host that does not answer told last, if it told of sessions."""
    reason = lookup.reason(error)
    if rows := [row for row in lookup.last_known(host, reason) if bears(row, wanted)]:
        table, now = _table(), time.time()
        table.measure(rows, now)
        printing.text("\n".join(table.lines([], now)))  # the headings
        _print_group(table, host, rows, reason, now)


def _tell_of_lost(cli: Invocation, sessions: Sequence[Summary]) -> None:
    """Tell a person once how many sessions were lost, and what starts them again."""
    if cli.verb and not cli.watched:
        return  # a list of a script, or of a shell's start file: nobody reads it
    reasons = {str(row.get("id")): row["lost"]["reason"] for row in sessions if row["state"] == "lost"}
    taken = {*reasons}
    path = os.path.join(paths.directory(), ".told")
    try:
        if taken <= {*(reading.read_own(path, 1 << 20, whole=False) or b"").decode("utf-8", "replace").split()}:
            return
        writing.write_whole(path, " ".join(sorted(taken)).encode())
    except (OSError, Refused):
        pass  # it is told again
    if taken:
        when = " at the reboot" if {*reasons.values()} == {"reboot"} else ""
        cli.note(f"sessions lost{when}: {len(taken)}; `{SESH} --restore` starts them again")


def _measure_remotes(table: Table, wanted: dict[str, str]) -> None:
    """Make the columns wide enough for the sessions of the known remotes, as these told them last.

    They are measured both as they are listed if their host is silent, and if it answers. When a session ended is not
    kept: its last activity was about then.
    """
    stale = [row for host in known.hosts() for row in lookup.last_known(host, "") if bears(row, wanted)]
    told: list[Summary] = [{**row, "ended": row["last_activity"]} for row in stale]
    for row in told:
        del row["stale"]
    table.measure([*stale, *told], time.time())


def _remote_rows(cli: Invocation, wanted: dict[str, str], table: Table | None) -> list[Summary]:
    """Return the sessions of the known remotes, in the order of their names; with a table print them as they come.

    Of one that does not answer it is what was last known.
    """
    rows: list[Summary] = []
    for host, sessions, reason in lookup.lists(cli):
        group = [session for session in sessions if bears(session, wanted)]
        if table is not None and (group or reason):
            _print_group(table, host, group, reason, time.time())
        rows += group
    return rows


def _list_hosts(cli: Invocation, wanted: dict[str, str]) -> int:
    """`sesh @a @b --list`: the sessions of each host; 1 if any did not answer.

    Of such a one it is the error, and what was last known.
    """
    answers = dict(lookup.summaries(cli, cli.hosts, named=True))
    reasons: dict[str, str] = {}
    rows: list[object] = []
    sessions: dict[str, list[Summary]] = {}
    for host in cli.hosts:
        answer = answers[host]
        if isinstance(answer, SeshError):
            reasons[host] = str(answer)
            rows.append({"host": host, "error": printing.error_facts(answer, host), "exit_code": answer.exit_code})
            answer = lookup.last_known(host, reasons[host])
        sessions[host] = [row for row in answer if bears(row, wanted)]
        rows += sessions[host]
    if cli.json:
        cli.value(rows)
    else:
        table, now = _table(), time.time()
        shown = [row for group in sessions.values() for row in group]
        if shown:
            table.measure(shown, now)
            printing.text("\n".join(table.lines([], now)))  # the headings
        for host, group in sessions.items():
            _print_group(table, host, group, reasons.get(host, ""), now)
    return int(bool(reasons))


def _print_group(table: Table, host: str, sessions: Sequence[Summary], reason: str, now: float) -> None:
    """Print the sessions of a host below its name, with the reason if it does not answer; the headings come first."""
    lines = table.lines(sessions, now) if sessions else []
    lines.insert(len(lines) - len(sessions), table.remark(host, reason))
    printing.text("\n".join(lines))


def _table(*, marks: bool = False) -> Table:
    columns = printing.width(printing.STDOUT) if os.isatty(printing.STDOUT) else None
    return Table(columns, coloured=printing.coloured(), marks=marks)
