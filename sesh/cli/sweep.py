"""`--sweep`: leftovers listed, and cleared if the person agrees."""

from __future__ import annotations

from typing import Annotated, cast

from typer import Option

from sesh import measures, moments, wording
from sesh.cli import printing
from sesh.cli.gather import on_each
from sesh.cli.invocation import Invocation
from sesh.cli.words import TIME, Context
from sesh.errors import SeshError, rebuild
from sesh.ops.sweep import clear, leftovers
from sesh.schema import LeftoverFacts, PrintedError

_UNASKED = 7 * 86400.0
"""Seconds of `--older` if nobody can be asked."""

Found = list[LeftoverFacts] | SeshError
"""The leftovers of a machine, or why they are not known."""


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

    The oldest come first; running sessions, and those of another machine, are never touched. It asks on a terminal;
    elsewhere it clears only what is older than a week, or than --older, and leaves processes that still run (a daemon
    without files, a bridge without its link). The exit code is 1 if something could not be cleared.

    Examples:
      sesh sweep --dry-run
      sesh sweep --older 7d
      sesh @gpu sweep
    """
    cli = ctx.obj
    asks, ends = cli.can_ask and not cli.json, all_ or yes
    seconds = measures.parse_seconds(older, "--older", least=0)
    if seconds is None:
        seconds = 0.0 if asks else _UNASKED
    found = on_each(cli, cli.hosts or [None], lambda target: target.call(leftovers, older=seconds))
    wanted = {host: rows for host, rows in found.items() if not isinstance(rows, SeshError) and rows}
    if not cli.json:
        _show(wanted)
    if asks and wanted and not ends and not dry_run:
        living = sum(row["pid"] is not None for rows in wanted.values() for row in rows)
        ends = cli.agrees(f"clear all of these{f', and end the {living} that run' if living else ''}?")
        dry_run = not ends
    if not dry_run:
        found |= on_each(cli, [*wanted], lambda target: target.call(clear, wanted=wanted[target.host], ends=ends))
    answers = [_answer(host, rows, dry_run=dry_run) for host, rows in found.items()]
    failed = ["error" in answer or not answer["ok"] for answer in answers]
    if not cli.json:
        older_than = f" older than {moments.exact(seconds)}" if seconds else ""
        for host, rows in found.items():
            _show_result(cli, _prefix(host), rows, dry_run=dry_run, older=older_than)
    elif len(answers) == 1:
        cli.value(answers[0])
    else:
        cli.value([{**answer, "exit_code": int(bad)} for answer, bad in zip(answers, failed, strict=True)])
    return int(any(failed))


def _answer(host: str | None, found: Found, *, dry_run: bool) -> dict[str, object]:
    """Return the JSON for a machine."""
    if isinstance(found, SeshError):
        return {"host": host, "error": printing.error_facts(found, host)}
    for row in found:
        row.setdefault("cleared", False)
        if "error" in row:
            row["error"] = printing.error_facts(rebuild(row["error"]), host)
    return {"ok": all("error" not in row for row in found), "host": host, "dry_run": dry_run, "pieces": found}


def _show(wanted: dict[str | None, list[LeftoverFacts]]) -> None:
    rows = [(host, row) for host, rows in wanted.items() for row in rows]
    cells = [(moments.short(row["age"]), str(row["kind"]), f"{_prefix(host)}{row['what']}") for host, row in rows]
    for line in printing.aligned(cells):
        printing.text(wording.plain(line))


def _show_result(cli: Invocation, prefix: str, found: Found, *, dry_run: bool, older: str) -> None:
    if isinstance(found, SeshError):
        cli.note(f"{prefix}{found}")
        return
    if not found:
        printing.text(f"{prefix}no leftovers{older}")
    elif dry_run:
        printing.text(f"{prefix}{len(found)} found; nothing changed")
    else:
        for row in (row for row in found if "error" in row):
            cli.note(f"{prefix}{row['what']} stays: {cast(PrintedError, row['error'])['message']}")
        left = sum(row.get("left") == "it still runs" for row in found)
        more = f"; {left} still run: --all ends them" if left else ""
        printing.text(f"{prefix}{sum(row['cleared'] for row in found)} of {len(found)} cleared{more}")


def _prefix(host: str | None) -> str:
    return f"@{host}: " if host is not None else ""
