"""`hosts`, `deploy`, `upgrade` and `forget`: list hosts, install sesh on them, and forget them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any

from typer import Argument, Option

from sesh.about import PROGRAM, __version__
from sesh.cli import parameters
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import Context, Yes, offering_hosts
from sesh.cli.printed import PrintedForgotten, PrintedHost, PrintedHosts, prints
from sesh.cli.render import Failure, show_each
from sesh.errors import NotDeployed, NotFound, Refused, SeshError, UsageError, rebuild
from sesh.names import check_host, printable
from sesh.ops import forwards, undeploy
from sesh.reach.host_target import destination_of
from sesh.remote import known
from sesh.remote.deploy.deploy import deploy_all
from sesh.remote.ssh import master, ssh
from sesh.schema.outcomes import PrintedDeployError, PrintedError
from sesh.text import describe, safe, times

_HOSTS: dict[str, Any] = {"metavar": "@HOST…", "help": "The hosts' names.", "show_default": False}
AnyHosts = Annotated[list[str] | None, Argument(autocompletion=offering_hosts(parameters.hosts), **_HOSTS)]
Remotes = Annotated[
    list[str] | None,
    Argument(autocompletion=offering_hosts(lambda: [f"@{host}" for host in parameters.remotes()]), **_HOSTS),
]


@prints(list[PrintedHost])
def hosts(ctx: Context) -> int:
    """List the known hosts, with what was last known of them: `sesh` and lookups ask these.

    A host becomes known when you use it or deploy to it; `forget` removes it. USED is your last use of it, SESSIONS
    how many it had at the last look, REACHED the program that reaches it (see [remotes] in config.toml).

    Examples:
      sesh hosts
      sesh hosts --json
    """
    cli = ctx.obj
    for damage in known.damage():
        cli.note(damage)
    rows = [_known_host(cli, host) for host in known.hosts()]
    if cli.line.json:
        return cli.out.value(rows)
    if not rows:
        cli.note(f"there are no known hosts; one becomes known when you use it: {PROGRAM} @HOST")
        return 0
    table = [("HOST", "VERSION", "USED", "SESSIONS", "REACHED", "")]
    for row in rows:
        used = times.seconds(row["used"])
        ago = times.ago(time.time() - used) if used is not None else "-"
        failure = f"no answer at the last try ({row['failure']})" if row["failure"] else ""
        reached = describe.command_line(row["via"]) if row["via"] else "ssh"
        table.append((f"@{row['host']}", row["version"] or "-", ago, str(row["sessions"]), reached, failure))
    cli.out.table(table)
    return 0


def _known_host(cli: Invocation, host: str) -> PrintedHost:
    facts = known.of(host)
    failure = facts.get("failure")
    return {
        "host": host,
        "version": facts.get("version"),
        "used": times.stamp(facts["used"]) if "used" in facts else None,
        "via": cli.settings().via(host),
        "sessions": len(facts.get("sessions", [])),
        "failure": (failure["reason"] or "login refused") if failure is not None else None,
    }


@prints(PrintedHosts)
def deploy(
    ctx: Context,
    hosts: AnyHosts = None,
    *,
    force: Annotated[
        bool,
        Option("--force", help="Replace a ~/.local/bin/sesh that sesh did not install. (send types all the same.)"),
    ] = False,
) -> int:
    """Install this version of sesh on other hosts; exit with 1 if any failed.

    Examples:
      sesh deploy @box
      sesh deploy @web1 @web2
    """
    return _deploy(ctx.obj, _given(ctx.obj, hosts or []), force=force)


@prints(PrintedHosts)
def upgrade(ctx: Context, *, yes: Yes = False) -> int:
    """Install this version of sesh on all known remotes.

    It asks first; in a script it needs -y.

    It skips a remote with a ~/.local/bin/sesh that sesh did not install.

    Examples:
      sesh upgrade
      sesh upgrade -y
    """
    cli = ctx.obj
    hosts = known.hosts()
    if not hosts:
        if not cli.line.json:
            cli.note(f"there are no known remotes; start with: {PROGRAM} deploy @HOST")
        return cli.out.done(hosts=[])
    if not (yes or cli.can_answer):
        hint = f"to deploy without a question, write: {PROGRAM} upgrade -y"
        raise Refused(f"nobody can be asked here whether to deploy sesh {__version__} to {_named(hosts)}", hint=hint)
    if not yes and not cli.agrees(f"deploy sesh {__version__} to {_named(hosts)}?"):
        raise Refused("nothing was deployed")
    return _deploy(cli, hosts, upgrading=True)


@prints(PrintedForgotten)
def forget(
    ctx: Context,
    hosts: Remotes = None,
    *,
    remove: Annotated[
        bool,
        Option(
            "--remove", help="Uninstall sesh from the host first, unless it has sessions. (integrate removes hooks.)"
        ),
    ] = False,
) -> int:
    """Forget a known remote: lists and lookups no longer ask it, and its ports are forwarded no more.

    Without --remove nothing is changed on the host; if --remove fails, the host is not forgotten. Each host is tried;
    the exit code is 1 if any was not known.

    Examples:
      sesh forget @box
      sesh forget --remove @box
    """
    cli = ctx.obj
    chosen = _given(cli, hosts or [])
    several = len(chosen) > 1
    removed: dict[str, list[str]] = {}
    failed: dict[str, Failure] = {}
    for host in chosen:
        try:
            if remove:
                removed[host] = cli.target_of(host).call(undeploy.remove)
        except NotDeployed as error:
            failed[host] = Failure(error)  # and it is forgotten all the same
        except SeshError as error:
            failed[host] = Failure(error, shared=several)
            continue
        if not known.forget(host) and not remove:
            remotes = known.hosts()
            hint = f"known: {_named(remotes)}" if remotes else "no remote is known"
            failed[host] = Failure(NotFound(f"@{host} is not a known remote", hint=hint))
        with suppress(SeshError):
            forwards.stop(host)
        with suppress(SeshError):  # ssh may not know the host any more
            destination = destination_of(cli, host)
            for bulk in (True, False) if ssh.owns_control_path(destination) else ():
                destination.bulk = bulk
                master.close(destination, ends_links=False)
    if not cli.line.json:
        for host, paths in removed.items():
            cli.out.text(f"removed from @{host}: {safe.plain(', '.join(paths))}")
    done = [host for host in chosen if host not in failed]
    return show_each(cli.out, "hosts", done, failed, facts={"removed": removed} if remove else {})


def install(cli: Invocation, host: str) -> None:
    """Install sesh on one host. Raises the error of a deploy that failed."""
    deployed = deploy_all([destination_of(cli, host)])[host]
    if "error" in deployed:
        raise rebuild(deployed["error"])


def _named(hosts: Sequence[str]) -> str:
    return ", ".join(f"@{host}" for host in hosts)


def _given(cli: Invocation, words: Sequence[str]) -> list[str]:
    """Return the hosts of the line and of `words`. Raises UsageError if there are none."""
    for word in words:
        if word[:1] != "@":
            raise UsageError(f"a host begins with @: {PROGRAM} {cli.line.verb.word} @{printable(word)}")
    named = cli.settings().hosts_of([check_host(word[1:]) for word in words])
    hosts = list(dict.fromkeys([*cli.line.hosts, *named]))
    if not hosts:
        remotes = _named(known.hosts())
        hint = f"known: {remotes}" if remotes else ""
        raise UsageError(f"no host given; write: {PROGRAM} {cli.line.verb.word} @HOST", hint=hint)
    return hosts


def _deploy(cli: Invocation, hosts: Sequence[str], *, force: bool = False, upgrading: bool = False) -> int:
    """Deploy to hosts; return the exit code. Print only JSON, since `deploy_all` prints the progress."""
    results = deploy_all([destination_of(cli, host) for host in hosts], force=force, upgrading=upgrading)
    rows = list(results.values())
    failed = {
        row["host"]: _printed(row["error"])
        for row in rows
        if "error" in row and not (upgrading and row["error"]["foreign"])
    }
    if cli.line.json:
        cli.out.value({"ok": not failed, "hosts": rows, **({"failed": failed} if failed else {})})
    return int(bool(failed))


def _printed(error: PrintedDeployError) -> PrintedError:
    return {"code": error["code"], "message": error["message"]}
