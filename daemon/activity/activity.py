"""The session's standing, kept up to date: looked at several times after output stopped, and never while it rests.

The program, or its shell, says how it stands (`say`, `progressed`, `reported`, `marked`); for all else the kernel is
asked who reads the terminal, and the screen whether it changes. Whoever asks for a list gets a fresh answer if the last
one may be old.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any, TypedDict

from sesh import platform
from sesh.daemon.activity import question, rules
from sesh.daemon.activity.program_status import Reports, parse
from sesh.daemon.activity.rules import MAX_QUESTION, SETTLED, By, Said, Seen, Standing, State, Why
from sesh.daemon.activity.turn import Shown, Turn, Work
from sesh.daemon.pty import reads
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell import shells
from sesh.keynames import Key
from sesh.loop.timers import Timers
from sesh.moments import STEADY
from sesh.stored import Facts
from sesh.typed import LONGEST, pressed
from sesh.wording import one_line


class ActivityState(TypedDict):
    """The parts of an `Activity` that a reload keeps, as plain data."""

    standing: list[Any]
    said: list[Any] | None
    reports: list[Any]
    marks: list[int]
    entered: list[int]
    stirred_at: float


@dataclass
class Marks:
    """The process groups of the shells that have said (OSC 133) that a command began, and that they are at the prompt,
    until they say more, or a line is entered; else 0."""

    begun: int = 0
    prompted: int = 0


@dataclass
class Keys:
    """What was typed, as far as it counts. `at`: time (monotonic) of the last key. `entered`, `lines`: the log's head
    when lines were entered last, and how many. `answered`: somebody has answered since the last look. `interrupted`:
    time of an interrupt, if nobody has done anything to the program since."""

    at: float = -SETTLED
    entered: int = 0
    lines: int = 0
    answered: bool = False
    interrupted: float | None = None


FRESH = 1.0
"""Seconds for which a look is new enough for whoever asks."""
_UNSEEN = (Why.OUTPUT, Why.QUIET)
"""Reasons that may cease to hold without any output."""
_PASSED_ON = 0.02
"""Seconds within which the kernel passes on what a program printed before it began to read."""
_SOON = 0.01
"""Seconds until the next look at the least: a timer may be early by a rounding."""
_INTERRUPTED = 10.0
"""Seconds after a Ctrl-C within which an end comes of it, if nothing else was typed."""
_TAIL = 8 << 10
"""Bytes of the output in which a question is looked for."""
_CTRL_C = b"\x03"
_CANCELS = Key.parse("Escape"), Key.parse("C-c")
"""Keys after which the program may work no more, and not say so."""
_PROGRESS = {b"1": State.WORKING, b"2": State.FAILED, b"3": State.WORKING}
"""States of OSC 9;4 (ConEmu): a bar, an error, a bar without an end."""


class Activity:
    """The standing of one session. `shown` returns its screen, None while the emulator is behind; `emit` reports an
    event; `looked` is called after each look or statement."""

    def __init__(
        self,
        facts: Facts,
        pump: Pump,
        timers: Timers,
        shown: Callable[[], Shown | None],
        emit: Callable[..., None],
        looked: Callable[[], None],
    ) -> None:
        self._facts, self._pump, self._timers, self._emit, self._looked = facts, pump, timers, emit, looked
        self._standing = Standing(State.WORKING, Why.OUTPUT, facts["created"])
        self._said: Said | None = None
        self.reports = Reports()
        self.stirred_at = self._looked_at = time.monotonic()
        """Times (monotonic) of the last output or typing, and of the last look."""
        self._due = False
        """True if the first look after output is still to come."""
        self._marks, self._keys, self._turn = Marks(), Keys(), Turn(shown)
        if pump.pty is not None:
            self.stirred()

    # -- what happens

    def stirred(self) -> None:
        """Notes that the program has printed, or that something was typed."""
        self.stirred_at = time.monotonic()
        if not self._due:
            self._due = True
            self._timers.set("activity", SETTLED, self._look)

    def typed(self, data: bytes) -> None:
        """Notes that a person or a script has typed: the question that the program said is answered."""
        keys, head = self._keys, self._pump.log.head
        keys.at = time.monotonic()
        keys.interrupted = keys.at if data[-1:] == _CTRL_C else None
        self._turn.key()
        if lines := data.count(b"\r") + data.count(b"\n"):
            keys.lines = lines + (keys.lines if keys.entered == head else 0)
            keys.entered, keys.answered, self._marks.prompted = head, True, 0
        said = self._said
        if said is not None and said.by != By.REPORT and (said.state != State.WORKING or _cancels(data)):
            self._said, keys.answered = None, True
        self.reports.seen(head)
        self._heed_reports()
        self.stirred()

    def began(self) -> None:
        """Notes that the shell has begun with a command: what was asked, or had ended, before it is over."""
        self.reports.seen(self._pump.log.head, by_key=False)
        self._heed_reports()
        self._keys.interrupted = None
        if self._said is not None and self._said.by != By.REPORT and self._said.state == State.WAITING:
            self._said, self._keys.answered = None, True
            self.stirred()

    def interrupted(self) -> None:
        """Notes that a person has sent SIGINT by sesh."""
        self._keys.interrupted = time.monotonic()

    @property
    def ends_by_interrupt(self) -> bool:
        """True if an end that comes now is a person's wish."""
        at = self._keys.interrupted
        return at is not None and time.monotonic() - at < _INTERRUPTED

    # -- the program's own word

    def say(self, state: str, words: str = "", *, by: By = By.NOTICE, bound: bool = True) -> None:
        """Takes the program's own word for its state, unless its reports stand above that; a notice says less than a
        question that stands. `bound`: that it works holds for its job alone."""
        if by != By.TYPED and self.reports.speaks:
            return
        if by in (By.NOTICE, By.PROGRESS) and self.blocked is not None:
            return
        group = self._group() if bound else 0
        self._said = Said(State(state), by, STEADY.now(), one_line(words)[:MAX_QUESTION], "", group)
        self._take(self._judged(Seen(0.0)))

    def progressed(self, body: bytes) -> None:
        """Takes the program's progress: `body` is the text behind `9;4;` of an OSC."""
        digit = body.partition(b";")[0]
        state, said = _PROGRESS.get(digit), self._said
        if state is not None and (said is None or said.state != state):
            self.say(state, by=By.PROGRESS)
        elif digit == b"0" and said is not None and said.by == By.PROGRESS:
            self._said = None

    def reported(self, text: bytes, position: int) -> None:
        """Takes a report of the program's (OSC 7501); one that is invalid changes nothing. `text`: all behind `7501;`;
        `position`: behind it in the log."""
        report = parse(text)
        if report is not None:
            self.reports.take(report, self._group(), position)
            self._said = None  # it says more than a word before it
            self._heed_reports()

    def reset(self, position: int) -> None:
        """Notes that the program has reset the terminal (RIS), with its reports."""
        self.reports.take({"state": "clear"}, 0, position)
        self._heed_reports()

    def _heed_reports(self) -> None:
        """Goes by what is left of the program's reports, unless it has said something else since."""
        if self._said is None or self._said.by == By.REPORT:
            self._said = self.reports.said()
            if self._said is not None:
                self._take(self._judged(Seen(0.0)))

    def marked(self, body: bytes) -> None:
        """Takes a mark of the shell: a command begins (C), or it is at its prompt. `body`: all behind `133;`."""
        group = self._group()
        self._marks = Marks(begun=group) if body[:1] == b"C" else Marks(prompted=group)
        if body[:1] == b"A":
            self.reports.ended(self._pump.log.head)
            self._heed_reports()

    def ended(self, *, failed: bool) -> None:
        """Notes and reports that the program has ended; a person is told of that by the event `exited`."""
        self._timers.clear("activity")
        self._due, self._said, self.reports = False, None, Reports()
        self._take(Standing(State.FAILED if failed else State.DONE, Why.EXIT, STEADY.now()))

    # -- how it stands

    @property
    def waits(self) -> bool:
        """True if it waits for a person, and nobody has answered meanwhile."""
        if self._said is not None:
            return self._said.state == State.WAITING
        if self._standing.why == Why.STOPPED:
            return self._turn.work == Work.OVER
        return not self._due and self._standing.state == State.WAITING

    @property
    def at_prompt_since_typed(self) -> bool:
        """True if a shell was seen at its prompt, and nobody has typed since."""
        return self._standing.why == Why.PROMPT and self._looked_at > self._pump.typed_line.typed_at

    @property
    def blocked(self) -> Said | None:
        """The word of a program that says itself, by OSC 7501 or `--state`, that it waits; None for any other, as for
        one that has sent a notification."""
        said = self._said
        asks = said is not None and said.state == State.WAITING and said.by not in (By.NOTICE, By.PROGRESS)
        return said if asks else None

    @property
    def shell_reads(self) -> bool:
        """True if a shell has the terminal, at its prompt or about to come to it."""
        pty = self._pump.pty
        if pty is None:
            return False
        group = pty.foreground()
        if group == self._marks.prompted or not platform.LINUX:
            return self._stands_at_prompt(pty, group, raw=True)
        return bool(shells.kind_of(group))

    @property
    def line_begun(self) -> bool:
        """True if a line that nobody has entered stands at the shell's prompt, or before a program that reads lines."""
        pty = self._pump.pty
        if pty is None or not self._pump.line_begun:
            return False
        raw = pty.raw()
        return not raw or self._stands_at_prompt(pty, pty.foreground(), raw=raw)

    def last_row(self) -> str:
        """What a program that works has reported, or the last row that it printed; empty for any other."""
        if self._standing.state != State.WORKING:
            return ""
        tail, cut = self._tail(0)
        return self.reports.line() or question.last_row(tail, cut=cut, whole=self._pump.line_begun)

    def standing(self, *, anew: bool = False) -> Standing:
        """Returns the standing, looked at again if it may have changed unseen since the last look, or if it is wanted
        `anew`; but not while a look is due after recent output or typing."""
        old = self._standing.why in _UNSEEN and time.monotonic() - self._looked_at > FRESH
        if not self._due and (anew or (old and not self._timers.is_set("activity"))):
            self._look(again=True)
        return self._standing

    def dump(self) -> ActivityState:
        """What must not be lost, as plain data."""
        return {
            "standing": list(astuple(self._standing)),
            "said": list(astuple(self._said)) if self._said is not None else None,
            "reports": self.reports.dump(),
            "marks": [self._marks.begun, self._marks.prompted],
            "entered": [self._keys.entered, self._keys.lines],
            "stirred_at": self.stirred_at,
        }

    def restore(self, state: ActivityState) -> None:
        """Goes on from what `dump` returned."""
        self._standing, self._marks = Standing.of(state["standing"]), Marks(*state["marks"])
        self._said = Said.of(state["said"]) if state["said"] is not None else None
        self.reports.restore(state["reports"])
        self._keys.entered, self._keys.lines = state["entered"]
        self.stirred_at = state["stirred_at"]
        if self._standing.why == Why.STOPPED:
            self._turn.work = Work.OVER

    # -- looking

    def _look(self, *, again: bool = False) -> None:
        """Looks at the session, and sets the time of the next look.

        A program that has just begun to read may have printed a question that has not come yet: it is looked at `again`
        in a moment.
        """
        self._due = False  # first: if looking fails, the next output has it tried again
        silent = self._silent()
        if rules.streams(self._standing, self._said, silent):
            self._due = True
            self._timers.set("activity", max(SETTLED - silent, _SOON), self._look)
            return
        seen = self._seen(silent)
        asked = (self._standing.state, self._standing.question) == (State.WAITING, seen.question)
        if self._said is None and seen.asks and not asked and not again:
            self._due = True
            self._timers.set("activity", _PASSED_ON, lambda: self._look(again=True))
            return
        self.reports.left(seen.group, self._pump.log.head)
        self._heed_reports()
        if self._said is not None and not rules.holds(self._said, seen):
            self._said = None
        self._due = silent < SETTLED
        self._take(self._judged(seen))
        after = rules.next_look(self._standing, silent)
        if after is not None:
            self._timers.set("activity", max(after - silent, _SOON), self._look)

    def _silent(self) -> float:
        """Seconds since the program showed something, or was typed to; a raw one shows only what changes a cell."""
        pty, at = self._pump.pty, self.stirred_at
        if pty is not None and self._pump.running and pty.raw():
            self._turn.look(self._pump.log.head, self.stirred_at)
            at = max(self._keys.at, self._turn.changed_at)
        return time.monotonic() - at

    def _judged(self, seen: Seen) -> Standing:
        answered, self._keys.answered = self._keys.answered, False
        return rules.judge(self._standing, self._said, seen, STEADY.now(), answered=answered)

    def _take(self, standing: Standing) -> None:
        """Keeps a standing; reports one that differs from the last."""
        before, self._standing = self._standing, standing
        asked_anew = standing.state == State.WAITING and before.since != standing.since
        if asked_anew or (before.state, before.question) != (standing.state, standing.question):
            words = {"question": standing.question or None, "kind": standing.kind or None}
            self._emit("activity", state=standing.state.value, why=standing.why.value, **words)
        self._looked()

    def _seen(self, silent: float) -> Seen:
        """Asks the terminal and the kernel."""
        pty, seen = self._pump.pty, Seen(silent)
        self._looked_at = time.monotonic()
        group = pty.foreground() if pty is not None and self._pump.running else 0
        if pty is None or not group:
            return seen
        seen.group, raw = group, pty.raw()
        prompt, seen.begun = self._stands_at_prompt(pty, group, raw=raw), bool(self._marks.begun)
        if prompt and group != self._marks.begun:
            seen.prompt = True
            return seen
        seen.asks = prompt or (not raw and self._reads_line(pty, group))
        seen.stopped = raw and self._turn.work == Work.OVER
        if seen.asks:
            seen.question = self._question()
        elif seen.stopped:
            same = self._standing.why == Why.STOPPED and silent >= FRESH
            seen.question = self._standing.question if same else self._turn.question()
        return seen

    def _reads_line(self, pty: Pty, group: int) -> bool:
        """Returns whether the foreground reads a line. One that runs as another user hides that; but where the terminal
        shows nothing of what is typed, it asks for a secret."""
        reads_it = reads.reads_terminal(group, self._facts["pid"], pty.device)
        return not pty.echoes() if reads_it is None else reads_it

    def _question(self) -> str:
        """The question of a program that reads a line; while somebody types the answer, what it was before."""
        if self._pump.line_begun:
            return self._standing.question
        keys = self._keys
        tail, cut = self._tail(keys.entered)
        return question.in_output(tail, entered=0 if cut else keys.lines, cut=cut)

    def _tail(self, since: int) -> tuple[bytes, bool]:
        """The end of the output, but nothing before `since`; and whether it is cut off there."""
        log = self._pump.log
        start = max(log.base, log.head - _TAIL, since)
        return log.bytes(start), start > since

    def _group(self) -> int:
        return self._pump.pty.foreground() if self._pump.pty is not None else 0

    def _stands_at_prompt(self, pty: Pty, group: int, *, raw: bool) -> bool:
        """Returns whether the foreground is a shell at its prompt, by its own word or the kernel's."""
        if group == self._marks.prompted:
            return True
        if not platform.LINUX:  # without /proc only the session's own shell is known to be one
            return raw and group == self._facts["pid"] and self._facts["shell"]
        return shells.at_prompt(pty)


def _cancels(keys: bytes) -> bool:
    """Return whether keys end what the program does. Text of any length is no key, and is not read through."""
    return len(keys) < LONGEST and pressed(keys, *_CANCELS)
