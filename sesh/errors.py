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

Loading a class takes as long as loading a small module. Those of what was asked stand in `refusals`; the others stand
in `failures`, which is loaded when one of them is first taken from here: a verb that succeeds needs none.
"""

from __future__ import annotations

from sesh.refusals import (
    ENDS,
    MEMORY_REASONS,
    SIGNAL_BASE,
    TERMINATED,
    TIMED_OUT,
    Exists,
    ExitCode,
    NotFound,
    Refused,
    SeshError,
    UsageError,
    for_host,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.failures import (
        WANTS_LOGIN,
        Busy,
        CannotStart,
        DaemonDied,
        Ended,
        InternalError,
        Interrupted,
        InvalidHost,
        InvalidName,
        Late,
        LocalFault,
        LoginRefused,
        Lost,
        NamingHost,
        NotDeployed,
        NotSubmitted,
        ProtocolError,
        Silent,
        TimedOut,
        Unknown,
        Unreachable,
        limit_hint,
        no_process,
        rebuild,
        silent_daemon,
        silent_host,
    )

__all__ = [
    "ENDS", "MEMORY_REASONS", "SIGNAL_BASE", "TERMINATED", "TIMED_OUT", "WANTS_LOGIN", "Busy", "CannotStart",
    "DaemonDied", "Ended", "Exists", "ExitCode", "InternalError", "Interrupted", "InvalidHost", "InvalidName", "Late",
    "LocalFault", "LoginRefused", "Lost", "NamingHost", "NotDeployed", "NotFound", "NotSubmitted", "ProtocolError",
    "Refused", "SeshError", "Silent", "TimedOut", "Unknown", "Unreachable", "UsageError", "for_host", "limit_hint",
    "no_process", "rebuild", "silent_daemon", "silent_host",
]  # fmt: skip

if not TYPE_CHECKING:  # a checker would take any name for one of this module

    def __getattr__(name: str) -> object:
        """Load the errors in `failures` when the first of them is needed."""
        if name[:2] != "__":  # as `import` asks for `__path__`
            from sesh import failures

            if name in vars(failures):
                return getattr(failures, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
