"""The log of errors, `debug.log` in the directory of sessions, if `SESH_DEBUG=1`.

A line has the time, the pid, the part (daemon, link, command) and the error, but never input or output of a program.
Daemons inherit the variable from the process that starts them.
"""

from __future__ import annotations

import logging
import os
import traceback
from contextlib import suppress

from sesh import errors
from sesh.errors import SeshError
from sesh.system import files, paths
from sesh.text import times
from sesh.text.safe import one_line

MAX_FILE = 4 << 20  # bytes at which the file no longer grows
_MAX_LINE = 1000
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
                files.append(os.path.join(folder, _FILE), text.encode("utf-8", "replace"), MAX_FILE)


_LOGGER = logging.getLogger("sesh")
_LOGGER.propagate = False  # a program that uses the API may print what reaches the root
_LOGGER.addHandler(_Handler())


def write_error(part: str, error: BaseException) -> None:
    """Log an error. Never raises."""
    write(part, described(error), None if isinstance(error, SeshError) else error)


def write(part: str, text: str, error: BaseException | None = None) -> None:
    _LOGGER.error("%s: %s", part, one_line(text)[:_MAX_LINE], exc_info=error)


def described(error: BaseException) -> str:
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
