"""Size reports that a program has enabled (mode 2048) name the pty's current size."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support import Home, Open, wait_until

#: Enables size reports, and logs its input together with the size of its terminal at that moment.
_PROGRAM = r"""
import os, re, sys, tty
tty.setraw(0)
log = open(sys.argv[1], "ab", 0)
os.write(1, b"\x1b[?2048hready")
while data := os.read(0, 4096):
    size = os.get_terminal_size(0)
    for piece in re.findall(rb"\x1b([^t]*t|.)|(.)", data):
        log.write(b"%b at %d;%d\n" % (b"".join(piece), size.lines, size.columns))
"""


def _wait_until_read(home: Home, lines: list[str]) -> None:
    path = Path(home.path, "read")
    wait_until(
        lambda: path.read_text().splitlines() == lines, "the program has read the size reports", portrait=path.read_text
    )


def test_each_change_of_the_size_is_reported_once_and_no_other_size(home: Home, terminal: Open) -> None:
    one = terminal("work", "--", sys.executable, home.write("sizes.py", _PROGRAM), f"{home.path}/read")
    _wait_until_read(home, read := ["[48;24;80;0;0t at 24;80"])
    two = terminal("work", columns=40, rows=10)
    _wait_until_read(home, read := [*read, "[48;10;40;0;0t at 10;40"])
    one.type(b"\x1b[48;24;80;0;0t\x1b[48;10;40;0;0ty")  # reports of a terminal that has this mode itself
    _wait_until_read(home, read := [*read, "[48;24;80;0;0t at 24;80", "y at 24;80"])
    for piece in (b"\x1b[48;9;33;0;0t\x1b[48;9;", b"33;0;0tz"):
        two.type(piece)
    _wait_until_read(home, read := [*read, "[48;10;40;0;0t at 10;40", "z at 10;40"])
    two.resize(50, 12)
    _wait_until_read(home, [*read, "[48;12;50;0;0t at 12;50"])
