"""The preview of a session: its screen, fetched in a thread and clipped to the space for it."""

from __future__ import annotations

import re
import time

from sesh import wording
from sesh.ops import views
from sesh.ops.index import Place
from sesh.tui.calls import Calls
from sesh.vt.render.screen_data import ScreenText

_LOCAL_INTERVAL, _REMOTE_INTERVAL = 1.0, 4.0  # seconds between fetches of the screen that is shown
_MAX_FETCHES = 8  # at a time; further ones wait for the next `want`


class Previews:
    """The screens of sessions by host and name, or the reason why there is none."""

    def __init__(self, calls: Calls) -> None:
        self.screens: dict[Place, ScreenText | str] = {}
        self._calls = calls
        self._fetched_at: dict[Place, float] = {}
        self._asked: set[Place] = set()

    def want(self, key: Place) -> float:
        """Fetch a screen that is missing or old; return the seconds until the next call is due."""
        now = time.monotonic()
        due = self._fetched_at.get(key, 0.0) + (_LOCAL_INTERVAL if key[0] is None else _REMOTE_INTERVAL)
        if now < due:
            return due - now

        def show(screen: ScreenText | None, problem: str) -> None:
            self.screens[key] = problem if screen is None else screen
            self._fetched_at[key] = time.monotonic()
            self._asked.discard(key)

        if key not in self._asked and len(self._asked) < _MAX_FETCHES:
            self._asked.add(key)
            self._calls.begin(key[0], lambda target: views.fetch_text(target, key[1], "ansi"), show)
        return _LOCAL_INTERVAL

    def forget(self, key: Place) -> None:
        """Fetch a screen again on the next `want`."""
        self._fetched_at.pop(key, None)


def drawn(screen: ScreenText | str | None, columns: int, rows: int, *, coloured: bool) -> list[str]:
    """Return `rows` rows of a screen, clipped to `columns`: those above its last blank ones."""
    if screen is None or isinstance(screen, str):
        return [wording.cut(wording.plain(screen or ""), columns)] + [""] * (rows - 1)
    shown = [_row(line, columns, coloured=coloured) for line in screen["text"].rstrip("\n").split("\n")[-rows:]]
    return shown + [""] * (rows - len(shown))


def _row(line: str, columns: int, *, coloured: bool) -> str:
    """Clip a row that may have SGR and links; drop the links, and without `coloured` the SGR."""
    row = ""
    for index, piece in enumerate(re.split(wording.STYLES, line)):
        if index % 2:  # between two texts
            row += piece if coloured and piece.endswith("m") else ""
            continue
        text = wording.plain(piece)
        clipped = wording.cut(text, columns, mark="")
        row += clipped
        columns -= wording.columns(clipped)
        if clipped != text:
            break
    return f"{row}\x1b[m" if "\x1b" in row else row
