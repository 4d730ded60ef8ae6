"""Answers a program's queries: by the terminal of the client that typed last, or without one by the daemon."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from sesh.daemon.clients.registry import Clients
from sesh.daemon.pty.answers import answer, size_report
from sesh.daemon.pty.pump import MAX_ANSWERS, Pump
from sesh.daemon.screen.model import Model
from sesh.loop.timers import Timers
from sesh.query_forms import form, reply_form

ANSWER_TIME = 0.01
"""Seconds of a turn in which the emulator is fed so that a query can be answered."""
MAX_UNANSWERED = 1000
_SIZE_REPORTS = 2048
"""The mode in which a terminal reports its size when that changes, and when the mode is set."""


class Answering:
    """The queries of one session. `refuses` tells whether none is answered now, as a command of `--run` is typed."""

    def __init__(self, pump: Pump, model: Model, clients: Clients, timers: Timers, refuses: Callable[[], bool]) -> None:
        self._pump, self._model, self._clients, self._timers = pump, model, clients, timers
        self._refuses = refuses
        self._waiting: deque[tuple[bytes, int]] = deque()
        """Queries that wait for the emulator, each with the position behind it; an empty one asks for the size."""

    def found(self, kind: str, body: bytes, position: int) -> None:
        """Handle a finding of one of `queries.ASKING`, which ends before `position`.

        A query is for a client's terminal, if one can answer, or for `answer`. Only a terminal can answer a `talk`.
        """
        client = self._clients.answering(self._pump.log)
        if kind == "status query":
            self._status(body)
        elif kind == "sizes":
            self._wait(b"", position)
        elif kind == "talk" and client is not None:
            client.replies.queries.converse(form(body), time.monotonic())
        elif client is not None:
            client.replies.queries.ask(reply_form(body), time.monotonic())
        elif kind == "query":
            self._wait(body, position)

    def resized(self) -> None:
        """Report the size, which the pty has by now, if the program wants that."""
        self._wait(b"", self._pump.log.head)
        self.answer()

    def _wait(self, query: bytes, position: int) -> None:
        if len(self._waiting) < MAX_UNANSWERED and not self._refuses():
            self._waiting.append((query, position))

    def _status(self, terminator: bytes) -> None:
        """Answer a query for OSC 7501 before anybody can answer the DA1 that comes behind it.

        A program that gets that first, or nothing, reports nothing as long as it runs. The replies of terminals are
        dropped.
        """
        for client in self._clients.all:
            if client.fed():
                client.replies.queries.ask(b"]7501", time.monotonic(), seconds=0)
        if not self._refuses():
            self._reply(b"\x1b]7501;?" + terminator)

    def answer(self) -> None:
        """Answer queries in their order. One that the emulator has not come to yet waits, and all after it."""
        until = time.monotonic() + ANSWER_TIME
        while self._waiting:
            query, position = self._waiting[0]
            if not self._model.catch_up(max(0.0, until - time.monotonic()), position):
                break
            self._waiting.popleft()
            reply = answer(query, self._model.emulator) if query else self._size()
            self._reply(reply)
            if time.monotonic() >= until:
                break
        if self._waiting:
            self._timers.ensure("answers", 0, self.answer)

    def _reply(self, reply: bytes) -> None:
        if reply and self._pump.input.waiting("answers") < MAX_ANSWERS:
            self._pump.type("answers", reply)

    def _size(self) -> bytes:
        """Return the report of the size that the pty has now; empty if the program does not want it."""
        return size_report(self._clients.size) if self._model.emulator.mode(_SIZE_REPORTS) else b""
