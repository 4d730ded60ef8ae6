"""Every way in which sesh can fail: the kinds of errors, each with its code and its exit code.

A class below one of the thirteen kinds with a code is for callers within sesh: over the wire it becomes that kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from errno import EAGAIN, EMFILE, ENFILE

from sesh.about import CALLED, SESH, THERE
from sesh.schema import ErrorFacts, JobResult


class ExitCode(IntEnum):
    """The exit codes of sesh itself; any other is the program's own."""

    OK = 0
    FAILED = 1
    USAGE = 2
    TIMED_OUT = 124
    SESH_FAILED = 125
    NOT_EXECUTABLE = 126
    COMMAND_NOT_FOUND = 127
    INTERRUPTED = 130
    UNKNOWN = 255


_LONGEST_TEXT = 4096
SIGNAL_BASE = 128
"""A program ended by signal N makes its waiter exit with 128+N, as in a shell."""
BY_KERNEL = "killed, perhaps for memory"
"""The `reason` of an end by a SIGKILL that sesh did not send."""
TERMINATED = "terminated"
"""The `reason` of an end by a signal to the daemon: a machine that goes down sends it to all processes."""
TIMED_OUT = "timed out"
ENDS = {
    "killed": "was killed",
    TERMINATED: "was ended by SIGTERM to its daemon",
    TIMED_OUT: "timed out and was ended",
    BY_KERNEL: f"was {BY_KERNEL}",
}
"""How a program ended that did not end by itself, in words, by its `reason`."""


class SeshError(Exception):
    """The root of the tree. `str(error)` is the line for the user: what happened, and what to do.

    `message` says what happened; `hint`, if there is one, what to do about it. A command of sesh stands in both as
    `{SESH} --verb …`. `host`: the host that such a command names where the error is shown. `typed`: a text was typed
    that the program has not taken. `answered`: the other side of a connection sent this error.
    """

    code = "internal"
    exit_code: int = ExitCode.FAILED
    typed = False
    answered = False
    host: str | None = None

    def __init_subclass__(cls, *, code: str | None = None, exit_code: int | None = None) -> None:
        super().__init_subclass__()
        if code is not None:
            cls.code = code
            _kinds.setdefault(code, cls)
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
        """Return the whole error in one line; `host` is used if the error names none itself."""
        host, line = self.host or host, f"{self.message}; {self.hint}" if self.hint else self.message
        return for_host(line.replace(THERE, f"ssh {host} ") if host and self.answered else line, host)

    def facts(self) -> ErrorFacts:
        return {
            "code": self.code,
            "exit": int(self.exit_code),
            "what": self.message[:_LONGEST_TEXT],
            "hint": self.hint[:_LONGEST_TEXT],
        }


_kinds: dict[str, type[SeshError]] = {}


def for_host(text: str, host: str | None) -> str:
    """Return `text` with the command to type here for each `SESH`: `sesh`, or `sesh @HOST` for another host."""
    return text.replace(THERE, "").replace(SESH, f"{CALLED} @{host}" if host else CALLED)


@contextmanager
def naming_host(host: str | None) -> Iterator[None]:
    """Give `host` to an error that leaves the block and names none."""
    try:
        yield
    except SeshError as error:
        error.host = error.host or host
        raise


class UsageError(SeshError, code="usage", exit_code=ExitCode.USAGE):
    """The words of the command line make no sense together."""


class InvalidName(UsageError, code="invalid_name"):
    """A word that can be no session's name."""


class InvalidHost(UsageError, code="invalid_host"):
    """A word that can be no host."""


class NotFound(SeshError, code="not_found"):
    """There is no such session."""


class Ended(NotFound):
    """The session has ended in the meantime: its `result`, and a job's `output`, were kept."""

    def __init__(self, message: str, result: JobResult | None = None, output: bytes = b"") -> None:
        super().__init__(message)
        nothing: JobResult = {}  # type: ignore[typeddict-item]
        self.result = result or nothing
        self.output = output


class Exists(SeshError, code="exists"):
    """The name is taken by a session that runs."""


class Refused(SeshError, code="refused"):
    """The action is possible, and is not done for the reason in the message."""


class NotSubmitted(Refused):
    """A text was typed, and the program has not taken it: every other `Refused` means that nothing was typed."""

    typed = True


class Busy(SeshError, code="busy", exit_code=ExitCode.SESH_FAILED):
    """The session is doing something else just now."""


