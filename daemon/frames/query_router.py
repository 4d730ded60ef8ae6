"""Lets a client's terminal reply to the program's queries, or replies itself."""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

from sesh.daemon.clients.client import Client, Clients, Mode, last_used
from sesh.daemon.pty.pump import Finding, Pump
from sesh.daemon.screen.default_replies import reply_to, size_report
from sesh.daemon.screen.feed import ScreenFeed
from sesh.daemon.shell.queue import RunQueue
from sesh.vt.queries import Kind, form, reply_form

REPLY_TIME = 0.01  # seconds that the emulator gets in one turn to catch up for queries
MAX_UNREAD = 64 << 10  # bytes of input that the program has not read; at the limit, replies are dropped
MAX_DUE = 1000  # replies that wait for the emulator; more are dropped
_SIZE_REPORTS = 2048  # mode in which a terminal reports its size when the mode is set and at each resize
_NEVER = float("inf")


class _Due(NamedTuple):
    """A reply of the daemon's own, which the emulator makes at a position of the log."""

    position: int
    query: bytes  # empty for a report of the size


class QueryRouter:
    """Chooses who replies to each query; types the daemon's own replies in order."""

    def __init__(self, pump: Pump, feed: ScreenFeed, clients: Clients, runs: RunQueue) -> None:
        self._pump = pump
        self._feed = feed
        self._clients = clients
        self._runs = runs
        self._new: list[Finding] = []  # queries of this turn
        self._due: deque[_Due] = deque()

    @property
    def due(self) -> float:
        """The time (monotonic) at which the daemon's own replies are to be made: now, if any are due."""
        return 0.0 if self._due else _NEVER

    def act(self, _now: float) -> None:
        """Type due replies in order, up to the position that the emulator has reached."""
        until = time.monotonic() + REPLY_TIME
        while self._due and self._feed.catch_up(max(0.0, until - time.monotonic()), self._due[0].position):
            query = self._due.popleft().query
            self._type(reply_to(query, self._feed.emulator) if query else self._size())
            if time.monotonic() >= until:
                break

    def note(self, finding: Finding) -> None:
        """Note a query. One for the status is replied to at once, before a terminal replies to a later DA1."""
        if finding.kind == Kind.STATUS_QUERY:
            self._report_status(finding.body)
        elif finding.kind == Kind.SIZES:
            self._reply_at(finding.position, b"")
        else:
            self._new.append(finding)

    def route(self, now: float) -> None:
        """Choose who replies to this turn's queries, once the clients were sent what is due to them."""
        # If a client's terminal has the query, expect its reply. Else the daemon replies, but not to a TALK, to which
        # only a terminal can.
        queries = self._new
        self._new = []
        for kind, body, position in queries:
            client = self._replying(position)
            if client is None:
                if kind == Kind.QUERY:
                    self._reply_at(position, body)
            elif kind == Kind.TALK:
                client.replies.queries.open_talk(form(body), now)
            else:
                client.replies.queries.open(reply_form(body), now)

    def _replying(self, position: int) -> Client | None:
        """Return the client that was used last among those whose terminals have the output up to a position."""
        size = self._clients.size
        return last_used(
            [each for each in self._clients.all if each.mode(size) is Mode.LIVE and each.was_sent(position)]
        )

    def report_size(self) -> None:
        """Report the new size, which the pty has already, if mode 2048 is set."""
        self._reply_at(self._pump.log.head, b"")
        self.act(0.0)  # at once: the key that has changed the leader is typed next

    def _size(self) -> bytes:
        return size_report(self._clients.size) if self._feed.emulator.mode(_SIZE_REPORTS) else b""

    def _report_status(self, terminator: bytes) -> None:
        """Reply to a query for OSC 7501 before a terminal replies to a later DA1."""
        # A program that receives the reply to DA1 first never reports. Drop the terminals' own replies to the query.
        for client in self._clients.all:
            if client.mode(self._clients.size) is Mode.LIVE:
                client.replies.queries.open(b"]7501", time.monotonic(), seconds=0)
        if not self._runs.gives_no_replies():
            self._type(b"\x1b]7501;?" + terminator)

    def _reply_at(self, position: int, query: bytes) -> None:
        """Reply once the emulator is at `position`; the emulator must not delay output."""
        if len(self._due) < MAX_DUE and not self._runs.gives_no_replies():
            self._due.append(_Due(position, query))

    def _type(self, reply: bytes) -> None:
        if reply and len(self._pump.unwritten) < MAX_UNREAD:
            self._pump.type(reply, in_line=False)
