"""When a session's output has gone quiet: what it holds is packed, once."""

from __future__ import annotations

import time

from sesh import platform
from sesh.daemon.pty.output_log import WORTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.session import Session

QUIET = 2.0
"""Seconds without output after which it is worth it."""


class Packer:
    """A session's times of rest. Output arms one timer; nothing wakes up while there is none."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def arm(self) -> None:
        """There is something to gain: has it looked after some time later."""
        self._session.timers.ensure("rest", QUIET, self.look)

    def look(self) -> None:
        """Packs where the output has gone quiet, else looks again."""
        session = self._session
        left = session.log.touched + QUIET - time.monotonic()
        if left > 0 or session.model.eager:
            session.timers.set("rest", max(left, 1.0), self.look)
        else:
            self.pack()

    def pack(self) -> None:
        """Packs what is held, and gives back to the system what that leaves free."""
        session = self._session
        session.ripe = session.log.head + session.model.position + WORTH
        session.log.pack()
        if session.model.loaded:
            session.model.emulator.scrollback.pack()
        platform.give_back()
