"""Attempts at a connection, side by side in threads: the first whose far end answers gets the only turn to ask.

So no two of them greet the same session, and no attempt has to guess which other one succeeds.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Container
from dataclasses import dataclass

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


class Attempt:
    """One attempt. `seconds`: for ssh to connect. `lost`: the link before is known to be lost. `asks`: ssh may prompt.

    `stop` ends what it waits for. The code of the attempt calls `turn` once the far end has answered.
    """

    def __init__(
        self, seconds: float = 0.0, session: LostSession | None = None, *, lost: bool = False, asks: bool = False
    ) -> None:
        self.seconds, self.lost, self.asks = seconds, lost, asks
        self.stop = Stop()
        self.answered = False
        self.session = session
        """What to ask for: as of its beginning, and from its turn on as of then."""
        self.result: Result | None = None
        self.heard = ""
        """What ssh has said last: it may wait for a person to do something."""
        self._turn = threading.Event()
        self._announce: Callable[[], object] = bool
        self._lock = threading.Lock()

    def begin(self, way: Way, announce: Callable[[], object]) -> None:
        """Run `way` in a thread; `announce` is called there at its answer, and at its end. Raises RuntimeError."""
        self._announce = announce
        threading.Thread(target=self._run, args=(way,), daemon=True).start()

    def hear(self, line: str) -> None:
        """Take a line of ssh's."""
        self.heard = line

    def turn(self, connection: Connection) -> None:
        """Wait for the turn, as the far end of a connection has answered.

        If another attempt has won it closes the connection, and raises Interrupted.
        """
        with self._lock:
            self.answered = True
            if not self.stop.stopped:
                self._announce()
        self._turn.wait()
        if self.stop.stopped:
            connection.close()
            raise Interrupted("another attempt has won")

    def grant(self, session: LostSession | None) -> None:
        """Give it the turn."""
        self.session = session
        self._turn.set()

    def end(self) -> None:
        """End the attempt; a connection that it has, or comes to have, is closed."""
        with self._lock:
            self.stop.stop()
            self._turn.set()
            if isinstance(self.result, Connection):
                self.result.close()

    def _run(self, way: Way) -> None:
        try:
            result: Result = way(self)
        except Exception as error:
            result = error
        with self._lock:
            if not self.stop.stopped:
                self.result = result
                self._announce()
            elif isinstance(result, Connection):
                result.close()


Way = Callable[[Attempt], Connection]
"""Makes one attempt; it may block. Raises Ended if the session has ended, Interrupted if the attempt was ended."""


class Race:
    """The attempts that run. `session`: called for the one that gets the turn, in the thread that calls `results`.

    `descriptor` is readable once an attempt has answered or ended.
    """

    def __init__(self, session: Callable[[], LostSession | None] = lambda: None) -> None:
        self._session = session
        self._attempts: dict[int, Attempt] = {}
        self.descriptor, self._outbound = os.pipe()
        self.holder: int | None = None
        """The number of the attempt that has the turn."""

    @property
    def heard(self) -> str:
        """What the ssh of an attempt that runs has said last; empty if none has said anything."""
        return next((attempt.heard for attempt in self._attempts.values() if attempt.heard), "")

    def begin(self, number: int, attempt: Attempt, way: Way) -> None:
        """Begin an attempt. Raises RuntimeError if this machine has no room for a thread."""
        attempt.begin(way, lambda: os.write(self._outbound, b"."))
        self._attempts[number] = attempt

    def results(self, ready: Container[int]) -> list[tuple[int, Result]]:
        """Give the turn to the first that answers; return the results of those that have ended, by number."""
        if self.descriptor not in ready:
            return []
        os.read(self.descriptor, 1 << 10)
        ended: list[tuple[int, Result]] = []
        for number, attempt in list(self._attempts.items()):
            if attempt.result is not None:
                ended.append((number, attempt.result))
            elif attempt.answered and self.holder is None:
                self.holder = number
                attempt.grant(self._session())
            elif attempt.answered and self.holder != number:
                attempt.end()
                ended.append((number, Interrupted("another attempt has won")))
        for number, _ in ended:
            del self._attempts[number]
            self.holder = None if self.holder == number else self.holder
        return ended

    def end(self) -> None:
        """End all attempts."""
        self.holder = None
        while self._attempts:
            self._attempts.popitem()[1].end()

    def close(self) -> None:
        """End all attempts, and close the descriptor."""
        self.end()
        for descriptor in {self.descriptor, self._outbound} - {-1}:
            os.close(descriptor)
        self.descriptor = self._outbound = -1
