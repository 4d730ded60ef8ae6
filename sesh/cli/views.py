"""`--list`, `--status`, `--screen` and `--logs`, printed."""

from __future__ import annotations

import os
import time

from sesh import bounds, moments, wording
from sesh.about import CALLED
from sesh.cli import printing
from sesh.cli.verbs import BY_NAME
from sesh.errors import NotFound, SeshError, UsageError, for_host
from sesh.names import check_label, printable
from sesh.ops import lookup, views
from sesh.ops.views import Follower, bears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.cli.invocation import Invocation
    from sesh.cli.table import Table
    from sesh.schema import StandingFacts, Status, Summary

_LINES = 300
SKIPPED = "unreachable less than a minute ago; not asked again"


def list_(cli: Invocation, *, label: Sequence[str] = (), watch: bool = False) -> int:
    """`--list [--label K=V]… [--watch]`: the sessions that have all of the labels, here and on known remotes."""
    if watch:
        return BY_NAME["--watch"].function()(cli, label=label)
    wanted = dict(check_label(word) for word in label)
    found = cli.target.call(views.overview)
    sessions = [each for each in found["sessions"] if bears(each, wanted)]
    for reason in found["refusals"]:
        cli.note(reason)
    if cli.host is not None:
        from sesh.remote import known

        known.record_names(cli.host, found["sessions"])
        known.forget_unless_known(cli.host)
    remotes = lookup.hosts(cli.caller) if cli.host is None else []
    if cli.json:
        rows: list[Summary] = [{**each, "host": cli.host} for each in sessions]
        for _, answer in lookup.summaries(cli.caller, remotes):
            rows += [] if isinstance(answer, SeshError) else [each for each in answer if bears(each, wanted)]
        return cli.value(rows)
    table = _table()
    if sessions:
        shown = sessions if cli.host is None else [_at_home(each, found["home"]) for each in sessions]
        printing.text("\n".join(table.lines(shown, time.time())))
    if cli.host is None:
        sessions += _list_remotes(cli, table, remotes, wanted)
    if not sessions and os.isatty(printing.STDOUT):
        where = f" on @{cli.host}" if cli.host is not None else ""
        none = f"no session{where} has these labels" if wanted else f"no sessions{where}; `$sesh NAME` creates one"
        printing.text(for_host(none, cli.host))
    return 0


def _list_remotes(cli: Invocation, table: Table, hosts: list[str], wanted: dict[str, str]) -> list[Summary]:
    """Prints the sessions of known remotes as they answer; those that were printed."""
    for word in lookup.skipped(cli.caller):
        printing.text(table.remark(word, SKIPPED))
    found = []
    for word, answer in lookup.summaries(cli.caller, hosts):
        if isinstance(answer, SeshError):
            printing.text(table.remark(word, "unreachable" if answer.code == "unreachable" else str(answer)))
            continue
        rows = [each for each in answer if bears(each, wanted)]
        if rows:
            lines = table.lines(rows, time.time())
            lines.insert(len(lines) - len(rows), table.remark(word))
            printing.text("\n".join(lines))
        found += rows
    return found


def _table() -> Table:
    """The table for stdout: fitted and coloured on a terminal."""
    from sesh.cli.table import Table

    columns = printing.width(printing.STDOUT) if os.isatty(printing.STDOUT) else None
    return Table(columns, coloured=printing.coloured(printing.STDOUT))


def _at_home(session: Summary, home: str) -> Summary:
    """A session of a host, its directory written with `~` for the home there."""
    directory = session.get("cwd") or ""
    if home and (directory == home or directory.startswith(home.rstrip("/") + "/")):
        return {**session, "cwd": f"~{directory[len(home.rstrip('/')) :]}"}
    return session


def status(cli: Invocation, name: str | None = None) -> int:
    """`--status [NAME]`: everything known of it, also of one that is lost or does not answer."""
    name = cli.session(name, "--status")
    session = cli.target.call(views.status, name=name)
    if cli.json:
        return cli.value({**session, "host": cli.host})
    printing.text(for_host("\n".join(_described(session)), cli.host))
    return 0


def _described(session: Status) -> list[str]:
    """`key: value` lines for a person."""
    now = time.time()
    foreground = session.get("foreground")
    scrollback = session.get("scrollback")
    facts: dict[str, str | None] = {
        "name": session["name"],
        "state": wording.state(session) + (" (this one)" if session.get("current") else ""),
        "lost": _lost(session) if session.get("lost") else None,
        "activity": _stands(session.get("activity"), now) or None,
        "program": f"{session.get('pid')}: {wording.command_line(session.get('command') or [])}",
        "foreground": f"{foreground.get('pid')}: {_words(foreground.get('command'))}" if foreground else None,
        "directory": session.get("cwd"),
        "title": session.get("title") or None,
        "unseen": wording.unseen(session) or None,
        "created": _moment(session.get("created"), now),
        "last activity": _moment(session.get("last_activity"), now),
        "size": f"{session.get('columns')}x{session.get('rows')}",
        "scrollback": f"{scrollback.get('lines')} lines, {scrollback.get('bytes')} bytes" if scrollback else None,
        "labels": " ".join(f"{key}={value}" for key, value in (session.get("labels") or {}).items()) or None,
        "daemon": f"{session.get('daemon_pid')}, sesh {session.get('version')}",
    }
    lines = [f"{key + ':':<15}{wording.plain(value)}" for key, value in facts.items() if value is not None]
    for client in session.get("clients") or []:
        size = f"{client.get('columns')}x{client.get('rows')}"
        watching = ", read-only" if client.get("read_only") else ""
        text = f"{client.get('pid')} on {client.get('tty')}, {size}, since {client.get('since')}{watching}"
        lines.append(f"{'client:':<15}{wording.plain(text)}")
    return lines


