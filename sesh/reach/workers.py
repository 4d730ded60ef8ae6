"""Work in threads whose items one thread takes: questions to several hosts at once, the links of a list.

They are daemon threads: at exit the interpreter joins those of a ThreadPoolExecutor, and a list that is left would wait
for a host that hangs.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Queue
from typing import Any, Generic, TypeVar

from sesh.errors import InternalError, LocalFault, SeshError
from sesh.stop import Stop

Key = TypeVar("Key")
Item = TypeVar("Item")

_MOST_UNREAD = 1000
"""Items that wait to be taken; a thread that has another one waits too."""
_LEAVING = 3.0
"""Seconds for stopped threads to end, each with the ssh that it has started."""
_ENDED = object()
"""The last item of work that ended without an error."""


class Workers(Generic[Key, Item]):
    """Threads that carry out work, each known by a key, and yield items. A context manager, whose exit ends them.

    Wait for `inbound` to be readable, then call `take`. All but `put` is for one thread alone.
    """

    def __init__(self) -> None:
        self._stops: dict[Key, Stop] = {}
        self._queue: Queue[tuple[Key, Stop, Any]] = Queue(_MOST_UNREAD)
        self._threads: list[threading.Thread] = []
        self._waking = threading.Lock()
        self.inbound, self._outbound = os.pipe()
        for descriptor in (self.inbound, self._outbound):
            os.set_blocking(descriptor, False)

    def __enter__(self) -> Workers[Key, Item]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all work. A thread that ignores its Stop goes on, and its items are dropped."""
        for key in self.running:
            self.end(key)
        while not self._queue.empty():  # a thread may wait for room
            self._queue.get()
        until = time.monotonic() + _LEAVING
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self._waking:
            os.close(self.inbound)
            os.close(self._outbound)
            self._outbound = -1

    @property
    def running(self) -> set[Key]:
        """The keys of work that goes on, or whose end was not taken."""
        return set(self._stops)

    def begin(self, key: Key, work: Callable[[Stop], Iterator[Item]]) -> None:
        """Begin work under a key that has none."""
        self._stops[key] = stop = Stop()
        thread = threading.Thread(target=self._run, args=(key, stop, work), daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._put(key, stop, LocalFault("this machine has no room for another thread"))
            return
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]

    def end(self, key: Key) -> None:
        """End work; its items that were not taken are dropped."""
        self._stops.pop(key).stop()

    def put(self, key: Key, stop: Stop, item: Item) -> None:
        """Add an item once there is room, from the thread that has this Stop. Raises Interrupted if it was ended."""
        stop.check()
        self._put(key, stop, item)

    def take(self) -> list[tuple[Key, Item | SeshError]]:
        """Return the items since the last call, with their keys; an error ends the work under its key."""
        with suppress(BlockingIOError):
            os.read(self.inbound, 1 << 12)
        taken: list[tuple[Key, Item | SeshError]] = []
        for _ in range(self._queue.qsize()):
            key, stop, item = self._queue.get()
            if self._stops.get(key) is not stop:
                continue  # it was ended
            if item is _ENDED or isinstance(item, SeshError):
                del self._stops[key]
            if item is not _ENDED:
                taken.append((key, item))
        return taken

    def _run(self, key: Key, stop: Stop, work: Callable[[Stop], Iterator[Item]]) -> None:
        last: object = _ENDED
        try:
            for item in work(stop):
                self.put(key, stop, item)
        except SeshError as error:
            last = error
        except OSError as error:
            last = LocalFault(f"cannot ask: {error.strerror or error}")
        except Exception as error:  # a fault of ours ends no other work
            last = InternalError(f"internal error, {type(error).__name__}: {error}")
        if not stop.stopped:
            self._put(key, stop, last)

    def _put(self, key: Key, stop: Stop, item: object) -> None:
        self._queue.put((key, stop, item))
        with self._waking, suppress(BlockingIOError):  # a full pipe is readable
            if self._outbound >= 0:
                os.write(self._outbound, b".")
