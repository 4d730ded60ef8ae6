"""The end of an attachment, and its closing line."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from sesh import errors
from sesh.about import PROGRAM, SESH
from sesh.errors import ENDS, Ended, NotFound, SeshError, for_host
from sesh.messages import Message
from sesh.names import check_host, check_name


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

    `code`: the exit code of sesh. `line`: the closing line, without its brackets.
    """

    kind: EndKind
    name: str
    host: str | None = None
    code: int = 0
    line: str = ""

    @classmethod
    def ended(cls, name: str, host: str | None, end: Mapping[str, object]) -> AttachmentEnd:
        """Return the end for an EXIT or a stored result, whose values are unchecked."""
        code = end.get("code", end.get("exit_code"))
        known = code if isinstance(code, int) else None
        return cls(EndKind.ENDED, name, host, known or 0, _ended_line(name, known, end))

    @classmethod
    def lost(cls, name: str, host: str | None, why: str = "") -> AttachmentEnd:
        line = f"{name} was lost: its daemon died"
        if host is not None:
            line = f"lost the link to @{host}{f' ({why})' if why else ''}; {name} may still run there"
        return cls(EndKind.LOST, name, host, 1, line)

    @classmethod
    def failed(cls, name: str, host: str | None, error: SeshError) -> AttachmentEnd:
        """Return the end for an error after which no attempt at another link can succeed."""
        if isinstance(error, Ended):
            return cls.ended(name, host, error.result)
        if isinstance(error, NotFound):
            return cls(EndKind.LOST, name, host, 1, error.line(host))
        return cls.lost(name, host, str(error))

    @classmethod
    def switched(cls, left_host: str | None, message: Message) -> AttachmentEnd:
        """Return the end for a SWITCH. Raises UsageError for another host."""
        name, host = check_name(str(message.get("name"))), message.get("host") or left_host
        if host is not None:
            check_host(host)
        if left_host not in (None, host):
            raise errors.UsageError(f"{left_host} may not switch to another host")
        return cls(EndKind.SWITCH, name, host)

    @property
    def detached(self) -> str:
        return f"detached from {self.name}{f'@{self.host}' if self.host else ''}"

    def add_way_back(self, words: str, waiting: Callable[[str], int], message: Message) -> None:
        """Add how to return to the session. `message`: the daemon's DETACH, if any."""
        if self.kind is EndKind.LOST and self.host is None:
            self.line += f"; {PROGRAM} {words} restarts it"
        if self.kind not in (EndKind.DETACHED, EndKind.SIGNAL):
            return
        if message.get("reason") == "replaced":
            self.line = f"{self.detached}: replaced by another client"
            return
        runs_on = f": {program} runs on" if (program := message.get("command")) else ""
        self.line = f"{self.detached}{runs_on}; {for_host(f'{SESH} {words}', self.host)} returns"
        if count := waiting(self.name if self.host is None else ""):
            self.line += f"; {count} waiting: {PROGRAM} next"


def _ended_line(name: str, code: int | None, end: Mapping[str, object]) -> str:
    if ending := ENDS.get(str(end.get("reason"))):
        return f"{name} {ending}"
    if number := end.get("signal"):
        known = next((each.name for each in signal.Signals if each == number), f"signal {number}")
        return f"{name} ended by {known}"
    return f"{name} ended: {'?' if code is None else code}"
