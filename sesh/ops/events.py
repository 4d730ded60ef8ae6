"""Events as they happen: of one session until it ends, of all sessions of a machine; and the log of remotes."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from functools import partial

from sesh import files, machine, measures, paths, protocol, wire
from sesh.check import MOST_ROWS
from sesh.errors import DaemonDied, Ended, SeshError
from sesh.outcomes import RemoteLog
from sesh.reach.caller import Caller
from sesh.reach.host_target import HostTarget
from sesh.reach.op import op
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.reach.workers import Workers
from sesh.remote import eventlog
from sesh.schema import Event, JobResult
from sesh.stop import Stop
from sesh.store import records, results

_SCAN_INTERVAL = 1.0  # seconds between two looks for new sessions, if the kernel does not report them
_EVENTS = 1  # the number of the request


# -- one session


def follow(stream: Stream, since: int | None = None) -> Iterator[Event]:
    """Yield the events of a session until it ends, over as many connections as needed.

    `since`: the number of an event, after which they begin; None for only those from now on. Raises DaemonDied.
    """

    def ask() -> None:
        nonlocal since
        began = stream.greet(wire.asking("events", _EVENTS, since=since)).get("events")
        since = since if since is not None or not isinstance(began, int) else began

    try:
        for kind, _, payload in stream.frames(ask):
            if kind == protocol.DATA:
                event: Event = stream.connection.message(kind, payload)
                since = event.get("seq", since)
                yield event
            elif kind == protocol.RESPONSE:
                wire.checked(stream.connection.message(kind, payload))
                return
    except Ended as ended:
        yield from _last(stream.name, ended.result, since)


def _last(name: str, result: JobResult, since: int | None) -> Iterator[Event]:
    """Yield the events of a session that has ended, after number `since`, None for the last two.

    Its result has the first one and the last two; the others are counted as missed.
    """
    last, moment, state = result.get("events"), result.get("ended"), result.get("state")
    if last is None or moment is None or state is None:
        return
    ended = measures.exact_stamp(moment)
    began = measures.exact_stamp(max(0.0, moment - float(result.get("duration") or 0)))
    command, directory = result.get("command") or [], str(result.get("directory") or "")
    code, signal, reason = result.get("exit_code"), result.get("signal"), result.get("reason")
    kept: list[tuple[int, Event]] = [
        (1, {"ts": began, "event": "created", "command": command, "directory": directory}),
        (last - 1, {"ts": ended, "event": "activity", "state": state, "why": "exit", "question": None, "kind": None}),
        (last, {"ts": ended, "event": "exited", "exit_code": code, "signal": signal, "reason": reason}),
    ]
    at = last - 2 if since is None else since
    for number, event in kept:
        if number > at + 1:
            yield {"seq": number - 1, "ts": ended, "event": "missed", "session": name, "count": number - 1 - at}
        if number > at:
            yield {**event, "seq": number, "session": name}
            at = number


# -- all sessions


@op()
def all_events(caller: Caller, since: dict[str, int] | None = None, begun: str = "") -> Iterator[Event]:
    """Yield the events of all sessions of this machine, later ones included, without end.

    The first item is the moment from which they count (`begun`). Items with a `note` alone come in between: a line that
    says that a daemon died. Events have the session's `id`. To go on after a lost link, `since` is the number of the
    last event by the session's id, and `begun` is that of the first item. Of a session that has ended before it could
    be followed, its result tells.
    """
    files.ready_directory()
    watch = machine.watch_directory(paths.directory())
    past = set() if begun else results.ids()
    last, begun = since or {}, begun or measures.exact_stamp(time.time())
    followed: set[str] = set()
    yield {"begun": begun}
    with Workers[str, Event]() as workers:
        while True:
            for name, session_id in _running():
                if session_id not in followed:
                    followed.add(session_id)
                    workers.begin(session_id, partial(_followed, name, session_id, last.get(session_id, 0), begun))
            kept = results.ids()
            for session_id in sorted(kept - past - followed):
                yield from _ended(session_id, last.get(session_id, 0), begun)
            past = kept
            followed &= kept | workers.running
            for session_id, item in _until_changed(workers, watch, caller.audience):
                if isinstance(item, DaemonDied):
                    yield {"note": str(item)}
                elif isinstance(item, SeshError):
                    followed.discard(session_id)  # it has just ended, or its daemon is stuck
                    past.discard(session_id)
                else:
                    yield item


def _running() -> Iterator[tuple[str, str]]:
    """Yield the sessions that have a socket, each with its id."""
    for name in paths.names():
        record = records.readable(name) if os.path.exists(paths.socket_path(name)) else None
        if record is not None and record.get("id"):
            yield name, str(record["id"])


def _followed(name: str, session_id: str, since: int, begun: str, stop: Stop) -> Iterator[Event]:
    with Target(Caller()).open_stream(name) as stream, stop.calling(stream.cut):
        yield from _counted(follow(stream, since), session_id, since, begun)


def _ended(session_id: str, since: int, begun: str) -> Iterator[Event]:
    try:
        result = results.by_id(session_id)
    except SeshError:
        return  # it cannot be believed
    if result is not None:
        yield from _counted(_last(result["name"], result, since), session_id, since, begun)


def _counted(events: Iterator[Event], session_id: str, since: int, begun: str) -> Iterator[Event]:
    """Yield the events that come after the moment `begun`, if none came before; what is missing then is not said."""
    passed = since > 0
    for event in events:
        passed = passed or (event["ts"] > begun and event["event"] != "missed")
        if passed:
            event["id"] = session_id
            yield event


def _until_changed(workers: Workers[str, Event], watch: int, audience: int) -> Iterator[tuple[str, Event | SeshError]]:
    """Yield what the workers have, until there may be new sessions.

    `watch`: becomes readable then; negative if the kernel has no such descriptor. `audience`: see `Caller`.
    """
    watched = [(workers.inbound, select.POLLIN), (watch, select.POLLIN), (audience, 0)]
    watched = [(descriptor, events) for descriptor, events in watched if descriptor >= 0]
    until = None if watch >= 0 else time.monotonic() + _SCAN_INTERVAL
    ready: list[int] = []
    while watch not in ready and (until is None or time.monotonic() < until):
        ready = machine.polled(watched, until)
        machine.check_audience(ready, audience)
        yield from workers.take()
    if watch in ready:
        os.read(watch, 1 << 16)


def follow_all(target: Target, stop: Stop | None = None) -> Iterator[Event]:
    """Yield the events and notes of `all_events` of a machine, also after a lost link.

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
    begun = ""

    def words(_link: object) -> dict[str, object]:
        return {"since": since, "begun": begun} if begun else {}

    for item in target.items(all_events, words, stop):
        if "begun" in item:
            begun = item["begun"]
            continue
        session_id = item.pop("id", None)
        if session_id is not None and "seq" in item:
            since.pop(session_id, None)
            since[session_id] = item["seq"]  # of those that have ended too, as long as their results are kept
            if len(since) > MOST_ROWS:
                del since[next(iter(since))]
        yield item


# -- the log of remotes


@op()
def log(_caller: Caller, name: str | None = None) -> RemoteLog:
    """Return the `events` in this machine's log of remotes, of session `name` if given; and the `path` of the log."""
    return {"path": eventlog.path(), "events": eventlog.read(name)}  # type: ignore[typeddict-item]  # JSON
