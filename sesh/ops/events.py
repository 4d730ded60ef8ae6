"""Events as they happen: of one session until it ends, of all sessions of a machine; and the log of remotes."""

from __future__ import annotations

import os
import select
import time

from sesh import moments, paths, platform, protocol, wire
from sesh.errors import Ended, SeshError, Unreachable
from sesh.reach import calls, find
from sesh.reach.op import op
from sesh.reach.stream import DaemonDied
from sesh.store import records, results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sesh.reach.caller import Caller
    from sesh.reach.stream import Stream
    from sesh.reach.target import Target
    from sesh.schema import Event, RemoteLog

_SCAN_INTERVAL = 1.0
"""Seconds between two looks for new sessions, where the kernel does not report them."""
_EVENTS = 1
"""The number of the request."""


# -- one session


def follow(stream: Stream, since: int | None = None) -> Iterator[Event]:
    """The events of a session until it ends, over as many connections as it takes.

    `since`: the events after that number come first; None for only what happens from now on. Raises DaemonDied.
    """

    def ask() -> None:
        nonlocal since
        began = stream.greet(_request(since)).get("events")
        since = since if since is not None or not isinstance(began, int) else began

    try:
        for event in _items(stream, ask):
            since = event.get("seq", since)
            yield event
    except Ended as ended:
        yield from _last(stream.name, ended, since)


def _request(since: int | None) -> bytes:
    return wire.asking("events", _EVENTS, since=since)


def _items(stream: Stream, ask: Callable[[], object]) -> Iterator[Event]:
    """What comes until the other side says that no more does. Raises what it says."""
    for kind, _, payload in stream.frames(ask):
        if kind == protocol.DATA:
            event: Event = stream.connection.message(kind, payload)
            yield event
        elif kind == protocol.RESPONSE:
            wire.checked(stream.connection.message(kind, payload))
            return


def _last(name: str, ended: Ended, since: int | None) -> Iterator[Event]:
    """What is known of the events of a session that ended while the link was down: how many, and the last one."""
    result = ended.result
    last, moment = result.get("events"), result.get("ended")
    if not isinstance(last, int) or not isinstance(moment, (int, float)):
        return
    stamp = moments.exact_stamp(moment)
    missed = last - 1 - since if since is not None else 0
    if missed > 0:
        yield {"seq": last - 1, "ts": stamp, "event": "missed", "session": name, "count": missed}
    yield {
        "seq": last,
        "ts": stamp,
        "event": "exited",
        "session": name,
        "exit_code": result.get("exit_code"),
        "signal": result.get("signal"),
        "reason": result.get("reason"),
    }


# -- all sessions


@op("follow.all_events")
def all_events(caller: Caller, since: dict[str, int] | None = None, begun: str = "") -> Iterator[Event]:
    """The events of all sessions of this machine, those that begin meanwhile included, without end.

    The first item is the moment from which they count (`begun`). In between come items with a `note` alone: a line that
    says that a daemon died. Events have the session's `id`. After a lost link they go on: `since` has the number of the
    last event by the session's id, and `begun` is what the first item was.
    """
    paths.ready_directory()
    following = _Following(platform.watch_directory(paths.directory()), caller.audience)
    known: set[str] = set()
    again = since is not None
    yield {"begun": begun or moments.exact_stamp(time.time())}
    while True:
        there = {name for name in paths.names() if os.path.exists(paths.socket_path(name))}
        for name in sorted(there - known):
            try:
                yield from following.add(name, since, begun)
            except SeshError:
                there.discard(name)  # it has ended already, or is another user's
        if again:
            yield from _ended_meanwhile(following, since or {})
        known, since, again = there, {}, False
        while not following.due:
            yield from following.turn()
        following.due = False


def _ended_meanwhile(following: _Following, since: dict[str, int]) -> Iterator[Event]:
    """Notes of the sessions that were followed and have ended since."""
    for session_id in since:
        if not following.has(session_id) and (result := results.by_id(session_id)) is not None:
            yield {"note": f"{result.get('name')} has ended meanwhile: {result.get('exit_code')}"}


