"""Stopping calls from another thread: those of the API that wait, attempts at a link. Ctrl-C is `reach.cancelling`."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from sesh import errors
from sesh.errors import SeshError

Way = Callable[[], object]

_GOES_ON = "stopped waiting; the session goes on"


class Stop:
    """A stop for a call that may wait for long: `stop()` in another thread ends the waiting.

    A command in a live shell, and a job, get what Ctrl-C would send them, and the call returns when they end. Any other
    waiting ends at once, with Interrupted. One Stop may be given to several calls; once stopped it stays so.
    """

    def __init__(self) -> None:
        self.stopped = False
        """True if `stop` was called."""
        self._lock, self._asleep = Lock(), Lock()
        self._asleep.acquire()
        self._ways: list[Way] = []

    def stop(self) -> None:
        """Ends the calls that it was given to, each by its `way`."""
        with self._lock:
            if not self.stopped:
                self.stopped = True
                self._asleep.release()
            for way in self._ways:
                try:
                    way()
                except SeshError:
                    continue  # the other side of the call cannot be reached, and the call itself neither

    def calling(self, way: Way) -> _Block:
        """Has `stop` call `way` within a block. Raises Interrupted if that cut the block off, or came before."""
        return _Block(self, way)

    def add(self, way: Way) -> None:
        """Has `stop` call `way`. Raises Interrupted if it was stopped before."""
        with self._lock:
            self.check()
            self._ways.append(way)

    def remove(self, way: Way) -> None:
        """Has `stop` no longer call `way`."""
        with self._lock:
            self._ways.remove(way)

    def check(self) -> None:
        """Raises Interrupted if it was stopped already."""
        if self.stopped:
            raise errors.Interrupted("stopped before it began")

    def sleep(self, seconds: float) -> None:
        """Waits so long. Raises Interrupted if it is stopped."""
        if self._asleep.acquire(timeout=seconds):
            self._asleep.release()  # others may wait too
            raise errors.Interrupted(_GOES_ON)


class _Block:
    __slots__ = ("_stop", "_way")

    def __init__(self, stop: Stop, way: Way) -> None:
        self._stop, self._way = stop, way

    def __enter__(self) -> None:
        self._stop.add(self._way)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._stop.remove(self._way)
        if self._stop.stopped and isinstance(error, errors.Unreachable):
            raise errors.Interrupted(_GOES_ON) from None
