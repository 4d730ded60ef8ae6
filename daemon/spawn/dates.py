"""The dates of sesh's files, by which a zygote knows that what it has loaded is what a creator has loaded."""

from __future__ import annotations

import hashlib
import os
import sys

from sesh import about

Dates = dict[str, tuple[int, int]]
"""The time of a file's last change in nanoseconds, and its size in bytes, by its path."""
_ROOMS = ("daemon", "loop", "store", "vt")
"""Directories that a daemon's modules lie in."""


def of_files() -> Dates:
    """The dates of all files that a daemon could load. Raises OSError."""
    return _walked(os.path.dirname(os.path.abspath(about.__file__)), _ROOMS)


def _walked(directory: str, rooms: tuple[str, ...] = ()) -> Dates:
    """The dates of the modules in a directory, and in rooms below it (all if none is named)."""
    dates: Dates = {}
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.endswith((".py", ".pyc")):  # on hosts bytecode takes the source's place
                dates[entry.path] = _date(entry.stat())
            elif entry.is_dir() and (entry.name in rooms if rooms else entry.name != "__pycache__"):
                dates.update(_walked(entry.path))
    return dates


def of_loaded(dates: Dates) -> Dates:
    """The dates of the modules of sesh that this process has loaded. Raises KeyError if one is not among the dates."""
    loaded = [module for name, module in sys.modules.items() if name.partition(".")[0] == "sesh"]
    return {path: dates[path] for path in (os.path.abspath(module.__file__) for module in loaded if module.__file__)}


def hold(dates: Dates) -> bool:
    """Returns whether files still have these dates."""
    try:
        return all(_date(os.stat(path)) == date for path, date in dates.items())
    except OSError:
        return False  # it is gone, or out of reach


def _date(status: os.stat_result) -> tuple[int, int]:
    return status.st_mtime_ns, status.st_size


def mark(dates: Dates) -> str:
    """Returns a hash of the dates."""
    return hashlib.sha256(repr(sorted(dates.items())).encode("utf-8", "surrogateescape")).hexdigest()
