"""The session's standing, kept up to date: looked at several times after output stopped, and never while it rests.

The program, or its shell, says how it stands (`say`, `progressed`, `marked`); for all else the kernel is asked who
reads the terminal. Whoever asks for a list gets a fresh answer if the last one may be old.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypedDict

from sesh import platform
from sesh.about import SESH
from sesh.daemon.activity import rules
from sesh.daemon.activity.asked import Asked, AskedState, Shown
from sesh.daemon.activity.program_status import Reports, ReportsState, parse
from sesh.daemon.activity.rules import MAX_QUESTION, SETTLED, Said, SaidState, Seen, Standing, StandingState
from sesh.daemon.activity.turn import Drawn, Turn, TurnState
from sesh.daemon.pty import syscalls
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Pump
from sesh.daemon.pty.syscalls import Foreground
from sesh.daemon.shell import shells
from sesh.keynames import Key
from sesh.loop.timers import Timers
from sesh.moments import STEADY
from sesh.stored import Facts
from sesh.typed import LONGEST, pressed
from sesh.wording import one_line


class ActivityState(TypedDict):
    """The standing, the program's own word and what the shell said; the question that was answered last; the position
    that the last person who left has seen; when it stirred last (monotonic); the program's reports; its turn."""

    activity: tuple[StandingState, SaidState | None, int, int]
    asked: AskedState
    seen_to: int
    stirred_at: float
    reports: ReportsState | None
    shown_turn: TurnState


FRESH = 1.0
"""Seconds for which a look is new enough for whoever asks."""
_COMPUTES = 0.01
"""The share of a processor from which on a program computes."""
_UNSEEN = ("output", "busy", "quiet")
"""Reasons that may cease to hold without any output."""
_PASSED_ON = 0.02
"""Seconds within which the kernel passes on what a program printed before it began to read."""
_SOON = 0.01
"""Seconds until the next look at the least: a timer may be early by a rounding."""
_INTERRUPTED = 10.0
"""Seconds after a Ctrl-C within which an end comes of it, if nothing else was typed."""
_CTRL_C = b"\x03"
_CANCELS = Key.parse("Escape"), Key.parse("C-c")
"""Keys after which the program may work no more, and not say so."""
_PROGRESS = {b"1": "working", b"2": "failed", b"3": "working"}
"""States of OSC 9;4 (ConEmu): a bar, an error, a bar without an end."""


