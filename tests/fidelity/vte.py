"""The second emulator, driven from Python: what VTE holds after some bytes (`oracle_vte.py`).

It runs in the system's Python, with its own packages (python3-gi, gir1.2-vte-2.91), under Xvfb.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

#: Attributes of HTML that do not show on a blank.
_OF_TEXT = re.compile(r"b$|i$|span color:")
#: Sequences after which the text of all rows is not compared, but only the picture and the HTML. ED 2 and 3 and SU
#: move other rows to or from the scrollback than in xterm. After RIS or the alternate screen VTE gives only some rows.
_MOVES = re.compile(rb"\x1b\[[23]J|\x1b\[\d*S|\x1b\[\?(?:47|104[79])h|\x1bc")

HERE = Path(__file__).parent
PYTHON = "/usr/bin/python3"


def missing() -> str:
    """Return the name of what is missing; empty if nothing is."""
    if shutil.which("Xvfb") is None:
        return "Xvfb (Debian: xvfb)"
    asks = "import gi; gi.require_version('Vte', '2.91'); gi.require_version('Gtk', '3.0')"
    try:
        found = subprocess.run([PYTHON, "-c", asks], capture_output=True, check=False).returncode == 0
    except OSError:
        found = False
    return "" if found else "VTE for Python (Debian: python3-gi, gir1.2-vte-2.91)"


def need() -> Vte:
    """Start an oracle, or skip the test and name what is missing."""
    if lacking := missing():
        pytest.skip(f"missing: {lacking}")
    return Vte()


class Cells(HTMLParser):
    """The characters of a row, each with the attributes that the HTML gives it."""

    def __init__(self, row: str) -> None:
        super().__init__()
        self._open: list[str] = []
        self.cells: list[tuple[str, frozenset[str]]] = []
        self.feed(row)
        self.close()
        while self.cells and self.cells[-1][0] == " ":  # VTE does not copy erased cells; the picture has them
            self.cells.pop()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(" ".join([tag, *(str(value) for _, value in attrs)]))

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for character in data:
            # An erased cell keeps the pen's colour and weight in VTE, but neither shows on a blank.
            shown = [each for each in self._open if character != " " or not _OF_TEXT.match(each)]
            self.cells.append((character, frozenset(shown)))


class Vte:
    """A running oracle; `hold` asks it."""

    def __init__(self) -> None:
        number, theirs = os.pipe()
        words = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"]
        self.display = subprocess.Popen(words, pass_fds=(theirs,), stderr=subprocess.DEVNULL)
        os.close(theirs)
        with open(number, encoding="ascii") as display:
            variables = {"DISPLAY": f":{display.readline().strip()}", "NO_AT_BRIDGE": "1", "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(
            [PYTHON, str(HERE / "oracle_vte.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **variables},
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def hold(self, columns: int, rows: int, data: bytes) -> dict[str, Any]:
        """Return the state of a new terminal after the bytes. Raises RuntimeError."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        # VTE makes a row when the cursor first goes there, with the pen's background. So first make all rows.
        made = b"\r\n" * (rows - 1) + b"\x1b[H" + data
        request = {"columns": columns, "rows": rows, "data": base64.b64encode(made).decode()}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        text = [Cells(row).cells for row in answer["text"]]
        while text and not text[-1]:
            text.pop()
        answer["text"] = text
        return answer

    def differing(self, columns: int, rows: int, written: bytes, restored: bytes) -> list[str]:
        """Return what VTE shows or answers differently after a restore than after the bytes themselves."""
        there, here = self.hold(columns, rows, written), self.hold(columns, rows, restored)
        left_out = {"rows"} if _MOVES.search(written) else set()
        return [part for part in there if there[part] != here[part] and part not in left_out]

    def close(self) -> None:
        self.process.communicate()
        self.display.terminate()
        self.display.wait()
