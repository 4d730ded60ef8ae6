"""Describe sessions in words: presence, activity, command, what a client missed, notifications."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping, Sequence

from sesh.errors import BY_TIMEOUT
from sesh.schema.facts import Place, ReportFacts, Summary
from sesh.text import times
from sesh.text.safe import cut, one_line, plain

_NOTIFICATION_COLUMNS = 30


def qualified_name(place: Place) -> str:
    """Return the words to type for a session: `@HOST NAME`."""
    return f"@{plain(place.host)} {plain(place.name)}" if place.host is not None else plain(place.name)


def presence(session: Summary) -> tuple[str, str]:
    """Return whether a session is attached, detached, exited or lost: words, and SGR parameters.

    On another machine: the name of that machine. If its host does not answer: when the session was last seen.
    """
    if "stale" in session:
        seen = times.seconds(session["stale"]["since"])
        return f"seen {times.ago(time.time() - seen)}" if seen else "seen before", "33"
    if session.get("machine"):
        return f"on {plain(session['machine'])}", "36"
    if session["state"] == "exited":
        passed = times.age(session.get("ended"), time.time())
        words = f"exited {session.get('exit_code')}{f' ({passed} ago)' if passed else ''}"
        return words, "31" if ended_badly(session) else "2"
    if session["state"] != "running":
        return plain(session["state"]), "33"
    if is_silent(session):
        return "not answering", "33"
    clients = session.get("attached") or 0
    if not clients:
        return "detached", ""
    return "attached" if clients == 1 else f"attached {clients}", "32"


def amount(size: int) -> str:
    """Return a number of bytes in the unit that fits it: `300 KB`."""
    if size < 1000:
        return f"{size} bytes" if size != 1 else "1 byte"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{round(size / 1e3)} KB"


_STOPPED = "stopped (Ctrl-S)"
_REPLACED_STATES = {"quiet": "quiet", "xoff": _STOPPED}  # by `why` (daemon/activity/rules.Why)


def is_silent(session: Summary) -> bool:
    """Return whether a running session's row is from its record, as its daemon is silent."""
    return session["state"] == "running" and session.get("responding") is False


def activity(session: Summary) -> str:
    """Return a session's activity: working, waiting, idle, done, failed, or as in `_REPLACED_STATES`."""
    facts = session.get("activity")
    return plain(_REPLACED_STATES.get(facts.get("why") or "", facts["state"])) if facts else ""


SIGNALS = {"waiting": "1;33", _STOPPED: "1;33", "failed": "31"}
"""SGR parameters of the activities that need the user."""
UNKNOWN = "?"  # marks a session whose host does not answer


def mark(session: Summary) -> str:
    """Return the mark before a session's name: `*` current, `?` host unreachable, `!` unseen changes."""
    if session.get("current"):
        return "*"
    if "stale" in session:
        return UNKNOWN
    return "!" if unseen(session) else ""


def activity_facts(session: Summary) -> tuple[str, str, str]:
    """Return state, start and question of a running session's activity; empty strings if unknown."""
    facts = session.get("activity")
    if not facts or session["state"] != "running":
        return "", "", ""
    return facts["state"], str(facts.get("since") or ""), str(facts.get("question") or "")


def since(session: Summary) -> float:
    """Return the start of a session's activity by this machine's clock; 0 if unknown."""
    return (times.seconds(activity_facts(session)[1]) or 0.0) - session.get("clock", 0.0)


def ended_badly(session: Summary) -> bool:
    """Return whether a session exited with another code than 0, unless the user interrupted it."""
    facts = session.get("activity")
    done = facts is not None and facts["state"] == "done"
    return session["state"] == "exited" and bool(session.get("exit_code")) and not done


def question(session: Summary) -> str:
    """Return the question of a session's program; empty if none is known."""
    facts = session.get("activity")
    return one_line(facts.get("question") or "") if facts and facts["state"] == "waiting" else ""


def of_report(report: ReportFacts) -> str:
    """Return a program's report in words."""
    progress = report.get("progress")
    name = report.get("title") or report.get("id") or ""
    return one_line(" ".join((name, f"{progress}%" if progress is not None else "", report.get("message") or "")))


def command_column(session: Summary) -> str:
    """Return unseen changes in brackets, the foreground command as typed, and its title or an ended one's last line.

    If the foreground program is unknown, or is this process, the command is that with which the session was started.
    """
    foreground = session.get("foreground")
    if foreground and session.get("current") and foreground.get("pid") == os.getpid():
        foreground = None
    command = (foreground.get("command") if foreground else None) or session.get("command") or []
    line = command_line(command)
    last = session.get("last_line") if session["state"] == "exited" else None
    title = one_line((foreground.get("title") if foreground else last) or "")
    line = f"{line} · {title}" if title and title != line else line
    return f"[{news}] {line}" if (news := unseen(session)) else line


def command_line(command: Sequence[str]) -> str:
    """Return a running program's arguments as a shell line, without directory and login dash.

    Some programs (npm, sshd) overwrite their arguments with one text, which is kept. Empty for an empty command.
    """
    if not command:
        return ""
    program, *words = command
    program = os.path.basename(program) if program[:1] == "/" else program.removeprefix("-")
    if not words and " " in program:
        return one_line(program)
    return " ".join(map(shell_word, [program, *words]))


def shell_word(word: str) -> str:
    """Return a word quoted for a shell, controls as `$'…'` (bash, zsh, ksh)."""
    if word.isprintable():
        return word if word.isalnum() else shlex.quote(word)
    return "$'" + "".join(map(_escaped, word)) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character.isprintable():
        return character
    octal = "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "replace"))
    return {"\n": "\\n", "\t": "\\t"}.get(character, octal)


def unseen(session: Summary) -> str:
    """Return the changes since the last client left in words; empty without changes."""
    missed = session.get("unseen")
    if not missed:
        return ""
    failed = missed.get("failed", 0)
    bells = missed.get("bells", 0)
    notification = missed.get("notification")
    parts = []
    if failed:
        parts.append(f"{failed} failed" if failed > 1 else "failed")
    if bells:
        parts.append(f"{bells} bells" if bells > 1 else "bell")
    if notification:
        parts.append(cut(one_line(notification), _NOTIFICATION_COLUMNS))
    return ", ".join(parts)


def at_home(path: str, home: str | None = None) -> str:
    """Return a directory with `~` for `home`, by default HOME."""
    home = (os.environ.get("HOME", "") if home is None else home).rstrip("/")
    if home and (path == home or path.startswith(f"{home}/")):
        return f"~{path[len(home) :]}"
    return path


NOTIFICATION_INTERVAL = 60.0
"""Minimum seconds between two notifications about a session; bells have a limit of their own."""
_NEEDS = {"waiting": "waits", "failed": "failed", "done": "is done", "bell": "rings"}


def muted(labels: Mapping[str, str] | None) -> bool:
    """Return whether notifications about a session with these labels are off."""
    return (labels or {}).get("mute") == "1"


def failure(reason: object, code: object) -> str:
    return BY_TIMEOUT if reason == BY_TIMEOUT else f"exited {code}"


def notification(name: str, state: str, question: str | None, host: str | None = None) -> str:
    """Return the line about a session that needs the user: `NAME@HOST waits: …`."""
    session = f"{name}@{host}" if host else name
    return f"{session} {_NEEDS.get(state, state)}" + (f": {one_line(question)}" if question else "")
