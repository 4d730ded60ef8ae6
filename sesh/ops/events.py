"""Events as they happen: of one session until it ends, of all sessions of a machine; and the log of remotes."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Generator, Iterator

from sesh import moments, paths, protocol, system, wire, writing
from sesh.errors import Ended, Reloaded, SeshError, Unreachable
from sesh.reach import find, held
from sesh.reach.caller import Caller
from sesh.reach.host_target import HostTarget
from sesh.reach.op import op
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.remote import eventlog
from sesh.schema import Event, JobResult, RemoteLog
from sesh.stop import Stop
from sesh.store import records, results

_SCAN_INTERVAL = 1.0
"""Seconds between two looks for new sessions, if the kernel does not report them."""
_EVENTS = 1
"""The number of the request."""


# -- one session


def follow(stream: Stream, since: int | None = None) -> Iterator[Event]:
    """The events of a session until it ends, over as many connections as it takes.

    `since`: the number of an event, after which they begin; None for only those from now on. Raises DaemonDied.
    """

    def ask() -> None:
        nonlocal since
        began = stream.greet(wire.asking("events", _EVENTS, since=since)).get("events")
        since = since if since is not None or not isinstance(began, int) else began

    try:
        for event in _items(stream, ask):
            since = event.get("seq", since)
            yield event
    except Ended as ended:
        yield from _last(stream.name, ended.result, since)


def _items(stream: Stream, ask: Callable[[], object]) -> Iterator[Event]:
    """Events until the other side says that no more come. Raises the error that it answers."""
    for kind, _, payload in stream.frames(ask):
        if kind == protocol.DATA:
            event: Event = stream.connection.message(kind, payload)
            yield event
        elif kind == protocol.RESPONSE:
            wire.checked(stream.connection.message(kind, payload))
            return


def _last(name: str, result: JobResult, since: int | None) -> Iterator[Event]:
    """The last events of a session that has ended, after number `since`, and how many were missed before them."""
    last, moment, state = result.get("events"), result.get("ended"), result.get("state")
    if last is None or moment is None or state is None or (since is not None and since >= last):
        return
    stamp = moments.exact_stamp(moment)
    missed = last - 2 - since if since is not None else 0
    if missed > 0:
        yield {"seq": last - 2, "ts": stamp, "event": "missed", "session": name, "count": missed}
    if since is None or since < last - 1:
        activity: Event = {"seq": last - 1, "ts": stamp, "event": "activity", "session": name}
        yield {**activity, "state": state, "why": "exit", "question": None, "kind": None}
    yield {
        "seq": last,
        "ts": stamp,
        "event": "exited",
        "session": name,
        "exit_code": result.get("exit_code"),
        "signal": result.get("signal"),
        "reason": result.get("reason"),
    }


def _life(result: JobResult, begun: str) -> Iterator[Event]:
    """The events of a session that nobody could follow, as it ended too soon: those after the moment `begun`."""
    name, moment = result["name"], float(result.get("ended") or 0)
    began = moments.exact_stamp(max(0.0, moment - float(result.get("duration") or 0)))
    if moments.exact_stamp(moment) <= begun:
        return
    if began > begun:
        created: Event = {"seq": 1, "ts": began, "event": "created", "session": name}
        yield {**created, "command": result.get("command") or [], "directory": str(result.get("directory") or "")}
    yield from _last(name, result, 1 if began > begun else None)


# -- all sessions


@op()
def all_events(caller: Caller, since: dict[str, int] | None = None, begun: str = "") -> Iterator[Event]:
    """The events of all sessions of this machine, those that begin meanwhile included, without end.

    The first item is the moment from which they count (`begun`). Items with a `note` alone come in between: a line that
    says that a daemon died. Events have the session's `id`. To go on after a lost link, `since` is the number of the
    last event by the session's id, and `begun` is that of the first item. Of a session that has ended before it could
    be followed, its result tells.
    """
    writing.ready_directory()
    past = set() if begun else results.ids()
    followed = _Followed(system.watch_directory(paths.directory()), caller.audience, begun)
    seen: set[str] = set()
    last, begun = since or {}, begun or moments.exact_stamp(time.time())
    yield {"begun": begun}
    while True:
        names = {name for name in paths.names() if os.path.exists(paths.socket_path(name))}
        for name in sorted(names - seen):
            try:
                yield from followed.add(name, since)
            except SeshError:
                names.discard(name)  # it has ended already, or is another user's
        kept = results.ids()
        for session_id in sorted(kept - past - followed.known):
            if (result := _result(session_id)) is not None:
                number = last.get(session_id)
                life = _life(result, begun) if number is None else _last(result["name"], result, number)
                for event in life:
                    event["id"] = session_id
                    yield event
        followed.known &= kept | followed.connections.keys()
        past = kept
        seen, since = names, {}  # sessions that begin from now on are followed from their first event on
        while not (yield from followed.turn()):
            continue


def _result(session_id: str) -> JobResult | None:
    """The result of a session; None also if it cannot be believed."""
    try:
        return results.by_id(session_id)
    except SeshError:
        return None


class _Followed:
    """The followed sessions: `connections` by id, and the ids that are `known` as they were followed once.

    `watch`: the descriptor that becomes readable when there may be; negative if the kernel has none. `audience`: see
    `Caller`. `begun`: no event before that moment counts.
    """

    def __init__(self, watch: int, audience: int, begun: str) -> None:
        self._watch, self._audience, self._begun = watch, audience, begun
        self.connections: dict[str, wire.Connection] = {}
        self.known: set[str] = set()
        self._last: dict[str, int] = {}
        """The number of the last event of each session, by id: a daemon that was reloaded is followed on from there."""

    def add(self, name: str, since: dict[str, int] | None) -> Iterator[Event]:
        """Follows a session, unless it is followed already under its old name.

        `since`: the last numbers by id; a session that is not in it is followed from its first event on. None: from now
        on.
        """
        number = None if since is None else since.get(str((records.readable(name) or {}).get("id")), 0)
        connection = wire.connect(name, timeout=1.0)
        try:
            connection.send(wire.greeting("request") + wire.asking("events", _EVENTS, since=number))
            welcome = find.welcomed(connection, name)
            session_id = welcome["id"]
        except SeshError:
            connection.close()
            raise
        if session_id in self.connections:
            connection.close()
            return
        self.connections[session_id] = connection
        self.known.add(session_id)
        self._last[session_id] = welcome["events"] if number is None else number
        yield from self._events(connection)

    def turn(self) -> Generator[Event, None, bool]:
        """Waits until something comes, and yields its events; returns whether there may be new sessions."""
        connections = list(self.connections.values())
        watched = [(connection.inbound, select.POLLIN) for connection in connections]
        watched += [(self._watch, select.POLLIN), (self._audience, 0)]
        watched = [(descriptor, events) for descriptor, events in watched if descriptor >= 0]
        ready = wire.polled(watched, None if self._watch >= 0 else time.monotonic() + _SCAN_INTERVAL)
        wire.heard_out(ready, self._audience)
        for connection in connections:
            if connection.inbound in ready:
                try:
                    connection.read()
                except Reloaded:
                    self._follow_on(connection)
                except Unreachable:
                    self._drop(connection)
                    yield {"note": f"the daemon of {connection.welcome.get('name')} died"}
                else:
                    yield from self._events(connection)
        if self._watch in ready:
            os.read(self._watch, 1 << 16)
        return self._watch < 0 or self._watch in ready

    def _follow_on(self, connection: wire.Connection) -> None:
        """Follow a session on after the reload of its daemon."""
        session_id, name = connection.welcome["id"], connection.welcome["name"]
        try:
            connection.come_back(name)
            connection.send(wire.greeting("request"))
            find.welcomed(connection, name)
            connection.send(wire.asking("events", _EVENTS, since=self._last[session_id]))
        except SeshError:
            self._drop(connection)  # it has ended meanwhile: its result tells

    def _events(self, connection: wire.Connection) -> Iterator[Event]:
        for kind, payload in connection.leftovers():
            if kind == protocol.DATA:
                event: Event = connection.message(kind, payload)
                self._last[connection.welcome["id"]] = event["seq"]
                connection.welcome["name"] = event["session"]
                if str(event.get("ts")) > self._begun:
                    event["id"] = connection.welcome["id"]
                    yield event
            elif kind == protocol.RESPONSE:
                self._drop(connection)
                wire.checked(connection.message(kind, payload))
                return

    def _drop(self, connection: wire.Connection) -> None:
        del self.connections[connection.welcome["id"]]
        connection.close()


def follow_all(target: Target, stop: Stop | None = None) -> Iterator[Event]:
    """The events of all sessions of a machine, and notes, as from `all_events`; they go on after a lost link.

    `stop`: ends those of a host from another thread, by Interrupted. Raises Unreachable if sesh over there ends.
    """
    if target.host is None:
        for item in all_events(target.caller):
            if "begun" not in item:
                item.pop("id", None)
                yield item
        return
    assert isinstance(target, HostTarget)  # noqa: S101 (it has a host)
    since: dict[str, int] = {}
    ended: dict[str, None] = {}
    begun = ""

    def words(_link: object) -> dict[str, object]:
        return {"since": since, "begun": begun} if begun else {}

    for item in held.items(target, all_events, words, stop):
        if "begun" in item:
            begun = item["begun"]
            continue
        session_id = item.pop("id", None)
        if session_id is not None and "seq" in item:
            ended |= {session_id: None} if item.get("event") == "exited" else {}
            since[session_id] = item["seq"]  # of those that have ended too, as long as their results are kept
            if len(ended) > results.NEWEST:
                oldest = next(iter(ended))
                del ended[oldest], since[oldest]
        yield item


# -- the log of remotes


@op()
def log(_caller: Caller, name: str | None = None) -> RemoteLog:
    """The `events` in this machine's log of remotes, only those of session `name` if given; the `path` of the log."""
    return {"path": eventlog.path(), "events": eventlog.read(name)}
