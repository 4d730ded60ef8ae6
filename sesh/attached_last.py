"""The sessions attached last, here and on hosts, by their names."""

from __future__ import annotations

import os

from sesh.errors import Refused
from sesh.names import check_host, check_name
from sesh.paths import directory
from sesh.reading import read_own
from sesh.writing import locked, write_whole

_RECENT = ".recent"
_MOST_RECENT = 32
"""Sessions attached last that are remembered."""
_LARGEST_NOTE = 64 << 10
"""Bytes of the file of the sessions attached last."""


def recent_path() -> str:
    """The file with the names of the sessions attached last, the newest first, one a line."""
    return os.path.join(directory(), _RECENT)


def remember(name: str, host: str | None = None) -> None:
    """Notes the session attached last (`@HOST NAME` for one elsewhere); a full disk keeps nobody from attaching.

    Raises InvalidName, InvalidHost: a host may have answered with them.
    """
    check_name(name)
    if host is not None:
        check_host(host)
    entry = name if host is None else f"@{host} {name}"
    try:
        with locked(directory()):  # two terminals may attach at once
            lines = [entry, *(other for other in recent() if other != entry)][:_MOST_RECENT]
            write_whole(recent_path(), "".join(f"{line}\n" for line in lines).encode())
    except (OSError, Refused):
        return


def recent() -> list[str]:
    """The sessions attached last, the newest first; none if their file cannot be read."""
    try:
        return (read_own(recent_path(), _LARGEST_NOTE) or b"").decode().splitlines()[:_MOST_RECENT]
    except (Refused, OSError, UnicodeDecodeError):
        return []
