"""Verbs about sesh itself: `--export`, `--import`, `--deploy`, `--upgrade`, `--doctor`, `--sweep`, `--mcp`."""

from __future__ import annotations

import os

from sesh import wording
from sesh.about import CALLED, DISTRIBUTION
from sesh.cli import printing
from sesh.errors import NotFound, Refused, SeshError, UsageError, for_host, rebuild
from sesh.names import printable
from sesh.ops import checks, layout
from sesh.reach.target import HostTarget, Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.cli.invocation import Invocation
    from sesh.ops.layout import Entry

    Row = dict[str, Any]
    from collections.abc import Sequence

    from sesh.remote.deploy.deploy import HostResult

LARGEST = 1 << 20
"""Bytes of a layout."""
_STDIN = "-"


def export(cli: Invocation) -> int:
    """`--export`: the sessions of this machine and of known remotes, or those of the host of the line."""
    sessions = [{**each, "host": each["host"] or cli.host} for each in cli.target.call("layout.sessions")]
    whole = {"version": layout.VERSION, "sessions": sessions}
    if cli.json:
        return cli.value(whole)
    import json

    printing.text(json.dumps(wording.encodable(whole), indent=2, ensure_ascii=True))
    return 0


def import_(cli: Invocation, file: str | None = None) -> int:
    """`--import [FILE]`: creates what is missing; 1 if any of it could not be. `-` or nothing is stdin."""
    file = None if file == _STDIN else file
    entries = layout.parse(_read(file), printable(file) if file is not None else "stdin")
    if len(cli.hosts) > 1:
        raise UsageError(f"one host at a time: {CALLED} @{cli.hosts[0]} --import FILE")
    if cli.host is not None:
        others = sorted({each["host"] for each in entries} - {None, cli.host})
        for other in others:
            cli.note(f"the sessions on @{other} are skipped; to create them: {CALLED} --import, without @{cli.host}")
        entries = [{**each, "host": cli.host} for each in entries if each["host"] not in others]
    if cli.caller.local:
        entries = [each for each in entries if each["host"] is None]
    rows = []
    for host in dict.fromkeys(each["host"] for each in entries):
        rows += _make(cli, host, [each for each in entries if each["host"] == host])
    return _report(cli, rows)


def _read(file: str | None) -> bytes:
    """The bytes of a layout. Raises Refused, UsageError."""
    if file is None and os.isatty(0):
        raise UsageError("no layout given; write: $sesh --import FILE (create it with $sesh --export > FILE)")
    data = bytearray()
    try:
        with open(0 if file is None else file, "rb", buffering=0, closefd=file is not None) as content:
            while len(data) <= LARGEST and (block := content.read(1 << 16)):
                data += block
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Refused(f"cannot read {printable(file or 'stdin')}: {reason}; name a file written by --export") from error
    if len(data) > LARGEST:
        raise UsageError(f"the layout is over {LARGEST} bytes; --export did not write it")
    return bytes(data)


def _make(cli: Invocation, host: str | None, entries: list[Entry]) -> list[Row]:
    """Has this machine or a host create sessions; a row for each, as JSON shows it."""
    try:
        target = Target(cli.caller) if host is None else HostTarget(cli.caller, host)
        rows = target.call("layout.make", entries=entries)
    except SeshError as error:
        rows = [{"name": each["name"], "created": False, "error": error.facts()} for each in entries]
    for row in rows:
        if "error" in row:
            row["error"] = printing.error_facts(rebuild(row["error"]), host)
    return [{"name": row["name"], "host": host, **row} for row in rows]


def _report(cli: Invocation, rows: list[Row]) -> int:
    """Says what became of each session; the exit code."""
    failed = [row for row in rows if "error" in row]
    if cli.json:
        printing.value({"ok": not failed, "sessions": rows})
        return 1 if failed else 0
    for row in rows:
        word = f"@{row['host']} {row['name']}" if row["host"] else row["name"]
        if "error" in row:
            cli.note(f"{word} was not created: {row['error']['message']}")
        else:
            printing.text(wording.plain(f"created {word}" if row["created"] else f"{word} already runs"))
    return 1 if failed else 0


