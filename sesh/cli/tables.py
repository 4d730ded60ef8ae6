"""The list of sessions as a person reads it, fitted to the terminal."""

from __future__ import annotations

import os

from sesh.wording import age, at_home, columns, cut, plain, state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.store.listing import Summary

HEADINGS = ("", "NAME", "STATE", "AGE", "IDLE", "DIRECTORY", "COMMAND")
_NAME, _STATE, _AGE, _IDLE, _DIRECTORY, _COMMAND = range(1, 7)
_DISPENSABLE = (_AGE, _COMMAND, _IDLE, _DIRECTORY)
"""What a narrow terminal is spared, in this order."""
_NARROWEST, _SHORTEST = 12, 4


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
            codes = ["1", "1" if session.get("current") else "", colour(session), "2", "2", "", ""]
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


def coloured(descriptor: int) -> bool:
    """Whether what is written to a descriptor may have colours: a terminal that knows them, and no `NO_COLOR`."""
    known = os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    return known and not os.environ.get("NO_COLOR") and os.isatty(descriptor)


def colour(session: Summary) -> str:
    """The SGR parameters of a session's state."""
    if session.get("machine"):
        return "36"
    if session["state"] == "exited":
        return "31" if session.get("exit_code") else "2"
    if session["state"] != "running" or session.get("responding") is False:
        return "33"
    return "32" if session.get("attached") else ""


def width(terminal: int) -> int:
    """The columns of a terminal, COLUMNS first. By hand: shutil loads the compressors with it."""
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    try:
        return os.get_terminal_size(terminal).columns or 80
    except OSError:
        return 80
