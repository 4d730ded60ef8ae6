"""The session's standing, kept up to date: looked at several times after output stopped, and never while it rests.

    reports, notices, --state ──▶ OwnWord ─┐
    prompt marks, the kernel ──────────────┼──▶ rules.decide ──▶ Standing ──▶ event, waits
    changes of the screen ─────▶ Turn ─────┘

One timer has the session looked at once output or typing has settled, and then until nothing more is to be learnt.
A request gets a fresh answer if the last one may be old.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from sesh import machine
from sesh.daemon.activity import question, rules
from sesh.daemon.activity.own_word import By, OwnWord, Reports
from sesh.daemon.activity.rules import MAX_QUESTION, SETTLED, STATES, Standing, State, Why
from sesh.daemon.activity.turn import LOOK_TIME, Turn, Work
from sesh.daemon.pty import reads
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.model import Model
from sesh.daemon.shell import shells
from sesh.loop.timers import Timers
from sesh.measures import STEADY
from sesh.stored import Facts
from sesh.wording import one_line

FRESH = 1.0  # seconds for which a look is new enough for a request
_UNSEEN = (Why.OUTPUT, Why.QUIET, Why.XOFF)  # reasons that may cease to hold without any output
_PASSED_ON = 0.02  # seconds in which the kernel passes on all output from before a read
_SOON = 0.01  # the least seconds until the next look: a timer may be early by a rounding
_INTERRUPTED = 10.0  # seconds after a Ctrl-C within which an end comes of it, if nothing else was typed
_CTRL_C = b"\x03"
_PROGRESS = {b"1": State.WORKING, b"2": State.FAILED, b"3": State.WORKING}
"""States of OSC 9;4 (ConEmu): a bar, an error, a bar without an end."""


@dataclass
class Kept:
    """The part of an `Activity` that survives a reload.

    `active_at`: time (monotonic) of the last output or typing. `answered_at`: of the last answer, by `STEADY`.
    `prompted`, `begun`: the process group of a shell that has said (OSC 133) that it is at its prompt, until a line is
    entered, or that a command began. `entered`: the number of the line that was entered last.
    """

    standing: Standing
    active_at: float
    word: OwnWord = field(default_factory=OwnWord)
    answered_at: float = 0.0
    prompted: int = 0
    begun: int = 0
    entered: int = 0

    @classmethod
    def of(cls, state: dict[str, Any]) -> Kept:
        """Return the record from the plain data that `asdict` made."""
        return cls(**{**state, "standing": Standing(**state["standing"]), "word": OwnWord.of(state["word"])})


class Activity:
    """The standing of one session. `emit` reports an event; `looked` is called after each look or statement."""

    def __init__(
        self,
        facts: Facts,
        pump: Pump,
        timers: Timers,
        model: Model,
        emit: Callable[..., None],
        looked: Callable[[], None],
    ) -> None:
        self._facts, self._pump, self._timers, self._model = facts, pump, timers, model
        self._emit, self._looked = emit, looked
        now = time.monotonic()
        self._kept = Kept(Standing(State.WORKING, Why.OUTPUT, facts["created"]), now)
        self._turn = Turn(model)
        self._looked_at, self._typed_at = now, 0.0
        self._settled = True  # true once the session was looked at after the last output or typing had settled
        self._interrupted_at = -_INTERRUPTED
        if pump.pty is not None:
            self.wake()

    # -- inputs

    def wake(self) -> None:
        """Note output or typing: a look is due once that has settled."""
        self._kept.active_at = time.monotonic()
        if self._settled:
            self._settled = False
            self._timers.set("activity", SETTLED, self._look)

    def typed(self, data: bytes) -> None:
        """Note that a person or a script has typed, which answers a question that the program said or reads for."""
        kept = self._kept
        self._typed_at = time.monotonic()
        self._interrupted_at = self._typed_at if data[-1:] == _CTRL_C else -_INTERRUPTED
        self._turn.key()
        lines = data.count(b"\r") + data.count(b"\n")
        if lines:
            self._model.catch_up(LOOK_TIME)
            kept.entered, kept.prompted = question.cursor_line(self._model.emulator) + lines - 1, 0
        over = kept.word.overtaken(data, self._pump.log.head)
        if (lines or over) and kept.word.said is None:
            kept.answered_at = STEADY.now()
        self._decide()
        self.wake()

    def began(self) -> None:
        """Note that the shell has begun with a command: a question, or a result, of before is over."""
        self._interrupted_at = -_INTERRUPTED
        if self._kept.word.overtaken(b"", self._pump.log.head):
            self._kept.answered_at = STEADY.now()
        self._decide()
        self.wake()

    def interrupted(self) -> None:
        self._interrupted_at = time.monotonic()

    def say(self, state: str, words: str = "", *, by: By = By.NOTICE) -> None:
        said = Standing(State(state), Why.HOOK, STEADY.now(), one_line(words)[:MAX_QUESTION])
        self._kept.word.say(said, by)
        self._decide()

    def progressed(self, body: bytes) -> None:
        """Take the program's progress: `body` is the text behind `9;4;` of an OSC."""
        digit = body.partition(b";")[0]
        if digit in _PROGRESS:
            self.say(_PROGRESS[digit], by=By.PROGRESS)
        elif digit == b"0":
            self._kept.word.end_progress()

    def reported(self, text: bytes, position: int) -> None:
        """Take a report of the program's: all behind `7501;` of an OSC, which ends at a position of the log."""
        self._kept.word.reported(text, self._group(), position)
        self._decide()

    def reset(self, position: int) -> None:
        """Note that the program has reset the terminal (RIS), with its reports."""
        self._kept.word.reports.take({"state": "clear"}, 0, position)
        self._decide()

    def marked(self, body: bytes, position: int) -> None:
        """Take a mark of the shell: a command begins (C), or it is at its prompt. `body`: all behind `133;`."""
        kept, group = self._kept, self._group()
        kept.begun, kept.prompted = (group, 0) if body[:1] == b"C" else (0, group)
        if body[:1] == b"C" and self._model.catch_up(LOOK_TIME, position):
            kept.entered = question.cursor_line(self._model.emulator) - 1
        elif body[:1] == b"A":
            kept.word.reports.ended(self._pump.log.head)
            self._decide()

    def ended(self, *, failed: bool) -> None:
        """Note and report that the program has ended; a person gets that by the event `exited`."""
        self._timers.clear("activity")
        self._settled, self._kept.word = True, OwnWord()
        self._take(Standing(State.FAILED if failed else State.DONE, Why.EXIT, STEADY.now()))

    # -- outputs

    @property
    def reports(self) -> Reports:
        return self._kept.word.reports

    @property
    def active_at(self) -> float:
        return self._kept.active_at

    @property
    def ends_by_interrupt(self) -> bool:
        """True if an end that comes now is a person's wish."""
        return time.monotonic() - self._interrupted_at < _INTERRUPTED

    @property
    def waits(self) -> bool:
        """True if it waits for a person, and nobody has answered meanwhile."""
        said, standing = self._kept.word.said, self._kept.standing
        if said is not None:
            return said.state == State.WAITING
        if standing.why == Why.STOPPED:  # output that changes no cell does not matter to it
            return self._turn.work == Work.OVER
        return self._settled and standing.state == State.WAITING

    @property
    def blocked(self) -> Standing | None:
        """The standing of a program that says itself, by OSC 7501, `--hook` or `--state`, that it waits; else None."""
        return self._kept.standing if self._kept.word.asks else None

    @property
    def at_prompt_since_typed(self) -> bool:
        """True if a shell was seen at its prompt, and nobody has typed since."""
        return self._kept.standing.why == Why.PROMPT and self._looked_at > self._pump.typed_line.typed_at

    @property
    def shell_reads(self) -> bool:
        """True if a shell has the terminal, at its prompt or about to come to it."""
        pty = self._pump.pty
        if pty is None:
            return False
        group = pty.foreground()
        if not machine.LINUX:
            return self._at_prompt(pty, group, raw=True)
        return group == self._kept.prompted or bool(shells.kind_of(group))

    @property
    def line_begun(self) -> bool:
        """True if a line that is not entered stands at the shell's prompt, or before a program that reads lines."""
        pty = self._pump.pty
        if pty is None or not self._pump.line_begun:
            return False
        raw = pty.raw()
        return not raw or self._at_prompt(pty, pty.foreground(), raw=raw)

    def last_line(self) -> str:
        """Return the report of a program that works, or the last line that it printed; empty for any other."""
        if self._kept.standing.state != State.WORKING:
            return ""
        if line := self.reports.line():
            return line
        self._model.catch_up(LOOK_TIME)
        return question.last_line(self._model.emulator, begun=self._pump.line_begun)

    def standing(self, *, fresh: bool = False) -> Standing:
        """Return the standing, looked at again if that may have changed unseen since the last look, or if it is to be
        `fresh`; but not while a look is due after recent output or typing."""
        old = self._kept.standing.why in _UNSEEN and time.monotonic() - self._looked_at > FRESH
        if self._settled and (fresh or old):
            self._look(sure=True)
        return self._kept.standing

    def dump(self) -> dict[str, Any]:
        return asdict(self._kept)

    def restore(self, state: dict[str, Any]) -> None:
        self._kept = Kept.of(state)
        if self._kept.standing.why == Why.STOPPED:
            self._turn.restore(self._kept.standing.question)

    # -- looking

    def _look(self, *, sure: bool = False) -> None:
        """Look at the session, and set the time of the next look.

        A program that has just begun to read may have printed a question that is still on its way. So it is looked at
        again in a moment, which then is `sure`.
        """
        self._settled = True  # first: if looking fails, the next output has it tried again
        kept, silent = self._kept, self._silent()
        if silent < SETTLED and kept.standing.state == State.WORKING:  # it streams
            self._settled = False
            self._timers.set("activity", max(SETTLED - silent, _SOON), self._look)
            return
        why, asked = self._seen(silent)
        same = (kept.standing.why, kept.standing.question) == (Why.READ, asked)
        if why == Why.READ and not (sure or same or kept.word.said):
            self._settled = False
            self._timers.set("activity", _PASSED_ON, lambda: self._look(sure=True))
            return
        kept.word.looked(why, self._group(), self._pump.log.head)
        self._settled = silent >= SETTLED
        self._decide(Standing(STATES[why], why, STEADY.now() - silent, asked))
        after = rules.next_look(kept.standing, silent)
        if after is not None:
            self._timers.set("activity", max(after - silent, _SOON), self._look)

    def _silent(self) -> float:
        """Return the seconds since output or typing; of a raw program's output only changed cells count."""
        pty, at = self._pump.pty, self._kept.active_at
        if pty is not None and self._pump.running and pty.raw():
            self._turn.look(self._pump.log.head, at)
            at = max(self._typed_at, self._turn.changed_at)
        return time.monotonic() - at

    def _decide(self, seen: Standing | None = None) -> None:
        """Take the standing by the program's word at once, if there is one; else by a look."""
        kept = self._kept
        self._take(rules.decide(kept.standing, kept.word.said, seen, kept.answered_at))

    def _take(self, standing: Standing) -> None:
        before, self._kept.standing = self._kept.standing, standing
        asked_again = standing.state == State.WAITING and before.since != standing.since
        if asked_again or (before.state, before.question) != (standing.state, standing.question):
            words = {"question": standing.question or None, "kind": standing.kind or None}
            self._emit("activity", state=standing.state.value, why=standing.why.value, **words)
        self._looked()

    def _seen(self, silent: float) -> tuple[Why, str]:
        """Return the reason of the standing, and the question: by the kernel, and then by the screen."""
        pty, group = self._pump.pty, self._group()
        self._looked_at = time.monotonic()
        if pty is not None and group:
            if pty.output_stopped():
                return Why.XOFF, rules.OUTPUT_STOPPED
            raw = pty.raw()
            prompt = self._at_prompt(pty, group, raw=raw)
            if prompt and group != self._kept.begun:
                return Why.PROMPT, ""
            reads_line = prompt or (not raw and self._reads_line(pty, group))
            if reads_line and self._model.catch_up(LOOK_TIME):  # else its question is still to be drawn
                return Why.READ, self._question()
            if raw and self._turn.work == Work.OVER:
                return Why.STOPPED, self._turn.question
        return Why.OUTPUT if silent < rules.QUIET_AFTER else Why.QUIET, ""

    def _question(self) -> str:
        """Return the question of a program that reads a line; the last one while somebody types the answer."""
        if self._pump.line_begun:
            return self._kept.standing.question
        return question.in_lines(self._model.emulator, self._kept.entered)

    def _group(self) -> int:
        return self._pump.pty.foreground() if self._pump.pty is not None and self._pump.running else 0

    def _reads_line(self, pty: Pty, group: int) -> bool:
        """Return whether the foreground reads a line. A program of another user hides that; but where the terminal does
        not echo, it asks for a secret."""
        reads_it = reads.reads_terminal(group, self._facts["pid"], pty.device)
        return not pty.echoes() if reads_it is None else reads_it

    def _at_prompt(self, pty: Pty, group: int, *, raw: bool) -> bool:
        """Return whether the foreground is a shell at its prompt, by its own word or the kernel's."""
        if group == self._kept.prompted:
            return True
        if not machine.LINUX:  # without /proc only the session's own shell is known to be one
            return raw and group == self._facts["pid"] and self._facts["shell"]
        return shells.at_prompt(pty)
