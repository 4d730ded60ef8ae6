"""The options of an attachment, and how it ended."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from sesh.about import CALLED
from sesh.errors import BY_KERNEL, ENDS, TERMINATED, TIMED_OUT
from sesh.keynames import DetachKey


class AttachOptions:
    """The options of a client that attaches.

    `read_only`: send no input. `replace`: detach the other clients. `replay`: show scrollback, `lines` of it at most
    (None leaves that to the daemon). `detach_key`: None for none. `first_notice`: shown over the first screen, which
    covers lines printed before. `predict`: show the effect of keys
    before their echo comes, on a link to another host. `renew`: more names of variables that shells take over.
    """

    def __init__(
        self,
        *,
        read_only: bool = False,
        replace: bool = False,
        replay: bool = True,
        detach_key: DetachKey | None = None,
        lines: int | None = None,
        predict: str = "never",
        renew: Sequence[str] = (),
    ) -> None:
        self.read_only, self.replace, self.detach_key = read_only, replace, detach_key
        self.replay, self.lines = replay, lines
        self.predict, self.renew = predict, renew
        self.first_notice = ""

    @property
    def detaches(self) -> str:
        """What leaves a session, in words."""
        return f"{self.detach_key.name if self.detach_key is not None else f'{CALLED} --detach'} leaves"

    @property
    def leaves(self) -> str:
        """What leaves a session that has no link, in words."""
        return f"{self.detach_key.name if self.detach_key is not None else 'Ctrl-C'} leaves"


class Outcome:
    """The end of an attachment.

    `kind`: "detached"; "ended" (the program did, with `code`, or by `signal`); "lost" (the daemon died or the link
    broke); "signal" (this process got `signal`); "switch" (the daemon sends the client to another session, so it goes
    on). `reason`: as the daemon gives it. `early`: the person left before the daemon had answered. `name`, `host`: the
    session that was left, after any switch. `round_trip`: of the link to it, in seconds; 0 if that was not measured.
    `heard_at`: when anything came last over that link (seconds since the epoch); 0 without one.
    """

    def __init__(
        self, kind: str, name: str, host: str | None = None, *, signal: int | None = None, reason: str = ""
    ) -> None:
        self.kind, self.name, self.host = kind, name, host
        self.code: int | None = None
        self.signal, self.reason = signal, reason
        self.said = ""
        """The host's own words for a session that is not there any more, in place of a line that is made here."""
        self.round_trip = self.heard_at = 0.0
        self.early = False
        self.undelivered = ""
        """What became of keys that the session has not acknowledged, in words; empty if there are none."""

    @classmethod
    def ended(cls, name: str, host: str | None, code: object, signal: object, reason: object = "") -> Outcome:
        """Return the outcome if the program ended, from untrusted values of the daemon's EXIT or of a stored result."""
        outcome = cls("ended", name, host, reason=str(reason or ""))
        outcome.code = code if isinstance(code, int) else None
        outcome.signal = signal if isinstance(signal, int) else None
        return outcome

    def line(self) -> str:
        """Return the closing line, without its brackets."""
        return f"{self._line()}; {self.undelivered}" if self.undelivered else self._line()

    def _line(self) -> str:
        if self.said:
            return self.said
        if self.kind == "lost":
            if self.host and self.reason != "died":
                return f"lost the link to @{self.host}; {self.name} may still run there"
            command = f"{CALLED} @{self.host} {self.name}" if self.host else f"{CALLED} {self.name}"
            return f"{self.name} was lost: its daemon died; {command} restarts it"
        if self.kind != "ended":
            why = {"replaced": ": replaced by another client"}.get(self.reason, "")
            why = " before its daemon answered" if self.early else why
            return f"detached from {self.name}{f'@{self.host}' if self.host else ''}{why}"
        if self.reason == "killed":
            return f"{self.name} ended by --kill"
        if self.reason == TERMINATED:
            return f"{self.name} {ENDS[self.reason]}"
        why = f" ({self.reason})" if self.reason in (TIMED_OUT, BY_KERNEL) else ""
        if self.signal:
            return f"{self.name} ended by {_signal_name(self.signal)}{why}"
        return f"{self.name} ended: {self.code if self.code is not None else '?'}{why}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
