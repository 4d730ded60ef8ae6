"""Questions to a person: one look, one key, and a terminal that is as it was."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.support import PROMPT, Home, Result, Terminal

Sesh = Callable[..., Result]


def asked(home: Home, columns: int = 80) -> Terminal:
    """A shell in which `sesh --new work -d` has just put its question."""
    home.sesh("--open", "work")
    opened = home.terminal(command=["bash"], columns=columns)
    opened.wait_for(PROMPT)
    opened.type("stty -a > before; sesh --new work -d; echo code=$?; stty -a > after\r")
    opened.wait_for(re.compile(r"work already runs"))
    opened.wait_for("Cancel")
    return opened


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("n", "work-2"),
        ("\r", "work"),
        ("\x1b[C\x1bOC\r", "work-2"),
        ("\x1b[D\x1bOA\r", "work-2"),
        ("zz\x1b[110u", "work-2"),
    ],
)
def test_one_key_or_arrows_and_enter_choose(home: Home, keys: str, said: str) -> None:
    opened = asked(home)
    opened.type(keys)
    opened.wait_for(re.compile(rf"\n{said}\ncode=0", re.DOTALL))


@pytest.mark.parametrize(
    ("keys", "code"),
    [("C", 1), ("q", 1), ("\x1b", 1), ("\x04", 1), ("\x1b[D\r", 1), ("\x03", 130)],
)
def test_escape_declines_and_ctrl_c_interrupts(home: Home, keys: str, code: int) -> None:
    opened = asked(home)
    opened.type(keys)
    opened.wait_for(f"code={code}")
    assert home.names() == ["work"]
    opened.wait_for(re.compile(rf"code={code}\n{PROMPT}"))
    with open(f"{home.path}/before") as before, open(f"{home.path}/after") as after:
        assert before.read() == after.read()


@pytest.mark.parametrize("no", ["n", "q", "\x1b"])
def test_a_question_names_its_way_out_and_rings_at_a_key_that_is_no_answer(home: Home, no: str) -> None:
    """`[A/c]` showed no way out, and swallowed n and q; the c typed next created a session."""
    home.sesh("--open", "train", "--", "sleep", "60")
    opened = home.terminal("trian")
    opened.wait_for("[A/c/q]")
    opened.wait_for("Nothing")
    opened.type("z")
    opened.wait_until(lambda: opened.raw.endswith(b"\a"))
    opened.type(no)
    assert opened.exit_code() == 1
    opened.wait_for("nothing was done")
    assert home.names() == ["train"]


@pytest.mark.parametrize(
    ("typed", "said", "term"),
    [
        ("3\r", "code=0", "dumb"),
        ("n\r", "code=0", ""),
        ("9\rcancel\r", "code=1", "dumb"),
        ("9\rc\r", "code=1", "dumb"),
        ("9\rq\r", "code=1", "dumb"),
    ],
)
def test_a_dumb_terminal_gets_a_numbered_question(home: Home, typed: str, said: str, term: str) -> None:
    home.sesh("--open", "work")
    opened = home.terminal(command=["sh", "-c", "sesh --new work -d; echo code=$?; read end"], env={"TERM": term})
    opened.wait_for(
        re.compile(r"1\) Join\n +2\) Replace\n +3\) New: work-2\n +4\) Cancel\nnumber, or q to leave \[1\]:")
    )
    opened.type(typed)
    opened.wait_for(said)
    assert b"\x1b" not in opened.raw


def test_without_a_terminal_the_error_says_which_option_to_give(sesh: Sesh) -> None:
    sesh("--open", "work")
    result = sesh("--new", "work", "-d")
    assert result.code == 1
    assert "choose --join, --replace or --new-name" in result.stderr
