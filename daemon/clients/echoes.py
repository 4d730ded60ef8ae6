"""Echoes for clients that predict them: a model of the screen, and which output holds the echo of which input.

A program echoes a key some time after it got it, so ECHOED names an INPUT some time after the pty took it. The flags of
the terminal go before the output that they hold for: what is typed without echo is not to be shown.

A frame alone costs a link as much as a key, so ECHOED goes along with the next output where the client shows nothing
that it may have to take back: the client judges its guesses before that output changes the screen.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable

from sesh import protocol
from sesh.daemon.clients.connection import RAW, Client, Connection
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import Model
from sesh.loop.timers import Timers
from sesh.vt.render.replay import replay

ECHO_TIME = 0.05
"""Seconds in which a program should have echoed a key (mosh's figure)."""
LATE_TIME, SLOW_TIME = 0.15, 5.0
"""The same while the program, or the machine, is slow: for a key that no output has followed; and for so long after one
that none had followed in time."""
DOUBT_TIME, RIDE_TIME = 0.2, 2.0
"""Seconds more for which an ECHOED may wait for output to go along with: if a wrong guess may be shown until then, and
if not. Clients give up guesses that are not acknowledged in three seconds."""
_SEARCHED = 4 << 10
"""Bytes of output in which an echo is looked for."""
_MOVING = (b" ", b"\x1b[D", b"\x1bOD", b"\x1b[C", b"\x1bOC", b"\x7f", b"\x08")
"""Keys whose echo may be no more than a move of the cursor; clients guess at no others beside text."""
_STILL = re.compile(rb"(?:\x1b\[[?0-9;]*[hlm])*")
"""Output that moves no cursor: behind it comes the echo."""
_MOVES = re.compile(rb"(?:\x1b\[[?0-9;]*[A-Za-z]|[\b ])+")
"""Output that moves the cursor and erases, as after a key that does so."""


class Echoes:
    """The echoes of one session, made for the first client that predicts. `flags` returns those of the terminal."""

    def __init__(self, log: OutputLog, model: Model, timers: Timers, flags: Callable[[], int]) -> None:
        self._log, self._model, self._timers, self._read_flags = log, model, timers, flags
        self._flags = 0
        self._slow_until = 0.0
        self._idle: dict[Client, float] = {}
        """Clients that draw no guess, as no text was echoed since a key of unknown effect, or since text that was not:
        the seconds that they can wait."""
        self._hurried: set[Client] = set()
        """Clients that typed on before they could be told: their guesses may start from output of later keys."""
        self._told: dict[Client, int] = {}
        """Number of the last INPUT that each client was told of."""
        self._taken: dict[Client, deque[tuple[float, int, bytes, int]]] = {}
        """Every INPUT of each client that predicts: when it was taken, its number, its keys, the log's head then."""

    def model(self, client: Client) -> None:
        """Sends a model of the screen to a client that predicts from now on; an empty one if that cannot be had now."""
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
        now, number, patience = time.monotonic(), 0, RIDE_TIME
        while taken and self._due(*taken[0]) <= now:
            _, number, keys, head = taken.popleft()
            if head == self._log.head:
                self._slow_until = now + SLOW_TIME
            patience = min(patience, self._patience(client, keys, head))
        if taken and number:
            self._hurried.add(client)
        if client in self._hurried:
            patience = min(patience, DOUBT_TIME)
        if not taken:
            self._hurried.discard(client)
        self.tell_flags()
        if number and patience:
            self._tell_along(client, number, patience)
        elif number:
            self._tell(client, number)
        if taken:
            due = min(self._due(*taken[0]), now + ECHO_TIME)  # output may come before
            self._timers.set(("echo", client.number), due - now, lambda: self._tell_echoed(client))

    def _due(self, taken_at: float, _number: int, _keys: bytes, head: int) -> float:
        """Returns when a client is to be told of a key, as its echo should have come by then."""
        late = head == self._log.head and taken_at < self._slow_until
        return taken_at + (LATE_TIME if late else ECHO_TIME)

    def _tell_along(self, client: Client, number: int, patience: float) -> None:
        """Tells a client with the next output, or when its patience is over; a frame that waits already is replaced."""
        connection, ride = client.connection, ("ride", client.number)
        if connection.before_output:
            self._told.pop(client, None)
            patience = min(patience, self._timers.remaining(ride) or 0.0)
        connection.before_output = self._echoed(client, number)
        self._timers.set(ride, patience, lambda: self._send(connection))

    def _patience(self, client: Client, keys: bytes, head: int) -> float:
        """Returns the seconds that a client can wait to be told of these keys, since it shows no wrong guess of them.

        Surely none if it draws none at all, or if the output since is the echo; hardly one if that contains the text.
        """
        log = self._log
        output = log.bytes(head, min(log.head, head + _SEARCHED))
        patience, moving = self._idle.get(client, 0.0), keys in _MOVING
        still = _STILL.match(output)
        sure = still is not None and output.startswith(keys, still.end())
        sure = sure or (moving and _MOVES.fullmatch(output) is not None)
        likely = keys in output or (moving and output != b"")
        if keys[:1] < b" " and not moving:  # a control, or another sequence: no guess is drawn before text is echoed
            self._idle[client] = patience = RIDE_TIME
        elif likely:
            self._idle.pop(client, None)
        elif not moving:
            self._idle[client] = max(patience, DOUBT_TIME)
        return max(patience, RIDE_TIME if sure else DOUBT_TIME if likely else 0.0)

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
        self._idle.pop(client, None)
        self._hurried.discard(client)
        client.connection.before_output = b""
        self._timers.clear(("echo", client.number))
        self._timers.clear(("ride", client.number))
