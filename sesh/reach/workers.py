"""Work in threads, taken by one that polls a descriptor: questions to several hosts at once, links that are held."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from sesh.errors import InternalError, Interrupted, LocalFault, SeshError
from sesh.stop import Stop

Key = TypeVar("Key")
Item = TypeVar("Item")

_MOST_UNREAD = 1000
"""Items that are not taken yet; who has more waits until some are."""
_LEAVING = 3.0
"""Seconds at most for threads to end what they have begun, once they were stopped."""
_COUNTS_FOR = 0.3
"""Seconds for which a turn counts: who takes longer waits for a host, and costs nothing meanwhile."""


class Turns:
    """Turns of threads that do the same, a few at a time. One that has not ended soon counts no more.

    So five hosts that hang hold up those that answer by less than 0.2 s. Each thread has one turn at a time, for the
    length of a `with` block.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._began: dict[int, float] = {}
        """By thread: when its turn began (monotonic), while that counts."""
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            while len(self._began) >= self._most:
                thread, began = next(iter(self._began.items()))  # the oldest
                left = began + _COUNTS_FOR - time.monotonic()
                if left <= 0:
                    del self._began[thread]
                else:
                    self._changed.wait(left)
            self._began[threading.get_ident()] = time.monotonic()

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._began.pop(threading.get_ident(), None)
            self._changed.notify()


class Workers(Generic[Key, Item]):
    """Threads that carry out work, each known by a key, and yield items. A context manager, whose exit ends them.

    Wait for `inbound` to be readable, then call `take`. All but `put` is for one thread alone.
    """

    def __init__(self) -> None:
        self._stops: dict[Key, Stop] = {}
        self._arrived: list[tuple[Key, list[Item | SeshError], bool]] = []
        """What has come, by key, and whether that is all."""
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self.inbound, self._outbound = os.pipe()
        for descriptor in (self.inbound, self._outbound):
            os.set_blocking(descriptor, False)

    def __enter__(self) -> Workers[Key, Item]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all work. What pays no heed to its Stop goes on, and nobody hears of it.

        Who closes may be a process that ends: a thread that just starts an ssh, or ends one, would leave it behind.
        """
        for key in self.running:
            self.end(key)
        until = time.monotonic() + _LEAVING
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self._changed:
            os.close(self.inbound)
            os.close(self._outbound)

    @property
    def running(self) -> set[Key]:
        """The keys of work whose end has not been taken."""
        return set(self._stops)

    def begin(self, key: Key, work: Callable[[Stop], Iterator[Item]]) -> None:
        """Begins work under a key that has none."""
        self._stops[key] = stop = Stop()
        try:
            thread = threading.Thread(target=self._run, args=(key, stop, work), daemon=True)
            thread.start()
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        except RuntimeError:
            self._finish(key, stop, OSError("this machine has no room for another thread"))

    def end(self, key: Key) -> None:
        """Ends work; what it has yielded and is not taken is dropped."""
        self._stops.pop(key).stop()
        with self._changed:
            self._arrived = [row for row in self._arrived if row[0] != key]
            self._changed.notify_all()

    def put(self, key: Key, stop: Stop, item: Item) -> None:
        """Adds an item once there is room, from the thread whose Stop that is. Raises Interrupted if it was ended."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._arrived) < _MOST_UNREAD or stop.stopped)
            if stop.stopped:
                raise Interrupted("nobody waits for it any more")
            self._add(key, [item])

    def take(self) -> list[tuple[Key, Item | SeshError]]:
        """The items that have come since the last time, with their keys; an error ends the work under its key."""
        with self._changed:
            try:
                os.read(self.inbound, 1 << 12)
            except BlockingIOError:
                pass
            arrived, self._arrived = self._arrived, []
            self._changed.notify_all()
        for key, _, ended in arrived:
            if ended:
                del self._stops[key]
        return [(key, item) for key, items, _ in arrived for item in items]

    def _run(self, key: Key, stop: Stop, work: Callable[[Stop], Iterator[Item]]) -> None:
        try:
            for item in work(stop):
                self.put(key, stop, item)
        except Exception as error:
            self._finish(key, stop, error)
        else:
            self._finish(key, stop, None)

    def _finish(self, key: Key, stop: Stop, error: Exception | None) -> None:
        with self._changed:
            if not stop.stopped:
                self._add(key, [] if error is None else [_own(error)], ended=True)

    def _add(self, key: Key, items: list[Item | SeshError], *, ended: bool = False) -> None:
        self._arrived.append((key, items, ended))
        try:
            os.write(self._outbound, b".")
        except BlockingIOError:
            return  # it is full, and so readable


def _own(error: Exception) -> SeshError:
    """An error as one of sesh's own; all else goes on in spite of a fault of ours."""
    if isinstance(error, SeshError):
        return error
    if isinstance(error, OSError):
        fault = LocalFault(f"cannot ask: {error.strerror or error}")
        fault.reason = error.strerror or str(error)
        return fault
    return InternalError(f"internal error, {type(error).__name__}: {error}")
