"""Questions to the user: one key answers, and the terminal is restored."""

from __future__ import annotations

import os
import re
import signal

import pytest

from tests.support import Home, Terminal, processes, wait_until


@pytest.fixture(autouse=True)
def work(home: Home) -> None:
    """The session that is asked about."""
    home.sesh("open", "work", "--", "sleep", "600")


def asked(home: Home, keys: str) -> Terminal:
    """Return a terminal where `sesh new work -d` has asked and got these keys."""
    terminal = home.terminal("new", "work", "-d")
    terminal.wait_for(re.compile("^work already runs.*Cancel", re.DOTALL))
    terminal.type(keys)
    return terminal


def test_one_key_or_enter_chooses(home: Home) -> None:
    choices = ("n", "work-2"), ("\r", "work"), ("\x1b[C\x1bOC\r", "work"), ("zz\x1b[110u", "work-3")
    for keys, said in choices:
        terminal = asked(home, keys)
        assert (terminal.exit_code(), terminal.text().split()[-1]) == (0, said)


def test_escape_declines_ctrl_c_interrupts_and_the_terminal_is_as_before(home: Home) -> None:
    for keys, code in (("C", 1), ("q", 1), ("\x1b", 1), ("\x04", 1), ("\x03", 130)):
        terminal = asked(home, keys)
        assert terminal.exit_code() == code
        assert terminal.termios() == terminal.first_termios
    assert home.names() == ["work"]


def test_a_key_typed_before_the_question_is_no_answer_to_it(home: Home) -> None:
    terminal = home.terminal("new", "work", "-d", held=True)
    wait_until(lambda: processes.stopped(terminal.pid), "sesh is stopped before it begins")
    terminal.type("n")
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.wait_for("Cancel")
    terminal.type("\x1b")
    assert terminal.exit_code() == 1
    assert home.names() == ["work"]


def test_a_dumb_terminal_gets_letters(home: Home) -> None:
    for typed, code, term in (("c", 1, "dumb"), ("\n", 0, "dumb"), ("xn", 0, "")):
        opened = home.terminal("new", "work", "-d", env={"TERM": term})
        opened.wait_for(re.compile(r"\[J/r/n/q\]\n +Join +Replace, ending it +New: work-\d +Cancel"))
        opened.type(typed)
        assert opened.exit_code() == code
        assert b"\x1b" not in opened.raw
