"""The state that the program declares, by reports (OSC 7501) or other means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Optional

from sesh.daemon.activity.rules import ActivityState, Reason, State
from sesh.daemon.screen.program_status import KINDS, STATES, ProgramStatus, parse, shown
from sesh.system.clock import STEADY
from sesh.text.keys import MAX_SEQUENCE, Key, pressed

_CANCELS = Key.parse("Escape"), Key.parse("C-c")  # keys that may cancel work without a new report


class Source(str, Enum):
    NOTICE = "notice"  # OSC 9, 99 or 777
    PROGRESS = "progress"  # OSC 9;4
    HOOK = "hook"  # `--hook`
    VERB = "verb"  # `state`


@dataclass
class Declared:
    """What the program declares of its state: by reports, or by the newest other means."""

    program_status: ProgramStatus
    last: Optional[ActivityState] = None  # the newest declaration that is not a report
    by: Source = Source.NOTICE  # the source of `last`

    @property
    def current(self) -> ActivityState | None:
        return self.last or (state_of(self.program_status) if self.program_status.records else None)

    @property
    def asks(self) -> bool:
        """True if the program declares that it waits; a notification alone is no such declaration."""
        current = self.current
        if current is None or current.state != State.WAITING:
            return False
        return self.last is None or self.by not in (Source.NOTICE, Source.PROGRESS)

    def declare(self, state: ActivityState, by: Source) -> None:
        overridden_by_reports = self.program_status.speaks and by != Source.VERB
        overridden_by_question = self.asks and by in (Source.NOTICE, Source.PROGRESS)
        if not (overridden_by_reports or overridden_by_question):
            self.last = state
            self.by = by

    def end_progress(self) -> None:
        if self.by == Source.PROGRESS:
            self.last = None

    def store_report(self, text: bytes, group: int, position: int) -> None:
        """Store the report in `text`, which ends at log position `position`; drop an invalid one."""
        report = parse(text)
        if report is not None:
            self.program_status.store(report, group, position)
            self.last = None

    def end_by_key(self, keys: bytes, position: int) -> bool:
        """Note typed keys (empty: a command begins); return whether they end a declaration."""
        if self.program_status.records:
            self.program_status.drop_results(position)
        if self.last is None:
            return False
        cancels = len(keys) < MAX_SEQUENCE and pressed(keys, *_CANCELS)  # longer input is text, not a key
        if self.last.state == State.WORKING and not cancels:
            return False
        self.last = None
        return True

    def note_check(self, why: Reason, group: int, position: int) -> None:
        """Note a check's reason: a program that reads a line does not work."""
        self.program_status.drop_if_gone(group, position)
        if self.last is not None and self.last.state == State.WORKING and why in (Reason.PROMPT, Reason.READ):
            self.last = None


def state_of(program_status: ProgramStatus) -> ActivityState | None:
    report = program_status.most_urgent()
    if report is None:
        return None
    state = State(STATES[report["state"]])
    kind = report.get("kind", "")
    words = "" if state in (State.WORKING, State.IDLE) else shown(report, "msg") or KINDS.get(kind, "")
    return ActivityState(state, Reason.HOOK, STEADY.now(), words, kind)
