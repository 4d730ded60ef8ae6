"""`--sweep`: leftovers listed, and cleared as the person agrees."""

from __future__ import annotations

from typing import Annotated, cast

from typer import Option

from sesh import bounds, moments, wording
from sesh.cli import fanout, printing
from sesh.cli.invocation import Invocation
from sesh.cli.words import TIME, Context
from sesh.errors import SeshError, rebuild
from sesh.ops.sweep import clear, leftovers
from sesh.schema import LeftoverFacts, PrintedError, Swept

_UNASKED = 7 * 86400.0
"""Seconds of `--older` if nobody can be asked."""
_KINDS = {
    "ended": "ended session",
    "lost": "lost session",
    "file": "stale file",
    "daemon": "orphaned daemon",
    "bridge": "orphaned bridge",
    "connection": "stale connection",
    "version": "old version",
}


def sweep(
    ctx: Context,
    *,
    older: Annotated[
        str | None, Option("--older", metavar="TIME", help=f"Only what is older than {TIME}; without a terminal 7d.")
    ] = None,
    all_: Annotated[bool, Option("--all", help="Also end processes that still run, without asking.")] = False,
    yes: Annotated[bool, Option("-y", help="The same as --all.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only list what would be cleared.")] = False,
) -> int:
    """Clear leftovers: ended and lost sessions, stale files, orphaned processes, old versions.

    The oldest come first. Processes that still run (a daemon without files, a bridge without its link) are ended only
    if you agree; running sessions, and those of another machine, are never touched. It asks before it forgets a
    session; without a terminal it clears only what is older than a week, or than --older. The exit code is 1 if
    something could not be cleared.

    Examples:
      sesh sweep --dry-run
      sesh sweep --older 7d
      sesh @gpu sweep
    """
    cli = ctx.obj
    asks = cli.can_ask and not cli.json
    seconds = bounds.parse_seconds(older, "--older", least=0)
    if seconds is None:
        seconds = 0.0 if asks else _UNASKED
    if len(cli.hosts) > 1 and not asks:
        words = {"older": older, "all_": all_, "yes": yes, "dry_run": dry_run}
        return fanout.run(cli, words)
    if len(cli.hosts) < 2:
        answer = _sweep(cli, cli.host, seconds, asks=asks, ends=all_ or yes, dry_run=dry_run)
        if cli.json:
            cli.value(answer)
        return 0 if answer["ok"] else 1
    cleared = True
    for host in cli.hosts:  # one after the other: the person is asked about each
        try:
            cleared &= _sweep(cli, host, seconds, asks=asks, ends=all_ or yes, dry_run=dry_run)["ok"]
        except SeshError as error:
            cli.note(error.line(host))
            cleared = False
    return 0 if cleared else 1


def _sweep(cli: Invocation, host: str | None, seconds: float, *, asks: bool, ends: bool, dry_run: bool) -> Swept:
    target = cli.target_of(host)
    rows = target.call(leftovers, older=seconds, surely=not asks)
    forgets, prefix = True, f"@{host}: " if len(cli.hosts) > 1 else ""
    if not cli.json:
        _show(rows, prefix)
        if asks and not ends and not dry_run:
            ends = forgets = _agrees(cli, rows, f" on @{host}" if host is not None else "")
    if dry_run or not rows:
        rows = [{**row, "cleared": False} for row in rows]
    else:
        rows = target.call(clear, wanted=rows, ends=ends, forgets=forgets)
    for row in rows:
        if "error" in row:
            row["error"] = printing.error_facts(rebuild(row["error"]), host)
    if not cli.json:
        _show_result(cli, rows, prefix, dry_run=dry_run, seconds=seconds)
    return {"ok": all("error" not in row for row in rows), "host": host, "dry_run": dry_run, "pieces": rows}


def _agrees(cli: Invocation, rows: list[LeftoverFacts], machine: str) -> bool:
    """Return whether the person agrees to what cannot be undone; without anything of that kind nobody is asked."""
    living = sum(1 for row in rows if row["pid"] is not None)
    lost = [str(row["what"]) for row in rows if row["kind"] == "lost"]
    ended = [str(row["what"]) for row in rows if row["kind"] == "ended"]
    parts = []
    if living:
        parts.append("end what still runs" if living == 1 else f"end the {living} that still run")
    if lost:
        parts.append(f"forget the lost session {lost[0]}" if len(lost) == 1 else f"forget {len(lost)} lost sessions")
    if ended:
        parts.append(
            f"forget the ended session {ended[0]}" if len(ended) == 1 else f"forget {len(ended)} ended sessions"
        )
    return not parts or cli.agrees(wording.plain(f"{' and '.join(parts)}{machine}?"))


def _show(rows: list[LeftoverFacts], prefix: str) -> None:
    """Print leftovers for a person; `prefix` stands before each description."""
    width = max((len(moments.short(row["age"])) for row in rows), default=0)
    for row in rows:
        age, kind = moments.short(row["age"]), _KINDS.get(row["kind"], str(row["kind"]))
        printing.text(wording.plain(f"{age:>{width}}  {kind:<16}  {prefix}{row['what']}"))


def _show_result(cli: Invocation, rows: list[LeftoverFacts], prefix: str, *, dry_run: bool, seconds: float) -> None:
    """Print what was done; `prefix` stands before each line."""
    for row in rows:
        if "error" in row:
            cli.note(f"{prefix}{row['what']} stays: {cast(PrintedError, row['error'])['message']}")
    if not rows:
        printing.text(f"{prefix}no leftovers{f' older than {moments.exact(seconds)}' if seconds else ''}")
        return
    cleared = sum(1 for row in rows if row["cleared"])
    living = sum(1 for row in rows if row["pid"] is not None and not row["cleared"])
    result = f"{len(rows)} found; nothing changed" if dry_run else f"{cleared} of {len(rows)} cleared"
    printing.text(prefix + result + (f"; {living} still run: --all ends them" if living and not dry_run else ""))
