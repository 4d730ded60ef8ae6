"""Follow the events of sessions; read the event log of remotes."""

from __future__ import annotations

import functools
import os
import select
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Optional

from sesh.errors import DaemonDied, SeshError
from sesh.ops.lookup import MAX_ROWS
from sesh.reach.caller import Caller
from sesh.reach.exchange import Exchange
from sesh.reach.host_target import HostTarget
from sesh.reach.op import op
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.remote import eventlog
from sesh.schema.facts import Event, JobResult
from sesh.schema.outcomes import Ended, RemoteLog
from sesh.store import records, results
from sesh.system import files, paths
from sesh.system.descriptors import check_audience, most_connections, polled
from sesh.system.workers import Stop, Workers
from sesh.text import times
from sesh.wire import protocol
from sesh.wire.messages import EVENTS, RequestKeys

_LOOK = 0.7  # seconds between two looks for new sessions
_DEBOUNCE = 0.2  # seconds from an event to the next look, because several events come together
_EACH = {"seq", "ts", "event", "session"}  # the keys that each event has


def follow(stream: Stream, since: int | None = None) -> Iterator[Event]:
    """Yield a session's events until it ends, also after a lost link. Raises DaemonDied.

    `since`: yield events after this number; None for future events only.
    """

    def keys() -> RequestKeys:
        return {"since": stream.welcome.get("events") if since is None else since}

    events = stream.submit(Exchange(EVENTS, keys))
    try:
        for kind, _, payload, exchange in stream.arrivals():
            if kind == protocol.DATA:
                event: Event = stream.connection.decode_message(protocol.DATA, payload)
                since = event.get("seq", since)
                yield event
            elif exchange is events:
                events.response(stream.connection, payload)
                return
    except Ended as ended:
        yield from _last_events(ended.result, since)


def _last_events(result: JobResult, since: int | None) -> Iterator[Event]:
    """Yield an ended session's events after number `since`, or its last two.

    Those that its result does not have are reported as missed.
    """
    events = [event for event in result.get("events") or () if event.keys() >= _EACH]
    at = max(0, events[-1]["seq"] - 2) if since is None and events else since or 0
    for event in events:
        before = event["seq"] - 1
        if before > at:
            missed: Event = {"seq": before, "ts": event["ts"], "event": "missed", "session": event["session"]}
            yield {**missed, "count": before - at}
        if before >= at:
            yield event
            at = event["seq"]


@op()
def all_events(caller: Caller, since: Optional[dict[str, int]] = None, begun: str = "") -> Iterator[Event]:
    """Yield the events of all sessions of this machine, including new ones, without end.

    The first item has only `begun`, the time after which events count. An item with only a `note` reports that a daemon
    died. Each event has its session's `id`. To continue after a lost link, pass the first item's `begun`, and in
    `since` the number of the last event of each session id. If a session ends before it is followed, its events come
    from its result.
    """
    begun = begun or times.exact_stamp(time.time())
    yield {"begun": begun}
    yield from filter(None, every(caller, begun, since or {}))


def every(caller: Caller, begun: str, last: Mapping[str, int]) -> Iterator[Event | None]:
    """Yield the items of `all_events`, and None at each look for new sessions.

    `last`: the number of the last event of each session id. The caller's Stop, and the end of its audience, end it.
    """
    files.ready_directory()
    last = dict(last)
    seen: set[str] = set()  # the sessions that are followed, or whose results were read
    with Workers[str, Event]() as workers, caller.stop.calling(workers.wake):
        while True:
            yield None
            for name, session_id in _running():
                if session_id not in seen and len(workers.running) < most_connections():
                    seen.add(session_id)
                    workers.begin(session_id, partial(_follow_one, name, session_id, last.get(session_id, 0), begun))
            kept = results.ids()
            for result in results.every(kept - seen):
                since_number = last.get(result["id"], 0)
                yield from _since(_last_events(result, since_number), result["id"], since_number, begun)
            seen = kept | (seen & workers.running)
            for session_id, item in _until_next_look(workers, caller):
                if isinstance(item, DaemonDied):
                    yield {"note": str(item)}
                elif isinstance(item, SeshError):
                    seen.discard(session_id)  # the session has just ended, or its daemon is stuck
                else:
                    last[session_id] = item["seq"]
                    yield item


def _running() -> Iterator[tuple[str, str]]:
    """Yield the names and ids of the sessions that run."""
    for name in paths.names():
        with suppress(FileNotFoundError):  # it has just ended
            changed_at = os.stat(paths.record_path(name)).st_mtime_ns
            if os.path.exists(paths.socket_path(name)) and (session_id := _id_at(name, changed_at)):
                yield name, session_id


@functools.lru_cache(maxsize=MAX_ROWS)  # two hundred records at each look would take more than all else
def _id_at(name: str, _changed_at: int) -> str:
    return records.id_of(name)


def _follow_one(name: str, session_id: str, since: int, begun: str, stop: Stop) -> Iterator[Event]:
    with Stream.open(Target(Caller(stop)), name) as stream:
        yield from _since(follow(stream, since), session_id, since, begun)


def _since(events: Iterator[Event], session_id: str, since: int, begun: str) -> Iterator[Event]:
    """Yield the events after number `since`, with the session's id.

    If `since` is 0, begin with the first event after the time `begun` that is not `missed`.
    """
    started = since > 0
    for event in events:
        started = started or (event["ts"] > begun and event["event"] != "missed")
        if started:
            event["id"] = session_id
            yield event


def _until_next_look(workers: Workers[str, Event], caller: Caller) -> Iterator[tuple[str, Event | SeshError]]:
    """Yield the workers' items until it is time to look for new sessions."""
    watched = [(workers.inbound, select.POLLIN), (caller.audience, 0)]
    watched = [(descriptor, events) for descriptor, events in watched if descriptor >= 0]
    until = time.monotonic() + _LOOK
    while time.monotonic() < until:
        check_audience(polled(watched, until), caller.audience)
        caller.stop.check()
        if taken := workers.take():
            until = min(until, time.monotonic() + _DEBOUNCE)
        yield from taken


def follow_all(target: Target) -> Iterator[Event]:
    """Yield the items of `all_events` of a machine, also after a lost link. Raises Unreachable."""
    if target.host is None:
        for item in all_events(target.caller):
            if "begun" not in item:
                item.pop("id", None)
                yield item
        return
    assert isinstance(target, HostTarget)  # noqa: S101 (`host` is not None)
    since: dict[str, int] = {}
    begun = ""

    def arguments(_link: object) -> dict[str, object]:
        return {"since": since, "begun": begun} if begun else {}

    for item in target.items(all_events, arguments):
        if "begun" in item:
            begun = item["begun"]
            continue
        session_id = item.pop("id", None)
        if session_id is not None and "seq" in item:
            since.pop(session_id, None)
            since[session_id] = item["seq"]  # also for ended sessions, whose results are still reported
            if len(since) > MAX_ROWS:
                del since[next(iter(since))]
        yield item


@op(reads=True)
def log(_caller: Caller, name: Optional[str] = None) -> RemoteLog:
    """Return the path and the events of the remotes' log, optionally of one session."""
    return {"path": eventlog.path(), "events": eventlog.read(name)}  # type: ignore[typeddict-item]  # JSON
