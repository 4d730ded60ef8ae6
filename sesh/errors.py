"""The errors of sesh: a tree of classes with codes and exit codes.

    SeshError               internal        1    a fault of sesh, or a program that cannot start (126, 127)
      UsageError            usage           2    also with the codes invalid_name and invalid_host
      NotFound              not_found       1
        Ended                                    with the result of the session (`sesh.schema.outcomes`)
      Exists                exists          1
      Refused               refused         1
        ByHand                                   settings that a person has to edit (`sesh.ops.agents`)
        ForeignProgram                           another program is in the way (`sesh.remote.deploy`)
        NotArrived                               an upload did not arrive as it was sent (`sesh.remote.deploy`)
        NoTool                                   no program for a clipboard or a page (`sesh.desktop.tools`)
        TooLarge                                 more than a clipboard may have (`sesh.desktop.tools`)
      Busy                  busy            125
      TimedOut              timeout         124
      Interrupted           interrupted     130
      Unreachable           unreachable     1
        LoginRefused
        ConnectionLost
        DaemonDied
      NotDeployed           not_deployed    1
      ProtocolError         protocol        1
      Question                                   no error: a question for the person (`sesh.reach.caller`)

An error is complete when it is made, and never changes. Who learns more about it later raises a copy (`SeshError.but`)
from it.

The wire carries the code of an error, not its class. A subclass without a code of its own arrives as the class that
defines the code.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from sesh.about import ON_HOST, PROGRAM, SESH

if TYPE_CHECKING:
    from typing_extensions import Self

_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)  # what no shell takes for anything else


class ExitCode(IntEnum):
    """The exit codes of sesh itself; any other comes from the program."""

    OK = 0
    FAILED = 1
    USAGE = 2
    TIMED_OUT = 124
    SESH_FAILED = 125
    NOT_EXECUTABLE = 126
    COMMAND_NOT_FOUND = 127
    INTERRUPTED = 130
    UNKNOWN = 255


CANNOT_START = (ExitCode.NOT_EXECUTABLE, ExitCode.COMMAND_NOT_FOUND)  # exit codes without a program
SIGNAL_BASE = 128
"""The exit code is this plus N if signal N ended the program, as in a shell."""
BY_KERNEL = "killed, perhaps for memory"  # the `reason` after a SIGKILL that sesh did not send
TERMINATED = "terminated"  # the `reason` after a signal to the daemon, as at a shutdown of the machine
BY_TIMEOUT = "timed out"
KILLED = "killed"  # the `reason` after `kill`
ENDS = {
    KILLED: "was killed",
    TERMINATED: "was ended by SIGTERM to its daemon",
    BY_TIMEOUT: "timed out and was ended",
    BY_KERNEL: f"was {BY_KERNEL}",
}
"""By `reason`, the words for a program that did not end by itself."""


Failure = Annotated[int, range(1, 256)]  # the exit code of an error


class ErrorFacts(TypedDict):
    """An error in a frame: what happened, what to do, and the exit code."""

    code: str
    what: str
    hint: str
    exit: Failure


class Fate(Enum):
    """What became of the act that failed: whether the person may simply try again."""

    NOT_BEGUN = "nothing was begun"
    REFUSED = "the other side has answered with the error, and does nothing"
    UNKNOWN = "it was done, or may have been"
    GOES_ON = "it has begun, and goes on"


class Malformed(Exception):
    """A value does not fit its type. The text names the part and the reason."""


class SeshError(Exception):
    """The root of the errors of sesh; `str(error)` is the line for the user.

    `message`: what happened. `hint`: what to do about it, or empty. Commands of sesh are written `{SESH} verb …` in
    both. `reason`: why a host or daemon does not answer, in a few words. `fate`: what became of the act. `host`: the
    host that the error is from, which such commands name. `in_response`: the peer has sent this error. `typed`: a text
    was typed, but the program has not accepted it. `exit_code`: by default that of the class, and 255 if the fate is
    unknown.
    """

    code = "internal"
    exit_code: int = ExitCode.FAILED

    def __init_subclass__(cls, *, code: str | None = None, exit_code: int | None = None) -> None:
        super().__init_subclass__()
        if code is not None:
            cls.code = code
            _kinds.setdefault(code, cls)
        if exit_code is not None:
            cls.exit_code = exit_code

    def __init__(  # noqa: PLR0913 (an error has that many facts)
        self,
        message: str,
        *,
        hint: str = "",
        reason: str = "",
        fate: Fate = Fate.NOT_BEGUN,
        exit_code: int | None = None,
        code: str | None = None,
        host: str | None = None,
        in_response: bool = False,
        typed: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.reason = reason
        self.fate = fate
        self.code = code or type(self).code
        own = ExitCode.UNKNOWN if fate is Fate.UNKNOWN else type(self).exit_code
        self.exit_code = own if exit_code is None else exit_code
        self.host = host
        self.in_response = in_response
        self.typed = typed

    def __setattr__(self, name: str, value: object) -> None:
        if name in vars(self) and not name.startswith("__"):
            raise AttributeError(f"an error is complete when it is made; raise a copy with another {name}")
        super().__setattr__(name, value)

    def __str__(self) -> str:
        return self.line()

    @property
    def text(self) -> str:
        """Message and hint, with placeholders: for whoever shows it on another machine."""
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def but(
        self,
        *,
        message: str | None = None,
        hint: str | None = None,
        fate: Fate | None = None,
        exit_code: int | None = None,
        host: str | None = None,
        typed: bool | None = None,
    ) -> Self:
        """Return a copy with these facts instead, to be raised from this error."""
        if fate is Fate.UNKNOWN and exit_code is None:
            exit_code = ExitCode.UNKNOWN
        given = {"message": message, "hint": hint, "fate": fate, "exit_code": exit_code, "host": host, "typed": typed}
        copy = type(self).__new__(type(self), self.message if message is None else message)
        vars(copy).update(vars(self))  # the classes of the tree are made of different arguments
        vars(copy).update({name: value for name, value in given.items() if value is not None})
        return copy

    def told_by(self, host: str | None) -> Self:
        """Return this error as one of a host, unless it is from another host already."""
        return self if self.host or not host else self.but(host=host)

    def line(self, host: str | None = None) -> str:
        """Return message and hint in one line; `host` counts if the error has none."""
        host = self.host or host
        return told(self.text, host) if self.in_response else for_host(self.text, host)

    def facts(self) -> ErrorFacts:
        return {"code": self.code, "exit": int(self.exit_code), "what": self.message, "hint": self.hint}


_kinds: dict[str, type[SeshError]] = {}


def for_host(text: str, host: str | None) -> str:
    """Return `text` with the command to type (`sesh`, or `sesh @HOST`) for each `SESH`."""
    return text.replace(ON_HOST, "").replace(SESH, f"{PROGRAM} {at(host)}" if host else PROGRAM)


def at(host: str) -> str:
    """Return the word for a host as it is typed in a shell: a user's name may have `$`, an address has brackets."""
    return _typed(f"@{host}")


