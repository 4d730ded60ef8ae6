"""Commands that others have this session's live shell run: typed one after the other, each with an exact answer.

A run waits for its turn and for a shell at its prompt, has the shell source its files (see `scaffold`), and ends with
the mark E. A shell that comes back to its prompt without one (Ctrl-C, an error that ends what is sourced) is asked for
the code of what it ran last. Nothing of this costs anything while no run is under way.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque

from sesh import platform
from sesh.daemon.shell import shells
from sesh.daemon.shell.run import DONE, PROBED, RUNNING, TYPED, WAITING, LiveOutput, Run
from sesh.daemon.shell.wrapper import MarkerFilter, Wrapper, shown, source
from sesh.daemon.upgrade import state
from sesh.errors import Busy, ExitCode, InternalError, Interrupted, Refused, SeshError, TimedOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.daemon.clients.connection import Connection
    from sesh.daemon.pty.pump import Pump
    from sesh.daemon.session import Session
    from sesh.daemon.shell.shells import Shell

MOST = 100
"""RunQueue that wait."""
BEGINS = 3.0
"""Seconds for a shell to begin with what was typed."""
SETTLES = 0.3
"""Seconds for which another program may pass through the foreground, as a prompt's own commands do."""
COMES = 15.0
"""Seconds for a new session's first prompt."""
RETURNS = 3.0
"""Seconds for a shell that is in the foreground to come to its prompt."""
QUIET = 0.15
"""Seconds of silence after which a shell at its prompt has ended the command."""
NESTED = 0.4
"""Seconds after which a shell at its prompt that the command started is the session's shell from now on."""
HALF = 0.2
"""Seconds for the rest of a mark."""
LONGEST_PROMPT = 4 << 10


