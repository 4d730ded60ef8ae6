"""The sessions of this machine while a list of them is shown, here or on another machine.

Events say at once which sessions have changed. Facts without an event, such as output, the directory or the program in
front, are found by a poll.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from math import inf

from sesh import paths, system, wire, writing
from sesh.errors import SeshError
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.schema import Summary
from sesh.store import listing

POLL, DEBOUNCE = 5.0, 0.2
"""Seconds between two questions to all sessions; from an event to the question, as one is seldom alone."""
_PATIENCE = 0.5
_BLOCK = 1 << 16
_EVENT = 16
"""Bytes of an event of inotify(7) before its name; the last four have the name's length."""
GONE = "gone"
"""The state of a session that is no more, where changes are reported."""
_ROWS = 20
"""Sessions in one item of `follow`."""


def watch(audience: int = -1) -> Iterator[list[Summary]]:
    """Yield the sessions of this machine now, and again each time that one has changed.

    `audience`: as a `Caller` has it; BrokenPipeError is raised once nobody listens. Raises Refused for an unsafe
    directory.
    """
    writing.ready_directory()
    rows: list[Summary] | None = None
    poll_at = -inf
    with _Signs() as signs:
        while True:
            changed, polls = signs.take(), time.monotonic() >= poll_at
            known = [row for row in rows or () if not {row["name"], row.get("id")} & changed]
            before, rows = rows, listing.summaries(_PATIENCE, () if polls else known)
            poll_at = time.monotonic() + POLL if polls else poll_at
            signs.follow(rows)
            if rows != before:
                yield rows
            if _wait(signs.descriptors, audience, poll_at):
                _wait((), audience, time.monotonic() + DEBOUNCE)


def _wait(descriptors: Sequence[int], audience: int, until: float) -> bool:
    """Wait for one of the descriptors, until a moment (monotonic); return whether one is ready."""
    watched = [(descriptor, select.POLLIN) for descriptor in descriptors]
    ready = wire.polled([*watched, (audience, 0)] if audience >= 0 else watched, until)
    wire.heard_out(ready, audience)
    return bool(ready)


class _Signs:
    """Signs that sessions have changed: their events, and new files in their directory. A context manager."""

    def __init__(self) -> None:
        self._directory = -1
        self._followed: dict[str, wire.Connection] = {}
        """The connections that bring events, by the id of the session, which a rename does not change."""

    def __enter__(self) -> _Signs:
        self._directory = system.watch_directory(paths.directory())
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:
            if self._directory >= 0:
                stack.callback(os.close, self._directory)
            for connection in self._followed.values():
                stack.callback(connection.close)

    @property
    def descriptors(self) -> list[int]:
        """The descriptors that become readable with the next sign."""
        own = [self._directory] if self._directory >= 0 else []
        return [*own, *(connection.inbound for connection in self._followed.values())]

    def take(self) -> set[str]:
        """Return the names and ids of the sessions that have changed since the last call."""
        changed = set()
        if self._directory >= 0 and wire.polled([(self._directory, select.POLLIN)], 0.0):
            changed |= _entries(os.read(self._directory, _BLOCK))
        for session_id, connection in list(self._followed.items()):
            try:
                while len(data := os.read(connection.inbound, _BLOCK)) == _BLOCK:
                    continue
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            changed.add(session_id)
            if not data:
                self._followed.pop(session_id).close()
        return changed

    def follow(self, sessions: Sequence[Summary]) -> None:
        """Follow the events of these sessions, of as many as a process may, and of no others.

        The daemon's WELCOME is a first sign, by which it is asked again: it may have changed before it was followed.
        """
        names = {row["id"]: row["name"] for row in sessions if row.get("id") and row.get("responding") is not False}
        for session_id in self._followed.keys() - names.keys():
            self._followed.pop(session_id).close()
        for session_id in names.keys() - self._followed.keys():
            if len(self._followed) >= wire.most_followed():
                return  # the poll finds changes in the others
            if (connection := _events_of(names[session_id])) is not None:
                self._followed[session_id] = connection


def _events_of(name: str) -> wire.Connection | None:
    """Return a connection that brings the events of a session; None if it has just ended."""
    try:
        connection = wire.connect(name, timeout=_PATIENCE)
    except SeshError:
        return None
    try:
        connection.send(wire.greeting("request") + wire.asking("events", 1), time.monotonic() + _PATIENCE)
    except SeshError:
        connection.close()
        return None
    os.set_blocking(connection.inbound, False)
    return connection


def _entries(events: bytes) -> set[str]:
    """Return the names of sessions, those of files without their endings, in events of inotify(7)."""
    entries, at = set(), 0
    while at + _EVENT <= len(events):
        end = at + _EVENT + int.from_bytes(events[at + _EVENT - 4 : at + _EVENT], sys.byteorder)
        entries.add(os.path.splitext(os.fsdecode(events[at + _EVENT : end].rstrip(b"\0")))[0])
        at = end
    return entries


@op()
def follow(caller: Caller) -> Iterator[list[Summary]]:
    """Yield the sessions of this machine, and then those that have changed; those that are gone have the state `GONE`.

    They come in several lists; an empty one says that this is how all stand now.
    """
    before: dict[str, Summary] = {}
    for sessions in watch(caller.audience):
        rows = {session["name"]: session for session in sessions}
        changed = [row for name, row in rows.items() if before.get(name) != row]
        changed += [{**row, "state": GONE} for name, row in before.items() if name not in rows]
        yield from (changed[start : start + _ROWS] for start in range(0, len(changed), _ROWS))
        yield []
        before = rows
