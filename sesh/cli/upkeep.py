"""Verbs of upkeep, for this machine or hosts: `doctor` checks the setup, `sweep` clears leftovers."""

from __future__ import annotations

from functools import partial
from typing import Annotated, cast

from typer import Option

from sesh import measures, wording
from sesh.cli.fanout import on_hosts
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import TIME, Context, parsed
from sesh.cli.printing import error_facts, error_row, on_host
from sesh.errors import SeshError, for_host, rebuild
from sesh.ops import doctor as checks
from sesh.ops.doctor import ERROR, WARNING
from sesh.ops.sweep import clear, leftovers
from sesh.outcomes import Finding, LeftoverFacts, PrintedError

_DEFAULT_AGE = 7 * 86400.0  # seconds, if no person can be asked

_Swept = list[LeftoverFacts] | SeshError  # the leftovers of a machine, or its error


def doctor(ctx: Context) -> int:
    """Check the setup and suggest fixes; exit with 1 if sesh cannot work.

    Examples:
      sesh doctor
      sesh @gpu doctor
    """
    cli = ctx.obj
    findings = checks.findings_of(cli.target_of(cli.line.host))
    for finding in findings:
        finding["message"] = wording.one_line(str(finding["message"]))
        finding["remedy"] = wording.plain(for_host(finding["remedy"], cli.line.host)) if finding["remedy"] else None
    verdicts = [finding["state"] for finding in findings]
    if cli.line.json:
        cli.out.value({"ok": ERROR not in verdicts, "host": cli.line.host, "checks": findings})
    else:
        for finding in findings:
            cli.out.text(_shown(finding))
        numbers = [(verdicts.count(verdict), verdict) for verdict in (ERROR, WARNING)]
        counts = [f"{number} {verdict}{'s' if number > 1 else ''}" for number, verdict in numbers if number]
        works = "sesh does not work" if ERROR in verdicts else "sesh works"
        cli.out.text(f"{' and '.join(counts)}; {works}" if counts else "no problems found")
    return int(ERROR in verdicts)


def _shown(finding: Finding) -> str:
    """Return a finding as one line, and its remedy as another."""
    verdict = wording.plain(finding["state"])
    check = wording.plain(finding["check"])
    remedy = f"\n{'':<21} -> {finding['remedy']}" if finding["remedy"] else ""
    return f"{verdict:<8} {check:<12} {finding['message']}{remedy}"


Older = Annotated[
    float | None,
    Option(
        "--older",
        metavar="TIME",
        parser=parsed(partial(measures.parse_seconds, least=0)),
        help=f"Only what is older than {TIME}; without a terminal 7d.",
    ),
]
All = Annotated[bool, Option("--all", "-y", help="Also end processes that still run, without asking.")]
DryRun = Annotated[bool, Option("--dry-run", help="Only list what would be cleared.")]


def sweep(ctx: Context, *, older: Older = None, all_: All = False, dry_run: DryRun = False) -> int:
    """Clear leftovers: ended and lost sessions, stale files, orphaned processes, old versions.

    The oldest come first; running sessions, and those of another machine, are never touched. It asks on a terminal,
    once for all hosts. Without a terminal it clears only what is older than a week, or than --older, and leaves
    processes that still run (a daemon without files, a bridge without its link). The exit code is 1 if something could
    not be cleared.

    Examples:
      sesh sweep --dry-run
      sesh sweep --older 7d
      sesh @gpu sweep
    """
    cli = ctx.obj
    if older is None:
        older = 0.0 if cli.can_answer else _DEFAULT_AGE
    swept: dict[str | None, _Swept]
    swept = on_hosts(cli, cli.line.hosts or [None], lambda target: target.call(leftovers, older=older))
    found = {host: pieces for host, pieces in swept.items() if not isinstance(pieces, SeshError) and pieces}
    listed = [(host, piece) for host, pieces in found.items() for piece in pieces]
    listed.sort(key=lambda row: row[1]["age"], reverse=True)
    if not cli.line.json:
        cells = [(measures.short(piece["age"]), piece["kind"], on_host(host, piece["what"])) for host, piece in listed]
        cli.out.table(cells)
    if cli.can_answer and listed and not all_ and not dry_run:
        running = sum(piece["pid"] is not None for _, piece in listed)
        all_ = cli.agrees(f"clear all of these{f', and end the {running} that run' if running else ''}?")
        dry_run = not all_
    if not dry_run:
        swept |= on_hosts(cli, [*found], lambda target: target.call(clear, wanted=found[target.host], ends=all_))
    rows = [_row(host, pieces, dry_run=dry_run) for host, pieces in swept.items()]
    if cli.line.json:
        several = [{"exit_code": int(not row.get("ok")), **row} for row in rows]
        cli.out.value(several if len(rows) > 1 else rows[0])
    else:
        for host, pieces in swept.items():
            _report(cli, host, pieces, older, dry_run=dry_run)
    return int(any(not row.get("ok") for row in rows))


def _row(host: str | None, swept: _Swept, *, dry_run: bool) -> dict[str, object]:
    """Return the JSON for a machine."""
    if isinstance(swept, SeshError):
        return error_row(swept, host)
    for piece in swept:
        piece.setdefault("cleared", False)
        if "error" in piece:
            piece["error"] = error_facts(rebuild(piece["error"]), host)
    return {"ok": not _failed(swept), "host": host, "dry_run": dry_run, "pieces": swept}


def _report(cli: Invocation, host: str | None, swept: _Swept, older: float, *, dry_run: bool) -> None:
    """Print the failures of a sweep, and a summary; `older`: the least age."""
    if isinstance(swept, SeshError):
        cli.note(on_host(host, swept.line(host)))
        return
    for piece in _failed(swept):
        cli.note(on_host(host, f"{piece['what']} stays: {cast(PrintedError, piece['error'])['message']}"))
    if not swept:
        summary = f"no leftovers older than {measures.exact(older)}" if older else "no leftovers"
    elif dry_run:
        summary = f"{len(swept)} found; nothing changed"
    else:
        left = sum(piece.get("left") == "it still runs" for piece in swept)
        more = f"; {left} still run: --all ends them" if left else ""
        summary = f"{sum(piece['cleared'] for piece in swept)} of {len(swept)} cleared{more}"
    cli.out.text(on_host(host, summary))


def _failed(pieces: list[LeftoverFacts]) -> list[LeftoverFacts]:
    return [piece for piece in pieces if "error" in piece]
