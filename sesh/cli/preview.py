"""The screens of sessions, small, beside a list of them: fetched aside, clipped to the room that there is."""

from __future__ import annotations

import os
import time

from sesh.cli import printing, tables
from sesh.errors import SeshError
from sesh.ops import find
from sesh.protocol import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Key = tuple[str | None, str]
    Screen = dict[str, Any]

FRESH = (1.0, 4.0)
"""Seconds after which the screen of a session here, and of one elsewhere, is fetched again while it is looked at."""
_PATIENCE = 1.5
_MOST = 8
"""Screens that are fetched at the same time: a host that does not answer keeps nobody else waiting."""
_ON = {"bold": "1", "dim": "2", "italic": "3", "blink": "5", "reverse": "7", "strike": "9", "overline": "53"}
_UNDERLINES = {"single": "4", "double": "21", "curly": "4:3", "dotted": "4:4", "dashed": "4:5"}


class Previews:
    """The screens of sessions by (host, name), or in a line why there is none; `inbound` tells that one has come."""

    def __init__(self) -> None:
        self.screens: dict[Key, Screen | str] = {}
        self._times: dict[Key, float] = {}
        self._asked: set[Key] = set()
        self.inbound, self._outbound = os.pipe()

    def want(self, key: Key) -> float:
        """Fetches a screen that is not known, or not any more; seconds until it is to be wanted again."""
        now = time.monotonic()
        due = self._times.get(key, 0.0) + FRESH[key[0] is not None]
        if now < due:
            return due - now
        if key not in self._asked and len(self._asked) < _MOST:
            import threading

            self._asked.add(key)
            threading.Thread(target=self._fetch, args=(key,), daemon=True).start()
        return FRESH[0]

    def take(self) -> None:
        """Reads away what `inbound` has told."""
        os.read(self.inbound, 64)

    def _fetch(self, key: Key) -> None:
        host, name = key
        found: Screen | str
        try:
            if host is None:
                found = parse(find.ask(name, "screen", timeout=_PATIENCE, format="json")[1])
            else:
                from sesh.cli import there

                found = there.answered(host, ["--screen", name, "--format", "json"])
        except (SeshError, OSError) as error:
            found = printing.one_line(str(error))
        self.screens[key] = found
        self._times[key] = time.monotonic()
        self._asked.discard(key)
        os.write(self._outbound, b".")


def drawn(screen: Screen | str | None, columns: int, rows: int, *, coloured: bool) -> list[str]:
    """So many rows of a screen, none wider than `columns`: the lower part of it, with the row of the cursor."""
    if screen is None or isinstance(screen, str):
        return [tables.cut(printing.plain(screen or ""), columns)] + [""] * (rows - 1)
    lines: Sequence[Sequence[dict[str, Any]]] = screen["cells"]
    used = max((at for at, runs in enumerate(lines) if runs), default=-1)
    last = max(used, int(screen["cursor"]["row"])) + 1
    first = max(0, last - rows)
    shown = [_row(runs, columns, coloured=coloured) for runs in lines[first : first + rows]]
    return shown + [""] * (rows - len(shown))


def _row(runs: Sequence[dict[str, Any]], columns: int, *, coloured: bool) -> str:
    """One row of cells as text with SGR, cut at its right."""
    drawn, at = "", 0
    for run in runs:
        start = int(run["column"])
        if start >= columns:
            break
        text = _clipped(printing.plain(run["text"]), columns - start)
        codes = _codes(run, coloured=coloured)
        drawn += " " * (start - at) + (f"\x1b[{codes}m{text}\x1b[m" if codes else text)
        at = start + tables.columns(text)
    return drawn


def _clipped(text: str, columns: int) -> str:
    """As much of the text as fits, without a mark where it was cut."""
    return text if tables.columns(text) <= columns else tables.cut(text, columns + 1)[:-1]


def _codes(run: dict[str, Any], *, coloured: bool) -> str:
    """The SGR parameters of a run of cells."""
    codes = [code for key, code in _ON.items() if run.get(key)]
    codes += ["8"] if run.get("conceal") else []
    codes += [_UNDERLINES[run["underline"]]] if run.get("underline") in _UNDERLINES else []
    if coloured:
        codes += [_colour(38, run["fg"])] if "fg" in run else []
        codes += [_colour(48, run["bg"])] if "bg" in run else []
    return ";".join(codes)


def _colour(kind: int, value: int | str) -> str:
    """SGR for a colour: one of the 256, or `#rrggbb`."""
    if isinstance(value, int):
        return f"{kind};5;{value}"
    parts = (str(int(value[at : at + 2], 16)) for at in (1, 3, 5))
    return f"{kind};2;{';'.join(parts)}"
