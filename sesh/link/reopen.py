"""Watches a link, and replaces it by the first attempt that wins.

bytes, keys, signs ─▶ LinkHealth ─▶ doubted, lost ─▶ Attempts ─▶ Race ─▶ the next connection
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Container

from sesh.errors import Ended, Interrupted, LocalFault, LoginRefused, SeshError, TimedOut, Unreachable
from sesh.link.attempts import Attempts
from sesh.link.health import Health, LinkHealth
from sesh.link.race import Attempt, LostSession, Race, Result, Way
from sesh.link.wake import Wake
from sesh.machine import polled
from sesh.wire import Connection

_LONGEST_WAIT = 0.25
"""Seconds between two calls of `pause`, which may raise."""
_MAY_PASS = Unreachable, TimedOut, Interrupted, OSError
"""Errors of an attempt after which another one may succeed; LoginRefused is none of them."""


class Reopen:
    """Watches one link after the other to the same place.

    `way` makes one attempt, in a thread. `ask` sends a PING. `session`: returns what an attempt asks for. `asks`:
    returns whether the last login asked a person: then nothing is attempted beside a link that is only doubted.
    `indirect`, `patience`: as `Attempts` and `LinkHealth` have them.

    Call `run` when a descriptor is readable (poll them anew each time) and at `due`; `restored` for each next link.
    """

    def __init__(
        self,
        way: Way,
        ask: Callable[[], object] = bool,
        session: Callable[[], LostSession | None] = lambda: None,
        *,
        asks: Callable[[], bool] = bool,
        indirect: bool = False,
        patience: float | None = None,
    ) -> None:
        self._way, self._ask, self._session, self._asks, self._patience = way, ask, session, asks, patience
        self.health = LinkHealth(time.monotonic(), patience=patience)
        self.attempts = Attempts(indirect=indirect)
        self._race = Race()
        self._wake = Wake()
        self._person_asked = asks()
        """Read while the link lives, as a lost one may leave no descriptor."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What to poll."""
        return self._race.descriptor, *self._wake.descriptors

    @property
    def due(self) -> float:
        """When to call `run` (monotonic)."""
        return self.health.due if self._race.decided else min(self.health.due, self.attempts.due)

    @property
    def reason(self) -> str:
        """Why there is no link yet, in a few words: the last line of an ssh that runs, or of the last failure."""
        return self._race.heard or self.attempts.reason

    # -- facts

    def restored(self) -> None:
        """Watch the connection that has taken the place of the link."""
        round_trip, self.health = self.health.round_trip, LinkHealth(time.monotonic(), patience=self._patience)
        self.health.round_trip = round_trip
        self._person_asked = self._asks()
        self._end_attempts()

    def sign(self) -> None:
        """The link may have died, or another may be possible now."""
        now = time.monotonic()
        self.health.sign(now)
        self.attempts.sign(now)

    def closed(self) -> None:
        """The other end closed the link."""
        self.health.closed()

    # -- what is to be done

    def run(self, ready: Container[int]) -> Result | None:
        """Do what is due. Return the next connection, or the error after which there is none.

        A link that is only doubted is replaced by a connection, or by what the host says of the session. A refusal is
        returned once the link is lost, and again until `attempts.wished`.
        """
        now = time.monotonic()
        if self._wake.happened(ready):
            self.sign()
        for number, result in self._race.results(ready):
            if not isinstance(result, (SeshError, OSError)) or isinstance(result, Ended):
                self._end_attempts()
                return result  # among them a fault of our own, which is not to be lost in a thread
            passes = isinstance(result, _MAY_PASS) and not isinstance(result, LoginRefused)
            self.attempts.failed(number, now, _reason(result), refusal=None if passes else result)
        if self.health.act(now):
            self._ask()
        state = self.health.state
        if self._race.decided:
            return None  # the session knows the winner: its result counts, even if the link answers now
        if state is Health.UP:
            self._end_attempts()
        elif state is Health.LOST and self.attempts.refusal is not None:
            return self.attempts.refusal
        elif state is Health.LOST or not self._person_asked:
            self._attempt(now)
        return None

    def _attempt(self, now: float) -> None:
        """Begin the attempts that are due."""
        attempts = self.attempts
        attempts.round_trip = self.health.round_trip
        attempts.begin(now)
        while (due := attempts.act(now)) is not None:
            number, seconds = due
            try:
                lost = self.health.state is Health.LOST
                self._race.begin(number, Attempt(seconds, self._session, lost=lost), self._way)
            except RuntimeError as error:  # this machine has no room for a thread
                attempts.failed(number, now, _reason(error))

    def _end_attempts(self) -> None:
        self._race.end()
        self.attempts.ended()

    def wait(self, host: str, pause: Callable[[float], object], deadline: float | None = None) -> Connection:
        """Wait for the connection that takes the place of a lost link.

        `pause` may raise to end the waiting. Raises TimedOut past the deadline (monotonic), LoginRefused if a person
        has to log in, and any other error that is not the link's.
        """
        self.closed()
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
            pause(0)

    def log_in(self) -> Connection:
        """Make one attempt here and now, for which ssh may prompt. Raises what the way raises."""
        return self._way(Attempt(describe=self._session, lost=True, asks=True))

    def close(self) -> None:
        """End all that runs."""
        self._race.close()
        self._wake.close()


def _reason(error: Exception) -> str:
    """Why an attempt failed, in a few words."""
    if isinstance(error, SeshError):
        here = " here" if isinstance(error, LocalFault) else ""
        return f"{error.reason}{here}" if isinstance(error, Unreachable) else ""
    return f"{getattr(error, 'strerror', None) or error} here"
