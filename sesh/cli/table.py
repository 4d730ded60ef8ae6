"""The list of sessions as a table: a line a session, fitted to the terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence

from sesh import wording
from sesh.moments import age
from sesh.schema import Summary
from sesh.wording import SIGNALS, UNKNOWN, at_home, colour, columns, cut, mark, plain, state

HEADINGS = ("", "NAME", "STATE", "ACTIVITY", "AGE", "IDLE", "DIRECTORY", "COMMAND")
_NAME, _STATE, _ACTIVITY, _AGE, _IDLE, _DIRECTORY, _COMMAND = range(1, 8)
_DISPENSABLE = (_AGE, _COMMAND, _IDLE, _DIRECTORY, _ACTIVITY)
"""The columns that are left out on a narrow terminal, in this order."""
_NARROWEST = 12
"""The least columns of a directory or a command."""
_SHORTEST = 4
"""The least columns of a name or a state."""


def rows(sessions: Sequence[Summary], now: float) -> list[tuple[str, ...]]:
    """Return the cells of each session, in the order of HEADINGS; `now`: seconds since the epoch."""
    home = os.environ.get("HOME", "")
    return [
        (
            mark(session),
            plain(session["name"]),
            state(session),
            "" if "stale" in session else wording.activity(session),
            age(session.get("created"), now + session.get("clock", 0.0)),
            "" if "stale" in session else age(session.get("last_activity"), now + session.get("clock", 0.0)),
            at_home(plain(session.get("cwd") or ""), session.get("home", home)),
            wording.runs(session),
        )
        for session in sessions
    ]


class Table:
    """The list for a terminal of `limit` columns, None for any width; rows that come later keep its columns.

    `coloured`: True if states have colours. `marks`: True if the column of the marks stands though it may be empty.
    """

    def __init__(self, limit: int | None, *, coloured: bool = False, marks: bool = False) -> None:
        self._limit, self._coloured = limit, coloured
        self._widths = [int(marks), *[0] * (len(HEADINGS) - 1)]
        self._headed = False
        self._measured: dict[int, tuple[Summary, tuple[str, ...]]] = {}
        """The sessions that were measured with their cells, by `id`."""

    def lines(self, sessions: Sequence[Summary], now: float) -> list[str]:
        """Return a line for each session, the first time with the headings above; none is wider than the limit."""
        if sessions and all(id(session) in self._measured for session in sessions):
            cells = [self._measured[id(session)][1] for session in sessions]
        else:
            self._widen(cells := rows(sessions, now))
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
        """Make the columns wide enough for sessions that come later, and are drawn as they are now."""
        self._widen(cells := rows(sessions, now))
        self._measured |= {id(session): (session, cell) for session, cell in zip(sessions, cells, strict=True)}

    def _widen(self, cells: Sequence[tuple[str, ...]]) -> None:
        # When a session was last seen stands in the column of its activity too, which is not known then.
        counted = [(*line[:_STATE], "detached", *line[_ACTIVITY:]) if line[0] == UNKNOWN else line for line in cells]
        most = [max(map(columns, column)) for column in zip(HEADINGS, *counted, strict=True)]
        self._widths = [max(pair) for pair in zip(self._widths, most, strict=True)]

    def remark(self, host: str, reason: str = "") -> str:
        """Return the line above a host's rows, with what is to be said of them, or why there are none."""
        head = painted(f"@{plain(host)}", "36", coloured=self._coloured)
        return f"{head}  {painted(plain(reason), '33', coloured=self._coloured)}" if reason else head

    def _line(self, cells: Sequence[str], widths: Sequence[int], codes: Sequence[str]) -> str:
        drawn = ""
        gap = 0
        for index, (cell, room, code) in enumerate(zip(cells, widths, codes, strict=True)):
            if room < 0:
                continue
            if not cell:
                gap += room + (2 if index else 1)
                continue
            width, free = len(cell), room
            if index == _STATE and cells[0] == UNKNOWN:
                free += max(0, widths[_ACTIVITY] + 2)
            if width > free or not cell.isascii():
                cell = cut(cell, free, keeps_end=index == _DIRECTORY)
                width = columns(cell)
            drawn += " " * gap + (painted(cell, code, coloured=True) if self._coloured else cell)
            gap = room - width + (2 if index else 1)
            # Blanks at the end of a line are never printed: they are due before the next cell.
        return drawn


def _fitted(wanted: Sequence[int], limit: int | None) -> list[int]:
    """Return the width of each column, -1 for one that is left out for lack of room."""
    widths = list(wanted)
    if limit is None:
        return widths
    for hidden in range(len(_DISPENSABLE) + 1):
        widths = [-1 if index in _DISPENSABLE[:hidden] else width for index, width in enumerate(wanted)]
        # Two blanks between columns, one behind the mark, none at the end.
        over = sum(width + 2 for width in widths if width >= 0) - 3 - limit
        for index in (_COMMAND, _DIRECTORY):
            less = max(0, min(over, widths[index] - _NARROWEST))
            widths[index] -= less
            over -= less
        if over <= 0:
            return widths
    less = min(over, max(0, widths[_STATE] - _SHORTEST))
    widths[_STATE] -= less
    widths[_NAME] -= over - less
    if widths[_NAME] < _SHORTEST:
        return [limit if index == _NAME else -1 for index in range(len(widths))]
    return widths


def painted(text: str, code: str, *, coloured: bool) -> str:
    """Return text with SGR parameters, if there are any and colours are wanted."""
    return f"\x1b[{code}m{text}\x1b[0m" if coloured and code and text else text
