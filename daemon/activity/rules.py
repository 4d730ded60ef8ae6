"""The rules for a session's standing: from a look and the program's word, a state with its reason. Pure.

The order of trust: the word of the program itself; the kernel, which knows who reads the terminal; the screen of a
program that showed that it works. Nothing here knows a program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sesh import moments
from sesh.schema import ActivityFacts


class Word(str, Enum):
    """A word of JSON, which is printed as it is there."""

    __str__ = str.__str__


class State(Word):
    """How a program stands."""

    WORKING = "working"
    WAITING = "waiting"
    IDLE = "idle"
    DONE = "done"
    FAILED = "failed"


class Why(Word):
    """The reason of a state, the most trusted first.

    The program has said it; its output is stopped, as by Ctrl-S; it reads a line of this terminal; its screen showed
    that it worked, and changes no more (see `turn`); a shell reads a command line; it has printed in the last seconds,
    or has not; it has ended.
    """

    HOOK = "hook"
    XOFF = "xoff"
    READ = "tty-read"
    STOPPED = "stopped"
    PROMPT = "prompt"
    OUTPUT = "output"
    QUIET = "quiet"
    EXIT = "exit"


class By(Word):
    """The source of the program's own word: OSC 9, 99 or 777; OSC 9;4; `--hook`; `--state`; OSC 7501."""

    NOTICE = "notice"
    PROGRESS = "progress"
    HOOK = "hook"
    TYPED = "typed"
    REPORT = "report"


SETTLED = 0.2
"""Seconds without output after which it has stopped."""
LOOKS = (SETTLED, 0.5, 1.0, 2.0, 3.0, 4.5, 7.0, 10.0)
"""Seconds after output stopped at which the session is looked at, until its standing is known."""
QUIET_AFTER = LOOKS[-1]
MAX_QUESTION = 200
"""Characters of a question."""
OUTPUT_STOPPED = "output is stopped (Ctrl-S); Ctrl-Q lets it go on"
"""What a session waits for whose terminal takes no output."""


@dataclass(frozen=True)
class Standing:
    """A session's standing. `since`: seconds since the epoch. `kind`: of what is asked, if the program reports that."""

    state: State
    why: Why
    since: float
    question: str = ""
    kind: str = ""

    @classmethod
    def of(cls, fields: Sequence[Any]) -> Standing:
        """Return the standing with these fields, as JSON has them."""
        return cls(State(fields[0]), Why(fields[1]), *fields[2:])

    def as_json(self) -> ActivityFacts:
        """The standing as lists and `--status` show it."""
        since = moments.exact_stamp(moments.STEADY.told(self.since))
        question, kind = self.question or None, self.kind or None
        return {"state": self.state.value, "why": self.why.value, "since": since, "question": question, "kind": kind}


@dataclass(frozen=True)
class Said:
    """The program's own word. `group`: the process group whose work it is about; 0 if it holds for whoever works."""

    state: State
    by: By
    since: float
    question: str = ""
    kind: str = ""
    group: int = 0

    @classmethod
    def of(cls, fields: Sequence[Any]) -> Said:
        """Return the word with these fields, as JSON has them."""
        return cls(State(fields[0]), By(fields[1]), *fields[2:])


@dataclass
class Seen:
    """One look at a session, of which the looker sets what it has seen.

    `silent`: seconds since the program showed something, or was typed to. `group`: who has the terminal. `xoff`: that
    takes no output. `prompt`: it is a shell that waits for a command line. `asks`: it waits for a line, or for a
    secret. `stopped`: its turn is over. `begun`: its shell has said that a command began.
    """

    silent: float
    group: int = 0
    xoff: bool = False
    prompt: bool = False
    asks: bool = False
    stopped: bool = False
    begun: bool = False
    question: str = ""


def holds(said: Said, seen: Seen) -> bool:
    """Returns whether the program's own word holds: that it works, only for its job and until that asks for a line."""
    if said.state != State.WORKING or said.by == By.REPORT:
        return True
    return said.group in (0, seen.group) and not seen.asks


def judge(before: Standing, said: Said | None, seen: Seen, now: float, *, answered: bool = False) -> Standing:
    """Returns the standing after a look. `said` must hold; `now`: seconds since the epoch.

    `since` goes on if it stood so before, with the same question, and nobody has answered that meanwhile.
    """
    kind, began = "", now - seen.silent
    if said is not None and not (seen.xoff and said.state == State.WORKING):
        state, why, question, kind, began = said.state, Why.HOOK, said.question, said.kind, said.since
    else:
        state, why = _seen_state(seen)
        question = seen.question if state == State.WAITING else ""
    again = (before.state, before.question) == (state, question)
    if answered and (said is not None or state == State.WAITING):
        again = False
    return Standing(state, why, before.since if again else began, question, kind)


def _seen_state(seen: Seen) -> tuple[State, Why]:
    if seen.xoff:
        return State.WAITING, Why.XOFF
    if seen.prompt:
        return State.IDLE, Why.PROMPT
    if seen.asks:
        return State.WAITING, Why.READ
    if seen.stopped:
        return State.WAITING, Why.STOPPED
    if seen.silent < QUIET_AFTER:
        return State.WORKING, Why.HOOK if seen.begun else Why.OUTPUT
    return State.IDLE, Why.QUIET


def streams(before: Standing, said: Said | None, silent: float) -> bool:
    """Returns whether no look is needed: the session works, and prints."""
    return silent < SETTLED and before.state == State.WORKING and (said is None or said.state == State.WORKING)


def next_look(standing: Standing, silent: float) -> float | None:
    """Seconds after output stopped at which to look again; None if nothing is left to learn until there is some."""
    if silent < SETTLED:
        return SETTLED
    if standing.state != State.WORKING and standing.why != Why.QUIET:
        return None
    return next((seconds for seconds in LOOKS if seconds > silent), None)
