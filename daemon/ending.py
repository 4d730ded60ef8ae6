"""How a session ends: by itself, or by being told to; and how those who were there learn of it."""

from __future__ import annotations

import time

from sesh import platform, protocol
from sesh.daemon.clients.client import ASIDE, DRAWN, HELD, RAW, STALLED, Client
from sesh.lean import signal
from sesh.store import results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.clients.connection import Connection
    from sesh.daemon.server import Server

PATIENCE = 2.0
"""Seconds between the polite signals and SIGKILL."""
KEPT = 1 << 20
"""Bytes of a job's output that outlive its session."""
LOOK = 0.02
"""Seconds between two looks at processes that are not our children and tell nobody when they end."""
_TURNS = 64
"""Reads of what the program left in its terminal."""


class Ending:
    """The end of a session's program, seen from its daemon."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.session = server.session
        self.told = False
        """Whether the session was told to end: every process of it goes, not only the program."""
        self.done = False
        """Whether the program has ended and its files are removed, or it is kept."""
        self._since = 0.0
        """When the session was told to end; then, when it had ended."""

    def begin(self, *, keep: bool = False) -> None:
        """Ends every process of the session: SIGHUP and SIGCONT, SIGKILL after two seconds.

        With `keep` a session that was to be kept stays readable.
        """
        self.session.facts["keep"] = keep and self.session.facts["keep"]
        if not self.session.running:
            self._finish()
            return
        if self.told or self.session.pty is None:
            return
        self.told = True
        self._since = time.monotonic()
        self.session.pty.signal_session(signal.SIGHUP)
        self.session.pty.signal_session(signal.SIGCONT)
        self.session.timers.set("end", 0, self._look)

    def _look(self) -> None:
        """Whether anything of the session still lives.

        The program is not reaped before the others have ended: as long as it is not, no other process gets its number.
        """
        pty = self.session.pty
        if pty is None:
            return
        waited = time.monotonic() - self._since
        living = platform.groups_of_session(pty.pid)
        if not living or waited > 2 * PATIENCE:
            if pty.reap() or not living:
                self._ended()
                return
        elif waited > PATIENCE:
            pty.signal_session(signal.SIGKILL)
        self.session.timers.set("end", LOOK, self._look)

    def child(self) -> None:
        """After SIGCHLD: whether it was the program that ended by itself."""
        pty = self.session.pty
        if pty is not None and not self.told and self.session.running and pty.reap():
            self._ended()

    def _ended(self) -> None:
        """The program has ended: its last output is taken in, then the session is over."""
        session, pty = self.session, self.session.pty
        if pty is None or not session.running:
            return
        for _ in range(_TURNS):  # the kernel holds far less; who still writes must not keep the session from ending
            if not self.server.pump.take():
                break
        session.ended(pty.status or 0)
        if session.runs is not None:
            session.runs.ended(session.exit_code)
        facts = {"exit_code": session.exit_code, "signal": session.exit_signal, "reason": self._reason()}
        session.events.add("exited", session.name, **facts)
        session.input.clear()
        self.server.forget_pty()
        pty.close()
        self.server.guarded(self._kept, "the result")
        self._finish()

    def _reason(self) -> str:
        """Why the session has ended, in a word."""
        return "timed out" if self.session.timed_out else "killed" if self.told else "exited"

    def _kept(self) -> None:
        """Keeps the result for those who ask when the session is no more; a job's with its output."""
        session, facts = self.session, self.session.facts
        told = {
            "name": session.name,
            "id": facts["id"],
            "command": facts["command"],
            "ended": session.ended_at,
            "position": session.log.head,
            "events": session.events.last,
            "reason": self._reason(),
            "run": session.runs.past.last if session.runs is not None else None,
        }
        log = session.log
        first = max(log.base, log.head - KEPT)
        output = log.bytes(first) if facts["job"] else None
        results.keep({**session.result(), "truncated": first > 0, **told, "job": facts["job"]}, output)

    def _finish(self) -> None:
        """Keeps the session readable, or removes it; then tells everybody."""
        session = self.session
        session.timers.clear("end")
        session.timers.clear("timeout")
        session.timers.clear("checkpoint")
        if session.facts["keep"]:
            self.server.guarded(session.write_record, "the record")
            if session.persists:
                self.server.guarded(lambda: session.checkpoint().write(), "the checkpoint")
        else:
            self.server.guarded(self.server.release, "the release")
        self.done = True
        self._since = time.monotonic()  # who was slow before has time to take the rest, and how it ended
        for connection, asked in self.server.killers:
            connection.respond(asked)
        self.server.killers.clear()
        for client in session.clients.all:
            if client.mode in (ASIDE, HELD):
                session.clients.bring_back(client)

    def ripe(self) -> bool:
        """Whether somebody can be told now: that a late comer has got the screen is no event that wakes the loop."""
        return self.done and (
            any(self._answerable(connection) for connection in self.server.connections.values())
            or any(self._dismissible(client) for client in self.session.clients.all)
        )

    def _answerable(self, connection: Connection) -> bool:
        return bool(connection.waits) and not self._owed(connection)

    def _dismissible(self, client: Client) -> bool:
        return not client.needs and (client.mode == DRAWN or not self._owed(client.connection))

    def tell(self) -> None:
        """Sends their answers to those who waited, and EXIT to the clients that have got all of the output."""
        session = self.session
        for connection in list(self.server.connections.values()):
            if self._answerable(connection):
                for asked, wanted in connection.waits.items():
                    output = session.log.bytes(session.log.base) if wanted["output"] else b""
                    result = session.result()
                    if connection.reader is not None:
                        result["truncated"] = connection.reader.skipped > 0
                    connection.respond(asked, output, position=session.log.head, **result)
                connection.waits.clear()
        for client in list(session.clients.all):
            if self._dismissible(client):
                self._exit(client)

    def _owed(self, connection: Connection) -> bool:
        """Whether a connection that reads the log has not been given all of it."""
        reader = connection.reader
        if self.session.events.owes(connection):
            return True
        if reader is None or (isinstance(reader, Client) and reader.mode != RAW):
            return False
        return reader.position < self.session.log.head

    def _exit(self, client: Client) -> None:
        if client.mode == DRAWN:
            self.session.relay.draw()
        session = self.session
        end = {"name": session.name, "code": session.exit_code, "signal": session.exit_signal}
        end["reason"] = self._reason()
        client.connection.queue(protocol.message(protocol.EXIT, end))
        self.server.handler.dismiss(client)

    def over(self) -> bool:
        """Whether the daemon has nothing left to do: the session is removed and nobody is owed a byte."""
        if not self.done or self.session.facts["keep"] or self.server.later:
            return False
        now = time.monotonic()
        for connection in list(self.server.connections.values()):
            stuck = connection.unsent and connection.blocked and now - max(connection.touched, self._since) > STALLED
            if stuck or (
                not connection.unsent and not connection.waits and not connection.first and connection.client is None
            ):
                self.server.drop(connection)
        if self.server.connections:
            self.session.timers.ensure("linger", STALLED, lambda: None)
        return not self.server.connections
