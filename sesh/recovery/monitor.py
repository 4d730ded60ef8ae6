"""A link under watch: what its `LinkState` decides is carried out here, with threads and descriptors."""

from __future__ import annotations

import select
import time

from sesh import wire
from sesh.errors import Ended, LocalFault, LoginRefused, SeshError, TimedOut, Unreachable
from sesh.link_state import ASK, BEGIN, LinkState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from sesh.recovery.attempts import Attempts, LostSession, OpenLink, Result
    from sesh.recovery.wake import Wake

_LONGEST_WAIT = 0.25
"""Seconds between two looks whether who waits is to stop."""


class Monitor:
    """Watches one link after the other to the same place, and opens the next.

    `open_link` makes one attempt, in a thread; `ask` sends a question over the link. Call `run` when one of the
    `descriptors` is readable (poll them anew each time), and when `state` is due.
    """

    def __init__(self, state: LinkState, open_link: OpenLink, ask: Callable[[], object] = bool) -> None:
        self.state, self.open_link, self._ask = state, open_link, ask
        self.descriptors: tuple[int, ...] = ()
        self._attempts: Attempts | None = None
        self._wake: Wake | None = None
        self._refusal: LoginRefused | None = None
        """Why a person has to log in, from the moment when an attempt has met that."""

    def session(self) -> LostSession | None:
        """What an attempt that begins now is to come back to, if `open_link` does not know."""
        return None

    @property
    def watching(self) -> bool:
        """True from `watch` until `close`."""
        return self._wake is not None

    def watch(self) -> None:
        """Take notice of signs that links may be dead from now on."""
        if self._wake is None:
            from sesh.recovery.wake import Wake

            self._wake = Wake()
            self._collect()

    def run(self, ready: Container[int]) -> Result | None:
        """Do what is to be done now. Returns another connection, or the error after which there will be none.

        A link that may live is replaced by a connection, or by Ended, only.
        """
        state, now, result = self.state, time.monotonic(), None
        if self._wake is not None and self._wake.happened(ready):
            state.changed(now)
        if self._attempts is not None and state.doubted:  # else the link lives, and they end
            if self._attempts.descriptor in ready:
                for number, outcome in self._attempts.take():
                    result = self._judge(number, outcome, now, result)
            for number in self._attempts.reached():
                state.reached(number, now)
        if state.lost and result is None:
            result = self._refusal
        if result is None and now >= state.due:
            for kind, number in state.act(now):
                self._carry_out(kind, number, now)
        if result is not None or not state.doubted:
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
        self._refusal = None
        self.state.restored(time.monotonic())
        self.end_attempts()

    def end_attempts(self) -> None:
        """End the attempts that run."""
        if self._attempts is not None:
            self._attempts.close()
            self._attempts = None
            self._collect()

    def close(self) -> None:
        """End all that runs; `run` and `watch` may begin it anew."""
        self.end_attempts()
        if self._wake is not None:
            self._wake.close()
            self._wake = None
        self._collect()

    def _collect(self) -> None:
        attempts = (self._attempts.descriptor,) if self._attempts is not None else ()
        self.descriptors = (*attempts, *(self._wake.descriptors if self._wake is not None else ()))

    def _judge(self, number: int, outcome: Result, now: float, result: Result | None) -> Result | None:
        """Take in the result of an attempt; return the one that counts, of it and those before."""
        state = self.state
        if isinstance(outcome, wire.Connection):
            if not isinstance(result, wire.Connection):
                return outcome
            outcome.close()
        elif isinstance(outcome, LoginRefused):
            self._refusal = outcome
            state.failed(number, now, outcome.reason, refused=True)
        elif isinstance(outcome, (Unreachable, TimedOut, OSError)):
            state.failed(number, now, _reason(outcome))
        elif state.lost or isinstance(outcome, Ended) or not isinstance(outcome, SeshError):
            return result or outcome
        else:  # the link is not replaced before it is lost
            state.beside = False
            state.failed(number, now, str(outcome))
        return result

    def _carry_out(self, kind: int, number: int, now: float) -> None:
        if kind == ASK:
            self._ask()
        elif kind == BEGIN:
            from sesh.recovery.attempts import Attempt, Attempts

            try:
                if self._attempts is None:
                    self._attempts = Attempts(self.open_link)
                    self._collect()
                self._attempts.begin(number, Attempt(lost=self.state.lost, session=self.session()))
            except (OSError, RuntimeError) as error:  # no descriptor left, no thread
                self.state.failed(number, now, _reason(error))
        elif self._attempts is not None:
            self._attempts.end(number)


def _reason(error: Exception) -> str:
    """Why an attempt failed, in a few words."""
    if isinstance(error, Unreachable):
        return f"{error.reason} here" if isinstance(error, LocalFault) else error.reason
    return f"{getattr(error, 'strerror', None) or error} here" if not isinstance(error, SeshError) else ""