def deploy(cli: Invocation, hosts: Sequence[str] = (), *, force: bool = False) -> int:
    """`--deploy @HOST… [--force]`: 1 if it failed for any host."""
    if hosts:
        raise UsageError(f"a host begins with @: {CALLED} --deploy @{printable(hosts[0])}")
    if not cli.hosts:
        raise UsageError(f"no host given; write: {CALLED} --deploy @HOST")
    return _report_hosts(cli, _deploy(cli, cli.hosts, force=force))


def upgrade(cli: Invocation) -> int:
    """`--upgrade`: deploys to every known remote; one whose sesh is not ours is passed over, and that is said."""
    from sesh.remote import known

    if cli.line.hosts:
        raise UsageError(
            "--upgrade takes no host: it deploys to all known remotes",
            hint=f"for one: {CALLED} --deploy @{cli.line.hosts[0]}",
        )
    words = [each.host for each in known.all()]
    if not words:
        if not cli.json:
            cli.note(f"there are no known remotes; start with: {CALLED} --deploy @HOST")
        return cli.done(hosts=[])
    return _report_hosts(cli, _deploy(cli, cli.caller.settings().hosts_of(words), force=False), upgrading=True)


def forget(cli: Invocation, hosts: Sequence[str] = ()) -> int:
    """`--forget @HOST…`: known remotes that are asked no more; each is tried, 1 if any was not known."""
    from sesh.remote import known

    if hosts:
        raise UsageError(f"a host begins with @: {CALLED} --forget @{printable(hosts[0])}")
    if not cli.hosts:
        raise UsageError(f"no host given; write: {CALLED} --forget @HOST")
    unknown = [word for word in cli.hosts if not known.forget(word)]
    if unknown:
        words = ", ".join(f"@{word}" for word in unknown)
        known_ones = ", ".join(f"@{each.host}" for each in known.all())
        hint = f"those that are known: {known_ones}" if known_ones else "none is known"
        raise NotFound(f"{words} is no known remote", hint=hint)
    return cli.done(hosts=list(cli.hosts))


def _deploy(cli: Invocation, hosts: Sequence[str], *, force: bool) -> list[HostResult]:
    from sesh.reach import links
    from sesh.remote.deploy import deploy

    return deploy.deploy_all([links.destination(cli.caller, host) for host in hosts], force=force)


def _report_hosts(cli: Invocation, results: Sequence[HostResult], *, upgrading: bool = False) -> int:
    """Says what became of each host in JSON (a person has seen it already); the exit code."""
    rows = [_row(result) for result in results]
    failed = [row for row in rows if not row["ok"] and not (upgrading and row["error"]["foreign"])]
    if cli.json:
        printing.value({"ok": not failed, "hosts": rows})
    elif upgrading and (changed := [f"@{row['host']}" for row in rows if row.get("changed")]):
        cli.note(f"running sessions keep their old version until: {CALLED} {changed[0]} --reload")
    return 1 if failed else 0


def _row(result: HostResult) -> Row:
    """One host as JSON shows it."""
    row: Row = {"host": result.destination.host, "ok": result.deployment is not None}
    if result.deployment is not None:
        names = ("version", "python", "platform", "path", "bytes", "seconds", "changed")
        return {**row, **{name: getattr(result.deployment, name) for name in names}}
    error = result.error
    facts = {"code": getattr(error, "code", "internal"), "message": str(error), "step": getattr(error, "step", None)}
    return {**row, "error": {**facts, "foreign": getattr(error, "foreign", False)}}


_COLOURS = {"ok": "32", "warning": "33", "error": "31"}


def doctor(cli: Invocation) -> int:
    """`--doctor`: 1 if something keeps sesh from working, 0 if it works, with warnings or without."""
    if not cli.hosts:
        return _report_checks(cli, {None: Target(cli.caller).call("checks.all_")})
    return _report_checks(cli, {host: _check_host(cli, host) for host in cli.hosts})


def _check_host(cli: Invocation, host: str) -> list[Row]:
    """Whether a host can be reached, and what the sesh there finds."""
    try:
        found: list[Row] = HostTarget(cli.caller, host).call("checks.all_")
    except SeshError as error:
        remedies = {"unreachable": f"to see why: ssh -v {host}", "not_deployed": f"{CALLED} --deploy @{host}"}
        return [checks.error_row("link", error, remedies.get(error.code, ""))]
    return [checks.row("link", checks.OK, f"@{host} is reachable and has sesh"), *_skew(host), *found]


