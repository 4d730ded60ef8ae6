"""`--status`: the facts about a session, line by line or as JSON."""

from __future__ import annotations

import time

from sesh import moments, wording
from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.words import AnyName, Context
from sesh.errors import for_host
from sesh.ops import views
from sesh.schema import ActivityFacts, Status, Summary

_REASONS = {
    "hook": "it says so",
    "xoff": "its terminal takes no output",
    "tty-read": "it reads its terminal",
    "stopped": "it has stopped to show that it works",
    "prompt": "its shell is at the prompt",
    "quiet": "it neither prints nor computes",
    "output": "it prints",
    "exit": "it has ended",
}


def status(ctx: Context, name: AnyName = None) -> int:
    """Print everything known about a session; without NAME, the one that you are in.

    The exit code is 0 also for one that has ended or is lost, and 1 if there is none; --json has its state.

    Examples:
      sesh status work
      sesh status work --json
    """
    cli = ctx.obj
    name = cli.session(name)
    target = cli.find(name)
    session = target.call(views.status, name=name)
    session["host"] = cli.host
    if cli.json:
        return cli.value(session)
    printing.text(for_host("\n".join(_described(session, time.time() + target.clock)), cli.host))
    return 0


def _described(session: Status, now: float) -> list[str]:
    foreground = session.get("foreground")
    program = foreground["command"] if foreground else ""
    program = wording.command_line(program) if isinstance(program, list) else program
    scrollback = session.get("scrollback")
    ended = session["state"] == "exited"  # its processes are gone
    pid, daemon = (None, None) if ended else (session.get("pid"), session.get("daemon_pid"))
    facts: dict[str, str | None] = {
        "name": session["name"],
        "state": wording.state(session) + (" (this one)" if session.get("current") else ""),
        "ended": reason if (reason := session.get("reason")) != "exited" else None,
        "lost": _lost(session) if session.get("lost") else None,
        "activity": _standing_text(session.get("activity"), now) or None,
        "program": (f"{pid}: " if pid else "") + wording.command_line(session["command"] or []),
        "resume": wording.command_line(resume) if (resume := session.get("resume")) else None,
        "foreground": f"{foreground.get('pid')}: {program}" if foreground else None,
        "directory": session.get("cwd"),
        "title": session.get("title") or None,
        "unseen": wording.unseen(session) or None,
        "created": _moment_text(session.get("created"), now),
        "last activity": _moment_text(session.get("last_activity"), now),
        "size": f"{session.get('columns')}x{session.get('rows')}",
        "modes": ", ".join(mode.replace("_", " ") for mode, on in session.get("modes", {}).items() if on) or None,
        "scrollback": f"{scrollback.get('lines')} lines, {scrollback.get('bytes')} bytes" if scrollback else None,
        "labels": " ".join(f"{key}={value}" for key, value in (session.get("labels") or {}).items()) or None,
        "daemon": f"{daemon}, sesh {session.get('version')}" if daemon else None,
    }
    lines = [f"{key + ':':<15}{wording.plain(value)}" for key, value in facts.items() if value is not None]
    for report in session.get("reports") or []:
        words = ", ".join(filter(None, (report["state"], report.get("kind"), report.get("app"))))
        lines.append(f"{'reports:':<15}{wording.plain(words)}: {wording.of_report(report)}".rstrip(": "))
    for client in session.get("clients") or []:
        size = f"{client.get('columns')}x{client.get('rows')}"
        watching = ", read-only" if client.get("read_only") else ""
        machine = f" of {client['machine']}" if client.get("machine") else ""
        since = moments.here(client.get("since"))
        text = f"{client.get('pid')} on {client.get('tty')}{machine}, {size}, since {since}{watching}"
        lines.append(f"{'client:':<15}{wording.plain(text)}")
    return lines


def _standing_text(standing: ActivityFacts | None, now: float) -> str:
    """Return the state of a session, the reason, since when, and the question it asks; empty if not known."""
    if not standing:
        return ""
    age = moments.age(standing.get("since"), now)
    since = f"since {moments.here(standing.get('since'))} ({age} ago)" if age else ""
    reason = ", ".join(filter(None, (standing["state"], _REASONS.get(str(standing.get("why"))), since)))
    return f"{reason}: {question}" if (question := standing.get("question")) else reason


def _moment_text(moment: object, now: float) -> str:
    return f"{moments.here(moment)} ({moments.age(moment, now) or '?'} ago)"


def _lost(session: Summary) -> str:
    how = (
        f"when {session.get('host') or 'this machine'} restarted"
        if session["lost"]["reason"] == "reboot"
        else "its daemon died"
    )
    saved = session["lost"]["saved"]
    left = (
        f"its screen of {moments.here(saved)} was kept: {SESH} --screen {session['name']}"
        if saved
        else "its screen was not kept"
    )
    return f"{how}; {left}"
