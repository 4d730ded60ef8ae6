"""Ends a session: its processes, then its program, then its files.

`last_responses` responds to the connections that wait for the end.
"""

from __future__ import annotations

import signal
import time
from dataclasses import replace

from sesh.daemon import description
from sesh.daemon.base.phase import READABLE, Phase, ProgramEnd
from sesh.daemon.clients.listener import Listener
from sesh.daemon.pty.output_log import JOB_RETAINED
from sesh.daemon.pty.pty import Pty
from sesh.daemon.session import Session
from sesh.errors import BY_KERNEL, BY_TIMEOUT, KILLED, TERMINATED, ExitCode
from sesh.store import records, results

KILL_AFTER = 2.0  # seconds between SIGHUP and SIGKILL
POLL = 0.02  # seconds between two checks of the processes; most are not our children, so no signal reports their end
_FINAL_READS = 64  # reads of the pty after the program's end; later output is lost


class Ending:
    """Brings a session to its final phase, from the first signal to its processes on."""

    def __init__(self, session: Session, listener: Listener) -> None:
        self._session = session
        self._life = session.life
        self._facts = session.facts
        self._listener = listener
        self._reason = ""  # why somebody ends the session; empty if nobody does
        self._hung_up_at: float | None = None  # time (monotonic) of SIGHUP to the session's processes
        self._final_phase = Phase.REMOVED  # the phase that follows ENDED

    # -- the processes

    def end_session(self, reason: str) -> None:
        """End every process of the session: send SIGHUP and SIGCONT, then SIGKILL after `KILL_AFTER`."""
        if reason != BY_TIMEOUT:  # somebody's act cancels the option `--keep`
            self._facts.update(replace(self._facts, keep=False))
        if not self._life.running:
            self.remove()
        elif self._life.phase == Phase.RUNNING and self._session.pty is not None:
            self._reason = reason
            self._life.become(Phase.ENDING)
            self._session.timers.set(self._check_processes, 0)

    def time_out(self) -> None:
        self.end_session(BY_TIMEOUT)

    def _check_processes(self) -> None:
        """Signal the session's processes until none is alive. Raises OSError if they cannot be listed."""
        pty = self._session.pty
        if pty is None:
            return
        self._session.timers.set(self._check_processes, POLL)  # first: listing processes can fail
        if self._hung_up_at is None:
            alive = pty.signal_session(signal.SIGHUP, signal.SIGCONT)
            self._hung_up_at = time.monotonic()
        else:
            alive = pty.living_groups()
        waited = time.monotonic() - self._hung_up_at
        if not alive:
            pty.reap()  # last: until then, the kernel does not reuse its pid
            self._handle_program_end(pty)
        elif waited > 2 * KILL_AFTER:  # another process may hang in the kernel; the program's end is enough
            if pty.reap():
                self._handle_program_end(pty)
        elif waited > KILL_AFTER:
            pty.signal_session(signal.SIGKILL)

    def check_program(self) -> None:
        """End the session if its program has ended by itself; called after SIGCHLD."""
        pty = self._session.pty
        if pty is None or not self._life.running:
            return
        if self._life.phase == Phase.ENDING:
            self._session.timers.set(self._check_processes, 0)
        elif pty.reap():
            self._handle_program_end(pty)

    # -- the program

    def _handle_program_end(self, pty: Pty) -> None:
        session = self._session
        guard = session.faults.guard
        for _ in range(_FINAL_READS):  # bounded: a background process may write forever
            if not session.pump.read_output():
                break
        timed_out = session.activity.at_prompt_since_typed  # a shell, as by TMOUT
        end = self._end_of(pty)
        self._life.end = end
        self._life.become(Phase.ENDED)
        for call in (self._check_processes, self.time_out, session.checkpoints.write_if_due):
            session.timers.clear(call)
        guard(lambda: session.activity.end(failed=bool(end.code) and not end.by_request), "the state")
        guard(session.runs.end, "the commands", end.code, end.reason or "")
        session.events.add("exited", exit_code=end.code, signal=end.signal, reason=end.reason)
        guard(session.pump.close, "the terminal")
        has_result = bool(guard(self._store_result, "the result"))
        phase = self._phase_after(end, has_result=has_result, timed_out=timed_out)
        self._facts.update(replace(self._facts, keep=phase in READABLE))
        self._finish(phase)

    def _end_of(self, pty: Pty) -> ProgramEnd:
        """Return how the program has ended, and why."""
        end = ProgramEnd.of(pty.status or 0, pty.usage)
        if self._reason == BY_TIMEOUT:
            return replace(end, code=ExitCode.TIMED_OUT, reason=BY_TIMEOUT, by_request=self._life.interrupted)
        if self._reason:
            return replace(end, reason=self._reason, by_request=True)
        # A SIGKILL that sesh did not send comes from the kernel's or a daemon's OOM killer, or from a person.
        by_itself = BY_KERNEL if end.signal == signal.SIGKILL else "exited"
        return replace(end, reason=by_itself, by_request=self._life.interrupted)

    def _store_result(self) -> bool:
        log = self._session.log
        first = max(log.base, log.head - JOB_RETAINED)
        output = log.content(first) if self._facts.job else b""
        results.keep(description.result(self._session, truncated=first > 0), output)
        return True

    # -- the final phase

    def _phase_after(self, end: ProgramEnd, *, has_result: bool, timed_out: bool) -> Phase:
        """Return the final phase: of the first row that is true.

        | `--keep`                                                             | KEPT           |
        | not to be listed; its result is on disk, or somebody has ended it    | REMOVED        |
        | not to be listed; only the daemon has its exit code                  | UNTOLD         |
        | to be listed; its result and its screen are on disk                  | UNSEEN or LEFT |
        | to be listed; only the daemon has one of them                        | KEPT           |
        """
        is_safe = has_result or end.reason in (KILLED, TERMINATED)
        if self._facts.keep:
            return Phase.KEPT
        phase = self._phase_by_setting(end, timed_out=timed_out)
        if phase == Phase.REMOVED:
            return phase if is_safe else Phase.UNTOLD
        return phase if is_safe and self._facts.persist else Phase.KEPT

    def _phase_by_setting(self, end: ProgramEnd, *, timed_out: bool) -> Phase:
        """Return LEFT or UNSEEN if the setting `Config.keep` wants the ended session listed, else REMOVED."""
        facts = self._facts
        if facts.job or facts.outlive == "never":
            return Phase.REMOVED
        if end.reason == TERMINATED:  # no person's act: a machine that shuts down sends SIGTERM too
            return Phase.LEFT if facts.persist else Phase.REMOVED
        if self._reason:
            return Phase.REMOVED
        if timed_out:  # also with clients attached: their person may be away
            return Phase.LEFT
        is_wanted = bool(end.code) or (facts.outlive == "always" and not facts.shell)
        return Phase.UNSEEN if is_wanted and not self._session.clients else Phase.REMOVED

    @property
    def final_phase(self) -> Phase:
        """The phase after the end, also while the emulator still draws the last output."""
        return self._final_phase if self._life.phase == Phase.ENDED else self._life.phase

    def remove(self) -> None:
        """Remove the ended session: nobody needs its files any more."""
        self._finish(Phase.REMOVED)

    def _finish(self, phase: Phase) -> None:
        """Enter the final phase once the last checkpoint can have all output."""
        session = self._session
        self._final_phase = phase
        if phase != Phase.REMOVED:
            session.faults.guard(lambda: description.write_record(session, durable=True), "the record")
        if phase == Phase.REMOVED or not (self._facts.persist and session.model.lag):
            self.complete()

    def complete(self) -> None:
        """Enter the final phase: write the last checkpoint or remove the files."""
        guard = self._session.faults.guard
        phase = self._final_phase
        self._life.become(phase)
        if phase != Phase.REMOVED:
            guard(self._session.checkpoints.write_last, "the checkpoint")
        if phase not in READABLE:
            self._session.loop.forget(self._listener.socket.fileno())
            guard(self._listener.release, "the release", self._facts.id, remove=phase == Phase.REMOVED)
        if phase in (Phase.LEFT, Phase.UNSEEN):
            guard(records.forget_ended, "the removal of old sessions")
