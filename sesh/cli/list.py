"""`sesh` and `--list`: the sessions of this machine and known remotes, as a table or JSON. Loads no typer."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from sesh import errors, paths
from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.table import Table
from sesh.cli.verbs import load
from sesh.errors import NotFound, SeshError, for_host
from sesh.ops import lookup, views
from sesh.ops.views import has_labels
from sesh.remote import known
from sesh.schema import Summary

_HOST_TIMEOUT = 5.0  # seconds for a host that the line names; other remotes get less


def list_or_pick(cli: Invocation) -> int:
    """Show the board if the settings say so, else print the list: `sesh` alone."""
    if printing.on_terminal() and not (cli.line.json or printing.dumb()) and cli.person.settings().pick:
        try:
            return int(load("choose.picked")(cli))
        except NotFound:
            pass  # there is no session to pick; the list says so
    return show(cli)


def show(cli: Invocation, label: Sequence[tuple[str, str]] = ()) -> int:
    """Print the sessions that have all of the labels, here and on known remotes; return the exit code."""
    wanted = dict(label)
    table = Table(printing.width(printing.STDOUT) if os.isatty(printing.STDOUT) else None, coloured=printing.coloured())
    if len(cli.line.hosts) > 1:
        return _list_hosts(cli, wanted, table)
    if cli.line.host is not None:
        return _list_host(cli, cli.line.host, wanted, table)
    overview = cli.target.call(views.overview)
    for reason in overview["refusals"]:
        cli.person.note(reason)
    rows = [session for session in overview["sessions"] if has_labels(session, wanted)]
    asks_remotes = not cli.line.local and paths.knows_remotes()
    if not cli.line.json:
        if asks_remotes:  # the rows of remotes come later, and should fit the columns
            table.measure(_last_known(known.hosts(), wanted), time.time())
        if rows:
            _print(table.lines(rows, time.time()))
        if cli.person.watched or not cli.line.verb.dashed:  # not for `--list` in a script or a shell's startup file
            _note_lost(cli, overview["sessions"])
    remote_lists = lookup.lists(cli.person) if asks_remotes else ()
    for host, sessions, reason in remote_lists:
        group = [session for session in sessions if has_labels(session, wanted)]
        if not cli.line.json and (group or reason):
            _print_group(table, host, group, reason)
        rows += group
    return _finish(cli, rows, wanted)


def _list_host(cli: Invocation, host: str, wanted: dict[str, str], table: Table) -> int:
    """Print the sessions of one host. If it does not answer, print the last known ones, and raise its error."""
    try:
        sessions = _sessions(cli, host)
    except (errors.TimedOut, errors.Unreachable) as error:
        reason = lookup.reason(error)
        if not cli.line.json and (rows := _last_known([host], wanted, reason)):
            _print_group(table, host, rows, reason)
        raise
    known.keep(host, sessions)
    rows = [session for session in sessions if has_labels(session, wanted)]
    if rows and not cli.line.json:
        _print(table.lines(rows, time.time()))
    return _finish(cli, rows, wanted)


def _sessions(cli: Invocation, host: str) -> list[Summary]:
    """Return the sessions of a host. Raises its error, for a person after a short timeout if sessions are cached."""
    if cli.person.watched and known.sessions(host) and not known.asks(host):
        try:
            return lookup.sessions_of(cli.person, host, time.monotonic() + _HOST_TIMEOUT, named=True)
        except (errors.LoginRefused, errors.NotDeployed, OSError):
            pass  # retry below, where the person can log in, or agree to a deploy
    target = cli.target
    overview = target.call(views.overview)
    for refusal in overview["refusals"]:
        cli.person.note(refusal)
    return [lookup.placed(row, host, overview["home"], target.clock) for row in overview["sessions"]]


def _list_hosts(cli: Invocation, wanted: dict[str, str], table: Table) -> int:
    """Print the sessions of each host; for a host that does not answer, its error and the last known ones.

    The exit code is 1 if any host did not answer.
    """
    answers = dict(lookup.summaries(cli.person, cli.line.hosts, named=True))
    reasons = {host: str(answer) for host, answer in answers.items() if isinstance(answer, SeshError)}
    rows: list[object] = []
    groups: dict[str, list[Summary]] = {}
    for host in cli.line.hosts:
        answer = answers[host]
        if isinstance(answer, SeshError):
            rows.append({"host": host, "error": printing.error_facts(answer, host), "exit_code": answer.exit_code})
            answer = lookup.last_known(host, reasons[host])
        groups[host] = [row for row in answer if has_labels(row, wanted)]
        rows += groups[host]
    if cli.line.json:
        printing.value(rows)
    else:
        if shown := [row for group in groups.values() for row in group]:
            table.measure(shown, time.time())
            _print(table.lines([], time.time()))  # only the headings
        for host, group in groups.items():
            _print_group(table, host, group, reasons.get(host, ""))
    return int(bool(reasons))


def _last_known(hosts: Sequence[str], wanted: dict[str, str], reason: str = "") -> list[Summary]:
    return [row for host in hosts for row in lookup.last_known(host, reason) if has_labels(row, wanted)]


def _note_lost(cli: Invocation, sessions: Sequence[Summary]) -> None:
    """Note how many sessions were lost, and how to restore them."""
    reasons = [row["lost"]["reason"] for row in sessions if row["state"] == "lost"]
    if reasons:
        when = " at the reboot" if all(reason == "reboot" for reason in reasons) else ""
        cli.person.note(f"sessions lost{when}: {len(reasons)}; `{SESH} --restore` starts them again")


def _print_group(table: Table, host: str, sessions: Sequence[Summary], reason: str) -> None:
    """Print the sessions of a host below its name, with the reason if it does not answer."""
    lines = table.lines(sessions, time.time()) if sessions else []
    lines.insert(len(lines) - len(sessions), table.remark(host, reason))  # below the headings
    _print(lines)


def _print(lines: Sequence[str]) -> None:
    printing.text("\n".join(lines))


def _finish(cli: Invocation, rows: list[Summary], wanted: dict[str, str]) -> int:
    """Print the rows if JSON is wanted, else a remark if there are none; return 0."""
    if cli.line.json:
        return printing.value(rows)
    if not rows and os.isatty(printing.STDOUT):
        machine = f" on @{cli.line.host}" if cli.line.host is not None else ""
        remark = (
            f"no session{machine} has these labels" if wanted else f"no sessions{machine}; `{SESH} NAME` creates one"
        )
        printing.text(for_host(remark, cli.line.host))
    return 0
