"""Lets a client's terminal reply to the program's queries, or replies itself."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from sesh.daemon.clients.client import Clients
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.default_replies import reply_to, size_report
from sesh.daemon.screen.model import Model
from sesh.daemon.shell.queue import RunQueue
from sesh.loop.timers import Timers
from sesh.text.sizes import Size
from sesh.vt.queries import Kind, form, reply_form

REPLY_TIME = 0.01  # seconds that the emulator gets in one turn of the loop to catch up for queries
MAX_UNREAD = 64 << 10  # bytes of input that the program has not read; at the limit, replies are dropped
MAX_DUE = 1000  # replies that wait for the emulator; more are dropped
_SIZE_REPORTS = 2048  # mode in which a terminal reports its size when the mode is set and at each resize


class Replier:
    """Chooses who replies to each query; types the daemon's own replies in order."""

    def __init__(self, pump: Pump, model: Model, clients: Clients, timers: Timers, runs: RunQueue) -> None:
        self._pump = pump
        self._model = model
        self._clients = clients
        self._runs = runs
        self._timers = timers
        self._due: deque[tuple[int, Callable[[], bytes]]] = deque()  # positions of the log, and what makes the replies

    def handle(self, kind: Kind, body: bytes, position: int) -> None:
        """Handle a finding that ends at `position` of the log, if it is a query."""
        # If a client's terminal has all output, expect its reply. Else the daemon replies, but not to a TALK, to which
        # only a terminal can.
        client = self._clients.replying(self._pump.log) if kind in (Kind.TALK, Kind.QUERY) else None
        if kind == Kind.STATUS_QUERY:
            self._report_status(body)
        elif kind == Kind.SIZES:
            self._reply_at(position, self._size)
        elif kind == Kind.TALK and client is not None:
            client.replies.queries.open_talk(form(body), time.monotonic())
        elif kind == Kind.QUERY and client is not None:
            client.replies.queries.open(reply_form(body), time.monotonic())
        elif kind == Kind.QUERY:
            self._reply_at(position, lambda: reply_to(body, self._model.emulator))

    def report_size(self, _size: Size) -> None:
        """Report the new size, which the pty has already, if mode 2048 is set."""
        self._reply_at(self._pump.log.head, self._size)
        self._reply_due()  # at once: the key that has changed the leader is typed next

    def _size(self) -> bytes:
        return size_report(self._clients.size) if self._model.emulator.mode(_SIZE_REPORTS) else b""

    def _report_status(self, terminator: bytes) -> None:
        """Reply to a query for OSC 7501 before a terminal replies to a later DA1."""
        # A program that receives the reply to DA1 first never reports. Drop the terminals' own replies to the query.
        for client in self._clients.all:
            if client.gets_output:
                client.replies.queries.open(b"]7501", time.monotonic(), seconds=0)
        if not self._runs.gives_no_replies():
            self._type(b"\x1b]7501;?" + terminator)

    def _reply_at(self, position: int, make: Callable[[], bytes]) -> None:
        """Reply once the emulator is at `position`; the emulator must not delay output."""
        if len(self._due) < MAX_DUE and not self._runs.gives_no_replies():
            self._due.append((position, make))
            self._timers.ensure(self._reply_due, 0)

    def _reply_due(self) -> None:
        """Type due replies in order, up to the position that the emulator has reached."""
        until = time.monotonic() + REPLY_TIME
        while self._due and self._model.catch_up(max(0.0, until - time.monotonic()), self._due[0][0]):
            _, make = self._due.popleft()
            self._type(make())
            if time.monotonic() >= until:
                break
        if self._due:
            self._timers.ensure(self._reply_due, 0)

    def _type(self, reply: bytes) -> None:
        if reply and len(self._pump.unwritten) < MAX_UNREAD:
            self._pump.type(reply, in_line=False)
