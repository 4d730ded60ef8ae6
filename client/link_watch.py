"""The link of an attachment to another host, watched: another one is ready soon after it has died.

While it does not answer, a line says so over the last row.
"""

from __future__ import annotations

import time

from sesh import moments
from sesh.errors import Late
from sesh.link_state import LinkState
from sesh.recovery.monitor import Monitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from sesh.client.channel import Channel
    from sesh.client.display import Display
    from sesh.client.overlays import Overlays
    from sesh.recovery.attempts import OpenLink, Result

    Leaving = Callable[[], str]

_TELL_AFTER = 1.0
"""Seconds for which a link has to be doubted before it is told: one that is back sooner costs not even a redraw."""
ENTER = b"\r", b"\n"


class LinkWatch:
    """The watch over one link after the other: it is told what comes and goes, and has a replacement for a dead one.

    `host`, `words`: for the line, the second what it says of keys.
    """

    def __init__(self, display: Display, host: str, words: str, open_link: OpenLink) -> None:
        self._display, self._host, self._words = display, host, words
        self.state = LinkState(time.monotonic())
        self._monitor = Monitor(self.state, open_link, self._ask)
        self._channel: Channel
        self._overlays: Overlays
        self._links = 0
        self.replacement: Result | None = None
        """The connection that is to take the place of the link, or the error after which there is none."""
        self._tell_at, self._told = 0.0, ""
        """When to tell that the link does not answer, 0 while it does; the line that stands."""

    def begin(self, channel: Channel, overlays: Overlays) -> None:
        """Watch a connection, the first or one that has taken the place of a dead one."""
        self._channel, self._overlays, self._links = channel, overlays, self._links + 1
        self._monitor.restored()
        self.replacement, self._tell_at, self._told = None, 0.0, ""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Descriptors to wait for."""
        return self._monitor.descriptors

    @property
    def due(self) -> float:
        """When to call `run` (monotonic)."""
        return min(self.state.due, self._tell_at) if self._tell_at and not self._told else self.state.due

    def wait_time(self, left: float | None) -> float | None:
        """Seconds to wait until `run` is due, `left` at most."""
        if not self._in_use:
            return left
        seconds = max(0.0, self.due - time.monotonic())
        return seconds if left is None else min(left, seconds)

    def is_due(self, ready: Container[int]) -> bool:
        """Return whether `run` has something to do."""
        due = time.monotonic() >= self.due or any(descriptor in ready for descriptor in self.descriptors)
        return due and self._in_use

    def run(self, ready: Container[int], *, dropping: bool = False) -> None:
        """Do what is to be done now. `dropping`: whether input is dropped, which the line then says."""
        self._monitor.watch()
        self.state.round_trip = self._channel.round_trip
        self.replacement = self.replacement or self._monitor.run(ready)
        now = time.monotonic()
        if not self.state.doubted:
            self._tell_at = 0.0
        elif not self._tell_at:
            self._tell_at = now + _TELL_AFTER
        elif now >= self._tell_at and (self.state.lost or not self._display.unfinished()):
            self._tell(dropping)

    # -- what comes and goes

    def heard(self) -> None:
        """Bytes came over the link."""
        self.state.heard(time.monotonic())
        if self._told:
            self._told, row_lost = "", self._display.row_lost
            self._display.uncover()
            if row_lost:
                self._overlays.ask_for_screen()

    def changed(self) -> None:
        """This process was stopped and goes on."""
        self.state.changed(time.monotonic())

    def typed(self, keys: bytes) -> None:
        """Keys were typed."""
        now = time.monotonic()
        self.state.typed(now)
        if keys.endswith(ENTER):
            self.state.wished(now)

    def closed(self) -> None:
        """The other end has closed the link."""
        self.state.closed(time.monotonic())

    def close(self) -> None:
        """Watch nothing any more."""
        self._monitor.close()

    # -- steps of these

    @property
    def _in_use(self) -> bool:
        """False before the first answer over a link, and once its end was read."""
        return self._channel.reading and (self._links > 1 or bool(self._channel.welcome))

    def _ask(self) -> None:
        self._channel.ask()

    def _tell(self, dropping: bool) -> None:
        """Lay a line over the last row: since when there is no link, why, and which keys work."""
        since = moments.time_of_day(time.time() - time.monotonic() + self.state.heard_at)
        reason = self.state.reason
        state = f"no link to {self._host} since {since} ({reason})"
        if reason in ("", Late.reason):
            state = f"no answer from {self._host} since {since}"
        text = f"{state}{'; input is dropped' if dropping else ''}; Enter tries now, {self._words}"
        if text != self._told or not self._display.covered:
            self._overlays.take_back()
            self._display.notice(text)
            self._told = text
