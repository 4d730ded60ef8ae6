"""The list of sessions as a person reads it, fitted to the terminal."""

from __future__ import annotations

import os

from sesh.cli.show import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.listing import Summary

HEADINGS = ("", "NAME", "STATE", "AGE", "IDLE", "DIRECTORY", "COMMAND")
_DIRECTORY, _COMMAND = 5, 6
_NARROWEST = 12
_DAYS_TO_EPOCH = 719468


def rows(sessions: Sequence[Summary], now: float) -> list[tuple[str, ...]]:
    """The cells of each session, in the order of HEADINGS; `now`: seconds since the epoch."""
    return [
        (
            "*" if session.get("current") else "",
            plain(session["name"]),
            state(session),
            age(session.get("created"), now),
            age(session.get("last_activity"), now),
            at_home(plain(session.get("cwd") or "")),
            plain(" ".join(session.get("command") or [])),
        )
        for session in sessions
    ]


def drawn(cells: Sequence[tuple[str, ...]], limit: int | None) -> str:
    """Lines of the headings and cells in columns, none wider than `limit` columns; None cuts nothing."""
    lines = [HEADINGS, *cells]
    widths = [max(columns(line[at]) for line in lines) for at in range(len(HEADINGS))]
    if limit is not None:
        over = sum(widths) + 2 * len(widths) - 3 - limit
        for at in (_COMMAND, _DIRECTORY):
            if over > 0:
                less = min(over, max(0, widths[at] - _NARROWEST))
                widths[at] -= less
                over -= less
    drawn_lines = []
    for line in lines:
        padded = [cut(cell, widths[at]) for at, cell in enumerate(line)]
        padded = [cell + " " * (widths[at] - columns(cell)) for at, cell in enumerate(padded)]
        whole = f"{padded[0]} {'  '.join(padded[1:])}".rstrip()
        drawn_lines.append(whole if limit is None else cut(whole, limit))
    return "\n".join(drawn_lines)


def width(terminal: int) -> int:
    """The columns of a terminal, COLUMNS first. By hand: shutil loads the compressors with it."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(terminal).columns or 80
    except OSError:
        return 80


def state(session: Summary) -> str:
    """One word or two: attached, detached, exited with its code, lost, or the machine that it runs on."""
    if session.get("machine"):
        return f"on {plain(session['machine'])}"
    if session["state"] == "exited":
        return f"exited {session.get('exit_code')}"
    if session["state"] != "running":
        return plain(session["state"])
    if session.get("responding") is False:
        return "not answering"
    clients = session.get("attached") or 0
    return "detached" if not clients else "attached" if clients == 1 else f"attached {clients}"


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


def seconds(moment: object) -> float | None:
    """Seconds since the epoch of `2026-01-31T12:00:00Z`, with or without a fraction; None for anything else.

    By hand: datetime takes longer to load than the whole list to draw, and reads no `Z` before Python 3.11.
    """
    try:
        date, _, time = str(moment).rstrip("Z").removesuffix("+00:00").partition("T")
        year, month, day = (int(part) for part in date.split("-"))
        hour, minute, second = time.split(":")
    except ValueError:
        return None
    year -= month <= 2
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = year * 365 + year // 4 - year // 100 + year // 400 + of_year - _DAYS_TO_EPOCH
    return days * 86400 + int(hour) * 3600 + int(minute) * 60 + float(second)


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
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)


def cut(text: str, limit: int) -> str:
    """A text that takes at most `limit` columns, ending in `…` where something was left out."""
    if columns(text) <= limit:
        return text
    while text and columns(text) > limit - 1:
        text = text[:-1]
    return f"{text}…" if limit > 0 else ""
