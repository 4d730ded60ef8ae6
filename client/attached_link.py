"""The link of an attachment: its health, the line that reports it, its replacement."""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from math import inf

from sesh import measures
from sesh.client.view import TerminalView
from sesh.errors import Late, LoginRefused
from sesh.keys import Key, pressed
from sesh.link.health import Health
from sesh.link.race import LostSession, Result
from sesh.link.reopen import Reopen

WatchLink = Callable[[str, Callable[[], object], Callable[[], LostSession]], Reopen]
"""Returns the watcher of a link. Arguments: the host, a function that sends a PING, one that describes the session."""
SAY_AFTER = 1.0
"""Seconds of doubt after which a line reports the doubt. A link that answers sooner costs no redraw."""
_ENTER = Key.parse("Enter"), Key.parse("C-j")


class AttachedLink:
    """The current link of an attachment. `reopen` watches and replaces it. `leaves`: names the key that leaves."""

    def __init__(self, reopen: Reopen, view: TerminalView, host: str, leaves: str) -> None:
        self.reopen, self._view, self._host, self._leaves = reopen, view, host, leaves
        self._doubted_at, self._line = inf, ""
        """When doubt began (monotonic), and the line on the last row."""

    @property
    def due(self) -> float:
        """When to call `run` (monotonic)."""
        return min(self.reopen.due, inf if self._line else self._doubted_at + SAY_AFTER)

    @property
    def up(self) -> bool:
        return self.reopen.health.state is Health.UP

    @property
    def round_trip(self) -> float:
        return self.reopen.health.round_trip

    @property
    def heard_time(self) -> float:
        """Time of the last bytes over the link (seconds since the epoch)."""
        return time.time() - time.monotonic() + self.reopen.health.heard_at

    @property
    def since(self) -> str:
        """`heard_time` as a time of day."""
        return measures.time_of_day(self.heard_time)

    def begin(self) -> None:
        """Watch the first or a new connection."""
        self._doubted_at, self._line = inf, ""
        self.reopen.restored()

    def heard(self, pong: bytes = b"") -> None:
        """Note that bytes came over the link. `pong`: the payload of a PONG."""
        health = self.reopen.health
        health.heard(time.monotonic(), pong=health.answered_by(pong))
        self._doubted_at = inf
        if self._line:
            self._line = ""
            self._view.redraw()

    def typed(self, keys: bytes) -> None:
        """Note typed keys; Enter starts an attempt at once while the link does not answer."""
        now = time.monotonic()
        self.reopen.health.sent(now)
        if not self.up and pressed(keys, *_ENTER):
            self.reopen.schedule.enter_pressed(now)

    def run(self, ready: Container[int]) -> Result | None:
        """Run what is due; return the next connection, or the final error."""
        result = self.reopen.run(ready)
        now = time.monotonic()
        self._doubted_at = inf if self.up else min(self._doubted_at, now)
        if now >= self._doubted_at + SAY_AFTER:
            self._show_line()
        return result

    def _show_line(self) -> None:
        """Draw a line over the last row that says since when and why the link is doubted, and which keys work."""
        reason, display = self.reopen.reason, self._view.display
        if reason in ("", Late.reason):
            why, state, short = "", f"no answer from {self._host}", "no answer"
        else:  # the reason may have a URL to log in at
            why, state, short = f" ({reason})", f"no link to {self._host}", reason
        text = f"{state} since {self.since}{why}; Enter tries now, {self._leaves}"
        if len(text) > display.terminal.grid()[0] - 2:
            text = f"{short}; Enter tries, {self._leaves}"
        if text != self._line or not display.covered:
            self._view.take_back()
            display.cover(text)  # not by `TerminalView.say`: the daemon cannot be asked for the screen now
            self._line = text

    def login_lines(self, reason: Exception) -> list[str]:
        r"""Return the lines that say why and how to log in. Ctrl-\ always leaves, as a signal."""
        if isinstance(reason, LoginRefused) and reason.asks:
            return [f"{self._host} asks for a password or a second factor: Enter logs in, Ctrl-\\ leaves"]
        return [str(reason), "Enter tries again, Ctrl-\\ leaves"]
