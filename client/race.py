"""Another link to a session, opened in a thread: beside one that may be dead, or in the place of one that was lost."""

from __future__ import annotations

import os
import threading
import time

from sesh import wire
from sesh.errors import Ended, LocalFault, LoginRefused, Unreachable
from sesh.stop import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from sesh.keepalive import Backoff
    from sesh.loop.timers import Timers

    Attempt = Callable[[Stop], wire.Connection]

    class Reconnect(Protocol):
        """One attempt at a new connection to a session; it may block.

        It gets name, host, session id, the position of the first missing byte and the time of the last one. `beside`:
        given while the old link may still live, which is then left alone; it ends the attempt. `ask`: ssh may prompt,
        on the terminal as it is.
        """

        def __call__(
            self,
            name: str,
            host: str,
            session_id: str,
            since: int,
            heard: float,
            *,
            beside: Stop | None = None,
            ask: bool = False,
        ) -> wire.Connection: ...


ANSWER_TIME = 0.3
"""Seconds in which a link that was asked has to answer before another is opened beside it; at least a round trip."""
ASK_EVERY = 1.0
"""Seconds between two questions that are not answered, at least."""
_STALE = 0.05
"""Seconds in which bytes that were on their way before a question may still come."""


class Attempts:
    """Attempts in a thread, until one works, or fails for another reason than the link. Raises OSError.

    `descriptor` becomes readable then, and `result` holds the connection or the error. `local_error`: the lack of this
    machine that the last attempt met.
    """

    def __init__(self, attempt: Attempt, backoff: Backoff, *, at_once: bool = False) -> None:
        self._attempt, self._backoff, self._at_once = attempt, backoff, at_once
        self.result: wire.Connection | Exception | None = None
        self.local_error = ""
        self._stop, self._lock = Stop(), threading.Lock()
        self.descriptor, self._outbound = os.pipe()
        threading.Thread(target=self._run, daemon=True).start()

    def give_up(self) -> None:
        """Stop: end the attempt that runs, and close a connection that comes late."""
        self._stop.stop()
        with self._lock:
            late, self.result = self.result, None
        if isinstance(late, wire.Connection):
            late.close()
        self.close()

    def close(self) -> None:
        """Close the descriptor."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _run(self) -> None:
        result: wire.Connection | Exception
        try:
            result = self._backoff.retry(self._try_once, "", sleep=self._stop.sleep, at_once=self._at_once)
        except Exception as error:
            result = error
        with self._lock:
            if not self._stop.stopped:
                self.result = result
            elif isinstance(result, wire.Connection):
                result.close()
        try:
            os.write(self._outbound, b".")
        except BrokenPipeError:
            pass  # nobody waits any more
        os.close(self._outbound)

    def _try_once(self) -> wire.Connection:
        """Make one attempt. A lack on this machine, as of disk space, descriptors or processes, may pass too."""
        reason = ""
        try:
            return self._attempt(self._stop)
        except LocalFault as fault:
            reason = fault.reason
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            raise Unreachable(reason) from error
        finally:
            self.local_error = reason


class Race:
    """A question to a link that may be dead, and a race of that link against another if it does not answer.

    `ask` sends a PING with these bytes, `attempt` opens another link beside it.
    """

    def __init__(self, ask: Callable[[bytes], None], attempt: Attempt, backoff: Backoff, timers: Timers) -> None:
        self._ask, self._attempt, self._backoff, self._timers = ask, attempt, backoff, timers
        self.attempts: Attempts | None = None
        self._asked_at, self._question = 0.0, b""
        self._refused = False
        """True if the last attempts failed, mostly as a login is asked for: no other link is opened unasked."""
        self._refusal: LoginRefused | None = None
        """The refusal of ssh, as long as the link has not answered since."""

    @property
    def descriptor(self) -> int:
        """Readable when the other link stands, or cannot; -1 while there is none."""
        return self.attempts.descriptor if self.attempts is not None else -1

    def doubt(self, round_trip: float) -> None:
        """Ask a link that may be dead."""
        now = time.monotonic()
        if self.attempts is not None or now < self._asked_at + ASK_EVERY:
            return
        self._asked_at, self._question = now, b"%f" % now
        self._ask(self._question)
        if not self._refused:
            self._timers.set("race", max(ANSWER_TIME, round_trip), self.run)

    def heard(self) -> None:
        """Note that bytes came over the link: it lives, unless they were on their way before the question."""
        if self._asked_at and time.monotonic() > self._asked_at + _STALE:
            self._lives()

    def answered(self, payload: bytes) -> None:
        """Note a PONG."""
        if payload and payload == self._question:
            self._lives()

    def _lives(self) -> None:
        self._timers.clear("race")
        self._asked_at, self._question, self._refusal = 0.0, b"", None
        self.close()

    def run(self) -> None:
        """Open another link beside one that has not answered in time."""
        try:
            self.attempts = Attempts(self._attempt, self._backoff, at_once=True)
        except OSError:
            return  # no descriptor left: the link will be found silent, or lives

    def won(self) -> wire.Connection | Exception | None:
        """Return the connection over the other link, once there is one; Ended if the session has ended; else None."""
        attempts = self.attempts
        if attempts is None or attempts.result is None:
            return None
        self.attempts = None
        attempts.close()
        if isinstance(attempts.result, (wire.Connection, Ended)):
            return attempts.result
        self._refused = True  # the link will be found silent, or lives
        if isinstance(attempts.result, LoginRefused):
            self._refusal = attempts.result
        return None

    def take(self) -> Attempts | LoginRefused | None:
        """Return the attempts under way, which are the caller's now; or the refusal that they have ended with."""
        attempts, self.attempts = self.attempts, None
        return attempts or self._refusal

    def close(self) -> None:
        """End the attempts."""
        attempts, self.attempts = self.attempts, None
        if attempts is not None:
            attempts.give_up()
