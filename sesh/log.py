"""Error logs: a daemon's last errors in memory, and a file if `SESH_DEBUG=1`.

`status` shows a daemon's errors. A line of the file has the time, the pid, the part (daemon, link, command) and the
error, but never input or output of a program. Daemons inherit the variable from the process that starts them.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

from sesh import errors
from sesh.errors import SeshError
from sesh.system import files, paths
from sesh.text import times
from sesh.text.safe import one_line

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")

KEPT = 50  # lines that a daemon keeps in memory; older ones are dropped
LARGEST = 4 << 20  # bytes at which the file no longer grows
_LONGEST_LINE = 1000
_FILE = "debug.log"


def wanted() -> bool:
    return os.environ.get("SESH_DEBUG", "") not in ("", "0")


class _Handler(logging.Handler):
    """Appends to the user's file if `wanted`, which a daemon learns after its fork."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, errors.Refused):
            if wanted() and paths.check_directory(folder := paths.directory()):
                # The traceback's places without the message, which may contain the user's data.
                places = traceback.format_tb(record.exc_info[2]) if record.exc_info else []
                text = f"{times.stamp()} {os.getpid()} {record.getMessage()}\n{''.join(places)}"
                files.append(os.path.join(folder, _FILE), text.encode("utf-8", "replace"), LARGEST)


_LOGGER = logging.getLogger("sesh")
_LOGGER.propagate = False  # a program that uses the API may print what reaches the root
_LOGGER.addHandler(_Handler())


def write_error(part: str, error: BaseException) -> None:
    """Log an error. Never raises."""
    _write(part, _described(error), None if isinstance(error, SeshError) else error)


def _write(part: str, text: str, error: BaseException | None = None) -> None:
    _LOGGER.error("%s: %s", part, one_line(text)[:_LONGEST_LINE], exc_info=error)


class FaultLog:
    """Keeps lines about errors that the daemon survived, without bytes of the session."""

    def __init__(self) -> None:
        self.kept: list[str] = []  # newest last; replaced, never changed

    def note(self, text: str, error: BaseException | None = None) -> None:
        """Add one line, with an error's description."""
        text = text if error is None else f"{text}: {_described(error)}"
        self.kept = [*self.kept, f"{times.stamp()} {text}"][-KEPT:]
        _write("daemon", text)

    def guard(
        self, call: Callable[Arguments, Result], part: str, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result | None:
        """Return the result of `call`, or None after an error, which is only logged."""
        try:
            return call(*args, **kwargs)
        except Exception as error:
            self.note(f"a fault in {part}", error)
            return None


def _described(error: BaseException) -> str:
    """Describe an error, and where it was raised.

    Only errors of links keep their message: others may quote a question or typed text.
    """
    words = error.code if isinstance(error, SeshError) else getattr(error, "strerror", None) or type(error).__name__
    if isinstance(error, (errors.Unreachable, errors.ProtocolError)):
        words += f": {errors.for_host(error.message, None)}"
    file = getattr(error, "filename", None)
    frames = traceback.extract_tb(error.__traceback__, -1)
    places = "".join(f" ({os.path.basename(frame.filename)}:{frame.lineno})" for frame in frames)
    return f"{words}{f', {file}' if isinstance(file, str) else ''}{places}"
