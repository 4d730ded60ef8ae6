"""The preview of a session: its screen, fetched in a thread and clipped to the space for it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sesh import wording
from sesh.ops.index import Key
from sesh.ops.views import cells
from sesh.tui.calls import Calls
from sesh.vt.render.screen_data import Run, Screen

_LOCAL_INTERVAL, _REMOTE_INTERVAL = 1.0, 4.0  # seconds between fetches of the screen that is shown
_MAX_FETCHES = 8  # at a time; further ones wait for the next `want`
_ATTRIBUTES = {"bold": "1", "dim": "2", "italic": "3", "blink": "5", "reverse": "7", "strike": "9", "overline": "53"}
_UNDERLINES = {"single": "4", "double": "21", "curly": "4:3", "dotted": "4:4", "dashed": "4:5"}


class Previews:
    """The screens of sessions by host and name, or the reason why there is none."""

    def __init__(self, calls: Calls) -> None:
        self.screens: dict[Key, Screen | str] = {}
        self._calls = calls
        self._fetched_at: dict[Key, float] = {}
        self._asked: set[Key] = set()

    def want(self, key: Key) -> float:
        """Fetch a screen that is missing or old; return the seconds until the next call is due."""
        now = time.monotonic()
        due = self._fetched_at.get(key, 0.0) + (_LOCAL_INTERVAL if key[0] is None else _REMOTE_INTERVAL)
        if now < due:
            return due - now

        def show(screen: Screen | None, problem: str) -> None:
            self.screens[key] = problem if screen is None else screen
            self._fetched_at[key] = time.monotonic()
            self._asked.discard(key)

        if key not in self._asked and len(self._asked) < _MAX_FETCHES:
            self._asked.add(key)
            self._calls.begin(key[0], lambda target: cells(target, key[1]), show)
        return _LOCAL_INTERVAL

    def forget(self, key: Key) -> None:
        """Fetch a screen again on the next `want`."""
        self._fetched_at.pop(key, None)


def drawn(screen: Screen | str | None, columns: int, rows: int, *, coloured: bool) -> list[str]:
    """Return `rows` rows of a screen, clipped to `columns`: its lower part, with the row of the cursor."""
    if screen is None or isinstance(screen, str):
        return [wording.cut(wording.plain(screen or ""), columns)] + [""] * (rows - 1)
    lines = screen["cells"]
    used = max((number for number, runs in enumerate(lines) if runs), default=-1)
    last = max(used, int(screen["cursor"]["row"])) + 1
    first = max(0, last - rows)
    shown = [_row(runs, columns, coloured=coloured) for runs in lines[first : first + rows]]
    return shown + [""] * (rows - len(shown))


def _row(runs: Sequence[Run], columns: int, *, coloured: bool) -> str:
    row, end = "", 0
    for run in runs:
        start = int(run["column"])
        if start >= columns:
            break
        text = wording.cut(wording.plain(run["text"]), columns - start, mark="")
        codes = _codes(run, coloured=coloured)
        row += " " * (start - end) + (f"\x1b[{codes}m{text}\x1b[m" if codes else text)
        end = start + wording.columns(text)
    return row


def _codes(run: Run, *, coloured: bool) -> str:
    codes = [code for key, code in _ATTRIBUTES.items() if run.get(key)]
    codes += ["8"] if run.get("conceal") else []
    codes += [_UNDERLINES[run["underline"]]] if run.get("underline") in _UNDERLINES else []
    if coloured:
        codes += [_colour(38, run["fg"])] if "fg" in run else []
        codes += [_colour(48, run["bg"])] if "bg" in run else []
    return ";".join(codes)


def _colour(kind: int, value: int | str) -> str:
    """Return the SGR parameters of a colour: one of the 256, or `#rrggbb`."""
    if isinstance(value, int):
        return f"{kind};5;{value}"
    parts = (str(int(value[index : index + 2], 16)) for index in (1, 3, 5))
    return f"{kind};2;{';'.join(parts)}"
