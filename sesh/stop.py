"""Stop waiting calls from another thread; for Ctrl-C see `reach.cancelling`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock

from sesh.errors import Interrupted, SeshError, Unreachable


class Stop:
    """Cancels calls that may wait for long: another thread calls `stop()`.

    A command in a live shell, and a job, are interrupted as by Ctrl-C, and the call returns when they end. Any other
    call raises Interrupted at once. Several calls may share a Stop; it cannot be reset.
    """

    message = "stopped waiting; the session goes on"

    def __init__(self) -> None:
        self._event = Event()
        self._lock = Lock()
        self._callbacks: list[Callable[[], object]] = []

    @property
    def stopped(self) -> bool:
        """True if `stop` was called."""
        return self._event.is_set()

    def stop(self) -> None:
        """Cancel the calls that have this Stop."""
        with self._lock:
            self._event.set()
            for callback in self._callbacks:
                with suppress(SeshError):  # the callback's peer is unreachable, so the call ends anyway
                    callback()

    @contextmanager
    def calling(self, callback: Callable[[], object]) -> Iterator[None]:
        """Let `stop` call `callback` while the block runs. Raises Interrupted if stopped by then."""
        with self._lock:
            self.check()
            self._callbacks.append(callback)
        try:
            yield
        except Unreachable:
            if self.stopped:
                raise Interrupted(self.message) from None
            raise
        finally:
            with self._lock:
                self._callbacks.remove(callback)

    def check(self) -> None:
        """Raise Interrupted if stopped already."""
        if self.stopped:
            raise Interrupted(self.message)

    def sleep(self, seconds: float) -> None:
        """Sleep. Raises Interrupted if stopped meanwhile."""
        if self._event.wait(seconds):
            raise Interrupted(self.message)
