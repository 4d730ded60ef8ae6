"""Responds to the connections that wait for the session's end, and closes them."""

from __future__ import annotations

import time
from collections.abc import Callable

from sesh import protocol
from sesh.daemon import description
from sesh.daemon.base.phase import Phase
from sesh.daemon.clients.client import Client, Viewing, client_of
from sesh.daemon.clients.connection import PeerConnection
from sesh.daemon.ending import Ending
from sesh.daemon.handler import ClientHandler
from sesh.daemon.session import Session
from sesh.measures import STEADY
from sesh.messages import Message

LAST_READ = 20.0  # seconds without progress after which an ended session gives up a reader of its last output


class LastResponses:
    """Tells each connection the session's end, once the connection has all output.

    If the session stays only until somebody is told (UNSEEN, UNTOLD), it is removed then.
    """

    def __init__(
        self,
        session: Session,
        ending: Ending,
        handler: ClientHandler,
        connections: dict[int, PeerConnection],
        drop: Callable[[PeerConnection], None],
    ) -> None:
        self._session = session
        self._life = session.life
        self._ending = ending
        self._handler = handler
        self._connections = connections
        self._drop = drop

    def send(self) -> None:
        """Respond to each connection that has all output; called after each turn of the loop."""
        if self._life.phase == Phase.ENDED and not self._session.model.lag:
            self._ending.complete()
        for connection in list(self._connections.values()):
            if self._has_more(connection):
                continue
            # After a wait, the caller may use the session's name, or request its last screen.
            if self._life.phase != Phase.ENDED:
                self._respond_to_waits(connection)
            if (client := client_of(connection)) is not None:  # last: EXIT takes the connection's reader away
                self._send_exit(client)

    def _has_more(self, connection: PeerConnection) -> bool:
        """Return whether output, a screen or events are still to be sent."""
        session = self._session
        reader = connection.reader
        if session.events.pending(connection):
            return True
        if reader is None:
            return False
        if reader.gets_output:
            return reader.position < session.log.head
        if not (isinstance(reader, Client) and isinstance(reader.state, Viewing)):
            return True  # it waits for a screen
        return session.model.lag > 0 or bool(connection.unsent) or not reader.room

    def _respond_to_waits(self, connection: PeerConnection) -> None:
        session = self._session
        for wait in session.waits.of(connection):
            output = session.log.content(session.log.base) if wait.output else b""
            outcome = description.outcome(session)
            if connection.reader is not None:
                outcome["truncated"] = connection.reader.skipped > 0
            wait.request.respond({"position": session.log.head, **outcome}, output)
            connection.flush()
            caller_has_gone = connection.closed
            if self._life.phase == Phase.UNTOLD and not caller_has_gone:
                self._ending.remove()
        session.waits.forget(connection)

    def _send_exit(self, client: Client) -> None:
        session = self._session
        end = self._life.end
        if isinstance(client.state, Viewing):
            session.relay.screens.send_viewports()
        message: Message = {"name": session.name, "code": end.code, "signal": end.signal, "reason": end.reason}
        client.connection.queue(protocol.message(protocol.EXIT, message))
        phase = self._ending.final_phase
        if phase == Phase.UNSEEN or (phase == Phase.UNTOLD and not session.facts.job):  # a job's caller may be offline
            self._ending.remove()
        self._handler.dismiss(client)

    def close_finished(self) -> None:
        """Close the connections that are done, or make no progress, once the session is over."""
        since_end = STEADY.now() - (self._life.end.at or 0.0)
        for connection in list(self._connections.values()):
            waits = connection.awaits_creator or client_of(connection) or self._session.waits.of(connection)
            is_done = not (connection.unsent or waits)
            if is_done or min(since_end, time.monotonic() - connection.progress_at) > LAST_READ:
                self._drop(connection)
        if self._connections:
            self._session.timers.ensure(self.close_finished, LAST_READ)
