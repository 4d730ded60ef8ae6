"""The sessions attached last, here and on hosts, by their names."""

from __future__ import annotations

import os
from collections.abc import Callable

from sesh.errors import Refused
from sesh.files import locked, read_own, write_whole
from sesh.names import check_host, check_name
from sesh.paths import directory

_RECENT = ".recent"
_MOST_RECENT = 32
_LARGEST_FILE = 64 << 10


def recent_path() -> str:
    """Return the file with the names of the sessions attached last, the newest first, one a line."""
    return os.path.join(directory(), _RECENT)


def remember(name: str, host: str | None = None) -> None:
    """Note the session attached last (`@HOST NAME` for one elsewhere); a full disk keeps nobody from attaching.

    Raises InvalidName, InvalidHost: a host may have answered with them.
    """
    check_name(name)
    if host is not None:
        check_host(host)
    entry = name if host is None else f"@{host} {name}"
    _change(lambda entries: [entry, *(other for other in entries if other != entry)])


def rename(old: str, new: str) -> None:
    """Note that a session of this machine has another name."""
    if old in newest():
        _change(lambda entries: [new if entry == old else entry for entry in entries if entry != new])


def _change(change: Callable[[list[str]], list[str]]) -> None:
    """Put other entries in place; two terminals may do that at once. If it fails they stay as they were."""
    try:
        with locked(directory()):
            entries = change(newest())[:_MOST_RECENT]
            write_whole(recent_path(), "".join(f"{entry}\n" for entry in entries).encode())
    except (OSError, Refused):
        return


def newest() -> list[str]:
    """Return the sessions attached last, the newest first; none if their file cannot be read."""
    try:
        return (read_own(recent_path(), _LARGEST_FILE) or b"").decode().splitlines()[:_MOST_RECENT]
    except (Refused, OSError, UnicodeDecodeError):
        return []