def _typed(word: str) -> str:
    if _PLAIN.fullmatch(word):
        return word
    import shlex  # noqa: PLC0415 - few hosts need it

    return shlex.quote(word)


def told(text: str, host: str | None) -> str:
    """Return what a host has said as `for_host`, with `ssh HOST` before shell commands."""
    return for_host(text.replace(ON_HOST, f"ssh {_typed(host)} ") if host else text, host)


class UsageError(SeshError, code="usage", exit_code=ExitCode.USAGE):
    """The command line is wrong."""


_kinds |= dict.fromkeys(("invalid_name", "invalid_host"), UsageError)


class NotFound(SeshError, code="not_found"):
    """There is no such session."""


class Exists(SeshError, code="exists"):
    """A session has the name: it runs, has ended, or was lost."""


class Refused(SeshError, code="refused"):
    """sesh declines the action, for the reason in the message."""


class Busy(SeshError, code="busy", exit_code=ExitCode.SESH_FAILED):
    """The session is busy with another request."""


class TimedOut(SeshError, code="timeout", exit_code=ExitCode.TIMED_OUT):
    """The given time has passed."""


class Interrupted(SeshError, code="interrupted", exit_code=ExitCode.INTERRUPTED):
    """The verb or call was stopped."""

    def line(self, host: str | None = None) -> str:
        """Return the message about what goes on, or `interrupted` if nothing does."""
        return super().line(host) or self.code


class Unreachable(SeshError, code="unreachable"):
    """The host or the daemon does not answer."""


NO_ANSWER = "no answer yet"
"""The `reason` of a host or daemon that has not answered in time; a retry may succeed."""


class LoginRefused(Unreachable):
    """The login needs a person (`wants_login`), or ssh distrusts the key; a retry fails."""

    def __init__(self, message: str, *, wants_login: bool = True, **more: Any) -> None:
        super().__init__(message, **more)
        self.wants_login = wants_login


class ConnectionLost(Unreachable):
    """The connection broke, or the daemon was reloaded; the session may still run."""


class DaemonDied(Unreachable):
    """The daemon of a followed session died; how the session ended is unknown."""


class NotDeployed(SeshError, code="not_deployed"):
    """The host has no sesh."""


