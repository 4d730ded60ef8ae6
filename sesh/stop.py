"""Stop a call from another thread: a call of the API that waits, an attempt at a link. Ctrl-C: `reach.cancelling`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock

from sesh.errors import Interrupted, SeshError, Unreachable

Way = Callable[[], object]


class Stop:
    """A stop for a call that may wait for long: `stop()` in another thread ends the waiting.

    A command in a live shell, and a job, get what Ctrl-C would send them, and the call returns when they end. Any other
    waiting ends at once, with Interrupted. One Stop may be given to several calls; once stopped it stays so.
    """

    message = "stopped waiting; the session goes on"
    """The line for whoever stops the waiting."""

    def __init__(self) -> None:
        self._event, self._lock = Event(), Lock()
        self._ways: list[Way] = []

    @property
    def stopped(self) -> bool:
        """True if `stop` was called."""
        return self._event.is_set()

    def stop(self) -> None:
        """End the calls that have this Stop, each by its `way`."""
        with self._lock:
            self._event.set()
            for way in self._ways:
                with suppress(SeshError):  # the other side of the call is unreachable, and so the call ends too
                    way()

    @contextmanager
    def calling(self, way: Way) -> Iterator[None]:
        """Have `stop` call `way` within a block. Raises Interrupted if that ended the block, or came before."""
        with self._lock:
            self.check()
            self._ways.append(way)
        try:
            yield
        except Unreachable:
            if self.stopped:
                raise Interrupted(self.message) from None
            raise
        finally:
            with self._lock:
                self._ways.remove(way)

    def check(self) -> None:
        """Raises Interrupted if it was stopped already."""
        if self.stopped:
            raise Interrupted("stopped before it began")

    def sleep(self, seconds: float) -> None:
        """Wait so long. Raises Interrupted if it is stopped."""
        if self._event.wait(seconds):
            raise Interrupted(self.message)
