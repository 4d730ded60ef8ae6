"""Attempts at another link, each in a thread of its own."""

from __future__ import annotations

import os
import threading

from sesh import wire
from sesh.stop import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.messages import Introduction

    OpenLink = Callable[["Attempt"], wire.Connection]
    Result = wire.Connection | Exception


class LostSession:
    """A session whose link is lost, or may be: what an attempt needs to come back to it."""

    def __init__(
        self,
        name: str,
        host: str,
        session_id: str,
        position: int,
        heard_at: float,
        hello: Introduction | None = None,
    ) -> None:
        self.name, self.host, self.session_id = name, host, session_id
        self.position, self.heard_at, self.hello = position, heard_at, hello
        """`position`: of the first byte of output that has not come. `heard_at`: when anything came last. `hello`: goes
        along with the request for the session."""


class Attempt(Stop):
    """One attempt; stopping it ends it. `lost`: whether the link before it is known to be lost. `session`: what it is
    to come back to, if that is one. `asks`: whether ssh may prompt, on the terminal as it is."""

    def __init__(self, *, lost: bool, session: LostSession | None = None, asks: bool = False) -> None:
        super().__init__()
        self.lost, self.session, self.asks = lost, session, asks
        self.reached: Callable[[], bool] = bool
        """Whether the server has answered; set by who opens the link."""


class Attempts:
    """Those that run, by number. `descriptor` becomes readable when one has ended. Raises OSError."""

    def __init__(self, open_link: OpenLink) -> None:
        self._open_link = open_link
        self._running: dict[int, Attempt] = {}
        self._results: list[tuple[int, Result]] = []
        self._lock = threading.Lock()
        self.descriptor, self._outbound = os.pipe()
        os.set_blocking(self._outbound, False)

    def begin(self, number: int, attempt: Attempt) -> None:
        """Begin an attempt."""
        self._running[number] = attempt
        threading.Thread(target=self._run, args=(number, attempt), daemon=True).start()

    def end(self, number: int) -> None:
        """End an attempt; a connection that comes late is closed."""
        with self._lock:
            attempt = self._running.pop(number, None)
        if attempt is not None:
            attempt.stop()

    def reached(self) -> list[int]:
        """The attempts that the server has answered."""
        return [number for number, attempt in list(self._running.items()) if attempt.reached()]

    def take(self) -> list[tuple[int, Result]]:
        """The results that have come since the last call."""
        with self._lock:
            results, self._results = self._results, []
            if results:
                os.read(self.descriptor, 1 << 10)
        return results

    def close(self) -> None:
        """End all; a second call does nothing."""
        with self._lock:
            attempts, self._running = list(self._running.values()), {}
            results, self._results = self._results, []
            descriptors, self.descriptor, self._outbound = (self.descriptor, self._outbound), -1, -1
        for _, result in results:
            _discard(result)
        for attempt in attempts:
            attempt.stop()
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)

    def _run(self, number: int, attempt: Attempt) -> None:
        try:
            result: Result = self._open_link(attempt)
        except Exception as error:
            result = error
        with self._lock:
            if self._running.pop(number, None) is not None:
                self._results.append((number, result))
                os.write(self._outbound, b".")
                return
        _discard(result)


def _discard(result: Result) -> None:
    if isinstance(result, wire.Connection):
        result.close()
