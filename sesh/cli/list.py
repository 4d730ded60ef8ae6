"""`sesh` and `list`: print sessions as a table or JSON, without loading typer."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from math import inf

from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.printing import error_row
from sesh.cli.table import Table
from sesh.errors import Unreachable, for_host
from sesh.ops import lookup
from sesh.ops.lookup import Group
from sesh.schema.facts import Place, Summary
from sesh.text import describe


def show(cli: Invocation, label: Sequence[tuple[str, str]] = ()) -> int:
    """Print the sessions with the labels, here and on known remotes; return the exit code.

    The exit code is 1 if one of several hosts did not answer.
    """
    cli.settings()  # notes faults in the file, also where no host needs a setting
    several = len(cli.line.hosts) > 1
    wanted = dict(label)
    groups: Iterable[Group] = groups_of(cli, wanted)
    if several or cli.line.json:
        groups = list(groups)
    if cli.line.json:
        rows: list[object] = []
        for group in groups:
            if group.error is not None:
                rows.append(error_row(group.error, group.host))
            rows += group.sessions
        cli.out.value(rows)
    else:
        _print_groups(cli, groups, wanted)
    return int(several and any(group.error is not None for group in groups))


def show_names(cli: Invocation, label: Sequence[tuple[str, str]] = ()) -> int:
    """Print the names of the sessions that answer, with the labels; return the exit code, as `show` does.

    What is only remembered of a silent host is no name to act on: a note names the host instead.
    """
    cli.settings()
    failed = False
    rows: list[object] = []
    for group in groups_of(cli, dict(label)):
        places = [Place(row["host"], row["name"]) for row in group.sessions if "stale" not in row]
        failed = failed or group.error is not None
        if cli.line.json:
            silent = group.error or (Unreachable(f"{group.host}: {group.reason}") if group.reason else None)
            rows += [error_row(silent, group.host)] if silent is not None else []
            rows += [{"name": place.name, "host": place.host} for place in places]
        else:
            if group.reason and cli.line.host is None:
                cli.note(f"@{group.host}: {group.reason}")
            cli.out.lines([place.name if cli.line.host else describe.qualified_name(place) for place in places])
    if cli.line.json:
        cli.out.value(rows)
    return int(failed)


def _print_groups(cli: Invocation, groups: Iterable[Group], wanted: dict[str, str]) -> None:
    """Print groups as they come, in columns that should fit the later ones too."""
    several = len(cli.line.hosts) > 1
    to_terminal = os.isatty(printing.STDOUT)
    table = Table(printing.width() if to_terminal else inf, coloured=printing.coloured())
    table.measure([row for group in groups for row in group.sessions] if several else _cached(cli, wanted), time.time())
    listed = 0
    for group in groups:
        listed += len(group.sessions)
        if group.sessions or group.reason or group.twin is not None or several:
            cli.out.lines(table.lines(group.sessions, time.time(), group.host, group.reason, group.twin))
        if not cli.line.hosts and not group.host and (cli.shows_status or not cli.line.verb.word):
            _note_lost(cli, group.sessions)  # not for `list` in a shell's startup file
    if not (listed or several) and to_terminal:
        machine = f" on @{cli.line.host}" if cli.line.hosts else ""
        remark = f"no session{machine} has these labels"
        cli.out.text(remark if wanted else for_host(f"no sessions{machine}; `{SESH} NAME` creates one", cli.line.host))


def groups_of(cli: Invocation, wanted: dict[str, str]) -> Iterator[Group]:
    """Yield the line's hosts, else all machines, with the sessions that have the labels."""
    hosts = cli.line.hosts
    if not hosts:
        groups = lookup.of_all(cli.line_target)
    elif len(hosts) == 1:
        groups = lookup.of_host(cli.line_target, hosts[0])
    else:
        groups = lookup.of_hosts(cli, hosts)
    for group in groups:
        yield group._replace(sessions=[row for row in group.sessions if lookup.has_labels(row, wanted)])


def _cached(cli: Invocation, wanted: dict[str, str]) -> list[Summary]:
    """Return the last known sessions of remotes, whose later rows should fit the columns."""
    hosts = [] if cli.line.hosts else [*chain(*lookup.known_hosts(cli))]
    rows = [row for host in hosts for row in lookup.last_known(host, "")]
    return [row for row in rows if lookup.has_labels(row, wanted)]


def _note_lost(cli: Invocation, sessions: Sequence[Summary]) -> None:
    """Note how many sessions were lost, and how to restore them."""
    reasons = [row["lost"]["reason"] for row in sessions if row["state"] == "lost"]
    if reasons:
        when = " at the reboot" if all(reason == "reboot" for reason in reasons) else ""
        cli.note(f"sessions lost{when}: {len(reasons)}; `{SESH} restore` starts them again")
