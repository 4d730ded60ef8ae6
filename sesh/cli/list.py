"""`--list`, printed."""

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
    wanted = dict(check_label(word) for word in label)
    found = cli.target.call(views.overview)
    sessions = [each for each in found["sessions"] if bears(each, wanted)]
    for reason in found["refusals"]:
        cli.note(reason)
    if cli.host is not None:
        known.record_names(cli.host, found["sessions"])
        known.forget_unless_known(cli.host)
    asks = cli.host is None and not cli.caller.local and known.exist()
    remotes = _worth_asking(cli) if asks else []
    if cli.json:
        rows: list[Summary] = [{**each, "host": cli.host} for each in sessions]
        return cli.value([*rows, *_rows_of_remotes(cli, remotes, wanted)])
    table = _table()
    if sessions:
        shown = sessions if cli.host is None else [_at_home(each, found["home"]) for each in sessions]
        printing.text("\n".join(table.lines(shown, time.time())))
    if asks:
        sessions += _list_remotes(cli, table, remotes, wanted)
    if not sessions and os.isatty(printing.STDOUT):
        where = f" on @{cli.host}" if cli.host is not None else ""
        none = f"no session{where} has these labels" if wanted else f"no sessions{where}; `$sesh NAME` creates one"
        printing.text(for_host(none, cli.host))
    return 0


def _worth_asking(cli: Invocation) -> list[str]:
    """The known remotes that did not just fail."""
    from sesh.ops import lookup

    return lookup.hosts(cli.caller)


def _rows_of_remotes(cli: Invocation, hosts: list[str], wanted: dict[str, str]) -> list[Summary]:
    """The sessions of those that answer."""
    if not hosts:
        return []
    from sesh.ops import lookup

    answers = [answer for _, answer in lookup.summaries(cli.caller, hosts) if not isinstance(answer, SeshError)]
    return [each for answer in answers for each in answer if bears(each, wanted)]


def _list_remotes(cli: Invocation, table: Table, hosts: list[str], wanted: dict[str, str]) -> list[Summary]:
    """Prints the sessions of known remotes as they answer; those that were printed."""
    from sesh.ops import lookup

    for word in lookup.skipped(cli.caller):
        printing.text(table.remark(word, lookup.SKIPPED))
    found = []
    for word, answer in lookup.summaries(cli.caller, hosts):
        if isinstance(answer, SeshError):
            printing.text(table.remark(word, lookup.reason(answer)))
            continue
        rows = [each for each in answer if bears(each, wanted)]
        if rows:
            lines = table.lines(rows, time.time())
            lines.insert(len(lines) - len(rows), table.remark(word))
            printing.text("\n".join(lines))
        found += rows
    return found


def _table() -> Table:
    """The table for stdout: fitted and coloured on a terminal."""
    from sesh.cli.table import Table

    columns = printing.width(printing.STDOUT) if os.isatty(printing.STDOUT) else None
    return Table(columns, coloured=printing.coloured(printing.STDOUT))


def _at_home(session: Summary, home: str) -> Summary:
    """A session of a host, its directory written with `~` for the home there."""
    directory = session.get("cwd") or ""
    if home and (directory == home or directory.startswith(home.rstrip("/") + "/")):
        return {**session, "cwd": f"~{directory[len(home.rstrip('/')) :]}"}
    return session
