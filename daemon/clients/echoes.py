"""For clients that predict the echo of keys: a model of the screen, and which output holds the echo of which input.

A program echoes some time after it got a key, so INPUT is acknowledged for this purpose some time after the pty took
it. The flags of the terminal go before the output that they hold for: what is typed without echo is not to be shown.
"""

from __future__ import annotations

import time

from sesh import protocol
from sesh.daemon.clients.connection import RAW
from sesh.lean import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.clients.connection import Client
    from sesh.daemon.clients.relay import Relay
    from sesh.daemon.pty.pump import Pump

ECHO_TIME = 0.05
"""Seconds in which a program should have echoed a key (mosh's figure)."""


class Echoes:
    """Loaded for the first client that predicts."""

    def __init__(self, relay: Relay, pump: Pump) -> None:
        self._relay, self._pump, self._timers = relay, pump, relay.timers
        self._flags = 0
        self._taken: dict[Client, deque[tuple[float, int]]] = {}
        """By client that predicts: when its INPUT was taken, and the INPUT's number."""

    def model(self, client: Client) -> None:
        """Sends a client what makes a model of the screen, empty where that cannot be had now; it predicts from now
        on."""
        from sesh.vt.render.replay import replay

        relay, model = self._relay, self._relay.model
        self._taken.setdefault(client, deque())
        screen = b""
        raw = client.mode == RAW and not client.needs
        if raw and model.catch_up() and not model.emulator.in_image:
            screen = replay(model.emulator, lines=0, clear=False)
            client.connection.feed(relay.log)
        if len(screen) > protocol.CHUNK:
            screen = b""
        self._flags = self._terminal()
        self._tell(client, client.last_input if not self._taken[client] else self._taken[client][0][1] - 1)
        client.connection.queue(protocol.numbered(protocol.MODEL, model.position, screen))
        client.connection.flush()

    def taken(self, client: Client, number: int) -> None:
        """The program has this INPUT of a client."""
        taken = self._taken.get(client)
        if taken is not None:
            taken.append((time.monotonic(), number))
            self._timers.ensure(("echo", client.number), ECHO_TIME, lambda: self._tell_echoed(client))

    def _tell_echoed(self, client: Client) -> None:
        taken = self._taken.get(client)
        if not taken:
            return
        now = time.monotonic()
        number = 0
        while taken and now >= taken[0][0] + ECHO_TIME:
            number = taken.popleft()[1]
        if number:
            self._flags = self._terminal()
            self._tell(client, number)
        if taken:
            self._timers.set(("echo", client.number), taken[0][0] + ECHO_TIME - now, lambda: self._tell_echoed(client))

    def tell_flags(self) -> None:
        """Output has come, and is not passed on yet: tells whether it is still the same terminal."""
        flags = self._terminal()
        if flags != self._flags:
            self._flags = flags
            for client in self._taken:
                self._tell(client, 0)

    def _tell(self, client: Client, number: int) -> None:
        client.connection.queue(protocol.echoed(number, self._relay.log.head, self._flags))
        client.connection.flush()

    def forget(self, client: Client) -> None:
        """A client has left."""
        self._taken.pop(client, None)
        self._timers.clear(("echo", client.number))

    def _terminal(self) -> int:
        pty = self._pump.pty
        return pty.flags() if pty is not None else 0
