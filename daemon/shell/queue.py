"""Runs the commands of `run` in the session's live shell, one after the other.

A run waits until the earlier ones have ended and a shell is at its prompt. Then a line is typed that makes the shell
source the run's files, which print marks: `RunState` shows a run's way from mark to mark, and `run_marks` tells of the
files. The output between C and E is the command's.

Around that, the queue deals with what the shell does at the prompt, and with commands that have no end:

- a shell that may be in vi's command mode is led to insert mode first, and back behind the last run after an Escape
- a line that no shell reads is cleared with Ctrl-C, and typed once more
- a command whose shell is silent at its prompt has ended without mark E
- a command that waits for keys goes on without its caller (see `key_watch`)
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Iterator

from sesh.about import SESH
from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.base.facts import Facts
from sesh.daemon.base.faults import FaultLog
from sesh.daemon.clients.connection import PeerConnection
from sesh.daemon.clients.events import Events
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell import shells
from sesh.daemon.shell.history import WHOLE_TIME, History
from sesh.daemon.shell.key_watch import KeyWatch
from sesh.daemon.shell.run import Run, RunOutput, RunState
from sesh.daemon.shell.run_marks import EXPANDING_KEYS, MarkFilter, RunMark, Wrapper, shown, source
from sesh.daemon.shell.shells import Shell
from sesh.errors import Busy, ExitCode, Fate, Interrupted, Refused, SeshError, TimedOut, Unreachable, daemon_failed
from sesh.system import processes

MAX_RUNS = 100  # queued runs; more are refused
PREPARE_TIMEOUT = 0.3  # seconds for zsh to expand a word (mark A)
BEGIN_TIMEOUT = 3.0  # seconds for a shell to read the typed line (mark B); then the run is withdrawn
PROMPT_POLL = 0.005  # seconds between two checks for a shell at its prompt
TO_INSERT = b"i\x7f"
"""Lead from vi's command mode to its insert mode, and change nothing in another one, nor behind an Escape of emacs."""
QUIET = 0.3  # seconds of silence at a shell's prompt after which the command counts as ended
MARK_DELAY = 0.1  # seconds after which a mark that a shell has written has arrived


