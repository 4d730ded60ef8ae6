"""Every way in which sesh can fail, and the exit code of each.

SeshError                      what happened and what to do, in one line
├── UsageError                 2    usage
│   ├── InvalidName            2    invalid_name
│   └── InvalidHost            2    invalid_host
├── NotFound                   1    not_found
│   └── Ended                  1    not_found (it ended meanwhile; `result` says how)
├── Exists                     1    exists
├── Refused                    1    refused
│   └── NotSubmitted           1    refused (it was typed, and the program has not taken it)
├── Busy                       125  busy
├── TimedOut                   124  timeout
├── Interrupted                130  interrupted
├── CannotStart                127  not_found (126 refused: it is there and cannot be executed)
├── Unreachable                1    unreachable
│   ├── Late                   1    unreachable (the host has not answered yet: it may be slow)
│   ├── Lost                   1    unreachable (the link broke; what runs on the host goes on)
│   ├── LoginRefused           1    unreachable (a person has to log in there, or to look into the host's key)
│   ├── LocalFault             1    unreachable (this machine lacks a descriptor, a process, or room for it)
│   ├── Silent                 1    unreachable (the daemon is there and does not answer)
│   ├── DaemonDied             1    unreachable (and nothing is known of the session's end)
│   └── Unknown                255  unreachable (it began, and nobody hears how it ended)
├── NotDeployed                1    not_deployed
├── ProtocolError              1    protocol
└── InternalError              125  internal
"""

from __future__ import annotations

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


_LONGEST = 4096
"""Characters of an error that go over the wire."""
SIGNAL_BASE = 128
"""A program ended by signal N makes its waiter exit with 128+N, as a shell would say it."""
BY_KERNEL = "killed, perhaps for memory"
"""The `reason` of an end by a SIGKILL that sesh did not send."""
TERMINATED = "terminated"
"""The `reason` of an end by a signal to the daemon, as a machine that goes down sends it to all processes."""
TIMED_OUT = "timed out"
"""The `reason` of an end of a job whose time was up."""
ENDS = {
    "killed": "was killed",
    TERMINATED: "was ended by SIGTERM to its daemon",
    TIMED_OUT: "timed out and was ended",
    BY_KERNEL: f"was {BY_KERNEL}",
}
"""How a program ended that did not end by itself, in words, by its `reason`."""


kinds: dict[str, type[SeshError]] = {}
"""The class of an error by its `code`."""


class SeshError(Exception):
    """The root of the tree. `str(error)` is the line for the user: what happened, and what to do.

    `message` says what happened; `hint`, if there is one, what to do about it. A command of sesh stands in both as
    `{SESH} --verb …`. `host`: the one that such a command has to name where the error is shown; None if it names none.
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
        host, line = self.host or host, f"{self.message}; {self.hint}" if self.hint else self.message
        return for_host(line.replace(THERE, f"ssh {host} ") if host and self.answered else line, host)

    def facts(self) -> ErrorFacts:
        """The error as it goes over the wire."""
        return {
            "code": self.code,
            "exit": int(self.exit_code),
            "what": self.message[:_LONGEST],
            "hint": self.hint[:_LONGEST],
        }


def for_host(text: str, host: str | None) -> str:
    """`text` with the command to type here in the place of each `SESH`: `sesh`, or `sesh @HOST` for another host."""
    return text.replace(THERE, "").replace(SESH, f"{CALLED} @{host}" if host else CALLED)


class UsageError(SeshError, code="usage", exit_code=ExitCode.USAGE):
    """The words of the command line make no sense together."""


class NotFound(SeshError, code="not_found"):
    """There is no such session."""


class Exists(SeshError, code="exists"):
    """The name is taken by a session that runs."""


class Refused(SeshError, code="refused"):
    """The action is possible, and is not done for the reason in the message."""


class NamingHost:
    """A context that gives the errors which leave it a host, if they name none yet and `host` is not None."""

    def __init__(self, host: str | None) -> None:
        self._host = host

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, SeshError):
            error.host = error.host or self._host


class InvalidName(UsageError, code="invalid_name"):
    """A word that can be no session's name."""


class InvalidHost(UsageError, code="invalid_host"):
    """A word that can be no host."""


class Ended(NotFound):
    """The session has ended in the meantime: its `result`, and a job's `output`, were kept."""

    def __init__(self, message: str, result: JobResult | None = None, output: bytes = b"") -> None:
        super().__init__(message)
        nothing: JobResult = {}  # type: ignore[typeddict-item]
        self.result = result or nothing
        self.output = output


class NotSubmitted(Refused):
    """A text was typed, and the program has not taken it: every other `Refused` means that nothing was typed."""

    typed = True


def no_process(error: OSError) -> Refused:
    """The error if the system starts no other process."""
    return Refused(f"cannot start a process: {error.strerror or error}", hint=limit_hint(error))


def limit_hint(error: OSError) -> str:
    """The hint for an error that says that a limit is reached; empty for another one."""
    if error.errno == EAGAIN:
        return "end some processes, or raise the limit (ulimit -u)"
    return "close some files, or raise the limit (ulimit -n)" if error.errno in (EMFILE, ENFILE) else ""


class Busy(SeshError, code="busy", exit_code=ExitCode.SESH_FAILED):
    """The session is doing something else just now."""


class TimedOut(SeshError, code="timeout", exit_code=ExitCode.TIMED_OUT):
    """The given time has passed."""


class Interrupted(SeshError, code="interrupted", exit_code=ExitCode.INTERRUPTED):
    """A person stopped it. `typed`: by a key that the terminal has shown, as `^C`."""

    typed = False


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
"""Begins the `reason` of a host that lets a person in who types a password or a second factor."""


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


def silent_host(host: str) -> Late:
    """The error for a host that does not answer."""
    return Late(f"{host} does not answer")


def malformed(name: str, reason: str) -> ProtocolError:
    """The error for data from a host that is not of its type."""
    return ProtocolError(
        f"the other side sent a malformed message: {placed(name, reason)}", hint=f"check with: {SESH} --doctor"
    )


def placed(place: str, reason: str) -> str:
    """The place of data that is not of its type, and the reason, which may begin with a path within that place."""
    return f"{place}{'' if reason[:1] in '.[' else ' '}{reason}"


def daemon_failed() -> InternalError:
    """The answer of a daemon to a request in which it has met a fault."""
    return InternalError("the session's daemon failed", hint=f"see `{SESH} --status`")


def silent_daemon(name: str) -> Silent:
    """The error for a daemon that does not answer."""
    return Silent(f"the daemon of {name} does not answer", hint=f"`{SESH} --status {name}` shows its pid")


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
    """The exception for an error as `SeshError.facts` gives it, or as `--json` prints it; `answered` is set."""
    if not isinstance(facts, dict):
        error: SeshError = ProtocolError("the other side refused without giving a reason")
    else:
        code, number = str(facts.get("code")), facts.get("exit")
        exit_code = number if isinstance(number, int) else None
        kind = kinds.get(code, InternalError)
        if exit_code in (ExitCode.NOT_EXECUTABLE, ExitCode.COMMAND_NOT_FOUND):
            kind = CannotStart
        elif exit_code == ExitCode.UNKNOWN:
            kind = Unknown
        error = kind(
            str(facts.get("what") or facts.get("message")),
            hint=str(facts.get("hint") or ""),
            exit_code=exit_code,
            code=None if kind is InternalError else code,
        )
    error.answered = True
    return error
