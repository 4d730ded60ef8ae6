"""What an attachment is asked to be, and how it ended."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.client.keys import DetachKey


class Options:
    """How a client attaches: only watching, in place of the other clients, without scrollback, left by which key."""

    __slots__ = ("detach_key", "greeting", "lines", "read_only", "replace", "replay")

    def __init__(
        self,
        *,
        read_only: bool = False,
        replace: bool = False,
        replay: bool = True,
        detach_key: DetachKey | None = None,
        lines: int | None = None,
    ) -> None:
        self.read_only, self.replace, self.replay = read_only, replace, replay
        self.lines = lines
        """How many lines of scrollback it is shown at most; None leaves that to the daemon."""
        self.detach_key = detach_key
        self.greeting = ""
        """Said over the first screen, which covers what was printed before."""


class Outcome:
    """How an attachment ended.

    `kind`: "detached", "ended" (the program did: `code`, or `signal` where one ended it), "lost" (the daemon died or
    the link broke). `reason`: the daemon's word for it. `name`, `host`: the session left, after any switch.
    """

    __slots__ = ("code", "host", "kind", "name", "reason", "signal")

    def __init__(
        self,
        kind: str,
        name: str,
        host: str | None = None,
        *,
        code: int | None = None,
        signal: int | None = None,
        reason: str = "",
    ) -> None:
        self.kind, self.name, self.host = kind, name, host
        self.code, self.signal, self.reason = code, signal, reason

    @classmethod
    def ended(cls, name: str, host: str | None, code: object, signal: object, reason: object = "") -> Outcome:
        """The outcome for a program that has ended, from what its daemon, or the result that it left, says."""
        return cls(
            "ended",
            name,
            host,
            code=code if isinstance(code, int) else None,
            signal=signal if isinstance(signal, int) else None,
            reason=str(reason or ""),
        )

    def line(self) -> str:
        """The closing line, without its brackets."""
        if self.kind == "lost":
            if self.host and self.reason != "died":
                return f"the connection to @{self.host} is lost; {self.name} may still run there"
            return f"the daemon of {self.name} died"
        if self.kind != "ended":
            why = {"replaced": ": replaced by another client"}.get(self.reason, "")
            return f"detached from {self.name}{why}"
        why = f" ({self.reason})" if self.reason in ("killed", "timed out") else ""
        if self.signal:
            return f"{self.name} ended by {_signal_name(self.signal)}{why}"
        return f"{self.name} ended: {self.code if self.code is not None else '?'}{why}"


def _signal_name(number: int) -> str:
    """SIGKILL for 9, and so on."""
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
