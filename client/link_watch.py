"""The link of an attachment to another host, watched: a line over the last row tells that it does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Container

from sesh import moments
from sesh.client.channel import Channel
from sesh.client.display import Display
from sesh.client.keys import Event
from sesh.client.overlays import Overlays
from sesh.errors import Late
from sesh.keynames import Key
from sesh.link.health import Health
from sesh.link.race import LostSession, Result
from sesh.link.reopen import Reopen
from sesh.typed import pressed

Describe = Callable[[], LostSession]
Reconnect = Callable[[str, Callable[[], object], Describe], Reopen]
"""Returns what watches and replaces a link: gets the host, what sends a PING, and what describes the session."""

TELL_AFTER = 1.0
"""Seconds for which a link has to be doubted before it is told: one that is back sooner costs not even a redraw."""
ENTER = Key.parse("Enter"), Key.parse("C-j")


class LinkWatch:
    """Watches one connection after the other of an attachment.

    `leaves`: says which key leaves. `describe`: returns the session, as far as it is shown now.
    """

    def __init__(self, display: Display, host: str, leaves: str, reconnect: Reconnect, describe: Describe) -> None:
        self._display, self._host, self._leaves, self._describe = display, host, leaves, describe
        self.reopen = reconnect(host, self._question, describe)
        self._channel: Channel
        self._overlays: Overlays
        self._connections = 0
        self.replacement: Result | None = None
        """The connection that is to take the place of the link, or the error after which there is none."""
        self._tell_at, self._told = 0.0, ""
        """When to tell that the link does not answer, 0 while it does; the line that stands."""

    def begin(self, channel: Channel, overlays: Overlays) -> None:
        """Watch a connection, the first or one that has taken the place of a dead one."""
        self._channel, self._overlays, self._connections = channel, overlays, self._connections + 1
        self.replacement, self._tell_at, self._told = None, 0.0, ""
        self.reopen.restored()

    def close(self) -> None:
        """End all that runs."""
        self.reopen.close()

    @property
    def due(self) -> float:
        """When to call `look_after` (monotonic)."""
        tells = self._tell_at and not self._told and self._may_tell
        return min(self.reopen.due, self._tell_at) if tells else self.reopen.due

    @property
    def _may_tell(self) -> bool:
        """False while the rest of a sequence or a character may still come: a line between would break it."""
        return self.reopen.health.state is Health.LOST or not self._display.unfinished()

    @property
    def doubted(self) -> bool:
        """True if the link has not answered in time, or is lost."""
        return self.reopen.health.state is not Health.UP

    @property
    def in_use(self) -> bool:
        """False before the first answer over a link, and once its end was read."""
        return self._channel.reading and (self._connections > 1 or bool(self._channel.welcome))

    @property
    def heard_at(self) -> float:
        """When anything came last over the link (seconds since the epoch)."""
        return time.time() - time.monotonic() + self.reopen.health.heard_at

    @property
    def since(self) -> str:
        """The same, as on a clock."""
        return moments.time_of_day(self.heard_at)

    def wait_time(self, left: float | None) -> float | None:
        """Seconds to wait until `look_after` is due, `left` at most."""
        if not self.in_use:
            return left
        seconds = max(0.0, self.due - time.monotonic())
        return seconds if left is None else min(left, seconds)

    def look_after(self, ready: Container[int], *, dropping: bool = False) -> bool:
        """Do what is due; return whether the link is lost, or replaced. `dropping`: input is dropped, the line says."""
        if time.monotonic() < self.due and not any(each in ready for each in self.reopen.descriptors):
            return False
        self.reopen.health.round_trip = self._channel.round_trip
        self.replacement = self.replacement or self.reopen.run(ready)
        now = time.monotonic()
        if not self.doubted:
            self._tell_at = 0.0
        elif not self._tell_at:
            self._tell_at = now + TELL_AFTER
        elif now >= self._tell_at and self._may_tell:
            self._tell(dropping)
        return self.reopen.health.state is Health.LOST or self.replacement is not None

    def heard(self, *, pong: bool = False) -> None:
        """Bytes came over the link; `pong`: the answer to the newest PING."""
        self.reopen.health.heard(time.monotonic(), pong=pong)
        if self._told:
            self._told, row_lost = "", self._display.row_lost
            self._display.uncover()
            if row_lost:
                self._overlays.line.ask(self._describe().position)

    def typed(self, events: list[Event]) -> None:
        """Keys were typed."""
        now = time.monotonic()
        self.reopen.health.sent(now)
        if self.doubted and any(pressed(event[1], *ENTER) for event in events if event[0] == "input"):
            self.reopen.attempts.wished(now)

    def _question(self) -> None:
        self._channel.ask()

    def _tell(self, dropping: bool) -> None:
        """Lay a line over the last row: since when there is no link, why, and which keys work."""
        since = self.since
        reason = self.reopen.reason
        state, place, why = "no link", f" to {self._host}", f" ({reason})"
        if reason in ("", Late.reason):
            state, place, why = "no answer", f" from {self._host}", ""
        input_ = "; input is dropped" if dropping else ""
        texts = (  # what is known already goes first where the row is narrow, the key that leaves never
            f"{state}{place} since {since}{why}{input_}; Enter tries now, {self._leaves}",
            f"{state} since {since}{why}{input_}; Enter tries now, {self._leaves}",
            f"{state} since {since}{why}{input_}; Enter tries, {self._leaves}",
            f"{state} since {since}{input_}; {self._leaves}",
            f"{state}; {self._leaves}",
        )
        room = self._display.terminal.grid()[0] - 2
        text = next((text for text in texts if len(text) <= room), texts[-1])
        if text != self._told or not self._display.covered:
            self._overlays.take_back()
            self._display.notice(text)
            self._told = text
