"""`export` prints sessions as JSON, `import` creates them from it, `restore` starts lost ones again."""

from __future__ import annotations

import os
from typing import Annotated, cast

from typer import Argument, Option

from sesh import errors
from sesh.about import SESH
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import Context, Names, renamed
from sesh.cli.printed import PrintedImport, PrintedLayout, prints
from sesh.cli.printing import error_facts
from sesh.cli.render import Failure, failed_facts, lines_of
from sesh.errors import ErrorFacts, Refused, SeshError, UsageError
from sesh.names import printable
from sesh.ops import dormant, layout, lookup
from sesh.reach.target import Target
from sesh.schema.facts import Place
from sesh.schema.outcomes import LayoutEntry, Made, PrintedError
from sesh.system import descriptors
from sesh.text import describe

_MAX_BYTES = 1 << 20  # a larger layout is refused
_STDIN = "-"


@prints(PrintedLayout)
def export(ctx: Context) -> int:
    """Print the sessions here and on known remotes as JSON.

    Each has its name, host, directory, command, resume command and labels. Of several hosts it prints one layout; the
    exit code is 1 if one of them did not answer.

    Examples:
      sesh export > sessions.json
      sesh @web1 @web2 export
      sesh export --local --json
    """
    cli = ctx.obj
    hosts: list[str | None] = [*cli.line.hosts] or [None]
    if len(hosts) > 1:
        results = lookup.call_each(cli, dict(zip(hosts, hosts)), lambda _, target: target.call(layout.sessions))
    else:
        results = {hosts[0]: cli.line_target.call(layout.sessions)}
    failed = {
        str(host): Failure(result.told_by(host), shared=True)
        for host, result in results.items()
        if isinstance(result, SeshError)
    }
    entries: list[LayoutEntry] = []
    for host, result in results.items():
        if not isinstance(result, SeshError):
            entries += [{**entry, "host": entry["host"] or host} for entry in result]
    exported: PrintedLayout = {"version": layout.VERSION, "sessions": entries}
    if cli.line.json and failed:
        exported["failed"] = failed_facts(failed)
    cli.out.text(layout.text(exported, None if cli.line.json else 2))
    for line in lines_of(failed):
        cli.note(line)
    return int(bool(failed))


@prints(PrintedImport)
def import_(
    ctx: Context,
    file: Annotated[str | None, Argument(metavar="FILE", help="What export has printed.", show_default=False)] = None,
) -> int:
    """Create the missing sessions of an export, and restart ended and lost ones.

    Without FILE, or with -, it reads stdin. The exit code is 1 if any of them failed.

    Examples:
      sesh import sessions.json
      sesh import - < sessions.json
      sesh @gpu import - < sessions.json
    """
    cli = ctx.obj
    file = None if file == _STDIN else file
    entries = layout.parse(_read(file), printable(file) if file is not None else "stdin")
    entries = _of_line(cli, entries)
    rows: list[Made] = []
    for host in dict.fromkeys(entry["host"] for entry in entries):
        wanted = [entry for entry in entries if entry["host"] == host]
        try:
            made = cli.target_of(host).call(layout.make, entries=wanted)
        except SeshError as error:
            made = [_failure(entry["name"], error) for entry in wanted]
        rows += _with_host(made, host)
    if not rows and not cli.line.json:
        cli.out.text("the layout has no sessions")
    return _report(cli, rows)


