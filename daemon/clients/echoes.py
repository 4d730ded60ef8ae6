"""Supports clients that predict echoes: sends them the screen, and reports which inputs must have been echoed.

A program echoes a key some time after it was typed. So ECHOED names an INPUT some time after the pty accepted it:
before the next output, in the same packet, or alone if no output comes soon. The terminal's flags are sent before the
output that they apply to, so that a password is never predicted.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from sesh import protocol
from sesh.daemon.clients.client import Client
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import Model
from sesh.loop.timers import Timers
from sesh.vt.render.replay import replay

ECHO_TIME = 0.05  # seconds after which a program should have echoed a key (mosh's value)
ALONE = 0.2  # seconds that ECHOED waits for output; then it is sent alone


class Echoes:
    """Reports echoes of one session, if a client predicts. `flags` returns the terminal's (`Pty.flags`)."""

    def __init__(self, log: OutputLog, model: Model, timers: Timers, flags: Callable[[], int]) -> None:
        self._log, self._model, self._timers, self._read_flags = log, model, timers, flags
        self._flags = 0
        self._unreported: dict[Client, deque[tuple[float, int]]] = {}  # INPUT without ECHOED: time, number

    def model(self, client: Client) -> None:
        """Send the screen to a client that starts to predict; an empty one if the emulator cannot catch up."""
        model = self._model
        typed = self._unreported.setdefault(client, deque())
        screen = b""
        if client.gets_output() and model.catch_up() and not model.emulator.in_image:
            screen = replay(model.emulator, lines=0, clear=False)
            client.connection.feed(self._log)
        if len(screen) > protocol.CHUNK:
            screen = b""
        self._report_flags()
        self._send(client, typed[0][1] - 1 if typed else client.last_input)
        client.connection.queue(protocol.numbered(protocol.MODEL, model.position, screen))
        client.connection.flush()

    def typed(self, client: Client, number: int) -> None:
        typed = self._unreported.get(client)
        if typed is not None:
            typed.append((time.monotonic(), number))
            self._timers.ensure(("echo", client.number), ALONE, lambda: self._report_alone(client))

    def _report_alone(self, client: Client) -> None:
        typed, now = self._unreported.get(client), time.monotonic()
        if typed and typed[0][0] + ALONE <= now:
            self._report_flags()
            self._report_echoed(client)
            client.connection.flush()
        if typed:
            self._timers.set(("echo", client.number), typed[0][0] + ALONE - now, lambda: self._report_alone(client))

    def _report_echoed(self, client: Client) -> None:
        typed, now, number = self._unreported.get(client, deque()), time.monotonic(), 0
        while typed and typed[0][0] + ECHO_TIME <= now:
            _, number = typed.popleft()
        if number:
            self._send(client, number)

    def report(self) -> None:
        """Queue flags and echoes for clients that predict; called before output is sent."""
        if self._unreported:
            self._report_flags()
        for client in self._unreported:
            self._report_echoed(client)

    def _report_flags(self) -> None:
        flags = self._read_flags()
        if flags != self._flags:
            self._flags = flags
            for client in self._unreported:
                self._send(client, 0)

    def _send(self, client: Client, number: int) -> None:
        client.connection.queue(protocol.echoed(number, self._log.head, self._flags))

    def forget(self, client: Client) -> None:
        self._unreported.pop(client, None)
        self._timers.clear(("echo", client.number))
