"""`--list`, `--status`, `--screen` and `--logs`: what there is to see."""

from __future__ import annotations

import os
import time

from sesh import paths
from sesh.cli import printing, tables
from sesh.errors import NotFound, SeshError, TimedOut, Unreachable, UsageError
from sesh.names import check_label, printable
from sesh.ops import caller, find, lookup
from sesh.protocol import parse
from sesh.store import listing, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.cli.parser import Line
    from sesh.ops.route import Way
    from sesh.store.listing import Summary

_LINES = 300
_FORMATS = {"text": "text", "ansi": "ansi", "json": "json", "svg": "json", "html": "json"}
"""The formats of `--screen`, and in which of them the daemon is asked for the screen."""
_DIGITS = 9
_PATIENCE = 5.0
SKIPPED = "unreachable less than a minute ago, and not asked again"


def list_(line: Line, *, label: Sequence[str] = (), watch: bool = False) -> int:
    """`--list [--label K=V]… [--watch]`: the sessions that bear all of the labels."""
    if watch:
        from sesh.cli import watch as watching

        return watching.watch(line, label=label)
    wanted = dict(check_label(word) for word in label)
    there = listing.summaries()
    sessions = [each for each in there if bears(each, wanted)]
    remotes = lookup.hosts(line)
    if line.json:
        whole = [{**each, "host": caller.host()} for each in sessions]
        for _, answer in lookup.summaries(remotes):
            whole += [] if isinstance(answer, SeshError) else [each for each in answer if bears(each, wanted)]
        printing.value(whole)
        return 0
    drawn = _table()
    if sessions:
        printing.text("\n".join(drawn.lines(sessions, time.time())))
    for reason in listing.refusals(there):
        printing.note(reason)
    for word in lookup.skipped(line):
        printing.text(drawn.remark(word, SKIPPED))
    for word, answer in lookup.summaries(remotes):
        if isinstance(answer, SeshError):
            printing.text(drawn.remark(word, "unreachable" if answer.code == "unreachable" else str(answer)))
            continue
        rows = [each for each in answer if bears(each, wanted)]
        if rows:
            lines = drawn.lines(rows, time.time())
            lines.insert(len(lines) - len(rows), drawn.remark(word))
            printing.text("\n".join(lines))
        sessions += rows
    if not sessions and os.isatty(printing.STDOUT):
        printing.text("no sessions; `sesh NAME` creates one" if not wanted else "no session bears these labels")
    return 0


def _table() -> tables.Table:
    """The table for stdout: fitted and coloured on a terminal."""
    width = tables.width(printing.STDOUT) if os.isatty(printing.STDOUT) else None
    return tables.Table(width, coloured=tables.coloured(printing.STDOUT))


def print_(sessions: Sequence[Summary]) -> None:
    """A list of sessions by itself."""
    printing.text("\n".join(_table().lines(sessions, time.time())) if sessions else "no sessions over there")


def bears(session: Summary, labels: dict[str, str]) -> bool:
    """Whether a session has all of these labels."""
    return labels.items() <= (session.get("labels") or {}).items()


def status(line: Line, name: str) -> int:
    """`--status NAME`: everything known of it, also of one that is lost or does not answer."""
    find.checked(name, "--status")
    session = known(name)
    if line.json:
        printing.value({**session, "host": caller.host()})
    else:
        printing.text("\n".join(_described(session)))
    return 0


def known(name: str) -> Summary:
    """All facts of a session: what the daemon tells, or the record where the daemon cannot."""
    session: Summary | None
    try:
        session = dict(find.ask(name, "status", timeout=_PATIENCE)[0]["session"])
    except (TimedOut, Unreachable):
        session = None
    except NotFound:
        if (session := find.lost_record(name)) is None:
            raise
    if session is None and (session := listing.unanswered(name)) is None:
        raise paths.absent(name)
    if "daemon_pid" not in session:
        record = records.read(name) or {}
        known = {"daemon_pid": record.get("daemon_pid"), "version": record.get("version")}
        session |= {"clients": [], "scrollback": None, "foreground": None, **known, "link": None}
    here = listing.current()
    session["current"] = here is not None and here["name"] == session["name"]
    if caller.near() is not None:
        session["link"] = "up"
    return session


