"""Runs the commands of `--run` in the session's live shell, one after the other, each with an exact answer.

A run waits for its turn and for a shell at its prompt, and makes the shell read its files (see `marks`), which write
marks: B when the shell has begun with them, C when the command begins, E with its exit code. What lies between C and E
is its output. While no run is under way, nothing of this costs anything.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable

from sesh import processes
from sesh.about import SESH
from sesh.daemon.clients.connection import Connection
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell import shells
from sesh.daemon.shell.history import History
from sesh.daemon.shell.marks import MarkFilter, Wrapper, shown, source
from sesh.daemon.shell.run import Begin, Run, State
from sesh.daemon.shell.shells import Shell
from sesh.errors import Busy, ExitCode, Interrupted, Refused, SeshError, TimedOut, Unknown, daemon_failed
from sesh.loop.timers import Timers
from sesh.schema import RunFacts
from sesh.stored import Facts

MAX_RUNS = 100
BEGIN_TIMEOUT = 3.0  # seconds for a shell to begin with the typed line
NEXT_LOOK = 0.005  # seconds until the next look for a shell at its prompt
QUIET = 0.3  # seconds of silence after which a shell at its prompt has ended the command
SETTLED = 0.1  # seconds within which a mark that a shell has written comes through the terminal
JUST_NOW = 1.0  # seconds after an answer in which the shell's end, with the same code, comes of the command


class RunQueue:
    """The runs that wait, and the one under way.

    `emit` reports an event. `interrupted` returns whether an end that comes now is a person's wish, by Ctrl-C.
    """

    def __init__(
        self, facts: Facts, pump: Pump, timers: Timers, emit: Callable[..., None], interrupted: Callable[[], bool]
    ) -> None:
        self._facts, self._pump, self._timers, self.history = facts, pump, timers, History()
        self._emit, self._interrupted = emit, interrupted
        self._waiting: deque[Run] = deque()
        self.active: Run | None = None
        self._finished: tuple[float, int | None] = (float("-inf"), None)
        """The time of the last answer (monotonic), and its code."""
        self._block_of_run = False  # a run was active when the last block came, which may have the shell's mark
        self._secret = os.urandom(6).hex()  # the beginning of the tokens of this session's runs
        self._marks = MarkFilter(self._secret, self._marked, self._passed)

    @property
    def name(self) -> str:
        return self._facts["name"]

    def every(self) -> list[Run]:
        return [*([self.active] if self.active is not None else []), *self._waiting]

    # -- requests

    def add(self, run: Run, timeout: float | None) -> None:
        """Queue a command; a client that comes back waits for the one of its `key`. Raise Busy if too many wait."""
        if self.history.answer_again(run):
            return
        known = next((other for other in self.every() if run.key and other.key == run.key), None)
        if known is not None:
            known.request, known.sent = run.request, run.sent
            if known.state >= State.BEGUN and not known.wait:
                self._answer(known, known.result(None))
            run = known
        elif len(self._waiting) >= MAX_RUNS:
            raise Busy(f"{MAX_RUNS} commands already wait in {self.name}; try again later")
        else:
            self._waiting.append(run)
        if timeout is not None:
            self._timers.set(run, timeout, lambda: self._time_out(run))
        self._pump.filter = self.filter
        if self.active is None:
            self._timers.set("run", 0, self.step)

    def interrupt(self, connection: Connection) -> bool:
        """Carry out Ctrl-C of a client: its command gets SIGINT (then return True), or does not begin."""
        sent = False
        for run in [run for run in self.every() if run.connection is connection]:
            if run.state >= State.TYPED and self._pump.pty is not None:
                self._pump.pty.signal_foreground(signal.SIGINT)
                sent = True
            self._give_up(run, Interrupted("interrupted before the command began"))
        return sent

    def key_pressed(self) -> None:
        """Give up a command that the shell has not begun with: a person has typed."""
        run = self.active
        if run is not None and run.state == State.TYPED:
            message = f"someone typed in {self.name} before the command began; it did not run"
            self._give_up(run, Interrupted(message, exit_code=ExitCode.SESH_FAILED))

    def _time_out(self, run: Run) -> None:
        """Answer a client whose time is over; a command that runs continues."""
        if run.state >= State.BEGUN:
            run.answer(run.result(None, timed_out=True))
        else:
            message = f"no shell in {self.name} began with the command until the timeout; it did not run"
            self._give_up(run, TimedOut(message))

    def _give_up(self, run: Run, error: SeshError) -> None:
        """Answer a command that has not begun with an error, and keep it from beginning."""
        if run.state < State.TYPED:
            self._refuse(run, error)
        elif run.state == State.TYPED:
            self._withdraw(run, error)

    # -- questions of other parts

    def owns_mark(self) -> bool:
        """Return whether a mark of the shell itself, which comes now, is about a command of `--run`."""
        return self.active is not None or self._block_of_run

    def no_answers(self) -> bool:
        """Return whether queries in the output get no answer: a program that wants one turns echo off first."""
        run, pty = self.active, self._pump.pty
        return run is not None and run.state >= State.BEGUN and pty is not None and pty.echoes()

    def ends_shell(self, code: int | None) -> bool:
        """Return whether the end of the shell, with this exit code, is a command's doing; its caller is answered then.

        The command is under way, or its answer was sent just now: fish reports the code before it exits.
        """
        finished_at, answered = self._finished
        return self.active is not None or (answered == code and time.monotonic() < finished_at + JUST_NOW)

    def program_ended(self, code: int | None, reason: str) -> None:
        """End the command under way, as the session's program has ended, and refuse the others."""
        run = self.active
        self._pump.show(self._marks.finish())
        if run is not None and run.state >= State.BEGUN and run.error is None:
            self.history.last = {"key": run.key, **run.result(code, reason=reason)}
            self._finish(run, code, reason)
        for run in self.every():
            self._refuse(run, Refused(f"{self.name} ended before the command began"))
        self._timers.clear("run")

    # -- the program's output

    def filter(self, block: bytes) -> bytes:
        """Return the block without our marks and their echo."""
        self._block_of_run = self.active is not None
        return self._marks.filter(block)

    def _passed(self, piece: bytes) -> None:
        run, pty = self.active, self._pump.pty
        if run is None or run.state < State.BEGUN:
            return
        run.output.add(piece, translated=pty is None or pty.translates())
        if run.state == State.RUNNING and b"\n" in piece:
            run.send_lines()

    def _marked(self, token: str, letter: str, code: int | None) -> bytes:
        """Handle a mark of ours, and return its replacement in the output."""
        run = self.active
        if run is None or run.wrapper is None or run.shell is None:
            return b""
        ours = token == run.wrapper.token
        if ours and letter == "B" and run.state in (State.TYPED, State.WITHDRAWN):
            return self._begin(run, run.shell)
        if ours and letter == "C" and run.state == State.BEGUN:
            self._command_begun(run)
        elif letter == "E" and run.state >= State.BEGUN and (ours or not shells.alive(run.shell.pid)):
            self._finish(run, code)  # if it is not ours, it is of the command that had started the shell which ends now
        return b""

    def _begin(self, run: Run, shell: Shell) -> bytes:
        """Handle mark B; return the replacement of the echo: the command as if typed."""
        run.become(State.BEGUN)
        run.number = self.history.next_number()
        run.begin = Begin(run.since, time.time(), processes.directory_of(shell.pid))
        self._emit("command_started", command=run.words, n=run.number)
        self._timers.set("run", QUIET, self.step)
        if not run.wait:
            self._answer(run, run.result(None))
        return self._marks.drop() + shown(run.words, shell.kind).encode() + b"\r\n"

    def _command_begun(self, run: Run) -> None:
        """Handle mark C: the command runs, even if it was to be withdrawn."""
        run.become(State.RUNNING)
        run.output.clear()  # the shell printed that, not the command
        run.remove_files()
        error, run.error = run.error, None
        if isinstance(error, TimedOut):
            self._time_out(run)

    # -- steps

    def step(self) -> None:
        """Take the next step of the active run; if there is none, make the next run active."""
        if self.active is None:
            if not self._waiting:
                return
            self.active = self._waiting.popleft()
            self.active.become(State.DUE)
        run = self.active
        if run.state == State.DUE:
            try:
                self._type_when_ready(run)
            except SeshError as error:
                self._refuse(run, error)
            except Exception:
                self._refuse(run, daemon_failed())
                raise
        elif run.state == State.TYPED:
            not_read = Busy(f"what reads in {self.name} is not a shell at its prompt; use --send")
            self._withdraw(run, shells.output_stopped(self._pump.pty, self.name) or not_read)
        elif run.state == State.WITHDRAWN:
            self._not_begun(run)
        else:
            self._look_for_end(run)

    def _type_when_ready(self, run: Run) -> None:
        """Type the run's line if a shell waits for one. Raise Busy if there will be none soon."""
        shell = shells.ready_shell(self._pump, self._facts, time.monotonic() - run.since)
        if run.connection is None or run.connection.closed:
            self._leave(run)  # unanswered: a client with a key that comes back asks again
        elif shell is None:
            self._timers.set("run", NEXT_LOOK, self.step)
        else:
            self._type(run, shell)

    def _type(self, run: Run, shell: Shell) -> None:
        run.attempts += 1
        run.shell, run.wrapper = shell, Wrapper(self.name, self._secret, shell.kind)
        try:
            run.wrapper.write(source(run.words, shell.kind))
        except OSError as error:
            raise Refused(f"cannot pass the command to the shell: {error.strerror}") from error
        self._marks.hold()
        run.become(State.TYPED)
        self._timers.set("run", BEGIN_TIMEOUT, self.step)
        self._pump.type("run", run.wrapper.line)
        self._pump.sent_at = self._pump.log.head

    def _withdraw(self, run: Run, error: SeshError) -> None:
        """Take back a command that the shell has not begun with: it cannot without the inner file.

        Mark B is written before that file is opened. So `error` is the answer only if no B comes that was written
        before (`_not_begun`), or no C behind it.
        """
        run.remove_files()
        run.error = error
        run.become(State.WITHDRAWN)
        self._timers.set("run", SETTLED, self.step)

    def _not_begun(self, run: Run) -> None:
        """Clear the line that the shell has not read. Type it once more behind a secondary prompt, or one that takes
        commands of vi, which Ctrl-C has left; else answer with the error."""
        error, run.error = run.error or daemon_failed(), None
        self._pump.show(self._marks.release())
        stopped = shells.output_stopped(self._pump.pty, self.name) is not None
        if not stopped and not isinstance(error, Interrupted):  # Ctrl-C would let stopped output go on
            self._pump.type("run", b"\x03")
        if stopped or not isinstance(error, Busy) or run.attempts > 1:
            self._refuse(run, error)
        else:
            run.become(State.DUE)
            self._timers.set("run", QUIET, self.step)

    def _look_for_end(self, run: Run) -> None:
        """Look whether a shell is back at its prompt and silent, without mark E; the longer it runs, the less often.

        zsh and fish always print that mark: what reads there is a builtin of the command.
        """
        pump, now = self._pump, time.monotonic()
        self._timers.set("run", min(0.5, max(QUIET, (now - run.since) / 10)), self.step)
        if pump.pty is None or run.shell is None or now - max(run.since, run.output.appended_at) < QUIET:
            return
        shell = shells.foreground(pump.pty)
        if shell is None or not shell.ready or pump.take() or run is not self.active:
            return
        code: int | None = None
        if (shell.pid, shell.kind) == (run.shell.pid, run.shell.kind):
            if shell.kind in (shells.ZSH, shells.FISH):
                return
            code = ExitCode.INTERRUPTED if self._interrupted() else None
        elif shells.alive(run.shell.pid):
            code = 0  # the command has started this shell
        run.output.end_line()  # the last one is the prompt
        self._finish(run, code)

    # -- the end of a run

    def _finish(self, run: Run, code: int | None, reason: str = "") -> None:
        """End a run; `code` is None if it is unknown, `reason` that of the session's end with it."""
        if run.error is not None:  # the shell came too late for the inner file
            self._refuse(run, run.error)
            return
        facts, begin = run.result(code, reason=reason), run.begin
        self._finished = (time.monotonic(), code)
        if begin is not None:
            duration = facts["duration"] or 0.0
            self.history.add(run.number, run.words, begin.cwd, begin.started, duration, code, run.text())
        self._emit("command_ended", exit_code=code, command=run.words, n=run.number)
        if run.request is not None and code is None:
            message = f"the shell in {self.name} did not report the command's exit code"
            self._refuse(run, Unknown(message, hint=f"to see what it did: {SESH} --logs {self.name}"))
        else:
            self._answer(run, facts)
            self._leave(run)

    def _answer(self, run: Run, facts: RunFacts) -> None:
        """Send an answer, and keep it for a client that comes back."""
        self.history.add_answer(run, facts)
        run.answer(facts)

    def _refuse(self, run: Run, error: SeshError) -> None:
        self.history.add_answer(run, error)
        if run.request is not None:
            run.request.refuse(error)
        self._leave(run)

    def _leave(self, run: Run) -> None:
        """Drop a run, and begin with the next one."""
        run.remove_files()
        run.request = None
        run.become(State.DONE)
        self._timers.clear(run)
        if run in self._waiting:
            self._waiting.remove(run)
        if run is self.active:
            self.active = None
            self._timers.set("run", 0, self.step)
