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
    front, ended = session.get("foreground"), session["state"] == "exited"  # its processes are gone
    pid, daemon = (None, None) if ended else (session.get("pid"), session.get("daemon_pid"))
    facts: dict[str, str | None] = {
        "name": session["name"],
        "state": wording.state(session) + (" (this one)" if session.get("current") else ""),
        "ended": reason if (reason := session.get("reason")) != "exited" else None,
        "lost": _lost(session) if session.get("lost") else None,
        "activity": _standing(session.get("activity"), now),
        "program": (f"{pid}: " if pid else "") + wording.command_line(session["command"] or []),
        "resume": wording.command_line(session.get("resume") or []),
        "foreground": f"{front.get('pid')}: {wording.command_line(front['command'])}" if front else None,
        "directory": session.get("cwd"),
        "title": session.get("title"),
        "unseen": wording.unseen(session),
        "created": _moment(session.get("created"), now),
        "last activity": _moment(session.get("last_activity"), now),
        "size": f"{session.get('columns')}x{session.get('rows')}",
        "modes": ", ".join(mode.replace("_", " ") for mode, on in session.get("modes", {}).items() if on),
        "scrollback": "{lines} lines, {bytes} bytes".format(**kept) if (kept := session.get("scrollback")) else None,
        "labels": " ".join(f"{key}={value}" for key, value in (session.get("labels") or {}).items()),
        "daemon": f"{daemon}, sesh {session.get('version')}" if daemon else None,
    }
    rows = [(key, value) for key, value in facts.items() if value]
    for report in session.get("reports") or []:
        words = ", ".join(filter(None, (report["state"], report.get("kind"), report.get("app"))))
        rows.append(("reports", f"{words}: {wording.of_report(report)}".rstrip(": ")))
    for client in session.get("clients") or []:
        machine = f" of {client['machine']}" if client.get("machine") else ""
        watching = ", read-only" if client.get("read_only") else ""
        size, since = f"{client.get('columns')}x{client.get('rows')}", moments.here(client.get("since"))
        place = f"{client.get('pid')} on {client.get('tty')}{machine}"
        rows.append(("client", f"{place}, {size}, since {since}{watching}"))
    return [f"{key + ':':<15}{wording.plain(value)}" for key, value in rows]


def _standing(standing: ActivityFacts | None, now: float) -> str | None:
    """Return the state of a session, the reason, since when, and the question it asks."""
    if not standing:
        return None
    since = f"since {_moment(standing['since'], now)}" if standing.get("since") else ""
    reason = ", ".join(filter(None, (standing["state"], _REASONS.get(str(standing.get("why"))), since)))
    return f"{reason}: {question}" if (question := standing.get("question")) else reason


def _moment(moment: object, now: float) -> str:
    return f"{moments.here(moment)} ({moments.age(moment, now) or '?'} ago)"


def _lost(session: Summary) -> str:
    reboot, saved = session["lost"]["reason"] == "reboot", session["lost"]["saved"]
    how = f"when {session.get('host') or 'this machine'} restarted" if reboot else "its daemon died"
    if not saved:
        return f"{how}; its screen was not kept"
    return f"{how}; its screen of {moments.here(saved)} was kept: {SESH} --screen {session['name']}"
