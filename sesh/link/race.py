"""Run attempts at a connection in parallel threads. The first that gets an answer wins; the others are stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from errno import EAGAIN
from threading import Lock, Thread

from sesh.errors import Interrupted
from sesh.messages import Introduction
from sesh.stop import Stop
from sesh.wire import Connection

Result = Connection | Exception


@dataclass
class LostSession:
    """A session to enter again, because its link is lost or doubted."""

    name: str
    host: str
    session_id: str
    position: int  # of the first byte of output that was not received
    heard_at: float  # when the last byte was received (monotonic)
    hello: Introduction | None = None  # the client's HELLO, sent with the request; None for a stream


@dataclass(eq=False)
class Attempt:
    """One attempt at a connection, in a thread of its own."""

    seconds: float = 0.0  # ssh's connect timeout
    session: Callable[[], LostSession | None] = lambda: None  # the session to enter again, as it is now
    lost: bool = False  # the link is lost, not only doubted
    may_prompt: bool = False  # ssh may ask the person
    first: bool = False  # no other attempt ran when it began: it may send its request with HELLO
    last_line: str = ""  # the last line printed by ssh
    claim: Callable[[], bool] = lambda: True  # stops the others; returns False if another has won
    stop: Stop = field(default_factory=Stop)

    def hear(self, line: str) -> None:
        """Record a line printed by ssh."""
        self.last_line = line

    def win(self, connection: Connection) -> None:
        """Win the race with a connection whose other end has answered.

        If another attempt has won, close the connection and raise Interrupted: only one attempt may enter the session.
        """
        if not self.claim():
            connection.close()
            raise Interrupted("another attempt has won")


Way = Callable[[Attempt], Connection]  # makes one attempt in a thread and calls the attempt's `win`; may raise Ended


class Race:
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

    def begin(self, attempt: Attempt, way: Way) -> None:
        """Begin an attempt."""
        attempt.claim = lambda: self._claim(attempt)
        attempt.first = not self._running
        self._running.append(attempt)
        try:
            Thread(target=self._run, args=(attempt, way), daemon=True).start()
        except RuntimeError:
            self._end(attempt, OSError(EAGAIN, "no room for another thread"))

    def _run(self, attempt: Attempt, way: Way) -> None:
        try:
            self._end(attempt, way(attempt))
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

    def results(self, ready: Container[int]) -> list[tuple[Attempt, Result]]:
        """Return each attempt that has ended, with its result; `ready`: the readable descriptors."""
        if self.descriptor not in ready:
            return []
        os.read(self.descriptor, 1 << 10)
        with self._lock:
            results, self._results = self._results, []
            if self._winner in dict(results):
                self._winner = None
        return results

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
