"""`sesh` and `--list`: print sessions as a table or JSON, without loading typer."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sesh import errors, paths
from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.printing import error_row
from sesh.cli.table import Table
from sesh.errors import SeshError, for_host
from sesh.ops import lookup, views
from sesh.remote import known
from sesh.schema import Summary

_HOST_TIMEOUT = 5.0  # seconds for a host that the line names; other remotes get less


class Group(NamedTuple):
    """Sessions of a machine, below the name of its host and why it is silent."""

    sessions: Sequence[Summary]
    host: str = ""
    reason: str = ""
    error: SeshError | None = None


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


def _print_groups(cli: Invocation, groups: Iterable[Group], wanted: dict[str, str]) -> None:
    """Print groups as they come, in columns that should fit the later ones too."""
    several = len(cli.line.hosts) > 1
    to_terminal = os.isatty(printing.STDOUT)
    table = Table(printing.width() if to_terminal else None, coloured=printing.coloured())
    table.measure([row for group in groups for row in group.sessions] if several else _cached(cli, wanted), time.time())
    listed = 0
    for group in groups:
        listed += len(group.sessions)
        if group.sessions or group.reason or several:
            cli.out.lines(table.lines(group.sessions, time.time(), group.host, group.reason))
        if not cli.line.hosts and not group.host and (cli.shows_status or not cli.line.verb.dashed):
            _note_lost(cli, group.sessions)  # not for `--list` in a shell's startup file
    if not (listed or several) and to_terminal:
        machine = f" on @{cli.line.host}" if cli.line.hosts else ""
        remark = f"no session{machine} has these labels"
        cli.out.text(remark if wanted else for_host(f"no sessions{machine}; `{SESH} NAME` creates one", cli.line.host))


def groups_of(cli: Invocation, wanted: dict[str, str]) -> Iterator[Group]:
    """Yield the line's hosts, else all machines, with the sessions that have the labels."""
    groups: Iterable[Group]
    match cli.line.hosts:
        case []:
            groups = _of_all(cli)
        case [host]:
            groups = _of_host(cli, host)
        case _:
            groups = _of_hosts(cli)
    for group in groups:
        yield group._replace(sessions=_labelled(group.sessions, wanted))


def _labelled(sessions: Sequence[Summary], wanted: dict[str, str]) -> list[Summary]:
    return [row for row in sessions if lookup.has_labels(row, wanted)]


def _of_all(cli: Invocation) -> Iterator[Group]:
    """Yield the sessions of this machine, then those of known remotes."""
    overview = cli.line_target.call(views.overview)
    for reason in overview["refusals"]:
        cli.note(reason)
    yield Group(overview["sessions"])
    if _lists_remotes(cli):
        for host, sessions, reason in lookup.query_known(cli):
            yield Group(sessions, host, reason)


def _lists_remotes(cli: Invocation) -> bool:
    return not (cli.line.hosts or cli.line.local) and paths.knows_remotes()


def _cached(cli: Invocation, wanted: dict[str, str]) -> list[Summary]:
    """Return the last known sessions of remotes, whose later rows should fit the columns."""
    hosts = known.hosts() if _lists_remotes(cli) else []
    return [row for host in hosts for row in _labelled(lookup.last_known(host, ""), wanted)]


def _of_host(cli: Invocation, host: str) -> Iterator[Group]:
    """Yield the sessions of a host, or the last known ones before its error."""
    try:
        sessions = _sessions(cli, host)
    except (errors.TimedOut, errors.Unreachable) as error:
        reason = lookup.reason(error)
        if cached := lookup.last_known(host, reason):
            yield Group(cached, host, reason)
        raise
    known.cache_list(host, sessions)
    yield Group(sessions)


def _sessions(cli: Invocation, host: str) -> list[Summary]:
    """Return the sessions of a host; raise its error soon if there are cached ones."""
    if cli.shows_status and known.sessions(host) and not known.login_prompted(host):
        try:
            return lookup.sessions_of(cli, host, time.monotonic() + _HOST_TIMEOUT, named=True)
        except (errors.LoginRefused, errors.NotDeployed, OSError):
            pass  # retry below, where the person can log in, or agree to a deploy
    return lookup.placed_rows(cli.line_target)


def _of_hosts(cli: Invocation) -> Iterator[Group]:
    """Yield the sessions of each host, or its error and the last known ones."""
    results = dict(lookup.query(cli, cli.line.hosts, named=True))
    for host in cli.line.hosts:
        result = results[host]
        if isinstance(result, SeshError):
            yield Group(lookup.last_known(host, str(result)), host, str(result), result)
        else:
            yield Group(result, host)


def _note_lost(cli: Invocation, sessions: Sequence[Summary]) -> None:
    """Note how many sessions were lost, and how to restore them."""
    reasons = [row["lost"]["reason"] for row in sessions if row["state"] == "lost"]
    if reasons:
        when = " at the reboot" if all(reason == "reboot" for reason in reasons) else ""
        cli.note(f"sessions lost{when}: {len(reasons)}; `{SESH} --restore` starts them again")
