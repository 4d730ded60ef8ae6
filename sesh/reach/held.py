"""Subscribe to what a host yields without end, over as many links as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
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
from sesh.reach.link_stream import LinkStream
from sesh.reach.op import Op
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Link
from sesh.stop import Stop

Item = TypeVar("Item")

_OPEN_TIMEOUT = 20.0
"""Seconds for the first link of a list."""
_LIST_PATIENCE = 1.5
"""Seconds, beside 1.5 round trips, for the answer to a PING, after which the rows of a list are shown as old."""


def items(
    target: HostTarget,
    op: Op[..., Iterator[Item]],
    words: Callable[[Link], Mapping[str, object]],
    stop: Stop | None = None,
    *,
    changed: Callable[[Health], object] | None = None,
) -> Iterator[Item]:
    """Yield the items of an op that a host yields without end.

    `words`: returns the op's arguments, for each link. `stop`: ends it from another thread, by Interrupted. `changed`:
    called for a list when the link is doubted or lost, and once it or another one answers. The host of a list is not
    recorded as used, nor are its links logged. Raises Unreachable if no link can be opened at first, LoginRefused if
    one cannot come back without a person, the op's errors.
    """
    stop, lists = stop or Stop(), changed is not None

    def way(destination: Destination, attempt: Attempt) -> Link:
        with stop.calling(attempt.stop.stop):  # this process may end before the thread that waits for the attempt
            return links.beside(destination, attempt)

    def reopening(stream: LinkStream) -> Reopen:
        patience = _LIST_PATIENCE if lists else None
        return links.reopening(target.destination, way, stream.ping, patience=patience)

    def ask() -> None:
        stream.connection.send(calls.frames(op.wire_name, words(stream.connection)))

    stop.check()
    deadline = time.monotonic() + _OPEN_TIMEOUT if lists else None
    caller = target.caller
    link = links.opened(caller, target.destination, offer=target.offer, deadline=deadline, passing=lists, stop=stop)
    stream = LinkStream(link, "", reopening, note=caller.note, sleep=stop.sleep, changed=changed)
    stream.audience = caller.audience
    with stream, stop.calling(stream.cut):
        try:
            for kind, _, payload in stream.frames(ask):
                if kind != DATA:
                    wire.checked(stream.connection.message(kind, payload))
                    return
                check = Check(far=True)
                item: Item = calls.checked(op, payload, check)
                calls.note_left_out(caller, check, target.host)
                if item or not check.left_out:  # an item of which nothing is left is not the empty one that ends a list
                    yield item
        except DaemonDied:
            raise Unreachable(f"sesh on @{target.host} ended, and with it what it had to say") from None
