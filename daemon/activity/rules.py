"""The states of a session, and the function that decides which one holds. Pure.

The order of trust: the program's own word; the kernel, which knows who reads the terminal; the screen of a program
that showed that it works. No rule is for one program.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from sesh import measures
from sesh.schema import ActivityFacts

SETTLED = 0.2  # seconds without output or typing after which a session has settled, and is looked at
QUIET_AFTER = 10.0  # seconds without output after which a program that says nothing is quiet
MAX_QUESTION = 200
OUTPUT_STOPPED = "output is stopped (Ctrl-S); Ctrl-Q lets it go on"  # a question


class Word(str, Enum):
    """A word of JSON, which prints as it is."""

    __str__ = str.__str__


class State(Word):
    WORKING = "working"
    WAITING = "waiting"
    IDLE = "idle"
    DONE = "done"
    FAILED = "failed"


class Why(Word):
    """The reason of a state.

    HOOK: the program says so. XOFF: its output is stopped, as by Ctrl-S. PROMPT: a shell reads a command line. READ: it
    reads a line of this terminal. STOPPED: its screen showed that it worked, and changes no more. OUTPUT, QUIET: it has
    printed lately, or has not. EXIT: it has ended.
    """

    HOOK = "hook"
    XOFF = "xoff"
    PROMPT = "prompt"
    READ = "tty-read"
    STOPPED = "stopped"
    OUTPUT = "output"
    QUIET = "quiet"
    EXIT = "exit"


STATES = {
    Why.XOFF: State.WAITING, Why.PROMPT: State.IDLE, Why.READ: State.WAITING, Why.STOPPED: State.WAITING,
    Why.OUTPUT: State.WORKING, Why.QUIET: State.IDLE,
}  # fmt: skip
"""The state for each reason that a look finds; of the others the program says it."""


@dataclass
class Standing:
    """A session's standing. `since`: seconds since the epoch. `kind`: of the question, if the program reports that."""

    state: State
    why: Why
    since: float
    question: str = ""
    kind: str = ""

    def __post_init__(self) -> None:
        self.state, self.why = State(self.state), Why(self.why)  # a record that a reload keeps has plain words

    def as_json(self) -> ActivityFacts:
        since = measures.exact_stamp(measures.STEADY.wall_time(self.since))
        question, kind = self.question or None, self.kind or None
        return {"state": self.state.value, "why": self.why.value, "since": since, "question": question, "kind": kind}


def decide(before: Standing, said: Standing | None, seen: Standing | None, answered_at: float) -> Standing:
    """Return the standing by the program's word, or else by a look; without either it stays.

    Stopped output counts for more than the word that the program works. `since` goes on if the session stood so before,
    with the same question, and that was not answered meanwhile.
    """
    stopped = seen is not None and seen.why == Why.XOFF and said is not None and said.state == State.WORKING
    found = seen if stopped else said or seen
    if found is None:
        return before
    if found.state == State.WAITING and before.since < answered_at:
        return replace(found, since=max(found.since, answered_at))
    same = (before.state, before.question) == (found.state, found.question)
    return replace(found, since=before.since) if same else found


def next_look(standing: Standing, silent: float) -> float | None:
    """Return after how many silent seconds the next look is due; None if only output or a key can change the standing.

    While a program works in silence, looks come at twice the time each, until it is quiet.
    """
    if silent < SETTLED:
        return SETTLED
    if standing.state != State.WORKING or silent >= QUIET_AFTER:
        return None
    return min(2 * silent, QUIET_AFTER)
