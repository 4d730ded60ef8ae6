"""Subscribes to what a host yields without end, and comes back to it if the link is lost.

No more than a few links are opened at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from sesh import wire
from sesh.check import Check
from sesh.errors import DaemonDied, Unreachable
from sesh.link.health import Health
from sesh.link.race import Attempt
from sesh.link.reopen import Reopen
from sesh.protocol import DATA
from sesh.reach import calls, links
from sesh.reach.host_target import HostTarget
from sesh.reach.op import Op
from sesh.reach.stream import Stream
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Link
from sesh.stop import Stop

Item = TypeVar("Item")

_opening = threading.Semaphore(8)
"""Links of this kind that are opened at once: a hundred hosts are no hundred logins in one breath."""
_COUNTS_FOR = 0.3
"""Seconds to wait for others that open one: hosts that hang hold up the rest no longer."""
_ATTEMPT = 20.0
"""Seconds for the first link of a list."""
_WATCHED_TIME = 1.5
"""Seconds, beside 1.5 round trips, for a PING to be answered: after them the rows of a list are said to be old."""


def items(
    target: HostTarget,
    op: Op[..., Iterator[Item]],
    words: Callable[[Link], Mapping[str, object]],
    stop: Stop | None = None,
    *,
    changed: Callable[[Health], object] | None = None,
) -> Iterator[Item]:
    """The items of an op that a host yields, without end, over as many links as it takes.

    `words`: the op's arguments, asked for with each link. `stop`: ends it from another thread, by Interrupted.
    `changed`: of a list, called when a link is doubted or lost, and once it answers again, or another one does. The
    host of a list is not recorded as used, nor are its links logged. Raises Unreachable if no link can be opened at
    first, LoginRefused if one cannot come back without a person, the op's errors.
    """
    host, stop, lists = str(target.host), stop or Stop(), changed is not None

    def ask() -> None:
        assert isinstance(stream.connection, Link)  # noqa: S101 (which `target` and `beside` give)
        stream.connection.send(calls.frames(op.wire_name, words(stream.connection)))

    with _turn():
        stop.check()
        deadline = time.monotonic() + _ATTEMPT if lists else None
        caller, destination, offer = target.caller, target.destination, target.offer
        link = links.opened(caller, destination, offer=offer, deadline=deadline, passing=lists, stop=stop)
    watches = partial(_reopening, target, stop, _WATCHED_TIME if lists else None)
    with Stream(link, "", host=host, reopening=watches, sleep=stop.sleep, logged=not lists) as stream:
        stream.audience, stream.tell = target.caller.audience, target.caller.note
        stream.changed = changed or stream.changed
        stop.add(stream.cut)
        try:
            for kind, _, payload in stream.frames(ask):
                if kind != DATA:
                    wire.checked(stream.connection.message(kind, payload))
                    return
                check = Check(far=True)
                item: Item = calls.checked(op, payload, check)
                if check.left_out:
                    target.caller.note(calls.left_out(check, host))
                if item or not check.left_out:  # else nothing of it is left, which is not what the host has said
                    yield item
        except DaemonDied:
            raise Unreachable(f"sesh on @{host} ended, and with it what it had to say") from None
        finally:
            stop.remove(stream.cut)


def _reopening(target: HostTarget, stop: Stop, patience: float | None, stream: Stream) -> Reopen:
    """What watches and replaces the link of a stream; no more than a few are opened at once."""

    def way(destination: Destination, attempt: Attempt) -> Link:
        with _turn(), stop.calling(attempt.stop.stop):  # this process may end before the thread that waits
            return links.beside(destination, attempt)

    return links.reopening(target.destination, way, stream.ping, patience=patience)


@contextmanager
def _turn() -> Iterator[None]:
    """A block that a few threads are in at once."""
    counts = _opening.acquire(timeout=_COUNTS_FOR)
    try:
        yield
    finally:
        if counts:
            _opening.release()