def _stands(standing: StandingFacts | None, now: float) -> str:
    """How a session stands, why, and since when; what it asks."""
    why = {"hook": "it says so", "tty-read": "it reads its terminal", "prompt": "its shell is at the prompt"}
    why |= {"quiet": "it neither prints nor computes", "output": "it prints", "busy": "it computes"}
    why |= {"exit": "it has ended"}
    if not standing:
        return ""
    words = [standing["state"], why.get(str(standing.get("why")), ""), _since(standing.get("since"), now)]
    said = ", ".join(filter(None, words))
    return f"{said}: {question}" if (question := standing.get("question")) else said


def _since(moment: object, now: float) -> str:
    return f"since {moment} ({found} ago)" if (found := moments.age(moment, now)) else ""


def _moment(moment: object, now: float) -> str:
    return f"{moment} ({moments.age(moment, now) or '?'} ago)"


def _lost(session: Summary) -> str:
    """How a session was lost, and what is left of it."""
    how = "when this machine restarted" if session["lost"]["reason"] == "reboot" else "its daemon died"
    saved = session["lost"]["saved"]
    left = f"its screen of {saved} was kept: $sesh --screen {session['name']}" if saved else "its screen was not kept"
    return f"{how}; {left}"


def _words(command: list[str] | str) -> str:
    return wording.command_line(command) if isinstance(command, list) else command


def screen(cli: Invocation, name: str | None = None, *, form: str = "text") -> int:
    """`--screen [NAME] [--format F]`: the visible rows."""
    name = cli.session(name, "--screen")
    views.check_format(form)
    target = cli.target
    head = {"session": name, "host": cli.host, "format": form}
    if form == "json":
        return cli.value({**head, **views.cells(target, name)})
    drawn = views.drawn(target, name, form)
    if cli.json:
        return cli.value({**head, **drawn})
    printing.write(drawn["text"].encode("utf-8", "replace") + (b"\n" if "lines" in drawn else b""))
    return 0


def logs(
    cli: Invocation,
    name: str | None = None,
    count: str | None = None,
    *,
    follow: bool = False,
    ansi: bool = False,
    pager: bool = False,
) -> int:
    """`--logs [NAME [N]] [-f] [--ansi] [--pager]`: the last lines of scrollback and screen."""
    name = cli.session(name, "--logs")
    if pager:
        return _paged(cli, name)
    lines = _LINES
    if count is not None:
        if not bounds.is_decimal(count):
            raise UsageError(f"{printable(count)} is not a number of lines", hint=f"write: $sesh --logs {name} 100")
        lines = int(count)
    if follow:
        return _follow(cli, name, lines, ansi=ansi)
    last = cli.target.call(views.logs, name=name, lines=lines, ansi=ansi)
    if cli.json:
        return cli.value({"session": name, "host": cli.host, "lines": last})
    _print_lines(last)
    return 0


def _follow(cli: Invocation, name: str, count: int, *, ansi: bool) -> int:
    """`-f`: the last lines, then new ones until the session ends. A lost session has only its last lines."""
    write = _print_objects if cli.json else _print_lines

    def skipped(count: int) -> None:
        cli.note(f"{count} bytes were skipped: they came faster than they could be read")

    target = cli.target
    try:
        try:
            stream = target.open_stream(name)
        except NotFound:
            write(target.call(views.logs, name=name, lines=count, ansi=ansi))
            return 0
        with stream:
            stream.audience = cli.caller.audience
            Follower(stream, count, ansi=ansi, write=write, skipped=skipped).follow()
    except KeyboardInterrupt:
        return printing.interrupted()
    return 0


def _paged(cli: Invocation, name: str) -> int:
    """`--pager`: all lines that are kept, in the pager, at the end."""
    from sesh.cli.tui.pager import page
    from sesh.ops.search import MOST_LINES

    if not printing.on_terminal():
        raise UsageError("--pager needs a terminal", hint=f"write: {CALLED} --logs {name} --ansi | less -R")
    page(cli.target.call(views.logs, name=name, lines=MOST_LINES, ansi=True), "+G")
    return 0


def _print_lines(lines: list[str]) -> None:
    if lines:
        printing.write("".join(f"{each}\n" for each in lines).encode("utf-8", "replace"))


def _print_objects(lines: list[str]) -> None:
    if lines:
        printing.write(b"".join(printing.json_line({"line": each}) for each in lines))
