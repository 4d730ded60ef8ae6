"""The attempts to replace a link: when each begins (`Schedule`), and the threads that make them (`Attempts`).

    doubted, lost ──▶ 1st ──▶ 2nd: at least 1 s after the 1st began, once that failed or its timeout passed ──▶ …
                  sign: another one in parallel, at least 0.1 s after the newest began
                  30 s without a sign: the pauses grow to 10 s
                  login refused: none until Enter

At most two attempts run at once. The first that gets an answer wins, and stops the other. Nothing else cancels an
attempt while the link is down, neither a sign nor a key: it may be about to succeed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from errno import EAGAIN
from math import inf
from threading import Lock, Thread

from sesh.errors import Interrupted
from sesh.messages import Hello
from sesh.stop import Stop
from sesh.wire import Connection

AT_ONCE = 2
PACE = 1.0  # least seconds between the beginnings of two attempts
PACE_AFTER_SIGN = 0.1  # the same, if a sign begins the second one
LONG_OUTAGE = 30.0  # after this many seconds without a sign the pauses grow
LONGEST_PACE = 10.0  # seconds
CONNECT_TIME, LONGEST_CONNECT = 2.0, 10.0  # bounds of ssh's connect timeout, which is half the outage so far (seconds)
LONG_TRIP = 0.15  # seconds; above this round trip, or with a jump host, ssh's connect timeout is longer
LOGIN_TRIPS = 10  # the round trips that a longer connect timeout adds

Result = Connection | Exception


class Schedule:
    """The schedule of the attempts to replace a link. `indirect`: ssh connects through a jump host."""

    def __init__(self, *, indirect: bool = False) -> None:
        self.indirect, self.round_trip = indirect, 0.0
        self.running = 0  # attempts that have not ended
        self.refusal: Exception | None = None  # the error after which no attempt can succeed without a person
        self.reason = ""  # why the last attempt failed, in a few words
        self._began_at = -inf
        self._trouble_at = self._signed_at = self._next_at = inf

    @property
    def due(self) -> float:
        """When to call `begin_due`; infinite while no attempt may begin."""
        return self._next_at if self.running < AT_ONCE and self.refusal is None else inf

    def plan(self, now: float) -> None:
        """Schedule attempts for a link that is doubted or lost."""
        if self._trouble_at == inf:
            self._trouble_at = self._signed_at = now
            self._next_at = max(now, self._began_at + PACE)

    def sign(self, now: float) -> None:
        """Schedule an early attempt, because the network has changed or a person pressed Enter."""
        if self._trouble_at < inf:
            self._signed_at = now
            self._next_at = min(self._next_at, max(now, self._began_at + PACE_AFTER_SIGN))

    def enter_pressed(self, now: float) -> None:
        """Schedule an early attempt for a person (Enter), even after a refusal."""
        self.refusal = None
        self.sign(now)

    def failed(self, now: float, reason: str, *, refusal: Exception | None = None) -> None:
        """Record a failed attempt; `refusal`: its error, if every further attempt would fail too."""
        self.running -= 1
        self.reason = reason
        self.refusal = refusal or self.refusal
        if not self.running:
            self._next_at = min(self._next_at, max(now, self._began_at + self._pace(now)))

    def reset(self) -> None:
        """Cancel the schedule, because the link answers or was replaced."""
        self.running = 0
        self.reason, self.refusal = "", None
        self._trouble_at = self._signed_at = self._next_at = inf

    def begin_due(self, now: float) -> float | None:
        """Begin an attempt if one is due; return its connect timeout in seconds."""
        if now < self.due:
            return None
        self._began_at = now
        self.running += 1
        seconds = min(LONGEST_CONNECT, max(CONNECT_TIME, (now - self._trouble_at) / 2))
        if self.indirect or self.round_trip > LONG_TRIP:
            seconds += LOGIN_TRIPS * max(self.round_trip, LONG_TRIP)
        self._next_at = now + max(seconds, self._pace(now))  # before that only a sign begins another attempt
        return seconds

    def _pace(self, now: float) -> float:
        quiet = now - self._signed_at
        return PACE if quiet < LONG_OUTAGE else min(LONGEST_PACE, quiet / 8)


@dataclass
class EnteredSession:
    """The session that a link has entered, by which another link enters it again."""

    name: str
    session_id: str
    position: int  # of the first byte of output that was not received
    heard_at: float  # when the last byte was received (monotonic)
    hello: Hello | None = None  # the client's HELLO, sent with the request; None for a stream


@dataclass(eq=False)
class Attempt:
    """One attempt at a connection, in a thread of its own.

    `first`: no other attempt ran when it began, so it sends its request with HELLO, and may enter the session before it
    wins. If another wins after all, the daemon drops this client's earlier connection.
    """

    seconds: float = 0.0  # ssh's connect timeout
    lost: bool = False  # the link is lost, not only doubted
    may_prompt: bool = False  # ssh may ask the person
    first: bool = False
    last_line: str = ""  # the last line printed by ssh
    claim: Callable[[], bool] = lambda: True  # stops the others; returns False if another has won
    stop: Stop = field(default_factory=Stop)

    def hear(self, line: str) -> None:
        """Record a line printed by ssh."""
        self.last_line = line

    def win(self, connection: Connection) -> None:
        """Win with a connection whose other end has answered.

        If another attempt has won, close the connection and raise Interrupted.
        """
        if not self.claim():
            connection.close()
            raise Interrupted("another attempt has won")


Reopen = Callable[[Attempt], Connection]  # makes one attempt in a thread and calls the attempt's `win`; may raise Ended


class Attempts:
    """The running attempts. `descriptor` becomes readable when one ends."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: list[Attempt] = []
        self._results: list[tuple[Attempt, Result]] = []
        self._winner: Attempt | None = None
        self.descriptor, self._outbound = os.pipe()

    @property
    def last_line(self) -> str:
        """The last line printed by a running ssh; empty if there is none."""
        return next((attempt.last_line for attempt in self._running.copy() if attempt.last_line), "")

    @property
    def decided(self) -> bool:
        """True from the win of an attempt until `results` returns it."""
        return self._winner is not None

    def begin(self, attempt: Attempt, reopen: Reopen) -> None:
        """Begin an attempt."""
        attempt.claim = lambda: self._claim(attempt)
        attempt.first = not self._running
        self._running.append(attempt)
        try:
            Thread(target=self._run, args=(attempt, reopen), daemon=True).start()
        except RuntimeError:
            self._end(attempt, OSError(EAGAIN, "no room for another thread"))

    def _run(self, attempt: Attempt, reopen: Reopen) -> None:
        try:
            self._end(attempt, reopen(attempt))
        except Exception as error:
            self._end(attempt, error)

    def _end(self, attempt: Attempt, result: Result) -> None:
        with self._lock:
            if attempt in self._running:
                self._running.remove(attempt)
                self._results.append((attempt, result))
                os.write(self._outbound, b".")
            elif isinstance(result, Connection):
                result.close()  # `stop_all` was called meanwhile

    def _claim(self, attempt: Attempt) -> bool:
        with self._lock:
            if attempt not in self._running or self._winner not in (None, attempt):
                return False
            self._winner = attempt
            losers = [other for other in self._running if other is not attempt]
        for other in losers:
            other.stop.stop()
        return True

    def results(self, ready: Container[int]) -> list[Result]:
        """Return the results of the attempts that have ended; `ready`: the readable descriptors."""
        if self.descriptor not in ready:
            return []
        os.read(self.descriptor, 1 << 10)
        with self._lock:
            results, self._results = self._results, []
            if self._winner in dict(results):
                self._winner = None
        return [result for _, result in results]

    def stop_all(self) -> None:
        """Stop all attempts, and close their connections."""
        with self._lock:
            running, results = self._running, self._results
            self._running, self._results, self._winner = [], [], None
        for attempt in running:
            attempt.stop.stop()
        for _, result in results:
            if isinstance(result, Connection):
                result.close()

    def close(self) -> None:
        """Stop all attempts, and close the descriptor."""
        self.stop_all()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            os.close(self._outbound)
        self.descriptor = self._outbound = -1
