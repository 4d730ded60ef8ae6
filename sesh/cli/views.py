"""`--list`, `--status`, `--screen` and `--logs`, printed: the list fitted to the terminal where a person reads it."""

from __future__ import annotations

import os
import time

from sesh import bounds, wording
from sesh.cli import printing
from sesh.cli.verbs import BY_NAME
from sesh.errors import NotFound, SeshError, UsageError, for_host
from sesh.names import check_label, printable
from sesh.ops import lookup, views
from sesh.ops.views import bears
from sesh.wording import age, at_home, columns, cut, plain, state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.cli.invocation import Invocation
    from sesh.store.listing import Summary

HEADINGS = ("", "NAME", "STATE", "ACTIVITY", "AGE", "IDLE", "DIRECTORY", "COMMAND")
_NAME, _STATE, _ACTIVITY, _AGE, _IDLE, _DIRECTORY, _COMMAND = range(1, 8)
_DISPENSABLE = (_AGE, _COMMAND, _IDLE, _DIRECTORY, _ACTIVITY)
"""What a narrow terminal is spared, in this order."""
_NARROWEST, _SHORTEST = 12, 4
_LINES = 300
SIGNALS = {"waiting": "1;33", "failed": "31"}
"""The SGR parameters of how a session stands, where a person is to look."""
SKIPPED = "unreachable less than a minute ago; not asked again"


def rows(sessions: Sequence[Summary], now: float) -> list[tuple[str, ...]]:
    """The cells of each session, in the order of HEADINGS; `now`: seconds since the epoch."""
    return [
        (
            mark(session),
            plain(session["name"]),
            state(session),
            wording.activity(session),
            age(session.get("created"), now),
            age(session.get("last_activity"), now),
            at_home(plain(session.get("cwd") or "")),
            wording.runs(session),
        )
        for session in sessions
    ]


def mark(session: Summary) -> str:
    """What stands before a session's name: `*` where it is the current one, `!` where something happened unseen."""
    return "*" if session.get("current") else "!" if wording.unseen(session) else ""


