"""Attempts at a connection, side by side in threads: the first whose far end answers goes on alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from threading import Lock, Thread

from sesh.errors import Interrupted
from sesh.messages import Introduction
from sesh.stop import Stop
from sesh.wire import Connection

Result = Connection | Exception


@dataclass
class LostSession:
    """A session whose link is lost, or may be: what the winning attempt asks the host for.

    `position`: of the first byte of output that has not come. `heard_at`: when anything came last (monotonic).
    `hello`: the client's, which goes along with the request; None for a stream.
    """

    name: str
    host: str
    session_id: str
    position: int
    heard_at: float
    hello: Introduction | None = None


@dataclass
class Attempt:
    """One attempt, which `stop` ends.

    `seconds`: for ssh to connect. `describe`: returns the session to ask for. `lost`: the link before is known to be
    lost. `asks`: ssh may prompt. `first`: no other ran at its beginning, so that its request may go with HELLO, which
    saves a round trip. `heard`: the last line of ssh. `claim`: returns whether no other has won, and ends the others.
    """

    seconds: float = 0.0
    describe: Callable[[], LostSession | None] = lambda: None
    lost: bool = False
    asks: bool = False
    first: bool = False
    heard: str = ""
    claim: Callable[[], bool] = lambda: True
    stop: Stop = field(default_factory=Stop)

    @property
    def session(self) -> LostSession | None:
        """The session to ask for, with the position of this moment."""
        return self.describe()

    def hear(self, line: str) -> None:
        """Take a line of ssh's."""
        self.heard = line

    def win(self, connection: Connection) -> None:
        """Win the race, as the far end of the connection has answered.

        If another attempt has won, close the connection and raise Interrupted: two must not greet the same session.
        """
        if not self.claim():
            connection.close()
            raise Interrupted("another attempt has won")


Way = Callable[[Attempt], Connection]
"""Makes one attempt, in a thread, and calls its `win`. Raises Ended if the session has ended."""


class Race:
    """The attempts that run. `descriptor` is readable once one has ended."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[int, Attempt] = {}
        self._results: list[tuple[int, Result]] = []
        self._winner: int | None = None
        self.descriptor, self._outbound = os.pipe()

    @property
    def heard(self) -> str:
        """The last line of an ssh that runs; empty if none has printed anything."""
        return next((attempt.heard for attempt in self._running.copy().values() if attempt.heard), "")

    @property
    def decided(self) -> bool:
        """True from the first answer until the result of that attempt is taken."""
        return self._winner is not None

    def begin(self, number: int, attempt: Attempt, way: Way) -> None:
        """Begin an attempt. Raises RuntimeError if this machine has no room for a thread."""
        attempt.claim, attempt.first = lambda: self._claim(number), not self._running
        self._running[number] = attempt
        try:
            Thread(target=self._run, args=(number, attempt, way), daemon=True).start()
        except RuntimeError:
            del self._running[number]
            raise

    def _run(self, number: int, attempt: Attempt, way: Way) -> None:
        try:
            result: Result = way(attempt)
        except Exception as error:
            result = error
        with self._lock:
            if self._running.pop(number, None) is not None:
                self._results.append((number, result))
                os.write(self._outbound, b".")
            elif isinstance(result, Connection):
                result.close()  # the race was over before

    def _claim(self, number: int) -> bool:
        with self._lock:
            if number not in self._running or self._winner not in (None, number):
                return False
            self._winner = number
            losers = [attempt for other, attempt in self._running.items() if other != number]
        for attempt in losers:
            attempt.stop.stop()
        return True

    def results(self, ready: Container[int]) -> list[tuple[int, Result]]:
        """Return the results of the attempts that have ended, by number; `ready`: the readable descriptors."""
        if self.descriptor not in ready:
            return []
        os.read(self.descriptor, 1 << 10)
        with self._lock:
            results, self._results = self._results, []
            if self._winner in dict(results):
                self._winner = None
        return results

    def end(self) -> None:
        """End all attempts; a connection that one has, or comes to have, is closed."""
        with self._lock:
            running, results = list(self._running.values()), self._results
            self._running, self._results, self._winner = {}, [], None
        for attempt in running:
            attempt.stop.stop()
        for _, result in results:
            if isinstance(result, Connection):
                result.close()

    def close(self) -> None:
        """End all attempts, and close the descriptor."""
        self.end()
        for descriptor in {self.descriptor, self._outbound} - {-1}:
            os.close(descriptor)
        self.descriptor = self._outbound = -1
