"""The list of recently attached sessions, on this machine and on hosts."""

from __future__ import annotations

import os
from collections.abc import Callable

from sesh.errors import Refused, TimedOut
from sesh.names import check_host, check_name
from sesh.system.files import locked, read_own, write_whole
from sesh.system.paths import directory

_RECENT = ".recent"  # one session a line, the newest first
_MAX_RECENT = 32
_MAX_FILE = 64 << 10
_LOCK_TIMEOUT = 1.0  # seconds; attaching does not wait longer for it


def _path() -> str:
    return os.path.join(directory(), _RECENT)


def remember(name: str, host: str | None = None) -> None:
    """Put a session first in the list; ignore a failed write.

    Raises UsageError, as both may come from a host.
    """
    check_name(name)
    if host is not None:
        check_host(host)
    entry = name if host is None else f"@{host} {name}"
    _change(lambda entries: [entry, *(other for other in entries if other != entry)])


def rename(old: str, new: str) -> None:
    """Rename a session of this machine in the list."""
    if old in newest():
        _change(lambda entries: [new if entry == old else entry for entry in entries if entry != new])


def _change(change: Callable[[list[str]], list[str]]) -> None:
    """Rewrite the list under the directory's lock; leave it unchanged if that fails."""
    try:
        with locked(directory(), timeout=_LOCK_TIMEOUT):
            entries = change(newest())[:_MAX_RECENT]
            write_whole(_path(), "".join(f"{entry}\n" for entry in entries).encode())
    except (OSError, Refused, TimedOut):
        return


def newest() -> list[str]:
    """Return the recently attached sessions, the newest first; none if the file cannot be read."""
    try:
        return (read_own(_path(), _MAX_FILE) or b"").decode().splitlines()[:_MAX_RECENT]
    except (Refused, OSError, UnicodeDecodeError):
        return []
