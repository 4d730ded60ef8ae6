"""Finds out that the command of a run waits for keys, as a pager, an editor or a REPL does.

Such a command has no end by itself. A program counts as one if it has waited for a key for `WAITED` seconds, in raw
mode, and:

- it has printed nothing in that time, and it is certain that it waits for a key
- or it has printed nothing and takes pastes, or it shows the alternate screen: then it may also pass the keys on, like
  ssh, or be another user's program, of which the kernel does not tell what it waits for

A builtin of the shell that runs the command, such as `read`, is none, nor is a program that asks in canonical mode, as
for a password.

Nothing tells when a program begins to wait. So the queue looks while the command runs, more often than `_LONGEST`.
"""

from __future__ import annotations

import time

from sesh.daemon.base.facts import Facts
from sesh.daemon.pty.key_waits import Sureness, key_reader
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.feed import ScreenFeed
from sesh.daemon.shell import shells
from sesh.vt.modes import BRACKETED_PASTE

WAITED = 2.0  # seconds that a program must wait for a key
_LONGEST = 1.0  # seconds between two looks after which the waiting is measured anew: the daemon was stopped, or busy


class KeyWatch:
    """Looks, again and again, whether the foreground waits for keys."""

    def __init__(self, facts: Facts, pump: Pump, feed: ScreenFeed) -> None:
        self._facts = facts
        self._pump = pump
        self._feed = feed
        self._since = 0.0  # time (monotonic) of the last look that found none that counts
        self._looked_at = 0.0  # time (monotonic) of the last look

    def look(self, shell_pid: int, begun_at: float) -> str:
        """Return the program that waits for keys; empty if none has waited long enough.

        `shell_pid`: of the shell that runs the command. `begun_at`: when (monotonic) it began with the command.
        """
        before, now = self._looked_at, time.monotonic()
        self._looked_at = now
        left_out = shell_pid if shells.kind_of(shell_pid) else 0  # else the command has replaced it (`exec`)
        sureness, pid = key_reader(self._pump.pty, self._facts.pid, left_out)
        if sureness == Sureness.NOT or now - before > _LONGEST:
            self._since = now
            return ""
        self._feed.catch_up()
        emulator = self._feed.emulator
        fills_screen = emulator.alternate
        takes_pastes = emulator.mode(BRACKETED_PASTE) is True
        counts = sureness == Sureness.CERTAIN or takes_pastes
        if not fills_screen and (not counts or self._pump.has_output):
            self._since = now
            return ""
        # A program that fills the screen may print while it waits, as a clock in its status line.
        moved_at = self._pump.input_line.input_at if fills_screen else self._pump.moved_at
        waited = now - max(self._since, begun_at, moved_at)
        return shells.program_name(pid) if waited >= WAITED else ""
