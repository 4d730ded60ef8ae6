"""`sesh` and `--list`: the sessions of this machine and known remotes, as a table or JSON. Loads no typer."""

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
from sesh.cli.verbs import load
from sesh.errors import SeshError, for_host
from sesh.ops import lookup, views
from sesh.ops.views import has_labels
from sesh.remote import known
from sesh.schema import Summary

_HOST_TIMEOUT = 5.0  # seconds for a host that the line names; other remotes get less


class _Group(NamedTuple):
    """Sessions of a machine, below the name of the host, if they have one, and the reason why it does not answer."""

    sessions: Sequence[Summary]
    host: str = ""
    reason: str = ""
    error: SeshError | None = None


def list_or_pick(cli: Invocation) -> int:
    """Show the board if the settings say so, else print the list: `sesh` alone."""
    if printing.on_terminal() and not (cli.line.json or printing.dumb()) and cli.settings().pick:
        return int(load("choose.picked")(cli))
    return show(cli)


def show(cli: Invocation, label: Sequence[tuple[str, str]] = ()) -> int:
    """Print the sessions that have all of the labels, here and on known remotes; return the exit code.

    The exit code is 1 if one of several hosts did not answer.
    """
    hosts, wanted = cli.line.hosts, dict(label)
    several = len(hosts) > 1
    groups: Iterable[_Group] = _of_hosts(cli) if several else _of_host(cli, hosts[0]) if hosts else _of_all(cli)
    table = Table(printing.width(printing.STDOUT) if os.isatty(printing.STDOUT) else None, coloured=printing.coloured())
    if not cli.line.json:
        later = [row for group in groups for row in group.sessions] if several else _cached(cli)
        table.measure(later := [row for row in later if has_labels(row, wanted)], time.time())
        if several and later:
            cli.out.lines(table.lines([], time.time()))  # the headings
    rows: list[object] = []
    for group in groups:
        sessions = [row for row in group.sessions if has_labels(row, wanted)]
        if group.error is not None:
            rows.append(error_row(group.error, group.host))
        rows += sessions
        if not cli.line.json and (sessions or group.reason or several):
            _print(cli, table, group, sessions)
    if cli.line.json:
        cli.out.value(rows)
    elif not rows and not several and os.isatty(printing.STDOUT):
        machine = f" on @{cli.host}" if cli.host is not None else ""
        remark = f"no session{machine} has these labels"
        cli.out.text(remark if wanted else for_host(f"no sessions{machine}; `{SESH} NAME` creates one", cli.host))
    return int(several and any(group.error is not None for group in groups))


def _print(cli: Invocation, table: Table, group: _Group, sessions: Sequence[Summary]) -> None:
    """Print sessions below the name of their host."""
    lines = table.lines(sessions, time.time()) if sessions else []
    if group.host:
        lines.insert(len(lines) - len(sessions), table.remark(group.host, group.reason))  # below the headings
    cli.out.text("\n".join(lines))


def _of_all(cli: Invocation) -> Iterator[_Group]:
    """Yield the sessions of this machine, then those of known remotes."""
    overview = cli.target.call(views.overview)
    for reason in overview["refusals"]:
        cli.note(reason)
    yield _Group(overview["sessions"])
    if not cli.line.json and (cli.watched or not cli.line.verb.dashed):  # not for `--list` in a shell's startup file
        _note_lost(cli, overview["sessions"])
    for host, sessions, reason in lookup.query_known(cli) if _asks_remotes(cli) else ():
        yield _Group(sessions, host, reason)


def _asks_remotes(cli: Invocation) -> bool:
    return not cli.line.local and paths.knows_remotes()


def _cached(cli: Invocation) -> list[Summary]:
    """Return the last known sessions of remotes, whose rows come later, and should fit the columns."""
    hosts = known.hosts() if not cli.line.hosts and _asks_remotes(cli) else []
    return [row for host in hosts for row in lookup.last_known(host, "")]


def _of_host(cli: Invocation, host: str) -> Iterator[_Group]:
    """Yield the sessions of one host; if it does not answer, the last known ones, and raise its error."""
    try:
        sessions = _sessions(cli, host)
    except (errors.TimedOut, errors.Unreachable) as error:
        reason = lookup.reason(error)
        if cached := lookup.last_known(host, reason):
            yield _Group(cached, host, reason)
        raise
    known.cache_list(host, sessions)
    yield _Group(sessions)


def _sessions(cli: Invocation, host: str) -> list[Summary]:
    """Return the sessions of a host. Raises its error, for a person after a short timeout if sessions are cached."""
    if cli.watched and known.sessions(host) and not known.asks(host):
        try:
            return lookup.sessions_of(cli, host, time.monotonic() + _HOST_TIMEOUT, named=True)
        except (errors.LoginRefused, errors.NotDeployed, OSError):
            pass  # retry below, where the person can log in, or agree to a deploy
    target = cli.target
    overview = target.call(views.overview)
    for refusal in overview["refusals"]:
        cli.note(refusal)
    return [lookup.placed(row, host, overview["home"], target.clock) for row in overview["sessions"]]


def _of_hosts(cli: Invocation) -> list[_Group]:
    """Return the sessions of each host; of one that does not answer, its error and the last known ones."""
    groups = []
    answers = dict(lookup.query(cli, cli.line.hosts, named=True))
    for host in cli.line.hosts:
        answer = answers[host]
        if isinstance(answer, SeshError):
            groups.append(_Group(lookup.last_known(host, str(answer)), host, str(answer), answer))
        else:
            groups.append(_Group(answer, host))
    return groups


def _note_lost(cli: Invocation, sessions: Sequence[Summary]) -> None:
    """Note how many sessions were lost, and how to restore them."""
    reasons = [row["lost"]["reason"] for row in sessions if row["state"] == "lost"]
    if reasons:
        when = " at the reboot" if all(reason == "reboot" for reason in reasons) else ""
        cli.note(f"sessions lost{when}: {len(reasons)}; `{SESH} --restore` starts them again")
