"""The end of an attachment, and its closing line."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from sesh.about import PROGRAM, SESH
from sesh.errors import BY_KERNEL, ENDS, TERMINATED, TIMED_OUT, Ended, NotFound, SeshError, for_host


class EndKind(Enum):
    """The ways an attachment ends. The event log contains the values.

    LOST: the daemon died, or the link broke. SIGNAL: this process got one. SWITCH: the daemon names the next session.
    """

    DETACHED = "detached"
    ENDED = "ended"
    LOST = "lost"
    SIGNAL = "signal"
    SWITCH = "switch"


@dataclass
class AttachmentEnd:
    """The end of an attachment to session `name` on `host`.

    `code`: the program's exit code. `signal`: the signal that ended the program, or this process. `said`: the host's
    message about a session that no longer exists. `early`: the user left before the daemon's WELCOME. `runs`: the
    program that runs on after a detach. `heard_time`: time of the last bytes over the link (seconds since the epoch); 0
    without a link. `undelivered`: keys may not have reached the program.
    """

    kind: EndKind
    name: str
    host: str | None = None
    code: int | None = None
    signal: int | None = None
    reason: str = ""
    said: str = ""
    heard_time: float = 0.0
    early: bool = False
    runs: str = ""
    undelivered: bool = False

    @classmethod
    def ended(cls, name: str, host: str | None, end: Mapping[str, object]) -> AttachmentEnd:
        """Return the end from EXIT or a stored result, whose values are not trusted."""
        code, number = end.get("code", end.get("exit_code")), end.get("signal")
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
        said = error.line(host) if isinstance(error, NotFound) else ""
        return cls(EndKind.LOST, name, host, reason=str(error), said=said)

    def line(self, words_for: Callable[[str], str] = str, waiting: Callable[[str], int] = lambda _: 0) -> str:
        """Return the closing line, without its brackets.

        `words_for`: returns the words to type for a session. `waiting`: counts the sessions of this machine that wait
        for the user, except the named one.
        """
        if self.said:
            line = self.said
        elif self.kind is EndKind.LOST:
            line = self._lost(words_for(self.name))
        else:
            line = self._ended() if self.kind is EndKind.ENDED else self._left(words_for(self.name), waiting)
        return f"{line}; keys typed last may not have arrived" if self.undelivered else line

    def _lost(self, words: str) -> str:
        if self.host:
            why = f" ({self.reason})" if self.reason else ""
            return f"lost the link to @{self.host}{why}; {self.name} may still run there"
        return f"{self.name} was lost: its daemon died; {PROGRAM} {words} restarts it"

    def _ended(self) -> str:
        if self.reason == "killed":
            return f"{self.name} ended by --kill"
        if self.reason == TERMINATED:
            return f"{self.name} {ENDS[self.reason]}"
        why = f" ({self.reason})" if self.reason in (TIMED_OUT, BY_KERNEL) else ""
        if self.signal:
            known = next((each.name for each in signal.Signals if each == self.signal), f"signal {self.signal}")
            return f"{self.name} ended by {known}{why}"
        return f"{self.name} ended: {self.code if self.code is not None else '?'}{why}"

    def _left(self, words: str, waiting: Callable[[str], int]) -> str:
        left = f"detached from {self.name}{f'@{self.host}' if self.host else ''}"
        if self.early:
            return f"{left} before its daemon answered"
        if self.reason == "replaced":
            return f"{left}: replaced by another client"
        runs = f": {self.runs} runs on" if self.runs else ""
        line = f"{left}{runs}; {for_host(SESH, self.host)} {words} returns"
        count = waiting(self.name if self.host is None else "") if self.reason != "hangup" else 0
        return f"{line}; {count} waiting: {PROGRAM} --next" if count else line
