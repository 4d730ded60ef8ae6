"""Error logs: a daemon keeps its last errors in memory for `--status`; with `SESH_DEBUG=1` a file gets all errors.

A line of the file has the time, the pid, the part (daemon, link, command) and the error, but never input or output of
a program. Daemons inherit the variable from the process that starts them.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

from sesh import files, measures, paths
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

KEPT = 50  # lines that a daemon keeps in memory; older ones are dropped
LARGEST = 4 << 20  # bytes at which the file no longer grows
_LONGEST_LINE = 1000
_FILE = "debug.log"
_EXPECTED = (UsageError, NotFound, Exists, CannotStart, Interrupted, KeyboardInterrupt)
"""Errors caused by the user's request; not logged."""


def wanted() -> bool:
    return os.environ.get("SESH_DEBUG", "") not in ("", "0")


def _write(part: str, text: str, trace: str = "") -> None:
    """Append a line and a traceback to the user's file, if `wanted`. Never raises."""
    line = f"{measures.stamp()} {os.getpid()} {part}: {one_line(text)[:_LONGEST_LINE]}\n{trace}"
    with suppress(OSError):
        if wanted():
            files.append(os.path.join(paths.directory(), _FILE), line.encode("utf-8", "replace"), LARGEST)


def write_error(part: str, error: BaseException) -> None:
    """Log an error, unless the user's request caused it. Never raises.

    Of sesh's own errors only those of links are logged with their message; others may quote a question or typed text.
    """
    if isinstance(error, _EXPECTED):
        return
    if isinstance(error, (Unreachable, ProtocolError)):
        _write(part, f"{error.code}: {for_host(error.message, None)}{_raised_at(error)}")
    elif isinstance(error, SeshError):
        _write(part, f"{error.code}{_raised_at(error)}")
    else:
        _write(part, f"internal: {_described(error)}", "".join(traceback.format_tb(error.__traceback__)))


class FaultLog:
    """Keeps lines about errors that the daemon survived, newest last; they contain no bytes of the session."""

    def __init__(self) -> None:
        self.kept: list[str] = []  # replaced, never changed

    def note(self, text: str, error: BaseException | None = None) -> None:
        """Add one line, with an error's description."""
        text = text if error is None else f"{text}: {_described(error)}"
        self.kept = [*self.kept, f"{measures.stamp()} {text}"][-KEPT:]
        _write("daemon", text)

    def guard(
        self, call: Callable[Arguments, Result], part: str, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result | None:
        """Return the result of `call`; if it raises, log the error and return None, so that the session survives."""
        try:
            return call(*args, **kwargs)
        except Exception as error:
            self.note(f"a fault in {part}", error)
            return None


def _described(error: BaseException) -> str:
    """Return an error's strerror or class, and its place; its message may contain the user's data."""
    words = getattr(error, "strerror", None) or type(error).__name__
    file = getattr(error, "filename", None)
    return f"{words}{f', {file}' if isinstance(file, str) else ''}{_raised_at(error)}"


def _raised_at(error: BaseException) -> str:
    """Return the file and line that raised an error, in brackets; empty if it was not raised."""
    frames = traceback.extract_tb(error.__traceback__, -1)
    return "".join(f" ({os.path.basename(frame.filename)}:{frame.lineno})" for frame in frames)
