"""Errors of words that cannot be names, and of what did not come about: time that passed, a stop, a broken link.

The tree stands in `errors`, from which all are imported.
"""

from __future__ import annotations

from errno import EAGAIN, EMFILE, ENFILE

from sesh.refusals import ExitCode, NotFound, Refused, SeshError, UsageError, kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.schema import JobResult


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


class Silent(Unreachable):
    """The session's daemon lives and does not answer: it is stopped, or stuck."""


def silent_host(host: str) -> Late:
    """The error for a host that does not answer."""
    return Late(f"{host} does not answer")


def silent_daemon(name: str) -> Silent:
    """The error for a daemon that does not answer."""
    return Silent(f"the daemon of {name} does not answer", hint=f"`$sesh --status {name}` shows its pid")


class DaemonDied(Unreachable):
    """The daemon of a followed session died, and nothing is known of the session's end."""


class Unknown(Unreachable, exit_code=ExitCode.UNKNOWN):
    """Something began, or may have begun, and its end is not known."""


class NotDeployed(SeshError, code="not_deployed"):
    """The host has no sesh."""


class ProtocolError(SeshError, code="protocol"):
    """The other side speaks another version, or no protocol at all."""


class InternalError(SeshError, exit_code=ExitCode.SESH_FAILED):
    """A fault of sesh's own."""


def rebuild(facts: object) -> SeshError:
    """The exception for an error that came over the wire, as `SeshError.facts` gives it; `answered` is set."""
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
            code=None if kind is InternalError else code,  # a newer sesh may have more codes
        )
    error.answered = True
    return error
