"""The link of an attachment to another host, watched: a line over the last row tells that it does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Container

from sesh import moments
from sesh.client.channel import Channel
from sesh.client.display import Display
from sesh.client.keys import Event
from sesh.client.view import View
from sesh.errors import Late
from sesh.keynames import Key
from sesh.link_state import LinkState
from sesh.recovery.attempts import LostSession, OpenLink, Result
from sesh.recovery.monitor import Monitor
from sesh.typed import pressed

Describe = Callable[[], LostSession]

TELL_AFTER = 1.0
"""Seconds for which a link has to be doubted before it is told: one that is back sooner costs not even a redraw."""
_TAKEN_OVER = 20.0
"""Seconds after the beginning of an attempt in which it may still reach the daemon."""
ENTER = Key.parse("Enter"), Key.parse("C-j")


class LinkWatch(Monitor):
    """The monitor of one connection after the other of an attachment. `leaves`: says which key leaves. `describe`: the
    session, as far as it is shown now."""

    def __init__(self, display: Display, host: str, leaves: str, open_link: OpenLink, describe: Describe) -> None:
        super().__init__(LinkState(time.monotonic()), open_link, self._question, describe)
        self._display, self._host, self._leaves = display, host, leaves
        self._channel: Channel
        self._view: View
        self._connections = 0
        self.replacement: Result | None = None
        """The connection that is to take the place of the link, or the error after which there is none."""
        self._tell_at, self._told = 0.0, ""
        """When to tell that the link does not answer, 0 while it does; the line that stands."""

    def begin(self, channel: Channel, view: View) -> None:
        """Watch a connection, the first or one that has taken the place of a dead one."""
        self._channel, self._view, self._connections = channel, view, self._connections + 1
        self.replacement, self._tell_at, self._told = None, 0.0, ""
        self.restored()

    @property
    def due(self) -> float:
        """When to call `look_after` (monotonic); at once if signs are not watched yet."""
        if not self.watching:
            return 0.0
        return min(self.state.due, self._tell_at) if self._tell_at and not self._told else self.state.due

    @property
    def in_use(self) -> bool:
        """False before the first answer over a link, and once its end was read."""
        return self._channel.reading and (self._connections > 1 or bool(self._channel.welcome))

    @property
    def stood(self) -> bool:
        """False for some time after an attempt: the daemon leaves a connection for another of the same client."""
        return time.monotonic() >= self.state.begun_at + _TAKEN_OVER

    @property
    def heard_at(self) -> float:
        """When anything came last over the link (seconds since the epoch)."""
        return time.time() - time.monotonic() + self.state.heard_at

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
        if time.monotonic() < self.due and not any(descriptor in ready for descriptor in self.descriptors):
            return False
        self.watch()
        self.state.round_trip = self._channel.round_trip
        self.replacement = self.replacement or self.run(ready)
        now = time.monotonic()
        if not self.state.doubted:
            self._tell_at = 0.0
        elif not self._tell_at:
            self._tell_at = now + TELL_AFTER
        elif now >= self._tell_at:
            self._tell(dropping)
        return self.state.lost or self.replacement is not None

    def heard(self) -> None:
        """Bytes came over the link."""
        self.state.heard(time.monotonic())
        if self._told:
            self._told = ""
            self._view.redraw()

    def typed(self, events: list[Event]) -> None:
        """Keys were typed."""
        now = time.monotonic()
        self.state.typed(now)
        if self.state.doubted and any(pressed(event[1], *ENTER) for event in events if event[0] == "input"):
            self.state.wished(now)

    def _question(self) -> None:
        self._channel.ask()

    def _tell(self, dropping: bool) -> None:
        """Lay a line over the last row: since when there is no link, why, and which keys work."""
        since = self.since
        reason = self.state.reason
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
            self._view.take_back()
            self._display.cover(text)
            self._told = text
