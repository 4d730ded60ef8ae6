"""The link of an attachment: its health, the line that reports it, its replacement."""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from math import inf

from sesh import measures
from sesh.client.options import AttachOptions
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
    """The current link of an attachment. `reopen` watches and replaces it."""

    def __init__(self, reopen: Reopen, view: TerminalView, host: str, options: AttachOptions) -> None:
        self.reopen, self._view, self._host = reopen, view, host
        self._leaves = options.leaves(without="Ctrl-C")
        self._doubted_at, self._line = inf, ""
        """When doubt began (monotonic), and the line on the last row."""

    @property
    def due(self) -> float:
        """When to call `run` (monotonic)."""
        return min(self.reopen.due, inf if self._line else self._doubted_at + SAY_AFTER)

    @property
    def health(self) -> Health:
        return self.reopen.health.state

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

    def heard(self, *, pong: bool = False) -> None:
        """Note that bytes came over the link. `pong`: they contain a PONG."""
        self.reopen.health.heard(time.monotonic(), pong=pong)
        self._doubted_at = inf
        if self._line:
            self._line = ""
            self._view.redraw()

    def typed(self, keys: bytes, round_trip: float) -> None:
        """Note typed keys; Enter starts an attempt at once while the link does not answer."""
        self.reopen.health.round_trip = round_trip
        self.reopen.health.sent(time.monotonic())
        if self.health is not Health.UP and pressed(keys, *_ENTER):
            self.reopen.attempts.enter_pressed(time.monotonic())

    def run(self, ready: Container[int]) -> Result | None:
        """Run what is due; return the next connection, or the final error."""
        result = self.reopen.run(ready)
        now = time.monotonic()
        self._doubted_at = inf if self.health is Health.UP else min(self._doubted_at, now)
        if now >= self._doubted_at + SAY_AFTER:
            self._show_line()
        return result

    def _show_line(self) -> None:
        """Draw a line over the last row that says since when and why the link is doubted, and which keys work."""
        since, reason, leaves = f"since {self.since}", self.reopen.reason, self._leaves
        if reason in ("", Late.reason):
            state, place, why = "no answer", f" from {self._host}", ""
        else:
            state, place, why = "no link", f" to {self._host}", f" ({reason})"
        texts = [  # from the longest to the shortest; each names the key that leaves
            f"{state}{place} {since}{why}; Enter tries now, {leaves}",
            f"{state} {since}{why}; Enter tries, {leaves}",
            *([f"{reason}; {leaves}"] if why else []),  # the reason may have a URL to log in at
            f"{state}; Enter tries, {leaves}",
        ]
        room = self._view.display.terminal.grid()[0] - 2
        text = next((text for text in texts if len(text) <= room), texts[-1])
        if text != self._line or not self._view.display.covered:
            self._view.take_back()
            self._view.display.cover(text)  # not by `TerminalView.say`: the daemon cannot be asked for the screen now
            self._line = text

    def login_lines(self, reason: Exception) -> list[str]:
        r"""Return the lines that say why and how to log in. Ctrl-\ always leaves, as a signal."""
        if isinstance(reason, LoginRefused) and reason.asks:
            return [f"{self._host} asks for a password or a second factor: Enter logs in, Ctrl-\\ leaves"]
        return [str(reason), "Enter tries again, Ctrl-\\ leaves"]
