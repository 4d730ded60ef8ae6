"""Runs the commands of `--run` in the session's live shell, one after the other, each with an exact answer.

A run waits for its turn and for a shell at its prompt, makes the shell source its files (see `wrapper`), and ends with
mark E. A shell that comes back to its prompt without one (after Ctrl-C, or an error that ends the sourced file) is
asked for the exit code of its last command. While no run is under way, nothing of this costs anything.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable

from sesh import proc
from sesh.about import SESH
from sesh.daemon.clients.connection import Connection
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell import shells
from sesh.daemon.shell.history import History
from sesh.daemon.shell.run import DONE, PROBED, RUNNING, TYPED, WAITING, LiveOutput, Run
from sesh.daemon.shell.shells import Shell
from sesh.daemon.shell.wrapper import MarkFilter, Wrapper, shown, source
from sesh.errors import Busy, ExitCode, Interrupted, Refused, SeshError, TimedOut, Unknown, daemon_failed
from sesh.loop.timers import Timers
from sesh.moments import STEADY
from sesh.stored import Facts

MAX_RUNS = 100
"""Runs that may wait."""
BEGIN_TIMEOUT = 3.0
"""Seconds for a shell to begin with the typed line."""
PASSING = 0.3
"""Seconds for which another program may be in the foreground, as a prompt's own commands are."""
FIRST_PROMPT = 15.0
"""Seconds for a new session's first prompt."""
NEXT_PROMPT = 3.0
"""Seconds for a shell that is in the foreground to come to its prompt."""
QUIET = 0.15
"""Seconds of silence after which a shell at its prompt has ended the command."""
NESTED = 0.4
"""Seconds after which a shell at its prompt that the command started becomes the session's shell."""
MARK_TIMEOUT = 0.2
"""Seconds for the rest of a mark."""
SETTLED = 0.1
"""Seconds within which a mark that a shell has written comes through the terminal."""
MAX_PROMPT = 4 << 10
"""Bytes of a prompt that are kept, the last ones."""
JUST_NOW = 1.0
"""Seconds after a command's answer in which the end of the shell, with the same code, is the command's doing."""


