"""`python -m tests.house.rooms [REVISION]`: lines and lines of code of each room, beside those of a revision.

Code is what is neither blank, comment nor docstring. `BUDGETS` bounds the lines of each room.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.support import ROOT

FOLDERS = (
    "sesh/cli", "sesh/tui", "sesh/api", "sesh/mcp", "sesh/ops", "sesh/reach", "sesh/recovery", "sesh/store",
    "sesh/vt", "sesh/loop", "daemon", "client", "remote", "completions", "bench", "docs", ".ci", "tests",
)  # fmt: skip
BUDGETS = {
    "sesh/*.py": 7_050, "sesh/api": 520, "sesh/cli": 8_450, "sesh/loop": 120, "sesh/mcp": 800, "sesh/ops": 6_590,
    "sesh/reach": 2_250, "sesh/recovery": 350, "sesh/store": 1_090, "sesh/vt": 7_460, "daemon": 12_510,
    "client": 4_110, "remote": 5_420, "completions": 10, "bench": 4_170, "docs": 860, ".ci": 170, "tests": 81_400,
}  # fmt: skip
"""Lines of each room, at most. Who makes a room smaller lowers its budget, so that it does not grow back unseen."""
PRODUCT = ("sesh/", "sesh/*", "daemon", "client", "remote", "completions")
NO_CODE = (
    tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.COMMENT,
)  # fmt: skip


class Size(NamedTuple):
    """Lines of files, and those of code."""

    lines: int = 0
    code: int = 0

    def plus(self, other: Size) -> Size:
        """Return the sum of both."""
        return Size(self.lines + other.lines, self.code + other.code)


def room_of(path: str) -> str:
    """Return the room of a file, by its path: `sesh/*.py` for the shared modules."""
    for folder in FOLDERS:
        if path.startswith(f"{folder}/"):
            return folder
    return "sesh/*.py" if path.startswith("sesh/") else "."


def size_of(text: str) -> Size:
    """Count the lines of a Python source, and those of code."""
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        value = node.value if isinstance(node, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            code.difference_update(range(value.lineno, (value.end_lineno or 0) + 1))
    return Size(text.count("\n"), len(code))


def sizes(
    paths: Iterable[str], read: Callable[[str], str], measure: Callable[[str], Size] = size_of
) -> dict[str, Size]:
    """Return the size of each room, of all of the product ("product"), and of the tests."""
    found: dict[str, Size] = {}
    for path in paths:
        size = measure(read(path))
        room = room_of(path)
        for name in (room, "product") if room.startswith(PRODUCT) else (room,):
            found[name] = found.get(name, Size()).plus(size)
    return found


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def of_revision(revision: str) -> dict[str, Size]:
    """Return the sizes at a revision. Raises CalledProcessError for one that git does not have."""
    rows = (line.split(None, 3) for line in _git("ls-tree", "-r", revision).splitlines())
    paths = [path for mode, _, _, path in rows if mode.startswith("100") and path.endswith(".py")]
    return sizes(paths, lambda path: _git("show", f"{revision}:{path}"))


def of_checkout(measure: Callable[[str], Size] = size_of) -> dict[str, Size]:
    """Return the sizes of the files that git tracks, as they are now."""
    rows = (line.split(None, 3) for line in _git("ls-files", "--stage").splitlines())
    paths = [path for mode, _, _, path in rows if mode.startswith("100") and path.endswith(".py")]

    def read(path: str) -> str:
        with open(f"{ROOT}/{path}", encoding="utf-8") as file:
            return file.read()

    return sizes(paths, read, measure)


def main(words: list[str]) -> None:
    """Print the table."""
    now = of_checkout()
    before = of_revision(words[0]) if words else {}
    for room in sorted({*now, *before}, key=lambda room: (room in ("product", "tests"), room)):
        old = f"{before[room].lines:7,} {before[room].code:7,}  " if room in before else " " * 17 if before else ""
        size = now.get(room, Size())
        print(f"{room:16}{old}{size.lines:7,} {size.code:7,}")


if __name__ == "__main__":
    main(sys.argv[1:])
