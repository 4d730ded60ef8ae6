"""Faults: the last ones of a daemon in memory, for `--status`; with `SESH_DEBUG=1` all of them in a file.

A line of the file has the moment, the process and its part (daemon, link, command), and the fault; nothing that was
typed, or that a program printed. Daemons inherit the variable from the process that starts them.
"""

from __future__ import annotations

import os
import traceback
from collections import deque
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from sesh import moments, paths, writing
from sesh.errors import (
    CannotStart,
    Exists,
    Interrupted,
    NotFound,
    ProtocolError,
    SeshError,
    Unreachable,
    UsageError,
    for_host,
)
from sesh.wording import one_line

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")

KEPT = 50
"""Lines that a daemon keeps in memory."""
LARGEST = 4 << 20
"""Bytes of the file; nothing is added beyond."""
_LONGEST = 1000
"""Characters of a line."""
_FILE = "debug.log"
"""The name of the file, in the directory of the sessions."""
_EXPECTED = (UsageError, NotFound, Exists, CannotStart, Interrupted, KeyboardInterrupt)
"""Errors in the user's request, none of sesh."""


def wanted() -> bool:
    """Return whether tracebacks and the file are wanted."""
    return os.environ.get("SESH_DEBUG", "") not in ("", "0")


def write(part: str, text: str) -> None:
    """Add a line to the file, if it is wanted and the user's own. Never raises."""
    _append(f"{moments.stamp()} {os.getpid()} {part}: {one_line(text)[:_LONGEST]}\n")


def _append(lines: str) -> None:
    if not wanted():
        return
    try:
        writing.append(os.path.join(paths.directory(), _FILE), lines.encode("utf-8", "replace"), LARGEST)
    except OSError:
        return


def write_error(part: str, error: BaseException) -> None:
    """Add a line about an error, if it says that something is wrong. Never raises.

    Only the messages of links are written out: others may repeat a question, or typed text.
    """
    if isinstance(error, _EXPECTED):
        return
    if isinstance(error, (Unreachable, ProtocolError)):
        write(part, f"{error.code}: {for_host(error.message, None)}{_raised_at(error)}")
    elif isinstance(error, SeshError):
        write(part, f"{error.code}{_raised_at(error)}")
    else:
        write(part, f"internal: {_summary(error)}")
        _append("".join(traceback.format_tb(error.__traceback__)))


class FaultLog:
    """Lines about faults that the daemon survived, the newest last. They hold no bytes of the session."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT)

    def note(self, text: str, error: BaseException | None = None) -> None:
        """Add one line, with the error's kind, or the system's words for it, and the place where it was raised."""
        described = "" if error is None else f": {_described(error)}{_raised_at(error)}"
        self._lines.append(f"{moments.stamp()} {text}{described}")
        write("daemon", text if error is None else f"{text}: {_summary(error)}")

    def guard(
        self, call: Callable[Arguments, Result], part: str, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result | None:
        """Call `call`. A fault in it is noted and costs this step, not the session; the result is None then."""
        try:
            return call(*args, **kwargs)
        except Exception as error:
            self.note(f"a fault in {part}", error)
            return None

    def restore(self, lines: list[str]) -> None:
        """Add the lines of a log before this one."""
        self._lines.extend(lines)

    def lines(self) -> list[str]:
        """All lines kept."""
        return list(self._lines)


def _described(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}, {error.filename}" if isinstance(error.filename, str) else error.strerror
    return f"{type(error).__name__}: {error}"


def _summary(error: BaseException) -> str:
    """An exception in one line, without its message, which may have the user's data; the system's message stays."""
    system = f": {error.strerror}" if isinstance(error, OSError) else ""
    return f"{type(error).__name__}{system}{_raised_at(error)}"


def _raised_at(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})" if trace else ""
