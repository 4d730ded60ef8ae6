"""Text for people: other programs' text as a terminal may show it, and what is said about sessions."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import Any

from wcwidth import wcswidth, wcwidth

from sesh import measures
from sesh.about import SESH, THERE
from sesh.errors import TIMED_OUT
from sesh.schema import ReportFacts, Summary

_ZWJ, _FLAG_HALF = "\u200d", "\U0001f1e6\U0001f1ff"
"""The character that joins emoji; the first and the last half of a flag."""
_NOTIFICATION_COLUMNS = 30
_MOST_MARKS = 4096
"""Characters without a column that are looked at to cut a text."""
LONGEST_LINE, _LONGEST_PARAGRAPHS = 4096, 1 << 20
"""Characters of text from a host."""
STYLES = "(\x1b\\[[0-9:;]{0,99}m|\x1b\\]8;[ -~\xa0-\ud7ff]{0,2200}\x1b\\\\)"
"""SGR and links (OSC 8)."""
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
"""Controls, but for tabs and line feeds, and marks that set the direction of text."""
_SURROGATES = "[\ud800-\udfff]"


def plain(chosen: object, keep: str = "") -> str:
    """Return a program's text without characters that a terminal could act upon, except the controls in `keep`."""
    text = str(chosen)
    if text.isprintable():
        return text
    return "".join(character for character in text if character.isprintable() or character in keep)


def line(text: str) -> str:
    return plain(text[:LONGEST_LINE])


def sentence(text: str) -> str:
    """Return a line of a host's sesh, in which a command of sesh may stand: see `errors.for_host`."""
    return plain(text[:LONGEST_LINE], SESH + THERE)


def paragraphs(text: str) -> str:
    """Return a host's text of one line or several, such as a word of a command; bytes that are no UTF-8 stay."""
    text = text[:_LONGEST_PARAGRAPHS]
    return text if text.isprintable() else re.sub(_CONTROLS, "", text)


def without_controls(text: str) -> str:
    """Return a host's text with nothing but characters, SGR and links."""
    return text if text.isprintable() else re.sub(f"{STYLES}|{_CONTROLS}|{_SURROGATES}", r"\1", text)


