"""The end of an attachment, and its closing line."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from sesh.about import PROGRAM, SESH
from sesh.errors import BY_KERNEL, BY_TIMEOUT, ENDS, TERMINATED, Ended, NotFound, SeshError, for_host


class EndKind(Enum):
    """How an attachment ends. The event log has the values."""

    DETACHED = "detached"
    ENDED = "ended"  # the session
    LOST = "lost"  # the daemon died, or the link broke
    SIGNAL = "signal"  # of this process
    SWITCH = "switch"  # to the session that the daemon names


@dataclass
class AttachmentEnd:
    """The end of an attachment to session `name` on `host`.

    `code`: the program's exit code. `signal`: the signal that ended the program, or this process. `missing`: the line
    for a session that the host has no longer. `early`: the user left before the daemon's WELCOME. `running_program`:
    the program that runs on after a detach. `heard_time`: time of the last bytes over the link (seconds since 1970); 0
    without a link. `undelivered`: keys may not have reached the program.
    """

    kind: EndKind
    name: str
    host: str | None = None
    code: int | None = None
    signal: int | None = None
    reason: str = ""
    missing: str = ""
    heard_time: float = 0.0
    early: bool = False
    running_program: str = ""
    undelivered: bool = False

    @classmethod
    def ended(cls, name: str, host: str | None, end: Mapping[str, object]) -> AttachmentEnd:
        """Return the end for an EXIT or a stored result, whose values are unchecked."""
        code = end.get("code", end.get("exit_code"))
        number = end.get("signal")
        return cls(
            EndKind.ENDED,
            name,
            host,
            code=code if isinstance(code, int) else None,
            signal=number if isinstance(number, int) else None,
            reason=str(end.get("reason") or ""),
        )

    @classmethod
    def failed(cls, name: str, host: str | None, error: SeshError) -> AttachmentEnd:
        """Return the end for an error after which no attempt at another link can succeed."""
        if isinstance(error, Ended):
            return cls.ended(name, host, error.result)
        missing = error.line(host) if isinstance(error, NotFound) else ""
        return cls(EndKind.LOST, name, host, reason=str(error), missing=missing)

    def line(self, words_for: Callable[[str], str] = str, waiting: Callable[[str], int] = lambda _: 0) -> str:
        """Return the closing line, without its brackets.

        `words_for`: returns the words to type for a session. `waiting`: counts the sessions of this machine that wait
        for the user, except the named one.
        """
        if self.missing:
            line = self.missing
        elif self.kind is EndKind.LOST:
            line = self._lost_line(words_for(self.name))
        elif self.kind is EndKind.ENDED:
            line = self._ended_line()
        else:
            line = self._detached_line(words_for(self.name), waiting)
        return f"{line}; keys typed last may not have arrived" if self.undelivered else line

    def _lost_line(self, words: str) -> str:
        if self.host:
            why = f" ({self.reason})" if self.reason else ""
            return f"lost the link to @{self.host}{why}; {self.name} may still run there"
        return f"{self.name} was lost: its daemon died; {PROGRAM} {words} restarts it"

    def _ended_line(self) -> str:
        if self.reason == "killed":
            return f"{self.name} ended by --kill"
        if self.reason == TERMINATED:
            return f"{self.name} {ENDS[self.reason]}"
        why = f" ({self.reason})" if self.reason in (BY_TIMEOUT, BY_KERNEL) else ""
        if self.signal:
            known = next((each.name for each in signal.Signals if each == self.signal), f"signal {self.signal}")
            return f"{self.name} ended by {known}{why}"
        return f"{self.name} ended: {self.code if self.code is not None else '?'}{why}"

    def _detached_line(self, words: str, waiting: Callable[[str], int]) -> str:
        detached = f"detached from {self.name}{f'@{self.host}' if self.host else ''}"
        if self.early:
            return f"{detached} before its daemon answered"
        if self.reason == "replaced":
            return f"{detached}: replaced by another client"
        runs_on = f": {self.running_program} runs on" if self.running_program else ""
        line = f"{detached}{runs_on}; {for_host(SESH, self.host)} {words} returns"
        if self.reason == "hangup":
            return line
        count = waiting(self.name if self.host is None else "")
        return f"{line}; {count} waiting: {PROGRAM} --next" if count else line
