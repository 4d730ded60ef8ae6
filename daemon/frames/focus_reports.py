"""Tells a program in mode 1004 whether somebody looks at the session: the terminals' reports, made one.

Somebody looks if any attached terminal has the focus. So the program hears of a report only if that changes, and hears
the same when the last client leaves or the first one comes, which no terminal can report.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.clients.client import Client, Clients
from sesh.daemon.clients.focus import Focus
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.feed import ScreenFeed
from sesh.vt.modes import FOCUS

CATCH_UP_TIME = 0.01  # seconds that the emulator gets in one turn to find out whether the program still asks
_SIZE = len(Focus.IN.report)


class FocusReports(Part):
    """What the program has heard of the focus, and what it is to hear."""

    def __init__(self, agenda: Agenda, pump: Pump, feed: ScreenFeed, clients: Clients) -> None:
        super().__init__(agenda)
        self._pump = pump
        self._feed = feed
        self._clients = clients
        self.told = Focus.IN  # what the program takes for true; one that has just asked believes that somebody looks
        # `due`: time (monotonic) at which the clients are to be looked at

    def note_asked(self) -> None:
        """Note that the program has set mode 1004: what terminals have said before was for another one."""
        self.told = Focus.IN
        for client in self._clients.all:
            client.focus = Focus.IN
        self.due = 0.0

    def look_again(self) -> None:
        """Have the clients looked at: one has come or left."""
        self.due = 0.0

    def take(self, client: Client, keys: bytes, places: Sequence[int]) -> bytes:
        """Note the reports among a client's keys, which begin at `places`; return what the program is to read.

        Without mode 1004 they are keys: no terminal sends them.
        """
        if not self._feed.catch_up(CATCH_UP_TIME):
            self.due = 0.0  # keys do not wait: `act` tells what is true, once the mode is known
        follows = self._feed.emulator.mode(FOCUS) is True
        pieces, end = [], 0
        for start in places:
            client.focus = Focus.of(keys[start : start + _SIZE])
            heard = self._focus if follows else client.focus
            pieces.append(keys[end : start if follows and heard is self.told else start + _SIZE])
            self.told, end = heard, start + _SIZE
        return b"".join(pieces) + keys[end:]

    def act(self, now: float) -> None:
        """Tell the program what has changed, if it still asks; a client whose link was lost may be back at once."""
        focus, lost_until = self._focus, self._clients.lost.until
        if focus is self.told or (focus is Focus.OUT and now < lost_until):
            self.due = NEVER if focus is self.told else lost_until
            return
        if not self._feed.catch_up(CATCH_UP_TIME):
            self.due = time.monotonic() + CATCH_UP_TIME
            return
        self.due = NEVER
        if self._feed.emulator.mode(FOCUS) is True and self._pump.life.running:
            self.told = focus
            self._pump.type(focus.report, counts=False)

    @property
    def _focus(self) -> Focus:
        return Focus.IN if any(client.focus is Focus.IN for client in self._clients.all) else Focus.OUT
