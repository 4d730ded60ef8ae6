"""Echoes for clients that predict them: a model of the screen, and which output holds the echo of which input.

A program echoes a key some time after it got it, so ECHOED names an INPUT some time after the pty took it. The flags of
the terminal go before the output that they hold for: what is typed without echo is not to be shown.
"""

from __future__ import annotations

import time

from sesh import protocol
from sesh.daemon.clients.connection import RAW
from sesh.lean import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.daemon.clients.connection import Client, Connection
    from sesh.daemon.pty.output_log import OutputLog
    from sesh.daemon.screen.model import Model
    from sesh.loop.timers import Timers

ECHO_TIME = 0.05
"""Seconds in which a program should have echoed a key (mosh's figure)."""
RIDE_TIME = 0.1
"""Seconds more for which an ECHOED that is not urgent may wait for output to go along with."""
_SEARCHED = 4 << 10
"""Bytes of output in which an echo is looked for."""


class Echoes:
    """The echoes of one session, made for the first client that predicts. `flags` returns those of the terminal."""

    def __init__(self, log: OutputLog, model: Model, timers: Timers, flags: Callable[[], int]) -> None:
        self._log, self._model, self._timers, self._read_flags = log, model, timers, flags
        self._flags = 0
        self._unechoed: set[Client] = set()
        """Clients whose last text was not echoed."""
        self._told: dict[Client, int] = {}
        """Number of the last INPUT that each client was told of."""
        self._taken: dict[Client, deque[tuple[float, int, bytes, int]]] = {}
        """Every INPUT of each client that predicts: when it was taken, its number, its keys, the log's head then."""

    def model(self, client: Client) -> None:
        """Sends a model of the screen to a client that predicts from now on; an empty one if that cannot be had now."""
        from sesh.vt.render.replay import replay

        model = self._model
        taken = self._taken.setdefault(client, deque())
        screen = b""
        raw = client.mode == RAW and not client.needs
        if raw and model.catch_up() and not model.emulator.in_image:
            screen = replay(model.emulator, lines=0, clear=False)
            client.connection.feed(self._log)
        if len(screen) > protocol.CHUNK:
            screen = b""
        self.tell_flags()
        self._told.pop(client, None)
        self._tell(client, taken[0][1] - 1 if taken else client.last_input)  # `_tell_echoed` tells of the rest
        client.connection.queue(protocol.numbered(protocol.MODEL, model.position, screen))
        client.connection.flush()

    def taken(self, client: Client, number: int, keys: bytes) -> None:
        """Notes that the program has this INPUT of a client."""
        taken = self._taken.get(client)
        if taken is not None:
            taken.append((time.monotonic(), number, keys, self._log.head))
            self._timers.ensure(("echo", client.number), ECHO_TIME, lambda: self._tell_echoed(client))

    def _tell_echoed(self, client: Client) -> None:
        taken = self._taken.get(client)
        if not taken:
            return
        now, connection = time.monotonic(), client.connection
        number, urgent = 0, False
        while taken and now >= taken[0][0] + ECHO_TIME:
            _, number, keys, head = taken.popleft()
            urgent = self._urgent(client, keys, head) or urgent
        self.tell_flags()
        if number and urgent:
            self._tell(client, number)
        elif number:
            if not connection.before_output:
                self._timers.set(("ride", client.number), RIDE_TIME, lambda: self._send(connection))
            connection.before_output += self._echoed(client, number)
        if taken:
            self._timers.set(("echo", client.number), taken[0][0] + ECHO_TIME - now, lambda: self._tell_echoed(client))

    def _urgent(self, client: Client, keys: bytes, head: int) -> bool:
        """Returns whether a client has to know at once: it may show a wrong guess of these keys, or guesses nothing
        until then.

        No if the output since contains the text, or if earlier text was not echoed: then the client draws no guess.
        """
        if not keys or not keys.isascii() or not keys.decode().isprintable():
            return True
        log = self._log
        if keys.isspace():  # its echo may be no more than a move of the cursor
            return log.head == head
        if keys in log.bytes(head, min(log.head, head + _SEARCHED)):
            self._unechoed.discard(client)
            return False
        if client in self._unechoed:
            return False
        self._unechoed.add(client)
        return True

    def tell_flags(self) -> None:
        """Tells the clients that predict of changed flags of the terminal; called before output is passed on."""
        flags = self._read_flags()
        if flags != self._flags:
            self._flags = flags
            for client in self._taken:
                self._tell(client, 0)

    def _tell(self, client: Client, number: int) -> None:
        client.connection.before_output += self._echoed(client, number)
        self._send(client.connection)

    def _send(self, connection: Connection) -> None:
        """Sends the frames that waited for output to go along with."""
        connection.queue(connection.before_output)
        connection.before_output = b""
        connection.flush()

    def _echoed(self, client: Client, number: int) -> bytes:
        """Makes the frame, empty if its content follows from the last one."""
        before, head = self._told.get(client), self._log.head
        if number:
            self._told[client] = number
        if client.brief and before is not None and number == before + 1 and client.position == head:
            return protocol.frame(protocol.ECHOED)
        return protocol.echoed(number, head, self._flags)

    def forget(self, client: Client) -> None:
        """Forgets a client that has left."""
        self._taken.pop(client, None)
        self._told.pop(client, None)
        self._unechoed.discard(client)
        client.connection.before_output = b""
        self._timers.clear(("echo", client.number))
        self._timers.clear(("ride", client.number))
