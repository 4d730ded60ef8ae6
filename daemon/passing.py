"""Waiting, and meanwhile the usual case: one person's keys to the program, and what it prints to that person.

A loop of few calls: between two keys the daemon's code leaves the processor's caches, so that each function on the way
of an echo costs time. It makes no decision of its own: whatever is more than passing on is left to `Server.turn`.
"""

from __future__ import annotations

import time
from typing import Protocol

from sesh.daemon.clients.connection import RAW, READ_SIZE, Client, Connection
from sesh.daemon.clients.relay import TRIM_FROM
from sesh.daemon.handler import ClientHandler
from sesh.daemon.pty.pty import TURN
from sesh.daemon.session import Session
from sesh.loop.poller import READ, Poller
from sesh.protocol import HEADER, INPUT

Ready = list[tuple[int, int]]


class Keeper(Protocol):
    """The server, to which a connection's other frames, and its faults, are left."""

    def serve(self, connection: Connection, events: int, data: bytes | None = None) -> bool: ...

    def failed(self, connection: Connection, error: Exception) -> None: ...


_INPUT = bytes((INPUT,))


class Passing:
    """Waits for descriptors in the place of the poller, and passes on itself while nothing else is to be done."""

    def __init__(self, session: Session, handler: ClientHandler, poller: Poller, keeper: Keeper) -> None:
        self._session, self._handler, self._poller, self._keeper = session, handler, poller, keeper

    def wait(self, seconds: float | None) -> Ready | None:
        """Returns the descriptors that ask for more than passing on; one without events is handled, and the turn is to
        go on. None if it has only passed on, and what may be due now is for the next turn. `seconds`: as for `Poller`.
        """
        session, log = self._session, self._session.log
        until = min(session.model.rests_until, log.base + log.retained + TRIM_FROM)
        client = self._client() if seconds != 0.0 and log.head <= until else None
        if client is None:
            return self._poller.wait(seconds)
        connection, timers, pump, pty = client.connection, session.timers, session.pump, session.pump.pty
        while True:
            ready = self._poller.wait(seconds)
            if len(ready) != 1 or ready[0][1] != READ:
                return ready
            descriptor = ready[0][0]
            try:
                if descriptor == connection.descriptor:
                    passed = self._keys(client, connection)
                elif pty is not None and descriptor == pty.descriptor:
                    pump.take(TURN, connection)
                    passed = pump.delivered
                else:
                    return ready
            except Exception as error:
                session.faults.note("a fault in an event", error)
                passed = False
            if not passed:
                return [(descriptor, 0)]
            seconds = timers.wait_time() if timers.nearest is None else timers.nearest - time.monotonic()
            if log.head > until or (seconds is not None and seconds <= 0.0):
                return None

    def _client(self) -> Client | None:
        """The one client, if it is fed as the program prints, and nobody else gets or awaits anything."""
        session, pump = self._session, self._session.pump
        relay, waits, clients = session.relay, session.waits, session.clients.all
        if len(clients) != 1 or relay.echoes is not None or relay.followers or (waits is not None and waits.all):
            return None
        if session.runs is not None or session.shows_titles or pump.input or not (pump.open and pump.running):
            return None
        client, connection = clients[0], clients[0].connection
        fed = client.mode == RAW and not client.needs and client.position == session.log.head
        plain = fed and client.window is None and not client.uncover and client.viewport is None
        idle = not (connection.unsent or connection.blocked or connection.backlog)
        return client if plain and idle and connection.listening and not connection.decoder.held else None

    def _keys(self, client: Client, connection: Connection) -> bool:
        """Takes what the client has sent; returns whether that only passed keys on."""
        try:
            data = connection.socket.recv(READ_SIZE)
        except OSError:
            return self._keeper.serve(connection, READ)  # which finds out why
        if data[:1] != _INPUT or int.from_bytes(data[1:HEADER], "big") != len(data) - HEADER:
            return self._keeper.serve(connection, READ, data)
        connection.heard_at = time.monotonic()
        try:
            return self._handler.input(client, data[HEADER:])
        except Exception as error:
            connection.backlog.appendleft((INPUT, data[HEADER:]))
            self._keeper.failed(connection, error)
            return False