class TimedOut(SeshError, code="timeout", exit_code=ExitCode.TIMED_OUT):
    """The given time has passed."""


class Interrupted(SeshError, code="interrupted", exit_code=ExitCode.INTERRUPTED):
    """A person stopped it. `typed`: by a key that the terminal has shown, as `^C`."""


class CannotStart(SeshError, code="not_found", exit_code=ExitCode.COMMAND_NOT_FOUND):
    """The program of a new session could not be started: 127 if there is none, 126 if it cannot be executed."""


class Unreachable(SeshError, code="unreachable"):
    """The host or the daemon does not answer. `reason`: why, in a few words for a list; empty if that is not known.
    `at`: when another process found that out (time.time), 0 if this one did."""

    reason = ""
    at = 0.0


class Late(Unreachable):
    """The host has not answered in time. It may be slow: another attempt may succeed."""

    reason = "no answer yet"


WANTS_LOGIN = "asks for "
"""The first words of the `reason` of a host that asks a person for a password or a second factor."""


class LoginRefused(Unreachable):
    """The host lets nobody in without a person, or ssh does not trust its key: another attempt would fail alike.

    `asks`: True if the host asks for a password or a second factor.
    """

    asks = False


class LocalFault(Unreachable):
    """This machine lacks a descriptor, a process or room on a disk for a link. `reason`: the system's words."""


class Lost(Unreachable):
    """The link to another host broke: the session there may still run."""


class Reloaded(Lost):
    """The daemon goes on as another sesh, and has not begun with a request that it has not answered."""


class Silent(Unreachable):
    """The session's daemon lives and does not answer: it is stopped, or stuck."""


class DaemonDied(Unreachable):
    """The daemon of a followed session died, and nothing is known of the session's end."""


class Unknown(Unreachable, exit_code=ExitCode.UNKNOWN):
    """Something began, or may have begun, and its end is not known."""


class NotDeployed(SeshError, code="not_deployed"):
    """The host has no sesh."""


class ProtocolError(SeshError, code="protocol"):
    """The other side speaks another protocol number, or no protocol at all."""


class InternalError(SeshError, exit_code=ExitCode.SESH_FAILED):
    """A fault of sesh's own."""


def rebuild(facts: object) -> SeshError:
    """Return the exception for an error as `SeshError.facts` gives it, or as `--json` prints it; it is `answered`."""
    if not isinstance(facts, dict):
        error: SeshError = ProtocolError("the other side refused without giving a reason")
    else:
        code, number = str(facts.get("code")), facts.get("exit")
        kind = _kinds.get(code, InternalError)
        if number in (ExitCode.NOT_EXECUTABLE, ExitCode.COMMAND_NOT_FOUND):
            kind = CannotStart
        elif number == ExitCode.UNKNOWN:
            kind = Unknown
        error = kind(
            str(facts.get("what") or facts.get("message")),
            hint=str(facts.get("hint") or ""),
            exit_code=number if isinstance(number, int) else None,
            code=None if kind is InternalError else code,
        )
    error.answered = True
    return error


# -- sentences that several rooms say


def no_process(error: OSError) -> Refused:
    return Refused(f"cannot start a process: {error.strerror or error}", hint=limit_hint(error))


def limit_hint(error: OSError) -> str:
    """Return the hint for an error that says that a limit is reached; empty for another one."""
    if error.errno == EAGAIN:
        return "end some processes, or raise the limit (ulimit -u)"
    return "close some files, or raise the limit (ulimit -n)" if error.errno in (EMFILE, ENFILE) else ""


def silent_host(host: str) -> Late:
    return Late(f"{host} does not answer")


def silent_daemon(name: str) -> Silent:
    return Silent(f"the daemon of {name} does not answer", hint=f"`{SESH} --status {name}` shows its pid")


def daemon_failed() -> InternalError:
    return InternalError("the session's daemon failed", hint=f"see `{SESH} --status`")


def malformed(name: str, reason: str) -> ProtocolError:
    return ProtocolError(
        f"the other side sent a malformed message: {placed(name, reason)}", hint=f"check with: {SESH} --doctor"
    )


def placed(place: str, reason: str) -> str:
    """Return the place of malformed data, and the reason, which may begin with a path within that place."""
    return f"{place}{'' if reason[:1] in '.[' else ' '}{reason}"
