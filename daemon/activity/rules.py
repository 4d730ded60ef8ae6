"""The states of a session, and the rules that decide between them. Sans-I/O.

Sources in order of trust: the program's own declaration; the kernel, which knows the process that reads the terminal;
changes of the screen. No rule is for a particular program.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from sesh.schema.facts import ActivityFacts
from sesh.system import clock
from sesh.text import times

SETTLED = 0.2  # seconds without output or typing after which a session is checked
QUIET_AFTER = 10.0  # seconds without output after which a program counts as idle
MAX_QUESTION = 200
STOPPED_QUESTION = "output is stopped (Ctrl-S); Ctrl-Q lets it go on"  # shown as the question


class Word(str, Enum):
    """A string constant that prints as its value."""

    __str__ = str.__str__


class State(Word):
    WORKING = "working"
    WAITING = "waiting"
    IDLE = "idle"
    DONE = "done"
    FAILED = "failed"


class Reason(Word):
    HOOK = "hook"  # the program has declared the state
    XOFF = "xoff"  # output is stopped, as by Ctrl-S
    PROMPT = "prompt"  # a shell reads a command line
    READ = "tty-read"  # the program reads a line from the terminal
    STOPPED = "stopped"  # the screen changed as the program worked, and has stopped changing
    OUTPUT = "output"  # the program has printed lately
    QUIET = "quiet"  # it has not
    EXIT = "exit"  # it has ended


STATES = {
    Reason.XOFF: State.WAITING, Reason.PROMPT: State.IDLE, Reason.READ: State.WAITING, Reason.STOPPED: State.WAITING,
    Reason.OUTPUT: State.WORKING, Reason.QUIET: State.IDLE,
}  # fmt: skip
"""The state for each reason that a check finds; HOOK and EXIT come with a state."""


@dataclass
class ActivityState:
    state: State
    why: Reason
    since: float  # time (`STEADY`)
    question: str = ""
    kind: str = ""  # of the question, if the program reports it

    def as_json(self) -> ActivityFacts:
        since = times.exact_stamp(clock.STEADY.wall_time(self.since))
        question = self.question or None
        kind = self.kind or None
        return {"state": self.state.value, "why": self.why.value, "since": since, "question": question, "kind": kind}


def decide(
    before: ActivityState, declared: ActivityState | None, seen: ActivityState | None, answered_at: float
) -> ActivityState:
    """Return the declared state, else the one that a check has seen, else `before`."""
    found = declared or seen
    if seen is not None and seen.why == Reason.XOFF and declared is not None and declared.state == State.WORKING:
        found = seen  # a program whose output is stopped cannot work on
    if found is None:
        return before
    if found.state == State.WAITING and before.since < answered_at:  # it asks again, maybe in the same words
        return replace(found, since=max(found.since, answered_at))
    if (before.state, before.question) == (found.state, found.question):
        return replace(found, since=before.since)
    return found


def next_check(decided: ActivityState, silent: float) -> float | None:
    """Return the silence (seconds) at which the next check is due; None without one."""
    if silent < SETTLED:
        return SETTLED
    if decided.state != State.WORKING or silent >= QUIET_AFTER:
        return None
    return min(2 * silent, QUIET_AFTER)