class ProtocolError(SeshError, code="protocol"):
    """The peer has another protocol number, or breaks the protocol."""


def rebuild(facts: Mapping[str, Any]) -> SeshError:
    """Return the exception that the peer has sent as an error's facts (`SeshError.facts`, or `--json`)."""
    code = facts["code"]
    number = facts.get("exit")
    kind = SeshError if number in CANNOT_START else _kinds.get(code, SeshError)
    own_code = code if code in _kinds else None
    fate = Fate.UNKNOWN if number == ExitCode.UNKNOWN else Fate.REFUSED
    words, hint = facts.get("what") or facts["message"], facts.get("hint", "")
    return kind(words, hint=hint, fate=fate, exit_code=number, code=own_code, in_response=True)


# -- errors of others


_SYSTEM_FAULTS = (errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT)


def own(cause: BaseException, fate: Fate = Fate.UNKNOWN) -> SeshError:
    """Return any exception as an error of sesh. `fate`: of an exception that is none."""
    if isinstance(cause, SeshError):
        return cause
    if isinstance(cause, KeyboardInterrupt):
        return Interrupted(str(cause))
    if isinstance(cause, OSError) and cause.errno in _SYSTEM_FAULTS:
        return cannot("go on", cause, remedy(cause) or "try again when the system has recovered").but(fate=fate)
    described = str(cause) if isinstance(cause, OSError) else f"{type(cause).__name__}: {cause}"
    return SeshError(f"internal error: {described}", hint="set SESH_DEBUG=1 to see more", fate=fate)


@contextmanager
def fated(fate: Fate, hint: str = "") -> Iterator[None]:
    """Tell in each error that leaves the block what became of the act; any exception becomes an error of sesh.

    An error that says already that the act was begun stays as it is. `hint`: for an error that has neither a hint nor
    an exit code of its own.
    """
    try:
        yield
    except BrokenPipeError:  # the reader of the output has left
        raise
    except SeshError as error:
        if fate is Fate.NOT_BEGUN or error.fate in (Fate.UNKNOWN, Fate.GOES_ON):
            raise
        if error.exit_code != ExitCode.FAILED:
            raise error.but(fate=fate, exit_code=error.exit_code) from error
        raise error.but(fate=fate, hint=error.hint or hint) from error
    except Exception as error:
        raise own(error, fate) from error


# -- errors that several rooms raise


_REMEDIES = {
    (errno.EAGAIN,): "end some processes, or raise the limit (ulimit -u)",
    (errno.EMFILE, errno.ENFILE): "close some files, or raise the limit (ulimit -n)",
    (errno.EACCES, errno.EPERM, errno.EROFS): "make the directory writable, or set {} to another one",
    (errno.ENOSPC, errno.EDQUOT, errno.EIO): "free some space there, or set {} to another directory",
}


def remedy(error: OSError, variable: str = "SESH_DIR") -> str:
    """Return the hint for a system error, or nothing. `variable`: names the directory."""
    hint = next((hint for numbers, hint in _REMEDIES.items() if error.errno in numbers), "")
    return hint.format(variable)


def cannot(act: str, error: OSError, hint: str = "") -> Refused:
    """Return the error of an act that the system refused. `hint`: default the remedy."""
    file = f"{error.filename}: " if isinstance(error.filename, str) and error.filename not in act else ""
    return Refused(f"cannot {act}: {file}{error.strerror or error}", hint=hint or remedy(error))


def silent_host(host: str, reason: str = "") -> Unreachable:
    return Unreachable(f"{host} does not answer", reason=reason or NO_ANSWER)


def silent_daemon(name: str) -> Unreachable:
    hint = f"`{SESH} status {name}` shows its pid"
    return Unreachable(f"the daemon of {name} does not answer", hint=hint, reason=NO_ANSWER)


def unanswered(name: str, request: str) -> Unreachable:
    """Return the error of a request to a session that changes something, and has no response."""
    message = f"the daemon of {name} was asked to {request} and does not answer; it may be done or not"
    return Unreachable(message, hint=f"to look: {SESH} status {name}", fate=Fate.UNKNOWN)


def daemon_failed() -> SeshError:
    return SeshError("the session's daemon failed", hint=f"see `{SESH} status NAME`")


def malformed(name: str, reason: str) -> ProtocolError:
    return ProtocolError(
        f"the other side sent a malformed message: {placed(name, reason)}", hint=f"check with: {SESH} doctor"
    )


def placed(place: str, reason: str) -> str:
    """Join the place of malformed data and the reason, which may continue the place."""
    return f"{place}{'' if reason[:1] in '.[' else ' '}{reason}"
