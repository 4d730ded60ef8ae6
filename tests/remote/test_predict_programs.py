"""Random editing in programs over 100 ms: when all is quiet the screen is that of a client here."""

from __future__ import annotations

import os
import random
import re
import signal
from contextlib import nullcontext

import pytest

from tests.support import Home, Terminal, need, processes, rounds, wait_until
from tests.support.load import loaded
from tests.support.slow import Slow

TRIP, QUIET, JUDGED = 100, 0.12, 3
"""Milliseconds of round trip; seconds without a stir; and after them, in which the last guess is judged, which takes a
second on a busy machine."""

_LEFT, _RIGHT, _UP, _DOWN, _ERASE = b"\x1b[D", b"\x1b[C", b"\x1b[A", b"\x1b[B", b"\x7f"
_TEXT = [bytes((each,)) for each in b"qzjxkv  "]
_EDITS = [_LEFT, _LEFT, _RIGHT, _UP, _DOWN, _ERASE, _ERASE, b"\x01", b"\x05", b"\x17", b"\x0b"]
_SHELL = [*_TEXT, *_TEXT, *_EDITS, b"\r", b"\x12", b"\x07", b"qq zz xx", b"z" * 150]
"""Keys whose letters make no command: with a search of the history and its end, and a paste."""
_VIM = [*_TEXT, *_TEXT, *_EDITS[:7], *b"i A o w b 0 $ dd u \r \x1b".split(b" "), b"some words"]
LONG = rounds(0, 1)
"""Whether the machine is kept busy meanwhile."""
PROGRAMS = {
    "bash": (["bash", "--norc"], _SHELL, "[$#>]"),
    "zsh": (["zsh", "-f"], _SHELL, "[%#>]"),
    "fish": (["fish", "--no-config"], _SHELL, "[#>]"),
    "python3": (["python3", "-q"], _SHELL, ">>>"),
    "vim": (["vim", "-u", "NONE", "-N", "-n", "note"], [*_VIM, b"\x1b"], "~"),
}


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "program", [pytest.param(each, marks=[] if each in ("bash", "vim") else pytest.mark.soak) for each in PROGRAMS]
)
def test_random_editing_leaves_no_wrong_glyph(home: Home, program: str) -> None:
    """Also with a daemon that was stopped meanwhile: guesses must not outlive an acknowledgement that comes late."""
    need(program)
    command, keys, prompt = PROGRAMS[program]
    slow, chance = Slow(home, TRIP), random.Random(program)
    assert home.sesh("--open", "work", "--", *command).code == 0
    far = home.terminal("@slow", "work", "--predict", "always", answers=True)
    far.wait_for(re.compile(prompt))
    near = home.terminal("work", "-r")
    near.wait_for(re.compile(prompt))
    daemon = home.summary("work")["daemon_pid"]
    with loaded() if LONG else nullcontext():
        for number in range(rounds(4, 25)):
            typed = [chance.choice(keys) for _ in range(30)]
            stopped = chance.randrange(len(typed)) if number % 2 else len(typed)
            for place, key in enumerate(typed):
                far.type(key)
                far.pump(chance.uniform(0, 0.06))
                if place == stopped:
                    os.kill(daemon, signal.SIGSTOP)
            if stopped < len(typed):
                _pass(far, chance.uniform(0.2, 1.5))
                os.kill(daemon, signal.SIGCONT)
            _settle(slow, far, near)
            same = lambda: (far.screen(), far.cursor) == (near.screen(), near.cursor)  # noqa: E731
            wait_until(same, JUDGED, what=f"the same screen after {typed}", portrait=lambda: _both(far, near))


def _pass(terminal: Terminal, seconds: float) -> None:
    """Takes what comes until nothing has come for so long."""
    while terminal.pump(seconds):
        pass


def _settle(slow: Slow, *terminals: Terminal) -> None:
    def stirs() -> bool:
        return sum(terminal.pump() for terminal in terminals) > 0

    def rests() -> bool:
        return not stirs() and processes.rested(slow.home.processes(), QUIET) and not stirs()

    wait_until(rests)


def _both(far: Terminal, near: Terminal) -> str:
    rows = [f"{a:60.60}|{b:60.60}" for a, b in zip(far.screen(), near.screen(), strict=True) if a or b]
    return "\n".join([f"{far.cursor} {near.cursor}", *rows])
