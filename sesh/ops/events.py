"""What happens to sessions, as events: to one until it ends, or to all of a machine; and the log of remotes."""

from __future__ import annotations

import os
import select
import time

from sesh import paths, platform, protocol, wire
from sesh.errors import Ended, Lost, Refused, SeshError, Unreachable, rebuild
from sesh.ops import calls, find
from sesh.ops.caller import op

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sesh.ops.caller import Caller
    from sesh.ops.route import Route
    from sesh.ops.target import Target
    from sesh.remote.ssh.link import Link

    Event = dict[str, Any]

_SCAN_INTERVAL = 1.0
"""Seconds between two looks for new sessions, where the kernel does not report them."""
_EVENTS = 1
"""The number of the request."""


class DaemonDied(Unreachable):
    """The daemon of a followed session died: its events end here."""


# -- one session


def follow(route: Route, name: str, since: int | None = None) -> Iterator[Event]:
    """The events of a session until it ends, over as many connections as it takes.

    `since`: the events after that number come first; None for only what happens from now on. Raises NotFound,
    DaemonDied.
    """
    connection = route.connect(name)
    while True:
        try:
            with connection:
                connection.send(_request(since))
                find.welcomed(connection, name)
                while (event := _next(connection)) is not None:
                    since = event.get("seq", since)
                    yield event
            return
        except Lost:
            began = connection.welcome.get("events")
            since = since if since is not None or not isinstance(began, int) else began
        try:
            connection = route.reconnect(connection, 0)
        except Ended as ended:
            yield from _last(name, ended, since)
            return


def _request(since: int | None) -> bytes:
    return wire.greeting("request") + wire.asking("events", _EVENTS, since=since)


def _next(connection: wire.Connection) -> Event | None:
    """The next event that comes over a connection; None if the session has ended. Raises DaemonDied, Lost."""
    while True:
        try:
            kind, payload = connection.receive()
        except Lost:
            raise
        except Unreachable:
            raise DaemonDied(f"the daemon of {connection.welcome.get('name')} died") from None
        if kind == protocol.DATA:
            return protocol.parse(payload)
        if kind == protocol.RESPONSE:
            if "error" in (answer := protocol.parse(payload)):
                raise rebuild(answer["error"])
            return None


def _last(name: str, ended: Ended, since: int | None) -> Iterator[Event]:
    """What is known of the events of a session that ended while the link was down: how many, and the last one."""
    result = ended.result
    last, moment = result.get("events"), result.get("ended")
    if not isinstance(last, int) or not isinstance(moment, (int, float)):
        return
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))}.{int(moment * 1000) % 1000:03d}Z"
    missed = last - 1 - since if since is not None else 0
    if missed > 0:
        yield {"seq": last - 1, "ts": stamp, "event": "missed", "session": name, "count": missed}
    facts = {"exit_code": result.get("exit_code"), "signal": result.get("signal"), "reason": result.get("reason")}
    yield {"seq": last, "ts": stamp, "event": "exited", "session": name, **facts}


# -- all sessions


@op
def all_events(_caller: Caller) -> Iterator[Event]:
    """The events of all sessions of this machine, those that begin meanwhile included, without end.

    In between come items with a `note` alone: the line that says that the daemon of a session died.
    """
    paths.ready_directory()
    following = _Following(platform.watch_directory(paths.directory()))
    known: set[str] = set()
    since: int | None = None
    while True:
        there = {name for name in paths.names() if os.path.exists(paths.socket_path(name))}
        for name in sorted(there - known):
            try:
                yield from following.add(name, since)
            except SeshError:
                there.discard(name)  # it has ended already, or is another user's
        known, since = there, 0
        while not following.due:
            yield from following.turn()
        following.due = False


