"""`--deploy @HOST…` and `--upgrade`: this very sesh put on other machines, several at once."""

from __future__ import annotations

from sesh.cli import printing
from sesh.errors import UsageError
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.cli.parser import Line
    from sesh.remote.deploy.fleet import HostResult


def deploy(line: Line, hosts: Sequence[str] = (), *, force: bool = False) -> int:
    """`--deploy @HOST… [--force]`: 1 where any host did not get it."""
    if hosts:
        raise UsageError(f"hosts wear an @: sesh --deploy @{printable(hosts[0])}")
    if not line.hosts:
        raise UsageError("which host? write: sesh --deploy @HOST")
    return _told(line, _deployed(line.hosts, force=force))


def upgrade(line: Line) -> int:
    """`--upgrade`: deploys again to every known remote; one whose sesh is not ours is passed over, and that is said."""
    from sesh.remote import known

    if line.hosts:
        raise UsageError("--upgrade goes to all known remotes", hint=f"for one: sesh --deploy @{line.hosts[0]}")
    words = [each.host for each in known.all()]
    if not words:
        if not line.json:
            printing.note("no remote is known yet; the first is made known by: sesh --deploy @HOST")
        return printing.done(line, hosts=[])
    return _told(line, _deployed(words, force=False), upgrading=True)


def _deployed(words: Sequence[str], *, force: bool) -> list[HostResult]:
    from sesh.cli import settings
    from sesh.ops import links
    from sesh.remote.deploy import fleet

    return fleet.deploy_all([links.place(host) for host in settings.loaded().hosts_of(words)], force=force)


def _told(line: Line, results: Sequence[HostResult], *, upgrading: bool = False) -> int:
    """Says what became of each host in JSON (fleet has told a person already); the exit code."""
    rows = [_row(result) for result in results]
    failed = [row for row in rows if not row["ok"] and not (upgrading and row["error"].get("foreign"))]
    if line.json:
        printing.value({"ok": not failed, "hosts": rows})
    elif upgrading and (changed := [f"@{row['host']}" for row in rows if row.get("changed")]):
        printing.note(f"sessions that run there keep the sesh that they began with until: sesh {changed[0]} --reload")
    return 1 if failed else 0


def _row(result: HostResult) -> dict[str, Any]:
    """One host as JSON shows it."""
    row: dict[str, Any] = {"host": result.destination.host, "ok": result.deployment is not None}
    if result.deployment is not None:
        done = result.deployment
        names = ("version", "python", "platform", "path", "bytes", "seconds", "changed")
        return {**row, **{name: getattr(done, name) for name in names}}
    error = result.error
    told = {"code": getattr(error, "code", "internal"), "message": str(error), "step": getattr(error, "step", None)}
    return {**row, "error": {**told, "foreign": getattr(error, "foreign", False)}}
