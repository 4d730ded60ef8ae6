"""The independent emulator, driven from Python: what @xterm/headless holds after some bytes.

The packages (@xterm/headless and two addons for widths) are found through XTERM_HEADLESS, a directory that holds
node_modules, or through tests/fidelity/node_modules (`npm ci` there).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fidelity.dialect import Dialect

HERE = Path(__file__).parent
#: A cell that nothing was written to.
BLANK = [" ", "000000000", "0,-1,0,-1", "", ""]

#: Bytes to write, or a new size: (columns, rows).
Step = bytes | tuple[int, int]


def place() -> Path | None:
    """Return the directory whose node_modules have the emulator; None without it or without node."""
    for directory in (Path(os.environ.get("XTERM_HEADLESS", HERE)), HERE):
        if (directory / "node_modules/@xterm/addon-unicode11").is_dir() and shutil.which("node"):
            return directory
    return None


def missing() -> str:
    """Return the name of what is missing; empty if nothing is."""
    if place() is not None:
        return ""
    return "@xterm/headless (`npm ci` in tests/fidelity)" if shutil.which("node") else "node"


def need() -> Xterm:
    """Start an oracle, or skip the test and name what is missing."""
    directory = place()
    if directory is None:
        pytest.skip(f"missing: {missing()}")
    return Xterm(directory)


class Xterm:
    """A running oracle; `hold` and `text` ask it."""

    def __init__(self, directory: Path) -> None:
        environment = {**os.environ, "XTERM_HEADLESS": str(directory)}
        self.process = subprocess.Popen(
            ["node", str(HERE / "oracle.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def hold(self, columns: int, rows: int, *steps: Step, widths: str = "15-graphemes") -> dict[str, Any]:
        """Return the state of a new terminal after the steps. Raises RuntimeError."""
        return self._ask({"columns": columns, "rows": rows, "unicode": widths}, steps)

    def text(self, columns: int, rows: int, *steps: Step) -> list[str]:
        """Return a scrollback without end and the main screen as text, in rows without blanks at their ends.

        Raises RuntimeError, also if the scrollback was erased.
        """
        out: list[str] = self._ask({"columns": columns, "rows": rows, "text": True}, steps)["text"]
        return out

    def _ask(self, request: dict[str, Any], steps: Sequence[Step]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        writes = [base64.b64encode(step).decode() if isinstance(step, bytes) else list(step) for step in steps]
        request = {**request, "writes": writes}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self) -> None:
        self.process.communicate()


def lines(held: dict[str, Any]) -> list[list[Any]]:
    """Return scrollback and main screen as logical lines of cells, without trailing blanks."""
    rows = held["normal"]["scrollback"] + held["normal"]["screen"]
    out: list[list[Any]] = []
    for row in rows:
        if row["wrapped"] and out:
            out[-1] += row["cells"]
        else:
            out.append(list(row["cells"]))
    for line in out:
        while line and line[-1] == BLANK:
            line.pop()
    while out and not out[-1]:
        out.pop()
    return out


def forget_pens_of_leftovers(rows: list[dict[str, Any]], anywhere: bool) -> None:
    """Reduce pens beside wide characters to the background, which is all that we keep."""
    for row in rows:
        cells = row["cells"] if anywhere else row["cells"][-1:]
        for cell in cells:
            if cell[0] == " ":
                cell[1:] = [BLANK[1], "0,-1," + ",".join(cell[2].split(",")[2:]), "", ""]


def seen(held: dict[str, Any], dialect: Dialect | None = None) -> dict[str, Any]:
    """Return the compared part of the oracle's answer, after a stream that `dialect` followed."""
    alternate = held["alternate"]
    normal = held["normal"]
    rows = normal["scrollback"] + normal["screen"] + (alternate or {}).get("screen", [])
    if dialect is not None and dialect.leftovers:
        forget_pens_of_leftovers(rows, dialect.moved)
    if dialect is not None and dialect.linkless:
        for row in rows:
            for cell in row["cells"]:
                cell[4] = ""
    out = {key: value for key, value in held.items() if key not in {"normal", "alternate"}}
    out["screen"] = [row["cells"] for row in normal["screen"]]
    out["alternate"] = alternate and [row["cells"] for row in alternate["screen"]]
    if dialect is None or not dialect.loose:
        out["lines"] = lines(held)
    return out


@pytest.fixture(scope="session")
def xterm() -> Iterator[Xterm]:
    """The judging emulator, started once in a run; a folder's conftest takes it over."""
    oracle = need()
    yield oracle
    oracle.close()
