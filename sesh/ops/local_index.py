"""The sessions of this machine, kept up to date for a list that is looked at, here or on another machine.

Events report most changes at once, and the sessions are asked now and then for the others.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator

from sesh import paths, system, wire, writing
from sesh.errors import SeshError
from sesh.ops.resting import Quiet
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.schema import Summary
from sesh.store import listing

HERE = (2.0, 10.0)
"""Seconds after which the sessions are asked again without an event: at least, and if asking costs much."""
_SHARE, _SHARE_EVENTS = 0.004, 0.05
"""Shares of a processor for asking, without events and while they come without end."""
_SOON, _SELDOM = 0.05, 0.5
"""Seconds for which events are gathered, as one is seldom alone; and while they come without end."""
_PATIENCE = 0.5
_IMPATIENCE = 0.1
"""Seconds for the sessions, once one of them did not answer: keys are not read meanwhile."""
_BLOCK = 1 << 16
_MANY = 100
"""Sessions from which on to ask all takes longer than a person should wait for a list, and much of a processor."""
_EVENT = 16
"""Bytes of an event of inotify(7) before its name; the last four have the name's length."""
GONE = "gone"
"""The state of a session that is no more, where changes are told."""
_ROWS = 20
"""Sessions in one item of `follow`."""


class LocalIndex:
    """Live index of the sessions of this machine, `rows`.

    A context manager. Wait for `descriptors` to be readable, until `next` (monotonic) at the most, then call `take`.
    With `at_once`, many sessions are taken from their records first, and asked by the first `take`.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self._at_once = at_once
        self.rows: list[Summary] = []
        self.next = 0.0
        """The moment when `take` asks the sessions though nothing has happened (monotonic)."""
        self._followed: dict[int, tuple[str, wire.Connection]] = {}
        """The names of the sessions, and the connections that bring their events, by descriptor."""
        self._directory = -1
        self._asked_at = 0.0
        """The moment when the sessions were asked last (monotonic)."""
        self._changed = False
        """True if something has happened since. Until the sessions are asked again, no more events are read."""
        self._quiet = Quiet()
        self._interval, self._longest_interval = _SOON, _SELDOM
        """Seconds between two questions that events lead to, and their maximum, which grows with a question's cost."""
        self._spent = time.process_time()
        """Seconds of the processor that were used until the sessions were asked last."""

    def __enter__(self) -> LocalIndex:
        writing.ready_directory()
        self._directory = system.watch_directory(paths.directory())
        try:
            if self._at_once and len(paths.names()) > _MANY:
                self.rows = listing.recorded()
            else:
                self._ask()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for _name, connection in self._followed.values():
            connection.close()
        self._followed = {}
        if self._directory >= 0:
            os.close(self._directory)
        self._directory = -1

    @property
    def descriptors(self) -> list[int]:
        """The descriptors that become readable when something has happened."""
        watched = [] if self._changed else [self._directory, *self._followed]
        return [descriptor for descriptor in watched if descriptor >= 0]

    def take(self, ready: set[int]) -> None:
        """Takes in events, and asks the sessions if that is due."""
        now = time.monotonic()
        if ready & {self._directory, *self._followed}:  # soon; more seldom if events come all the time
            calm = now - self._asked_at >= self._longest_interval
            self._changed = True
            self._interval = _SOON if calm else min(2 * self._interval, self._longest_interval)
            self.next = min(self.next, max(now + _SOON, self._asked_at + self._interval))
        if now >= self.next:
            self._ask()

    def _drain(self) -> None:
        """Drops the events of the sessions, and the connections to those that have ended."""
        self._changed = False
        if self._directory >= 0 and wire.polled([(self._directory, select.POLLIN)], 0.0):
            self._quiet.forget(_entries(os.read(self._directory, _BLOCK)))
        for descriptor, (name, connection) in list(self._followed.items()):
            try:
                while len(data := os.read(descriptor, _BLOCK)) == _BLOCK:
                    continue
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            self._quiet.forget([name])
            if not data:
                del self._followed[descriptor]
                connection.close()

    def _ask(self) -> None:
        self._drain()
        silent = any(session.get("responding") is False for session in self.rows)
        resting: list[Summary] = []
        if len(self.rows) > _MANY and self._directory >= 0:  # else labels that change would not be seen
            resting = self._quiet.rows(self.rows, {name for name, _ in self._followed.values()}, time.monotonic())
        ids = {session["name"]: session.get("id") for session in self.rows}
        self.rows = listing.summaries(_IMPATIENCE if silent else _PATIENCE, resting)
        self._leave({session["name"]: session.get("id") for session in self.rows}, ids)
        before, self._spent = self._spent, time.process_time()
        spent, self._asked_at = self._spent - before, time.monotonic()
        self._longest_interval = min(HERE[1], max(_SELDOM, spent / _SHARE_EVENTS))
        self.next = self._asked_at + min(HERE[1], max(HERE[0], spent / _SHARE))
        followed = {name for name, _ in self._followed.values()}
        for session in self.rows:
            if len(self._followed) >= wire.most_followed():
                break  # the others are asked again after a while
            if session.get("responding") is not False and session["name"] not in followed:
                self._follow(session["name"])

    def _leave(self, now: dict[str, str | None], before: dict[str, str | None]) -> None:
        """Follows no more what has another name now, given the ids of the sessions by name, and those before."""
        for descriptor, (name, connection) in list(self._followed.items()):
            if now.get(name) != before.get(name):
                self._quiet.forget([name])
                del self._followed[descriptor]
                connection.close()

    def _follow(self, name: str) -> None:
        try:
            connection = wire.connect(name, timeout=_PATIENCE)
        except SeshError:
            return  # it ended just now; the next look is soon
        try:
            connection.send(wire.greeting("request") + wire.asking("events", 1), time.monotonic() + _PATIENCE)
        except SeshError:
            connection.close()
            return
        os.set_blocking(connection.inbound, False)
        self._followed[connection.inbound] = (name, connection)


def _entries(events: bytes) -> set[str]:
    """The names of sessions, as those of files without their endings, in events of inotify(7)."""
    entries, at = set(), 0
    while at + _EVENT <= len(events):
        end = at + _EVENT + int.from_bytes(events[at + _EVENT - 4 : at + _EVENT], sys.byteorder)
        entries.add(os.path.splitext(os.fsdecode(events[at + _EVENT : end].rstrip(b"\0")))[0])
        at = end
    return entries


@op()
def follow(caller: Caller) -> Iterator[list[Summary]]:
    """The sessions of this machine, and then those that have changed, without end; those that are gone as `GONE`.

    They come in several lists; an empty one says that this is how all stand now.
    """
    told: dict[str, Summary] | None = None
    with LocalIndex() as index:
        while True:
            rows = {session["name"]: session for session in index.rows}
            before, told = told, rows
            changed = [row for name, row in rows.items() if before is None or before.get(name) != row]
            changed += [{**row, "state": GONE} for name, row in (before or {}).items() if name not in rows]
            yield from (changed[start : start + _ROWS] for start in range(0, len(changed), _ROWS))
            if changed or before is None:
                yield []
            watched = [(descriptor, select.POLLIN) for descriptor in index.descriptors]
            watched += [(caller.audience, 0)] if caller.audience >= 0 else []
            ready = wire.polled(watched, index.next)
            wire.heard_out(ready, caller.audience)
            index.take(set(ready))
