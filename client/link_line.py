"""The line that reports a doubted or lost link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sesh import measures
from sesh.client.view import TerminalView
from sesh.errors import NO_ANSWER
from sesh.loop.timers import Timers

if TYPE_CHECKING:
    from sesh.link.keeper import LinkKeeper

DRAW_AFTER = 1.0  # a link must be doubted for so many seconds before the line is drawn


class LinkLine:
    """The line of one attachment. `leave_hint`: names the key that leaves."""

    def __init__(self, view: TerminalView, timers: Timers, host: str, leave_hint: str) -> None:
        self._view = view
        self._timers = timers
        self._host = host
        self._leave_hint = leave_hint
        self._text = ""  # empty while no line is drawn
        self._keeper: LinkKeeper | None = None  # of the last update

    def forget(self) -> None:
        """Remove the line, if it is drawn."""
        self._timers.clear(self._draw)
        if self._text:
            self._text = ""
            self._view.end_line()

    def update(self, keeper: LinkKeeper) -> None:
        """Draw the line once the link is doubted for long; later remove it."""
        self._keeper = keeper
        if keeper.up:
            self.forget()
        elif self._text:
            self._draw()
        else:
            self._timers.ensure(self._draw, DRAW_AFTER)

    def _draw(self) -> None:
        keeper = self._keeper
        if keeper is None or keeper.up:  # another link may have come since the last update
            return
        display = self._view.display
        reason = keeper.reason
        state, preposition = ("no link", "to") if keeper.health.state.lost else ("no answer", "from")
        why = f" ({reason})" if reason not in ("", NO_ANSWER) else ""  # the reason may have a URL to log in at
        heard = measures.time_of_day(keeper.heard_time)
        text = f"{state} {preposition} {self._host} since {heard}{why}; Enter tries now, {self._leave_hint}"
        if len(text) > display.terminal.grid()[0] - 2:
            text = f"{state}{why}; Enter tries, {self._leave_hint}"
        if text != self._text or not display.covered:
            self._view.forget_line()
            self._view.cover(text)
            self._text = text
