"""`--doctor`: what would keep sesh from working, here or on another host, and what to do about it."""

from __future__ import annotations

import os

from sesh.cli import printing
from sesh.errors import SeshError
from sesh.ops import caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.cli.parser import Line

    Row = dict[str, Any]

_COLOURS = {"ok": "32", "warning": "33", "error": "31"}


def doctor(line: Line) -> int:
    """`--doctor`: 1 where something keeps sesh from working, 0 where it works, with warnings or without."""
    if not line.hosts:
        from sesh.ops import checks

        rows = [finding.facts() for finding in checks.all_()]
        return _told(line, [(caller.host(), rows)])
    from sesh.cli import settings

    return _told(line, [(host, _there(host)) for host in settings.loaded().hosts_of(line.hosts)])


def _there(host: str) -> list[Row]:
    """Whether a host can be reached, and what the sesh over there finds."""
    from sesh.cli import there

    try:
        answer = there.answered(host, ["--doctor"], ask=None)
    except SeshError as error:
        message, _, remedy = str(error).partition("; ")
        fix = {"unreachable": f"see why: ssh -v {host}", "not_deployed": f"sesh --deploy @{host}"}
        fix["usage"] = f"the sesh over there may be an old one: sesh --deploy @{host}"
        return [_row("link", "error", printing.one_line(message), remedy or fix.get(error.code, ""))]
    rows = answer.get("checks")
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [_row("link", "ok", f"@{host} is reached, and sesh is there"), *_skew(host), *found]


def _skew(host: str) -> list[Row]:
    """Whether the sesh over there is another one than this; the link has just told its version."""
    from sesh import __version__
    from sesh.remote import known

    version = next((each.version for each in known.all() if each.host == host), "")
    if version in ("", __version__):
        return []
    version = printing.plain(version)
    told = f"@{host} has sesh {version}, this is {__version__}; they understand each other as far as both know"
    return [_row("version", "warning", told, f"sesh --deploy @{host}")]


def _row(check: str, state: str, message: str, remedy: str = "") -> Row:
    return {"check": check, "state": state, "message": message, "remedy": remedy or None}


def _told(line: Line, hosts: list[tuple[str | None, list[Row]]]) -> int:
    """Says what was found; the exit code."""
    failed = any(row.get("state") == "error" for _, rows in hosts for row in rows)
    if line.json:
        answers = [
            {"ok": all(row.get("state") != "error" for row in rows), "host": host, "checks": rows}
            for host, rows in hosts
        ]
        printing.value(answers[0] if len(answers) == 1 else answers)
        return int(failed)
    coloured = os.isatty(printing.STDOUT) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    for host, rows in hosts:
        if len(hosts) > 1:
            printing.text(f"@{host}")
        for row in rows:
            printing.text(_line(row, coloured=coloured))
    every = [row.get("state") for _, rows in hosts for row in rows]
    warnings, errors = every.count("warning"), every.count("error")
    counted = [
        f"{number} {word}{'s' if number > 1 else ''}" for number, word in ((errors, "error"), (warnings, "warning"))
    ]
    said = " and ".join(each for each in counted if each[0] != "0")
    printing.text(f"{said}; sesh {'does not work' if errors else 'works'}" if said else "all is well")
    return int(failed)


def _line(row: Row, *, coloured: bool) -> str:
    """A finding as a person reads it, its remedy below it."""
    state = printing.plain(row.get("state"))
    shown = f"{state:<8}"
    if coloured and state in _COLOURS:
        shown = f"\x1b[{_COLOURS[state]}m{shown}\x1b[m"
    text = f"{shown} {printing.plain(row.get('check')):<12} {printing.plain(row.get('message'))}"
    return f"{text}\n{'':<21} -> {printing.plain(row['remedy'])}" if row.get("remedy") else text
