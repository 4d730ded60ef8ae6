"""The logs of the work in sessions that a server uses.

A log has the commands of a session, their times and exit codes, and the ends of their output. It is a Markdown file,
`~/.local/state/sesh/work/HOST/DATE-NAME.md` (`local` for this machine), which only its owner can read. `SESH_WORK_LOG`
names another directory, or is `none`. Of sent text, which may be a password, only the length is logged. A log
ends at 8 MiB. A server removes logs unchanged for 30 days when it starts.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from glob import escape, glob

from sesh.errors import Refused
from sesh.store import own
from sesh.system import files, paths
from sesh.text import safe, times

_VARIABLE = "SESH_WORK_LOG"
MAX_BYTES = 8 << 20  # nothing is added to a larger log
MAX_AGE = 30 * 24 * 3600.0  # seconds since the last change; an older log is removed
_LAST_LINES = 40  # of an output; the lines before are only counted


def directory() -> str | None:
    wanted = os.environ.get(_VARIABLE, "")
    if wanted in ("none", "0"):
        return None
    return os.path.abspath(wanted) if wanted else os.path.join(paths.state_directory(), "work")


def path(name: str, host: str | None) -> str | None:
    """Return the log file for a session first used today; None without logs."""
    folder = directory()
    machine = (host or "local").replace("/", "_")
    return os.path.join(folder, machine, f"{times.stamp()[:10]}-{name}.md") if folder is not None else None


def log_opening(file: str | None, name: str, host: str | None, reason: str) -> None:
    session = f"`{name}` on `{host}`" if host is not None else f"`{name}`"
    _add(file, f"# {session}: {reason}, {times.stamp()}\n\n")


def log_action(file: str | None, verb: str, command: str, ending: str, output: str = "") -> None:
    lines = output.splitlines()
    shown = lines[-_LAST_LINES:]
    left_out = f"({len(lines) - len(shown)} lines before)\n" if len(lines) > len(shown) else ""
    text = f"## {verb}, {times.stamp()}\n\n{_block(command)}{ending}\n\n"
    _add(file, text + (f"{left_out}{_block(chr(10).join(shown))}" if shown else ""))


def prune() -> None:
    """Remove logs unchanged for MAX_AGE, and no other files."""
    folder = directory()
    if folder is None:
        return
    old = time.time() - MAX_AGE
    for path in glob(os.path.join(escape(folder), "*", "*.md")):
        with suppress(OSError):  # gone already, or in a read-only directory
            if os.lstat(path).st_mtime < old and own.is_work_log(path):
                os.unlink(path)


def _block(text: str) -> str:
    return "".join(f"    {safe.plain(line, keep=chr(9))}\n" for line in text.split("\n")) + "\n"


def _add(file: str | None, text: str) -> None:
    """Append in one write; ignore an error, which must not stop the work."""
    with suppress(OSError, Refused):
        if file is not None:
            files.make_private(os.path.dirname(file), _VARIABLE)
            files.append(file, text.encode("utf-8", "replace"), MAX_BYTES)
