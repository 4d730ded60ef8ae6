"""The independent emulator, driven from Python: what @xterm/headless holds after some bytes.

The packages (@xterm/headless, @xterm/addon-unicode-graphemes) are found through XTERM_HEADLESS, a directory that holds
node_modules, or through tests/fidelity/node_modules (`npm ci` there).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def place() -> Path | None:
    """The directory whose node_modules hold the emulator, where there is one and node with it."""
    for directory in (Path(os.environ.get("XTERM_HEADLESS", HERE)), HERE):
        if (directory / "node_modules/@xterm/headless").is_dir() and shutil.which("node"):
            return directory
    return None


class Xterm:
    """A running oracle; `hold` asks it."""

    def __init__(self, directory: Path) -> None:
        environment = {**os.environ, "XTERM_HEADLESS": str(directory)}
        self.process = subprocess.Popen(
            ["node", str(HERE / "oracle.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def hold(self, data: bytes, columns: int, rows: int) -> dict[str, Any]:
        """The state after `data`, on a fresh terminal of this size. Raises RuntimeError when the oracle fails."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"columns": columns, "rows": rows, "data": base64.b64encode(data).decode()}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self) -> None:
        """End it."""
        self.process.communicate()


def lines(held: dict[str, Any], blank: int = 0) -> list[list[Any]]:
    """Scrollback and main screen as logical lines of cells, without trailing blanks.

    `blank` rows came first, from scrolling the terminal's own screen away.
    """
    rows = held["normal"]["scrollback"] + held["normal"]["screen"]
    out: list[list[Any]] = []
    for row in rows[blank:]:
        if row["wrapped"] and out:
            out[-1] += row["cells"]
        else:
            out.append(list(row["cells"]))
    for line in out:
        while line and line[-1] == [" ", "000000000", "0,-1,0,-1"]:
            line.pop()
    while out and not out[-1]:
        out.pop()
    return out
