"""Links that are held: the items of an op that yields without end, from one host (`items`), from several (`Held`).

Each host has one link, which comes back with back-off if it is lost. No more than a few are opened at once.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Generic, TypeVar

from sesh import shapes, wire
from sesh.errors import InternalError, Interrupted, SeshError, Unreachable
from sesh.lean import deque
from sesh.protocol import DATA
from sesh.reach import calls, links, op_shapes
from sesh.reach.stream import DaemonDied, Stream
from sesh.remote import eventlog
from sesh.remote.ssh.link import Link
from sesh.stop import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sesh.reach.host_target import HostTarget
    from sesh.reach.op import Op

Item = TypeVar("Item")

_opening = threading.BoundedSemaphore(8)
"""Links of this kind that are opened at once: a hundred hosts are no hundred logins in one breath."""
_ATTEMPT = 20.0
"""Seconds for one attempt to come back."""
_MOST_UNREAD = 1000
"""Items of all hosts that are not taken yet; those who follow wait until some are."""


def items(
    target: HostTarget,
    op: Op[..., Iterator[Item]],
    words: Callable[[Link], Mapping[str, object]],
    stop: Stop | None = None,
    *,
    lost: Callable[[], None] | None = None,
    passing: bool = False,
) -> Iterator[Item]:
    """The items of an op that a host yields, without end, over as many links as it takes.

    `words`: the op's arguments, asked for with each link. `stop`: ends it from another thread, by Interrupted. `lost`
    is called when a link is lost. `passing`: the host is not recorded as used, nor the links logged. Raises Unreachable
    if none can be opened at first, LoginRefused if one cannot come back without a person, the op's errors.
    """
    caller, destination, host = target.caller, target.destination, str(target.host)
    asked: Mapping[str, object] = {}

    def again(stream: Stream) -> Link:
        lost_at = time.monotonic()
        if not passing:
            eventlog.log("disconnect", host=host, session=None, reason="lost")
        if lost is not None:
            lost()
        caller.note(f"lost the link to @{host}; reconnecting")
        link = stream.backoff.retry(attempt, host, sleep=stream.sleep)
        if not passing:
            eventlog.log("reconnect", host=host, session=None, gap=round(time.monotonic() - lost_at, 3))
        caller.note(f"reconnected to @{host}")
        calls.check_version(link)
        return link

    def attempt() -> Link:
        with _opening:
            return links.reopened(caller, destination, time.monotonic() + _ATTEMPT, passing=passing)

    def ask() -> None:
        nonlocal asked
        assert isinstance(stream.connection, Link)  # noqa: S101 (which `target` and `again` give)
        asked = words(stream.connection)
        stream.connection.send(calls.frames(op.wire_name, asked, asks=False, answers=[]))

    with _opening:
        link = target.open(passing=passing)
    calls.check_version(link)
    sleep = stop.sleep if stop is not None else time.sleep
    with Stream(link, "", host=host, again=again, sleep=sleep, logged=not passing) as stream:
        stream.audience = caller.audience
        if stop is not None:
            stop.add(stream.cut)
        try:
            for kind, _, payload in stream.frames(ask):
                if kind != DATA:
                    wire.checked(stream.connection.message(kind, payload))
                    return
                check = shapes.Check(far=True)
                item: Item = op_shapes.checked(op.wire_name, asked, payload, check)
                if check.left_out:
                    caller.note(op_shapes.left_out(check, host))
                yield item
        except DaemonDied:
            raise Unreachable(f"sesh on @{host} ended, and with it what it had to say") from None
        finally:
            if stop is not None:
                stop.remove(stream.cut)


class Held(Generic[Item]):
    """What several hosts have to say, each followed in a thread of its own. A context manager, whose exit ends them.

    `follow`: yields the items of a host, until the Stop ends it, as `items` does. Wait for `inbound` to be readable,
    then call `take`.
    """

    def __init__(self, follow: Callable[[str, Stop], Iterator[Item]]) -> None:
        self._follow = follow
        self._stops: dict[str, Stop] = {}
        self._arrived: deque[tuple[str, Item | SeshError]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.inbound, self._outbound = os.pipe()
        for descriptor in (self.inbound, self._outbound):
            os.set_blocking(descriptor, False)

    def __enter__(self) -> Held[Item]:
        return self

    def __exit__(self, *_: object) -> None:
        for host in list(self._stops):
            self.end(host)
        with self._changed:
            self._closed = True
            os.close(self.inbound)
            os.close(self._outbound)

    def __contains__(self, host: str) -> bool:
        return host in self._stops

    def hosts(self) -> set[str]:
        """The hosts that are followed."""
        return set(self._stops)

    def begin(self, host: str) -> None:
        """Follows a host that is not followed yet."""
        self._stops[host] = stop = Stop()
        threading.Thread(target=self._run, args=(host, stop), daemon=True).start()

    def end(self, host: str) -> None:
        """Follows a host no longer; what it has said and is not taken is dropped."""
        stop = self._stops.pop(host)
        stop.stop()
        with self._changed:
            self._arrived = deque(row for row in self._arrived if row[0] != host)
            self._changed.notify_all()

    def put(self, host: str, item: Item | SeshError) -> None:
        """Adds an item, from the thread that follows a host."""
        self._put(host, self._stops.get(host), item)

    def take(self) -> list[tuple[str, Item | SeshError]]:
        """What has come since the last time, with its host; its error if it is followed no longer."""
        with self._changed:
            try:
                os.read(self.inbound, 1 << 12)
            except BlockingIOError:
                pass
            arrived, self._arrived = list(self._arrived), deque()
            self._changed.notify_all()
        for host, item in arrived:
            if isinstance(item, SeshError):
                self._stops.pop(host, None)
        return arrived

    def _run(self, host: str, stop: Stop) -> None:
        ended: SeshError
        try:
            for item in self._follow(host, stop):
                self._put(host, stop, item)
            ended = Unreachable(f"@{host} has no more to say")
        except Interrupted:
            return
        except SeshError as error:
            ended = error
        except OSError as error:
            ended = Unreachable(f"cannot ask {host}: {error.strerror}")
        except Exception as error:  # a fault of our own: the other hosts are followed all the same
            ended = InternalError(f"internal error, {type(error).__name__}: {error}")
        if not stop.stopped:
            try:
                self._put(host, stop, ended)
            except Interrupted:
                return

    def _put(self, host: str, stop: Stop | None, item: Item | SeshError) -> None:
        """Adds an item once there is room for it. Raises Interrupted if the host is followed no longer."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._arrived) < _MOST_UNREAD or stop is None or stop.stopped)
            if self._closed or stop is None or stop.stopped:
                raise Interrupted(f"@{host} is followed no longer")
            self._arrived.append((host, item))
            try:
                os.write(self._outbound, b".")
            except BlockingIOError:
                return  # it is full, and so readable
