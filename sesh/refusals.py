"""Errors of what was asked: it makes no sense, is not there, or is not done; and the root of all errors.

The tree stands in `errors`, from which all are imported.
"""

from __future__ import annotations

from sesh.about import CALLED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.schema import ErrorFacts


class ExitCode:
    """The exit codes of sesh itself; any other is the program's own.

    No enum: loading that would take a third of the time in which an attachment starts.
    """

    OK = 0
    FAILED = 1
    USAGE = 2
    TIMED_OUT = 124
    SESH_FAILED = 125
    NOT_EXECUTABLE = 126
    COMMAND_NOT_FOUND = 127
    INTERRUPTED = 130
    UNKNOWN = 255


_LONGEST = 4096
"""Characters of an error that go over the wire."""
SIGNAL_BASE = 128
"""A program ended by signal N makes its waiter exit with 128+N, as a shell would say it."""
MEMORY_REASONS = ("killed for memory", "killed, perhaps for memory")
"""The `reason` of an end by a SIGKILL that sesh did not send: the kernel counted one of its own, or nobody knows."""
TERMINATED = "terminated"
"""The `reason` of an end by a signal to the daemon, as a machine that goes down sends it to all processes."""
TIMED_OUT = "timed out"
"""The `reason` of an end of a job whose time was up."""
ENDS = {
    "killed": "was killed",
    TERMINATED: "was ended by SIGTERM to its daemon",
    TIMED_OUT: "timed out and was ended",
    **{reason: f"was {reason}" for reason in MEMORY_REASONS},
}
"""How a program ended that did not end by itself, in words, by its `reason`."""


kinds: dict[str, type[SeshError]] = {}
"""The class of an error by its `code`."""


class SeshError(Exception):
    """The root of the tree. `str(error)` is the line for the user: what happened, and what to do.

    `message` says what happened; `hint`, if there is one, what to do about it. A command of sesh stands in both as
    `$sesh --verb …`. `host`: the one that such a command has to name if the error is shown here; None if it names none.
    """

    code = "internal"
    """The kind of the error, for programs. The first class that is given one stands for it on the wire."""
    exit_code: int = ExitCode.FAILED
    typed = False
    """True if something was typed, and has not had its effect."""
    answered = False
    """True if the other side of a connection answered with it; False if the connection failed."""
    host: str | None = None

    def __init_subclass__(cls, *, code: str | None = None, exit_code: int | None = None) -> None:
        super().__init_subclass__()
        if code is not None:
            cls.code = code
            kinds.setdefault(code, cls)
        if exit_code is not None:
            cls.exit_code = exit_code

    def __init__(self, message: str, *, hint: str = "", exit_code: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint
        if exit_code is not None:
            self.exit_code = exit_code
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return self.line()

    def line(self, host: str | None = None) -> str:
        """The whole error in one line; `host` is used if the error names none itself."""
        return for_host(f"{self.message}; {self.hint}" if self.hint else self.message, self.host or host)

    def facts(self) -> ErrorFacts:
        """The error as it goes over the wire; `message` is the whole line, for peers that know no other key."""
        return {
            "code": self.code,
            "message": self.line()[:_LONGEST],
            "exit": int(self.exit_code),
            "what": self.message[:_LONGEST],
            "hint": self.hint[:_LONGEST],
        }


def for_host(text: str, host: str | None) -> str:
    """`text` with each `$sesh` as the command to type here: `sesh`, or `sesh @HOST` for another host; and with each
    `$there` before a command of a shell there."""
    if "$there " in text:
        text = text.replace("$there ", f"ssh {host} " if host else "")
    return text.replace("$sesh", f"{CALLED} @{host}" if host else CALLED) if "$sesh" in text else text


class UsageError(SeshError, code="usage", exit_code=ExitCode.USAGE):
    """The words of the command line make no sense together."""


class NotFound(SeshError, code="not_found"):
    """There is no such session. `dormant`: it is here, and has no daemon."""

    dormant = False


class Exists(SeshError, code="exists"):
    """The name is taken by a session that runs."""


class Refused(SeshError, code="refused"):
    """The action is possible, and is not done for the reason in the message."""
