"""Guesses on slow links: shown before the echo, and gone without a trace."""

from __future__ import annotations

import random
import re
from contextlib import nullcontext

import pytest

from tests.support import PROMPT, Home, Terminal, need, processes, rounds, wait_until
from tests.support.load import loaded
from tests.support.slow import Slow


def predicting(slow: Slow) -> Terminal:
    """Return a terminal that predicts, because it has seen the echo of one key."""
    terminal = slow.attach()
    terminal.type("x")
    terminal.wait_for(f"{PROMPT} x")
    wait_until(lambda: typed_early(slow, terminal), "sesh draws a key before its echo")
    return terminal


def typed_early(slow: Slow, terminal: Terminal) -> bool:
    """Type a key; return whether sesh drew the key itself, before the program's output."""
    mark = len(terminal.raw)
    before = terminal.screen()
    terminal.type("x")
    terminal.wait_until(lambda: terminal.screen() != before, "the screen changes")
    drawn = b"\x1b[?2026h" in terminal.raw[mark:]
    settled(slow, terminal)
    return drawn


def settled(slow: Slow, *terminals: Terminal) -> None:
    """Wait until all output has come: for one round trip, nothing runs or draws."""
    quiet = slow.round_trip / 1000 + (0.02 if processes.LINUX else 0.3)

    def stirs() -> bool:
        return sum(terminal.pump() for terminal in terminals) > 0

    wait_until(
        lambda: not stirs() and processes.rested(slow.home.processes(), quiet) and not stirs(), "nothing runs or draws"
    )


@pytest.mark.soak
def test_a_key_shows_underlined_while_its_echo_is_on_its_way_until_the_size_changes(home: Home) -> None:
    slow = Slow(home)
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
        mark = len(terminal.raw)
        terminal.resize(70, 20)
        terminal.wait_until(lambda: "guessed" not in terminal.text(), "the terminal no longer shows 'guessed'")
        assert b"\x18" not in terminal.raw[mark:], "a screen that came over another link took it away"
    terminal.wait_for("guessed")


def test_nothing_shows_early_with_never_nor_in_a_session_here(home: Home) -> None:
    for words, predict, typed in ((("@slow", "work"), "never", "abc"), (("work",), "always", "def")):
        Slow(home, predict=predict)
        terminal = home.terminal(*words)
        terminal.wait_for(PROMPT)
        terminal.type(typed)
        terminal.wait_for(typed)
        assert b"\x1b[?2026" not in terminal.raw


@pytest.mark.long
def test_nothing_of_a_secret_is_drawn(home: Home) -> None:
    """A secret typed right after Enter, before its prompt, is not drawn either."""
    slow = Slow(home)
    terminal = predicting(slow)
    terminal.type(b"\x15")
    settled(slow, terminal)
    terminal.type("read -s -p 'Secret: ' answer; echo; echo got=${#answer}\r")
    terminal.wait_for(re.compile("^Secret:", re.MULTILINE))
    mark = len(terminal.raw)
    terminal.type("ZQJ" * 10)
    settled(slow, terminal)
    terminal.type("ZQ\x7f\x7f")
    settled(slow, terminal)
    assert not re.search(rb"[ZQJ]", terminal.raw[mark:])
    terminal.type("\r")
    terminal.wait_for("got=30")
    terminal.type("stty -echo; sleep 0.3; read -s -p 'Secret: ' answer; stty echo; echo; echo got=${#answer}")
    settled(slow, terminal)
    before, mark = home.sesh("logs", "work").stdout.count("Z"), len(terminal.raw)
    terminal.type("\r")
    for _ in range(20):
        terminal.type("Z")
        terminal._wait(0.03)
    terminal.type("\r")
    terminal.wait_for("got=20")
    echoed = home.sesh("logs", "work").stdout.count("Z")  # by the pty, until stty has run
    assert terminal.raw[mark:].count(b"Z") == echoed - before


_LEFT, _RIGHT, _UP, _DOWN, _ERASE = b"\x1b[D", b"\x1b[C", b"\x1b[A", b"\x1b[B", b"\x7f"
_TEXT = [bytes((each,)) for each in b"qzjxkv  "]
_EDITS = [_LEFT, _LEFT, _RIGHT, _UP, _DOWN, _ERASE, _ERASE, b"\x01", b"\x05", b"\x17", b"\x0b"]
_SHELL = [*_TEXT, *_TEXT, *_EDITS, b"\r", b"\x12", b"\x07", b"qq zz xx", b"z" * 150]
"""Keys whose letters form no command, with a search of the history, its end, and a paste."""
_VIM = [*_TEXT, *_TEXT, *_EDITS[:7], *b"i A o w b 0 $ dd u \r \x1b".split(b" "), b"some words", b"\x1b"]
_LESS = [*_EDITS[:7], *b"j k f b g G n N 3 5 / / l n \r \x03".split(b" "), b"/line 12\r", b"\x15", b" "]
PROGRAMS = {
    "bash": (["bash", "--norc"], _SHELL, "[$#>]"),
    "zsh": (["zsh", "-f"], _SHELL, "[%#>]"),
    "python3": (["python3", "-q"], _SHELL, ">>>"),
    "vim": (["vim", "-u", "NONE", "-N", "-n", "note"], _VIM, "~"),
    "less": (["less", "lines"], _LESS, "line 1"),
}
LONG = rounds(0, 1)
"""Whether the machine is kept busy meanwhile."""


@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("program", "trip"),
    [(each, trip) for each in PROGRAMS for trip in (100, 300)],
)
def test_after_random_editing_the_screen_is_that_of_a_client_here(home: Home, program: str, trip: int) -> None:
    """Keys come faster than their echo; in the end the screens are equal."""
    need(program)
    command, keys, prompt = PROGRAMS[program]
    slow, chance = Slow(home, trip, predict="always"), random.Random(program)
    home.write("lines", "".join(f"line {number}\n" for number in range(1, 300)))
    assert home.sesh("open", "work", "--", *command).code == 0
    far = home.terminal("@slow", "work", answers=True)
    near = home.terminal("work", "-r")
    for terminal in (far, near):
        terminal.wait_for(re.compile(prompt))
    with loaded() if LONG else nullcontext():
        for _ in range(rounds(2, 25)):
            typed = [chance.choice(keys) for _ in range(30)]
            for key in typed:
                far.type(key)
                far.pump(chance.uniform(0, 0.06))
                if chance.random() < 0.1:
                    settled(slow, far)
            settled(slow, far, near)
            same = lambda: (far.screen(), far.cursor) == (near.screen(), near.cursor)  # noqa: E731
            wait_until(same, f"the same screen after {typed}", portrait=lambda: _both(far, near))


def _both(far: Terminal, near: Terminal) -> str:
    rows = [f"{a:60.60}|{b:60.60}" for a, b in zip(far.screen(), near.screen(), strict=True) if a or b]
    return "\n".join([f"{far.cursor} {near.cursor}", *rows])