class RunQueue:
    """The queue of a session's runs, the one under way, and those that were."""

    def __init__(self, session: Session, program: Pump) -> None:
        self.session, self.pump = session, program
        self.queue: deque[Run] = deque()
        self.active: Run | None = None
        self.ran = False
        """Whether one was active when the last block came: what the shell says of it may stand behind its end."""
        self.past = session.history()
        self.secret = os.urandom(6).hex()
        """What the marks of this session's runs begin with."""
        self.prompted = False
        self.between = b""
        """What came after the last command: a prompt, where nobody typed."""
        self.outer: deque[str] = deque(maxlen=MOST)
        """Tokens of runs that started the shell which is the session's now: what they tell in the end is its code."""
        self.filter = MarkerFilter(self.secret, self.marked, self.wrote)

    # -- asked for by connections

    def add(
        self,
        connection: Connection,
        asked: int,
        words: Sequence[str],
        *,
        timeout: float | None,
        wait: bool,
        key: str = "",
        follows: int | None = None,
    ) -> None:
        """Takes a command in, or, by its `key`, somebody who asked for it before. Raises Busy where too many wait."""
        if self.past.answer(key, connection, asked, follows or 0):
            return
        run = next((each for each in (self.active, *self.queue) if key and each is not None and each.key == key), None)
        if run is not None:
            run.connection, run.asked = connection, asked
            if run.live is not None:
                run.live = LiveOutput(run, follows or 0)
            if run.state == RUNNING and not run.wait:
                self._started(run)
        elif len(self.queue) >= MOST:
            raise Busy(f"{MOST} commands wait in {self.session.name} already; try again when some have ended")
        else:
            run = Run(self.past.next(), words, connection, asked, wait=wait, key=key)
            run.follows = follows
            self.queue.append(run)
        if timeout is not None:
            self.session.timers.set(("run", run.number), timeout, lambda: self.time_out(run))
        if self.active is None:
            self.look()

    def interrupt(self, connection: Connection) -> None:
        """Who waits has pressed Ctrl-C: the command gets SIGINT, one that has not begun is not begun."""
        for run in [each for each in (self.active, *self.queue) if each is not None and each.connection is connection]:
            if run.state == WAITING:
                self._refuse(run, Interrupted("interrupted before the command began"))
            elif self.session.pty is not None:
                run.interrupted = True
                self.session.pty.signal_foreground(signal.SIGINT)
                self.session.timers.set("run", QUIET, self.look)

    def key_pressed(self) -> None:
        """A person has typed: a command that the shell has not begun with is given up."""
        run = self.active
        if run is None or run.state != TYPED:
            return
        self.pump.take()
        if run.state == TYPED:
            self._give_up(run)
            told = f"somebody typed in {self.session.name} before the command began; it was not run"
            self._refuse(run, Interrupted(told, exit_code=ExitCode.SESH_FAILED))

    @property
    def deaf(self) -> bool:
        """Whether what looks like a question is output: a program that wants an answer turns the echo off first."""
        run, pty = self.active, self.session.pty
        return run is not None and run.state == RUNNING and pty is not None and shells.echoes(pty)

    def ended(self, code: int | None) -> None:
        """The session's program has ended: with it the command under way, and nobody runs the others."""
        run = self.active
        self._show(self.filter.let_go() + self.filter.release())
        if run is not None and run.state in (RUNNING, PROBED):
            self._finish(run, code)
            self.past.last = {"key": run.key, **run.facts(code)}
        for left in [each for each in (self.active, *self.queue) if each is not None]:
            self._refuse(left, Refused(f"{self.session.name} ended before the command began"))
        self.session.timers.clear("run")

    @property
    def passing(self) -> bool:
        """Whether the shell is just being told of a command, or asked for a code; what it echoes is held back."""
        return self.active is not None and self.active.state in (TYPED, PROBED)

    def kept(self, places: dict[Connection, int]) -> dict[str, Any]:
        """What a successor needs to go on, while nothing is `passing`; `places`: the numbers of the connections."""
        return state.dump_runs(self, places)

    # -- the program's output

    def sift(self, block: bytes) -> bytes:
        """The block without our marks and their echo."""
        self.ran = self.active is not None
        passed = self.filter.sift(block)
        if self.filter.part:
            self.session.timers.set("mark", HALF, self.let_go)
        return passed

    def let_go(self) -> None:
        """What looked like a mark's beginning was none."""
        self._show(self.filter.let_go())

    def _show(self, data: bytes) -> None:
        """Gives held output to who watches."""
        if data:
            self.session.log.append(data)
            self.session.relay.added()

    def wrote(self, piece: bytes) -> None:
        """Output between marks: the command's, or what follows it."""
        if self.active is not None and self.active.state in (RUNNING, PROBED):
            self.active.wrote(piece)
            if self.active.live is not None and self.active.live.due:
                self._follow(self.active)
        else:
            self.between = (self.between + piece)[-LONGEST_PROMPT:]

    def marked(self, token: str, rest: str) -> bytes:
        """A mark of ours has come; what stands in its place."""
        run = self.active
        letter, _, code = rest.partition(";")
        if letter == "E" and token in self.outer:
            self.outer.remove(token)
            if run is not None and run.state == RUNNING and run.shell and not shells.alive(run.shell.pid):
                self._finish(run, int(code) if code.isdecimal() else None)
            return b""
        if run is None or token != run.token or self.session.pty is None:
            return b""
        if letter == "B" and run.state == TYPED:
            return self._begun(run)
        if letter == "C" and run.state == RUNNING:
            run.begin()
            if run.wrapper is not None:
                run.wrapper.remove()
        elif letter == "E" and run.state in (RUNNING, PROBED):
            again = b"\r\x1b[K" if run.state == PROBED else b""
            kept = self.filter.drop() if run.state == PROBED else b""
            self._finish(run, int(code) if code.isdecimal() else None)
            return kept + again
        return b""

    # -- one run's way

    def look(self) -> None:
        """Moves the run under way on, or takes the next one."""
        if self.active is None:
            if not self.queue:
                return
            self.active = self.queue.popleft()
            self.active.turn_at = time.monotonic()
        run = self.active
        if run.connection is not None and run.connection.closed and not run.key:
            run.connection = None  # one with a key may come back
        if run.state == WAITING:
            try:
                self._begin(run)
            except SeshError as error:
                self._refuse(run, error)
        elif run.state == RUNNING:
            self._follow(run)
        elif time.monotonic() - run.typed_at >= BEGINS:
            self._late(run)
        else:
            self.session.timers.set("run", BEGINS, self.look)

    def _begin(self, run: Run) -> None:
        """Types the run's line where a shell waits for one. Raises Busy where there will be none soon."""
        session, pty = self.session, self.session.pty
        if run.connection is None:
            raise Interrupted("nobody waits for it")
        if pty is None or not session.running:
            raise Refused(f"the program of {session.name} has ended")
        drained = not self.pump.take()
        shell = shells.foreground(pty)
        if shell is not None and shell.theirs:
            raise Busy(
                f"the shell in {session.name} is another user's", hint=f"type into it: $sesh --send {session.name} TEXT"
            )
        if shell is not None and shell.ready and drained and not session.input:
            self.prompted = True
            if session.drafting:
                raise Busy(f"a line that is not entered stands at the prompt of {session.name}; enter or clear it")
            self._type(run, shell)
            return
        waited = time.monotonic() - run.turn_at
        patience = RETURNS if shell is not None else SETTLES
        if not self.prompted and self._starts(shell):
            patience = COMES
        if waited > patience:
            raise Busy(f"{shells.called(pty)} runs in {session.name}; wait for its end, or use --send")
        session.timers.set("run", 0.002 if waited < 0.1 else 0.02, self.look)

    def _starts(self, shell: Shell | None) -> bool:
        """Whether the session's own program may be a shell that has not come to its first prompt."""
        facts = self.session.facts
        if self.session.draft is not None or time.time() - facts["created"] > COMES:
            return False  # somebody has typed already
        return shell is not None or bool(shells.kind_of(int(facts["pid"])))

    def _type(self, run: Run, shell: Shell) -> None:
        run.shell = shell
        run.attempts += 1
        run.token = f"{self.secret}.{run.number}.{run.attempts}"
        run.wrapper = Wrapper(self.session.name, run.token, shell.kind, source(run.words, shell.kind))
        try:
            run.wrapper.write()
        except OSError as error:
            run.wrapper.remove()
            raise Refused(f"the command cannot be handed to the shell: {error.strerror}") from error
        self._enter(run, TYPED, run.wrapper.line)
        self.session.sent_at = self.session.log.head

    def _enter(self, run: Run, state: int, line: bytes) -> None:
        self.filter.hold()
        run.state, run.typed_at = state, time.monotonic()
        self.session.timers.set("run", BEGINS, self.look)
        self.pump.type("run", line, None)

    def _begun(self, run: Run) -> bytes:
        """The shell begins: who watches sees the command as if it had been typed."""
        pty = self.session.pty
        run.state, run.began_at, run.started = RUNNING, time.monotonic(), time.time()
        run.output_at = run.began_at
        run.cwd = platform.directory_of(run.shell.pid) if run.shell is not None else ""
        run.translated = pty is None or shells.translates(pty)
        self.session.events.add("command_started", self.session.name, command=run.words, n=run.number)
        self.session.timers.set("run", QUIET, self.look)
        if run.shell is not None and run.shell.kind == shells.FISH:
            run.begin()  # it says no more before the command
        if not run.wait:
            self._started(run)
        return self.filter.drop() + shown(run.words, run.shell.kind if run.shell else "").encode() + b"\r\n"

    def _started(self, run: Run) -> None:
        """Answers who does not wait for the end."""
        if run.connection is not None:
            run.connection.respond(run.asked, **run.facts(None))
            self.past.answered(run, run.facts(None))
            run.connection = None

    def _follow(self, run: Run) -> None:
        """Whether the shell has come back to its prompt without saying so."""
        session, pty, now = self.session, self.session.pty, time.monotonic()
        session.timers.set("run", min(0.5, max(QUIET, (now - run.began_at) / 10)), self.look)
        loud = now - run.output_at < QUIET
        if pty is None or run.shell is None or (loud and run.live is None):
            return
        shell = shells.foreground(pty)
        away = shell is None or not shell.ready
        if away and run.live is not None:
            run.live.look(pty)
        if shell is None or away or loud or self.pump.take() or run.state != RUNNING:
            run.nested_at = 0.0
            return
        same = shell.pid == run.shell.pid and shell.kind == run.shell.kind
        if same and shell.kind in (shells.ZSH, shells.FISH):
            return  # these always say so: what reads there is a builtin of the command's
        if same or shell.pid == run.shell.pid or not shells.alive(run.shell.pid):
            if not session.drafting and run.wrapper is not None and not shell.theirs:
                run.cut(self.between)
                run.wrapper.remove()
                run.wrapper = Wrapper(session.name, run.token, shell.kind, None)
                run.wrapper.write_probe()
                self._enter(run, PROBED, run.wrapper.line)
            return
        run.nested_at = run.nested_at or now
        if now - run.nested_at >= NESTED:
            self.outer.append(run.token)
            run.cut(self.between)
            self._finish(run, 0)

    def _late(self, run: Run) -> None:
        """The shell has not done what was typed: it was no prompt. What was typed is made harmless, then cleared."""
        probed = run.state == PROBED
        self._give_up(run)
        if probed:
            self._finish(run, ExitCode.INTERRUPTED if run.interrupted else None)
            return
        self.pump.type("run", b"\x03", None)
        if run.attempts > 1:
            self._refuse(run, Busy(f"what reads in {self.session.name} is no shell's prompt; use --send"))
            return
        run.state, run.turn_at = WAITING, time.monotonic()
        self.session.timers.set("run", QUIET, self.look)

    def _give_up(self, run: Run) -> None:
        if run.wrapper is not None:
            run.wrapper.remove()
        self._show(self.filter.release())

    def time_out(self, run: Run) -> None:
        """Who waits for a run is told that its time is over; the command goes on."""
        if run.state == WAITING:
            self._refuse(run, TimedOut(f"{self.session.name} was not free in time; the command was not run"))
        elif run.connection is not None:
            data, facts = run.answer(ExitCode.TIMED_OUT, ended=False)
            run.connection.respond(run.asked, data, **facts)
            run.connection = None

    # -- the end of one

    def _finish(self, run: Run, code: int | None) -> None:
        """The command has ended; None where nobody can tell its code."""
        pty = self.session.pty
        run.translated = run.translated and (pty is None or shells.translates(pty))
        run.duration = time.monotonic() - run.began_at
        output = run.output(ended=True)
        self.past.remember(run, code, output)
        facts = {"exit_code": code, "command": run.words, "n": run.number}
        self.session.events.add("command_ended", self.session.name, **facts)
        self.between = b""
        if run.connection is not None and code is None:
            self._refuse(run, InternalError(f"the shell in {self.session.name} did not tell the command's code"))
            return
        self.past.answered(run, run.facts(code))
        if run.connection is not None:
            data, facts = run.answer(code)
            run.connection.respond(run.asked, data, **facts)
        self._leave(run)

    def _refuse(self, run: Run, error: SeshError) -> None:
        self.past.answered(run, error)
        if run.connection is not None:
            run.connection.refuse(run.asked, error)
        self._leave(run)

    def _leave(self, run: Run) -> None:
        """Forgets a run, and goes on with the next one."""
        if run.wrapper is not None:
            run.wrapper.remove()
        run.connection, run.state = None, DONE
        self.session.timers.clear(("run", run.number))
        if run in self.queue:
            self.queue.remove(run)
        if run is self.active:
            self.active = None
            self.session.timers.set("run", 0, self.look)
