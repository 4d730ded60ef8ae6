"""The options of an attachment, and how it ended."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from sesh.about import CALLED, SESH
from sesh.errors import BY_KERNEL, ENDS, TERMINATED, TIMED_OUT, for_host
from sesh.keynames import DetachKey


@dataclass
class AttachOptions:
    """The options of a client that attaches.

    `read_only`: send no input. `replace`: detach the other clients. `replay`: show scrollback, `lines` of it at most
    (None leaves that to the daemon). `detach_key`: None for none. `first_notice`: shown over the first screen, which
    covers lines printed before. `predict`: show the effect of keys before their echo comes, on a link to another host.
    `renew`: more names of variables that shells take over. `waiting`: counts the sessions that wait for the person,
    without the one that is left. `typed`: returns the words that lead to a session, as some names are verbs.
    """

    read_only: bool = False
    replace: bool = False
    replay: bool = True
    detach_key: DetachKey | None = None
    lines: int | None = None
    predict: str = "never"
    renew: Sequence[str] = ()
    first_notice: str = ""
    waiting: Callable[[str], int] = lambda _: 0
    typed: Callable[[str], str] = str

    @property
    def detaches(self) -> str:
        """What leaves a session, in words."""
        return f"{self.detach_key.name if self.detach_key is not None else f'{CALLED} --detach'} leaves"

    @property
    def leaves(self) -> str:
        """What leaves a session that has no link, in words."""
        return f"{self.detach_key.name if self.detach_key is not None else 'Ctrl-C'} leaves"


class Ending(Enum):
    """The ways an attachment ends; the value stands in the event log."""

    DETACHED = "detached"
    ENDED = "ended"
    """The program has ended."""
    LOST = "lost"
    """The daemon died, or the link broke."""
    SIGNAL = "signal"
    """This process got one."""
    SWITCH = "switch"
    """The daemon sends the client to another session, which the outcome names."""


@dataclass
class Outcome:
    """The end of an attachment to session `name` on `host`.

    `code`, `signal`: of the program, or of this process. `reason`: as the daemon gives it. `said`: the host's own words
    for a session that is not there any more. `early`: the person left before the daemon had answered. `runs`: the
    program that runs on after a detach. `waiting`: the number of other sessions that wait for the person. `typed`:
    the words that lead to the session; its name if empty. `round_trip`:
    of the link, in seconds; 0 if that was not measured. `heard_at`: when anything came last over that link (seconds
    since the epoch); 0 without one. `undelivered`: True if keys may not have reached the program.
    """

    kind: Ending
    name: str
    host: str | None = None
    code: int | None = None
    signal: int | None = None
    reason: str = ""
    said: str = ""
    round_trip: float = 0.0
    heard_at: float = 0.0
    early: bool = False
    runs: str = ""
    waiting: int = 0
    typed: str = ""
    undelivered: bool = False

    @classmethod
    def ended(cls, name: str, host: str | None, end: Mapping[str, object]) -> Outcome:
        """Return the outcome if the program ended, by the daemon's EXIT or a stored result, of untrusted values."""
        code, number = end.get("code", end.get("exit_code")), end.get("signal")
        return cls(
            Ending.ENDED,
            name,
            host,
            code=code if isinstance(code, int) else None,
            signal=number if isinstance(number, int) else None,
            reason=str(end.get("reason") or ""),
        )

    def line(self) -> str:
        """Return the closing line, without its brackets."""
        return f"{self._line()}; keys typed last may not have arrived" if self.undelivered else self._line()

    def _line(self) -> str:
        if self.said:
            return self.said
        if self.kind is Ending.LOST:
            if self.host:
                why = f" ({self.reason})" if self.reason else ""
                return f"lost the link to @{self.host}{why}; {self.name} may still run there"
            return f"{self.name} was lost: its daemon died; {CALLED} {self.typed or self.name} restarts it"
        if self.kind is not Ending.ENDED:
            return self._left()
        if self.reason == "killed":
            return f"{self.name} ended by --kill"
        if self.reason == TERMINATED:
            return f"{self.name} {ENDS[self.reason]}"
        why = f" ({self.reason})" if self.reason in (TIMED_OUT, BY_KERNEL) else ""
        if self.signal:
            return f"{self.name} ended by {_signal_name(self.signal)}{why}"
        return f"{self.name} ended: {self.code if self.code is not None else '?'}{why}"

    def _left(self) -> str:
        """Return the line after a detach: what goes on, how to return, and how many sessions wait."""
        left = f"detached from {self.name}{f'@{self.host}' if self.host else ''}"
        if self.early:
            return f"{left} before its daemon answered"
        if self.reason == "replaced":
            return f"{left}: replaced by another client"
        runs = f": {self.runs} runs on" if self.runs else ""
        line = f"{left}{runs}; {for_host(SESH, self.host)} {self.typed or self.name} returns"
        return f"{line}; {self.waiting} waiting: {CALLED} --next" if self.waiting else line


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
