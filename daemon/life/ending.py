"""Ends a session: its processes, then its program, then its files, then its connections."""

from __future__ import annotations

import signal
import time
from dataclasses import replace

from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.base.phase import Phase, ProgramEnd
from sesh.daemon.clients.client import Client, Follower, client_of
from sesh.daemon.clients.connection import PeerConnection
from sesh.daemon.clients.listener import Listener
from sesh.daemon.life import description
from sesh.daemon.pty.output_log import JOB_RETAINED
from sesh.daemon.pty.pty import Pty
from sesh.daemon.session import Session
from sesh.errors import BY_KERNEL, BY_TIMEOUT, KILLED, TERMINATED, ExitCode
from sesh.store import records, results, session_files
from sesh.system.clock import STEADY
from sesh.wire import protocol
from sesh.wire.messages import Message

KILL_AFTER = 2.0  # seconds between SIGHUP and SIGKILL
POLL = 0.05  # seconds between two checks of the processes; most are not our children, so no signal reports their end
_FINAL_READS = 64  # reads of the pty after the program's end; later output is lost
LAST_READ = 20.0  # seconds without progress after which an ended session gives up a reader of its last output


class Ending(Part):
    """Brings a session to its final phase, and tells each connection the end."""

    def __init__(
        self,
        agenda: Agenda,
        session: Session,
        listener: Listener,
        connections: dict[int, PeerConnection],
    ) -> None:
        super().__init__(agenda)
        self._session = session
        self._life = session.life
        self._facts = session.facts
        self._listener = listener
        self._connections = connections
        ends_at = session.facts.ends_at
        self._check_at = NEVER  # time (monotonic) of the next check of the processes
        self._times_out_at = NEVER if ends_at is None else time.monotonic() + max(0.0, ends_at - STEADY.now())
        self._finish_at = NEVER  # time (monotonic) of the next look at the connections of a session that is over
        # `due`: time (monotonic) of the first of these
        self._plan()
        self._reason = ""  # why somebody ends the session; empty if nobody does
        self._hung_up_at: float | None = None  # time (monotonic) of SIGHUP to the session's processes
        self._has_result = False  # the result is on disk
        self._killed_by_request = False  # a person has sent SIGKILL
        self._timed_out = False  # the program was a shell that nobody used, as by TMOUT

    def _plan(self) -> None:
        self.due = min(self._check_at, self._times_out_at, self._finish_at)

    def act(self, now: float) -> None:
        """Check the processes; end a session whose time is over. Raises OSError if processes cannot be listed."""
        if self._finish_at <= now:
            self._finish_at = NEVER  # the server looks at the connections after each turn
        if self._times_out_at <= now:
            self._times_out_at = NEVER
            if self._life.running:
                self.end_session(BY_TIMEOUT)
        if self._check_at <= now:
            self._check_at = now + POLL  # first: listing processes can fail
            self._check_processes()
        self._plan()

    # -- the processes

    def end_session(self, reason: str) -> None:
        """End every process of the session: send SIGHUP and SIGCONT, then SIGKILL after `KILL_AFTER`."""
        if reason != BY_TIMEOUT:  # somebody's act cancels the option `--keep`
            self._facts.keep = False
        if not self._life.running:
            self.remove()
        elif self._life.phase == Phase.RUNNING and self._session.pump.pty.is_open:
            self._reason = reason
            self._life.phase = Phase.ENDING
            self._check_at = self.due = 0.0

    def _check_processes(self) -> None:
        """Signal the session's processes until none is alive. Raises OSError if they cannot be listed."""
        pty = self._session.pump.pty
        alive = pty.signal_session(*([signal.SIGHUP, signal.SIGCONT] if self._hung_up_at is None else []))
        self._hung_up_at = self._hung_up_at or time.monotonic()
        waited = time.monotonic() - self._hung_up_at
        if not alive:
            pty.reap()  # last: until then, the kernel does not reuse its pid
            self._handle_program_end(pty)
        elif waited > 2 * KILL_AFTER:  # another process may hang in the kernel; the program's end is enough
            if pty.reap():
                self._handle_program_end(pty)
        elif waited > KILL_AFTER:
            pty.signal_session(signal.SIGKILL)

    def note_killed(self) -> None:
        """Note that sesh has sent SIGKILL by a person's wish, so that the kernel is not blamed for it."""
        self._killed_by_request = True

    def check_program(self) -> None:
        """End the session if its program has ended by itself; called after SIGCHLD."""
        pty = self._session.pump.pty
        if not (pty.is_open and self._life.running):
            return
        if self._life.phase == Phase.ENDING:
            self._check_at = self.due = 0.0
        elif pty.reap():
            self._handle_program_end(pty)

    # -- the program

    def _handle_program_end(self, pty: Pty) -> None:
        session = self._session
        guard = session.faults.guard
        for _ in range(_FINAL_READS):  # bounded: a background process may write forever
            session.pump.allowed = NEVER
            if not session.read_output():
                break
        self._timed_out = session.activity.at_prompt_since_typed
        end = self._end_of(pty)
        self._life.end = end
        self._life.phase = Phase.ENDED
        self._check_at = self._times_out_at = NEVER
        self._plan()
        guard(lambda: session.activity.end(failed=bool(end.code) and not end.by_request), "the state")
        guard(session.runs.end, "the commands", end.code, end.reason or "")
        session.events.add("exited", exit_code=end.code, signal=end.signal, reason=end.reason)
        guard(session.pump.close, "the terminal")
        session.plan()  # the screen is drawn to the end now, and no checkpoint follows but the last one
        self._has_result = bool(guard(self._store_result, "the result"))

    def _end_of(self, pty: Pty) -> ProgramEnd:
        """Return how the program has ended, and why."""
        end = ProgramEnd.of(pty.status, pty.usage)
        if self._reason == BY_TIMEOUT:
            return replace(end, code=ExitCode.TIMED_OUT, reason=BY_TIMEOUT, by_request=self._life.interrupted)
        if self._reason:
            return replace(end, reason=self._reason, by_request=True)
        # A SIGKILL that sesh did not send comes from the kernel's or a daemon's OOM killer, or from a person.
        by_itself = BY_KERNEL if end.signal == signal.SIGKILL and not self._killed_by_request else "exited"
        return replace(end, reason=by_itself, by_request=self._life.interrupted)

    def _store_result(self) -> bool:
        log = self._session.log
        first = max(log.base, log.head - JOB_RETAINED)
        output = log.content(first) if self._facts.job else b""
        results.keep(description.result(self._session, first), output)
        return True

    # -- the final phase

    def _complete(self) -> bool:
        """Enter the final phase unless the creator may attach; return whether the screen is drawn."""
        phase = self._final_phase()
        is_drawn = phase == Phase.REMOVED or not (self._facts.persist and self._session.feed.lag)
        if is_drawn and not self._session.log.whole:
            self._enter(phase)
        return is_drawn

    def _final_phase(self) -> Phase:
        """Return the phase in the first row that applies:

        | `--keep`                                                     | KEPT    |
        | not to be listed; its result is on disk, or somebody sees it | REMOVED |
        | to be listed; its result and its screen are on disk          | DORMANT |
        | only the daemon has one of them                              | KEPT    |
        """
        session = self._session
        is_safe = self._has_result or self._life.end.reason in (KILLED, TERMINATED)
        if self._facts.keep:
            return Phase.KEPT
        if not self._is_listed():
            return Phase.REMOVED if is_safe or session.waits.all or session.clients else Phase.KEPT
        return Phase.DORMANT if is_safe and self._facts.persist else Phase.KEPT

    def _is_listed(self) -> bool:
        """Return whether the setting `Config.keep` wants the ended session listed."""
        facts = self._facts
        end = self._life.end
        if facts.job or facts.outlive == "never":
            return False
        if end.reason == TERMINATED:  # no person's act: a machine that shuts down sends SIGTERM too
            return facts.persist
        if self._reason:
            return False
        if self._timed_out:  # also with clients attached: their person may be away
            return True
        is_wanted = bool(end.code) or (facts.outlive == "always" and not facts.shell)
        return is_wanted and not self._session.clients

    def remove(self) -> None:
        """Remove the ended session: nobody needs its files any more."""
        self._enter(Phase.REMOVED)

    def _enter(self, phase: Phase) -> None:
        """Enter the final phase: write record and last checkpoint, or remove the files."""
        guard = self._session.faults.guard
        self._facts.keep = phase == Phase.KEPT
        self._life.phase = phase
        if phase != Phase.REMOVED:
            guard(lambda: description.write_record(self._session, durable=True), "the record")
            guard(self._session.checkpoints.write_last, "the checkpoint")
        if phase != Phase.KEPT:
            guard(self._listener.release, "the release", self._facts.id, remove=phase == Phase.REMOVED)
        if phase == Phase.REMOVED:
            guard(session_files.remove, "the files", session_files.folder_of(self._facts.files))
        if phase == Phase.DORMANT:
            guard(records.forget_ended, "the removal of old sessions")

    # -- the connections

    def respond(self) -> None:
        """Respond to each connection that has all output; called at the end of each turn."""
        if self._life.phase == Phase.ENDED and not self._complete():  # after a wait, the caller may request the screen
            return
        is_final = self._life.phase != Phase.ENDED
        if is_final:
            self._session.desk.end_all("has ended")
        for connection in list(self._connections.values()):
            if self._has_more(connection):
                continue
            self._respond_to_waits(connection)
            if is_final and (client := client_of(connection)) is not None:  # last: EXIT takes away the reader
                self._send_exit(client)

    def _has_more(self, connection: PeerConnection) -> bool:
        """Return whether output, a screen or events are still to be sent."""
        session = self._session
        reader = connection.reader
        if session.events.pending(connection):
            return True
        if isinstance(reader, Follower):
            return reader.position < session.log.head
        if not isinstance(reader, Client):
            return False
        return not reader.was_sent(session.log.head) or reader.asked is not None or reader.screen is not None

    def _respond_to_waits(self, connection: PeerConnection) -> None:
        session = self._session
        for wait in session.waits.of(connection):
            outcome = description.outcome(session)
            if isinstance(connection.reader, Follower):
                outcome["truncated"] = connection.reader.skipped > 0
            wait.request.respond({"position": session.log.head, **outcome})
        session.waits.forget(connection)

    def _send_exit(self, client: Client) -> None:
        session = self._session
        end = self._life.end
        message: Message = {"name": session.name, "code": end.code, "signal": end.signal, "reason": end.reason}
        message["used_rows"] = session.attached.used_rows(client)
        client.connection.queue(protocol.message(protocol.EXIT, message))
        session.attached.dismiss(client)

    def finished(self) -> list[PeerConnection]:
        """Return the connections that are done, or make no progress, of a session that is over."""
        since_end = STEADY.now() - (self._life.end.at or 0.0)
        finished = []
        for connection in self._connections.values():
            waits = connection.awaits_creator or client_of(connection) or self._session.waits.of(connection)
            is_done = not (connection.unsent or waits)
            if is_done or min(since_end, time.monotonic() - connection.progress_at) > LAST_READ:
                finished.append(connection)
        if self._finish_at == NEVER:
            self._finish_at = time.monotonic() + LAST_READ
            self._plan()
        return finished
