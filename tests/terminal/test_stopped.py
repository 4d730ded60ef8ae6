"""`stopped`: a program's turn is over once its screen stops changing."""

from __future__ import annotations

import json
import os
import sys

import pytest

from tests.support import Home, Open, Sesh, processes, says_who_reads, wait_until

pytestmark = says_who_reads

AGENT = r"""
import os, select, socket, sys, time, tty
tty.setraw(0)
near, far = socket.socketpair()

def rests(timeout=None):
    # As node and tokio do: the terminal is one of several descriptors.
    return os.read(0, 1024) if select.select([0, near], [], [], timeout)[0] else b""

def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()

MENU = (
    "\x1b[4;1H\x1b[2K╭────────────────────────╮"
    "\x1b[5;1H│ $ touch made           │"
    "\x1b[6;1H│ Allow this command?    │"
    "\x1b[7;1H│                        │"
    "\x1b[8;1H│ ● 1. Allow once        │"
    "\x1b[9;1H│   2. No                │"
    "\x1b[10;1H╰────────────────────────╯"
    "\x1b[14;1H ~/project   some-model \x1b[24;80H"
)
say("\x1b[?25l\x1b[2J\x1b[HWhat do you want?\x1b[3;1H> \x1b[14;1H ~/project   some-model")
open("ready", "w").close()
rests()
begun, frame = time.monotonic(), 0
while time.monotonic() - begun < 4:
    frame += 1
    say(f"\x1b[4;1H{'|/-'[frame % 3]} thinking {frame}")
    rests(0.1)
say(MENU)
while b"1" not in rests(0.3):
    frame += 1
    say(f"\x1b]0;{'.' if frame % 2 else '!'} needed\x07")  # which changes no cell
say("\x1b[2J\x1b[HI do so.")
rests()
"""

ASKED = "Allow this command? ● 1. Allow once 2. No"


def stands(home: Home) -> tuple[str, str, str | None]:
    found = home.summary("work")["activity"]
    return found["state"], found["why"], found["question"]


def reported(sesh: Sesh, home: Home) -> list[tuple[str, str, str | None]]:
    """All states that events have reported; ends the session."""
    process = home.start("events", "work", "--from", "0", "--json")
    wait_until(lambda: processes.connected(process.pid), "the command is connected to the daemon")
    sesh("kill", "work")
    lines = [json.loads(line) for line in process.communicate(timeout=30)[0].splitlines()]
    return [(each["state"], each["why"], each["question"]) for each in lines if each["event"] == "activity"]


@pytest.mark.long
def test_a_spinner_and_then_a_menu_waits_and_says_what_it_asks_until_a_key_comes(
    sesh: Sesh, home: Home, terminal: Open
) -> None:
    """Resizing, attaching, a focus report or a reload do not end the waiting."""
    home.write("agent.py", AGENT)
    sesh("open", "work", "--", sys.executable, "-IS", "agent.py")
    wait_until(
        lambda: os.path.exists(os.path.join(home.path, "ready")), "the file 'ready' exists"
    )  # a verb might load an emulator
    sesh("send", "work", "do it")
    waited = sesh("wait", "work", "--waiting", "--timeout", "60")
    assert (waited.code, waited.stdout) == (0, f"waiting: {ASKED}\n")
    assert stands(home) == ("waiting", "stopped", ASKED)
    assert "waiting, it has stopped" in sesh("status", "work").stdout
    screen = terminal("work", columns=100, rows=30)
    screen.wait_for("Allow this command")
    screen.type("\x1b[O\x1b[I")
    screen.resize(90, 28)
    wait_until(lambda: home.summary("work")["columns"] == 90, "work has 90 columns")
    screen.type(b"\x1c")
    assert screen.exit_code() == 0
    assert sesh("reload", "work").code == 0
    assert stands(home) == ("waiting", "stopped", ASKED)
    sesh("send", "work", "1")
    wait_until(lambda: stands(home)[0] == "working", "work is working")
    assert [each for each in reported(sesh, home) if each[2] == ASKED] == [("waiting", "stopped", ASKED)]


ASKS_AGAIN = r"""
import os, sys, time, tty
tty.setraw(0)
for lines in (0, 0, 30):
    begun = time.monotonic()
    while (now := time.monotonic() - begun) < 4:
        sys.stdout.write(f"\rthinking {now:.1f}")
        sys.stdout.flush()
        time.sleep(0.1)
    sys.stdout.write("\r\nread" * lines + "\r\nRun make?\r\n 1. Yes\r\n 2. No\r\n> ")
    sys.stdout.flush()
    os.read(0, 1)
    sys.stdout.write("\r\n")
"""


@pytest.mark.soak
def test_a_question_that_is_asked_again_is_new_though_the_first_one_was_on_the_screen(sesh: Sesh, home: Home) -> None:
    """Its rows may still be there, or have left the screen meanwhile."""
    home.write("agent.py", ASKS_AGAIN)
    sesh("open", "work", "--", sys.executable, "-IS", "agent.py")
    for _ in range(3):
        waited = sesh("wait", "work", "--waiting", "--timeout", "60")
        assert (waited.code, waited.stdout) == (0, "waiting: Run make? 1. Yes 2. No\n")
        sesh("send", "work", "1")
