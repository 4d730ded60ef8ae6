"""Lets a client's terminal reply to the program's queries, or replies itself."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import NamedTuple

from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.clients.client import Client, Clients
from sesh.daemon.clients.reply_filter import OPEN_FOR
from sesh.daemon.pty.pump import Finding, Pump
from sesh.daemon.screen.default_replies import reply_to, size_report
from sesh.daemon.screen.feed import ScreenFeed
from sesh.daemon.shell.queue import RunQueue
from sesh.vt.queries import Kind, form, reply_form
from sesh.wire import protocol

REPLY_TIME = 0.01  # seconds that the emulator gets in one turn to catch up for queries
MAX_UNREAD = 64 << 10  # bytes of input that the program has not read; at the limit, replies are dropped
MAX_DUE = 1000  # replies that wait for the emulator; more are dropped
SIZE_REPORTS = 2048  # mode in which a terminal reports its size when the mode is set and at each resize


class DueReply(NamedTuple):
    """A reply of the daemon's own, which the emulator makes at a position of the log."""

    position: int
    query: bytes  # empty for a report of the size


class _Asked(NamedTuple):
    """A query to which a client's terminal may reply until a time (monotonic)."""

    query: Finding
    client: Client
    until: float


class QueryRouter(Part):
    """Chooses who replies to each query; types the daemon's own replies in order."""

    def __init__(self, agenda: Agenda, pump: Pump, feed: ScreenFeed, clients: Clients, runs: RunQueue) -> None:
        super().__init__(agenda)
        self._pump = pump
        self._feed = feed
        self._clients = clients
        self._runs = runs
        self.new: list[Finding] = []  # queries of this turn
        self.asked: list[_Asked] = []  # those without a reply
        self._due: deque[DueReply] = deque()
        # `due`: time (monotonic) at which the daemon's own replies are to be made: at once, if any are due

    @property
    def state(self) -> list[DueReply]:
        """What a reload keeps; the terminals that were asked come back, and may still reply."""
        return list(self._due)

    @state.setter
    def state(self, state: list[DueReply]) -> None:
        self._due = deque(state)
        self._plan()

    def _plan(self) -> None:
        self.due = 0.0 if self._due else NEVER

    def act(self, _now: float) -> None:
        """Type due replies in order, up to the position that the emulator has reached."""
        until = time.monotonic() + REPLY_TIME
        while self._due and self._feed.catch_up(max(0.0, until - time.monotonic()), self._due[0].position):
            query = self._due.popleft().query
            self._type(reply_to(query, self._feed.emulator) if query else self._size())
            if time.monotonic() >= until:
                break
        self._plan()

    def note(self, finding: Finding) -> None:
        """Note a query. One for the status is replied to at once, before a terminal replies to a later DA1."""
        if finding.kind == Kind.STATUS_QUERY:
            self._report_status(finding.body)
        else:
            self.new.append(finding)

    def route(self, now: float) -> None:
        """Choose who replies to this turn's queries, once the clients were sent what is due to them.

        A query whose client has left before its terminal has replied is asked again.
        """
        new, asked = self.new, [each for each in self.asked if now < each.until]
        self.new, self.asked = [], []
        rest: Counter[tuple[Client, bytes]] = Counter()  # by client and form of the reply: terminals reply in order
        for each in reversed(asked):
            form_of_reply = reply_form(each.query.body)
            rest[each.client, form_of_reply] += 1
            if rest[each.client, form_of_reply] <= each.client.reply_filter.queries.unanswered(form_of_reply):
                self.asked.insert(0, each)
        for each in [each for each in self.asked if each.client not in self._clients.all]:
            self.asked.remove(each)
            self._ask_again(each.query, now)
        for query in new:
            self._ask(query, now)

    def _ask(self, query: Finding, now: float) -> None:
        """Expect the reply of the client used last whose terminal has the query; else let the daemon reply."""
        client = self._clients.last_showing(query.position)
        if client is not None:
            self._expect(client, query, now)
        elif query.kind == Kind.QUERY:
            self._reply_at(query.position, query.body)
        elif (leader := self._clients.leader) is not None and leader.place is not None:
            self._expect(leader, query, now)  # to a TALK only a terminal can reply, and this one will have it

    def _ask_again(self, query: Finding, now: float) -> None:
        """Send a query to another terminal, or let the daemon reply."""
        client = self._clients.last_showing(query.position)
        if client is None or client.place is None or client.screen or client.redraw_number != client.answered_number:
            if query.kind == Kind.QUERY:
                self._reply_at(query.position, query.body)
            return
        client.connection.queue(protocol.screen_frame(client.place.sent, client.redraw_number, query.body))
        client.note_sent(len(query.body), client.place.sent, now)
        self._expect(client, query, now)

    def _expect(self, client: Client, query: Finding, now: float) -> None:
        if query.kind == Kind.TALK:
            client.reply_filter.queries.open_talk(form(query.body), now)
            return
        client.reply_filter.queries.open(reply_form(query.body), now)
        if len(self.asked) < MAX_DUE:
            self.asked.append(_Asked(query, client, now + OPEN_FOR))

    def report_size_at(self, position: int) -> None:
        """Report the size once the emulator is at a position of the log, if mode 2048 is set there."""
        self._reply_at(position, b"")

    def report_size(self) -> None:
        """Report the new size, which the pty has already, if mode 2048 is set."""
        self.report_size_at(self._pump.log.head)
        self.act(0.0)  # at once: the key that has changed the leader is typed next

    def _size(self) -> bytes:
        return size_report(self._clients.size) if self._feed.emulator.mode(SIZE_REPORTS) else b""

    def _report_status(self, terminator: bytes) -> None:
        """Reply to a query for OSC 7501 before a terminal replies to a later DA1."""
        # A program that receives the reply to DA1 first never reports. Drop the terminals' own replies to the query.
        for client in self._clients.all:
            if client.in_step(self._clients.size):
                client.reply_filter.queries.open(b"]7501", time.monotonic(), seconds=0)
        if not self._runs.gives_no_replies():
            self._type(b"\x1b]7501;?" + terminator)

    def _reply_at(self, position: int, query: bytes) -> None:
        """Reply once the emulator is at `position`; the emulator must not delay output."""
        if len(self._due) < MAX_DUE and not self._runs.gives_no_replies():
            self._due.append(DueReply(position, query))
            self._plan()

    def _type(self, reply: bytes) -> None:
        if reply and len(self._pump.unwritten) < MAX_UNREAD:
            self._pump.type(reply, counts=False)
