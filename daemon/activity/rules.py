"""The rules for a session's standing: from a look and the program's word, a state with its reason. Pure.

The order of trust: the word of the program itself; the kernel, which knows who reads the terminal; silence. Nothing
here knows a program, and nothing is read from the screen but the words of a question.
"""

from __future__ import annotations

from sesh import moments, protocol
from sesh.schema import ActivityFacts

StandingState = tuple[str, str, float, str, str]
SaidState = tuple[str, float, str, int, bool, str, str]

WORKING, WAITING, IDLE, DONE, FAILED = STATES = protocol.STATES
HOOK, READ, PROMPT, QUIET, OUTPUT, BUSY, EXIT = "hook", "tty-read", "prompt", "quiet", "output", "busy", "exit"
STOPPED = "stopped"
"""Reasons: the program said it; it reads this terminal; its shell is at the prompt; it neither prints nor computes; it
printed just now; it computes; it has ended; it has shown that it worked, and shows nothing more (see `turn`)."""

TYPED, REPORT = "typed", "report"
"""Who said it: `--state`, or an agent's hook; OSC 7501, which stands above the kernel too."""

SETTLED = 0.2
"""Seconds without output after which it has stopped."""
LOOKS = (SETTLED, 0.5, 1.0, 2.0, 3.0, 4.5, 7.0, 10.0)
"""Seconds after output stopped at which the session is looked at, until its standing is known."""
QUIET_AFTER = LOOKS[-1]
MAX_QUESTION = 200
"""Characters of a question."""


class Standing:
    """A session's standing: one of STATES, the reason, since when (seconds since the epoch), the question, its kind."""

    __slots__ = ("kind", "question", "since", "state", "why")

    def __init__(self, state: str, why: str, since: float, question: str = "", kind: str = "") -> None:
        self.state, self.why, self.since, self.question, self.kind = state, why, since, question, kind

    def dump(self) -> StandingState:
        """All of it as plain data, in the order in which the constructor takes it."""
        return self.state, self.why, self.since, self.question, self.kind

    def as_json(self) -> ActivityFacts:
        """The standing as lists and `--status` show it."""
        since = moments.exact_stamp(moments.STEADY.told(self.since))
        question, kind = self.question or None, self.kind or None
        return {"state": self.state, "why": self.why, "since": since, "question": question, "kind": kind}


class Said:
    """The program's own word: one of STATES, since when, the question, and the process group that it speaks for.

    `group` is 0 if the word holds whoever has the terminal. `progress`: it came as OSC 9;4, which takes back only
    what it said itself. `by`: TYPED, REPORT, or empty for what is no more than a notice. `kind`: of what is asked.
    """

    __slots__ = ("by", "group", "kind", "progress", "question", "since", "state")

    def __init__(
        self, state: str, since: float, question: str = "", group: int = 0, progress: bool = False,
        by: str = "", kind: str = "",
    ) -> None:  # fmt: skip
        self.state, self.since, self.question, self.group, self.progress = state, since, question, group, progress
        self.by, self.kind = by, kind

    def dump(self) -> SaidState:
        """All of it as plain data, in the order in which the constructor takes it."""
        return self.state, self.since, self.question, self.group, self.progress, self.by, self.kind


class Seen:
    """One look at a session, of which the looker sets what it has seen.

    `silent`: seconds since the program showed something, or was typed to. `group`: who has the terminal. `prompt`: it
    is a shell that waits for a command line. `reads`: it waits for a key and for nothing else. `asks`: it waits for a
    line, or for a secret, so that there is no doubt. `news`: it has printed since the last person left. `stopped`: its
    turn is over. `busy`: it has used the processor since the last look. `begun`: its shell has said that a command
    began. `question`: what it asks; `unknown`: that is not known yet, as the screen is not.
    """

    group = 0
    prompt = reads = asks = stopped = busy = begun = unknown = False
    news = True
    question = ""

    def __init__(self, silent: float) -> None:
        self.silent = silent


def holds(said: Said, seen: Seen) -> bool:
    """Returns whether the program's own word holds: that it works, only for its job and until that asks for a line."""
    return said.state != WORKING or said.by == REPORT or (said.group in (0, seen.group) and not seen.asks)


def judge(before: Standing, said: Said | None, seen: Seen, now: float, *, answered: bool = False) -> Standing:
    """Returns the standing after a look. `said` must hold; `now`: seconds since the epoch.

    `since` goes on if it stood so before, with the same question, and nobody has answered that meanwhile.
    """
    if said is not None:
        again = (before.state, before.question) == (said.state, said.question) and not answered
        return Standing(said.state, HOOK, before.since if again else said.since, said.question, said.kind)
    if seen.prompt:
        state, why = IDLE, PROMPT
    elif seen.asks or (seen.reads and seen.news):
        state, why = WAITING, READ
    elif seen.reads:  # who left an editor, a pager, a menu as it stands has seen it
        state, why = IDLE, READ
    elif seen.stopped:
        state, why = WAITING, STOPPED
    elif seen.silent < QUIET_AFTER:
        state, why = WORKING, HOOK if seen.begun else OUTPUT
    else:
        state, why = (WORKING, BUSY) if seen.busy else (IDLE, QUIET)
    question = seen.question if state == WAITING else ""
    again = (before.state, before.question) == (state, question) and not (answered and state == WAITING)
    return Standing(state, why, before.since if again else now - seen.silent, question)


def streams(before: Standing, said: Said | None, silent: float) -> bool:
    """Returns whether no look is needed: the session works, and prints."""
    return silent < SETTLED and before.state == WORKING and (said is None or said.state == WORKING)


def next_look(standing: Standing, silent: float) -> float | None:
    """Seconds after output stopped at which to look again; None if nothing is left to learn until there is some."""
    if silent < SETTLED:
        return SETTLED
    if standing.state != WORKING and standing.why != QUIET:
        return None
    return next((seconds for seconds in LOOKS if seconds > silent), None)
