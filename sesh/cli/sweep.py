"""`--sweep`: leftovers listed, and cleared as the person agrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

from typer import Option

from sesh import bounds, moments, wording
from sesh.cli import fanout, printing
from sesh.cli.invocation import Invocation
from sesh.cli.words import TIME, Context
from sesh.errors import SeshError, rebuild
from sesh.ops.sweep import Kind, clear, leftovers
from sesh.reach.target import Target
from sesh.schema import LeftoverFacts

_UNASKED = 7 * 86400.0
"""Seconds of `--older` if nobody can be asked."""
_ASKED = {
    "living": ("end what still runs", "end the {} that still run"),
    Kind.LOST: ("forget a lost session", "forget {} lost sessions"),
    Kind.ENDED: ("forget an ended session", "forget {} ended sessions"),
}
"""The questions before what cannot be undone: for one, and for several."""

Found = dict[str | None, list[LeftoverFacts] | SeshError]
"""The leftovers of each machine, or why they are not known."""


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
    asks, ends, forgets = cli.can_ask and not cli.json, all_ or yes, True
    seconds = bounds.parse_seconds(older, "--older", least=0)
    if seconds is None:
        seconds = 0.0 if asks else _UNASKED
    found = _on_each(cli, cli.hosts or [None], lambda target: target.call(leftovers, older=seconds))
    rows = {host: each for host, each in found.items() if not isinstance(each, SeshError)}
    if not cli.json:
        _show(rows)
        if asks and not ends and not dry_run:
            ends = forgets = _agrees(cli, rows)
    if not dry_run:
        wanted = {host: each for host, each in rows.items() if each}
        found |= _on_each(
            cli,
            [*wanted],
            lambda target: target.call(clear, wanted=wanted[target.host], ends=ends, forgets=forgets),
        )
    answers = {host: _answer(host, each, dry_run=dry_run) for host, each in found.items()}
    if cli.json:
        several = [{**answer, "exit_code": _code(answer)} for answer in answers.values()]
        cli.value(several if len(answers) > 1 else next(iter(answers.values())))
    else:
        for host, each in found.items():
            _show_result(cli, host, each, dry_run=dry_run, seconds=seconds)
    return int(any(map(_code, answers.values())))


def _on_each(cli: Invocation, hosts: Sequence[str | None], ask: Callable[[Target], list[LeftoverFacts]]) -> Found:
    """Ask each machine. Raises the error of one that is alone, which may ask the person to log in."""
    if len(hosts) == 1:
        return {hosts[0]: ask(cli.target_of(hosts[0]))}
    return fanout.gather(cli, {host: partial(ask, fanout.target_of(cli, host)) for host in hosts})


def _answer(host: str | None, found: list[LeftoverFacts] | SeshError, *, dry_run: bool) -> dict[str, object]:
    """Return the JSON for a machine."""
    if isinstance(found, SeshError):
        return {"host": host, "error": printing.error_facts(found, host)}
    for row in found:
        row.setdefault("cleared", False)
        if "error" in row:
            row["error"] = printing.error_facts(rebuild(row["error"]), host)
    return {"ok": all("error" not in row for row in found), "host": host, "dry_run": dry_run, "pieces": found}


def _code(answer: dict[str, object]) -> int:
    return 0 if answer.get("ok") else 1


def _agrees(cli: Invocation, rows: dict[str | None, list[LeftoverFacts]]) -> bool:
    """Return whether the person agrees to what cannot be undone; without anything of that kind nobody is asked."""
    every = [row for each in rows.values() for row in each]
    counts = {"living": sum(row["pid"] is not None for row in every)}
    counts |= {kind: sum(row["kind"] == kind for row in every) for kind in (Kind.LOST, Kind.ENDED)}
    parts = [
        one if counts[key] == 1 else several.format(counts[key])
        for key, (one, several) in _ASKED.items()
        if counts[key]
    ]
    return not parts or cli.agrees(f"{' and '.join(parts)}?")


def _show(rows: dict[str | None, list[LeftoverFacts]]) -> None:
    cells = [
        (moments.short(row["age"]), str(row["kind"]), f"{_prefix(host)}{row['what']}")
        for host, each in rows.items()
        for row in each
    ]
    for line in printing.aligned(cells):
        printing.text(wording.plain(line))


def _show_result(
    cli: Invocation, host: str | None, found: list[LeftoverFacts] | SeshError, *, dry_run: bool, seconds: float
) -> None:
    prefix = _prefix(host)
    if isinstance(found, SeshError):
        cli.note(f"{prefix}{found.line(host)}")
        return
    if not found:
        printing.text(f"{prefix}no leftovers{f' older than {moments.exact(seconds)}' if seconds else ''}")
        return
    for row in found:
        if "error" in row:
            cli.note(f"{prefix}{row['what']} stays: {rebuild(row['error']).message}")
    cleared = sum(row["cleared"] for row in found)
    living = sum(row["pid"] is not None and not row["cleared"] for row in found)
    result = f"{len(found)} found; nothing changed" if dry_run else f"{cleared} of {len(found)} cleared"
    printing.text(prefix + result + (f"; {living} still run: --all ends them" if living and not dry_run else ""))


def _prefix(host: str | None) -> str:
    return f"@{host}: " if host is not None else ""
