"""The end of a session, by itself or on request, and the answers to those who wait for it; and the session's files, its
socket and record under its name, given back then."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from sesh import proc, protocol
from sesh.about import PROGRAM
from sesh.daemon import description
from sesh.daemon.clients.client import Client, Drawn, Due, Live, client_of
from sesh.daemon.clients.connection import Connection
from sesh.daemon.clients.listener import Listener
from sesh.daemon.clients.registry import STALLED
from sesh.daemon.handler import ClientHandler
from sesh.daemon.phase import Phase
from sesh.daemon.pty.output_log import OF_JOB
from sesh.daemon.screen.model import MOMENT
from sesh.daemon.session import Session
from sesh.daemon.shell import variables
from sesh.errors import BY_KERNEL, TERMINATED, TIMED_OUT, Refused
from sesh.messages import Message
from sesh.moments import STEADY
from sesh.schema import JobResult
from sesh.store import records, results

KILL_AFTER = 2.0
"""Seconds between SIGHUP and SIGKILL."""
POLL = 0.02
"""Seconds between two looks at the session's processes: most are not our children, and so do not report their end."""
_FINAL_READS = 64
"""Reads of the terminal for the output that the program left in it."""


class SessionFiles:
    """Renames, restores and removes a session's files. `listen` accepts connections on the listener's socket."""

    def __init__(self, session: Session, listener: Listener, listen: Callable[[], object]) -> None:
        self._session, self._listener, self._listen = session, listener, listen

    def rename(self, name: str) -> None:
        """Gives the session another name. Raises Exists, Refused."""
        session, old = self._session, self._session.name
        self._bind_again()  # something may have removed the socket that is to be moved
        try:
            error = self._listener.rename(name, lambda: description.change(session, name=name))
        except OSError as failure:
            session.facts["name"] = old
            raise Refused(f"cannot rename {old}: {failure.strerror}; nothing was changed") from failure
        if error is not None:
            session.faults.note("a record stays under the name before", error)
        if not session.running:
            session.faults.guard(lambda: results.rename(session.facts["id"], name), "the result")
        session.emit("renamed", before=old)
        notice = protocol.message(protocol.NOTICE, {"text": f"{old} is called {name} now", "name": name})
        for client in session.clients.all:
            client.connection.queue(notice)
        proc.set_process_title(f"{PROGRAM}: {name}")
        variables.update(session.facts["id"], name, {}, renamed=True)

    def restore(self) -> None:
        """Makes the socket and the record again if something removed them."""
        self._bind_again()
        description.write_record(self._session)

    def _bind_again(self) -> None:
        """Make the socket again if something removed it."""
        self._session.loop.forget(self._listener.socket.fileno())
        try:
            self._listener.restore()
        finally:
            self._listen()

    def release(self, *, remove: bool) -> None:
        """Stops listening. `remove`: gives the session's name back, and removes its files; else they stay for those who
        want to know how it ended."""
        session_id = self._session.facts["id"]
        self._session.loop.forget(self._listener.socket.fileno())
        own = [records.agent_path(session_id)]
        if remove:
            self._listener.release(session_id)
            # They may be there still, if somebody has removed the record or the socket that leads to them.
            own += [records.checkpoint_path(session_id), records.environment_path(session_id)]
            own += records.scrollback_paths(session_id)
        else:
            self._listener.leave()
        for path in own:
            if os.path.lexists(path):
                os.unlink(path)


