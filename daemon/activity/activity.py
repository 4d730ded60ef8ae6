"""Keeps the state of a session up to date.

    reports, notices, state ────▶ Declared ──┐
    prompt marks, the kernel ────────────────┼──▶ rules.decide ──▶ ActivityState ──▶ event, waits
    changes of the screen ─────▶ ScreenWork ─┘

The session is checked once output and typing have settled, and again at growing intervals while the result may still
change. In an idle session nothing is due. A request triggers a check if the last result may be stale.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from sesh.daemon.activity import question, rules
from sesh.daemon.activity.declared import Declared, Source
from sesh.daemon.activity.rules import MAX_QUESTION, SETTLED, STATES, ActivityState, Reason, State
from sesh.daemon.activity.screen_work import DRAW_TIME, ScreenWork, WorkState
from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.base.facts import Facts
from sesh.daemon.clients.events import Events
from sesh.daemon.pty import syscalls
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.feed import ScreenFeed
from sesh.daemon.screen.program_status import ProgramStatus
from sesh.daemon.shell import shells
from sesh.daemon.shell.marked_shells import MarkedShells
from sesh.system import processes
from sesh.system.clock import STEADY
from sesh.text.safe import one_line

FRESH = 1.0  # seconds after which the result of a check may be stale
_UNSEEN = (Reason.OUTPUT, Reason.QUIET, Reason.XOFF)  # reasons that may end without an event
_MIN_DELAY = 0.01  # the fewest seconds to the next check
_CTRL_C = b"\x03"
_PROGRESS = {b"1": State.WORKING, b"2": State.FAILED, b"3": State.WORKING}
"""States by the first number of OSC 9;4 (ConEmu): 1 progress, 2 error, 3 indeterminate progress."""


@dataclass
class ActivityMemory:
    """The part of an `Activity` that survives a reload."""

    decided: ActivityState  # the state that was decided last
    active_at: float  # time (monotonic) of the last output or typing
    declared: Declared
    answered_at: float = 0.0  # time (`STEADY`) of the last answer to a question
    entered: int = 0  # the number of the line that was entered last
    prompt_at: float = 0.0  # time (monotonic) of the last check that found a prompt, until a command starts
    work: WorkState = WorkState.NOTHING  # of a full-screen program, at the reload
    asked: str = ""  # by it


class Activity(Part):
    """Decides whether the program works, waits or is idle, and tells when that changes."""

    def __init__(
        self,
        agenda: Agenda,
        facts: Facts,
        pump: Pump,
        feed: ScreenFeed,
        program_status: ProgramStatus,
        marked_shells: MarkedShells,
        events: Events,
    ) -> None:
        super().__init__(agenda)
        self._facts = facts
        self._pump = pump
        self._feed = feed
        self.program_status = program_status
        self._marked_shells = marked_shells
        self._events = events
        now = time.monotonic()
        self.memory = ActivityMemory(
            ActivityState(State.WORKING, Reason.OUTPUT, facts.created), now, Declared(program_status)
        )
        self.work = ScreenWork(feed)
        self._checked_at = now
        self._settled = True  # the session has been checked since output and typing settled
        # `due`: time (monotonic) of the next check
        self.seen_at = 0.0  # time (monotonic) of the last output or typing that was noted
        self.checks = 0  # how often the state was decided

    @property
    def state(self) -> ActivityMemory:
        """What a reload keeps."""
        return replace(self.memory, work=self.work.state, asked=self.work.question)

    @state.setter
    def state(self, state: ActivityMemory) -> None:
        self.work.state, self.work.question = state.work, state.asked
        self.memory = replace(state, work=WorkState.NOTHING, asked="")
        self.program_status = state.declared.program_status

    # -- in the turn

    def act(self, now: float) -> None:
        """Check the session, unless output or typing has just begun again."""
        if self._pump.moved_at > self.seen_at:
            self.wake()
        self._check()

    # -- inputs

    def wake(self) -> None:
        """Note output or typing; check the session once it has settled."""
        self.seen_at = self._pump.moved_at
        self.memory.active_at = time.monotonic()
        self._pump.life.last_activity = STEADY.now()
        if self._settled and self._pump.life.running:
            self._settled = False
            self._check_in(SETTLED)

    def key_typed(self, data: bytes) -> None:
        """Note keys: a line answers the question; some keys end a declaration."""
        memory = self.memory
        self._pump.life.note_interrupt(interrupts=data[-1:] == _CTRL_C)
        self.work.begin_again()
        lines = data.count(b"\r") + data.count(b"\n")
        if lines:
            self.note_lines(lines)
        ended = memory.declared.end_by_key(data, self._pump.log.head)
        if memory.declared.current is not None:
            self._decide()
        elif lines or ended:
            memory.answered_at = STEADY.now()

    def note_lines(self, count: int = 1) -> None:
        """Note lines that are entered at the cursor: a question follows them."""
        self._feed.catch_up(DRAW_TIME)
        self.memory.entered = question.cursor_line(self._feed.emulator) + count - 1
        self._marked_shells.line_entered()

    def note_command(self) -> None:
        """Note a command that the shell has started; it ends the previous state."""
        self.work.begin_again()
        self._pump.life.note_interrupt(interrupts=False)
        if self.memory.declared.end_by_key(b"", self._pump.log.head):
            self.memory.answered_at = STEADY.now()
        self._decide()
        self.wake()

    def declare(self, state: State, words: str = "", *, by: Source = Source.NOTICE) -> None:
        declared = ActivityState(state, Reason.HOOK, STEADY.now(), one_line(words)[:MAX_QUESTION])
        self.memory.declared.declare(declared, by)
        self._decide()

    def handle_progress(self, body: bytes) -> None:
        """Handle a progress report (OSC 9;4). `body`: the text after `9;4;`."""
        digit = body.partition(b";")[0]
        if digit in _PROGRESS:
            self.declare(_PROGRESS[digit], by=Source.PROGRESS)
        elif digit == b"0":
            self.memory.declared.end_progress()

    def handle_report(self, text: bytes, position: int) -> None:
        """Handle a report that ends at `position` of the log. `text` follows `OSC 7501;`."""
        self.memory.declared.store_report(text, self._pump.foreground, position)
        self._decide()

    def clear_reports(self, position: int) -> None:
        self.program_status.store({"state": "clear"}, 0, position)
        self._decide()

    def handle_mark(self, body: bytes, position: int) -> None:
        """Handle a prompt mark (OSC 133), of which others know whose it is: `MarkedShells`. `body` follows `133;`."""
        memory = self.memory
        if body[:1] == b"C":
            memory.prompt_at = 0.0  # a check may have come after the shell read this command and before its mark
            if self._feed.catch_up(DRAW_TIME, position):
                memory.entered = question.cursor_line(self._feed.emulator) - 1
        elif body[:1] == b"A":  # at a new prompt, the program that reported has ended
            self.program_status.drop_ended(self._pump.log.head)
            self._decide()

    def end(self, *, failed: bool) -> None:
        """Set the final state; the event `exited` notifies a person."""
        self.due = NEVER
        self.program_status.store({"state": "clear"}, 0, self._pump.log.head)
        self._settled = True
        self.memory.declared.last = None
        self._set_state(ActivityState(State.FAILED if failed else State.DONE, Reason.EXIT, STEADY.now()))

    # -- outputs

    @property
    def waits(self) -> bool:
        """True if the session waits for a person, and nothing has happened since."""
        if self._pump.moved_at > self.seen_at:
            self.wake()
        declared = self.memory.declared.current
        decided = self.memory.decided
        if declared is not None:
            return declared.state == State.WAITING
        if decided.why == Reason.STOPPED:  # output that changes no cell does not end this state
            return self.work.state == WorkState.OVER
        return self._settled and decided.state == State.WAITING

    @property
    def declared_question(self) -> ActivityState | None:
        """The waiting state that the program declared, by OSC 7501, `--hook` or `state`; else None."""
        return self.memory.decided if self.memory.declared.asks else None

    @property
    def at_prompt_since_typed(self) -> bool:
        """True if nobody has typed since a shell was last found at its prompt."""
        return self.memory.prompt_at > self._pump.input_line.input_at

    @property
    def shell_in_front(self) -> bool:
        """True if a shell is in the foreground, by its marks or its program: it gets what is typed.

        It need not read: it may make its prompt, or run a builtin.
        """
        group = self._pump.pty.foreground()
        return group == self._marked_shells.prompt_group or bool(shells.kind_of(group))

    def last_line(self) -> str:
        """Return a working program's progress report or last line of output, or that of an ended one; else empty."""
        is_running = self._pump.life.running
        if is_running and self.memory.decided.state != State.WORKING:
            return ""
        if is_running and (line := self.program_status.line()):
            return line
        self._feed.catch_up(DRAW_TIME)
        return question.last_line(self._feed.emulator, begun=self._pump.line_begun)

    def observe(self, *, fresh: bool = False) -> ActivityState:
        """Return the state; check it first if it may be stale, or if `fresh`."""
        stale = self.memory.decided.why in _UNSEEN and time.monotonic() - self._checked_at > FRESH
        if self._settled and self._pump.life.running and (fresh or stale):
            self._check()
        return self.memory.decided

    def _check(self) -> None:
        """Look at the session, decide its state, and note when to check next."""
        self._settled = True  # first: after an error, the next output plans a check
        self.due = NEVER
        memory = self.memory
        silent = self._measure_silence()
        if silent < SETTLED and memory.decided.state == State.WORKING:  # output has not paused
            self._settled = False
            self._check_in(SETTLED - silent)
            return
        why, asked = self._look(silent)
        if why == Reason.READ and self._pump.has_output:
            self.wake()  # the question is not complete
            return
        if why == Reason.PROMPT:
            memory.prompt_at = self._checked_at
        memory.declared.note_check(why, self._pump.foreground, self._pump.log.head)
        self._settled = silent >= SETTLED
        self._decide(ActivityState(STATES[why], why, STEADY.now() - silent, asked))
        due = rules.next_check(memory.decided, silent)
        if due is not None:
            self._check_in(due - silent)

    def _check_in(self, seconds: float) -> None:
        self.due = time.monotonic() + max(seconds, _MIN_DELAY)

    def _measure_silence(self) -> float:
        """Return the seconds since typing, or output (on a raw terminal: a changed cell)."""
        pty = self._pump.pty
        at = self.memory.active_at
        if self._pump.life.running and pty.raw():
            self.work.check(self._pump.log.head, at)
            at = max(self._pump.input_line.input_at, self.work.changed_at)
        return time.monotonic() - at

    def _decide(self, seen: ActivityState | None = None) -> None:
        memory = self.memory
        self._set_state(rules.decide(memory.decided, memory.declared.current, seen, memory.answered_at))

    def _set_state(self, decided: ActivityState) -> None:
        before = self.memory.decided
        self.memory.decided = decided
        asked_again = decided.state == State.WAITING and before.since != decided.since
        if asked_again or (before.state, before.question) != (decided.state, decided.question):
            self._events.add(
                "activity",
                state=decided.state.value,
                why=decided.why.value,
                question=decided.question or None,
                kind=decided.kind or None,
            )
        self.checks += 1

    def _look(self, silent: float) -> tuple[Reason, str]:
        """Return the reason of the state, and the question; the kernel comes before the screen."""
        pty = self._pump.pty
        group = self._pump.foreground
        self._checked_at = time.monotonic()
        if not group:
            return _why_by_output(silent), ""
        if pty.output_stopped():
            return Reason.XOFF, rules.STOPPED_QUESTION
        raw = pty.raw()
        at_prompt = self._at_prompt(pty, group)
        if at_prompt and not self._runs_command(group):
            return Reason.PROMPT, ""
        reads_line = at_prompt or (not raw and self._reads_line(pty, group))
        if reads_line and self._question_is_complete(silent):
            return Reason.READ, self._question()
        if raw and self.work.state == WorkState.OVER:
            return Reason.STOPPED, self.work.question
        return _why_by_output(silent), ""

    def _question_is_complete(self, silent: float) -> bool:
        """Return whether the question is drawn, and an answer to it would not be refused."""
        settled = silent >= SETTLED or self._pump.line_begun
        return settled and self._feed.catch_up(DRAW_TIME)

    def _question(self) -> str:
        if self._pump.line_begun:
            return self.memory.decided.question
        return question.in_lines(self._feed.emulator, self.memory.entered)

    def _reads_line(self, pty: Pty, group: int) -> bool:
        reads_it = syscalls.reads_terminal(group, self._facts.pid, pty.device)
        if reads_it is None:  # another user's program: without echo, it asks for a password
            return not pty.echoes()
        return reads_it

    def _runs_command(self, group: int) -> bool:
        """Return whether the shell in the foreground runs a command, and has not executed another shell (`exec`)."""
        marked = self._marked_shells
        return group == marked.command_group and marked.image in ("", processes.image_of(group))

    def _at_prompt(self, pty: Pty, group: int) -> bool:
        if group == self._marked_shells.prompt_group:
            return not pty.unread()  # it still reads what was typed before the prompt, such as `exit`
        return shells.at_prompt(pty)


def _why_by_output(silent: float) -> Reason:
    return Reason.OUTPUT if silent < rules.QUIET_AFTER else Reason.QUIET