class RunQueue(Part):
    """The runs of a session: the active one, and the waiting ones."""

    def __init__(
        self,
        agenda: Agenda,
        facts: Facts,
        pump: Pump,
        history: History,
        events: Events,
        faults: FaultLog,
        key_watch: KeyWatch,
    ) -> None:
        super().__init__(agenda)
        self._key_watch = key_watch
        self._facts = facts
        self._events = events
        self._faults = faults
        self._pump = pump
        self._history = history
        # `due`: time (monotonic) of the next step, of the next timeout, or for the history
        self._step_at = NEVER  # time (monotonic) of the next step
        self._shorten_at = NEVER  # time (monotonic) at which the history's outputs are shortened
        self.line_typed = False  # the line of a run was typed; the turn resets it
        self._waiting: deque[Run] = deque()
        self.active: Run | None = None
        self._prepared = set[int]()  # pids of shells that have printed mark B: a zsh among them has the hook
        self._escaped_at: float | None = None
        """`input_at` as the runs leave it, if they found an Escape that is to be typed again: it tells later keys."""
        self._escape_until = NEVER  # time (monotonic) until which that may be
        self._ended_at: float | None = None  # `input_at` when the last run ended: it tells later keys
        self._has_typed = False  # a run has ever been typed: from then on marks may come
        self._secret = os.urandom(6).hex()  # the prefix of this session's tokens
        self._marks = MarkFilter(self._secret)

    @property
    def name(self) -> str:
        return self._facts.name

    def _plan(self) -> None:
        self.due = min([self._step_at, self._shorten_at, *(run.times_out_at for run in self.all_runs())])

    def act(self, now: float) -> None:
        """Take the next step, and respond to those whose time is out."""
        if self._shorten_at <= now:
            self._shorten_at = NEVER
            self._history.shorten()
        for run in self.all_runs():
            if run.times_out_at <= now:
                run.times_out_at = NEVER
                self._time_out(run)
        if self._step_at <= now:
            self._step_at = NEVER
            self.step()
        self._plan()

    def _step_in(self, seconds: float) -> None:
        self._step_at = time.monotonic() + seconds
        self._plan()

    def all_runs(self) -> list[Run]:
        return [*([self.active] if self.active is not None else []), *self._waiting]

    # -- requests

    def add(self, run: Run, timeout: float | None) -> None:
        """Queue a run, or respond to a reconnected caller. Raises Busy above `MAX_RUNS`."""
        if run.request is not None and (response := self._history.responses.get(run.key)) is not None:
            if run.wait and response["exit_code"] is None:
                run.request.refuse(self._unknown_end())
            else:
                self._history.repeat_response(response, run.request, run.sent or 0)
            return
        known = next((other for other in self.all_runs() if run.key and other.key == run.key), None)
        if known is not None:
            known.request = run.request
            known.sent = run.sent
            run = known
        elif len(self._waiting) >= MAX_RUNS:
            raise Busy(f"{MAX_RUNS} commands already wait in {self.name}; try again later")
        else:
            self._waiting.append(run)
        if timeout is not None:
            run.times_out_at = time.monotonic() + timeout
            self._plan()
        if self.active is None or self.active.state == RunState.RUNNING:  # which may wait for keys
            self._step_in(0)

    def interrupt(self, connection: PeerConnection, *, signals: bool) -> bool:
        """Drop a caller's queued runs; if `signals`, signal its active one. Return whether it did."""
        sent = False
        for run in [run for run in self.all_runs() if run.connection is connection]:
            if signals and run.state >= RunState.TYPED:
                self._pump.pty.signal_foreground(signal.SIGINT)
                sent = True
            self._give_up(run, Interrupted("interrupted before the command began"))
        return sent

    def _time_out(self, run: Run) -> None:
        """Respond to a caller after its timeout; a command that has begun continues."""
        if run.state >= RunState.BEGUN:
            run.respond(run.result(None, timed_out=True))
        else:
            message = f"no shell in {self.name} began with the command until the timeout; it did not run"
            self._give_up(run, TimedOut(message))

    def _give_up(self, run: Run, error: SeshError) -> None:
        """Refuse a run that has not begun: at once if nothing is typed, else a moment later, if it still has not."""
        if run.state == RunState.DUE:
            self._refuse(run, error)
        elif run.state == RunState.TYPED and run.wrapper is not None:
            # The shell may have opened the file already: then mark B arrives within `MARK_DELAY`, and the run goes on.
            run.wrapper.withdraw()
            run.error = run.error or error
            self._step_in(MARK_DELAY)
        elif run.state == RunState.PREPARING and run.wrapper is not None and run.error is None:
            run.error = error
            self._pump.type(run.wrapper.erasure, counts=False)
            self._step_in(MARK_DELAY)

    # -- queries by other parts

    def gives_no_replies(self) -> bool:
        """Return whether queries get no reply: during a run, while the terminal echoes."""
        # A program that expects a reply switches echo off.
        run = self.active
        return run is not None and run.state >= RunState.BEGUN and self._pump.pty.echoes()

    def end(self, code: int | None, reason: str) -> None:
        """Finish the active run, and refuse the others: the session's program has ended."""
        run = self.active
        rest = self._marks.release() + self._marks.part
        self._add_output(rest)
        self._pump.append_unscanned(rest)
        if run is not None and run.state >= RunState.BEGUN:
            self._finish(run, code, reason)
        for run in self.all_runs():
            self._refuse(run, Refused(f"{self.name} ended before the command began"))
        self._step_at = NEVER
        self._plan()

    # -- the program's output

    def visible(self, block: bytes) -> Iterator[bytes]:
        """Yield a block of output without marks and echo; handle each mark after the output before it."""
        if not self._has_typed:
            if block:
                yield block
            return
        for part in self._faults.guard(self._marks.split, "the commands", block) or [block]:
            if isinstance(part, RunMark):
                if shown_instead := self._faults.guard(self._handle_mark, "the commands", *part):
                    yield shown_instead
            else:
                visible = self._marks.visible(part)
                self._faults.guard(self._add_output, "the commands", visible)
                if visible:
                    yield visible

    def _add_output(self, piece: bytes) -> None:
        run = self.active
        if not piece or run is None or run.state < RunState.BEGUN:
            return
        run.output.add(piece, translated=self._pump.pty.translates())
        if run.state == RunState.RUNNING and b"\n" in piece:
            run.send_lines()

    def _handle_mark(self, token: str, letter: str, code: int | None) -> bytes:
        """Handle a mark of this session, and return its replacement in the output."""
        run = self.active
        if run is None or run.wrapper is None:
            return b""
        ours = token == run.wrapper.token
        if ours and letter == "A" and run.state == RunState.PREPARING and run.error is None:
            self._type_line(run, run.wrapper)
        if ours and letter == "B" and run.state == RunState.TYPED:
            self._prepared.add(run.wrapper.shell.pid)
            return self._begin(run, run.wrapper.shell)
        if ours and letter == "C" and run.state == RunState.BEGUN:
            run.become(RunState.RUNNING)
            run.output = RunOutput()  # that until now is the shell's
            run.wrapper.remove()
        elif letter == "E" and run.state >= RunState.BEGUN and (ours or not shells.alive(run.wrapper.shell.pid)):
            # A mark that is not ours is of an earlier run, whose command was this run's shell. That shell has exited.
            self._finish(run, code)
            self._ended_at = self._pump.input_line.input_at
        return b""

    def _begin(self, run: Run, shell: Shell) -> bytes:
        """Handle mark B; return the replacement for the echo: the command's text."""
        run.become(RunState.BEGUN)
        run.begun = self._history.begin(run.words, processes.directory_of(shell.pid))
        self._events.add("command_started", command=run.begun.words, n=run.begun.number)
        self._step_in(QUIET)
        if not run.wait:
            self._history.keep_response(run.key, run.result(None))
            run.respond(run.result(None))
        elif isinstance(run.error, TimedOut):
            self._time_out(run)
        return self._marks.drop() + shown(run.words, shell.kind).encode() + b"\r\n"

    # -- steps

    def step(self) -> None:
        if self.active is None:
            if not self._waiting:
                self._escape_again()
                return
            self.active = self._waiting.popleft()
            self.active.become(RunState.DUE)
        run = self.active
        if run.state == RunState.DUE:
            try:
                self._type_when_ready(run)
            except SeshError as error:
                self._refuse(run, error)
            except Exception:
                self._refuse(run, daemon_failed())
                raise
        elif run.state == RunState.PREPARING and run.wrapper is not None:
            self._prepare_or_type(run, run.wrapper)
        elif run.state == RunState.TYPED and run.error is not None:
            self._retry_or_refuse(run, run.error)
        elif run.state == RunState.TYPED:
            not_read = Busy(f"the program in the foreground of {self.name} is not a shell at its prompt; use sesh send")
            self._give_up(run, shells.error_if_stopped(self._pump.pty, self.name) or not_read)
        else:
            self._check_for_end(run)

    def _type_when_ready(self, run: Run) -> None:
        """Type the run's line at a prompt, else check again soon. Raises Busy, Refused."""
        is_due = self._ended_at is not None and self._ended_at == self._pump.input_line.input_at
        shell = shells.look_for_prompt(self._pump, self._facts, time.monotonic() - run.changed_at, is_due=is_due)
        if run.connection is None or run.connection.closing:
            self._remove(run)  # without a response: a client that reconnects repeats its request
        elif shell is None:
            self._step_in(PROMPT_POLL)
        else:
            self._type(run, shell)

    def _type(self, run: Run, shell: Shell) -> None:
        """Write the run's files, and type what has this shell read them; hold the echo back. Raises Refused."""
        run.attempts += 1
        run.wrapper = wrapper = Wrapper(self.name, self._secret, shell, source(run.words, shell.kind))
        try:
            wrapper.write(self._facts.coding)
        except OSError as error:
            raise Refused(f"cannot pass the command to the shell: {error.strerror}") from error
        self._marks.hold()
        self._has_typed = True
        line = self._pump.input_line
        if line.is_escaped(self._pump.pty):
            self._escaped_at = line.input_at
            line.escaped = False
        # A hook, or a key of the person's choice, may have led to vi's command mode, too.
        if shell.kind in shells.WITH_VI_KEYS and self._pump.pty.raw():
            self._pump.type(TO_INSERT, counts=False)
        if shell.kind == shells.ZSH and shell.pid not in self._prepared:
            self._prepare_or_type(run, wrapper)
        else:
            self._type_line(run, wrapper)

    def _prepare_or_type(self, run: Run, wrapper: Wrapper) -> None:
        """Have zsh expand the word that keeps our lines out of its history, by one key or the other, else do without.

        Refuse a run that was given up meanwhile.
        """
        if run.error is not None:
            self._pump.append_unscanned(self._marks.drop())
            self._refuse(run, run.error)
        elif run.preparations < len(EXPANDING_KEYS):
            erasure = wrapper.erasure if run.state == RunState.PREPARING else b""
            run.become(RunState.PREPARING)
            self._step_in(PREPARE_TIMEOUT)
            self._pump.type(erasure + wrapper.preparation + EXPANDING_KEYS[run.preparations], counts=False)
            run.preparations += 1
        else:
            self._type_line(run, wrapper)

    def _type_line(self, run: Run, wrapper: Wrapper) -> None:
        """Type the line that sources the run's files, in the place of the word for zsh if there is one."""
        erasure = wrapper.erasure if run.state == RunState.PREPARING else b""
        run.become(RunState.TYPED)
        self._step_in(BEGIN_TIMEOUT)
        self.line_typed = True
        self._pump.type(erasure + wrapper.line, counts=False)
        line = self._pump.input_line
        line.sent_at = self._pump.log.head
        if self._escaped_at == line.input_at:
            self._escaped_at = run.changed_at
        line.input_at = run.changed_at  # it counts as typed: its shell does not end by itself

    def _escape_again(self) -> None:
        """Return to vi's command mode, in which the first of the last runs found the shell, unless a key was typed."""
        line = self._pump.input_line
        if self._escaped_at is None:
            return
        shell = shells.foreground(self._pump.pty)
        if line.input_at != self._escaped_at or time.monotonic() > self._escape_until:
            self._escaped_at = None
        elif shell is None or not shell.ready or self._pump.has_output:
            self._step_in(PROMPT_POLL)
        else:
            self._escaped_at = None
            line.escaped = True
            self._pump.type(b"\x1b", counts=False)

    def _retry_or_refuse(self, run: Run, error: SeshError) -> None:
        """Clear the unread line with Ctrl-C and retry the run once, else refuse it."""
        # The shell may have been at a secondary prompt or in vi mode, which Ctrl-C leaves.
        run.error = None
        self._pump.append_unscanned(self._marks.release())
        stopped = shells.error_if_stopped(self._pump.pty, self.name) is not None
        if not stopped and not isinstance(error, Interrupted):  # Ctrl-C would resume stopped output
            self._pump.type(b"\x03", counts=False)
        if stopped or not isinstance(error, Busy) or run.attempts > 1:
            self._refuse(run, error)
        else:
            run.become(RunState.DUE)
            self._step_in(QUIET)

    def _check_for_end(self, run: Run) -> None:
        """Finish a run without mark E if a shell is silent at its prompt."""
        # zsh and fish always print mark E. If one of them seems to be at its prompt, a builtin of the command is
        # reading input, and the run goes on. Check less often as time passes, but as often as `KeyWatch` needs.
        pump = self._pump
        now = time.monotonic()
        self._step_in(min(0.5, max(QUIET, (now - run.changed_at) / 10)))
        self._respond_if_busy(run)
        if run.wrapper is None or now - max(run.changed_at, run.output.appended_at) < QUIET:
            return
        shell = shells.foreground(pump.pty)
        if shell is None or not shell.ready or pump.has_output:
            return
        code: int | None = None
        if (shell.pid, shell.kind) == (run.wrapper.shell.pid, run.wrapper.shell.kind):
            if shell.kind in (shells.ZSH, shells.FISH):
                return
            code = ExitCode.INTERRUPTED if pump.life.interrupted else None
        elif shells.alive(run.wrapper.shell.pid):
            code = 0  # the command has started another shell
        run.output.end_line()  # drops the prompt
        self._finish(run, code)

    def _respond_if_busy(self, run: Run) -> None:
        """If the command waits for keys, respond that it goes on, and that those behind it did not run."""
        if run.wrapper is None or run.state != RunState.RUNNING:
            return
        program = self._key_watch.look(run.wrapper.shell.pid, run.changed_at)
        if not program:
            return
        story = f"{program} waits for keys in {self.name}"
        hint = f"use it: {SESH} attach {self.name}, or send keys: {SESH} send {self.name} --key q"
        for other in [*self._waiting]:
            self._refuse(other, Busy(f"{story}; this command did not run", hint=hint))
        if run.request is not None:
            run.send_lines()
            story = f"{story}, and the command goes on"
            run.request.refuse(Busy(story, hint=hint, fate=Fate.GOES_ON, exit_code=ExitCode.UNKNOWN))
            run.request = None
            run.times_out_at = NEVER
            self._plan()

    # -- the end of a run

    def _finish(self, run: Run, code: int | None, reason: str = "") -> None:
        """Finish a run; `reason` is why the session ended, if that ended the run."""
        facts = run.result(code, reason=reason)
        self._history.keep_response(run.key, facts)
        self._history.end(run.begun, code, run.text(), dropped=run.output.base)
        self._shorten_at = time.monotonic() + WHOLE_TIME
        self._events.add("command_ended", exit_code=code, command=run.begun.words, n=run.begun.number)
        if run.request is not None and code is None:
            self._refuse(run, self._unknown_end())
        else:
            run.respond(facts)
            self._remove(run)

    def _unknown_end(self) -> Unreachable:
        message = f"the shell in {self.name} did not report the command's exit code"
        hint = f"to see what it did: {SESH} logs {self.name}"
        return Unreachable(message, hint=hint, fate=Fate.UNKNOWN)

    def _refuse(self, run: Run, error: SeshError) -> None:
        if run.request is not None:
            run.request.refuse(error)
        self._remove(run)

    def _remove(self, run: Run) -> None:
        if run.wrapper is not None:
            run.wrapper.remove()
        run.request = None
        run.times_out_at = NEVER
        if run in self._waiting:
            self._waiting.remove(run)
        if run is self.active:
            self.active = None
            self._escape_until = time.monotonic() + shells.NEXT_PROMPT
            self._step_in(0)
        self._plan()
