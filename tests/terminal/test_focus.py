"""Whether a terminal is looked at: sesh asks for reports of its focus, and passes on those that the program wants."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sesh.client.display import reports_focus
from tests.support import PROMPT, Home, Result, Terminal, wait_until

Sesh = Callable[..., Result]

KITTY = {"KITTY_WINDOW_ID": "1"}
ON, OFF = b"\x1b[?1004h", b"\x1b[?1004l"
SHOWS = "stty raw -echo; printf 'ready\\r\\n'; cat -v"


def attached(home: Home, *words: str, env: dict[str, str] | None = None) -> Terminal:
    """A terminal that was asked for reports of its focus."""
    terminal = home.terminal(*(words or ("work",)), env=KITTY if env is None else env)
    terminal.wait_for_raw(ON)
    return terminal


def test_a_terminal_that_is_known_is_asked_and_gets_the_setting_back(home: Home) -> None:
    terminal = attached(home)
    terminal.wait_for(PROMPT)
    assert 1004 in terminal.modes
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    assert 1004 not in terminal.modes


def test_a_terminal_that_is_unknown_is_asked_for_nothing(home: Home) -> None:
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    terminal.type("echo done\r")
    terminal.wait_for("\ndone")
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    assert b"1004" not in terminal.raw


@pytest.mark.parametrize("reset", [r"\033[?1004h\033[?1004l", r"\033c", r"\033[!p"])
def test_it_is_asked_again_after_the_program_has_reset_it(home: Home, reset: str) -> None:
    terminal = attached(home)
    terminal.wait_for(PROMPT)
    start = len(terminal.raw)
    terminal.type(f"printf '{reset}'\r")
    printed = reset.replace(r"\033", "\x1b").encode()
    terminal.wait_until(lambda: ON in terminal.raw[start:].partition(printed)[2], 10, "the question again")
    assert 1004 in terminal.modes


def test_a_program_that_has_not_asked_sees_no_report_and_one_that_has_sees_each(home: Home) -> None:
    terminal = attached(home, "work", "--", "sh", "-c", SHOWS)
    terminal.wait_for("ready")
    terminal.type(b"a\x1b[I")
    terminal.type(b"b\x1b[")
    terminal.type(b"Oc")
    terminal.wait_for("abc")
    terminal.type(b"\x1b[?1004;1$y.")  # a reply that nobody has asked for
    terminal.wait_for("abc.")
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    other = home.terminal("asks", "--", "sh", "-c", f"printf '\\033[?1004h'; {SHOWS}", env=KITTY)
    other.wait_for("ready")
    wait_until(lambda: 1004 in other.modes)
    other.type(b"a\x1b[I")
    other.type(b"b\x1b[O")
    other.type(b"c")
    other.wait_for("a^[[Ib^[[Oc")


def test_a_program_that_asks_for_the_mode_hears_of_its_own_setting(home: Home) -> None:
    asks = "stty raw -echo; printf '\\033[?1004$pready\\r\\n'; cat -v"
    terminal = home.terminal("work", "--", "sh", "-c", "read x; " + asks, env=KITTY)
    terminal.wait_for_raw(ON)
    terminal.type("\r")
    terminal.wait_for("ready")
    terminal.type(b"\x1b[?1004;1$y")
    terminal.wait_for("^[[?1004;2$y")


def test_a_shell_out_of_focus_is_told_of_and_in_focus_it_is_not(sesh: Sesh, home: Home) -> None:
    """Only a program that asked for reports itself was."""
    terminal = attached(home)
    terminal.wait_for(PROMPT)
    terminal.type("\x1b[O\x1b[I")
    terminal.type("read -p 'first? ' x\r")
    wait_until(lambda: home.summary("work")["activity"]["question"] == "first?")
    terminal.type("\r")
    terminal.wait_for(PROMPT)
    terminal.type("sh -c 'sleep 0.7; printf \"second? \"; read x'\r")
    terminal.type("\x1b[O")
    terminal.wait_for_raw(b"\x1b]99;;work waits: second?\x1b\\")
    assert b"first?\x1b\\" not in terminal.raw


def test_another_version_of_the_daemon_goes_on_knowing_who_looks(sesh: Sesh, home: Home) -> None:
    terminal = attached(home)
    terminal.wait_for(PROMPT)
    terminal.type("sh -c 'read x; printf \"push it? \"; read x'\r")
    wait_until(lambda: home.summary("work")["activity"]["state"] == "waiting")
    terminal.type("\x1b[O")
    assert sesh("--reload", "work").code == 0
    sesh("--send", "work", "--enter")
    terminal.wait_for_raw(b"\x1b]99;;work waits: push it?\x1b\\", timeout=70)


@pytest.mark.parametrize(
    ("environment", "known"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "stranger"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, True),
        ({"TERM": "xterm", "XTERM_VERSION": "XTerm(379)"}, True),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "foot-extra"}, True),
        ({"TERM": "tmux-256color", "TMUX": "x"}, True),
        ({"TERM": "screen-256color", "KITTY_WINDOW_ID": "1"}, False),
        ({"TERM": "linux"}, False),
        ({}, False),
    ],
)
def test_terminals_are_known_by_their_environment(environment: dict[str, str], known: bool) -> None:
    assert reports_focus(environment) is known