class Activity:
    """The standing of one session. `screen` returns what it shows, None if that is not known yet; `drawn`: as for
    `Turn`; `emit` reports an event; `looked` is called after each look or statement."""

    def __init__(
        self,
        facts: Facts,
        pump: Pump,
        timers: Timers,
        screen: Callable[[], Shown | None],
        drawn: Callable[[], Drawn | None],
        emit: Callable[..., None],
        looked: Callable[[], None],
    ) -> None:
        self._facts, self._pump, self._timers, self._emit, self._looked = facts, pump, timers, emit, looked
        self._standing = Standing(rules.WORKING, rules.OUTPUT, facts["created"])
        self._said: Said | None = None
        self.reports: Reports | None = None
        """What the program has reported by OSC 7501; None before that."""
        self.stirred_at = self._looked_at = time.monotonic()
        """Times (monotonic) of the last output or typing, and of the last look."""
        self._due = False
        """True if the first look after output is still to come."""
        self._begun = 0
        """The process group of the shell that has said that a command began (OSC 133), until it says more; else 0."""
        self._prompted = 0
        """The process group that has said that it is at its prompt (OSC 133), until a line is entered; else 0."""
        self._asked, self._turn = Asked(pump, screen), Turn(drawn)
        self._polls = 0
        """The process group in which a process has been seen that polls the terminal."""
        self._key_at = -SETTLED
        """Time (monotonic) of the last key."""
        self.seen_to, self._echoes_until = -1, 0.0
        """The log's head when the last person left; and the time up to which output is still an echo of the keys."""
        self._interrupted_at: float | None = None
        """Time (monotonic) of an interrupt, if nobody has done anything to the program since."""
        self._used: tuple[int, list[int]] = (0, [])
        """Ticks of processor time at the last look, and the processes that had used them."""
        if pump.pty is not None:
            self.stirred()

    # -- what happens

    def stirred(self) -> None:
        """Notes that the program has printed, or that something was typed."""
        self.stirred_at = time.monotonic()
        if self.stirred_at < self._echoes_until:
            self.seen_to = self._pump.log.head
        if not self._due:
            self._due = True
            self._timers.set("activity", SETTLED, self._look)

    def typed(self, keys: bytes, *, attended: bool = False) -> None:
        """Notes that a person or a script has typed: the question that the program said is answered. `attended`: it was
        an attached person."""
        now = time.monotonic()
        self._key_at, self._echoes_until = now, 0.0
        self._turn.key()
        self._interrupted_at = now if keys[-1:] == _CTRL_C else None
        if self._asked.typed(keys, attended=attended):
            self._prompted = 0
        said = self._said
        if said is not None and said.by != rules.REPORT and (said.state != "working" or _cancels(keys)):
            self._said = None
            self._asked.note_answer()
        if self.reports is not None:
            self.report(lambda reports, head: reports.seen(head))
        self.stirred_at = now
        if not self._due:
            self.stirred()

    def began(self) -> None:
        """Notes that the shell has begun with a command: what was asked, or had ended, before it is over."""
        self.report(lambda reports, head: reports.seen(head, by_key=False))
        self._interrupted_at = None
        said = self._said
        if said is not None and said.by != rules.REPORT and said.state == "waiting":
            self._said = None
            self._asked.note_answer()
            self.stirred()

    def interrupted(self) -> None:
        """Notes that a person has sent SIGINT by sesh."""
        self._interrupted_at = time.monotonic()

    @property
    def ends_by_interrupt(self) -> bool:
        """True if an end that comes now is a person's wish."""
        return self._interrupted_at is not None and time.monotonic() - self._interrupted_at < _INTERRUPTED

    def left(self, position: int) -> None:
        """Notes that the last person has left, who has seen the output up to `position`: it is no news."""
        self.seen_to, self._echoes_until = position, self._key_at + SETTLED
        self._asked.left()
        if not self._due and self._standing.why == rules.READ:
            self._timers.set("activity", 0, lambda: self._look(again=True))

    def say(self, state: str, question: str = "", *, bound: bool = True, progress: bool = False, by: str = "") -> None:
        """Takes the program's own word for its state, unless its reports stand above that. `bound`: that it works holds
        for its job alone. `progress`, `by`: as in `Said`, or HOOK for an agent's hook."""
        if by != rules.TYPED and self.reports is not None and self.reports.speaks:
            return
        if not by and self.blocked is not None:  # a notice says less than the question that stands
            return
        group = self._group() if bound else 0
        said = self._said = Said(state, STEADY.now(), one_line(question)[:MAX_QUESTION], group, progress, by)
        self._take(rules.judge(self._standing, said, Seen(0.0), STEADY.now(), answered=self._asked.take_answered()))

    def reported(self, text: bytes, position: int) -> None:
        """Takes a report of the program's (OSC 7501); one that is invalid changes nothing. `text`: all behind `7501;`;
        `position`: behind it in the log."""
        report, group = parse(text), self._group()
        if report is not None:
            self.reports, self._said = self.reports or Reports(), None  # it says more than a word before it
            self.report(lambda reports, _: reports.take(report, group, position))

    def report(self, change: Callable[[Reports, int], object]) -> None:
        """Has what the program has reported changed, if it has, by a function of the records and the log's head; goes
        by what is left of it then, unless the state was typed since."""
        if self.reports is not None:
            change(self.reports, self._pump.log.head)
            said = self._said
            if said is None or said.by == rules.REPORT:
                said = self._said = self.reports.said()
                if said is not None:
                    answered = self._asked.take_answered()
                    self._take(rules.judge(self._standing, said, Seen(0.0), STEADY.now(), answered=answered))

    def progressed(self, body: bytes) -> None:
        """Takes the program's progress: `body` is the text behind `9;4;` of an OSC."""
        digit = body.partition(b";")[0]
        state, said = _PROGRESS.get(digit), self._said
        if state is not None and (said is None or said.state != state):
            self.say(state, progress=True)
        elif digit == b"0" and said is not None and said.progress:
            self._said = None

    def marked(self, body: bytes) -> None:
        """Takes a mark of the shell: a command begins (C), or it is at its prompt. `body`: all behind `133;`."""
        group = self._group()
        self._begun, self._prompted = (group, 0) if body[:1] == b"C" else (0, group)
        if body[:1] == b"A":
            self.report(lambda reports, head: reports.ended(head))

    def ended(self, *, failed: bool) -> None:
        """Notes and reports that the program has ended; a person is told of that by the event `exited`."""
        self._timers.clear("activity")
        self._due, self._said, self.reports = False, None, None
        self._take(Standing(rules.FAILED if failed else rules.DONE, rules.EXIT, STEADY.now()))

    # -- how it stands

    @property
    def waits(self) -> bool:
        """True if it waits for a person, and nobody has answered meanwhile."""
        said = self._said is not None and self._said.state == "waiting"
        return said or (not self._due and self._standing.state == "waiting")

    @property
    def at_prompt_since_typed(self) -> bool:
        """True if a shell was seen at its prompt, and nobody has typed since."""
        return self._standing.why == rules.PROMPT and self._looked_at > self._pump.typed_at

    @property
    def seen_hint(self) -> str:
        """Why a program that reads keys does not wait, and what to do all the same; empty if no person has seen it."""
        if self._due or (self._standing.state, self._standing.why) != (rules.IDLE, rules.READ):
            return ""
        name = self._facts["name"]
        ways = f"to answer all the same: {SESH} --send {name} TEXT, to look: {SESH} --screen {name}"
        return f"it reads keys, and a person has seen what it shows and left; {ways}"

    @property
    def blocked(self) -> Said | None:
        """The word of a program that says itself, by OSC 7501 or `--state`, that it waits; None for any other, as for
        one that has sent a notification."""
        said = self._said
        return said if said is not None and said.by and said.state == "waiting" else None

    @property
    def shell_reads(self) -> bool:
        """True if a shell has the terminal, at its prompt or about to come to it."""
        pty = self._pump.pty
        if pty is None:
            return False
        group = pty.foreground()
        if group == self._prompted or not platform.LINUX:
            return self._stands_at_prompt(pty, group, raw=True)
        return bool(shells.kind_of(group))

    def sequences(self, since: int, until: int, every: bool) -> str:
        """What stands of the program's reports, for a terminal; see `Reports.sequences`."""
        return self.reports.sequences(since, until, every=every) if self.reports is not None else ""

    def last_row(self) -> str:
        """What a program that works has reported, or the last row that it printed; empty for any other."""
        if self._standing.state != rules.WORKING:
            return ""
        return (self.reports is not None and self.reports.line()) or self._asked.last_row()

    def standing(self, *, anew: bool = False) -> Standing:
        """Returns the standing, looked at again if it may have changed unseen since the last look, or if it is wanted
        `anew`; but not while a look is due after recent output or typing."""
        old = self._standing.why in _UNSEEN and time.monotonic() - self._looked_at > FRESH
        if not self._due and (anew or (old and not self._timers.is_set("activity"))):
            self._look(again=True)
        return self._standing

    @property
    def line_begun(self) -> bool:
        """True if a line that nobody has entered stands at the shell's prompt, or before a program that reads lines."""
        pump = self._pump
        if pump.pty is None or not pump.line_begun:
            return False
        raw = pump.pty.raw()
        return not raw or self._stands_at_prompt(pump.pty, pump.pty.foreground(), raw=raw)

    def dump(self) -> ActivityState:
        """All of it as plain data."""
        said = self._said.dump() if self._said is not None else None
        return {
            "activity": (self._standing.dump(), said, self._begun, self._prompted),
            "asked": self._asked.dump(),
            "seen_to": self.seen_to,
            "stirred_at": self.stirred_at,
            "reports": self.reports.dump() if self.reports is not None else None,
            "shown_turn": self._turn.dump(),
        }

    def restore(self, state: ActivityState) -> None:
        """Goes on from what `dump` returned."""
        standing, said, self._begun, self._prompted = state["activity"]
        self._standing, self._said = Standing(*standing), Said(*said) if said is not None else None
        self._asked.restore(self._standing.question, state["asked"])
        self.reports = Reports(state["reports"]) if state["reports"] is not None else None
        self.seen_to, self.stirred_at = state["seen_to"], state["stirred_at"]
        self._turn.restore(state["shown_turn"])

    def _group(self) -> int:
        pty = self._pump.pty
        return pty.foreground() if pty is not None else 0

    # -- looking

    def _look(self, *, again: bool = False) -> None:
        """Looks at the session, and sets the time of the next look.

        A program that has just begun to read may have printed a question that has not come yet: it is looked at `again`
        in a moment.
        """
        self._due = False  # first: if looking fails, the next output has it tried again
        before, said = self._standing, self._said
        silent = self._silent()
        if rules.streams(before, said, silent):
            self._due = True
            self._timers.set("activity", max(SETTLED - silent, _SOON), self._look)
            return
        seen = self._seen(silent)
        if seen.unknown:
            self._due = True
            self._timers.set("activity", _PASSED_ON, lambda: self._look(again=again))
            return
        self.report(lambda reports, head: reports.left(seen.group, head))
        said = self._said
        holds = said is not None and rules.holds(said, seen)
        asked = holds or (before.state, before.question) == (rules.WAITING, seen.question)
        if seen.reads and not asked and not again:
            self._due = True
            self._timers.set("activity", _PASSED_ON, lambda: self._look(again=True))
            return
        if not holds:
            self._said = said = None
        self._due = silent < SETTLED
        self._take(rules.judge(before, said, seen, STEADY.now(), answered=self._asked.take_answered()))
        after = rules.next_look(self._standing, silent)
        if after is not None:
            self._timers.set("activity", max(after - silent, _SOON), self._look)

    def _silent(self) -> float:
        """Seconds since the program showed something, or was typed to."""
        pty, head, turn = self._pump.pty, self._pump.log.head, self._turn
        turn.look(head, self.stirred_at, raw=pty is not None and self._pump.running and pty.raw())
        at = max(self._key_at, turn.changed_at) if turn.compared else self.stirred_at
        return time.monotonic() - at

    def _take(self, standing: Standing) -> None:
        """Keeps a standing; reports one that differs from the last."""
        before, self._standing = self._standing, standing
        asked_anew = standing.state == "waiting" and before.since != standing.since
        if asked_anew or (before.state, before.question) != (standing.state, standing.question):
            words = {"question": standing.question or None, "kind": standing.kind or None}
            self._emit("activity", state=standing.state, why=standing.why, **words)
        self._looked()

    def _seen(self, silent: float) -> Seen:
        """Asks the terminal and the kernel."""
        pump = self._pump
        pty, leader = pump.pty, self._facts["pid"]
        now, seen = time.monotonic(), Seen(silent)
        elapsed, self._looked_at = now - self._looked_at, now
        group = pty.foreground() if pty is not None and pump.running else 0
        if pty is None or not group:
            return seen
        seen.group, raw = group, pty.raw()
        prompt = self._stands_at_prompt(pty, group, raw=raw)
        if prompt and group != self._begun:
            seen.prompt = True
            self._asked.forget()
            return seen
        program = syscalls.foreground(group, leader, pty.device)
        seen.asks = prompt or ((program.reads or not program.told) and not raw and (program.reads or not pty.echoes()))
        seen.reads = program.reads or seen.asks
        self._polls = group if program.polls else self._polls
        seen.busy = self._computed(program, elapsed) and group != self._polls
        seen.begun = bool(self._begun)
        seen.news = pump.log.head != self.seen_to
        if seen.asks or (seen.reads and seen.news):
            words = self._asked.words(line=not raw)
            seen.question, seen.unknown = words or "", words is None
        elif self._turn.over and raw and (group == self._polls or not program.told) and not seen.reads:
            seen.stopped, before = True, self._standing
            fresh = before.why != rules.STOPPED or self._turn.fresh
            words = self._turn.question() if fresh else before.question
            seen.question, seen.unknown = words or "", words is None
        return seen

    def _stands_at_prompt(self, pty: Pty, group: int, *, raw: bool) -> bool:
        """Returns whether the foreground is a shell at its prompt, by its own word or the kernel's."""
        if group == self._prompted:
            return True
        if not platform.LINUX:  # without /proc only the session's own shell is known to be one
            return raw and group == self._facts["pid"] and self._facts["shell"]

        return shells.at_prompt(pty)

    def _computed(self, program: Foreground, elapsed: float) -> bool:
        """Returns whether the foreground has used the processor since the last look, or is made up of others now."""
        (ticks, members), self._used = self._used, (program.ticks, program.members)
        seconds = (program.ticks - ticks) / os.sysconf("SC_CLK_TCK")
        return program.runs or program.members != members or seconds > _COMPUTES * elapsed


def _cancels(keys: bytes) -> bool:
    """Return whether keys end what the program does. Text of any length is no key, and is not read through."""
    return len(keys) < LONGEST and pressed(keys, *_CANCELS)
