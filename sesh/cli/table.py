"""The list of sessions as a table that fits the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from sesh import wording
from sesh.measures import age
from sesh.schema import Summary
from sesh.wording import at_home, columns, cut, plain

_HEADINGS = ("  NAME", "STATE", "ACTIVITY", "AGE", "IDLE", "DIRECTORY", "COMMAND")
_NAME, _STATE, _ACTIVITY, _AGE, _IDLE, _DIRECTORY, _COMMAND = range(7)
_DISPENSABLE = (_AGE, _COMMAND, _IDLE, _DIRECTORY, _ACTIVITY, _STATE)  # dropped in this order on a narrow terminal
_MIN_TEXT = 12  # columns of a directory or a command; a narrower one is dropped
_GAP = 2


class Table:
    """The list in `limit` columns, or any width if None; later rows keep the columns."""

    def __init__(self, limit: int | None, *, coloured: bool = False) -> None:
        self._limit = limit
        self._coloured = coloured
        self._widths = [len(heading) for heading in _HEADINGS]
        self._headed = False

    def measure(self, sessions: Sequence[Summary], now: float) -> None:
        """Widen the columns for sessions that may be printed later."""
        for session in sessions:
            self._widths = [max(pair) for pair in zip(self._widths, map(columns, _cells(session, now)), strict=True)]

    def lines(self, sessions: Sequence[Summary], now: float) -> list[str]:
        """Return a line for each session; the first call adds the headings."""
        self.measure(sessions, now)
        widths = _fitted(self._widths, self._limit)
        drawn = [] if self._headed else [self._line(_HEADINGS, widths, ["2"] * len(_HEADINGS))]
        self._headed = True
        for session in sessions:
            cells = _cells(session, now)
            own = "1" if session.get("current") else ""
            signal = wording.SIGNALS.get(cells[_ACTIVITY], "")
            drawn.append(self._line(cells, widths, [own, wording.colour(session), signal, "2", "2", "", ""]))
        return drawn

    def remark(self, host: str, reason: str = "") -> str:
        """Return the line above a host's rows: its name, and why it does not answer."""
        head = self._painted(f"@{plain(host)}", "36")
        return f"{head}  {self._painted(plain(reason), '33')}" if reason else head

    def _line(self, cells: Sequence[str], widths: Mapping[int, int], codes: Sequence[str]) -> str:
        drawn = []
        for index, width in widths.items():
            cell = cut(cells[index], width, keeps_end=index == _DIRECTORY)
            drawn.append(self._painted(cell, codes[index]) + " " * (width - columns(cell)))
        return (" " * _GAP).join(drawn).rstrip()

    def _painted(self, text: str, code: str) -> str:
        """Return text with the SGR parameters `code`, if colours are wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self._coloured and code and text else text


def _cells(session: Summary, now: float) -> tuple[str, ...]:
    """Return a session's cells in the order of the headings; `now`: as `time.time()`."""
    now += session.get("clock", 0.0)
    return (
        f"{wording.mark(session):1} {plain(session['name'])}",
        wording.presence(session),
        "" if "stale" in session else wording.activity(session),
        age(session.get("created"), now),
        "" if "stale" in session else age(session.get("last_activity"), now),
        at_home(plain(session.get("cwd") or ""), session.get("home", os.environ.get("HOME", ""))),
        wording.command_column(session),
    )


def _fitted(wanted: Sequence[int], limit: int | None) -> dict[int, int]:
    """Return the widths of the columns that fit into `limit`, by index."""
    widths = dict(enumerate(wanted))
    if limit is None:
        return widths
    dispensable = iter(_DISPENSABLE)
    while (fitted := _narrowed(widths, limit)) is None:
        dropped = next(dispensable, None)
        if dropped is None:
            return {_NAME: limit}
        del widths[dropped]
    return fitted


def _narrowed(widths: Mapping[int, int], limit: int) -> dict[int, int] | None:
    """Return widths with a narrower command and directory; None if they still do not fit."""
    narrowed = dict(widths)
    over = sum(width + _GAP for width in widths.values()) - _GAP - limit
    for index in (_COMMAND, _DIRECTORY):
        less = max(0, min(over, widths.get(index, 0) - _MIN_TEXT))
        over -= less
        if less:
            narrowed[index] -= less
    return narrowed if over <= 0 else None
