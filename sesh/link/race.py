"""Attempts at a connection, side by side in threads: one at a time has the turn to ask for the session.

The first one has it from its beginning, so that it asks without a round trip more, until another answers before it. So
no two of them greet the same session, and no attempt has to guess which other one succeeds.
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

    @property
    def has_turn(self) -> bool:
        """True if it may ask."""
        return self._turn.is_set()

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

    def run(self, way: Way, announce: Callable[[], object]) -> None:
        """Run `way`, in a thread; `announce` is called there at its answer, and at its end."""
        self._announce = announce
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
    """The attempts that run. `session`: called for the one that gets the turn, in the thread that uses the race.

    `descriptor` is readable once an attempt has answered or ended.
    """

    def __init__(self, session: Callable[[], LostSession | None] = lambda: None) -> None:
        self._session = session
        self._attempts: dict[int, Attempt] = {}
        self.descriptor, self._outbound = os.pipe()
        self._holder: int | None = None
        """The number of the attempt that has the turn."""

    @property
    def heard(self) -> str:
        """What the ssh of an attempt that runs has said last; empty if none has said anything."""
        return next((attempt.heard for attempt in self._attempts.values() if attempt.heard), "")

    @property
    def decided(self) -> bool:
        """True if the attempt that has the turn has answered: it has asked, or is about to."""
        return self._holder is not None and self._attempts[self._holder].answered

    def begin(self, number: int, attempt: Attempt, way: Way) -> None:
        """Begin an attempt. Raises RuntimeError if this machine has no room for a thread."""
        first = not self._attempts
        if first:
            attempt.grant(self._session())
        threading.Thread(target=attempt.run, args=(way, lambda: os.write(self._outbound, b".")), daemon=True).start()
        self._attempts[number] = attempt
        self._holder = number if first else self._holder

    def results(self, ready: Container[int]) -> list[tuple[int, Result]]:
        """Give the turn to the first that answers; return the results of those that have ended, by number."""
        if self.descriptor not in ready:
            return []
        os.read(self.descriptor, 1 << 10)
        ended: list[tuple[int, Result]] = []
        for number, attempt in list(self._attempts.items()):
            if number not in self._attempts:
                continue  # it has just lost
            if attempt.result is not None:
                ended.append((number, attempt.result))
                self._drop(number)
            elif attempt.answered and self._holder != number:
                loser = number if self.decided else self._holder
                if loser is not None:
                    self._attempts[loser].end()
                    ended.append((loser, Interrupted("another attempt has won")))
                    self._drop(loser)
                if loser != number:
                    self._holder = number
                    attempt.grant(self._session())
        return ended

    def _drop(self, number: int) -> None:
        del self._attempts[number]
        self._holder = None if self._holder == number else self._holder

    def end(self) -> None:
        """End all attempts."""
        self._holder = None
        while self._attempts:
            self._attempts.popitem()[1].end()

    def close(self) -> None:
        """End all attempts, and close the descriptor."""
        self.end()
        for descriptor in {self.descriptor, self._outbound} - {-1}:
            os.close(descriptor)
        self.descriptor = self._outbound = -1