class Table:
    """The list on a terminal of `limit` columns, or without a limit elsewhere; rows that come later keep its columns.

    `coloured`: whether states have colours.
    """

    def __init__(self, limit: int | None, *, coloured: bool = False) -> None:
        self._limit, self._coloured = limit, coloured
        self._widths = [0] * len(HEADINGS)
        self._headed = False

    def lines(self, sessions: Sequence[Summary], now: float) -> list[str]:
        """A line a session, the first time under the headings; none wider than the limit."""
        cells = rows(sessions, now)
        self._widen(cells)
        widths = _fitted(self._widths, self._limit)
        drawn = []
        if not self._headed:
            drawn.append(self._line(HEADINGS, widths, ["2"] * len(HEADINGS)))
            self._headed = True
        for session, line in zip(sessions, cells, strict=True):
            own, signal = "1" if session.get("current") else "", SIGNALS.get(line[_ACTIVITY], "")
            codes = ["1", own, colour(session), signal, "2", "2", "", ""]
            drawn.append(self._line(line, widths, codes))
        return drawn

    def measure(self, sessions: Sequence[Summary], now: float) -> None:
        """Makes the columns wide enough for sessions that come later."""
        self._widen(rows(sessions, now))

    def _widen(self, cells: Sequence[tuple[str, ...]]) -> None:
        most = [max(columns(line[at]) for line in [*cells, HEADINGS]) for at in range(len(HEADINGS))]
        self._widths = [max(pair) for pair in zip(self._widths, most, strict=True)]

    def remark(self, host: str, reason: str = "") -> str:
        """The line above a host's rows, or instead of them."""
        head = self._coloured_text(f"@{plain(host)}", "36")
        return f"{head}  {self._coloured_text(plain(reason), '33')}" if reason else head

    def _line(self, cells: Sequence[str], widths: Sequence[int], codes: Sequence[str]) -> str:
        drawn = ""
        gap = 0
        for at, (cell, room, code) in enumerate(zip(cells, widths, codes, strict=True)):
            if room < 0:
                continue
            cell = cut(cell, room, keeps_end=at == _DIRECTORY)
            drawn += " " * gap + self._coloured_text(cell, code)
            gap = room - columns(cell) + (2 if at else 1)
            # Blanks at the end of a line are never printed: they are due before the next cell.
        return drawn

    def _coloured_text(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._coloured and code and text else text


def _fitted(wanted: Sequence[int], limit: int | None) -> list[int]:
    """The width of each column, -1 for one that is left out since there is no room for it."""
    widths = list(wanted)
    if limit is None:
        return widths
    for spared in range(len(_DISPENSABLE) + 1):
        widths = [-1 if at in _DISPENSABLE[:spared] else width for at, width in enumerate(wanted)]
        over = sum(width + 2 for width in widths if width >= 0) - 3 - limit
        for at in (_COMMAND, _DIRECTORY):
            less = max(0, min(over, widths[at] - _NARROWEST))
            widths[at] -= less
            over -= less
        if over <= 0:
            return widths
    less = min(over, max(0, widths[_STATE] - _SHORTEST))
    widths[_STATE] -= less
    widths[_NAME] -= over - less
    if widths[_NAME] < _SHORTEST:
        return [-1 if at != _NAME else limit for at in range(len(widths))]
    return widths


def colour(session: Summary) -> str:
    """The SGR parameters of a session's state."""
    if session.get("machine"):
        return "36"
    if session["state"] == "exited":
        return "31" if session.get("exit_code") else "2"
    if session["state"] != "running" or session.get("responding") is False:
        return "33"
    return "32" if session.get("attached") else ""


def list_(cli: Invocation, *, label: Sequence[str] = (), watch: bool = False) -> int:
    """`--list [--label K=V]… [--watch]`: the sessions that have all of the labels, here and on known remotes."""
    if watch:
        return BY_NAME["--watch"].function()(cli, label=label)
    wanted = dict(check_label(word) for word in label)
    found = cli.target.call("views.overview")
    sessions = [each for each in found["sessions"] if bears(each, wanted)]
    for reason in found["refusals"]:
        cli.note(reason)
    if cli.host is not None:
        from sesh.remote import known

        known.record_names(cli.host, found["sessions"])
        known.forget_unless_known(cli.host)
    remotes = lookup.hosts(cli.caller) if cli.host is None else []
    if cli.json:
        rows = [{**each, "host": cli.host} for each in sessions]
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
    session = cli.target.call("views.status", name=name)
    if cli.json:
        return cli.value({**session, "host": cli.host})
    printing.text(for_host("\n".join(_described(session)), cli.host))
    return 0


def _described(session: Summary) -> list[str]:
    """`key: value` lines for a person."""
    now = time.time()
    foreground = session.get("foreground") or {}
    scrollback = session.get("scrollback") or {}
    facts: dict[str, Any] = {
        "name": session["name"],
        "state": wording.state(session) + (" (this one)" if session.get("current") else ""),
        "lost": _lost(session) if session.get("lost") else None,
        "activity": _stands(session.get("activity") or {}, now) or None,
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


def _stands(activity: dict[str, Any], now: float) -> str:
    """How a session stands, why, and since when; what it asks."""
    why = {"hook": "it says so", "tty-read": "it reads its terminal", "prompt": "its shell is at the prompt"}
    why |= {"quiet": "it neither prints nor computes", "output": "it prints", "busy": "it computes"}
    why |= {"exit": "it has ended"}
    if not activity:
        return ""
    words = [str(activity["state"]), why.get(str(activity.get("why")), ""), _since(activity.get("since"), now)]
    said = ", ".join(filter(None, words))
    return f"{said}: {activity['question']}" if activity.get("question") else said


def _since(moment: object, now: float) -> str:
    return f"since {moment} ({found} ago)" if (found := wording.age(moment, now)) else ""


def _moment(moment: object, now: float) -> str:
    return f"{moment} ({wording.age(moment, now) or '?'} ago)"


def _lost(session: Summary) -> str:
    """How a session was lost, and what is left of it."""
    how = "when this machine restarted" if session["lost"]["reason"] == "reboot" else "its daemon died"
    saved = session["lost"]["saved"]
    left = f"its screen of {saved} was kept: $sesh --screen {session['name']}" if saved else "its screen was not kept"
    return f"{how}; {left}"


def _words(command: object) -> str:
    return wording.command_line(command) if isinstance(command, list) else str(command)


def screen(cli: Invocation, name: str | None = None, *, form: str = "text") -> int:
    """`--screen [NAME] [--format F]`: the visible rows."""
    name = cli.session(name, "--screen")
    shown = views.shown(cli.target, name, form)
    if cli.json or form == "json":
        return cli.value({"session": name, "host": cli.host, "format": form, **shown})
    text: str = shown["text"]
    printing.write(text.encode("utf-8", "replace") + (b"\n" if "lines" in shown else b""))
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
        from sesh.cli import grep

        return grep.logs(cli, name)
    lines = _LINES
    if count is not None:
        if not bounds.is_decimal(count):
            raise UsageError(f"{printable(count)} is not a number of lines", hint=f"write: $sesh --logs {name} 100")
        lines = int(count)
    if follow:
        return _follow(cli, name, lines, ansi=ansi)
    last = cli.target.call("views.logs", name=name, lines=lines, ansi=ansi)
    if cli.json:
        return cli.value({"session": name, "host": cli.host, "lines": last})
    _print_lines(last)
    return 0


def _follow(cli: Invocation, name: str, count: int, *, ansi: bool) -> int:
    """`-f`: the last lines, then new ones until the session ends. A lost session has only its last lines."""
    from sesh.ops.views import Follower

    write = _print_objects if cli.json else _print_lines

    def skipped(count: int) -> None:
        cli.note(f"{count} bytes were skipped: they came faster than they could be read")

    follower = Follower(count, ansi=ansi, write=write, skipped=skipped)
    try:
        with cli.target.route(name) as route:
            follower.follow(route, name)
    except NotFound:
        if follower.connected:
            raise
        write(cli.target.call("views.logs", name=name, lines=count, ansi=ansi))
    except KeyboardInterrupt:
        return printing.interrupted()
    return 0


def _print_lines(lines: list[str]) -> None:
    if lines:
        printing.write("".join(f"{each}\n" for each in lines).encode("utf-8", "replace"))


def _print_objects(lines: list[str]) -> None:
    if lines:
        printing.write(b"".join(printing.json_line({"line": each}) for each in lines))
