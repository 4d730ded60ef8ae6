"""Acknowledges input. For clients that predict echoes: sends them a screen to predict on, and says what was echoed.

An ACK of all input comes `ACK_AFTER` after the first INPUT that has none, and at once after a long INPUT. A program
echoes a key some time after it was typed: so to a client that predicts, each ACK comes `ECHO_TIME` later, with ECHOED.
The terminal's flags are sent before the output that they apply to, so that a password is never predicted.
"""

from __future__ import annotations

from dataclasses import dataclass

from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.clients.client import Client, Clients
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.feed import ScreenFeed
from sesh.vt.render.replay import replay
from sesh.wire import protocol

ACK_AFTER = 0.9
"""Seconds from an INPUT until an ACK of it and of those that followed. A packet for each key would cost as much as the
key, and half as many bytes again as `ssh -C` (`bench.links.wire`)."""
_NOT_TYPED = 64  # bytes of an INPUT that nobody types; it is acknowledged at once, as the next ones may wait for that
ECHO_TIME = 0.05  # seconds after which a program should have echoed a key (mosh's value)


@dataclass
class _Owed:
    """What one client is owed; times are monotonic."""

    ack_at: float = NEVER  # when its last INPUT is to be acknowledged
    number: int = 0  # the INPUT of its next ECHOED
    echoed_at: float = NEVER  # when that is to be sent

    @property
    def due(self) -> float:
        return self.ack_at if self.echoed_at == NEVER else self.echoed_at  # an ACK waits for the ECHOED before


class InputAcks(Part):
    """The acknowledgements that are due, and the clients that predict."""

    def __init__(self, agenda: Agenda, pump: Pump, feed: ScreenFeed, clients: Clients) -> None:
        super().__init__(agenda)
        self._pump = pump
        self._feed = feed
        self._clients = clients
        self._flags = 0
        self._owed: dict[Client, _Owed] = {}
        self.predicting: list[Client] = []
        # `due`: time (monotonic) of the next ACK or ECHOED
        self.held = False  # they wait until the pty has taken all input

    def act(self, now: float) -> None:
        """Send what is due, once the pty has taken all input."""
        if self._pump.unwritten:
            self.due, self.held = NEVER, True
            return
        for client, owed in self._owed.items():
            if owed.echoed_at <= now:
                owed.echoed_at = NEVER
                self.report_flags()
                self._echoed(client, owed.number)
                client.connection.queue(protocol.numbered(protocol.ACK, owed.number, b""))
            if owed.ack_at <= now and owed.echoed_at == NEVER:
                owed.ack_at = NEVER
                if client in self.predicting:
                    owed.number, owed.echoed_at = client.last_input, now + ECHO_TIME
                else:
                    client.connection.queue(protocol.numbered(protocol.ACK, client.last_input, b""))
        self._plan()

    def go_on(self) -> None:
        """Go on with what is held, if the pty has taken all input by now."""
        if not self._pump.unwritten:
            self.held = False
            self._plan()

    def _plan(self) -> None:
        self.due = min([owed.due for owed in self._owed.values()], default=NEVER)

    def owe(self, client: Client, size: int, now: float) -> None:
        """Note a client's last INPUT, of `size` bytes: its ACK is due."""
        self._owe(client, now + ACK_AFTER if size < _NOT_TYPED else now)

    def owe_at_once(self, client: Client) -> None:
        """Note a client's last INPUT, of which nothing is typed: its ACK is due in this turn."""
        self._owe(client, 0.0)

    def _owe(self, client: Client, ack_at: float) -> None:
        owed = self._owed.get(client)
        if owed is None:
            owed = self._owed[client] = _Owed()
        if ack_at < owed.ack_at:
            owed.ack_at = ack_at
            self.due = min(self.due, owed.due)

    def forget(self, client: Client) -> None:
        self._owed.pop(client, None)
        if client in self.predicting:
            self.predicting.remove(client)

    # -- clients that predict

    def send_model(self, client: Client) -> None:
        """Send a replay, empty if the emulator lags, to a client that begins to predict."""
        feed = self._feed
        number = 0
        if client not in self.predicting:
            self.predicting.append(client)
            number = client.last_input
        content = b""
        # Only where the client was sent all output: the screen follows it.
        if self._clients.shows(client, self._pump.log.head) and feed.catch_up() and not feed.emulator.in_image:
            content = replay(feed.emulator, lines=0, clear=False)
        if len(content) > protocol.CHUNK:
            content = b""
        self.report_flags()
        self._echoed(client, number)
        client.connection.queue(protocol.numbered(protocol.MODEL, feed.position, content))

    def report_flags(self) -> None:
        """Queue the terminal's flags if they have changed; called before output is sent."""
        flags = self._pump.pty.flags()
        if flags != self._flags:
            self._flags = flags
            for client in self.predicting:
                self._echoed(client, 0)

    def _echoed(self, client: Client, number: int) -> None:
        client.connection.queue(protocol.echoed(number, self._pump.log.head, self._flags))
