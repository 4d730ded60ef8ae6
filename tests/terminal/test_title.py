"""`title = true`: the window's title shows the session and what runs in it, and is given back on leaving."""

from __future__ import annotations

import re

import pytest

from tests.support import Home, Terminal

SETTING = ".config/sesh/config.toml"
TITLE = re.compile(rb"\x1b\][02];([^\x07\x1b]*)(?:\x07|\x1b\\)|\x1b\[(2[23];[0-2]t)")
PUSH, POP = "22;0t", "23;0t"


def titles(terminal: Terminal) -> list[str]:
    """The titles that the terminal was given, and what was pushed and popped, in order."""
    return [(text or stack).decode() for text, stack in TITLE.findall(bytes(terminal.raw))]


def shows(terminal: Terminal, title: str) -> None:
    terminal.wait_until(lambda: titles(terminal)[-1:] == [title], what=title)


@pytest.fixture
def wanted(home: Home) -> Home:
    home.write(SETTING, "title = true\n")
    return home


def test_it_shows_the_session_and_what_runs_and_is_given_back(wanted: Home) -> None:
    terminal = wanted.terminal("work")
    shows(terminal, "work — bash")
    terminal.type("cat notes.md -\r")
    shows(terminal, "work — cat notes.md -")
    terminal.type("\x03")
    shows(terminal, "work — bash")
    terminal.type("\x1c")
    assert terminal.exit_code() == 0
    assert titles(terminal)[0] == PUSH
    assert titles(terminal)[-2:] == ["", POP]
    assert (titles(terminal).count(PUSH), titles(terminal).count(POP)) == (1, 1)


def test_a_title_that_the_program_sets_stands_behind_the_sessions_name(wanted: Home) -> None:
    terminal = wanted.terminal("work")
    shows(terminal, "work — bash")
    terminal.type("sh -c \"printf '\\033[22;2t\\033]2;three mails\\007'; read x; printf '\\033[23;2t'\"\r")
    shows(terminal, "work — three mails")
    terminal.type("\r")
    shows(terminal, "work — bash")  # the pop alone would have brought back what stood there when it was pushed
    terminal.type("\x1c")
    assert terminal.exit_code() == 0
    assert titles(terminal)[-2:] == ["", POP]


def test_a_title_stays_only_while_the_program_that_set_it_has_the_terminal(wanted: Home) -> None:
    terminal = wanted.terminal("work")
    terminal.type("printf '\\033]0;at the prompt\\007'\r")
    shows(terminal, "work — at the prompt")
    terminal.type("cat\r")
    shows(terminal, "work — cat")
    terminal.type("\x03")
    shows(terminal, "work — at the prompt")


def test_it_follows_a_new_name_a_switch_and_a_reload(wanted: Home) -> None:
    assert wanted.sesh("--open", "other", "--", "sleep", "600").code == 0
    terminal = wanted.terminal("work")
    shows(terminal, "work — bash")
    assert wanted.sesh("--rename", "work", "play").code == 0
    shows(terminal, "play — bash")
    assert wanted.sesh("--reload", "play").code == 0
    terminal.type("cat\r")
    shows(terminal, "play — cat")
    terminal.type("\x03")
    shows(terminal, "play — bash")
    terminal.type("sesh other\r")
    shows(terminal, "other — sleep 600")
    terminal.type("\x1c")
    assert terminal.exit_code() == 0
    assert titles(terminal)[-1] == POP
    assert titles(terminal).count(PUSH) == titles(terminal).count(POP)
