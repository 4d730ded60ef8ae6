"""Verbs that show sessions: `list`, `screen`, `logs`, `status` (all facts)."""

from __future__ import annotations

import os
import time
from typing import Annotated, Literal, TypedDict

from typer import Argument, Option

from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import Ansi, AnyName, Context, Follow, Labelled, Since
from sesh.cli.printed import PrintedLine, PrintedLogs, PrintedName, prints
from sesh.errors import NotFound, Refused, UsageError, for_host
from sesh.ops import live_log, sessions, views
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.schema.facts import MAX_NUMBER, ActivityFacts, Status, Summary
from sesh.store import listing
from sesh.text import describe, integration, safe, times
from sesh.vt.render.screen_data import ScreenFacts

_DEFAULT_LINES = 300
_REASONS = {  # by `why` (daemon/activity/rules.Why)
    "hook": "it says so",
    "xoff": "its terminal takes no output",
    "tty-read": "it reads its terminal",
    "stopped": "it has stopped showing that it works",
    "prompt": "its shell is at the prompt",
    "quiet": "it neither prints nor computes",
    "output": "it prints",
    "exit": "it has ended",
}


@prints(list[Summary] | list[PrintedName])
def list_(
    ctx: Context,
    *,
    label: Labelled = None,
    quiet: Annotated[
        bool, Option("--quiet", "-q", help="Print the names alone, one a line; of other machines as @HOST NAME.")
    ] = False,
    watch_: Annotated[bool, Option("--watch", help="The same as the verb watch.")] = False,
) -> int:
    """List the sessions and what runs in them, here and on known remotes.

    * marks the session that you are in, ? one whose host does not answer. ! and the words in brackets say what happened
    since you were attached.

    Examples:
      sesh
      sesh list --json
      sesh list --label team=web
      sesh list -q --local
      sesh @web1 @web2 list
    """
    if watch_:
        if quiet:
            raise UsageError("--watch shows a table; leave out --quiet")
        from sesh.cli import choose  # noqa: PLC0415 - loads the board

        return choose.watch(ctx, label=label)
    from sesh.cli.list import show, show_names  # noqa: PLC0415 - loads known remotes, which other verbs do without

    return (show_names if quiet else show)(ctx.obj, label or ())


class PrintedScreen(ScreenFacts):
    """The visible rows as runs of cells (`--format json`).

    `colours`: those that the program changed, as it wrote them; `continued`: the rows, from 0, that continue the line
    of the row above.
    """

    session: str
    host: str | None
    format: str


class PrintedText(TypedDict):
    """The rows, plain or with colours.

    `continued`: the rows, from 0, that go on with the line of the row above.
    """

    session: str
    host: str | None
    format: str
    text: str
    lines: list[str]
    continued: list[int]


@prints(PrintedText | PrintedScreen)
def screen(
    ctx: Context,
    name: AnyName = None,
    *,
    form: Annotated[
        Literal["text", "ansi", "json"], Option("--format", metavar="FORMAT", help="text, ansi or json.")
    ] = "text",
) -> int:
    """Print the current screen; without NAME, that of the session that you are in.

    Examples:
      sesh screen work
      sesh screen work --format ansi
    """
    cli = ctx.obj
    name = cli.session_name(name)
    target = cli.find_target(name)
    head = {"session": name, "host": target.host, "format": form}
    if form == "json":
        return cli.out.value({**head, **target.call(views.cells, name=name)})
    drawn = target.call(views.screen, name=name, form=form)
    if cli.line.json:
        return cli.out.value({**head, **drawn})
    text = drawn["text"].rstrip("\n") if form == "text" else drawn["text"]
    cli.out.drawn(text + "\n" if text else "")
    return 0


@prints(PrintedLogs | PrintedLine)
def logs(
    ctx: Context,
    name: AnyName = None,
    count: Annotated[int | None, Argument(metavar="N", help="How many lines.", min=0, show_default=False)] = None,
    *,
    lines: Annotated[int | None, Option("--lines", "-n", metavar="N", help="How many lines, as N.", min=0)] = None,
    since: Since = None,
    follow: Follow = False,
    ansi: Ansi = False,
) -> int:
    """Print the last N lines of scrollback and screen (300; with --since all that came since).

    Without NAME, those of the session that you are in: there a number alone is N, and `sesh logs 3 300` prints lines of
    session 3. When a line came is known to the second; what was there when an older sesh was moved to this version
    counts as of then. Lines that `clear` or Ctrl-L erased are gone; `sesh history NAME N` may still have them.

    Examples:
      sesh logs work 50
      sesh logs work -n 50
      sesh logs work --since 10m
      sesh logs work -f
      sesh logs work --ansi | less -R
    """
    cli = ctx.obj
    name, count = cli.name_and_number(name, count)
    target = cli.find_target(name)
    if None not in (count, lines):
        raise UsageError(f"N is given twice: {count}, and --lines {lines}")
    limit = lines if count is None else count
    if follow:
        _check_not_inside(target, name)
        try:
            _follow(cli, target, name, limit, ansi=ansi, since=since)
        except KeyboardInterrupt:
            return printing.exit_interrupted()
        return 0
    texts = _last_lines(target, name, limit, ansi=ansi, since=since)
    if cli.line.json:
        return cli.out.value({"session": name, "host": target.host, "lines": texts})
    cli.out.lines(texts)
    return 0


