"""A link under watch: what its `LinkState` decides is carried out here, with threads and descriptors."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Container
from functools import partial

from sesh import wire
from sesh.errors import Ended, LocalFault, LoginRefused, SeshError, TimedOut, Unreachable
from sesh.link_state import LinkState
from sesh.recovery.attempts import Attempt, LostSession, OpenLink, Result
from sesh.recovery.wake import Wake

_LONGEST_WAIT = 0.25
"""Seconds between two looks whether who waits is to stop."""


class Monitor:
    """Watches one link after the other to the same place, and opens the next.

    `open_link` makes one attempt, in a thread; `ask` sends a question over the link; `session` says what an attempt
    that begins now is to come back to, if `open_link` does not know. Call `run` when one of the `descriptors` is
    readable (poll them anew each time), and when `state` is due.
    """

    def __init__(
        self,
        state: LinkState,
        open_link: OpenLink,
        ask: Callable[[], object] = bool,
        session: Callable[[], LostSession | None] = lambda: None,
    ) -> None:
        self.state, self.open_link, self._ask, self.session = state, open_link, ask, session
        self._attempts: dict[int, Attempt] = {}
        self._results: tuple[int, int] | None = None
        """A pipe that is readable once an attempt has a result."""
        self._wake: Wake | None = None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What to poll."""
        return (*(self._results or ())[:1], *(self._wake.descriptors if self._wake is not None else ()))

    @property
    def watching(self) -> bool:
        """True from `watch` until `close`."""
        return self._wake is not None

    def watch(self) -> None:
        """Take notice of signs that links may be dead from now on."""
        if self._wake is None:
            self._wake = Wake()

    def run(self, ready: Container[int]) -> Result | None:
        """Do what is to be done now. Returns another connection, or the error after which there will be none.

        A link that may live is replaced by a connection, or by Ended, only.
        """
        state, now, result = self.state, time.monotonic(), None
        if self._wake is not None and self._wake.happened(ready):
            state.changed(now)
        if self._results is not None and self._results[0] in ready:
            os.read(self._results[0], 1 << 10)
        if state.doubted:  # else the link lives, and they end
            for number, attempt in list(self._attempts.items()):
                if attempt.result is not None:
                    del self._attempts[number]
                    result = self._judge(number, attempt.result, now, result)
                elif attempt.reached():
                    state.reached(number, now)
        if state.lost and result is None:
            result = state.refusal
        if result is None and now >= state.due and state.act(now):
            self._ask()
        if result is None and state.doubted:
            self._follow(now)
        else:
            self.end_attempts()
        return result

    def wait(self, host: str, pause: Callable[[float], object], deadline: float | None) -> wire.Connection:
        """Another connection in the place of a lost link.

        `pause` may raise to end the waiting. Raises TimedOut past the deadline (monotonic), LoginRefused if a person
        has to log in, and any other error of an attempt that is not the link's.
        """
        self.state.closed(time.monotonic())
        ready: list[int] = []
        try:
            self.watch()
            while True:
                result = self.run(ready)
                if isinstance(result, wire.Connection):
                    self.restored()
                    return result
                if result is not None:
                    raise result
                now = time.monotonic()
                if deadline is not None and now >= deadline:
                    raise TimedOut(f"timed out: @{host} is still unreachable")
                until = min(self.state.due, now + _LONGEST_WAIT, deadline or now + _LONGEST_WAIT)
                ready = wire.polled([(descriptor, select.POLLIN) for descriptor in self.descriptors], until)
                pause(0)
        finally:
            self.close()

    def restored(self) -> None:
        """Watch the connection that has taken the place of the link."""
        self.state.restored(time.monotonic())
        self.end_attempts()

    def end_attempts(self) -> None:
        """End the attempts that run."""
        while self._attempts:
            self._attempts.popitem()[1].stop()
        for descriptor in self._results or ():
            os.close(descriptor)
        self._results = None

    def close(self) -> None:
        """End all that runs; `run` and `watch` may begin it anew."""
        self.end_attempts()
        if self._wake is not None:
            self._wake.close()
            self._wake = None

    def _judge(self, number: int, outcome: Result, now: float, result: Result | None) -> Result | None:
        """Take in the result of an attempt; return the one that counts, of it and those before."""
        state = self.state
        if isinstance(outcome, wire.Connection):
            if not isinstance(result, wire.Connection):
                return outcome
            outcome.close()
        elif isinstance(outcome, LoginRefused):
            state.failed(number, now, outcome.reason, refusal=outcome)
        elif isinstance(outcome, (Unreachable, TimedOut, OSError)):
            state.failed(number, now, _reason(outcome))
        elif state.lost or isinstance(outcome, Ended) or not isinstance(outcome, SeshError):
            return result or outcome
        else:  # the link is not replaced before it is lost
            state.beside = False
            state.failed(number, now, str(outcome))
        return result

    def _follow(self, now: float) -> None:
        """End and begin attempts until those of the state run."""
        for number in self._attempts.keys() - self.state.attempts.keys():
            self._attempts.pop(number).stop()
        for number in self.state.attempts.keys() - self._attempts.keys():
            try:
                self._begin(number)
            except (OSError, RuntimeError) as error:  # no descriptor left, no thread
                self.state.failed(number, now, _reason(error))

    def _begin(self, number: int) -> None:
        self._results = self._results or os.pipe()
        attempt = Attempt(lost=self.state.lost, session=self.session())
        attempt.begin(self.open_link, partial(os.write, self._results[1], b"."))
        self._attempts[number] = attempt


def _reason(error: Exception) -> str:
    """Why an attempt failed, in a few words."""
    if isinstance(error, Unreachable):
        return f"{error.reason} here" if isinstance(error, LocalFault) else error.reason
    return f"{getattr(error, 'strerror', None) or error} here" if not isinstance(error, SeshError) else ""