class RunQueue:
    """The runs that wait, the one under way, and the filter for their marks. `emit` reports an event.

    It is one state machine, and long for that: marks, timers and keys each act on the whole of its state.
    """

    def __init__(self, facts: Facts, pump: Pump, timers: Timers, history: History, emit: Callable[..., None]) -> None:
        self._facts, self._pump, self._emit = facts, pump, emit
        self.timers, self.history = timers, history
        self.waiting: deque[Run] = deque()
        self.active: Run | None = None
        self._finished: tuple[float, int | None] = (float("-inf"), None)
        """The time of the last answer (monotonic), and its code."""
        self.was_active = False
        """True if a run was active when the last block came: the shell's own mark of its end may be in that block."""
        self.secret = os.urandom(6).hex()
        """The beginning of the tokens of this session's runs."""
        self.prompted = False
        """True if the shell has been seen at its prompt."""
        self.prompt = b""
        """The output since the last command: a prompt, if nobody has typed."""
        self.outer_tokens: deque[str] = deque(maxlen=MAX_RUNS)
        """Tokens of runs whose command became the session's shell: their mark E, when it comes, is that shell's end."""
        self.mark_filter = MarkFilter(self.secret, self._marked, self._passed)

    @property
    def name(self) -> str:
        """The session's name."""
        return str(self._facts["name"])

    def every(self) -> list[Run]:
        """The active run, then those that wait."""
        return [*([self.active] if self.active is not None else []), *self.waiting]

    # -- requests

    def add(self, run: Run, timeout: float | None) -> None:
        """Queues a command; a client that comes back waits for the one of its `key`. Raises Busy if too many wait."""
        if self.history.answer_again(run):
            return
        begun = next((other for other in self.every() if run.key and other.key == run.key), None)
        if begun is not None:
            begun.connection, begun.request = run.connection, run.request
            if begun.live is not None:
                begun.live = LiveOutput(begun, run.follows or 0)
            if begun.state == RUNNING and not begun.wait:
                self._answer_started(begun)
            run = begun
        elif len(self.waiting) >= MAX_RUNS:
            raise Busy(f"{MAX_RUNS} commands already wait in {self.name}; try again later")
        else:
            run.number = self.history.next_number()
            self.waiting.append(run)
        if timeout is not None:
            self.set_timeout(run, timeout)
        if self.active is None:
            self.timers.set("run", 0, self.step)

    def set_timeout(self, run: Run, seconds: float) -> None:
        """Answers a run's client after so many seconds."""
        self.timers.set(("run", run.number), seconds, lambda: self._time_out(run))

    def interrupt(self, connection: Connection) -> None:
        """Ctrl-C in a waiting client: its command gets SIGINT, or is not begun."""
        for run in [run for run in self.every() if run.connection is connection]:
            if run.state == WAITING:
                self._refuse(run, Interrupted("interrupted before the command began"))
            elif self._pump.pty is not None:
                run.interrupted = True
                self._pump.pty.signal_foreground(signal.SIGINT)
                self.timers.set("run", QUIET, self.step)

    def key_pressed(self) -> None:
        """A person has typed: gives up a command that the shell has not begun with."""
        run = self.active
        if run is not None and run.state == TYPED and run.withdrawn is None:
            message = f"someone typed in {self.name} before the command began; it did not run"
            self._withdraw(run, Interrupted(message, exit_code=ExitCode.SESH_FAILED))

    def no_answers(self) -> bool:
        """Returns whether queries in the output get no answer: a program that wants one turns echo off first."""
        run, pty = self.active, self._pump.pty
        return run is not None and run.state == RUNNING and pty is not None and pty.echoes()

    def ends_shell(self, code: int | None) -> bool:
        """Returns whether the end of the shell, with this exit code, is a command's doing; its caller is answered then.

        The command is under way, or its answer was sent just now: fish reports the code before it exits.
        """
        finished_at, answered = self._finished
        return self.active is not None or (answered == code and time.monotonic() < finished_at + JUST_NOW)

    def program_ended(self, code: int | None, reason: str) -> None:
        """The session's program has ended, and with it the command under way; the others are refused."""
        run = self.active
        self._pump.show(self.mark_filter.release_part() + self.mark_filter.release())
        if run is not None and run.state in (RUNNING, PROBED):
            self._finish(run, code, reason)
            self.history.last = {"key": run.key, **run.result(code, reason=reason)}
        for run in self.every():
            self._refuse(run, Refused(f"{self.name} ended before the command began"))
        self.timers.clear("run")

    @property
    def holding(self) -> bool:
        """True while a line of ours is on its way to the shell, and its echo is held back."""
        return self.active is not None and self.active.state in (TYPED, PROBED)

    # -- the program's output

    def filter(self, block: bytes) -> bytes:
        """The block without our marks and their echo."""
        self.was_active = self.active is not None
        passed = self.mark_filter.filter(block)
        if self.mark_filter.part:
            self.timers.set("mark", MARK_TIMEOUT, self.release_part)
        return passed

    def release_part(self) -> None:
        """Passes on the beginning of a mark that did not become one."""
        self._pump.show(self.mark_filter.release_part())

    def _passed(self, piece: bytes) -> None:
        """Keeps output between marks: the command's, or the prompt behind it."""
        run = self.active
        if run is not None and run.state in (RUNNING, PROBED):
            run.output.add(piece)
            if run.live is not None and run.live.due:
                self._check_foreground(run)
        else:
            self.prompt = (self.prompt + piece)[-MAX_PROMPT:]

    def _marked(self, token: str, rest: str) -> bytes:
        """Handles a mark of ours, and returns its replacement in the output."""
        run = self.active
        letter, _, digits = rest.partition(";")
        code = int(digits) if digits.isdecimal() else None
        if letter == "E" and token in self.outer_tokens:
            self.outer_tokens.remove(token)
            if run is not None and run.state == RUNNING and run.shell and not shells.alive(run.shell.pid):
                self._finish(run, code)  # it was that shell's last command
            return b""
        if run is None or token != run.token or self._pump.pty is None:
            return b""
        replacement = b""
        if letter == "B" and run.state == TYPED:
            replacement = self._shell_begun(run)
        elif letter == "C" and run.state == RUNNING:
            self._command_begun(run)
        elif letter == "E" and run.state in (RUNNING, PROBED):
            if run.state == PROBED:
                replacement = self.mark_filter.drop() + b"\r\x1b[K"  # erases our line, which asked for the code
            if run.withdrawn is not None:
                self._refuse(run, run.withdrawn)  # the shell came too late for the inner file
            else:
                self._finish(run, code)
        return replacement

    def _command_begun(self, run: Run) -> None:
        """Mark C: the command runs, even if it was to be withdrawn."""
        run.output.restore(0, b"")  # the command did not print that
        if run.follows is not None:
            run.live = LiveOutput(run)
        if run.wrapper is not None and run.wrapper.kind != shells.FISH:
            run.wrapper.remove()  # fish has yet to read them
        error, run.withdrawn = run.withdrawn, None
        if isinstance(error, TimedOut):
            self._time_out(run)

    def step(self) -> None:
        """Takes the next step of the active run; if there is none, makes the next run active."""
        if self.active is None:
            if not self.waiting:
                return
            self.active = self.waiting.popleft()
            self.active.turn_at = time.monotonic()
        run = self.active
        if run.state == WAITING:
            try:
                self._type_when_ready(run)
            except SeshError as error:
                self._refuse(run, error)
            except Exception:
                self._refuse(run, daemon_failed())
                raise
            return
        if run.connection is not None and run.connection.closed and not run.key:
            run.connection = None  # a client with a key may come back
        if run.state == RUNNING:
            self._check_foreground(run)
        elif run.withdrawn is not None:
            self._not_begun(run, run.withdrawn)
        elif time.monotonic() - run.typed_at < BEGIN_TIMEOUT:
            self.timers.set("run", BEGIN_TIMEOUT, self.step)
        elif run.state == PROBED:
            self._give_up(run)
            self._finish(run, ExitCode.INTERRUPTED if run.interrupted else None)
        else:
            self._withdraw(run, Busy(f"what reads in {self.name} is not a shell at its prompt; use --send"))

    def _type_when_ready(self, run: Run) -> None:
        """Types the run's line if a shell waits for one. Raises Busy if there will be none soon."""
        pump, pty = self._pump, self._pump.pty
        if run.connection is None or run.connection.closed:
            self._leave(run)  # unanswered: a client with a key that comes back asks anew
            return
        if pty is None or not pump.running:
            raise Refused(f"the program of {self.name} has ended")
        drained = not pump.take()
        shell = shells.foreground(pty)
        if shell is not None:
            shells.check_runs(shell, self.name)
        if shell is not None and shell.ready and drained and not pump.input:
            self.prompted = True
            if pump.line_begun:
                hint = f"enter it, or clear it: {SESH} --send {self.name} --key C-c"
                raise Busy(f"there is an unfinished line at the prompt of {self.name}", hint=hint)
            self._type(run, shell)
            return
        waited = time.monotonic() - run.turn_at
        if waited > self._patience(shell):
            raise Busy(f"{shells.foreground_name(pty)} is running in {self.name}; wait for it to end, or use --send")
        self.timers.set("run", 0.002 if waited < 0.1 else 0.02, self.step)

    def _patience(self, shell: Shell | None) -> float:
        """Seconds to wait for the shell in the foreground to come to its prompt, or for another program to end."""
        fresh = self._pump.typed_line.group is None and STEADY.now() - self._facts["created"] <= FIRST_PROMPT
        if fresh and not self.prompted and (shell is not None or shells.kind_of(int(self._facts["pid"]))):
            return FIRST_PROMPT  # it has not come to its first prompt, and nobody has typed
        return NEXT_PROMPT if shell is not None else PASSING

    def _type(self, run: Run, shell: Shell) -> None:
        run.shell = shell
        run.attempts += 1
        run.token = f"{self.secret}.{run.number}.{run.attempts}"
        try:
            self._enter(run, TYPED, shell.kind, source(run.words, shell.kind))
        except OSError as error:
            run.remove_files()
            raise Refused(f"cannot pass the command to the shell: {error.strerror}") from error
        self._pump.sent_at = self._pump.log.head

    def _enter(self, run: Run, state: int, kind: str, command: str | None) -> None:
        """Types the line that makes the shell source the files of a wrapper. Raises OSError."""
        run.remove_files()
        run.wrapper = Wrapper(self.name, run.token, kind, command)
        run.wrapper.write()
        self.mark_filter.hold()
        run.state, run.typed_at = state, time.monotonic()
        self.timers.set("run", BEGIN_TIMEOUT, self.step)
        self._pump.type("run", run.wrapper.line)

    def _shell_begun(self, run: Run) -> bytes:
        """Mark B: the shell has begun with the line. Returns what clients see of it: the command as if typed."""
        pty, shell = self._pump.pty, run.shell
        run.state, run.began_at, run.started = RUNNING, time.monotonic(), time.time()
        run.output.appended_at = run.began_at
        run.cwd = proc.directory_of(shell.pid) if shell is not None else ""
        run.output.translated = pty is None or pty.translates()
        self._emit("command_started", command=run.words, n=run.number)
        self.timers.set("run", QUIET, self.step)
        kind = shell.kind if shell is not None else ""
        if kind == shells.FISH:
            self._command_begun(run)  # it prints no other mark before the command
        if not run.wait:
            self._answer_started(run)
        return self.mark_filter.drop() + shown(run.words, kind).encode() + b"\r\n"

    def _answer_started(self, run: Run) -> None:
        if run.connection is not None:
            self.history.add_answer(run, run.result(None))
            run.connection.respond(run.request, **run.result(None))
            run.connection = None

    def _check_foreground(self, run: Run) -> None:
        """Checks the foreground: the longer the command runs, the less often, but every 0.5 s at least.

        Live output is sent while the shell is away from its prompt. If it is back and silent, mark E is missing
        (`_shell_returned`).
        """
        pump, pty, now = self._pump, self._pump.pty, time.monotonic()
        self.timers.set("run", min(0.5, max(QUIET, (now - run.began_at) / 10)), self.step)
        loud = now - run.output.appended_at < QUIET
        if pty is None or run.shell is None or (loud and run.live is None):
            return
        shell = shells.foreground(pty)
        if shell is not None and shell.ready:
            if not loud and not pump.take() and run.state == RUNNING:  # the output that it takes may end with mark E
                self._shell_returned(run, run.shell, shell)
                return
        elif run.live is not None:
            run.live.send(pty)
        run.nested_at = 0.0

    def _shell_returned(self, run: Run, began: Shell, shell: Shell) -> None:
        """A shell is at its prompt and silent, without mark E from the shell that began the command."""
        same = shell.pid == began.pid
        if same and shell.kind == began.kind and shell.kind in (shells.ZSH, shells.FISH):
            return  # these always print mark E: what reads there is a builtin of the command
        if same or not shells.alive(began.pid):
            if not self._pump.line_begun and not shell.other_user:
                run.output.cut(self.prompt)
                self._enter(run, PROBED, shell.kind, None)
            return
        # The command has started this shell.
        now = time.monotonic()
        run.nested_at = run.nested_at or now
        if now - run.nested_at >= NESTED:
            self.outer_tokens.append(run.token)
            run.output.cut(b"")  # its prompt is not the one that was seen last, though it may end like that
            self._finish(run, 0)

    def _withdraw(self, run: Run, error: SeshError) -> None:
        """Takes back a command that the shell has not begun with: without the inner file it cannot.

        Mark B is written before that file is opened. So `error` is the answer only if no B comes that was written
        before (`_not_begun`), or no C behind it.
        """
        self._give_up(run)
        run.withdrawn = error
        self.timers.set("run", SETTLED, self.step)

    def _not_begun(self, run: Run, error: SeshError) -> None:
        """The shell does not read the line: clears it. Tries once more if `error` is Busy, else answers with it."""
        run.withdrawn = None
        if not isinstance(error, Interrupted):
            self._pump.type("run", b"\x03")
        if not isinstance(error, Busy) or run.attempts > 1:
            self._refuse(run, error)
            return
        run.state, run.turn_at = WAITING, time.monotonic()
        self.timers.set("run", QUIET, self.step)

    def _give_up(self, run: Run) -> None:
        run.remove_files()
        self._pump.show(self.mark_filter.release())

    def _time_out(self, run: Run) -> None:
        """Answers a client whose time is over; the command goes on."""
        if run.state == WAITING:
            self._refuse(run, TimedOut(f"{self.name} stayed busy until the timeout; the command did not run"))
        elif run.state == TYPED and run.withdrawn is None:
            message = f"the shell in {self.name} did not begin until the timeout; the command did not run"
            self._withdraw(run, TimedOut(message))
        elif run.state != TYPED:
            run.answer(ExitCode.TIMED_OUT, ended=False)

    # -- the end of a run

    def _finish(self, run: Run, code: int | None, reason: str = "") -> None:
        """The command has ended; `code` is None if it is unknown, `reason` that of the session's end with it."""
        pty, output = self._pump.pty, run.output
        output.translated = output.translated and (pty is None or pty.translates())
        now = time.monotonic()
        self._finished = (now, code)
        run.duration = now - run.began_at
        self.history.add(run.number, run.words, run.cwd, run.started, run.duration, code, output.text(run.token))
        self._emit("command_ended", exit_code=code, command=run.words, n=run.number)
        self.prompt = b""
        if run.connection is not None and code is None:
            message = f"the shell in {self.name} did not report the command's exit code"
            self._refuse(run, Unknown(message, hint=f"to see what it did: {SESH} --logs {self.name}"))
        else:
            self.history.add_answer(run, run.result(code, reason=reason))
            run.answer(code, reason=reason)
            self._leave(run)

    def _refuse(self, run: Run, error: SeshError) -> None:
        self.history.add_answer(run, error)
        if run.connection is not None:
            run.connection.refuse(run.request, error)
        self._leave(run)

    def _leave(self, run: Run) -> None:
        """Drops a run, and goes on with the next one."""
        run.remove_files()
        run.connection, run.live, run.state = None, None, DONE
        self.timers.clear(("run", run.number))
        if run in self.waiting:
            self.waiting.remove(run)
        if run is self.active:
            self.active = None
            self.timers.set("run", 0, self.step)
