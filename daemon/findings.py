"""Handles findings of the query scanner: queries, titles, bells, notifications, states, prompt marks.

The terminal of the client that typed last answers a query. If no client can, the daemon does.
"""

from __future__ import annotations

import time
from collections import deque

from sesh import wording
from sesh.daemon.activity.activity import Activity
from sesh.daemon.base.timer import Timer
from sesh.daemon.clients.client import Client, Clients
from sesh.daemon.events import Events
from sesh.daemon.pty.answers import answer, size_report
from sesh.daemon.pty.pump import MAX_ANSWERS, Pump, Writer
from sesh.daemon.screen.model import Model
from sesh.daemon.shell.command_marks import CommandMarks
from sesh.daemon.shell.queue import RunQueue
from sesh.loop.timers import Timers
from sesh.measures import Size
from sesh.queries import Finding, bounded, form, reply_form

ANSWER_TIME = 0.01  # seconds that the emulator gets in one turn of the loop to catch up for queries
MAX_UNANSWERED = 1000  # queries that wait for the emulator; more are dropped
_SIZE_REPORTS = 2048  # mode in which a terminal reports its size when the mode is set and at each resize
MAX_TITLE = 1024
_MOST_PARTS = 8  # parts of one notification (OSC 99); more are dropped


class Answering:
    """Answers the queries of one session."""

    def __init__(self, pump: Pump, model: Model, clients: Clients, timers: Timers, runs: RunQueue) -> None:
        self._pump, self._model = pump, model
        self._clients, self._runs = clients, runs
        self._timers = timers
        self._waiting: deque[tuple[bytes, int]] = deque()  # queries with their ends in the log; b"" asks for the size

    def handle(self, findings: list[Finding], start: int) -> None:
        """Handle the queries of a block that starts at position `start` of the log, and was sent to the clients.

        If a client's terminal has all of it, expect its reply. Else queue the query for the daemon to answer, but drop
        a `talk`, which only a terminal can answer.
        """
        client = self._clients.answering(self._pump.log)
        for kind, body, end in bounded(findings):
            self._ask(client, kind, body, start + end)

    def _ask(self, client: Client | None, kind: str, body: bytes, position: int) -> None:
        if kind == "status query":
            self._report_status(body)
        elif kind == "sizes":
            self._wait(b"", position)
        elif kind == "talk" and client is not None:
            client.replies.queries.converse(form(body), time.monotonic())
        elif kind == "query" and client is not None:
            client.replies.queries.ask(reply_form(body), time.monotonic())
        elif kind == "query":
            self._wait(body, position)

    def resized(self, _size: Size) -> None:
        """Report the new size if the program has asked for reports (mode 2048); the pty has that size already."""
        self._wait(b"", self._pump.log.head)
        self._answer()  # at once: the key that has changed the leader is typed next

    def _wait(self, query: bytes, position: int) -> None:
        if len(self._waiting) < MAX_UNANSWERED and not self._runs.no_answers():
            self._waiting.append((query, position))
            self._timers.ensure(Timer.ANSWERS, 0, self._answer)  # soon: the emulator must not delay output

    def _report_status(self, terminator: bytes) -> None:
        """Answer a query for OSC 7501 at once, before any terminal can answer the DA1 that follows it.

        A program that receives the answer to DA1 first never reports. Drop the terminals' own replies to the query.
        """
        for client in self._clients.all:
            if client.gets_output():
                client.replies.queries.ask(b"]7501", time.monotonic(), seconds=0)
        if not self._runs.no_answers():
            self._reply(b"\x1b]7501;?" + terminator)

    def _answer(self) -> None:
        """Answer queries in order; stop at the first that the emulator has not reached."""
        until = time.monotonic() + ANSWER_TIME
        while self._waiting:
            query, position = self._waiting[0]
            if not self._model.catch_up(max(0.0, until - time.monotonic()), position):
                break
            self._waiting.popleft()
            emulator = self._model.emulator
            if query:
                self._reply(answer(query, emulator))
            elif emulator.mode(_SIZE_REPORTS):
                self._reply(size_report(self._clients.size))
            if time.monotonic() >= until:
                break
        if self._waiting:
            self._timers.ensure(Timer.ANSWERS, 0, self._answer)

    def _reply(self, reply: bytes) -> None:
        """Type an answer, unless it is empty or too many bytes of answers are unread."""
        if reply and self._pump.input.waiting(Writer.ANSWERS) < MAX_ANSWERS:
            self._pump.type(Writer.ANSWERS, reply)


class Findings:
    """Handles the findings of one session."""

    def __init__(self, activity: Activity, marks: CommandMarks, pump: Pump, events: Events) -> None:
        self._activity, self.marks, self._pump, self._events = activity, marks, pump, events
        self._parts: list[bytes] = []  # parts of an incomplete notification
        self.title = ""
        self.titled_by = 0  # the process group that has set the title

    def handle(self, findings: list[Finding], start: int) -> None:
        """Handle the findings of a block that starts at position `start` of the log, except its queries."""
        for kind, body, end in bounded(findings):
            self._handle(kind, body, start + end)

    def _handle(self, kind: str, body: bytes, position: int) -> None:
        if kind == "title":
            self.titled_by = self._pump.foreground
            before = self.title
            self.title = _printable(body)
            if self.title != before:
                self._events.add("title", title=self.title)
        elif kind == "bell":
            self._events.add("bell")
        elif kind == "notification_part":
            self._parts = [*self._parts, body][:_MOST_PARTS]
        elif kind == "notification":
            parts, self._parts = [*self._parts, body], []
            if text := _printable(b": ".join(filter(None, parts))):
                self._events.add("notification", text=text)
                self._activity.declare("waiting", text)
        elif kind == "status":
            self._activity.reported(body, position)
        elif kind == "ris":
            self._activity.reset(position)
        elif kind == "progress":
            self._activity.progressed(body)
        elif kind == "mark":
            self._activity.marked(body, position)
            self.marks.handle(body, position)


def _printable(body: bytes) -> str:
    """Return a program's text without control characters, truncated."""
    return wording.plain(body.decode("utf-8", "replace"))[:MAX_TITLE]
