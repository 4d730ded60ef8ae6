"""`--doctor`: the setup of this machine, or of hosts, checked."""

from __future__ import annotations

from sesh import wording
from sesh.about import CALLED, __version__
from sesh.cli import printing
from sesh.cli.gather import on_each
from sesh.cli.words import Context
from sesh.errors import SeshError, for_host
from sesh.ops.doctor import ERROR, OK, WARNING, all_, error_row, row
from sesh.reach.target import Target
from sesh.remote import known
from sesh.schema import Finding

_COLOURS = {OK: "32", WARNING: "33", ERROR: "31"}


def doctor(ctx: Context) -> int:
    """Check the setup and suggest fixes; exits with 1 if sesh cannot work.

    Examples:
      sesh doctor
      sesh @gpu doctor
    """
    cli = ctx.obj
    answers = on_each(cli, cli.hosts or [None], _check)
    found = {h: [error_row("link", rows)] if isinstance(rows, SeshError) else rows for h, rows in answers.items()}
    for host, rows in found.items():
        for finding in rows:
            finding["message"] = wording.one_line(str(finding["message"]))
            finding["remedy"] = for_host(finding["remedy"], host) if finding["remedy"] else None
    states = [finding["state"] for rows in found.values() for finding in rows]
    if cli.json:
        every = [
            {"ok": all(each["state"] != ERROR for each in rows), "host": host, "checks": rows}
            for host, rows in found.items()
        ]
        cli.value(every[0] if len(every) == 1 else every)
    else:
        _print(found)
        counts = [f"{states.count(state)} {state}s" for state in (ERROR, WARNING) if state in states]
        works = "sesh does not work" if ERROR in states else "sesh works"
        printing.text(f"{' and '.join(counts)}; {works}" if counts else "no problems found")
    return int(ERROR in states)


def _check(target: Target) -> list[Finding]:
    """Return the findings of the sesh there; of a host also those about the link to it."""
    host = target.host
    if host is None:
        return target.call(all_)
    try:
        findings = target.call(all_)
    except SeshError as error:
        remedies = {"unreachable": f"to see why: ssh -v {host}", "not_deployed": f"{CALLED} --deploy @{host}"}
        return [error_row("link", error, remedies.get(error.code, ""))]
    version = known.of(host).get("version", "")
    older = row("version", WARNING, f"@{host} has sesh {version}, this is {__version__}", f"{CALLED} --deploy @{host}")
    return [
        row("link", OK, f"@{host} is reachable and has sesh"),
        *([older] if version not in ("", __version__) else []),
        *findings,
    ]


def _print(found: dict[str | None, list[Finding]]) -> None:
    coloured = printing.coloured()
    for host, rows in found.items():
        if len(found) > 1:
            printing.text(f"@{host}")
        for finding in rows:
            state, check = wording.plain(finding["state"]), wording.plain(finding["check"])
            shown = f"{state:<8}"
            if coloured and state in _COLOURS:
                shown = f"\x1b[{_COLOURS[state]}m{shown}\x1b[m"
            printing.text(f"{shown} {check:<12} {wording.plain(finding['message'])}")
            if finding["remedy"]:
                printing.text(f"{'':<21} -> {wording.plain(finding['remedy'])}")
