"""Keys on slow links: what they will do is shown before their echo, and nothing is left of it."""

from __future__ import annotations

import os
import re

import pytest

from tests.support import PROMPT, Home, Terminal, processes, wait_until
from tests.support.slow import Slow


@pytest.fixture
def slow(home: Home) -> Slow:
    return Slow(home)


def predicting(slow: Slow, *options: str) -> Terminal:
    """A terminal that shows keys before their echo: it has asked for a model, and seen the echo of one key."""
    terminal = slow.attach(*options)
    terminal.type("x")
    terminal.wait_for(f"{PROMPT} x")
    wait_until(lambda: typed_early(slow, terminal))
    return terminal


def typed_early(slow: Slow, terminal: Terminal) -> bool:
    """Types a key; whether it was drawn apart from the program's output."""
    mark = len(terminal.raw)
    before = terminal.screen()
    terminal.type("x")
    terminal.wait_until(lambda: terminal.screen() != before)
    drawn = b"\x1b[?2026h" in terminal.raw[mark:]
    settled(slow, terminal)
    return drawn


def settled(slow: Slow, terminal: Terminal) -> None:
    """Waits until all that was on its way has come: what the link holds back would have it run in this time."""
    quiet = 0.12 if processes.LINUX else 0.4

    def rests() -> bool:
        return not terminal.pump() and processes.rested(slow.home.processes(), quiet) and not terminal.pump()

    wait_until(rests)


def test_a_key_shows_underlined_while_its_echo_is_on_its_way_until_the_size_changes(slow: Slow) -> None:
    terminal = predicting(slow)
    with slow.stopped():
        terminal.type("abq")
        terminal.wait_for_raw(re.compile(rb"\x1b\[0;4m[abq]*q"))
        terminal.type("\x7f\x7f")
        terminal.wait_for(re.compile(r"xa$", re.MULTILINE))
    settled(slow, terminal)
    terminal.wait_for(re.compile(r"xa$", re.MULTILINE))
    row, column = terminal.cursor
    assert not terminal.glass.buffer[row][column - 1].underscore
    with slow.stopped():
        terminal.type("guessed")
        terminal.wait_for("guessed")
        terminal.resize(70, 20)
        terminal.wait_until(lambda: "guessed" not in terminal.text())
    terminal.wait_for("guessed")


@pytest.mark.parametrize("words", [("@slow", "work", "--predict", "never"), ("work", "--predict", "always")])
def test_nothing_shows_early_with_never_nor_in_a_session_here(home: Home, slow: Slow, words: tuple[str, ...]) -> None:
    home.sesh("--open", "work")
    terminal = home.terminal(*words)
    terminal.wait_for(PROMPT)
    terminal.type("abc")
    terminal.wait_for("abc")
    assert b"\x1b[?2026" not in terminal.raw


SILENT = {
    "read": "read -s -p 'Secret: ' answer; echo; echo got=${#answer}",
    "raw": "stty -echo -icanon; printf 'Secret: '; answer=$(head -c 30); stty sane; echo; echo got=${#answer}",
}


def test_nothing_of_a_secret_is_drawn(slow: Slow) -> None:
    """Nor of one that is typed behind Enter, before its prompt has come: the terminal still echoed then."""
    terminal = predicting(slow)
    terminal.type(b"\x15")
    for number, (way, line) in enumerate(SILENT.items(), 1):
        settled(slow, terminal)
        terminal.type(f"{line}\r")
        terminal.wait_until(lambda: len(re.findall("(?m)^Secret:", terminal.text())) == number)  # noqa: B023
        mark = len(terminal.raw)
        terminal.type("ZQJ" * 10)
        settled(slow, terminal)
        terminal.type("ZQ\x7f\x7f" if way != "raw" else "")
        settled(slow, terminal)
        assert not re.search(rb"[ZQJ]", terminal.raw[mark:]), way
        terminal.type("\r")
        terminal.wait_until(lambda: terminal.text().count("got=30") == number)  # noqa: B023
        assert not re.search(rb"[ZQJ]", terminal.raw[mark:]), way
    terminal.type("stty -echo; sleep 0.3; read -s -p 'Secret: ' answer; stty echo; echo; echo got=${#answer}")
    settled(slow, terminal)
    before, mark = slow.home.sesh("--logs", "work").stdout.count("Z"), len(terminal.raw)
    terminal.type("\r")
    for _ in range(20):
        terminal.type("Z")
        terminal._wait(0.03)
    terminal.type("\r")
    terminal.wait_for("got=20")
    echoed = slow.home.sesh("--logs", "work").stdout.count("Z")  # by the line itself, until stty has been started
    assert terminal.raw[mark:].count(b"Z") == echoed - before


RAW_PROMPTS = {
    "behind the name": "' PIN: '",
    "in place of the name": "'\\r' + 'PIN: '.ljust(len('name? bob'))",
    "below": "'\\r\\nPIN: '",
    "on another screen": "'\\x1b[?1049h\\x1b[HPIN: '",
}


# Seconds each. One that draws over what was typed says what the others would.
@pytest.mark.parametrize(
    "prompt",
    [
        pytest.param(prompt, id=place, marks=[] if place == "in place of the name" else pytest.mark.soak)
        for place, prompt in RAW_PROMPTS.items()
    ],
)
def test_a_program_that_reads_key_by_key_and_ceases_to_echo_has_no_secret_drawn(slow: Slow, prompt: str) -> None:
    source = f"""
import os, termios, tty
before = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, b"name? ")
for _ in range(3):
    os.write(1, os.read(0, 1))
open(os.path.expanduser("~/go")).read()
os.write(1, ({prompt}).encode())
answer = b""
while len(answer) < 30:
    answer += os.read(0, 100)
termios.tcsetattr(0, termios.TCSADRAIN, before)
print("\\x1b[?1049l\\ngot=%d" % len(answer))
"""
    slow.home.write("asks.py", source)
    go = os.path.join(slow.home.path, "go")
    os.mkfifo(go)
    terminal = predicting(slow, "--predict", "always")
    terminal.type(b"\x15")
    settled(slow, terminal)
    terminal.type("python3 ~/asks.py\r")
    terminal.wait_for(re.compile(r"^name\?", re.MULTILINE))
    settled(slow, terminal)
    for key in "bob":
        terminal.type(key)
        settled(slow, terminal)
    with open(go, "wb"):  # the echo has been judged by now
        pass
    terminal.wait_for("PIN:")
    settled(slow, terminal)
    mark = len(terminal.raw)
    terminal.type("Z")
    for key in "QJZQJZQJZ":
        terminal.type(key)
        terminal._wait(0.03)
    settled(slow, terminal)
    terminal.type("ZQJ" * 6 + "Z")
    settled(slow, terminal)
    assert not re.search(rb"[ZQJ]", terminal.raw[mark:])
    terminal.type("Z")
    terminal.wait_for("got=30")
