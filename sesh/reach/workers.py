"""Work in threads whose items one thread takes: questions to several hosts at once, links that are held.

Its threads are daemons, not those of a ThreadPoolExecutor, which the interpreter joins when it exits: a list that is
left would wait for a host or a daemon that is stuck.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import Generic, TypeVar

from sesh.errors import InternalError, Interrupted, LocalFault, SeshError
from sesh.stop import Stop

Key = TypeVar("Key")
Item = TypeVar("Item")

_MOST_UNREAD = 1000
"""Items that are not taken yet; a thread that has more waits until some are."""
_LEAVING = 3.0
"""Seconds for threads to end what they have begun, such as an ssh, once they were stopped."""


class Workers(Generic[Key, Item]):
    """Threads that carry out work, each known by a key, and yield items. A context manager, whose exit ends them.

    Wait for `inbound` to be readable, then call `take`. All but `put` is for one thread alone.
    """

    def __init__(self) -> None:
        self._stops: dict[Key, Stop] = {}
        self._come: SimpleQueue[tuple[Key, Stop, list[Item | SeshError], bool]] = SimpleQueue()
        """What has come, by key, and whether that is all."""
        self._room = threading.Semaphore(_MOST_UNREAD)
        self._threads: list[threading.Thread] = []
        self._open = threading.Lock()
        self.inbound, self._outbound = os.pipe()
        for descriptor in (self.inbound, self._outbound):
            os.set_blocking(descriptor, False)

    def __enter__(self) -> Workers[Key, Item]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all work. A thread that pays no heed to its Stop goes on, and nobody hears of it."""
        for key in self.running:
            self.end(key)
        self._room.release(_MOST_UNREAD)  # a thread may wait for room
        until = time.monotonic() + _LEAVING
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self._open:
            os.close(self.inbound)
            os.close(self._outbound)
            self._outbound = -1

    @property
    def running(self) -> set[Key]:
        """The keys of work whose end has not been taken."""
        return set(self._stops)

    def begin(self, key: Key, work: Callable[[Stop], Iterator[Item]]) -> None:
        """Begins work under a key that has none."""
        self._stops[key] = stop = Stop()
        thread = threading.Thread(target=self._run, args=(key, stop, work), daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._put(key, stop, [_own(OSError("this machine has no room for another thread"))], ends=True)
            return
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]

    def end(self, key: Key) -> None:
        """Ends work; items that it has yielded and that are not taken are dropped."""
        self._stops.pop(key).stop()

    def put(self, key: Key, stop: Stop, item: Item) -> None:
        """Adds an item once there is room, from the thread whose Stop that is. Raises Interrupted if it was ended."""
        if stop.stopped:
            raise Interrupted("nobody waits for it any more")
        self._room.acquire()
        self._put(key, stop, [item])

    def take(self) -> list[tuple[Key, Item | SeshError]]:
        """The items that have come since the last time, with their keys; an error ends the work under its key."""
        with suppress(BlockingIOError):
            os.read(self.inbound, 1 << 12)
        taken: list[tuple[Key, Item | SeshError]] = []
        for _ in range(self._come.qsize()):
            key, stop, items, ends = self._come.get()
            if not ends:
                self._room.release()
            if self._stops.get(key) is stop:  # else it was ended
                taken += [(key, item) for item in items]
                if ends:
                    del self._stops[key]
        return taken

    def _run(self, key: Key, stop: Stop, work: Callable[[Stop], Iterator[Item]]) -> None:
        last: list[Item | SeshError] = []
        try:
            for item in work(stop):
                self.put(key, stop, item)
        except Exception as error:
            last = [_own(error)]
        if not stop.stopped:
            self._put(key, stop, last, ends=True)

    def _put(self, key: Key, stop: Stop, items: list[Item | SeshError], *, ends: bool = False) -> None:
        self._come.put((key, stop, items, ends))
        with self._open, suppress(BlockingIOError):  # a full pipe is readable
            if self._outbound >= 0:
                os.write(self._outbound, b".")


def _own(error: Exception) -> SeshError:
    """An error as one of sesh's own; all else goes on in spite of a fault of ours."""
    if isinstance(error, SeshError):
        return error
    if isinstance(error, OSError):
        fault = LocalFault(f"cannot ask: {error.strerror or error}")
        fault.reason = error.strerror or str(error)
        return fault
    return InternalError(f"internal error, {type(error).__name__}: {error}")
