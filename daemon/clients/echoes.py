"""Acknowledges input; sends clients that predict echoes screens, and reports inputs whose echo is due.

A program echoes a key some time after it was typed. So the ACK of a client that predicts waits for `ECHO_TIME`, and
goes with ECHOED. The terminal's flags are sent before the output that they apply to, so that a password is never
predicted.
"""

from __future__ import annotations

from sesh.daemon.clients.client import Client, Clients
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.model import Model
from sesh.loop.timers import Timers
from sesh.vt.render.replay import replay
from sesh.wire import protocol

ACK_AFTER = 0.9
"""Seconds from an INPUT until an ACK of it and of those that followed. A packet for each key would cost as much as the
key, and half as many bytes again as `ssh -C` (`bench.links.wire`)."""
_NOT_TYPED = 64  # bytes of an INPUT that nobody types; it is acknowledged at once, as the next ones may wait for that
ECHO_TIME = 0.05  # seconds after which a program should have echoed a key (mosh's value)


class Echoes:
    """The ACKs that are due, and the clients that predict."""

    def __init__(self, pump: Pump, model: Model, clients: Clients, timers: Timers) -> None:
        self._pump = pump
        self._model = model
        self._clients = clients
        self._timers = timers
        self._flags = 0
        self._due: dict[Client, int] = {}  # the INPUT of the next ECHOED to each client that predicts

    def send_model(self, client: Client) -> None:
        """Send a replay, empty if the emulator lags, to a client that begins to predict."""
        model = self._model
        number = 0 if client in self._due else client.last_input
        self._due.setdefault(client, 0)
        content = b""
        if client.gets_output and model.catch_up() and not model.emulator.in_image:
            content = replay(model.emulator, lines=0, clear=False)
            client.connection.send_output(self._pump.log)
        if len(content) > protocol.CHUNK:
            content = b""
        self.report_flags()
        self._send(client, number)
        client.connection.queue(protocol.numbered(protocol.MODEL, model.position, content))
        client.connection.flush()

    def note_input(self, client: Client, size: int) -> None:
        """Note a client's last INPUT, of `size` bytes: its ACK is due."""
        if size < _NOT_TYPED:
            self._timers.ensure(self.acknowledge, ACK_AFTER, client)
        else:
            self.acknowledge(client)

    def acknowledge_all(self) -> None:
        """Acknowledge all input, which the pty has just taken."""
        for client in self._clients.all:
            self.acknowledge(client)

    def report_flags(self) -> None:
        """Queue the terminal's flags if they have changed; called before output is sent."""
        flags = self._pump.pty.flags() if self._due else 0
        if flags != self._flags:
            self._flags = flags
            for client in self._due:
                self._send(client, 0)

    def acknowledge(self, client: Client) -> None:
        """Queue an ACK once the pty has all input; before it ECHOED, if due."""
        if self._pump.unwritten:
            return  # see `acknowledge_all`
        if client not in self._due:
            client.connection.queue(protocol.numbered(protocol.ACK, client.last_input, b""))
        elif self._timers.is_set(self._report, client):
            self._timers.set(self.acknowledge, ECHO_TIME, client)
        else:
            self._due[client] = client.last_input
            self._timers.set(self._report, ECHO_TIME, client)

    def _report(self, client: Client) -> None:
        """Queue ECHOED and ACK of the input that was due `ECHO_TIME` ago."""
        number = self._due[client]
        self.report_flags()
        self._send(client, number)
        client.connection.queue(protocol.numbered(protocol.ACK, number, b""))

    def _send(self, client: Client, number: int) -> None:
        client.connection.queue(protocol.echoed(number, self._pump.log.head, self._flags))

    def forget(self, client: Client) -> None:
        self._due.pop(client, None)
        self._timers.clear(self.acknowledge, client)
        self._timers.clear(self._report, client)
