"""The list of sessions as a table that fits the terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import inf

from sesh.schema.facts import Summary
from sesh.text import describe
from sesh.text.describe import at_home
from sesh.text.safe import columns, cut, plain
from sesh.text.times import age

_HEADINGS = ("  NAME", "STATE", "ACTIVITY", "AGE", "IDLE", "DIRECTORY", "COMMAND")
_ACTIVITY, _DIRECTORY = 2, 5
_GAP = 2


class Table:
    """Draw the list in lines of at most `limit` columns.

    Later rows keep the columns of the first ones.
    """

    def __init__(self, limit: float = inf, *, coloured: bool = False) -> None:
        self._limit = limit
        self._coloured = coloured
        self._widths = [len(heading) for heading in _HEADINGS]
        self._has_rows = False
        self._headed = False

    def measure(self, sessions: Sequence[Summary], now: float) -> None:
        """Widen the columns for sessions that may be printed later, below the headings."""
        self._has_rows = self._has_rows or bool(sessions)
        for session in sessions:
            self._widths = [max(pair) for pair in zip(self._widths, map(columns, _cells(session, now)))]
        if self._limit < inf:
            most = max(len(_HEADINGS[_DIRECTORY]), int(self._limit) // 4)  # so that the command is in sight, too
            self._widths[_DIRECTORY] = min(self._widths[_DIRECTORY], most)

    def lines(
        self, sessions: Sequence[Summary], now: float, host: str = "", reason: str = "", twin: str | None = None
    ) -> list[str]:
        """Return a line for each session, below that of the host, if any.

        The headings come first, once there are sessions. `reason`: why the host does not answer. `twin`: the host,
        empty for this machine, that is the same machine.
        """
        self.measure(sessions, now)
        drawn = []
        if self._has_rows and not self._headed:
            drawn.append(self._line(_HEADINGS, ["2"] * len(_HEADINGS)))
            self._headed = True
        if host:
            why = f"  {self._painted(plain(reason), '33')}" if reason else ""
            drawn.append(self._painted(f"@{plain(host)}", "36") + why)
        if twin is not None and not reason:
            same = f"the same machine as @{plain(twin)}" if twin else "the same as this machine"
            drawn.append(f"{' ' * _GAP}{self._painted(same, '2')}")
        for session in sessions:
            cells = _cells(session, now)
            own = "1" if session.get("current") else ""
            signal = describe.SIGNALS.get(cells[_ACTIVITY], "")
            drawn.append(self._line(cells, [own, describe.presence(session)[1], signal, "2", "2", "", ""]))
        return drawn

    def _line(self, cells: Sequence[str], codes: Sequence[str]) -> str:
        drawn = []
        left = self._limit
        for index, wanted in enumerate(self._widths):
            width = int(max(0, min(wanted, left)))
            cell = cut(cells[index], width, keeps_end=index == _DIRECTORY)
            drawn.append(self._painted(cell, codes[index]) + " " * (width - columns(cell)))
            left -= width + _GAP
        return (" " * _GAP).join(drawn).rstrip()

    def _painted(self, text: str, code: str) -> str:
        """Return text with the SGR parameters `code`, if colours are wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self._coloured and code and text else text


def _cells(session: Summary, now: float) -> tuple[str, ...]:
    """Return a session's cells in the order of the headings; `now`: as `time.time()`."""
    now += session.get("clock", 0.0)
    return (
        f"{describe.mark(session):1} {plain(session['name'])}",
        describe.presence(session)[0],
        "" if "stale" in session else describe.activity(session),
        age(session.get("created"), now),
        "" if "stale" in session else age(session.get("last_activity"), now),
        at_home(plain(session.get("cwd") or ""), session.get("home", os.environ.get("HOME", ""))),
        describe.command_column(session),
    )
