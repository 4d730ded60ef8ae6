"""Acknowledges input; sends clients that predict echoes screens, and reports inputs whose echo is due.

A program echoes a key some time after it was typed. So ECHOED names an INPUT only `ECHO_TIME` after the pty accepted
it, with an ACK. The terminal's flags are sent before the output that they apply to, so that a password is never
predicted.
"""

from __future__ import annotations

import time
from collections import deque

from sesh import protocol
from sesh.daemon.clients.client import Client, DueAck
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.model import Model
from sesh.loop.timers import Timers
from sesh.vt.render.replay import replay

ACK_AFTER = 0.7
"""Seconds from an INPUT until its ACK goes with output. A packet for each key would cost as much as the key, and half
as many bytes again as `ssh -C` (`bench.links.wire`)."""
ACK_ALONE_AFTER = 0.3  # seconds without a key after which an ACK is sent alone
_MOST_UNACKNOWLEDGED = protocol.INPUT_WINDOW >> 3  # bytes of INPUT after which an ACK is sent at once
ECHO_TIME = 0.05  # seconds after which a program should have echoed a key (mosh's value)


class Echoes:
    """The clients that predict, and the INPUT of each whose echo is not reported."""

    def __init__(self, pump: Pump, model: Model, timers: Timers) -> None:
        self._pump = pump
        self._model = model
        self._timers = timers
        self._flags = 0
        self._unreported: dict[Client, deque[tuple[float, int]]] = {}  # INPUT without ECHOED: time, number

    def send_model(self, client: Client) -> None:
        """Send a replay, empty if the emulator lags, to a client that begins to predict."""
        model = self._model
        typed = self._unreported.setdefault(client, deque())
        content = b""
        if client.gets_output and model.catch_up() and not model.emulator.in_image:
            content = replay(model.emulator, lines=0, clear=False)
            client.connection.send_output(self._pump.log)
        if len(content) > protocol.CHUNK:
            content = b""
        self.report_flags()
        first_unreported = typed[0][1] if typed else client.last_input + 1
        self._send(client, first_unreported - 1)
        client.connection.queue(protocol.numbered(protocol.MODEL, model.position, content))
        client.connection.flush()

    def note_taken(self, client: Client, number: int, size: int, *, at_once: bool = False) -> None:
        """Acknowledge an INPUT: at once, with later output, or alone in a pause of typing."""
        now = time.monotonic()
        due = client.due_ack = client.due_ack or DueAck(now + ACK_AFTER)
        due.number = number
        due.size += size
        typed = self._unreported.get(client)
        if typed is not None:
            typed.append((now, number))
        if at_once or due.size >= _MOST_UNACKNOWLEDGED:
            self.acknowledge(client)
        self._timers.set(self.acknowledge, ACK_ALONE_AFTER, client)

    def report_flags(self) -> None:
        """Queue the terminal's flags if they have changed; called before output is sent."""
        flags = self._pump.pty.flags() if self._unreported and self._pump.pty is not None else 0
        if flags != self._flags:
            self._flags = flags
            for client in self._unreported:
                self._send(client, 0)

    def acknowledge(self, client: Client) -> None:
        """Queue the ACK that is due; before it, the echoes, if the client predicts."""
        typed = self._unreported.get(client)
        if typed:
            self.report_flags()
            until = time.monotonic() - ECHO_TIME
            number = 0
            while typed and typed[0][0] <= until:
                _, number = typed.popleft()
            if number:
                self._send(client, number)
        if client.due_ack is not None:
            client.connection.queue(protocol.numbered(protocol.ACK, client.due_ack.number, b""))
            client.due_ack = None

    def _send(self, client: Client, number: int) -> None:
        client.connection.queue(protocol.echoed(number, self._pump.log.head, self._flags))

    def forget(self, client: Client) -> None:
        self._unreported.pop(client, None)
        self._timers.clear(self.acknowledge, client)
