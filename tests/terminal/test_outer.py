"""Attaching again puts no line of a session twice into the terminal's own scrollback."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from glob import glob
from pathlib import Path

import pytest

from sesh.client.reports import ASK_RESET
from sesh.client.seen_positions import MAX_TERMINALS
from tests.fidelity.xterm import need, place
from tests.support import PROMPT, Home, Open, Sesh, Terminal, processes, rounds, wait_until

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


def leave_standing(terminal: Terminal, sesh: Sesh, way: str) -> None:
    """Leave `work` from a terminal that takes no byte meanwhile."""
    (client,) = [pid for pid in processes.descendants(terminal.pid) if pid != terminal.pid]
    if way == "the key":
        terminal.type_unread(LEAVE)
    elif way == "the verb":
        assert sesh("detach", "work").code == 0
    else:
        os.kill(client, signal.SIGTERM)
    wait_until(lambda: not processes.descendants(terminal.pid), "the client has left")


WAYS = ("the key", "the verb", "a signal")


@pytest.mark.parametrize("way", [WAYS[0], *(pytest.param(way, marks=pytest.mark.soak) for way in WAYS[1:])])
def test_lines_that_the_terminal_did_not_take_before_it_left_come_when_it_returns(
    shell: Open, sesh: Sesh, home: Home, way: str
) -> None:
    """They counted as shown, and never came."""
    home.write(".config/sesh/config.toml", "replay_lines = 100000\n")
    terminal = shell()
    sesh(
        "open", "work", "--", "sh", "-c", "stty -echo; echo begun; read go; seq -f 'row-%04g of a flood' 4000; exec cat"
    )
    terminal.type("sesh work\r")
    terminal.wait_for("begun")
    assert sesh("send", "work", "--enter").code == 0
    assert sesh("wait", "work", "--for", "row-4000").code == 0
    leave_standing(terminal, sesh, way)
    terminal.wait_until(lambda: last(terminal).endswith(SHELL), "the shell's prompt")
    assert "row-4000" not in terminal.text()
    terminal.type("\rsesh work\r")
    terminal.wait_for("row-4000")
    rows = set(re.findall(r"^row-(\d{4}) of a flood$", terminal.text(), re.MULTILINE))
    assert len(rows) == 4000, f"{4000 - len(rows)} lines never came"


@pytest.mark.soak
def test_a_client_that_is_suspended_shows_later_what_the_terminal_did_not_take(
    shell: Open, sesh: Sesh, home: Home
) -> None:
    terminal = shell()
    sesh(
        "open", "work", "--", "sh", "-c", "stty -echo; echo begun; read go; seq -f 'row-%04g of a flood' 4000; exec cat"
    )
    terminal.type("sesh work\r")
    terminal.wait_for("begun")
    (client,) = [pid for pid in processes.descendants(terminal.pid) if pid != terminal.pid]
    assert sesh("send", "work", "--enter").code == 0
    assert sesh("wait", "work", "--for", "row-4000").code == 0
    os.kill(client, signal.SIGTSTP)
    wait_until(lambda: processes.stopped(client), "the client is suspended")
    terminal.wait_until(lambda: last(terminal).endswith(SHELL), "the shell's prompt")
    terminal.type("fg\r")
    terminal.wait_for("row-4000")
    rows = set(re.findall(r"^row-(\d{4}) of a flood$", terminal.text(), re.MULTILINE))
    assert len(rows) == 4000, f"{4000 - len(rows)} lines never came"


REPORTS = {
    "the release of the detach key": (r"\033[>7u", b"\x1b[92;5:3u"),
    "the mouse": (r"\033[?1003h\033[?1006h", b"\x1b[<35;10;10M"),
    "the focus": (r"\033[?1004h", b"\x1b[O"),
    "a reply": (r"\033[c", b"\x1b[?62;22c"),
    "its size": (r"\033[?2048h", b"\x1b[48;24;80;480;800t"),
    "win32's keys": (r"\033[?9001h", b"\x1b[220;43;28;0;8;1_"),
    "a colour": (r"\033]11;?\007", b"\x1b]11;rgb:0000/0000/0000\x1b\\"),
}


@pytest.mark.parametrize(
    "report",
    [each if number == 0 else pytest.param(each, marks=pytest.mark.soak) for number, each in enumerate(REPORTS)],
)
@pytest.mark.parametrize("knows_modes", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_what_the_terminal_sends_until_it_has_processed_the_reset_reaches_no_shell(
    shell: Open, sesh: Sesh, report: str, knows_modes: bool
) -> None:
    """A terminal behind a slow line has the reset some time after the client has left."""
    sets, sent = REPORTS[report]
    terminal = shell()
    sesh("open", "work", "--", "sh", "-c", f"stty raw -echo; echo begun; read x; printf '{sets}ready'; exec cat")
    terminal.type("sesh work\r")
    terminal.wait_for("begun")
    terminal.type("\n")
    terminal.wait_for("ready")
    before = len(terminal.raw)
    terminal.type(b"\x1b[92;5u")
    terminal.wait_for_raw(ASK_RESET, start=before)
    terminal.wait_for("detached from work")  # the wait does not hold it up
    terminal.type(sent + b"\x1b[?7373;0$y" * knows_modes + b"\x1b[?62;22c")
    terminal.wait_until(lambda: last(terminal) == SHELL, "the shell's prompt")
    terminal.type("echo al''ive\r")
    terminal.wait_for(f"\nalive\n{SHELL}")
    assert "not found" not in terminal.text()
    assert told(terminal)[-2:-1] == ["alive"]
    assert f"{SHELL} echo al''ive" in told(terminal)


@pytest.mark.parametrize("way", ["a signal", "a stop", "the end"])
def test_a_late_reply_to_a_program_reaches_no_shell_however_the_client_leaves(
    shell: Open, sesh: Sesh, way: str
) -> None:
    last_act = r"printf '\033[c'; " + ("" if way == "the end" else "exec cat")
    sesh("open", "work", "--", "sh", "-c", f"stty raw -echo; printf ready; head -c 1 >/dev/null; {last_act}")
    terminal = shell()
    terminal.type("sesh work\r")
    terminal.wait_for("ready")
    before = len(terminal.raw)
    terminal.type("x")
    terminal.wait_for_raw(b"\x1b[c", start=before)
    if way != "the end":
        (client,) = [pid for pid in processes.descendants(terminal.pid) if pid != terminal.pid]
        os.kill(client, signal.SIGTERM if way == "a signal" else signal.SIGTSTP)
    terminal.wait_for_raw(ASK_RESET, start=before)
    terminal.type(b"\x1b[?62;22c\x1b[?7373;0$y\x1b[?62;22c")
    terminal.wait_until(lambda: last(terminal) == SHELL, "the shell's prompt")
    terminal.type("echo al''ive\r")
    terminal.wait_for(f"\nalive\n{SHELL}")
    assert "62;22c" not in terminal.text()


def test_a_terminal_that_has_answered_once_is_waited_for_when_it_is_late(shell: Open, sesh: Sesh, home: Home) -> None:
    """It counted as one that never answers, and its later answers were typed into the shell."""
    sesh("open", "work", "--", "sh", "-c", r"stty raw -echo; printf '\033[?1003hready'; exec cat")
    terminal = shell()
    for answer in (b"\x1b[?7373;0$y\x1b[?62;22c", b""):
        terminal.type("sesh work\r")
        terminal.wait_for("ready")
        before = len(terminal.raw)
        terminal.type(LEAVE)
        terminal.wait_for_raw(ASK_RESET, start=before)
        terminal.type(answer)
        terminal.wait_until(lambda: last(terminal) == SHELL, "the shell's prompt")
        terminal.type("clear\r")
        terminal.wait_until(lambda: terminal.screen()[0] == SHELL, "an empty screen")
        noted = [Path(each).read_text() for each in glob(f"{home.directory}/.terminal.*")]
        assert any('"answers"' in text for text in noted)
        assert not any('"silent"' in text for text in noted)


def test_a_terminal_that_answers_nothing_is_waited_for_once(shell: Open, sesh: Sesh, home: Home) -> None:
    sesh("open", "work", "--", "sh", "-c", r"stty raw -echo; printf '\033[?1003hready'; exec cat")
    terminal = shell()
    for silent in (False, True):
        noted = [Path(each).read_text() for each in glob(f"{home.directory}/.terminal.*")]
        assert any('"silent"' in text for text in noted) is silent
        terminal.type("sesh work\r")
        terminal.wait_for("ready")
        before = len(terminal.raw)
        terminal.type(LEAVE)
        terminal.wait_for_raw(ASK_RESET, start=before)
        terminal.wait_until(lambda: last(terminal) == SHELL, "the shell's prompt")
        terminal.type("clear\r")
        terminal.wait_until(lambda: terminal.screen()[0] == SHELL, "an empty screen")


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
