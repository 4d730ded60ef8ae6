"""The way in which one thread ends the waiting of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock

from sesh.errors import Interrupted, SeshError, Unreachable

_GOES_ON = "stopped; what was waited for goes on"


class Stop:
    """Given to a call that may wait for long; `stop()` in another thread ends that.

    A command in a live shell, and a job, get what Ctrl-C would send them, and the call returns when they end. Any other
    waiting ends at once, with Interrupted. One Stop may be given to several calls; once stopped it stays so.
    """

    def __init__(self) -> None:
        self._event = Event()
        self._lock = Lock()
        self._ways: list[Callable[[], object]] = []

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._event.is_set()

    def stop(self) -> None:
        """Ends the calls that it was given to."""
        with self._lock:
            self._event.set()
            for way in self._ways:
                try:
                    way()
                except SeshError:
                    continue  # what was to be ended cannot be reached, and then neither can who waits for it

    @contextmanager
    def by(self, way: Callable[[], object]) -> Iterator[None]:
        """Has `way` called by `stop` within a block. Raises Interrupted where that cut the block off."""
        with self._lock:
            if self.stopped:
                raise Interrupted("stopped before it began")
            self._ways.append(way)
        try:
            yield
        except Unreachable:
            if not self.stopped:
                raise
            raise Interrupted(_GOES_ON) from None
        finally:
            with self._lock:
                self._ways.remove(way)

    def sleep(self, seconds: float) -> None:
        """Waits so long. Raises Interrupted where it is stopped."""
        if self._event.wait(seconds):
            raise Interrupted(_GOES_ON)
