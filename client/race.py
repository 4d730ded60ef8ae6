"""Another link to a session, opened in a thread: beside one that may be dead, or in the place of one that was lost."""

from __future__ import annotations

import os
import threading
import time

from sesh import wire
from sesh.errors import Ended, LocalFault, LoginRefused, TimedOut, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from sesh.keepalive import Backoff

    class Reconnect(Protocol):
        """One attempt at a new connection to a session; it may block.

        It gets name, host, session id, the position of the first missing byte and when the last byte came. `beside`:
        the old link may still live and is left alone; what is handed to it ends the attempt. `ask`: ssh may prompt, on
        the terminal as it is.
        """

        def __call__(
            self,
            name: str,
            host: str,
            session_id: str,
            since: int,
            heard: float,
            *,
            beside: Callable[[Callable[[], None]], None] | None = None,
            ask: bool = False,
        ) -> wire.Connection: ...


ANSWER_TIME = 0.3
"""Seconds in which a link that was asked has to answer before another is opened beside it; at least a round trip."""
ASK_EVERY = 1.0
"""The least seconds between two questions that are not answered."""
_STALE = 0.05
"""Seconds in which what was on its way before a question may still come."""


class Attempts:
    """Attempts in a thread, until one works, or something other than the link is wrong. Raises OSError.

    `descriptor` becomes readable then, and `result` holds the connection or the error. `local_error`: what this machine
    lacked at the last attempt.
    """

    def __init__(
        self,
        attempt: Callable[[Callable[[Callable[[], None]], None]], wire.Connection],
        pauses: Iterator[float],
        worked: Callable[[], None],
    ) -> None:
        self._attempt, self._pauses, self._worked = attempt, pauses, worked
        self.result: wire.Connection | Exception | None = None
        self.local_error = ""
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._abort: Callable[[], None] | None = None
        self.descriptor, self._outbound = os.pipe()
        threading.Thread(target=self._run, daemon=True).start()

    def give_up(self) -> None:
        """Nobody waits any more: the attempt that runs is ended, and a connection that comes late is closed."""
        with self._lock:
            self._given_up.set()
            late, self.result = self.result, None
            if self._abort is not None:
                self._abort()
        if isinstance(late, wire.Connection):
            late.close()
        self.close()

    def close(self) -> None:
        """Close the descriptor."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _started(self, abort: Callable[[], None]) -> None:
        """An attempt can be ended by `abort` from now on."""
        with self._lock:
            self._abort = abort
            if self._given_up.is_set():
                abort()

    def _run(self) -> None:
        """In the thread."""
        result: wire.Connection | Exception | None = None
        for pause in self._pauses:
            if self._given_up.wait(pause):
                break
            try:
                result = self._attempt(self._started)
                self._worked()
                break
            except LoginRefused as error:  # the next one would be refused as well, and some hosts lock out who goes on
                result = error
                break
            except LocalFault as error:  # a full disk, no descriptor or process left: that may pass too
                self.local_error = error.reason
            except (Unreachable, TimedOut):
                self.local_error = ""
            except OSError as error:
                self.local_error = error.strerror or str(error)
            except Exception as error:
                result = error
                break
        with self._lock:
            self._abort = None
            given_up = self._given_up.is_set()
            if not given_up:
                self.result = result
        if given_up and isinstance(result, wire.Connection):
            result.close()
        try:
            os.write(self._outbound, b".")
        except BrokenPipeError:
            pass  # nobody waits any more
        os.close(self._outbound)


class Race:
    """Whether the link of an attachment still lives: asked at once where that is in doubt, and raced by another.

    `ask` sends a PING with these bytes, `attempt` opens another link beside it. `due`: when to call `run` (monotonic),
    0 for never.
    """

    def __init__(
        self,
        ask: Callable[[bytes], None],
        attempt: Callable[[Callable[[Callable[[], None]], None]], wire.Connection],
        backoff: Backoff,
    ) -> None:
        self._ask, self._attempt, self._backoff = ask, attempt, backoff
        self.due = 0.0
        self.attempts: Attempts | None = None
        self._asked_at, self._question = 0.0, b""
        self._refused = False
        """Whether somebody would be asked to log in, so that no other link is opened unasked."""
        self._refusal: LoginRefused | None = None
        """What ssh said when it was tried, as long as the link has not answered since."""

    @property
    def descriptor(self) -> int:
        """Readable when the other link stands, or cannot; -1 while there is none."""
        return self.attempts.descriptor if self.attempts is not None else -1

    def doubt(self, round_trip: float) -> None:
        """The link may be dead: ask it now."""
        now = time.monotonic()
        if self.attempts is not None or now < self._asked_at + ASK_EVERY:
            return
        self._asked_at, self._question = now, b"%f" % now
        self._ask(self._question)
        if not self._refused:
            self.due = now + max(ANSWER_TIME, round_trip)

    def heard(self) -> None:
        """Something came over the link: it lives, if that was not on its way before the question."""
        if self._asked_at and time.monotonic() > self._asked_at + _STALE:
            self._lives()

    def answered(self, payload: bytes) -> None:
        """A PONG came."""
        if payload and payload == self._question:
            self._lives()

    def _lives(self) -> None:
        self.due, self._asked_at, self._question, self._refusal = 0.0, 0.0, b"", None
        self.close()

    def run(self) -> None:
        """It has not answered in time: open another link beside it."""
        self.due = 0.0
        try:
            self.attempts = Attempts(self._attempt, self._pauses(), self._backoff.opened)
        except OSError:
            return  # no descriptor left: the link will be found silent, or lives

    def _pauses(self) -> Iterator[float]:
        yield 0.0
        yield from self._backoff.pauses()

    def won(self) -> wire.Connection | Exception | None:
        """The other link, once it stands; the error where the session has ended; else None."""
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
        """The attempts that are under way, which are the caller's now; or the refusal that they have ended with."""
        attempts, self.attempts = self.attempts, None
        return attempts or self._refusal

    def close(self) -> None:
        """End the attempts."""
        attempts, self.attempts = self.attempts, None
        if attempts is not None:
            attempts.give_up()
