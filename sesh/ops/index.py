"""The sessions here and on known remotes, kept up to date for a list that is looked at.

Here, events report most changes at once, and the sessions are asked now and then for the others; hosts are asked now
and then, all at once.
"""

from __future__ import annotations

import os
import select
import time

from sesh import paths, platform, wire
from sesh.errors import Late, SeshError
from sesh.ops.lookup import Asking, hosts, reason, skipped
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.reach.caller import Caller
    from sesh.schema import Summary

HERE = (2.0, 10.0)
"""Seconds after which the sessions here are asked again without an event: at least, and if asking costs much."""
ELSEWHERE = (3.0, 50.0)
"""Seconds between the answers of other hosts and the next question to them, at least and if asking costs much."""
_SHARE, _SHARE_ELSEWHERE, _SHARE_EVENTS = 0.004, 0.002, 0.05
"""Shares of a processor for asking: the sessions here, other hosts, the sessions here while events come without end."""
_SOON, _SELDOM = 0.05, 0.5
"""Seconds for which events are gathered, as one is seldom alone; and while they come without end."""
_PATIENCE = 0.5
_IMPATIENCE = 0.1
"""Seconds for the sessions here, once one of them did not answer: keys are not read meanwhile."""
_BLOCK = 1 << 16


class SessionIndex:
    """Live index: `here` are the sessions of this machine, `there` by host its sessions, or the reason for having none.

    A context manager. Wait for `descriptors` to be readable, `due` seconds at the most, then call `take`. `hosts`:
    those to ask, None for the known remotes; sessions of this machine are left out if hosts are named.
    """

    def __init__(self, caller: Caller, hosts: list[str] | None = None) -> None:
        self.here: list[Summary] = []
        self.there: dict[str, list[Summary] | str] = {}
        self.remarks: dict[str, str] = {}
        """Notes on a host's answer, by host, such as rows that were left out."""
        self._caller, self._hosts = caller, hosts
        self._followed: dict[int, tuple[str, wire.Connection]] = {}
        """The names of the sessions here, and the connections that bring their events, by descriptor."""
        self._directory = -1
        self._askings: list[Asking] = []
        self._next_here = self._next_there = 0.0
        self._refreshed = False
        """True if a session was changed since other hosts were asked: then they are asked at once."""
        self._asked_here_at = 0.0
        """The moment when the sessions here were asked last (monotonic)."""
        self._changed_here = False
        """True if something has happened here since. Until the sessions are asked again, no more events are read."""
        self._interval, self._longest_interval = _SOON, _SELDOM
        """Seconds between two questions that events lead to, and their maximum, which grows with a question's cost."""
        self._spent = time.process_time()
        """Seconds of the processor that were used until the sessions here were asked last."""
        self._spent_elsewhere = _spent_by_children()
        """Seconds of the processor that child processes, such as ssh, had used until other hosts were asked last."""

    def __enter__(self) -> SessionIndex:
        if self._hosts is None:
            paths.ready_directory()
            self._directory = platform.watch_directory(paths.directory())
            self._ask_here()
        self._ask_hosts()
        return self

    def __exit__(self, *_: object) -> None:
        for _name, connection in self._followed.values():
            connection.close()
        for asking in self._askings:
            asking.close()
        self._followed, self._askings = {}, []
        if self._directory >= 0:
            os.close(self._directory)
        self._directory = -1

    @property
    def pending(self) -> bool:
        """True if a host is still to answer the newest question."""
        return bool(self._askings) and bool(self._askings[-1].waiting) and self._askings[-1].left() > 0

    @property
    def descriptors(self) -> list[int]:
        """The descriptors that become readable when something has happened."""
        own = [] if self._changed_here else [self._directory, *self._followed]
        return [descriptor for descriptor in (*own, *(asking.inbound for asking in self._askings)) if descriptor >= 0]

    @property
    def due(self) -> float:
        """Seconds until `take` is to be called though nothing has happened."""
        there = 0.0 if self._refreshed else self._next_there
        there = self._askings[-1].deadline if self.pending else there
        return max(0.0, (there if self._hosts is not None else min(there, self._next_here)) - time.monotonic())

    def refresh(self) -> None:
        """Has the next `take` ask all hosts again, and once more soon, whatever it costs: a session was changed.

        Its effect takes a moment to show, hence twice. Any thread may call it.
        """
        self._refreshed = True

    def take(self, ready: set[int]) -> None:
        """Takes in events and answers, and asks the sessions and hosts that are due."""
        now = time.monotonic()
        if ready & {self._directory, *self._followed}:  # soon; more seldom if events come all the time
            calm = now - self._asked_here_at >= self._longest_interval
            self._changed_here = True
            self._interval = _SOON if calm else min(2 * self._interval, self._longest_interval)
            self._next_here = min(self._next_here, max(now + _SOON, self._asked_here_at + self._interval))
        self._take_answers(ready)
        if self._hosts is None and now >= self._next_here:
            self._ask_here()
        if not self.pending and (self._refreshed or now >= self._next_there):
            self._ask_hosts()

    def _drain(self) -> None:
        """Drops the events of the sessions here, and the connections to those that have ended."""
        self._changed_here = False
        if self._directory >= 0 and wire.polled([(self._directory, select.POLLIN)], 0.0):
            os.read(self._directory, _BLOCK)
        for descriptor, (_, connection) in list(self._followed.items()):
            try:
                while len(data := os.read(descriptor, _BLOCK)) == _BLOCK:
                    continue
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                del self._followed[descriptor]
                connection.close()

    def _ask_here(self) -> None:
        self._drain()
        silent = any(session.get("responding") is False for session in self.here)
        self.here = listing.summaries(_IMPATIENCE if silent else _PATIENCE)
        before, self._spent = self._spent, time.process_time()
        spent, self._asked_here_at = self._spent - before, time.monotonic()
        self._longest_interval = min(HERE[1], max(_SELDOM, spent / _SHARE_EVENTS))
        self._next_here = self._asked_here_at + _bounded(spent / _SHARE, *HERE)
        followed = {name for name, _ in self._followed.values()}
        for session in self.here:
            if len(self._followed) >= wire.most_connections() // 2:
                break  # the others are asked again after a while
            if session.get("responding") is not False and session["name"] not in followed:
                self._follow(session["name"])

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

    def _ask_hosts(self) -> None:
        refreshed, self._refreshed = self._refreshed, False
        asked, unasked = self._hosts, dict[str, str]()
        if asked is None:
            asked, unasked = hosts(self._caller), skipped(self._caller)
        self.there = {host: rows for host, rows in self.there.items() if host in asked}
        self.there |= unasked
        before, self._spent_elsewhere = self._spent_elsewhere, _spent_by_children()
        pause = 0.0 if refreshed else (self._spent_elsewhere - before) / _SHARE_ELSEWHERE
        self._next_there = time.monotonic() + _bounded(pause, *ELSEWHERE)
        if asked:
            self._askings.append(Asking(self._caller, asked))

    def _take_answers(self, ready: set[int]) -> None:
        for asking in list(self._askings):
            if asking.inbound in ready:
                for host, answer in asking.take():
                    self.there[host] = reason(answer) if isinstance(answer, SeshError) else answer
                    self.remarks[host] = asking.remarks.get(host, "")
            if asking.waiting and not asking.left():
                self.there |= dict.fromkeys(asking.give_up(), Late.reason)
            if asking.finished:
                self._askings.remove(asking)
                asking.close()


def _bounded(seconds: float, least: float, most: float) -> float:
    return min(most, max(least, seconds))


def _spent_by_children() -> float:
    times = os.times()
    return times.children_user + times.children_system
