"""Keep a link to a host: watch its health, and replace it by the first attempt that wins.

bytes, keys, signs ─▶ LinkHealth ─▶ doubted, lost ─▶ Schedule ─▶ Attempts ─▶ the next connection
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Container

from sesh.descriptors import polled
from sesh.errors import Ended, Interrupted, LoginRefused, SeshError, TimedOut, Unreachable
from sesh.link.attempts import Attempt, Attempts, Reopen, Result, Schedule
from sesh.link.wake import Wake
from sesh.link_health import Health, LinkHealth
from sesh.wire import Connection

_LONGEST_WAIT = 0.25  # seconds between two calls of `check`, which may raise
_TRANSIENT = Unreachable, TimedOut, Interrupted, OSError  # another attempt may succeed, except after LoginRefused


class LinkKeeper:
    """Watches a link to a host, and then each link that replaces it.

    `reopen` makes one attempt, in a thread. `ping` sends a PING with a payload. `login_asked` returns whether the last
    login asked a person: then a link that is only doubted is not replaced. `indirect`: see `Schedule`.

    Call `watch` for each link, `run` at `due` and when one of `descriptors` is readable. `descriptors` change: read
    them before each poll.
    """

    def __init__(
        self,
        reopen: Reopen,
        ping: Callable[[bytes], object] = lambda _: None,
        *,
        login_asked: Callable[[], bool] = lambda: False,
        indirect: bool = False,
    ) -> None:
        self._reopen, self._ping, self._login_asked = reopen, ping, login_asked
        self.health = LinkHealth(time.monotonic())
        self.schedule = Schedule(indirect=indirect)
        self._attempts = Attempts()
        self._wake = Wake()
        # Asked while the link is up: after its loss this process may have no descriptor left to open `remotes.json`.
        self._person_asked = login_asked()

    @property
    def descriptors(self) -> tuple[int, ...]:
        return self._attempts.descriptor, *self._wake.descriptors

    @property
    def due(self) -> float:
        """When to call `run` (monotonic)."""
        return self.health.due if self._attempts.decided else min(self.health.due, self.schedule.due)

    @property
    def up(self) -> bool:
        return self.health.state is Health.UP

    @property
    def heard_time(self) -> float:
        """Time of the last bytes over the link (seconds since the epoch)."""
        return time.time() - time.monotonic() + self.health.heard_at

    @property
    def reason(self) -> str:
        """Why there is no link yet: the last line of a running ssh, or the reason of the last failure."""
        return self._attempts.last_line or self.schedule.reason

    # -- facts

    def watch(self, health: LinkHealth) -> None:
        """Watch the first link, or the one that has replaced it, by its health; end all attempts."""
        health.round_trip = health.round_trip or self.health.round_trip
        self.health = health
        self._person_asked = self._login_asked()
        self._end_attempts()

    def sign(self) -> None:
        """Test the link, and attempt another one early."""
        now = time.monotonic()
        self.health.sign(now)
        self.schedule.sign(now)

    def typed(self, *, enter: bool) -> None:
        """Note a sent key. Enter starts an attempt at once while the link does not answer, even after a refusal."""
        now = time.monotonic()
        self.health.sent(now)
        if enter and not self.up:
            self.schedule.enter_pressed(now)

    def link_closed(self) -> None:
        """Record that the link is closed."""
        self.health.closed()

    # -- actions

    def run(self, ready: Container[int]) -> Result | None:
        """Do all that is due; return the next connection, or an error if there will be none.

        Even for a link that is only doubted, the result may be a connection, or Ended. A refusal is returned once the
        link is lost, and again on each call until Enter is `typed`.
        """
        now = time.monotonic()
        if self._wake.happened(ready):
            self.sign()
        for result in self._attempts.results(ready):
            if not isinstance(result, (SeshError, OSError)) or isinstance(result, Ended):
                self._end_attempts()
                return result  # a connection, the session's end, or the exception of a bug, which the caller raises
            is_transient = isinstance(result, _TRANSIENT) and not isinstance(result, LoginRefused)
            self.schedule.failed(now, _reason(result), refusal=None if is_transient else result)
        if ping := self.health.act(now):
            self._ping(ping)
        state = self.health.state
        if self._attempts.decided:
            return None  # the daemon already knows the winner, so the winner stays even if the old link answers now
        if state is Health.UP:
            self._end_attempts()
        elif state is Health.LOST and self.schedule.refusal is not None:
            return self.schedule.refusal
        elif state is Health.LOST or not self._person_asked:
            self._begin_attempts(now)
        return None

    def _begin_attempts(self, now: float) -> None:
        """Begin the due attempts."""
        schedule = self.schedule
        schedule.round_trip = self.health.round_trip
        schedule.plan(now)
        while (seconds := schedule.begin_due(now)) is not None:
            self._attempts.begin(Attempt(seconds, lost=self.health.state is Health.LOST), self._reopen)

    def _end_attempts(self) -> None:
        self._attempts.stop_all()
        self.schedule.reset()

    def wait(self, host: str, check: Callable[[], object], deadline: float | None = None) -> Connection:
        """Wait for the connection that replaces a lost link.

        `check` may raise to end the wait. Raises TimedOut past the deadline (monotonic), LoginRefused if a person has
        to log in, and any error that is not transient.
        """
        self.link_closed()
        ready: list[int] = []
        while True:
            result = self.run(ready)
            if isinstance(result, Connection):
                return result
            if result is not None:
                raise result
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                raise TimedOut(f"timed out: @{host} is still unreachable")
            until = min(self.due, now + _LONGEST_WAIT, deadline or now + _LONGEST_WAIT)
            ready = polled([(descriptor, select.POLLIN) for descriptor in self.descriptors], until)
            check()

    def log_in(self) -> Connection:
        """Make one attempt in this thread, in which ssh may prompt. Raises what `reopen` raises."""
        return self._reopen(Attempt(lost=True, may_prompt=True))

    def close(self) -> None:
        self._attempts.close()
        self._wake.close()


def _reason(error: Exception) -> str:
    """Return why an attempt failed, in a few words."""
    if isinstance(error, SeshError):
        return f"{error.reason}{' here' * error.here}" if isinstance(error, Unreachable) else ""
    return f"{getattr(error, 'strerror', None) or error} here"