class _Following:
    """The sessions that are followed, a connection each. `due`: whether there may be new ones.

    `watch`: the descriptor that becomes readable when there may be; negative where the kernel has none. `audience`: see
    `Caller`.
    """

    def __init__(self, watch: int, audience: int) -> None:
        self.due = False
        self._watch, self._audience = watch, audience
        self._connections: dict[int, wire.Connection] = {}
        self._ids: dict[int, str] = {}
        self._begun = ""
        self._poll = select.poll()
        if watch >= 0:
            self._poll.register(watch, select.POLLIN)
        if audience >= 0:
            self._poll.register(audience, 0)

    def has(self, session_id: str) -> bool:
        """Whether a session is followed."""
        return session_id in self._ids.values()

    def add(self, name: str, since: dict[str, int] | None, begun: str) -> Iterator[Event]:
        """Follows a session; one that is followed already, under its old name, is not followed twice.

        `since`: the last numbers by id; one that is not in it is followed from its first event after `begun` on. None:
        from now on.
        """
        number = None if since is None else since.get(str((records.readable(name) or {}).get("id")), 0)
        connection = wire.connect(name, timeout=1.0)
        try:
            connection.send(wire.greeting("request") + _request(number))
            find.welcomed(connection, name)
        except SeshError:
            connection.close()
            raise
        session_id = str(connection.welcome.get("id"))
        if self.has(session_id):
            connection.close()
            return
        self._begun = begun
        self._connections[connection.inbound] = connection
        self._ids[connection.inbound] = session_id
        self._poll.register(connection.inbound, select.POLLIN)
        yield from self._events(connection, connection.leftovers())

    def turn(self) -> Iterator[Event]:
        """Waits for something to come, and yields the events of it."""
        ready = [descriptor for descriptor, _ in self._poll.poll(None if self._watch >= 0 else _SCAN_INTERVAL * 1000)]
        wire.heard_out(ready, self._audience)
        self.due = self._watch < 0
        for descriptor in ready:
            if descriptor == self._watch:
                os.read(descriptor, 1 << 16)
                self.due = True
                continue
            connection = self._connections[descriptor]
            try:
                connection.read()
            except Unreachable:
                self._drop(descriptor)
                yield {"note": f"the daemon of {connection.welcome.get('name')} died"}
                continue
            yield from self._events(connection, connection.leftovers())

    def _events(self, connection: wire.Connection, frames: list[tuple[int, bytes]]) -> Iterator[Event]:
        for kind, payload in frames:
            if kind == protocol.DATA:
                event: Event = connection.message(kind, payload)
                if str(event.get("ts")) > self._begun:
                    event["id"] = connection.welcome["id"]
                    yield event
            elif kind == protocol.RESPONSE:
                self._drop(connection.inbound)
                wire.checked(connection.message(kind, payload))
                return

    def _drop(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        self._connections.pop(descriptor).close()
        del self._ids[descriptor]


def follow_all(target: Target) -> Iterator[Event]:
    """The events of all sessions of a machine, and notes, as from `all_events`. Over a lost link they go on."""
    from sesh.reach.host_target import HostTarget

    if not isinstance(target, HostTarget):
        for item in all_events(target.caller):
            if "begun" not in item:
                item.pop("id", None)
                yield item
        return
    since: dict[str, int] = {}
    begun = ""

    def ask() -> None:
        words = {"since": since, "begun": begun} if begun else {}
        stream.connection.send(calls.frames(all_events.wire_name, words, asks=False, answers=[]))

    with target.open_events() as stream:
        stream.audience = target.caller.audience
        try:
            for item in _items(stream, ask):
                if "begun" in item:
                    begun = item["begun"]
                    continue
                _note(since, item.pop("id", None), item)
                yield item
        except DaemonDied:
            raise Unreachable(f"sesh on @{target.host} ended, and with it the events") from None


def _note(since: dict[str, int], session_id: str | None, event: Event) -> None:
    """Notes an event as the last one of its session; the last of all ends that."""
    if session_id is None:
        return
    if event.get("event") == "exited":
        since.pop(session_id, None)
    elif event.get("seq") is not None:
        since[session_id] = event["seq"]


# -- the log of what happened with remotes


@op("follow.log")
def log(_caller: Caller, name: str | None = None) -> RemoteLog:
    """The `events` that this machine's log holds, those of session `name` if one is given; the `path` of the log."""
    from sesh.remote import eventlog

    return {"path": eventlog.path(), "events": eventlog.read(name)}