def _skew(host: str) -> list[Row]:
    """Whether the sesh there has another version than this one, as the link has just reported."""
    from sesh.about import __version__
    from sesh.remote import known

    version = next((each.version for each in known.all() if each.host == host), "")
    if version in ("", __version__):
        return []
    message = f"@{host} has sesh {version}, this is {__version__}; newer features may be missing"
    return [checks.row("version", checks.WARNING, message, f"{CALLED} --deploy @{host}")]


def _report_checks(cli: Invocation, hosts: dict[str | None, list[Row]]) -> int:
    """Says what was found; the exit code."""
    for host, rows in hosts.items():
        for each in rows:
            each["message"] = wording.one_line(str(each["message"]))
            each["remedy"] = for_host(each["remedy"], host) if each["remedy"] else None
    states = [each["state"] for rows in hosts.values() for each in rows]
    warnings, errors = states.count(checks.WARNING), states.count(checks.ERROR)
    if cli.json:
        answers = [
            {"ok": all(each["state"] != checks.ERROR for each in rows), "host": host, "checks": rows}
            for host, rows in hosts.items()
        ]
        cli.value(answers[0] if len(answers) == 1 else answers)
        return int(errors > 0)
    coloured = os.isatty(printing.STDOUT) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    for host, rows in hosts.items():
        if len(hosts) > 1:
            printing.text(f"@{host}")
        for each in rows:
            printing.text(_line(each, coloured=coloured))
    counts = [
        f"{number} {word}{'s' if number > 1 else ''}" for number, word in ((errors, "error"), (warnings, "warning"))
    ]
    summary = " and ".join(each for each in counts if each[0] != "0")
    printing.text(f"{summary}; sesh {'does not work' if errors else 'works'}" if summary else "no problems found")
    return int(errors > 0)


def _line(row: Row, *, coloured: bool) -> str:
    """A finding as a person reads it, its remedy below it."""
    state = wording.plain(row["state"])
    shown = f"{state:<8}"
    if coloured and state in _COLOURS:
        shown = f"\x1b[{_COLOURS[state]}m{shown}\x1b[m"
    text = f"{shown} {wording.plain(row['check']):<12} {wording.plain(row['message'])}"
    return f"{text}\n{'':<21} -> {wording.plain(row['remedy'])}" if row["remedy"] else text


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_UNASKED = "168h"
"""What `--older` is where nobody can be asked."""
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
    cli: Invocation, *, older: str | None = None, all_: bool = False, yes: bool = False, dry_run: bool = False
) -> int:
    """`--sweep [--older 168h] [--all] [--dry-run]`: 1 if something could not be cleared.

    Processes that live are ended with `--all` or `-y`, or if the person at the terminal agrees; else they are left. The
    person is also asked before sessions are forgotten that could be read or started again. Where nobody can be asked,
    only what is older than a week is cleared, or older than `--older`.
    """
    asks = cli.caller.can_ask and not cli.json
    least = span(older if older is not None else "0s" if asks else _UNASKED)
    hosts: list[str | None] = [*cli.hosts] or [None]
    answers = [_sweep(cli, host, least, asks=asks, ends=all_ or yes, dry_run=dry_run) for host in hosts]
    if cli.json:
        cli.value(answers[0] if len(answers) == 1 else answers)
    return 0 if all(answer["ok"] for answer in answers) else 1


def span(word: str) -> float:
    """The seconds of `168h`, `7d`, `90m`, `30s`, `2w`; a bare number is seconds. Raises UsageError."""
    number, unit = (word[:-1], word[-1]) if word[-1:] in _UNITS else (word, "s")
    if not (number.isdecimal() and number.isascii() and len(number) < 10):
        raise UsageError(f"{printable(word)} is not a time: --older takes 168h, 7d, 90m or 30s")
    return float(number) * _UNITS[unit]