def _described(session: Summary) -> list[str]:
    """`key: value` lines for a person."""
    now = time.time()
    clients = session.get("clients") or []
    foreground = session.get("foreground") or {}
    scrollback = session.get("scrollback") or {}
    facts: dict[str, Any] = {
        "name": session["name"],
        "state": tables.state(session) + (" (this one)" if session.get("current") else ""),
        "lost": _lost(session) if session.get("lost") else None,
        "program": f"{session.get('pid')}: {' '.join(session.get('command') or [])}",
        "foreground": f"{foreground.get('pid')}: {_words(foreground.get('command'))}" if foreground else None,
        "directory": session.get("cwd"),
        "title": session.get("title") or None,
        "created": f"{session.get('created')} ({tables.age(session.get('created'), now) or '?'} ago)",
        "last activity": f"{session.get('last_activity')} ({tables.age(session.get('last_activity'), now) or '?'} ago)",
        "size": f"{session.get('columns')}x{session.get('rows')}",
        "scrollback": f"{scrollback.get('lines')} lines, {scrollback.get('bytes')} bytes" if scrollback else None,
        "labels": " ".join(f"{key}={value}" for key, value in (session.get("labels") or {}).items()) or None,
        "daemon": f"{session.get('daemon_pid')}, sesh {session.get('version')}",
    }
    lines = [f"{key + ':':<15}{printing.plain(value)}" for key, value in facts.items() if value is not None]
    for client in clients:
        told = f"{client.get('tty')}, {client.get('columns')}x{client.get('rows')}, since {client.get('since')}"
        watching = ", only watching" if client.get("read_only") else ""
        lines.append(f"{'client:':<15}{printing.plain(client.get('pid'))} on {printing.plain(told)}{watching}")
    return lines


def _lost(session: Summary) -> str:
    """How a session was lost, and what is left of it."""
    how = "when this machine restarted" if session["lost"]["reason"] == "reboot" else "its daemon died"
    saved = session["lost"]["saved"]
    left = f"kept is its screen of {saved}: sesh --screen {session['name']}" if saved else "nothing of it was kept"
    return f"{how}; {left}"


def _words(command: object) -> str:
    return " ".join(str(word) for word in command) if isinstance(command, list) else str(command)


def screen(line: Line, name: str, *, form: str = "text") -> int:
    """`--screen NAME [--format F]`: the visible rows."""
    find.checked(name, "--screen")
    if form not in _FORMATS:
        raise UsageError(f"{printable(form)} is no format of --screen; take {', '.join(_FORMATS)}")
    shown = depicted(name, form)
    if line.json or form == "json":
        printing.value({"session": name, "host": caller.host(), "format": form, **shown})
    else:
        text: str = shown["text"]
        printing.write(text.encode("utf-8", "replace") + (b"\n" if "lines" in shown else b""))
    return 0


def _seen(name: str, verb: str, *, timeout: float = 10.0, **words: Any) -> bytes:
    """What a session shows; a lost one what it showed when that was last kept."""
    try:
        return find.ask(name, verb, timeout=timeout, **words)[1]
    except NotFound:
        if find.lost_record(name) is None:
            raise
    from sesh.ops import lost

    return lost.seen(name, verb, **words)


def depicted(name: str, form: str) -> dict[str, Any]:
    """The screen as `text` and its `lines`, drawn as `text` (svg, html), or as runs of cells (json)."""
    data = _seen(name, "screen", format=_FORMATS[form])
    if _FORMATS[form] != "json":
        text = data.decode("utf-8", "replace")
        return {"text": text, "lines": text.split("\n")}
    screen = parse(data)
    if form == "json":
        return screen
    from sesh.vt.render import pictures

    return {"text": printing.valid(pictures.svg(screen) if form == "svg" else pictures.html(screen))}


def logs(
    line: Line,
    name: str,
    count: str | None = None,
    *,
    follow: bool = False,
    ansi: bool = False,
    way: Way | None = None,
) -> int:
    """`--logs NAME [N] [-f] [--ansi]`: the last lines of scrollback and screen."""
    find.checked(name, "--logs")
    lines = _LINES
    if count is not None:
        if not (count.isdecimal() and count.isascii() and len(count) <= _DIGITS):
            raise UsageError(f"{printable(count)} is no number of lines", hint=f"write: $sesh --logs {name} 100")
        lines = int(count)
    if follow:
        from sesh.ops import live_logs

        try:
            return live_logs.follow(name, lines, ansi=ansi, json=line.json, way=way)
        except NotFound:
            if way is not None or find.lost_record(name) is None:
                raise
        from sesh.ops import lost

        return lost.logged(name, lines, ansi=ansi, json=line.json)
    last = tail(name, lines, ansi=ansi)
    if line.json:
        printing.value({"session": name, "host": caller.host(), "lines": last})
    elif last:
        printing.write("".join(f"{each}\n" for each in last).encode("utf-8", "replace"))
    return 0


def tail(name: str, count: int, *, ansi: bool) -> list[str]:
    """The last lines of scrollback and screen, at most `count`."""
    data = _seen(name, "logs", timeout=30.0, lines=count, ansi=ansi)
    return data.decode("utf-8", "replace").removesuffix("\n").split("\n") if data else []