def _last_lines(target: Target, name: str, count: int | None, *, ansi: bool, since: float | None) -> list[str]:
    if since is None:
        return target.call(views.logs, name=name, lines=_DEFAULT_LINES if count is None else count, ansi=ansi)
    moment = sessions.moment_there(target, name, since)
    return target.call(views.logs_since, name=name, since=moment, lines=count, ansi=ansi)


def _check_not_inside(target: Target, name: str) -> None:
    """Raise Refused if sesh would print into the session that it follows, without end."""
    current = listing.current() if target.host is None and os.isatty(printing.STDOUT) else None
    if current is not None and current["name"] == name:
        hint = f"follow it in another window, or write into a file: {SESH} logs {name} -f > FILE"
        raise Refused(f"you are in {name}, where each line that -f prints would be printed again and again", hint=hint)


def _follow(cli: Invocation, target: Target, name: str, count: int | None, *, ansi: bool, since: float | None) -> None:
    """Print the last lines, then new ones until the session ends, unless it is lost."""

    def write(lines: list[str]) -> None:
        if cli.line.json:
            cli.out.write(b"".join(cli.out.json_line({"line": line}) for line in lines))
        else:
            cli.out.lines(lines)

    try:
        stream = Stream.open(target, name)
    except NotFound:
        write(_last_lines(target, name, count, ansi=ansi, since=since))
        return
    with stream:
        stream.audience = cli.audience
        moment = None if since is None else sessions.moment_there(target, name, since)
        most = (_DEFAULT_LINES if since is None else MAX_NUMBER) if count is None else count
        live_log.follow(stream, most, ansi=ansi, write=write, note=cli.note, since=moment)


@prints(Status)
def status(ctx: Context, name: AnyName = None) -> int:
    """Print everything known about a session; without NAME, the one that you are in.

    The exit code is 1 if there is no such session. One that has ended or is lost gives 0; see `state` with --json.

    Examples:
      sesh status work
      sesh status work --json
    """
    cli = ctx.obj
    name = cli.session_name(name)
    target = cli.find_target(name)
    session = target.call(views.status, name=name)
    session["host"] = target.host
    return cli.out.show(session, "\n".join(_described(session, time.time() + target.clock)))


def _described(session: Status, now: float) -> list[str]:
    front, ended = session.get("foreground"), session["state"] == "exited"  # its processes are gone
    found = session.get("integration")
    pid, daemon = (None, None) if ended else (session.get("pid"), session.get("daemon_pid"))
    facts: dict[str, str | None] = {
        "name": session["name"],
        "state": describe.presence(session)[0] + (" (this one)" if session.get("current") else ""),
        "ended": reason if (reason := session.get("reason")) != "exited" else None,
        "last line": session.get("last_line") if ended else None,
        "lost": _lost(session) if session.get("lost") else None,
        "activity": _activity(session.get("activity"), now),
        "program": (f"{pid}: " if pid else "") + describe.command_line(session["command"] or []),
        "resume": describe.command_line(session.get("resume") or []),
        "foreground": f"{front.get('pid')}: {describe.command_line(front['command'])}" if front else None,
        "directory": session.get("cwd"),
        "title": session.get("title"),
        "unseen": describe.unseen(session),
        "created": _moment(session.get("created"), now),
        "last activity": _moment(session.get("last_activity"), now),
        "size": f"{session.get('columns')}x{session.get('rows')}",
        "modes": ", ".join(mode.replace("_", " ") for mode, on in session.get("modes", {}).items() if on),
        "scrollback": "{lines} lines, {bytes} bytes".format(**kept) if (kept := session.get("scrollback")) else None,
        "integration": integration.in_words(found["shell"], found["missing"]) if found else None,
        "labels": " ".join(f"{key}={value}" for key, value in (session.get("labels") or {}).items()),
        "daemon": f"{daemon}, sesh {session.get('version')}" if daemon else None,
    }
    rows = [(key, value) for key, value in facts.items() if value]
    for report in session.get("reports") or []:
        words = ", ".join(filter(None, (report["state"], report.get("kind"), report.get("app"))))
        rows.append(("reports", f"{words}: {describe.of_report(report)}".rstrip(": ")))
    for client in session.get("clients") or []:
        machine = f" of {client['machine']}" if client.get("machine") else ""
        watching = ", read-only" if client.get("read_only") else ""
        size = f"{client.get('columns')}x{client.get('rows')}"
        since = times.local_time(client.get("since"))
        place = f"{client.get('pid')} on {client.get('tty')}{machine}"
        rows.append(("client", f"{place}, {size}, since {since}{watching}"))
    return [f"{key + ':':<15}{safe.plain(value)}" for key, value in rows]


def _activity(activity: ActivityFacts | None, now: float) -> str | None:
    """Return the state of a session, its reason and start, and the question."""
    if not activity:
        return None
    since = f"since {_moment(activity['since'], now)}" if activity.get("since") else ""
    state = ", ".join(filter(None, (activity["state"], _REASONS.get(str(activity.get("why"))), since)))
    return f"{state}: {question}" if (question := activity.get("question")) else state


def _moment(moment: object, now: float) -> str:
    return f"{times.local_time(moment)} ({times.age(moment, now) or '?'} ago)"


def _lost(session: Summary) -> str:
    reboot = session["lost"]["reason"] == "reboot"
    saved = session["lost"]["saved"]
    how = f"when {session.get('host') or 'this machine'} restarted" if reboot else "its daemon died"
    if not saved:
        return f"{how}; its screen was not kept"
    look = for_host(f"{SESH} screen {session['name']}", session.get("host"))
    return f"{how}; its screen of {times.local_time(saved)} was kept: {look}"
