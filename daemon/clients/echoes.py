"""Supports clients that predict echoes: sends screens, and reports inputs whose echo is due.

A program echoes a key some time after it was typed. So ECHOED names an INPUT only `ECHO_TIME` after the pty accepted
it; ACK comes with it. The terminal's flags are sent before the output that they apply to, so that a password is never
predicted.
"""

from __future__ import annotations

from sesh import protocol
from sesh.daemon.clients.client import Client
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.model import Model
from sesh.vt.render.replay import replay

ECHO_TIME = 0.05  # seconds after which a program should have echoed a key (mosh's value)


class Echoes:
    def __init__(self, pump: Pump, model: Model) -> None:
        self._pump, self._model = pump, model
        self._flags = 0
        self._predicting: set[Client] = set()

    def send_model(self, client: Client) -> None:
        """Send the screen, empty if the emulator lags, to a client that begins to predict."""
        model = self._model
        self._predicting.add(client)
        screen = b""
        if client.gets_output() and model.catch_up() and not model.emulator.in_image:
            screen = replay(model.emulator, lines=0, clear=False)
            client.connection.send_output(self._pump.log)
        if len(screen) > protocol.CHUNK:
            screen = b""
        self.report_flags()
        self._send(client, client.echoed)
        client.connection.queue(protocol.numbered(protocol.MODEL, model.position, screen))
        client.connection.flush()

    def report(self, client: Client, number: int) -> None:
        """Note that the echoes up to INPUT `number` are due; tell the client if it predicts."""
        client.echoed = number
        if client in self._predicting:
            self.report_flags()
            self._send(client, number)

    def report_flags(self) -> None:
        """Queue changed flags; called before output is sent."""
        if not self._predicting:
            return
        flags = self._pump.pty.flags() if self._pump.pty is not None else 0
        if flags != self._flags:
            self._flags = flags
            for client in self._predicting:
                self._send(client, 0)

    def _send(self, client: Client, number: int) -> None:
        client.connection.queue(protocol.echoed(number, self._pump.log.head, self._flags))

    def forget(self, client: Client) -> None:
        self._predicting.discard(client)
