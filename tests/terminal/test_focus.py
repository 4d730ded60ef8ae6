"""A program in mode 1004 knows whether somebody looks at its session."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from tests.support import Home, Open, Sesh, Terminal
from tests.support.waiting import wait_until

LEAVE = b"\x1c"
IN, OUT = b"\x1b[I", b"\x1b[O"
#: Asks for reports, once a line has come if told so, and prints each thing that it reads.
LISTENER = """
import os, sys, tty
tty.setraw(0)
if sys.argv[1:]:
    os.write(1, b"waits\\r\\n")
    os.read(0, 1)
os.write(1, b"\\x1b[?1004hlistens\\r\\n")
while True:
    read = os.read(0, 4096)
    for name, report in (("in", b"\\x1b[I"), ("out", b"\\x1b[O")):
        read = read.replace(report, b"<%s>" % name.encode())
    if read == b"q":
        os.write(1, b"\\x1b[?1004ldeaf\\r\\n")
        continue
    os.write(1, read + b"\\r\\n")
"""


@pytest.fixture
def heard(home: Home, sesh: Sesh) -> Heard:
    """Start the program in a session; return what it has heard."""
    return Heard(home, sesh)


class Heard:
    """What the program of the session `work` has printed of what it has read."""

    def __init__(self, home: Home, sesh: Sesh) -> None:
        self.sesh = sesh
        self.command = [sys.executable, home.write("listener.py", LISTENER)]

    def begin(self, *, later: bool = False) -> None:
        done = self.sesh("open", "work", "--", *self.command, *["later"] * later)
        assert done.code == 0, done
        wait_until(lambda: ("waits" if later else "listens") in self.screen(), "the program has begun")

    def lines(self) -> list[str]:
        return [line for line in self.screen() if line not in ("", "waits", "listens")]

    def screen(self) -> list[str]:
        return self.sesh("screen", "work").stdout.splitlines()

    def until(self, *lines: str) -> None:
        wait_until(lambda: self.lines() == [*lines], f"the program has heard {lines}, not {self.lines()}")


def attached(terminal: Open, *, text: str = "listens") -> Terminal:
    window = terminal("attach", "work")
    window.wait_for(text)
    return window


def test_the_last_client_that_leaves_and_the_first_one_that_comes_are_told(heard: Heard, terminal: Open) -> None:
    heard.begin()
    heard.until("<out>")
    one = attached(terminal)
    heard.until("<out>", "<in>")
    two = attached(terminal)
    one.type(LEAVE)
    one.wait_for("detached")
    two.type("x")
    heard.until("<out>", "<in>", "x")
    two.close()
    heard.until("<out>", "<in>", "x", "<out>")


def test_what_terminals_report_is_told_if_it_changes_whether_somebody_looks(heard: Heard, terminal: Open) -> None:
    heard.begin(later=True)
    one, two = attached(terminal, text="waits"), attached(terminal, text="waits")
    one.type("!")
    one.wait_for("listens")
    two.type(OUT + b"a")
    heard.until("a")
    one.type(OUT)
    heard.until("a", "<out>")
    two.type(IN + b"b")
    heard.until("a", "<out>", "<in>b")
    one.type(IN + b"c")
    heard.until("a", "<out>", "<in>b", "c")


def test_a_client_that_only_watches_looks_too(heard: Heard, terminal: Open) -> None:
    heard.begin()
    window = terminal("attach", "work", "--read-only")
    window.wait_for("listens")
    heard.until("<out>", "<in>")
    window.close()
    heard.until("<out>", "<in>", "<out>")


def test_without_the_mode_they_are_keys(heard: Heard, terminal: Open) -> None:
    heard.begin(later=True)
    window = attached(terminal, text="waits")
    window.type("!")
    window.wait_for("listens")
    window.type("q")
    window.wait_for("deaf")
    window.type(OUT + OUT)
    heard.until("deaf", "<out><out>")
    window.type(LEAVE)
    window.wait_for("detached")
    heard.sesh("send", "work", "x")
    heard.until("deaf", "<out><out>", "x")


def test_a_reload_tells_nothing_twice(heard: Heard, terminal: Open) -> None:
    heard.begin()
    heard.until("<out>")
    assert heard.sesh("reload", "work").code == 0
    attached(terminal)
    heard.until("<out>", "<in>")
    assert heard.sesh("reload", "work").code == 0
    heard.sesh("send", "work", "x")
    heard.until("<out>", "<in>", "x")


def test_a_client_that_is_killed_is_told(heard: Heard, terminal: Open) -> None:
    heard.begin()
    window = attached(terminal)
    heard.until("<out>", "<in>")
    os.kill(window.pid, signal.SIGKILL)
    heard.until("<out>", "<in>", "<out>")
