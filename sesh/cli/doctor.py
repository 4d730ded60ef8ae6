"""`--doctor`: the setup of this machine, or of hosts, checked."""

from __future__ import annotations

from sesh import moments, wording
from sesh.about import CALLED, __version__
from sesh.cli import fanout, printing
from sesh.cli.invocation import Invocation
from sesh.cli.words import Context
from sesh.errors import SeshError, for_host
from sesh.ops.doctor import ERROR, OK, WARNING, all_, error_row, row
from sesh.remote import known
from sesh.schema import Finding

_CLOCKS = 30.0
"""Seconds between two clocks that are told of; a slow link takes some."""
_COLOURS = {"ok": "32", "warning": "33", "error": "31"}


def doctor(ctx: Context) -> int:
    """Check the setup and suggest fixes; exits with 1 if sesh cannot work.

    Examples:
      sesh doctor
      sesh @gpu doctor
    """
    cli = ctx.obj
    if not cli.hosts:
        return _report_checks(cli, {None: cli.target_of(None).call(all_)})
    if len(cli.hosts) == 1:
        return _report_checks(cli, {cli.host: _check_host(cli, cli.hosts[0])})
    answers = fanout.gather(fanout.branches_of(cli, {}))
    failed = {host: [error_row("link", SeshError(reason))] for host, reason in fanout.failures(answers).items()}
    checks = {answer["host"]: answer["checks"] for answer in answers if "checks" in answer}
    return _report_checks(cli, {host: failed.get(host) or checks[host] for host in cli.hosts})


def _check_host(cli: Invocation, host: str) -> list[Finding]:
    """Return a finding about the link to a host, and the findings of the sesh there."""
    target = cli.target_of(host)
    try:
        findings = target.call(all_)
    except SeshError as error:
        remedies = {"unreachable": f"to see why: ssh -v {host}", "not_deployed": f"{CALLED} --deploy @{host}"}
        return [error_row("link", error, remedies.get(error.code, ""))]
    return [row("link", OK, f"@{host} is reachable and has sesh"), *_skew(host), *findings, *_clock(target.clock)]


def _skew(host: str) -> list[Finding]:
    """Return a warning if the sesh there has another version than this one, as the link has just reported."""
    name = known.name_of(host)
    version = next((remote.version for remote in known.all() if remote.host == name), "")
    if version in ("", __version__):
        return []
    message = f"@{host} has sesh {version}, this is {__version__}; newer features may be missing"
    return [row("version", WARNING, message, f"{CALLED} --deploy @{host}")]


def _clock(ahead: float) -> list[Finding]:
    """Return a finding about the clock of a host, which is so many seconds ahead of the one here; 0: it is unknown."""
    if abs(ahead) < _CLOCKS:
        return [row("clock", OK, "as here")] if ahead else []
    message = f"{moments.span(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} the clock here"
    return [row("clock", WARNING, message, "set it there, best by NTP: timedatectl set-ntp true")]


def _report_checks(cli: Invocation, hosts: dict[str | None, list[Finding]]) -> int:
    for host, rows in hosts.items():
        for finding in rows:
            finding["message"] = wording.one_line(str(finding["message"]))
            finding["remedy"] = for_host(finding["remedy"], host) if finding["remedy"] else None
    errors = any(finding["state"] == ERROR for rows in hosts.values() for finding in rows)
    if cli.json:
        answers = [
            {"ok": all(finding["state"] != ERROR for finding in rows), "host": host, "checks": rows}
            for host, rows in hosts.items()
        ]
        cli.value(answers[0] if len(answers) == 1 else answers)
        return int(errors)
    coloured = printing.coloured()
    for host, rows in hosts.items():
        if len(hosts) > 1:
            printing.text(f"@{host}")
        for finding in rows:
            printing.text(_line(finding, coloured=coloured))
    printing.text(_summary(hosts))
    return int(errors)


def _summary(hosts: dict[str | None, list[Finding]]) -> str:
    """Return the last line: how much is wrong, of several hosts also where; they may work all the same elsewhere."""
    parts: list[str] = []
    works = True
    for state in (ERROR, WARNING):
        counts = {host: sum(1 for finding in rows if finding["state"] == state) for host, rows in hosts.items()}
        if number := sum(counts.values()):
            works = works and state != ERROR
            where = ", ".join(f"@{host}" for host, count in counts.items() if count) if len(hosts) > 1 else ""
            parts.append(f"{number} {state}{'s' if number > 1 else ''}{f', on {where}' if where else ''}")
    if not parts:
        return "no problems found"
    if len(hosts) > 1 and not works:
        return "; ".join(parts)
    (host,) = hosts if len(hosts) == 1 else (None,)
    there = f" on @{host}" if host is not None and not works else ""
    return f"{' and '.join(parts)}; sesh {'works' if works else 'does not work'}{there}"


def _line(finding: Finding, *, coloured: bool) -> str:
    state = wording.plain(finding["state"])
    shown = f"{state:<8}"
    if coloured and state in _COLOURS:
        shown = f"\x1b[{_COLOURS[state]}m{shown}\x1b[m"
    text = f"{shown} {wording.plain(finding['check']):<12} {wording.plain(finding['message'])}"
    return f"{text}\n{'':<21} -> {wording.plain(finding['remedy'])}" if finding["remedy"] else text
