"""Verbs of upkeep, for this machine or hosts: `doctor` checks the setup, `sweep` clears leftovers."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from typer import Option

from sesh.cli.parameters import TIME, Context, Yes, parsed
from sesh.cli.printed import PrintedFindings, Swept, prints
from sesh.cli.printing import error_facts
from sesh.errors import rebuild, told
from sesh.ops import doctor as checks
from sesh.ops.doctor import ERROR, WARNING
from sesh.ops.sweep import clear, leftovers
from sesh.schema.outcomes import Finding, LeftoverFacts
from sesh.text import safe, times

_DEFAULT_AGE = 7 * 86400.0  # seconds, if no person can be asked


@prints(PrintedFindings)
def doctor(ctx: Context) -> int:
    """Check the setup and suggest fixes; exit with 1 if sesh cannot work.

    Examples:
      sesh doctor
      sesh @gpu doctor
    """
    cli = ctx.obj
    findings = checks.findings_of(cli.target_of(cli.line.host))
    for finding in findings:
        finding["message"] = safe.one_line(str(finding["message"]))
        finding["remedy"] = safe.plain(told(finding["remedy"], cli.line.host)) if finding["remedy"] else None
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
    verdict = safe.plain(finding["state"])
    check = safe.plain(finding["check"])
    remedy = f"\n{'':<21} -> {finding['remedy']}" if finding["remedy"] else ""
    return f"{verdict:<8} {check:<12} {finding['message']}{remedy}"


Older = Annotated[
    float | None,
    Option(
        "--older",
        metavar="TIME",
        parser=parsed(partial(times.parse_seconds, least=0)),
        help=f"Only what is older than {TIME}; without a terminal 7d.",
    ),
]
All = Annotated[bool, Option("--all", help="Also end processes that still run.")]
DryRun = Annotated[bool, Option("--dry-run", help="Only list what would be cleared.")]


@prints(Swept)
def sweep(ctx: Context, *, older: Older = None, all_: All = False, dry_run: DryRun = False, yes: Yes = False) -> int:
    """Clear leftovers: ended and lost sessions, stale files, orphaned processes, old versions.

    The oldest come first; running sessions, and those of another machine, are never touched. Processes that still run
    (a daemon without files, a bridge without its link) are ended only with --all. It asks on a terminal. In a script,
    and with several hosts, it does not ask, and clears what is older than a week, or than --older. The exit code is 1
    if something could not be cleared.

    Examples:
      sesh sweep --dry-run
      sesh sweep --older 7d --all
      sesh @gpu sweep
    """
    cli = ctx.obj
    if older is None:
        older = 0.0 if cli.can_answer else _DEFAULT_AGE
    target = cli.line_target
    pieces = target.call(leftovers, older=older)
    if not cli.line.json:
        cli.out.table([(times.short(piece["age"]), piece["kind"], piece["what"]) for piece in pieces])
    running = sum(piece["pid"] is not None for piece in pieces)
    if cli.can_answer and not (yes or dry_run) and len(pieces) > (0 if all_ else running):
        processes = f"{', and end' if all_ else ' but'} the {running} that run" if running else ""
        dry_run = not cli.agrees(f"clear all of these{processes}?")
    if pieces and not dry_run:
        pieces = target.call(clear, wanted=pieces, ends=all_)
    for piece in pieces:
        piece.setdefault("cleared", False)
        if "error" in piece:
            piece["error"] = error = error_facts(rebuild(piece["error"]), target.host)
            if not cli.line.json:
                cli.note(f"{piece['what']} stays: {error['message']}")
    failed = {piece["what"]: piece["error"] for piece in pieces if "error" in piece}
    swept = {"ok": not failed, "host": target.host, "dry_run": dry_run, "pieces": pieces}
    summary = _summary(pieces, older, dry_run=dry_run, spared=0 if all_ else running)
    cli.out.show({**swept, "failed": failed} if failed else swept, summary)
    return int(bool(failed))


def _summary(pieces: list[LeftoverFacts], older: float, *, dry_run: bool, spared: int) -> str:
    if not pieces:
        return f"no leftovers older than {times.exact(older)}" if older else "no leftovers"
    if dry_run:
        return f"{len(pieces)} found; nothing changed{f'; {spared} run: --all would end them' if spared else ''}"
    left = sum(piece.get("left") == "it still runs" for piece in pieces)
    more = f"; {left} still run: --all ends them" if left else ""
    return f"{sum(piece['cleared'] for piece in pieces)} of {len(pieces)} cleared{more}"
