"""The order of tests that several processes share: each begins with its part of what takes long, file by file.

What is short comes last, for it is taken from the end of a part once another process has done its own (`worksteal`):
no test of many seconds is the last one of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Test = TypeVar("Test")

_TENTHS = {"soak": 150, "remote": 7, "faults": 5, "fuzz": 4, "terminal": 3, "fidelity": 1}
"""Tenths of a second for a test of a folder, about; tests of others take some milliseconds."""


def dealt(tests: Sequence[Test], file_of: Callable[[Test], str], workers: int) -> list[Test]:
    """The tests in parts of equal number, one after the other, as `worksteal` gives them to so many workers."""
    files: dict[str, list[Test]] = {}
    for each in tests:
        files.setdefault(file_of(each), []).append(each)
    costs = {file: len(files[file]) * _tenths(file) for file in files}
    parts: list[list[Test]] = [[] for _ in range(workers)]
    spent = [0] * workers
    short: list[Test] = []
    for file in sorted(files, key=lambda file: (-costs[file], file)):
        if costs[file]:
            least = spent.index(min(spent))
            parts[least] += files[file]
            spent[least] += costs[file]
        else:
            short += files[file]
    left = len(tests)
    for at, part in enumerate(parts):
        room = max(0, left // (workers - at) - len(part))
        part += short[:room]
        del short[:room]
        left -= len(part)
    return [each for part in parts for each in part] + short


def _tenths(file: str) -> int:
    return _TENTHS.get(file.partition("tests/")[2].partition("/")[0], 0)
