"""Ends a session: its processes, its files, and the connections that wait for the end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import replace

from sesh import protocol
from sesh.daemon import description
from sesh.daemon.base.phase import Phase, ProgramEnd
from sesh.daemon.base.timer import Timer
from sesh.daemon.clients.client import Attaching, Client, Repainting, Viewing, client_of
from sesh.daemon.clients.connection import PeerConnection
from sesh.daemon.files import SessionFiles
from sesh.daemon.handler import ClientHandler
from sesh.daemon.pty.output_log import JOB_RETAINED
from sesh.daemon.pty.pty import Pty
from sesh.daemon.session import Session
from sesh.errors import BY_KERNEL, BY_TIMEOUT, TERMINATED, ExitCode
from sesh.measures import STEADY
from sesh.messages import Message
from sesh.schema import JobResult
from sesh.store import records, results

KILL_AFTER = 2.0  # seconds between SIGHUP and SIGKILL
POLL = 0.02  # seconds between two checks of the processes; most are not our children, so no signal reports their end
LAST_READ = 20.0  # seconds without progress after which an ended session gives up a reader of its last output
_FINAL_READS = 64  # reads of the pty after the program's end; later output is lost


class Ending:
    """Brings a session to its end: from the first signal until the last connection closes."""

    def __init__(
        self,
        session: Session,
        files: SessionFiles,
        handler: ClientHandler,
        connections: dict[int, PeerConnection],
        drop: Callable[[PeerConnection], None],
    ) -> None:
        self.session = session
        self._life = session.life
        self._files = files
        self._handler = handler
        self._connections = connections
        self._drop = drop
        self._hung_up_at: float | None = None  # time (monotonic) of SIGHUP to the session's processes
        self._final_phase = Phase.REMOVED  # the phase that follows ENDED
        self._timed_out = False  # the program was a shell, which ended at its prompt as by TMOUT
        self._untold = False  # only this daemon has the session's exit code, and nobody has been told

    # -- the program's end

    def end_session(self, *, keep: bool = False, reason: str = "killed") -> None:
        """End every process of the session: send SIGHUP and SIGCONT, then SIGKILL after `KILL_AFTER`.

        `keep`: obey the session's option `--keep`; without `keep`, cancel that option. `reason`: why the session ends.
        """
        session = self.session
        session.facts.set_keep(keep=keep and session.facts.keep)
        if not session.running:
            self._finish(Phase.KEPT if session.facts.keep else Phase.REMOVED)
        elif self._life.phase == Phase.RUNNING and session.pty is not None:
            self._life.ended_for = reason
            self._life.become(Phase.ENDING)
            session.timers.set(Timer.END, 0, self._check_processes)

    def _check_processes(self) -> None:
        """Signal the session's processes until none is alive. Raises OSError if they cannot be listed."""
        pty = self.session.pty
        if pty is None:
            return
        self.session.timers.set(Timer.END, POLL, self._check_processes)  # first: listing processes can fail
        if self._hung_up_at is None:
            alive = pty.signal_session(signal.SIGHUP, signal.SIGCONT)
            self._hung_up_at = time.monotonic()
        else:
            alive = pty.living_groups()
        waited = time.monotonic() - self._hung_up_at
        if not alive:
            pty.reap()  # last: until then, the kernel does not reuse its pid
            self._handle_program_end()
        elif waited > 2 * KILL_AFTER:  # another process may hang in the kernel; the program's end is enough
            if pty.reap():
                self._handle_program_end()
        elif waited > KILL_AFTER:
            pty.signal_session(signal.SIGKILL)

    def check_program(self) -> None:
        """End the session if its program has ended by itself; called after SIGCHLD."""
        pty = self.session.pty
        if pty is None or not self.session.running:
            return
        if self._life.phase == Phase.ENDING:
            self.session.timers.set(Timer.END, 0, self._check_processes)
        elif pty.reap():
            self._handle_program_end()

    def _handle_program_end(self) -> None:
        session = self.session
        pump = session.pump
        guard = session.faults.guard
        if pump.pty is None or not session.running:
            return
        for _ in range(_FINAL_READS):  # bounded: a background process may write forever
            if not pump.read_output():
                break
        self._timed_out = session.activity.at_prompt_since_typed
        end = self._end_of(pump.pty)
        self._life.end = end
        self._life.become(Phase.ENDED)
        for timer in (Timer.END, Timer.TIMEOUT, Timer.CHECKPOINT, Timer.REOPEN):
            session.timers.clear(timer)
        guard(lambda: session.activity.end(failed=bool(end.code) and not end.by_request), "the state")
        guard(session.runs.end, "the commands", end.code, end.reason or "")
        session.events.add("exited", exit_code=end.code, signal=end.signal, reason=end.reason)
        guard(pump.close, "the terminal")
        phase = self._phase_after(has_result=bool(guard(self._keep_result, "the result")))
        session.facts.set_keep(keep=phase == Phase.KEPT)
        self._finish(phase)

    def _end_of(self, pty: Pty) -> ProgramEnd:
        """Return how the program has ended, and why."""
        end = ProgramEnd.of(pty.status or 0, pty.usage)
        asked_for = self._life.ended_for
        if asked_for == BY_TIMEOUT:
            return replace(end, code=ExitCode.TIMED_OUT, reason=asked_for, by_request=self._life.interrupted)
        if asked_for:
            return replace(end, reason=asked_for, by_request=True)
        # A SIGKILL that sesh did not send comes from the kernel's or a daemon's OOM killer, or from a person.
        by_itself = BY_KERNEL if end.signal == signal.SIGKILL else "exited"
        return replace(end, reason=by_itself, by_request=self._life.interrupted)

    def _phase_after(self, *, has_result: bool) -> Phase:
        """Return the phase after the program's end: of the first row that is true.

        | `--keep`                                                     | KEPT                             |
        | it outlives its end, and its result and screen are on disk   | LEFT                             |
        | it outlives its end, but only the daemon has one of them     | KEPT                             |
        | the result is on disk, or a person has ended the session     | REMOVED                          |
        | only the daemon has its exit code, as the disk may be full   | KEPT until a person is told it   |
        """
        facts = self.session.facts
        is_safe = has_result or self._life.ended_for not in ("", BY_TIMEOUT)
        if facts.keep:
            return Phase.KEPT
        if self._outlives():
            return Phase.LEFT if is_safe and facts.persist else Phase.KEPT
        self._untold = not is_safe
        return Phase.REMOVED if is_safe else Phase.KEPT

    def _outlives(self) -> bool:
        """Return whether the ended session stays listed, by the setting `Config.keep`."""
        # It does not if a person has ended it, or was attached while it ended, except by TMOUT. SIGTERM to the daemon
        # does not count as a person's act, because a machine that shuts down sends it.
        facts = self.session.facts
        if facts.job or facts.keep or facts.outlive == "never":
            return False
        if self._life.ended_for == TERMINATED:
            return facts.persist
        if self._life.ended_for:
            return False
        if self._timed_out:
            return True
        if self.session.clients:
            return False
        return bool(self._life.end.code) or (facts.outlive == "always" and not facts.shell)

    def _note_told(self) -> None:
        """Note that the end was told; end a session that stayed only for that."""
        if self._untold:
            self._untold = False
            self.end_session()

    def _keep_result(self) -> bool:
        session = self.session
        facts = self.session.facts
        log = self.session.log
        first = max(log.base, log.head - JOB_RETAINED)
        result: JobResult = {
            **description.outcome(session),
            "truncated": first > 0,
            "name": session.name,
            "id": facts.id,
            "command": facts.command,
            "directory": facts.directory,
            "labels": facts.labels,
            "ended": STEADY.wall_time(self._life.end.at or STEADY.now()),
            "position": log.head,
            "columns": session.model.columns,
            "rows": session.model.rows,
            "events": session.events.last,
            "state": session.activity.observe().state,
            "run": session.runs.history.last,
            "job": facts.job,
            "shell": facts.shell or facts.resumed,
        }
        results.keep(result, log.content(first) if facts.job else None)
        return True

    # -- the session's files

    def _finish(self, phase: Phase) -> None:
        """Set the final phase; enter it once the last checkpoint can have all output."""
        session = self.session
        self._final_phase = phase
        if phase != Phase.REMOVED:
            session.faults.guard(lambda: description.write_record(session, durable=True), "the record")
        if phase == Phase.REMOVED or not (session.facts.persist and session.model.lag):
            self.complete()

    def complete(self) -> None:
        """Enter the final phase: write the last checkpoint or remove the files."""
        guard = self.session.faults.guard
        phase = self._final_phase
        self._life.become(phase)
        if phase != Phase.REMOVED:
            guard(self.session.checkpoints.write_last, "the checkpoint")
        if phase != Phase.KEPT:
            guard(lambda: self._files.release(remove=phase == Phase.REMOVED), "the release")
        if phase == Phase.LEFT:
            guard(records.forget_ended, "the removal of old sessions")

    # -- connections that wait for the end

    def respond_to_waits(self) -> None:
        """Respond to waits for the end and send EXIT, after all output is sent."""
        # The server calls it after each turn of the loop, once the program has ended.
        # A wait gets its response only when the session's name is free, or its last screen is kept: the caller may use
        # the name or request the screen next.
        session = self.session
        if self._life.phase == Phase.ENDED and not session.model.lag:
            self.complete()
        for connection in list(self._connections.values()):
            if self._life.phase != Phase.ENDED and not self._has_more(connection):
                self._respond_to(connection)
        for client in list(session.clients.all):
            if not self._awaits_screen(client) and not self._has_more(client.connection):
                self._send_exit(client)

    def _awaits_screen(self, client: Client) -> bool:
        """Return whether a client still gets a screen before EXIT."""
        if isinstance(client.state, Viewing):
            return self.session.model.lag > 0 and not self._life.ended_for
        return isinstance(client.state, Attaching | Repainting)

    def _respond_to(self, connection: PeerConnection) -> None:
        session = self.session
        for wait in session.waits.of(connection):
            output = session.log.content(session.log.base) if wait.output else b""
            result = description.outcome(session)
            if connection.reader is not None:
                result["truncated"] = connection.reader.skipped > 0
            wait.request.respond({"position": session.log.head, **result}, output)
            connection.flush()
            if not connection.closed:  # else its caller has gone, and heard nothing
                self._note_told()
        session.waits.forget(connection)

    def _has_more(self, connection: PeerConnection) -> bool:
        """Return whether output or events that a connection follows are still to be sent."""
        reader = connection.reader
        if self.session.events.pending(connection):
            return True
        if reader is None:
            return False
        if isinstance(reader, Client) and not reader.gets_output:  # with a viewport, it gets the last one with EXIT
            return not isinstance(reader.state, Viewing) or connection.unsent > 0 or not reader.room
        return reader.position < self.session.log.head

    def _send_exit(self, client: Client) -> None:
        session = self.session
        end = self._life.end
        if isinstance(client.state, Viewing):
            session.relay.screens.send_viewports()
        survives_clients = self._timed_out or self._life.ended_for == TERMINATED
        if self._final_phase == Phase.LEFT and not survives_clients:  # a client saw the end after all
            self._final_phase = Phase.REMOVED
            if self._life.phase == Phase.LEFT:
                self._life.become(Phase.REMOVED)
                session.faults.guard(records.forget, "the release", session.name, session.facts.id)
        message: Message = {"name": session.name, "code": end.code, "signal": end.signal, "reason": end.reason}
        client.connection.queue(protocol.message(protocol.EXIT, message))
        if not session.facts.job:  # its caller may be on a lost link
            self._note_told()
        self._handler.dismiss(client)

    def close_finished(self) -> None:
        """Close the connections that are done or stuck, once the session is over."""
        since_end = STEADY.now() - (self._life.end.at or 0.0)
        for connection in list(self._connections.values()):
            has_unread = connection.blocked if connection.unsent else self._has_more(connection)
            stuck = has_unread and min(since_end, time.monotonic() - connection.progress_at) > LAST_READ
            waits = connection.awaits_creator or client_of(connection) or self.session.waits.of(connection)
            if stuck or not (connection.unsent or waits):
                self._drop(connection)
        if self._connections:
            self.session.timers.ensure(Timer.LINGER, LAST_READ, lambda: None)  # wakes the loop, which comes here again