def _sweep(cli: Invocation, host: str | None, older: float, *, asks: bool, ends: bool, dry_run: bool) -> Row:
    """Sweeps one machine; the answer in JSON."""
    target = Target(cli.caller) if host is None else HostTarget(cli.caller, host)
    rows = target.call("leftovers.find", older=older, **({} if asks else {"surely": True}))
    forgets = True
    if not cli.json:
        _show(rows, f"@{host}: " if len(cli.hosts) > 1 else "")
        if asks and not ends and not dry_run:
            ends = forgets = _agrees(cli, rows, f" on @{host}" if host is not None else "")
    if dry_run or not rows:
        rows = [{**row, "cleared": False} for row in rows]
    else:
        rows = target.call("leftovers.clear", wanted=rows, ends=ends, forgets=forgets)
    for row in rows:
        if "error" in row:
            row["error"] = printing.error_facts(rebuild(row["error"]), host)
    if not cli.json:
        _show_result(cli, rows, dry_run=dry_run, older=older)
    return {"ok": all("error" not in row for row in rows), "host": host, "dry_run": dry_run, "pieces": rows}


def _agrees(cli: Invocation, rows: list[Row], where: str) -> bool:
    """Whether the person agrees to what cannot be undone; yes without a question if there is nothing of that kind."""
    living = sum(1 for row in rows if row["pid"] is not None)
    lost = [str(row["what"]) for row in rows if row["kind"] == "lost"]
    ended = [str(row["what"]) for row in rows if row["kind"] == "ended"]
    parts = []
    if living:
        parts.append("end what still runs" if living == 1 else f"end the {living} that still run")
    if lost:
        parts.append(f"forget the lost session {lost[0]}" if len(lost) == 1 else f"forget {len(lost)} lost sessions")
    if ended:
        parts.append(f"forget the ended session {ended[0]}" if len(ended) == 1 else f"forget {len(ended)} ended ones")
    return not parts or cli.caller.agrees(wording.plain(f"{' and '.join(parts)}{where}?"))


def _show(rows: list[Row], prefix: str) -> None:
    """The leftovers as a person reads them; `prefix` stands before what they are."""
    ages = [_age(int(row["age"])) for row in rows]
    width = max(map(len, ages), default=0)
    for row, age in zip(rows, ages, strict=True):
        kind = _KINDS.get(row["kind"], str(row["kind"]))
        printing.text(wording.plain(f"{age:>{width}}  {kind:<16}  {prefix}{row['what']}"))


def _age(seconds: int) -> str:
    units = (("d", 86400), ("h", 3600), ("m", 60))
    return next((f"{seconds // size}{unit}" for unit, size in units if seconds >= size), f"{seconds}s")


def _show_result(cli: Invocation, rows: list[Row], *, dry_run: bool, older: float) -> None:
    for row in rows:
        if "error" in row:
            cli.note(f"{row['what']} stays: {row['error']['message']}")
    if not rows:
        printing.text(f"no leftovers older than {older / 3600:g}h" if older else "no leftovers")
        return
    cleared = sum(1 for row in rows if row["cleared"])
    living = sum(1 for row in rows if row["pid"] is not None and not row["cleared"])
    result = f"{len(rows)} found; nothing changed" if dry_run else f"{cleared} of {len(rows)} cleared"
    printing.text(result + (f"; {living} still run: --all ends them" if living and not dry_run else ""))


def mcp(cli: Invocation) -> int:
    """`--mcp`: serves the Model Context Protocol on stdin and stdout until stdin ends."""
    import os
    import sys
    from importlib.util import find_spec

    pip = f"{sys.executable} -m pip install" if find_spec("pip") else f"uv pip install --python {sys.executable}"
    install = f"install it with: {pip} '{DISTRIBUTION}[mcp]'"
    if cli.line.hosts:
        raise UsageError(
            f"--mcp runs on this machine; its tools take a host, such as {cli.line.hosts[0]}",
            hint=f"write: {CALLED} --mcp",
        )
    if find_spec("mcp") is None:
        raise Refused("--mcp needs the Model Context Protocol SDK", hint=install)
    if find_spec("mcp.server.mcpserver") is None:
        raise Refused("--mcp needs version 2 of the package mcp, but an older one is installed", hint=install)
    if os.isatty(0):
        raise Refused("--mcp is for programs, not terminals", hint=f"add `{CALLED} --mcp` to your agent's settings")
    from sesh.mcp.serve import serve

    code = serve()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a thread may still wait for a command
