"""Stop waiting calls from another thread; do several things at once, in threads that yield items to one consumer.

`each` makes one call for each key. `Workers` is below it, for those who begin more while others run, or wait for other
descriptors too. For Ctrl-C see `reach.cancelling`.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from math import inf
from queue import Queue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sesh.errors import Interrupted, SeshError, Unreachable
from sesh.system import descriptors

if TYPE_CHECKING:
    from typing_extensions import Self

Key = TypeVar("Key")
Item = TypeVar("Item")

_MAX_UNREAD = 1000  # items in the queue; a worker with one more item blocks
LEAVING = 3.0  # seconds for stopped threads to end, each with its ssh; a slower thread is left running
_ENDED = object()  # the last item of a worker that ended without an error


class Stop:
    """Cancels calls that may wait for long: another thread calls `stop()`.

    A command in a live shell, and a job, are interrupted as by Ctrl-C, and the call returns when they end. Any other
    call raises Interrupted at once. Several calls may share a Stop; it cannot be reset.
    """

    message = "stopped waiting; the session goes on"

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
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


class Workers(Generic[Key, Item]):
    """Worker threads by key, with one queue; the context manager's exit stops them.

    Iterate over `items`; or wait until `inbound` is readable, then call `take`. Only `put` and `wake` may be called
    from other threads. `most`: threads at a time; further keys wait for their turn.

    The threads are daemon threads, not those of a ThreadPoolExecutor, which the interpreter joins at its exit even
    after `shutdown(wait=False, cancel_futures=True)`. Not every wait can be stopped: `ssh -G` may take a minute, and a
    read from a file system in the network any time.
    """

    def __init__(self, most: float = inf) -> None:
        self._most = most
        self._stops: dict[Key, Stop] = {}  # of those that wait for their turn, too
        self._waiting: deque[tuple[Key, Stop, Callable[[Stop], Iterator[Item]]]] = deque()
        self._queue: Queue[tuple[Key, Stop, Any]] = Queue(_MAX_UNREAD)
        self._threads: list[threading.Thread] = []
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        self.inbound = self._reader.fileno()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, within: float = LEAVING) -> None:
        """Stop all workers; wait so many seconds for their threads."""
        self._waiting.clear()
        for key in self.running:
            self.end(key)
        self.take()  # a worker may be blocked on a full queue
        until = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._reader.close()
        self._writer.close()

    @property
    def running(self) -> set[Key]:
        """The keys of workers that run or wait for their turn, or whose end was not taken yet."""
        return set(self._stops)

    def begin(self, key: Key, work: Callable[[Stop], Iterator[Item]]) -> None:
        """Start a worker under an unused key, once it is its turn."""
        self._stops[key] = stop = Stop()
        self._waiting.append((key, stop, work))
        self._start_waiting()

    def _start_waiting(self) -> None:
        """Start the workers whose turn it is."""
        while self._waiting and (others := len(self._stops) - len(self._waiting)) < self._most:
            key, stop, work = self._waiting[0]
            thread = threading.Thread(target=self._run, args=(key, stop, work), daemon=True)
            try:
                thread.start()
            except RuntimeError:
                if others:
                    return  # there is room once one of them has ended
                self.put(key, stop, Unreachable("this machine has no room for another thread"))
            else:
                self._threads = [each for each in self._threads if each.is_alive()] + [thread]
            self._waiting.popleft()

    def end(self, key: Key) -> None:
        """Stop a worker, and drop its queued items."""
        self._stops.pop(key).stop()
        if self._waiting:
            self._waiting = deque(waiting for waiting in self._waiting if waiting[0] != key)

    def put(self, key: Key, stop: Stop, item: object) -> None:
        """Queue an item of a worker; block while the queue is full. Raises Interrupted."""
        stop.check()
        self._queue.put((key, stop, item))
        self.wake()

    def wake(self) -> None:
        """Make `inbound` readable; may be called from any thread."""
        with suppress(OSError):  # the buffer is full, which wakes the reader too; or `close` was called
            self._writer.send(b".")

    def take(self) -> list[tuple[Key, Item | SeshError]]:
        """Return the queued items with their keys; an error is a worker's last item."""
        with suppress(BlockingIOError):
            self._reader.recv(1 << 12)
        taken: list[tuple[Key, Item | SeshError]] = []
        for _ in range(self._queue.qsize()):
            key, stop, item = self._queue.get()
            if self._stops.get(key) is not stop:
                continue  # it was stopped
            if item is _ENDED or isinstance(item, SeshError):
                del self._stops[key]
            if item is not _ENDED:
                taken.append((key, item))
        self._start_waiting()
        return taken

    def items(self, deadline: float | None = None, stop: Stop | None = None) -> Iterator[tuple[Key, Item | SeshError]]:
        """Yield items with their keys as they come, until all workers have ended, or the deadline (monotonic).

        `stop`: of the caller, raises Interrupted here.
        """
        with stop.calling(self.wake) if stop is not None else nullcontext():
            while self._stops and descriptors.polled([(self.inbound, select.POLLIN)], deadline):
                if stop is not None:
                    stop.check()
                yield from self.take()

    def _run(self, key: Key, stop: Stop, work: Callable[[Stop], Iterator[Item]]) -> None:
        last: object = _ENDED
        try:
            for item in work(stop):
                self.put(key, stop, item)
        except SeshError as error:
            last = error
        except OSError as error:
            reason = error.strerror or str(error)
            last = Unreachable(f"cannot ask: {reason}", reason=f"{reason} here")
        except Exception as error:  # a bug must not end the other workers
            last = SeshError(f"internal error, {type(error).__name__}: {error}")
        with suppress(Interrupted):
            self.put(key, stop, last)


def each(
    calls: Mapping[Key, Callable[[Stop], Item]],
    *,
    most: float = inf,
    stop: Stop | None = None,
    deadline: float | None = None,
) -> Generator[tuple[Key, Item | SeshError], None, None]:
    """Make each call in a thread; yield the keys with their results or errors as these come.

    `most`: calls at a time. `stop`: stops all calls, and raises Interrupted here. `deadline` (monotonic): for all
    together; calls without a result by then are stopped, and are not yielded.
    """

    def one(call: Callable[[Stop], Item]) -> Callable[[Stop], Iterator[Item]]:
        def work(own: Stop) -> Iterator[Item]:
            yield call(own)

        return work

    with Workers[Key, Item](most) as workers:
        for key, call in calls.items():
            workers.begin(key, one(call))
        yield from workers.items(deadline, stop)
