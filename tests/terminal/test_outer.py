"""Attaching again puts no line of a session twice into the terminal's own scrollback."""

from __future__ import annotations

import os
import re
from collections import Counter

import pytest

from sesh.client.shown import MAX_TERMINALS
from tests.fidelity.xterm import need, place
from tests.support import PROMPT, Home, Open, Sesh, Terminal, rounds

SHELL = "outside>"
LEAVE = b"\x1c"


@pytest.fixture
def shell(home: Home) -> Open:
    """A terminal with a shell in it, whose prompt differs from a session's."""
    path = home.write("outer", f"PS1='{SHELL} '\nunset HISTFILE PROMPT_COMMAND\n")

    def start(columns: int = 80, rows: int = 24) -> Terminal:
        terminal = home.terminal(command=["bash", "--noprofile", "--rcfile", path], columns=columns, rows=rows)
        terminal.wait_for(SHELL)
        return terminal

    return start


def told(terminal: Terminal) -> list[str]:
    return [line.rstrip() for line in terminal.text().splitlines()]


def last(terminal: Terminal) -> str:
    """Return the last row that is not empty, except the notice of a new session."""
    return next((row for row in reversed(terminal.screen()) if row and "new session" not in row), "")


def enter(terminal: Terminal, *words: str) -> None:
    """Attaches from the shell, and waits until the session's prompt shows."""
    terminal.type(f"sesh {' '.join(words)}\r")
    terminal.wait_until(lambda: last(terminal) == PROMPT, "the session's prompt")


TURNS = rounds(2, 20)
"""How often the session is left and entered again."""


def leave(terminal: Terminal) -> None:
    terminal.type(LEAVE)
    terminal.wait_until(lambda: last(terminal) == SHELL, "the shell's prompt")


def printed(sesh: Sesh, source: str, name: str = "work") -> None:
    """Have the session's shell run this source, and wait for its prompt."""
    sesh("send", name, source, "--enter")
    assert sesh("wait", name, "--prompt", "--timeout", "30").code == 0


def test_no_line_of_a_session_stands_twice_in_the_scrollback_of_one_terminal(shell: Open, sesh: Sesh) -> None:
    columns, rows = 33, 9
    terminal = shell(columns, rows)
    enter(terminal, "work")
    for turn in range(TURNS):
        terminal.type(f"seq -f 'in-{turn}-%g' 30\r")
        terminal.wait_for(re.compile(rf"^in-{turn}-30\n{PROMPT}$", re.MULTILINE))
        leave(terminal)
        terminal.type(f"echo outside-$(({turn}))\r")
        terminal.wait_for(re.compile(rf"^outside-{turn}$", re.MULTILINE))
        printed(sesh, f"seq -f 'away-{turn}-%g' 30")
        enter(terminal, "work")
    judge(told(terminal), rows)
    if place() is not None:
        judge(by_xterm(terminal, columns, rows), rows)


def by_xterm(terminal: Terminal, columns: int, rows: int) -> list[str]:
    """Return the lines that @xterm/headless holds after the bytes that the terminal got."""
    xterm = need()
    held = xterm.hold(columns, rows, bytes(terminal.raw))["normal"]
    xterm.close()
    return ["".join(cell[0] for cell in row["cells"]).rstrip() for row in held["scrollback"] + held["screen"]]


def judge(lines: list[str], rows: int) -> None:
    """Check that lines come once, or twice if shown upon detaching, and none is blank."""
    while not lines[-1]:
        lines.pop()
    count = Counter(lines)
    for turn in range(TURNS):
        for number in range(1, 31):
            assert 1 <= count[f"in-{turn}-{number}"] <= (2 if number > 30 - rows else 1), (turn, number)
            assert count[f"away-{turn}-{number}"] == 1, (turn, number)
        assert count[f"outside-{turn}"] == 1
    assert "" not in lines, "blank rows were pushed"


def test_another_terminal_gets_all_and_a_renamed_session_is_known_again(shell: Open, sesh: Sesh) -> None:
    terminal = shell()
    enter(terminal, "work")
    terminal.type("seq -f 'line-%g' 60\r")
    terminal.wait_for("line-60")
    leave(terminal)
    assert sesh("rename", "work", "play").code == 0
    enter(terminal, "play")
    assert told(terminal).count("line-1") == 1
    other = shell()
    enter(other, "play")
    assert [told(other).count(f"line-{number}") for number in range(1, 61)] == [1] * 60


@pytest.mark.soak
def test_a_switch_and_the_way_back_push_no_blank_rows_and_repeat_nothing(shell: Open, sesh: Sesh) -> None:
    sesh("open", "play")
    printed(sesh, "seq -f 'play-%g' 5", "play")
    terminal = shell()
    enter(terminal, "work")
    terminal.type("seq -f 'work-%g' 40\r")
    terminal.wait_for("work-40")
    terminal.type("sesh play\r")
    terminal.wait_until(
        lambda: last(terminal) == PROMPT and "play-5" in "\n".join(terminal.screen()),
        "the screen of play, at its prompt",
    )
    terminal.type("sesh work\r")
    terminal.wait_until(
        lambda: last(terminal) == PROMPT and "work-40" in "\n".join(terminal.screen()),
        "the screen of work, at its prompt",
    )
    lines = told(terminal)
    assert lines.count("work-1") == 1
    assert lines.count("") <= sum(not row for row in terminal.screen())


def test_files_of_terminals_are_private_and_bounded_in_number(shell: Open, sesh: Sesh, home: Home) -> None:
    for pid in range(1, MAX_TERMINALS + 2):
        home.write(f".sesh/.terminal.{pid}", "", mode=0o600)
    terminal = shell()
    enter(terminal, "work")
    leave(terminal)
    found = [entry for entry in os.scandir(home.directory) if entry.name.startswith(".terminal.")]
    assert len(found) <= MAX_TERMINALS
    assert ".terminal.1" not in [entry.name for entry in found]
    (own,) = [entry for entry in found if entry.name.startswith(f".terminal.{terminal.pid}-")]
    assert own.stat().st_mode & 0o777 == 0o600
