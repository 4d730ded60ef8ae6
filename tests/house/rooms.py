"""`python -m tests.house.rooms [REVISION]`: lines of each room and test folder, compared with a revision.

After `make test` the table also has the seconds of each test folder. The command fails if a budget is exceeded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable

from tests.support import ROOT

BUDGETS = {
    "sesh/*.py": 5_310, "sesh/api": 450, "sesh/cli": 3_900, "sesh/loop": 150, "sesh/mcp": 670, "sesh/ops": 4_320,
    "sesh/reach": 1_250, "sesh/link": 320, "sesh/store": 695, "sesh/tui": 880, "sesh/vt": 3_840, "daemon": 7_820,
    "client": 2_000, "remote": 2_760, "completions": 10, "docs": 720, "install": 60,
    "bench": 3_700, "tests": 39_160, "tests/contract": 70, "tests/faults": 2_460, "tests/fidelity": 1_760,
    "tests/fuzz": 2_490, "tests/house": 650, "tests/remote": 7_530, "tests/support": 2_620,
    "tests/terminal": 9_480, "tests/unit": 12_030,
}  # fmt: skip
"""The most lines of each room, 2 % above its size, so that a mend has room, and growth is seen."""
SECONDS = 600  # a quiet machine takes a third; a shared one may be that slow, and a run does not fail for that
"""The most seconds of `make test` on two processors; on one, it may take twice as many."""
TIMES = os.path.join(ROOT, ".pytest_cache", "seconds.json")
"""The file in which `make test` notes the seconds of each file of tests, and of the whole run."""


def rooms_of(path: str) -> list[str]:
    """Return the rows of the table that count a file."""
    parts = path.split("/")
    folder = "/".join(parts[:2]) if len(parts) > 2 else ""
    if parts[0] == "tests":
        return ["tests", folder] if folder else ["tests"]
    if parts[0] == "sesh":
        return [folder or "sesh/*.py", "product"]
    return [parts[0], "product"] if parts[0] in ("daemon", "client", "remote", "completions") else [parts[0]]


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _count(listing: str, read: Callable[[str], str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in listing.splitlines():
        mode, *_, path = line.split(None, 3)
        if mode.startswith("100") and path.endswith(".py"):
            for room in rooms_of(path):
                found[room] = found.get(room, 0) + read(path).count("\n")
    return found


def sizes(revision: str = "") -> dict[str, int]:
    """Count the lines of each room at a revision, or now. Raises CalledProcessError."""
    if revision:
        return _count(_git("ls-tree", "-r", revision), lambda path: _git("show", f"{revision}:{path}"))

    def read(path: str) -> str:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            return file.read()

    return _count(_git("ls-files", "--stage"), read)


def seconds() -> dict[str, float]:
    """Return the seconds of each folder in the last whole run; empty without one."""
    try:
        with open(TIMES, encoding="utf-8") as file:
            times: dict[str, float] = json.load(file)
    except FileNotFoundError:
        return {}
    found = {"tests": times.pop("")}
    for path, spent in times.items():
        folder = rooms_of(path)[-1]
        found[folder] = found.get(folder, 0.0) + spent
    return found


def table(rooms: Iterable[str], columns: Iterable[dict[str, int] | dict[str, float]]) -> str:
    """Return a row for each room with its value in each column."""
    columns = list(columns)
    return "\n".join(
        f"{room:16}" + "".join(f"{column[room]:10,.0f}" if room in column else " " * 10 for column in columns)
        for room in rooms
    )


def main(words: list[str]) -> int:
    """Print the table of lines and seconds; return 1 if a budget is exceeded."""
    now, spent = sizes(), seconds()
    before = sizes(words[0]) if words else {}
    print(table(sorted({*now, *before}), [before, now, BUDGETS, spent]))
    over = [room for room, lines in now.items() if lines > BUDGETS.get(room, lines)]
    allowed = SECONDS * 2 / min(2, os.cpu_count() or 1)
    if spent.get("tests", 0) > allowed:
        over.append(f"the time: {spent['tests']:.0f} of {allowed:.0f} s")
    print("\n".join(f"over its budget: {each}" for each in over), end="\n" if over else "")
    return bool(over)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
