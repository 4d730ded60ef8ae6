"""The preview of a session: its screen's text, fetched in a thread and clipped."""

from __future__ import annotations

import re
import time

from sesh.ops import views
from sesh.schema.facts import Place
from sesh.text import safe
from sesh.tui.calls import Calls
from sesh.vt.render.screen_data import ScreenText

_LOCAL_INTERVAL, _REMOTE_INTERVAL = 1.0, 4.0  # seconds between fetches of the screen that is shown
_MAX_FETCHES = 8  # at a time; further ones wait for the next `refresh`


class Previews:
    """The texts of screens with SGR, or the reason why there is none, by place."""

    def __init__(self, calls: Calls) -> None:
        self.texts: dict[Place, str] = {}
        self._calls = calls
        self._fetched_at: dict[Place, float] = {}
        self._fetching: set[Place] = set()

    def refresh(self, place: Place) -> float:
        """Fetch a missing or old text; return the seconds until the next refresh is due."""
        now = time.monotonic()
        due = self._fetched_at.get(place, 0.0) + (_LOCAL_INTERVAL if place.host is None else _REMOTE_INTERVAL)
        if now < due:
            return due - now

        def keep(screen: ScreenText | None, problem: str) -> None:
            self.texts[place] = problem if screen is None else screen["text"]
            self._fetched_at[place] = time.monotonic()
            self._fetching.discard(place)

        if place not in self._fetching and len(self._fetching) < _MAX_FETCHES:
            self._fetching.add(place)
            self._calls.call(place.host, lambda target: target.call(views.screen, name=place.name, form="ansi"), keep)
        return _LOCAL_INTERVAL

    def expire(self, place: Place) -> None:
        """Have the next `refresh` fetch a text, however new it is."""
        self._fetched_at.pop(place, None)


def drawn(text: str, columns: int, rows: int, *, coloured: bool) -> list[str]:
    """Return `rows` rows of a screen, clipped to `columns`: those above its last blank ones."""
    shown = [_row(line, columns, coloured=coloured) for line in text.rstrip("\n").split("\n")[-rows:]]
    return shown + [""] * (rows - len(shown))


def _row(line: str, columns: int, *, coloured: bool) -> str:
    """Clip a row; drop its links, and without `coloured` its SGR."""
    row = ""
    for index, piece in enumerate(re.split(safe.STYLES, line)):
        if index % 2:  # a sequence, between two texts
            if coloured and piece.endswith("m"):
                row += piece
            continue
        text = safe.plain(piece)
        clipped = safe.cut(text, columns, mark="")
        row += clipped
        columns -= safe.columns(clipped)
        if clipped != text:
            break
    return f"{row}\x1b[m" if "\x1b" in row else row
