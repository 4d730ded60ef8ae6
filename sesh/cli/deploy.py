"""`--deploy @HOST…` and `--upgrade`: this version of sesh installed on other hosts, several at once."""

from __future__ import annotations

from sesh.cli import printing
from sesh.errors import UsageError
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.cli.invocation import Invocation
    from sesh.remote.deploy.fleet import HostResult

    Row = dict[str, Any]


def deploy(cli: Invocation, hosts: Sequence[str] = (), *, force: bool = False) -> int:
    """`--deploy @HOST… [--force]`: 1 if it failed for any host."""
    if hosts:
        raise UsageError(f"a host begins with @: sesh --deploy @{printable(hosts[0])}")
    if not cli.hosts:
        raise UsageError("which host? write: sesh --deploy @HOST")
    return _report(cli, _deploy(cli, cli.hosts, force=force))


def upgrade(cli: Invocation) -> int:
    """`--upgrade`: deploys to every known remote; one whose sesh is not ours is passed over, and that is said."""
    from sesh.remote import known

    if cli.line.hosts:
        raise UsageError("--upgrade goes to all known remotes", hint=f"for one: sesh --deploy @{cli.line.hosts[0]}")
    words = [each.host for each in known.all()]
    if not words:
        if not cli.json:
            cli.note("no remote is known yet; the first is made known by: sesh --deploy @HOST")
        return cli.done(hosts=[])
    return _report(cli, _deploy(cli, cli.caller.settings().hosts_of(words), force=False), upgrading=True)


def _deploy(cli: Invocation, hosts: Sequence[str], *, force: bool) -> list[HostResult]:
    from sesh.ops import links
    from sesh.remote.deploy import fleet

    return fleet.deploy_all([links.destination(cli.caller, host) for host in hosts], force=force)


def _report(cli: Invocation, results: Sequence[HostResult], *, upgrading: bool = False) -> int:
    """Says what became of each host in JSON (to a person `fleet` has shown it already); the exit code."""
    rows = [_row(result) for result in results]
    failed = [row for row in rows if not row["ok"] and not (upgrading and row["error"]["foreign"])]
    if cli.json:
        printing.value({"ok": not failed, "hosts": rows})
    elif upgrading and (changed := [f"@{row['host']}" for row in rows if row.get("changed")]):
        cli.note(f"sessions that run there keep the sesh that they began with until: sesh {changed[0]} --reload")
    return 1 if failed else 0


def _row(result: HostResult) -> Row:
    """One host as JSON shows it."""
    row: Row = {"host": result.destination.host, "ok": result.deployment is not None}
    if result.deployment is not None:
        names = ("version", "python", "platform", "path", "bytes", "seconds", "changed")
        return {**row, **{name: getattr(result.deployment, name) for name in names}}
    error = result.error
    facts = {"code": getattr(error, "code", "internal"), "message": str(error), "step": getattr(error, "step", None)}
    return {**row, "error": {**facts, "foreign": getattr(error, "foreign", False)}}
