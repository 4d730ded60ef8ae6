"""`--list`: the sessions here and on known remotes, as a table or as JSON."""

from __future__ import annotations

import os
import time

from sesh.cli import printing
from sesh.cli.verbs import BY_NAME
from sesh.errors import SeshError, for_host
from sesh.names import check_label
from sesh.ops import views
from sesh.ops.views import bears
from sesh.remote import known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.cli.invocation import Invocation
    from sesh.cli.table import Table
    from sesh.schema import Summary


def list_(cli: Invocation, *, label: Sequence[str] = (), watch: bool = False) -> int:
    """`--list [--label K=V]… [--watch]`: the sessions that have all of the labels, here and on known remotes."""
    if watch:
        return BY_NAME["--watch"].function()(cli, label=label)
    wanted = dict(map(check_label, label))
    if len(cli.hosts) > 1:
        return _list_hosts(cli, label)
    overview = cli.target.call(views.overview)
    sessions = [session for session in overview["sessions"] if bears(session, wanted)]
    for reason in overview["refusals"]:
        cli.note(reason)
    if cli.host is not None:
        known.record_names(cli.host, overview["sessions"])
        known.forget_unless_known(cli.host)
    hosts: list[str] | None = None
    if cli.host is None and not cli.local and known.exist():
        from sesh.ops import lookup

        hosts = lookup.hosts(cli)
    table = None
    if not cli.json:
        from sesh.cli.table import Table

        columns = printing.width(printing.STDOUT) if os.isatty(printing.STDOUT) else None
        table = Table(columns, coloured=printing.coloured())
    rows: list[Summary] = [{**session, "host": cli.host} for session in sessions]
    if table is not None and sessions:
        shown = sessions if cli.host is None else [_at_home(session, overview["home"]) for session in sessions]
        printing.text("\n".join(table.lines(shown, time.time())))
    if hosts is not None:
        rows += _remote_rows(cli, hosts, wanted, table)
    if cli.json:
        return cli.value(rows)
    if not rows and os.isatty(printing.STDOUT):
        machine = f" on @{cli.host}" if cli.host is not None else ""
        none = f"no session{machine} has these labels" if wanted else f"no sessions{machine}; `$sesh NAME` creates one"
        printing.text(for_host(none, cli.host))
    return 0


def _remote_rows(cli: Invocation, hosts: list[str], wanted: dict[str, str], table: Table | None) -> list[Summary]:
    """Return the sessions of the remotes that answer; with a table print them as they come."""
    from sesh.ops import lookup

    if table is not None:
        for host in lookup.skipped(cli):
            printing.text(table.remark(host, lookup.SKIPPED))
    rows: list[Summary] = []
    for host, answer in lookup.summaries(cli, hosts):
        if not isinstance(answer, SeshError):
            own = [session for session in answer if bears(session, wanted)]
            if table is not None and own:
                lines = table.lines(own, time.time())
                lines.insert(len(lines) - len(own), table.remark(host))
                printing.text("\n".join(lines))
            rows += own
        elif table is not None:
            printing.text(table.remark(host, lookup.reason(answer)))
    return rows


def _list_hosts(cli: Invocation, label: Sequence[str]) -> int:
    """`sesh @a @b --list`: the sessions of each host, or the error in their place; 1 if any did not answer."""
    from sesh.cli import fanout
    from sesh.cli.table import Table

    branches = fanout.each_host(cli, {"label": list(label)}, list_)
    answers = fanout.gather(branches)
    if cli.json:
        cli.value(fanout.rows(answers))
        return int(any(branch.code for branch in branches))
    table = Table(printing.width(printing.STDOUT) if os.isatty(printing.STDOUT) else None, coloured=printing.coloured())
    now = time.time()
    sessions: list[list[Summary]] = [answer if isinstance(answer, list) else [] for answer in answers]
    table.measure([session for own in sessions for session in own], now)
    for branch, answer, own in zip(branches, answers, sessions, strict=True):
        reason = answer["error"]["message"] if isinstance(answer, dict) else ""
        lines = table.lines(own, now)
        lines.insert(len(lines) - len(own), table.remark(branch.title, reason))
        printing.text("\n".join(lines))
    return int(any(branch.code for branch in branches))


def _at_home(session: Summary, home: str) -> Summary:
    """Return a session of a host, its directory written with `~` for the home there."""
    directory, above = session.get("cwd") or "", home.rstrip("/")
    if home and (directory == home or directory.startswith(f"{above}/")):
        return {**session, "cwd": f"~{directory.removeprefix(above)}"}
    return session
