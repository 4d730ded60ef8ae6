"""Who answers a program's queries: the terminal of the client that typed last, or the daemon where there is none."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from sesh.daemon.clients.registry import Clients
from sesh.daemon.pty.answers import answer, needs_terminal
from sesh.daemon.pty.pump import MAX_ANSWERS, Pump
from sesh.daemon.screen.model import Model
from sesh.loop.timers import Timers

ANSWER_TIME = 0.01
"""Seconds of a turn in which the emulator is fed so that a query can be answered."""
MAX_STATUS_ANSWERS = 16
"""Answers to queries for OSC 7501 in one block of output."""
MAX_UNANSWERED = 1000
"""Queries that wait for the emulator; those beyond are not answered."""


class Answering:
    """The queries of one session. `refuses` tells whether none is answered now, as a command of `--run` is typed."""

    def __init__(self, pump: Pump, model: Model, clients: Clients, timers: Timers, refuses: Callable[[], bool]) -> None:
        self._pump, self._model, self._clients, self._timers = pump, model, clients, timers
        self._refuses = refuses
        self._waiting: deque[tuple[str, bytes, int]] = deque()
        """Queries that wait for the emulator: kind, body, and the position behind them."""
        self._asked_status = 0
        """How often this block has asked for OSC 7501."""

    def begin_block(self) -> None:
        """Note that what comes now stands in another block."""
        self._asked_status = 0

    def query(self, kind: str, body: bytes, position: int) -> None:
        """Leave a query to a client's terminal, or have it answered by `answer`."""
        client = self._clients.answering(self._pump.log)
        if client is not None:
            client.replies.expect(kind, time.monotonic())
        elif len(self._waiting) < MAX_UNANSWERED and not self._refuses():
            self._waiting.append((kind, body, position))

    def status(self, terminator: bytes) -> None:
        """Answer a query for OSC 7501 before anybody can answer the DA1 that comes behind it.

        A program that gets that first, or nothing, reports nothing as long as it runs. The replies of terminals are
        dropped.
        """
        for client in self._clients.all:
            if client.fed():
                client.replies.expect("status query", time.monotonic())
        pump = self._pump
        self._asked_status += 1
        full = self._asked_status > MAX_STATUS_ANSWERS or pump.input.waiting("answers") >= MAX_ANSWERS
        if not (full or self._refuses()):
            pump.type("answers", b"\x1b]7501;?" + terminator)

    def answer(self) -> None:
        """Answer queries in their order. One that the emulator has not come to yet waits, and all after it."""
        until = time.monotonic() + ANSWER_TIME
        while self._waiting:
            kind, body, position = self._waiting[0]
            terminal = None
            if needs_terminal(kind):
                if not self._model.reach(position, max(0.0, until - time.monotonic())):
                    break
                terminal = self._model.emulator
            self._waiting.popleft()
            reply = answer(kind, body, terminal)
            if reply and self._pump.input.waiting("answers") < MAX_ANSWERS:
                self._pump.type("answers", reply)
            if time.monotonic() >= until:
                break
        if self._waiting:
            self._timers.ensure("answers", 0, self.answer)
