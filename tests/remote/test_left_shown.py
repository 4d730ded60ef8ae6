"""The next attachment brings the lines that were under way when a terminal left."""

from __future__ import annotations

import re
import termios

import pytest

from tests.support import PROMPT, Home, Terminal, wait_until
from tests.support.slow import Slow

LINES = 900
LAST = f"line-{LINES}-"


def outer(home: Home) -> Terminal:
    """Return a terminal with a shell, in which several clients run one after the other."""
    terminal = home.terminal(command=["bash", "--norc", "--noprofile"], env={"PS1": "outer$ "})
    terminal.wait_for("outer$")
    return terminal


def shown(terminal: Terminal) -> list[int]:
    return [int(number) for number in re.findall(r"^line-(\d+)-", terminal.text(), re.MULTILINE)]


def leave(terminal: Terminal) -> None:
    terminal.type(b"\x1c")
    terminal.wait_for("detached from work")


@pytest.mark.long
@pytest.mark.parametrize(
    "when",
    ["in a flood", *(pytest.param(when, marks=pytest.mark.soak) for when in ("before its first screen", "at rest"))],
)
def test_no_line_is_lost_that_was_under_way(home: Home, when: str) -> None:
    """The daemon took all that it had sent for shown."""
    Slow(home, 20, 12_000)
    home.sesh("open", "work")
    printing = f"seq -f line-%0.f-{'x' * 40} {LINES}"
    terminal = outer(home)
    if when == "before its first screen":
        assert home.sesh("run", "work", "--", printing).code == 0
        terminal.type(f"{home.launcher} @slow work\n")
        wait_until(lambda: home.summary("work")["clients"], "a client is attached")
        wait_until(
            lambda: not terminal.termios()[3] & termios.ICANON, "the terminal is in raw mode"
        )  # else Ctrl-\ is the terminal's own
    else:
        terminal.type(f"{home.launcher} @slow work\n")
        terminal.wait_for(PROMPT)
        terminal.type(f"{printing}\n")
        terminal.wait_until(
            lambda: ("line-100-" if when == "in a flood" else LAST) in terminal.text(),
            f"the terminal shows what was awaited {when}",
        )
    leave(terminal)
    seen = shown(terminal)
    terminal.type(f"{home.launcher} @slow work\n")
    terminal.wait_until(
        lambda: terminal.text().count(LAST) > seen.count(LINES), "the last line is shown once more", timeout=60
    )
    assert {*shown(terminal)} == {*range(1, LINES + 1)}
