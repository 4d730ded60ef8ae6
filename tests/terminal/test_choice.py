"""Questions to a person: one look, one key, and a terminal that is as it was."""

from __future__ import annotations

import re

import pytest

from tests.support import PROMPT, Home, Terminal

ASK = "sesh --new work -d; echo code=$?"


@pytest.fixture
def opened(home: Home) -> Terminal:
    """A shell beside a session `work`."""
    home.sesh("--open", "work", "--", "sleep", "600")
    terminal = home.terminal(command=["bash"])
    terminal.wait_for(PROMPT)
    return terminal


def ask(opened: Terminal, turn: int) -> None:
    """Has `sesh --new work -d` put its question, which stands below the number of the turn."""
    opened.type(f"clear; echo turn {turn}; {ASK}\r")
    opened.wait_for(re.compile(rf"^turn {turn}\nwork already runs.*Cancel", re.DOTALL))


def test_one_key_or_arrows_and_enter_choose(opened: Terminal) -> None:
    choices = ("n", "work-2"), ("\r", "work"), ("\x1b[C\x1bOC\r", "work-3"), ("zz\x1b[110u", "work-4")
    for turn, (keys, said) in enumerate(choices):
        ask(opened, turn)
        opened.type(keys)
        opened.wait_for(re.compile(rf"\n{said}\ncode=0\n{PROMPT}", re.DOTALL))


def test_escape_declines_ctrl_c_interrupts_and_the_terminal_is_as_before(opened: Terminal, home: Home) -> None:
    opened.type("stty -a > before\r")
    for turn, (keys, code) in enumerate((("C", 1), ("q", 1), ("\x1b", 1), ("\x04", 1), ("\x1b[D\r", 1), ("\x03", 130))):
        ask(opened, turn)
        opened.type(keys)
        opened.wait_for(re.compile(rf"code={code}\n{PROMPT}"))
    opened.type("stty -a > after; echo wri''tten\r")
    opened.wait_for("written")
    assert home.names() == ["work"]
    with open(f"{home.path}/before") as before, open(f"{home.path}/after") as after:
        assert before.read() == after.read()


def test_a_dumb_terminal_gets_letters(home: Home) -> None:
    home.sesh("--open", "work", "--", "sleep", "600")
    for typed, code, term in (("c", 1, "dumb"), ("\n", 0, "dumb"), ("xn", 0, "")):
        opened = home.terminal(command=["sh", "-c", f"{ASK}; read end"], env={"TERM": term})
        opened.wait_for(re.compile(r"j\) Join\n +r\) Replace\n +n\) New: work-\d\n +q\) Cancel"))
        opened.type(typed)
        opened.wait_for(f"code={code}")
        assert b"\x1b" not in opened.raw
