"""Sessions, moments and other people's text in words, as a terminal may be shown them."""

from __future__ import annotations

import os
import time as clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from sesh.schema import Summary

_UNQUOTED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-")
_LONGEST_NOTIFICATION = 30
"""Columns of a notification in a list."""
_LONGEST_TEXT = 4096
"""Characters beyond the limit that are looked at to cut a text: some take no column."""
_DAYS_TO_EPOCH = 719468
_END_OF_TIME = 1 << 50
"""Seconds from the epoch that no clock shows."""


def plain(chosen: object) -> str:
    """Text that a program chose, without anything that a terminal could act upon."""
    return "".join(character for character in str(chosen) if character.isprintable())


def one_line(message: str) -> str:
    """A message on one line: runs of white space become one blank, other controls are dropped."""
    return plain(" ".join(message.split()))


def encodable(thing: Any) -> Any:
    """The same value with every string in it encodable."""
    if isinstance(thing, str):
        return thing if thing.isascii() else _encodable(thing)
    if isinstance(thing, dict):
        return {encodable(key): encodable(each) for key, each in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [encodable(each) for each in thing]
    return thing


def _encodable(text: str) -> str:
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # half a pair, from JSON's own escapes
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def state(session: Summary) -> str:
    """One word or two: attached, detached, exited with its code, lost, or the machine that it runs on."""
    if session.get("machine"):
        return f"on {plain(session['machine'])}"
    if session["state"] == "exited":
        ended = seconds(session.get("ended"))
        return f"exited {session.get('exit_code')}" + (f" ({ago(clock.time() - ended)})" if ended is not None else "")
    if session["state"] != "running":
        return plain(session["state"])
    if session.get("responding") is False:
        return "not answering"
    clients = session.get("attached") or 0
    return "detached" if not clients else "attached" if clients == 1 else f"attached {clients}"


def activity(session: Summary) -> str:
    """How a session stands in a word: working, waiting, idle, done, failed; quiet where that is all that is known."""
    standing = session.get("activity")
    return plain("quiet" if standing.get("why") == "quiet" else standing["state"]) if standing else ""


def asks(session: Summary) -> str:
    """What the program in a session asks a person, empty where it does not wait or its words are not known."""
    standing = session.get("activity")
    return one_line(standing.get("question") or "") if standing and standing["state"] == "waiting" else ""


def runs(session: Summary) -> str:
    """What runs in a session: the command in the foreground, as it may be typed, and the title that it has set.

    Before it in brackets what has happened unseen. Where nothing is known of a foreground (the session has ended, its
    sesh is an older one), the command that it was started with.
    """
    foreground = session.get("foreground")
    command: object = (foreground.get("command") if foreground else None) or session.get("command") or []
    # An older sesh says the command as one text.
    line = command_line(command) if isinstance(command, list) else one_line(str(command))
    title = one_line((foreground.get("title") if foreground else None) or "")
    line = f"{line} · {title}" if title and title != line else line
    return f"[{news}] {line}" if (news := unseen(session)) else line


def command_line(command: Sequence[str]) -> str:
    """The words of a running program as a line for a shell, the program without its directory and a login's dash.

    Some programs (npm, sshd) overwrite their words with one text, which stands as it is.
    """
    program, *words = command or [""]
    program = os.path.basename(program) if program[:1] == "/" else program.removeprefix("-")
    if not words and " " in program:
        return one_line(program)
    return " ".join(map(shell_word, [program, *words]))


def shell_word(word: str) -> str:
    """A word, quoted for a shell where it has to be; shlex takes longer to load than a list to draw.

    One with line feeds or other controls is written as `$'…'`, which bash, zsh and ksh read.
    """
    if word and word.isprintable():
        if word.isalnum() or _UNQUOTED.issuperset(word):
            return word
        return "'" + word.replace("'", "'\"'\"'") + "'"
    return "$'" + "".join(map(_escaped, word)) + "'" if word else "''"


def _escaped(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character.isprintable():
        return character
    return {"\n": "\\n", "\t": "\\t"}.get(character) or "".join(
        f"\\{byte:03o}" for byte in character.encode("utf-8", "replace")
    )


def unseen(session: Summary) -> str:
    """What has happened in a session since somebody was attached, in words; empty where nothing did."""
    missed = session.get("unseen")
    if not missed:
        return ""
    failed, bells, notification = missed.get("failed", 0), missed.get("bells", 0), missed.get("notification")
    words = [f"{failed} failed" if failed > 1 else "failed"] if failed else []
    words += [f"{bells} bells" if bells > 1 else "bell"] if bells else []
    words += [cut(one_line(notification), _LONGEST_NOTIFICATION)] if notification else []
    return ", ".join(words)


def age(moment: object, now: float) -> str:
    """How long ago an RFC 3339 moment in UTC was: 40s, 3m, 2h, 4d. Empty where it is unknown."""
    then = seconds(moment)
    if then is None:
        return ""
    passed = max(0, int(now - then))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if passed >= size:
            return f"{passed // size}{unit}"
    return f"{passed}s"


def ago(passed: float) -> str:
    """How long ago something was that many seconds ago: `just now`, `3 min ago`, `2 h ago`, `4 days ago`."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if passed >= size * (2 if unit == "days" else 1):
            return f"{int(passed // size)} {unit} ago"
    return "just now"


def seconds(moment: object) -> float | None:
    """Seconds since the epoch of `2026-01-31T12:00:00Z`, with or without a fraction; None for anything else.

    By hand: datetime takes longer to load than the whole list to draw, and reads no `Z` before Python 3.11.
    """
    try:
        date, _, time = str(moment).rstrip("Z").removesuffix("+00:00").partition("T")
        year, month, day = (int(part) for part in date.split("-"))
        hour, minute, second = time.split(":")
        year -= month <= 2
        of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
        days = year * 365 + year // 4 - year // 100 + year // 400 + of_year - _DAYS_TO_EPOCH
        found = days * 86400 + int(hour) * 3600 + int(minute) * 60 + float(second)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < _END_OF_TIME else None


def at_home(path: str) -> str:
    """A directory under HOME, written with `~`."""
    home = os.environ.get("HOME", "").rstrip("/")
    if home and (path == home or path.startswith(f"{home}/")):
        return f"~{path[len(home) :]}"
    return path


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth

    found: int = wcswidth(text)
    return found if found >= 0 else sum(_each(text))


def cut(text: str, limit: int, *, keeps_end: bool = False) -> str:
    """A text that takes at most `limit` columns, with `…` where something was left out: its end, or its beginning."""
    most = max(limit, 0) + _LONGEST_TEXT
    whole, text = text, text[-most:] if keeps_end else text[:most]
    if text == whole and columns(text) <= limit:
        return text
    if limit < 1:
        return ""
    kept, room = 0, limit - 1
    for size in _each(reversed(text) if keeps_end else text):
        if size > room:
            break
        room -= size
        kept += 1
    return f"…{text[len(text) - kept :]}" if keeps_end else f"{text[:kept]}…"


def _each(text: Iterable[str]) -> list[int]:
    """The columns of each character by itself; U+FE0F counts, for what it makes wide."""
    from wcwidth import wcwidth

    return [1 if character == "\ufe0f" else max(0, wcwidth(character)) for character in text]


_NEEDS = {"waiting": "waits", "failed": "failed", "done": "is done", "bell": "rings"}


def needs(name: str, state: str, question: str | None, host: str | None = None) -> str:
    """What a person is told of a session that needs one, in one line."""
    place = f"{name}@{host}" if host else name
    return f"{place} {_NEEDS.get(state, state)}" + (f": {one_line(question)}" if question else "")
