"""A file that is dropped on the terminal goes to the session's host, and everything else passes as it was typed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.remote.test_cuts import LOST, attached
from tests.remote.via import Beside, ViaHost
from tests.support import Home, Terminal, wait_until

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/cwd"), reason="a path that leads elsewhere in each process"
)

START, END, CTRL_V, DETACH = "\x1b[200~", "\x1b[201~", "\x16", b"\x1c"
#: What is dropped. Both homes are on one machine, so the path is one that leads to the client's own folder only there.
SHOT = "/proc/self/cwd/shot.png"
ASKS = "shot.png (300 KB) is here, not on @box: Ctrl-V or Alt-V sends it"
_PROGRAM = """
import os, sys, tty
tty.setraw(0)
os.write(1, b"\\x1b[?2004h" * (sys.argv[1:] != ["plain"]) + b"the program is up\\r\\n")
with open("input", "ab", 0) as file:
    while data := os.read(0, 1 << 16):
        file.write(data)
        os.write(1, b"got %d\\r\\n" % len(data))
"""


@pytest.fixture
def shot(home: Home) -> bytes:
    data = os.urandom(300_000)
    Path(home.path, "shot.png").write_bytes(data)
    return data


def program(home: Home, far: ViaHost, *words: str) -> Terminal:
    """Attach to a session of the host in which a program writes what it gets to `input`."""
    far.write("program.py", _PROGRAM)
    terminal = attached(home, "@box", "work", columns=120)
    terminal.type(f"{sys.executable} ~/program.py {' '.join(words)}\r")
    terminal.wait_for("the program is up")
    return terminal


def gets(terminal: Terminal, far: ViaHost, expected: str) -> None:
    """Wait until the program has got exactly this."""
    terminal.wait_until(lambda: len(far.read("input")) >= len(expected), f"{len(expected)} characters have come")
    assert far.read("input") == expected


@pytest.mark.usefixtures("shot")
@pytest.mark.parametrize("key", ["\r", "a", "\x03", "\x1b[A"])
def test_any_other_key_passes_a_drop_as_it_was_pasted(home: Home, beside: Beside, key: str) -> None:
    far = beside("box")
    with program(home, far) as terminal:
        terminal.type(f"{START}{SHOT}{END}")
        terminal.wait_for(ASKS)
        terminal.type(f"{key}b")
        gets(terminal, far, f"{START}{SHOT}{END}{key}b")
        terminal.wait_until(lambda: ASKS not in "\n".join(terminal.screen()), "the line has gone")


@pytest.mark.usefixtures("shot")
def test_a_path_with_a_key_behind_it_passes_without_a_line(home: Home, beside: Beside) -> None:
    far = beside("box")
    with program(home, far) as terminal:
        typed = ""
        for text in (
            f"cat {START}{SHOT}{END}\r",
            f"{START}/etc/hosts{END}\r",
            f'{START}Traceback (most recent call last):\r  File "{SHOT}", line 1{END}',
            f"{START}{SHOT}\rand text{END}",
            f"{START}/nowhere/a.png{END}",
            f"{START}{END}",
            "\x1b[I\x1b[O",
        ):
            terminal.type(text)
            typed += text
            gets(terminal, far, typed)
        assert b"Ctrl-V" not in terminal.raw


@pytest.mark.usefixtures("shot")
def test_a_path_that_exists_over_there_passes(home: Home, beside: Beside) -> None:
    far = beside("box")
    with program(home, far) as terminal:
        paste = f"{START}{home.path}/shot.png{END}"
        terminal.type(paste)
        gets(terminal, far, paste)
        assert b"Ctrl-V" not in terminal.raw


@pytest.mark.usefixtures("shot")
def test_what_is_held_when_the_client_detaches_is_passed_before(home: Home, beside: Beside) -> None:
    far = beside("box")
    terminal = program(home, far)
    terminal.type(f"{START}{SHOT}{END}")
    terminal.wait_for(ASKS)
    terminal.type(DETACH)
    assert terminal.exit_code() == 0
    wait_until(lambda: far.read("input") == f"{START}{SHOT}{END}", "the program has got the paste")


@pytest.mark.usefixtures("shot")
def test_what_is_held_when_the_link_is_lost_comes_with_the_keys_behind_it(home: Home, beside: Beside) -> None:
    far = beside("box")
    with program(home, far) as terminal:
        terminal.type(f"{START}{SHOT}{END}")
        terminal.wait_for(ASKS)
        far.away()
        terminal.wait_for(LOST)
        terminal.type(f"a{START}{SHOT}{END}b")
        far.back()
        gets(terminal, far, f"{START}{SHOT}{END}a{START}{SHOT}{END}b")


@pytest.mark.usefixtures("shot")
def test_a_person_who_wants_no_files_sent_is_not_asked(home: Home, beside: Beside) -> None:
    far = beside("box")
    settings = Path(home.path, ".config/sesh/config.toml")
    settings.write_text(settings.read_text() + '\n[desktop.box]\nfiles = "never"\n')
    with program(home, far) as terminal:
        terminal.type(f"{START}{SHOT}{END}")
        gets(terminal, far, f"{START}{SHOT}{END}")
        assert b"Ctrl-V" not in terminal.raw
