"""A link that is held: the items of an op that a host yields without end.

It comes back with back-off if it is lost. No more than a few are opened at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeVar

from sesh import shapes, wire
from sesh.errors import DaemonDied, Late, TimedOut, Unreachable
from sesh.protocol import DATA
from sesh.reach import calls, links
from sesh.reach.host_target import HostTarget
from sesh.reach.op import Op
from sesh.reach.stream import Stream
from sesh.reach.workers import Turns
from sesh.recovery.attempts import Attempt
from sesh.recovery.monitor import Monitor
from sesh.remote import eventlog
from sesh.remote.ssh import master
from sesh.remote.ssh.link import Link
from sesh.stop import Stop

Item = TypeVar("Item")

_opening = Turns(8)
"""Links of this kind that are opened at once: a hundred hosts are no hundred logins in one breath."""
_ATTEMPT = 20.0
"""Seconds for one attempt to come back, and for the first if nobody has named the host."""


def items(
    target: HostTarget,
    op: Op[..., Iterator[Item]],
    words: Callable[[Link], Mapping[str, object]],
    stop: Stop | None = None,
    *,
    lost: Callable[[], None] | None = None,
    doubted: Callable[[bool], object] | None = None,
    passing: bool = False,
) -> Iterator[Item]:
    """The items of an op that a host yields, without end, over as many links as it takes.

    `words`: the op's arguments, asked for with each link. `stop`: ends it from another thread, by Interrupted. `lost`
    is called when a link is lost, `doubted` as `Stream` has it. `passing`: nobody has named the host, so it is not
    recorded as used, nor the links logged, and an ssh connection that others share is not given up before it is silent.
    Raises Unreachable if no link can be opened at first, LoginRefused if one cannot come back without a person, the
    op's errors.
    """
    host, stop = str(target.host), stop or Stop()
    asked: Mapping[str, object] = {}

    def ask() -> None:
        nonlocal asked
        assert isinstance(stream.connection, Link)  # noqa: S101 (which `target` and `_another` give)
        asked = words(stream.connection)
        stream.connection.send(calls.frames(op.wire_name, asked, asks=False, answers=[]))

    with _opening:
        stop.check()
        link = target.open(time.monotonic() + _ATTEMPT if passing else None, passing=passing, stop=stop)
    again = partial(_another, target, stop, lost, passing)
    with Stream(link, "", host=host, again=again, sleep=stop.sleep, logged=not passing) as stream:
        stream.audience, stream.link_state.at_once = target.caller.audience, 1
        stream.doubted, stream.link_state.watched = doubted, doubted is not None
        stop.add(stream.cut)
        try:
            for kind, _, payload in stream.frames(ask):
                if kind != DATA:
                    wire.checked(stream.connection.message(kind, payload))
                    return
                check = shapes.Check(far=True)
                item: Item = calls.checked(op, payload, check)
                if check.left_out:
                    target.caller.note(calls.left_out(check, host))
                if item or not check.left_out:  # else nothing of it is left, which is not what the host has said
                    yield item
        except DaemonDied:
            raise Unreachable(f"sesh on @{host} ended, and with it what it had to say") from None
        finally:
            stop.remove(stream.cut)


def _another(target: HostTarget, stop: Stop, lost: Callable[[], None] | None, passing: bool, stream: Stream) -> Link:
    """The next link, in the place of one that is lost. Raises as `Monitor.wait`, Interrupted."""
    caller, destination, host = target.caller, target.destination, str(target.host)
    assert isinstance(stream.connection, Link)  # noqa: S101 (see `items`)
    drops = not passing or stream.connection.silent  # else others use that connection, and it may be sound
    lost_at = time.monotonic()
    if not passing:
        eventlog.log("disconnect", host=host, session=None, reason="lost")
    if lost is not None:
        lost()
    caller.tell_link(f"lost the link to @{host}; reconnecting")

    def attempt(ending: Attempt) -> Link:
        nonlocal drops
        dropping, drops = drops, not passing
        with _opening:
            stop.check()
            until, stood = time.monotonic() + _ATTEMPT, master.identity(destination)
            try:
                with stop.calling(ending.stop):  # at once, as this process may end before the thread that waits
                    return links.reopened(destination, until, passing=passing, drops=dropping, stop=ending)
            except (Late, TimedOut):
                drops = drops or master.identity(destination) != stood  # the host may only be slow to start its sesh
                raise

    link = Monitor(stream.link_state, attempt).wait(host, stream.sleep, None)
    assert isinstance(link, Link)  # noqa: S101 (see `attempt`)
    if not passing:
        eventlog.log("reconnect", host=host, session=None, gap=round(time.monotonic() - lost_at, 3))
    caller.tell_link(f"reconnected to @{host}")
    return link