@prints(PrintedImport)
def restore(
    ctx: Context,
    names: Names = None,
    *,
    run: Annotated[bool, Option("--run", help="Start each command at once.")] = False,
    _yes: Annotated[bool, renamed("-y", "--yes", now="--run", meaning="starts each command at once")] = False,
) -> int:
    """Restart the sessions that a reboot or a crash has ended.

    Each starts in its directory, below its old screen. A shell starts at once, and so does the command of resume-with;
    any other command starts when you press Enter in it, or at once with --run. Sessions that ended by themselves stay
    as they are. A restored session gets the environment of this command; values of --env are not kept.

    Examples:
      sesh restore
      sesh restore work agent
      sesh restore --run
      sesh @web1 @web2 restore
    """
    cli = ctx.obj
    rows: list[Made] = []

    def restore_on(target: Target, some: list[str]) -> dict[str, ErrorFacts]:
        rows.extend(_with_host(target.call(dormant.restore, names=some, run=run), target.host))
        return {}

    for name, failure in cli.on_each(names or [], restore_on).items():
        rows += _with_host([_failure(name, failure.error)], failure.error.host)
    if not rows and not cli.line.json:
        cli.out.text("no session is lost")
    return _report(cli, rows, "started")


def _read(file: str | None) -> bytes:
    """Return the bytes of a layout, by default from stdin. Raises Refused, UsageError."""
    if file is None:
        if os.isatty(0):
            raise UsageError(f"no layout given; write: {SESH} import FILE (create it with {SESH} export > FILE)")
        data = descriptors.whole_stdin(_MAX_BYTES)
    else:
        try:
            with open(file, "rb") as content:
                data = content.read(_MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise Refused(f"cannot read {printable(file)}: {reason}; name a file written by sesh export") from error
    if len(data) > _MAX_BYTES:
        raise UsageError(f"the layout is over {_MAX_BYTES} bytes; sesh export did not write it")
    return data


def _of_line(cli: Invocation, entries: list[LayoutEntry]) -> list[LayoutEntry]:
    """Return the entries for the line's host, or with --local for this machine; note the others.

    Raises Refused if there are only others, UsageError for a group of several hosts.
    """
    here = cli.line.host
    if here is None and not cli.line.local:
        return [{**entry, "host": entry["host"] and cli.settings().host_of(entry["host"])} for entry in entries]
    chosen: list[LayoutEntry] = [{**entry, "host": here} for entry in entries if entry["host"] in (None, here)]
    others = [entry["host"] for entry in entries if entry["host"] not in (None, here)]
    if others:
        hosts = ", ".join(f"@{host}" for host in dict.fromkeys(others))
        where, option = (f"@{here}", f"@{here}") if here else ("this machine", "--local")
        if not chosen:
            hint = f"to create them there, leave out {option}; to create them on {where}, set their host to null"
            raise Refused(f"the layout has no session of {where}, only of {hosts}", hint=hint)
        count = f"{len(others)} session{'s' if len(others) > 1 else ''} of {hosts}"
        cli.note(f"{count} left out; to create them there, too, leave out {option}")
    return chosen


def _failure(name: str, error: SeshError) -> Made:
    return {"name": name, "created": False, "error": error.facts()}


def _with_host(rows: list[Made], host: str | None) -> list[Made]:
    for row in rows:
        if "error" in row:
            row["error"] = error_facts(errors.rebuild(row["error"]), host)
    return [{"name": row["name"], "host": host, **row} for row in rows]


def _report(cli: Invocation, rows: list[Made], done: str = "created") -> int:
    failed = {_title(row): cast(PrintedError, row["error"]) for row in rows if "error" in row}
    if cli.line.json:
        cli.out.value({"ok": not failed, "sessions": rows, **({"failed": failed} if failed else {})})
        return int(bool(failed))
    for row in rows:
        name = _title(row)
        command = f": {describe.command_line(row['command'] or [])}" if "command" in row else ""
        if "error" in row:
            cli.note(f"{name} was not {done}: {cast(PrintedError, row['error'])['message']}")
        elif row.get("awaits_enter"):
            cli.out.text(f"{name} waits for Enter to run again{command}")
        else:
            again = " again" if row.get("again") else ""
            words = f"{'started' if again else done} {name}{again}{command}"
            cli.out.text(words if row["created"] else f"{name} already runs")
        if row["created"]:
            cli.note_verb(row["name"], row["host"])
    return int(bool(failed))


def _title(row: Made) -> str:
    return describe.qualified_name(Place(row["host"], row["name"]))
