"""`--deploy`, `--undeploy`, `--upgrade` and `--forget`: sesh on other hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from typer import Argument, Option

from sesh import wording
from sesh.about import CALLED
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.words import Context
from sesh.errors import InvalidHost, NotDeployed, NotFound, SeshError, UsageError
from sesh.names import natural, printable
from sesh.ops import undeploy as undeploy_op
from sesh.reach import links
from sesh.remote import known
from sesh.remote.deploy import fleet
from sesh.remote.deploy.fleet import HostResult
from sesh.remote.ssh import master
from sesh.schema import DeployedHost, PrintedDeployError

HostWords = Annotated[list[str] | None, Argument(metavar="@HOST…", show_default=False)]


def deploy(
    ctx: Context,
    hosts: HostWords = None,
    *,
    force: Annotated[bool, Option("--force", help="Replace a ~/.local/bin/sesh that sesh did not install.")] = False,
) -> int:
    """Install this version of sesh on other hosts; the exit code is 1 if it failed for any.

    Examples:
      sesh deploy @box
      sesh deploy @web1 @web2
    """
    cli = ctx.obj
    _check_hosts(cli, hosts or [])
    return _deploy(cli, cli.hosts, force=force)


def upgrade(ctx: Context) -> int:
    """Install this version of sesh on all known remotes; one whose sesh is not ours is passed over.

    Examples:
      sesh upgrade
    """
    cli = ctx.obj
    if cli.line.hosts:
        raise UsageError(
            "--upgrade takes no host: it deploys to all known remotes",
            hint=f"for one: {CALLED} --deploy @{cli.line.hosts[0]}",
        )
    hosts = _machines()
    if not hosts:
        if not cli.json:
            cli.note(f"there are no known remotes; start with: {CALLED} --deploy @HOST")
        return cli.done(hosts=[])
    return _deploy(cli, cli.settings().hosts_of(hosts), upgrading=True)


def _machines() -> list[str]:
    """Return the known remotes, each machine and account by one name.

    Of those by which it has answered when it was asked last, it is the one that was used first.
    """
    remotes = known.all()
    chosen: dict[str, str] = {}
    for remote in sorted(remotes, key=lambda each: (known.unanswered(each.host), each.first_used)):
        chosen.setdefault(remote.account or remote.key, remote.host)
    return [remote.host for remote in remotes if remote.host in chosen.values()]


def forget(ctx: Context, hosts: HostWords = None) -> int:
    """Forget a known remote: lists and lookups no longer ask it. Nothing is changed on the host.

    Each is tried; the exit code is 1 if any was not known.

    Examples:
      sesh forget @box
    """
    cli = ctx.obj
    _check_hosts(cli, hosts or [])
    unknown = ", ".join(f"@{host}" for host in cli.hosts if not _forgotten(cli, host))
    if unknown:
        others = ", ".join(f"@{remote.host}" for remote in known.all())
        hint = f"known: {others}" if others else "no remote is known"
        raise NotFound(f"{unknown} is not a known remote", hint=hint)
    return cli.done(hosts=list(cli.hosts))


def undeploy(cli: Invocation, hosts: Sequence[str] = ()) -> int:
    """`--undeploy @HOST`: remove sesh from a host on which no session runs, and forget the host. Raises Refused."""
    _check_hosts(cli, hosts or [])
    host = cli.hosts[0]
    try:
        answer = cli.target_of(host).call(undeploy_op.remove)
    except NotDeployed as missing:
        missing.hint = "it is forgotten" if _forgotten(cli, host) else ""
        raise
    known.keep(host, ())  # other names of it have no sessions any more either
    _forgotten(cli, host)
    if not cli.json:
        if answer["forgotten"]:
            cli.note(f"what was kept of {', '.join(answer['forgotten'])} is gone")
        printing.text(f"removed from @{host}: {wording.plain(', '.join(answer['removed']))}")
    return cli.done(host=host, **answer)


def _forgotten(cli: Invocation, host: str) -> bool:
    """Forget a host, by all of its names, and end the shared connections to it that no session uses; return whether it
    was known."""
    name, remotes = known.name_of(host), known.named(host)
    others = sorted({remote.host for remote in remotes} - {name}, key=natural)
    was_known = known.forget(host)
    if others and not cli.json:
        cli.note(f"the same machine is forgotten by its other names too: {', '.join(f'@{other}' for other in others)}")
    _retire_connections(cli, {host, name, *others, *(alias for remote in remotes for alias in remote.aliases)})
    return was_known


def _retire_connections(cli: Invocation, names: set[str]) -> None:
    """End the shared connections to the host of these names, as far as none of them is in use."""
    for name in names:
        try:
            master.retire(links.destination_of(cli, name))
        except InvalidHost:
            continue  # ssh knows no such host any more
        except SeshError as error:
            cli.note(f"a shared connection to @{name} may stay open: {error}")


def _check_hosts(cli: Invocation, words: Sequence[str]) -> None:
    """Raise UsageError if a host is named without its `@`, or none is."""
    if words:
        raise UsageError(f"a host begins with @: {CALLED} {cli.verb} @{printable(words[0])}")
    if not cli.hosts:
        hosts = ", ".join(f"@{remote.host}" for remote in known.all())
        hint = f"known: {hosts}" if hosts else ""
        raise UsageError(f"no host given; write: {CALLED} {cli.verb} @HOST", hint=hint)


def _deploy(cli: Invocation, hosts: Sequence[str], *, force: bool = False, upgrading: bool = False) -> int:
    """Deploy to hosts, print each result as JSON (a person has seen it already); return the exit code."""
    results = fleet.deploy_all([links.destination_of(cli, host) for host in hosts], force=force)
    rows = [_row(result) for result in results]
    failed = [row for row in rows if not row["ok"] and not (upgrading and row["error"]["foreign"])]
    if cli.json:
        printing.value({"ok": not failed, "hosts": rows})
    elif older := " ".join(
        f"@{each.destination.host}" for each in results if each.deployment and each.deployment.replaced
    ):
        cli.note(f"running sessions keep their old version until: {CALLED} {older} --reload")
    return 1 if failed else 0


def _row(result: HostResult) -> DeployedHost:
    host, made, error = result.destination.host, result.deployment, result.error
    if made is None:
        facts: PrintedDeployError = {
            "code": getattr(error, "code", "internal"),
            "message": str(error),
            "step": getattr(error, "step", None),
            "foreign": getattr(error, "foreign", False),
        }
        return {"host": host, "ok": False, "error": facts}
    return {
        "host": host,
        "ok": True,
        "version": made.version,
        "python": made.python,
        "platform": made.platform,
        "path": made.path,
        "bytes": made.bytes,
        "seconds": made.seconds,
        "changed": made.changed,
    }