def blanked(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def one_line(message: str) -> str:
    """Return a message on one line: runs of white space become one blank, other controls are dropped."""
    return plain(" ".join(message.split()))


def title(session: tuple[str | None, str]) -> str:
    """Return a session, its host and its name, as it is typed: `@HOST NAME`."""
    host, name = session
    return f"@{plain(host)} {plain(name)}" if host is not None else plain(name)


def encodable(value: Any) -> Any:
    """Return some JSON whose strings can all be encoded as UTF-8."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # half a pair, from JSON's own escapes
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return json.loads(text)


def state(session: Summary) -> str:
    """Return the state of a session: attached, detached, exited with its code, lost, or the machine that it runs on.

    For a host that does not answer: when the session was last seen.
    """
    if stale := session.get("stale"):
        seen = measures.seconds(stale["since"])
        return f"seen {measures.ago(time.time() - seen)}" if seen else "seen before"
    if session.get("machine"):
        return f"on {plain(session['machine'])}"
    if session["state"] == "exited":
        passed = measures.age(session.get("ended"), time.time())
        return f"exited {session.get('exit_code')}{f' ({passed} ago)' if passed else ''}"
    if session["state"] != "running":
        return plain(session["state"])
    if session.get("responding") is False:
        return "not answering"
    clients = session.get("attached") or 0
    return "detached" if not clients else "attached" if clients == 1 else f"attached {clients}"


OUTPUT_STOPPED = "stopped (Ctrl-S)"
_REASONS = {"quiet": "quiet", "xoff": OUTPUT_STOPPED}
"""The reasons that say more than the state, in words."""


def activity(session: Summary) -> str:
    """Return the activity of a session: working, waiting, idle, done, failed, or its reason where that says more."""
    facts = session.get("activity")
    return plain(_REASONS.get(facts.get("why") or "", facts["state"])) if facts else ""


SIGNALS = {"waiting": "1;33", OUTPUT_STOPPED: "1;33", "failed": "31"}
"""The SGR parameters of the activities that need a person."""
UNKNOWN = "?"
"""The mark of a session whose host does not answer."""


def mark(session: Summary) -> str:
    """Return the mark before a session's name: `*` the current one, `!` unseen changes, `?` its host is silent."""
    return "*" if session.get("current") else UNKNOWN if "stale" in session else "!" if unseen(session) else ""


def colour(session: Summary) -> str:
    if "stale" in session:
        return "33"
    if session.get("machine"):
        return "36"
    if session["state"] == "exited":
        return "31" if ended_badly(session) else "2"
    if session["state"] != "running" or session.get("responding") is False:
        return "33"
    return "32" if session.get("attached") else ""


def standing(session: Summary) -> tuple[str, str, str]:
    """Return the activity of a running session, since when, and its question; empty strings if not known."""
    facts = session.get("activity")
    if not facts or session["state"] != "running":
        return "", "", ""
    return facts["state"], str(facts.get("since") or ""), str(facts.get("question") or "")


def since(session: Summary) -> float:
    """Return the moment by this machine's clock since when a session stands as it does; 0 if not known."""
    return (measures.seconds(standing(session)[1]) or 0.0) - session.get("clock", 0.0)


def ended_badly(session: Summary) -> bool:
    """Return whether a session has ended with a code that is not 0, unless a person has interrupted its program."""
    facts = session.get("activity")
    done = facts is not None and facts["state"] == "done"
    return session["state"] == "exited" and bool(session.get("exit_code")) and not done


def asks(session: Summary) -> str:
    """Return the question that the program in a session asks a person; empty if it asks none, or it is not known."""
    facts = session.get("activity")
    return one_line(facts.get("question") or "") if facts and facts["state"] == "waiting" else ""


def of_report(report: ReportFacts) -> str:
    """Return the report of a program, or of a part of it, in words."""
    progress = report.get("progress")
    name = report.get("title") or report.get("id") or ""
    return one_line(" ".join((name, f"{progress}%" if progress is not None else "", report.get("message") or "")))


def runs(session: Summary) -> str:
    """Return the program in a session: the command in the foreground, as it may be typed, and the title that it set.

    Before it stand unseen changes, in brackets. If no foreground is known (the session has ended), or it is the process
    that asks, the command that the session was started with.
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
    """Return a running program's words as a line for a shell, the program without its directory and a login's dash.

    Some programs (npm, sshd) overwrite their words with one text, which stands as it is. Empty if they are unknown.
    """
    if not command:
        return ""
    program, *words = command
    program = os.path.basename(program) if program[:1] == "/" else program.removeprefix("-")
    if not words and " " in program:
        return one_line(program)
    return " ".join(map(shell_word, [program, *words]))


def shell_word(word: str) -> str:
    """Return a word, quoted for a shell if necessary: with controls as `$'…'`, which bash, zsh and ksh read."""
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
    """Return the changes in a session since somebody was attached, in words; empty without changes."""
    missed = session.get("unseen")
    if not missed:
        return ""
    failed, bells, notification = missed.get("failed", 0), missed.get("bells", 0), missed.get("notification")
    parts = [f"{failed} failed" if failed > 1 else "failed"] if failed else []
    parts += [f"{bells} bells" if bells > 1 else "bell"] if bells else []
    parts += [cut(one_line(notification), _NOTIFICATION_COLUMNS)] if notification else []
    return ", ".join(parts)


def at_home(path: str, home: str | None = None) -> str:
    """Return a directory with `~` for HOME, or for another home directory."""
    home = (os.environ.get("HOME", "") if home is None else home).rstrip("/")
    if home and (path == home or path.startswith(f"{home}/")):
        return f"~{path[len(home) :]}"
    return path


def columns(text: str) -> int:
    if text.isascii():
        return len(text)
    width: int = wcswidth(text)
    return width if width >= 0 else columns(plain(text))  # controls take none


def cut(text: str, limit: int, *, keeps_end: bool = False, mark: str = "…") -> str:
    """Return a text that takes at most `limit` columns, with `mark` if its end, or its beginning, was left out."""
    most = max(limit, 0) + _MOST_MARKS
    near = text[-most:] if keeps_end else text[:most]
    if near == text and columns(text) <= limit:
        return text
    if limit < 1:
        return ""
    kept = ""
    for cluster in reversed(_clusters(near)) if keeps_end else _clusters(near):
        longer = cluster + kept if keeps_end else kept + cluster
        if columns(longer) + len(mark) > limit:
            break
        kept = longer
    return mark + kept if keeps_end else kept + mark


def _clusters(text: str) -> list[str]:
    """Return a text in pieces that belong together: a character with its marks, joined emoji, both halves of a flag."""
    clusters: list[str] = []
    for char in text:
        last = clusters[-1] if clusters else ""
        flag = len(last) == 1 and _FLAG_HALF[0] <= last <= _FLAG_HALF[1] and _FLAG_HALF[0] <= char <= _FLAG_HALF[1]
        if last and (flag or last[-1] == _ZWJ or wcwidth(char) == 0):
            clusters[-1] += char
        else:
            clusters.append(char)
    return clusters


NOTIFICATION_INTERVAL = 60.0
"""Seconds between two notifications about one session; a bell never uses up the minute of a question."""
_NEEDS = {"waiting": "waits", "failed": "failed", "done": "is done", "bell": "rings"}


def muted(labels: Mapping[str, str] | None) -> bool:
    """Return whether notifications about a session with these labels are off."""
    return (labels or {}).get("mute") == "1"


def failure(reason: object, code: object) -> str:
    return TIMED_OUT if reason == TIMED_OUT else f"exited {code}"


def needs(name: str, state: str, question: str | None, host: str | None = None) -> str:
    """Return the line of a notification about a session that needs a person: `NAME@HOST waits: …`."""
    session = f"{name}@{host}" if host else name
    if (state, question) == ("failed", TIMED_OUT):
        return f"{session} {TIMED_OUT}"
    return f"{session} {_NEEDS.get(state, state)}" + (f": {one_line(question)}" if question else "")
