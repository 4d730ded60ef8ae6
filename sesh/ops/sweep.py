"""`--sweep`: what sessions, links and deploys left behind is shown, the oldest first, and cleared."""

from __future__ import annotations

from sesh.cli import printing
from sesh.errors import Refused, SeshError, UsageError
from sesh.names import printable
from sesh.ops import caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.cli.parser import Line
    from sesh.ops.leftovers import Piece

    Row = dict[str, Any]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_KINDS = {
    "ended": "ended session",
    "lost": "lost session",
    "file": "stale file",
    "daemon": "orphaned daemon",
    "bridge": "orphaned bridge",
    "connection": "stale connection",
    "version": "old version",
}


def sweep(line: Line, *, older: str | None = None, all_: bool = False, yes: bool = False, dry_run: bool = False) -> int:
    """`--sweep [--older 168h] [--all] [--dry-run]`: 1 where something could not be cleared.

    What lives is ended with `--all` or `-y`, or where the person at the terminal wants that; else it is left. A person
    is asked before lost sessions are forgotten, too, which could be read or started again.
    """
    least = span(older) if older is not None else 0.0
    if line.hosts:
        return _there(line, older, ends=all_ or yes, dry_run=dry_run)
    from sesh.ops import leftovers

    pieces = [piece for piece in leftovers.found() if piece.age >= least]
    ends, forgets = all_ or yes, True
    if not line.json:
        _shown([piece.facts() for piece in pieces])
        if not ends and not dry_run and printing.can_ask():
            ends = forgets = _wanted([piece.facts() for piece in pieces], "")
    rows = [_cleared(piece, dry_run=dry_run, ends=ends, forgets=forgets) for piece in pieces]
    return _told(line, rows, dry_run=dry_run)


def span(word: str) -> float:
    """The seconds of `168h`, `7d`, `90m`, `30s`, `2w`; a bare number is seconds. Raises UsageError."""
    number, unit = (word[:-1], word[-1]) if word[-1:] in _UNITS else (word, "s")
    if not (number.isdecimal() and number.isascii() and len(number) < 10):
        raise UsageError(f"{printable(word)} is no time: --older takes 168h, 7d, 90m or 30s")
    return float(number) * _UNITS[unit]


def _wanted(rows: list[Row], where: str) -> bool:
    """Whether the person agrees to what cannot be undone; nobody is asked where there is nothing of that kind."""
    living = sum(1 for row in rows if row.get("pid") is not None)
    lost = [str(row.get("what")) for row in rows if row.get("kind") == "lost"]
    parts = []
    if living:
        parts.append("end what still lives" if living == 1 else f"end the {living} that still live")
    if lost:
        parts.append(f"forget the lost session {lost[0]}" if len(lost) == 1 else f"forget {len(lost)} lost sessions")
    if not parts:
        return True
    from sesh.cli import prompts

    return prompts.ask(printing.plain(f"{' and '.join(parts)}{where}?"), prompts.YES_NO, "n") == "y"


def _shown(rows: list[Row]) -> None:
    """The pieces as a person reads them."""
    width = max((len(_span_of(row)) for row in rows), default=0)
    for row in rows:
        kind = _KINDS.get(str(row.get("kind")), str(row.get("kind")))
        printing.text(printing.plain(f"{_span_of(row):>{width}}  {kind:<16}  {row.get('what')}"))


def _span_of(row: Row) -> str:
    age = int(row.get("age") or 0)
    return next(
        (f"{age // size}{unit}" for unit, size in (("d", 86400), ("h", 3600), ("m", 60)) if age >= size), f"{age}s"
    )


def _cleared(piece: Piece, *, dry_run: bool, ends: bool, forgets: bool) -> Row:
    """Clears a piece, unless it is to be left; what became of it."""
    row: Row = {**piece.facts(), "cleared": False}
    if dry_run:
        return row
    if piece.pid is not None and not ends:
        return {**row, "left": "it lives"}
    if piece.kind == "lost" and not forgets:
        return {**row, "left": "it can be read"}
    try:
        row["cleared"] = piece.clear()
        if not row["cleared"]:
            row["left"] = "it is in use again"
    except SeshError as error:
        row["error"] = {"code": error.code, "message": printing.one_line(str(error))}
    except OSError as error:
        row["error"] = {"code": "refused", "message": f"{error.strerror}"}
    return row


def _told(line: Line, rows: list[Row], *, dry_run: bool) -> int:
    """Says what became of them; the exit code."""
    failed = [row for row in rows if "error" in row]
    if line.json:
        printing.value({"ok": not failed, "host": caller.host(), "dry_run": dry_run, "pieces": rows})
        return 1 if failed else 0
    _summed(rows, dry_run=dry_run)
    return 1 if failed else 0


def _summed(rows: list[Row], *, dry_run: bool) -> None:
    for row in rows:
        if "error" in row:
            printing.note(f"{row['what']} stays: {row['error']['message']}")
    if not rows:
        printing.text("nothing is left over")
        return
    cleared = sum(1 for row in rows if row.get("cleared"))
    living = sum(1 for row in rows if row.get("pid") is not None and not row.get("cleared"))
    told = f"{len(rows)} found, nothing was changed" if dry_run else f"{cleared} of {len(rows)} cleared"
    printing.text(told + (f"; {living} still live: --all ends them" if living and not dry_run else ""))


def _there(line: Line, older: str | None, *, ends: bool, dry_run: bool) -> int:
    """The same on other hosts; what lives there is asked about here."""
    from sesh.cli import settings, there

    code = 0
    answers = []
    hosts = settings.loaded().hosts_of(line.hosts)
    for host in hosts:
        argv = ["--sweep", *(["--older", older] if older is not None else [])]
        asks = not (ends or dry_run or line.json) and printing.on_terminal()
        answer = there.answered(
            host, [*argv, *(["--dry-run"] if dry_run or asks else ["--all"] if ends else [])], ask=None
        )
        rows = _rows(answer)
        if not line.json:
            _shown(rows) if len(hosts) == 1 else _shown(
                [{**row, "what": f"@{host}: {row.get('what')}"} for row in rows]
            )
        if asks and rows:
            agreed = _wanted(rows, f" on @{host}")
            if not agreed and any(row.get("kind") == "lost" for row in rows):
                raise Refused("nothing was done")
            answer = there.answered(host, [*argv, *(["--all"] if agreed else [])], ask=None)
            rows = _rows(answer)
        if not line.json:
            _summed(rows, dry_run=dry_run)
        answers.append({**answer, "host": host})
        code = code or (0 if answer.get("ok") is True else 1)
    if line.json:
        printing.value(answers[0] if len(answers) == 1 else answers)
    return code


def _rows(answer: dict[str, Any]) -> list[Row]:
    rows = answer.get("pieces")
    if not isinstance(rows, list):
        raise Refused("the sesh over there is an older one that does not sweep", hint="run: sesh --upgrade")
    return [row for row in rows if isinstance(row, dict)]
