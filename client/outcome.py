"""The outcome of an attachment, and its closing line."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from sesh.about import CALLED, SESH
from sesh.errors import BY_KERNEL, ENDS, TERMINATED, TIMED_OUT, for_host


class EndKind(Enum):
    """The ways an attachment ends. The event log contains the values.

    ENDED: the program ended. LOST: the daemon died, or the link broke. SIGNAL: this process got one. SWITCH: the daemon
    sends the client to another session, named in the outcome.
    """

    DETACHED = "detached"
    ENDED = "ended"
    LOST = "lost"
    SIGNAL = "signal"
    SWITCH = "switch"


@dataclass
class AttachmentEnd:
    """The end of an attachment to session `name` on `host`.

    `code`: the program's exit code. `signal`: the signal that ended the program, or this process. `reason`: why the
    attachment ended. `said`: the host's message about a session that no longer exists. `early`: the user left before
    the daemon answered. `runs`: the program that runs on after a detach. `waiting`: the number of other sessions that
    wait for the user. `words`: the words to type for the session; its name if empty. `round_trip`: the link's, in
    seconds; 0 if unknown. `heard_time`: time of the last bytes over the link (seconds since the epoch); 0 without a
    link. `undelivered`: keys may not have reached the program.
    """

    kind: EndKind
    name: str
    host: str | None = None
    code: int | None = None
    signal: int | None = None
    reason: str = ""
    said: str = ""
    round_trip: float = 0.0
    heard_time: float = 0.0
    early: bool = False
    runs: str = ""
    waiting: int = 0
    words: str = ""
    undelivered: bool = False

    @classmethod
    def ended(cls, name: str, host: str | None, end: Mapping[str, object]) -> AttachmentEnd:
        """Return the outcome for an ended program, from the daemon's EXIT or a stored result; values are untrusted."""
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

    def line(self) -> str:
        """Return the closing line, without its brackets."""
        line = self.said or (self._lost() if self.kind is EndKind.LOST else self._ended() or self._left())
        return f"{line}; keys typed last may not have arrived" if self.undelivered else line

    def _lost(self) -> str:
        if self.host:
            why = f" ({self.reason})" if self.reason else ""
            return f"lost the link to @{self.host}{why}; {self.name} may still run there"
        return f"{self.name} was lost: its daemon died; {CALLED} {self.words or self.name} restarts it"

    def _ended(self) -> str:
        """Return the line for an ended program; empty if it runs on."""
        if self.kind is not EndKind.ENDED:
            return ""
        if self.reason == "killed":
            return f"{self.name} ended by --kill"
        if self.reason == TERMINATED:
            return f"{self.name} {ENDS[self.reason]}"
        why = f" ({self.reason})" if self.reason in (TIMED_OUT, BY_KERNEL) else ""
        if self.signal:
            return f"{self.name} ended by {_signal_name(self.signal)}{why}"
        return f"{self.name} ended: {self.code if self.code is not None else '?'}{why}"

    def _left(self) -> str:
        """Return the line after a detach: the running program, how to return, the number of waiting sessions."""
        left = f"detached from {self.name}{f'@{self.host}' if self.host else ''}"
        if self.early:
            return f"{left} before its daemon answered"
        if self.reason == "replaced":
            return f"{left}: replaced by another client"
        runs = f": {self.runs} runs on" if self.runs else ""
        line = f"{left}{runs}; {for_host(SESH, self.host)} {self.words or self.name} returns"
        return f"{line}; {self.waiting} waiting: {CALLED} --next" if self.waiting else line


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
