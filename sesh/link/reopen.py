"""One link after the other to the same place: watched, and replaced by whatever attempt wins.

facts (bytes, keys, signs) ─▶ LinkHealth ─▶ doubted, lost ─▶ Attempts ─▶ Race ─▶ the next connection
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
from sesh.wire import Connection, polled

_LONGEST_WAIT = 0.25
"""Seconds between two looks whether who waits is to stop."""
_MAY_PASS = Unreachable, TimedOut, Interrupted, OSError
"""Errors of an attempt after which another one may succeed; LoginRefused is none of them."""


class Reopen:
    """Watches a link, and opens the next one, beside it or in its place.

    `way` makes one attempt, in a thread. `ask` sends a PING. `session`: what the winner asks for (`Race`). `asks`: the
    last login asked a person, so that nothing is attempted beside a link that is only doubted. `indirect`: a jump host
    is on the way. `patience`: as `LinkHealth` has it.

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
        self._race = Race(session)
        self._wake = Wake()
        self._person_asked = asks()
        """Whether the last login asked a person; read while the link lives, as a lost one may leave no descriptor."""

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
        """Why there is no link yet, in a few words: what ssh says while it waits, or why the last attempt failed."""
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
        if self.health.state is Health.UP:
            self.attempts.begin(time.monotonic(), closed=True)
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
            if self._counts(number, result, now):
                self._end_attempts()
                return result
        if self.health.act(now):
            self._ask()
        state = self.health.state
        if self._race.decided:
            return None  # the session knows it: its result counts, even if the link answers now
        if state is Health.UP:
            self._end_attempts()
        elif state is Health.LOST and self.attempts.refusal is not None:
            return self.attempts.refusal
        elif state is Health.LOST or not self._person_asked:
            self._attempt(now)
        return None

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
        attempt = Attempt(lost=True, asks=True)
        attempt.grant(self._session())
        return self._way(attempt)

    def close(self) -> None:
        """End all that runs."""
        self._race.close()
        self._wake.close()

    def _attempt(self, now: float) -> None:
        """Begin the attempts that are due."""
        attempts = self.attempts
        attempts.round_trip = self.health.round_trip
        attempts.begin(now)
        while (due := attempts.act(now)) is not None:
            number, seconds = due
            attempt = Attempt(seconds, self._session(), lost=self.health.state is Health.LOST)
            try:
                self._race.begin(number, attempt, self._way)
            except RuntimeError as error:  # this machine has no room for a thread
                attempts.failed(number, now, _reason(error))

    def _counts(self, number: int, result: Result, now: float) -> bool:
        """Take in the result of an attempt; return whether it is the last word."""
        if isinstance(result, (Connection, Ended)) or not isinstance(result, (SeshError, OSError)):
            return True  # the latter is a fault of our own, which is not to be lost in a thread
        passes = isinstance(result, _MAY_PASS) and not isinstance(result, LoginRefused)
        self.attempts.failed(number, now, _reason(result), refusal=None if passes else result)
        return False

    def _end_attempts(self) -> None:
        self._race.end()
        self.attempts.ended()


def _reason(error: Exception) -> str:
    """Why an attempt failed, in a few words."""
    if isinstance(error, SeshError):
        here = " here" if isinstance(error, LocalFault) else ""
        return f"{error.reason}{here}" if isinstance(error, Unreachable) else ""
    return f"{getattr(error, 'strerror', None) or error} here"
