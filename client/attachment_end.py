"""The end of an attachment, and its closing line."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from sesh import errors
from sesh.about import PROGRAM, SESH
from sesh.client.options import AttachOptions
from sesh.errors import ENDS, ExitCode, NotFound, SeshError, for_host
from sesh.names import check_host, check_name
from sesh.schema.outcomes import Ended
from sesh.wire.messages import Message

AUTO_JOIN = "let your shell's startup file join this terminal only if SESH_SESSION is not set"
"""What to do if a new session's shell joins the multiplexer in which its client runs."""


class EndKind(Enum):
    """How an attachment ends. The event log has the values."""

    DETACHED = "detached"
    ENDED = "ended"  # the session
    LOST = "lost"  # the daemon died, or the link broke
    SIGNAL = "signal"  # of this process
    SWITCH = "switch"  # to the session that the daemon names
    FEEDBACK = "feedback"  # the session shows this terminal, so it would show itself without end


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
        line = f"{name} ended: {code if isinstance(code, int) else '?'}"
        if ending := ENDS.get(str(end.get("reason"))):
            line = f"{name} {ending}"
        elif number := end.get("signal"):
            known = next((each.name for each in signal.Signals if each == number), f"signal {number}")
            line = f"{name} ended by {known}"
        return cls(EndKind.ENDED, name, host, code if isinstance(code, int) else 0, line)

    @classmethod
    def lost(cls, name: str, host: str | None, error: SeshError | None = None) -> AttachmentEnd:
        """Return the end for a lost daemon or link, after which no attempt can succeed."""
        if isinstance(error, Ended):
            return cls.ended(name, host, error.result)
        line = f"{name} was lost: its daemon died"
        if isinstance(error, NotFound):
            line = error.line(host)
        elif host is not None:
            line = f"lost the link to @{host}{f' ({error})' if error else ''}; {name} may still run there"
        return cls(EndKind.LOST, name, host, 1, line)

    @classmethod
    def feedback(cls, name: str, host: str | None, *, joined: bool) -> AttachmentEnd:
        """Return the end for a session that shows this terminal; `joined`: a new one, which nobody has typed in."""
        line = f"detached: {name} shows this terminal, and so itself, without end; "
        if joined:
            line += f"{AUTO_JOIN}; "
        return cls(EndKind.FEEDBACK, name, host, 1, line + f"to end {name}: {for_host(f'{SESH} kill {name}', host)}")

    @classmethod
    def switched(cls, left_host: str | None, message: Message) -> AttachmentEnd:
        """Return the end for a SWITCH. Raises UsageError for another host."""
        name, host = check_name(str(message.get("name"))), message.get("host") or left_host
        if host is not None:
            check_host(host)
        if left_host not in (None, host):
            raise errors.UsageError(f"{left_host} may not switch to another host")
        return cls(EndKind.SWITCH, name, host)

    def complete(self, options: AttachOptions, message: Message, *, was_attached: bool, arrived: bool) -> None:
        """Add how to return to the session.

        `message`: the daemon's DETACH, if any. `was_attached`: the daemon has answered. `arrived`: so has all input.
        """
        words = options.words_for(self.name)
        if self.kind in (EndKind.DETACHED, EndKind.SIGNAL):
            self.line = f"detached from {self.name}{f'@{self.host}' if self.host else ''}"
            if not was_attached:
                self.code = self.code or ExitCode.INTERRUPTED
                self.line += " before its daemon answered"
                return
            if message.get("reason") == "replaced":
                self.line += ": replaced by another client"
            else:
                runs_on = f": {program} runs on" if (program := message.get("command")) else ""
                self.line += f"{runs_on}; {for_host(f'{SESH} {words}', self.host)} returns"
                if count := options.waiting(self.name if self.host is None else ""):
                    self.line += f"; {count} waiting: {PROGRAM} next"
        elif self.kind is EndKind.LOST and self.host is None:
            self.line += f"; {PROGRAM} {words} restarts it"
        if not arrived:
            self.line += "; keys typed last may not have arrived"