class _Following:
    """The sessions that are followed, a connection each. `due`: whether there may be new ones.

    `watch`: the descriptor that becomes readable when there may be; negative where the kernel has none.
    """

    def __init__(self, watch: int) -> None:
        self.due = False
        self._watch = watch
        self._connections: dict[int, wire.Connection] = {}
        self._ids: dict[int, str] = {}
        self._poll = select.poll()
        if watch >= 0:
            self._poll.register(watch, select.POLLIN)

    def add(self, name: str, since: int | None) -> Iterator[Event]:
        """Follows a session; one that is followed already, under its old name, is not followed twice."""
        connection = wire.connect(name, timeout=1.0)
        try:
            connection.send(_request(since))
            find.welcomed(connection, name)
        except SeshError:
            connection.close()
            raise
        session_id = str(connection.welcome.get("id"))
        if session_id in self._ids.values():
            connection.close()
            return
        self._connections[connection.inbound] = connection
        self._ids[connection.inbound] = session_id
        self._poll.register(connection.inbound, select.POLLIN)
        yield from self._events(connection, connection.leftovers())

    def turn(self) -> Iterator[Event]:
        """Waits for something to come, and yields the events of it."""
        ready = self._poll.poll(None if self._watch >= 0 else _SCAN_INTERVAL * 1000)
        self.due = self._watch < 0
        for descriptor, _ in ready:
            if descriptor == self._watch:
                os.read(descriptor, 1 << 16)
                self.due = True
                continue
            connection = self._connections[descriptor]
            try:
                frames = [connection.receive(), *connection.leftovers()]
            except Unreachable:
                self._drop(descriptor)
                yield {"note": f"the daemon of {connection.welcome.get('name')} died"}
                continue
            yield from self._events(connection, frames)

    def _events(self, connection: wire.Connection, frames: list[tuple[int, bytes]]) -> Iterator[Event]:
        for kind, payload in frames:
            if kind == protocol.DATA:
                yield protocol.parse(payload)
            elif kind == protocol.RESPONSE:
                self._drop(connection.inbound)
                if "error" in (answer := protocol.parse(payload)):
                    raise rebuild(answer["error"])
                return

    def _drop(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        self._connections.pop(descriptor).close()
        del self._ids[descriptor]


def follow_all(target: Target) -> Iterator[Event]:
    """The items of `all_events` of any machine. A lost link is opened again; what happens meanwhile is missing."""
    from sesh.ops.target import HostTarget

    if not isinstance(target, HostTarget):
        yield from target.stream("events.all_events")
        return
    from sesh.ops import remote_route

    host, caller = target.host, target.caller
    through = target.open()
    while True:
        try:
            with through:
                yield from _streamed(through)
            return
        except Lost:
            caller.note(f"the link to @{host} is lost; sesh tries to come back, what happens meanwhile is not shown")
        except Unreachable as error:
            if error.answered:
                raise
            raise Unreachable(f"sesh on @{host} ended, and with it the events") from None
        through = remote_route.reopened(caller, target.destination)
        caller.note(f"the link to @{host} stands again")


def _streamed(through: Link) -> Iterator[Event]:
    """The items of the other side's `all_events`. Raises Lost if it is the link that ends."""
    from sesh.keepalive import Keepalive

    through.keepalive = Keepalive(enabled=True)
    calls.check_version(through)
    through.send(wire.asking("op", _EVENTS, calls.encoded({}), op="events.all_events", asks=False, answers=[]))
    while True:
        kind, payload = through.receive()
        if kind == protocol.DATA:
            yield calls.decoded(payload)
        elif kind == protocol.RESPONSE:
            if "error" in (answer := protocol.parse(payload)):
                raise rebuild(answer["error"])
            return


# -- the log of what happened with remotes


@op
def log(_caller: Caller, name: str | None = None) -> dict[str, Any]:
    """The `events` that this machine's log holds, those of session `name` if one is given; the `path` of the log."""
    from sesh.remote import eventlog

    events = [event for path in eventlog.paths_of() for event in _read_log(path)]
    if name is not None:
        events = [event for event in events if event.get("session") == name]
    return {"path": eventlog.path(), "events": events}


def _read_log(path: str) -> Iterator[Event]:
    """The events of one file, in their order; other lines, as one cut short by a full disk, are passed over."""
    import json

    from sesh.names import printable

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Refused(f"{printable(path, 4096)} cannot be read: {error.strerror}; see SESH_EVENT_LOG") from error
    with open(descriptor, encoding="utf-8", errors="replace") as lines:
        for text in lines:
            try:
                event = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict) and isinstance(event.get("event"), str):
                yield event