class Ending:
    """The end of a session's program, and of its daemon. `drop` closes one of the `connections`."""

    def __init__(
        self,
        session: Session,
        files: SessionFiles,
        handler: ClientHandler,
        connections: dict[int, Connection],
        drop: Callable[[Connection], None],
    ) -> None:
        self.session, self._files, self._handler, self._connections = session, files, handler, connections
        self._life, self._drop = session.life, drop
        self._asked_by = ""
        """The reason of an end that was asked for: `killed`, or `terminated` by a signal to the daemon."""
        self.late = False
        """True while the last checkpoint, and what comes behind it, waits for an emulator that is `_is_behind`."""
        self.requests: list[tuple[Connection, int]] = []
        """Those that are answered when nothing of the session is left."""
        self._hung_up_at = self._ended_at = 0.0
        """Times (monotonic) at which the session's processes were sent SIGHUP, and at which it had ended; 0 before."""

    def begin(self, *, keep: bool = False, reason: str = "killed") -> None:
        """Ends every process of the session: SIGHUP and SIGCONT, SIGKILL after two seconds.

        `keep`: a session that was to be kept stays readable. `reason`: as people are told it. A session that has ended
        already is only finished.
        """
        session, pty = self.session, self.session.pty
        session.facts["keep"] = keep and session.facts["keep"]
        if not session.running:
            self._finish(Phase.KEPT if session.facts["keep"] else Phase.REMOVED)
        elif self._life.phase == Phase.RUNNING and pty is not None:
            self._life.become(Phase.ENDING)
            self._asked_by = reason
            session.timers.set("end", 0, self._check_processes)

    def time_out(self) -> None:
        """Ends a job whose time is over."""
        self.session.end.timed_out = True
        self.begin(keep=True)

    def _check_processes(self) -> None:
        """Ends the session once none of its processes is alive. Sends them SIGHUP and SIGCONT, once, and SIGKILL after
        `KILL_AFTER`. Raises OSError if they cannot be listed; it is tried again.

        The program is reaped last: until then, the kernel gives its number to no other process.
        """
        pty = self.session.pty
        if pty is None:
            return
        self.session.timers.set("end", POLL, self._check_processes)  # first: looking can fail
        if not self._hung_up_at:
            alive = pty.signal_session(signal.SIGHUP, signal.SIGCONT)
            self._hung_up_at = time.monotonic()
        else:
            alive = pty.living_groups()
        waited = time.monotonic() - self._hung_up_at
        if not alive or waited > 2 * KILL_AFTER:
            if pty.reap() or not alive:
                self._program_ended()
        elif waited > KILL_AFTER:
            pty.signal_session(signal.SIGKILL)

    def child_ended(self) -> None:
        """Ends the session if its program has ended by itself; called after SIGCHLD."""
        pty = self.session.pty
        if pty is None or not self.session.running:
            return
        if self._life.phase == Phase.ENDING:
            self.session.timers.set("end", 0, self._check_processes)
        elif pty.reap():
            self._program_ended()

    def _program_ended(self) -> None:
        """Takes the program's last output, reports its end, keeps its result, and closes its pty."""
        session, pump = self.session, self.session.pump
        if pump.pty is None or not session.running:
            return
        for _ in range(_FINAL_READS):  # a process that still writes must not keep the session from ending
            if not pump.take() and pump.open:
                break
            pump.reopen()
        asked = self._life.phase == Phase.ENDING
        timed_out = session.activity.at_prompt_since_typed  # by a shell's TMOUT
        session.program_ended(pump.pty.status or 0, asked=asked)
        facts = session.facts
        facts["reason"] = reason = self._reason()
        code, runs = session.end.code, session.runs
        answered = runs is not None and runs.ends_shell(code)  # who had `--run` end its shell is told how
        if runs is not None:
            runs.program_ended(code, reason)
        session.emit("exited", exit_code=code, signal=session.end.signal, reason=reason)
        session.faults.guard(session.pump.close, "the terminal")
        session.faults.guard(self._keep_result, "the result")
        outlives = not answered and self._outlives(asked=asked, timed_out=timed_out)
        facts["keep"] = facts["keep"] or (outlives and not facts["persist"])
        self._finish(Phase.KEPT if facts["keep"] else Phase.LEFT if outlives else Phase.REMOVED)

    def _outlives(self, *, asked: bool, timed_out: bool) -> bool:
        """Returns whether the session stays listed: nobody was attached or asked for its end (see `Config.keep`).

        A signal to its daemon is nobody's wish: a machine that goes down sends it.
        """
        session, facts = self.session, self.session.facts
        outlive = facts["outlive"]
        if facts["job"] or facts["keep"] or outlive == "never":
            return False
        if self._asked_by == TERMINATED:
            return facts["persist"]
        if asked or session.clients:
            return False
        return bool(session.end.code) or timed_out or (outlive == "always" and not facts["shell"])

    def _reason(self) -> str:
        """The reason of the end in a word or two, shown to people as it is.

        A SIGKILL that sesh has not sent comes from the kernel, from a daemon that watches memory, or from a person.
        """
        end = self.session.end
        if end.timed_out or self._asked_by:
            return TIMED_OUT if end.timed_out else self._asked_by
        return BY_KERNEL if end.signal == signal.SIGKILL else "exited"

    def _keep_result(self) -> None:
        """Keeps the result for those who ask when the session is gone; a job's with its output."""
        session, facts, log = self.session, self.session.facts, self.session.log
        first = max(log.base, log.head - OF_JOB)
        result: JobResult = {
            **description.outcome(session),
            "truncated": first > 0,
            "name": session.name,
            "id": facts["id"],
            "command": facts["command"],
            "directory": facts["directory"],
            "labels": facts["labels"],
            "ended": STEADY.told(session.end.at or STEADY.now()),
            "position": log.head,
            "columns": session.model.columns,
            "rows": session.model.rows,
            "events": session.events.last,
            "state": session.activity.standing().state,
            "run": session.runs.history.last if session.runs is not None else None,
            "job": facts["job"],
            "shell": facts["shell"] or facts["resumed"],
        }
        results.keep(result, log.bytes(first) if facts["job"] else None)

    def _finish(self, phase: Phase) -> None:
        """Keeps the session readable, or removes it; then answers those who wait."""
        session = self.session
        for timer in ("end", "timeout", "checkpoint", "reopen"):
            session.timers.clear(timer)
        self._life.become(phase)
        kept = phase in (Phase.KEPT, Phase.LEFT)
        if kept:
            session.faults.guard(lambda: description.write_record(session, durable=True), "the record")
        self.late = bool(kept and session.facts["persist"]) and self._is_behind
        if not self.late:
            self.leave()
        self._ended_at = time.monotonic()  # a client that was slow before has time to take the rest, and the result
        for connection, request in self.requests:
            connection.respond(request)
        self.requests.clear()

    def leave(self) -> None:
        """Writes what is read when the daemon is gone, or removes the session's files."""
        session, phase, self.late = self.session, self._life.phase, False
        if phase in (Phase.KEPT, Phase.LEFT) and session.facts["persist"]:
            session.faults.guard(lambda: session.get_checkpointer().write_last(), "the checkpoint")
        if phase == Phase.LEFT:
            session.faults.guard(lambda: self._files.release(remove=False), "the release")
            session.faults.guard(records.forget_ended, "the oldest sessions that have ended")
        elif phase == Phase.REMOVED:
            session.faults.guard(lambda: self._files.release(remove=True), "the release")

    @property
    def _is_behind(self) -> bool:
        """True if the emulator has more to read than takes a moment, in which the daemon would answer nobody."""
        model = self.session.model
        return model.lag > MOMENT

    def _answerable(self, connection: Connection) -> bool:
        return bool(connection.waits) and not self._has_more(connection)

    def _dismissible(self, client: Client) -> bool:
        lag = self.session.model.lag  # of the emulator, which no client holds up
        undrawn = isinstance(client.state, Drawn) and lag > 0 and not self._asked_by
        return not (client.state.need or undrawn or self._has_more(client.connection))

    def tell(self) -> None:
        """Answers those who wait for the end, and sends EXIT to the clients; each once it has all of the output."""
        session = self.session
        if self.late and not self._is_behind:
            self.leave()
        if self._asked_by and session.model.lag > MOMENT:  # who ends a session does not wait for all its screens
            for client in session.clients.all:
                if client.state.need:
                    client.position = session.log.head
                    session.clients.become(client, Live())
        for connection in list(self._connections.values()):
            if self._answerable(connection):
                for request, wanted in connection.waits.items():
                    output = session.log.bytes(session.log.base) if wanted["output"] else b""
                    result = description.outcome(session)
                    if connection.reader is not None:
                        result["truncated"] = connection.reader.skipped > 0
                    connection.respond(request, output, position=session.log.head, **result)
                connection.waits.clear()
        for client in list(session.clients.all):
            if self._dismissible(client):
                self._send_exit(client)

    def _has_more(self, connection: Connection) -> bool:
        """Returns whether a connection has not been sent all of the output or events that it follows."""
        reader = connection.reader
        if self.session.events.pending(connection):
            return True
        if reader is None:
            return False
        if isinstance(reader, Client) and not reader.fed():  # one that is drawn gets the rest just before EXIT
            return isinstance(reader.state, Due) or connection.unsent > 0 or reader.link_full
        return reader.position < self.session.log.head

    def _send_exit(self, client: Client) -> None:
        if isinstance(client.state, Drawn):
            self.session.relay.draw()
        session = self.session
        if self._life.phase == Phase.LEFT and self._asked_by != TERMINATED:  # its creator, who attaches only now
            self._life.become(Phase.REMOVED)
            session.faults.guard(records.forget, "the release", session.name, session.facts["id"])
        end = session.end
        message: Message = {"name": session.name, "code": end.code, "signal": end.signal}
        message["reason"] = session.facts["reason"]
        client.connection.queue(protocol.message(protocol.EXIT, message))
        self._handler.dismiss(client)

    def close_finished(self) -> bool:
        """Closes the connections that are done or stuck; returns whether the session is removed and none is left."""
        if self.late or self._life.phase not in (Phase.LEFT, Phase.REMOVED):
            return False
        now = time.monotonic()
        for connection in list(self._connections.values()):
            last = max(connection.progress_at, self._ended_at)
            held_up = connection.blocked if connection.unsent else self._has_more(connection)
            stuck = held_up and now - last > STALLED
            waiting = connection.unsent or connection.waits or connection.creator or client_of(connection)
            if stuck or not waiting:
                self._drop(connection)
        if self._connections:
            self.session.timers.ensure("linger", STALLED, lambda: None)
        return not self._connections
