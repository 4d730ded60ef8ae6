"""Make other programs' text safe for a terminal, and describe sessions in words."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import Any

from wcwidth import wcswidth

from sesh import measures
from sesh.about import ON_HOST, SESH
from sesh.errors import BY_TIMEOUT, Malformed, malformed
from sesh.schema.check import Check, test_of
from sesh.schema.facts import Place, ReportFacts, Summary

_NOTIFICATION_COLUMNS = 30
_MOST_MARKS = 256  # zero-width characters after which `cut` stops looking for columns
LONGEST_LINE = 4096  # characters at which a line of a host is cut
STYLES = "(\x1b\\[[0-9:;]{0,99}m|\x1b\\]8;[ -~\xa0-\ud7ff]{0,2200}\x1b\\\\)"  # SGR and links (OSC 8)
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
"""Controls except tab and line feed, and marks that change the direction of text."""
_SURROGATES = "[\ud800-\udfff]"


def plain(value: object, keep: str = "") -> str:
    """Return a program's text without unprintable characters, except those in `keep`."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(character for character in text if character.isprintable() or character in keep)


def line(text: str) -> str:
    """Return a printable line of a host, with placeholders of its sesh (see `errors.for_host`)."""
    return plain(text[:LONGEST_LINE], SESH + ON_HOST)


def paragraphs(text: str) -> str:
    """Return a host's text without controls; keep tabs, line feeds, and bytes outside UTF-8."""
    return text if text.isprintable() else re.sub(_CONTROLS, "", text)


def without_controls(text: str) -> str:
    """Return a host's text without controls and surrogates; keep SGR and links."""
    return text if text.isprintable() else re.sub(f"{STYLES}|{_CONTROLS}|{_SURROGATES}", r"\1", text)


CLEANERS = {"line": line, "text": paragraphs, "styled": without_controls}
"""What makes a host's text safe, by the kind of text that its type names."""


def checked_text(hint: Any, value: object) -> Any:
    """Return a host's value, checked as a type, with its text made safe. Raises Malformed."""
    return test_of(hint)(Check(CLEANERS), value)


def checked_from_host(hint: Any, value: object, name: str) -> Any:
    """Return as `checked_text`. Raises ProtocolError, which calls the value `name`."""
    try:
        return checked_text(hint, value)
    except Malformed as error:
        raise malformed(name, str(error)) from None


def one_line(message: str) -> str:
    """Return a message on one line: join runs of white space, drop other controls."""
    return plain(" ".join(message.split()))


def qualified_name(place: Place) -> str:
    """Return the words to type for a session: `@HOST NAME`."""
    return f"@{plain(place.host)} {plain(place.name)}" if place.host is not None else plain(place.name)


def encodable(value: Any) -> Any:
    """Return a JSON value with all strings encodable as UTF-8: without lone surrogates."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def presence(session: Summary) -> tuple[str, str]:
    """Return whether a session is attached, detached, exited or lost: words, and SGR parameters.

    On another machine: the name of that machine. If its host does not answer: when the session was last seen.
    """
    if "stale" in session:
        seen = measures.seconds(session["stale"]["since"])
        return f"seen {measures.ago(time.time() - seen)}" if seen else "seen before", "33"
    if session.get("machine"):
        return f"on {plain(session['machine'])}", "36"
    if session["state"] == "exited":
        passed = measures.age(session.get("ended"), time.time())
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
    return (measures.seconds(activity_facts(session)[1]) or 0.0) - session.get("clock", 0.0)


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
    """Return unseen changes in brackets, the foreground command as typed, and its title.

    If the foreground program is unknown, or is this process, the command is that with which the session was started.
    """
    foreground = session.get("foreground")
    if foreground and session.get("current") and foreground.get("pid") == os.getpid():
        foreground = None
    command = (foreground.get("command") if foreground else None) or session.get("command") or []
    line = command_line(command)
    title = one_line((foreground.get("title") if foreground else None) or "")
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


def columns(text: str) -> int:
    if text.isascii():
        return len(text)
    width: int = wcswidth(text)
    return width if width >= 0 else columns(plain(text))  # controls have no width


def cut(text: str, limit: int, *, keeps_end: bool = False, mark: str = "…") -> str:
    """Return a text cut to `limit` columns; `mark` replaces its end, or its beginning."""
    if limit < 1:
        return ""  # even of a text without width: a mark is drawn on the character before it
    most = limit + _MOST_MARKS
    near = text[-most:] if keeps_end else text[:most]
    if near == text and columns(text) <= limit:
        return text
    kept = ""
    for character in reversed(near) if keeps_end else near:
        longer = character + kept if keeps_end else kept + character
        if columns(longer) + len(mark) > limit:
            break
        kept = longer
    return mark + kept if keeps_end else kept + mark


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
