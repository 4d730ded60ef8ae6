"""Terminals of any kind and size, with typeahead, and with tmux between two sessions."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from tests.support import PROMPT, Home, Terminal, need, wait_until
from tests.terminal.looking import logs

KINDS = ("dumb", "")


@pytest.mark.parametrize("term", KINDS)
def test_every_kind_of_terminal_attaches_and_is_left(home: Home, term: str) -> None:
    home.env["TERM"] = term
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    terminal.type("echo on-$((40+2))\r")
    terminal.wait_for("on-42")
    terminal.type("\x1c")
    assert terminal.exit_code() == 0


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (500, 200)])
def test_every_size_attaches_picks_and_watches(home: Home, columns: int, rows: int) -> None:
    home.sesh("open", "work")
    for words, leaves in ((("work",), "\x1c"), (("pick",), "\x1b"), (("watch",), "\x1b")):
        terminal = home.terminal(*words, columns=columns, rows=rows)
        terminal.wait_for_raw(re.compile(rb"\x1b"))
        if words == ("work",):
            wait_until(lambda: home.summary("work")["attached"] == 1, "a terminal is attached to work")
        terminal.type(leaves)
        code = terminal.exit_code()
        assert code is not None, words
        assert code >= 0, words
    assert home.sesh("run", "work", "--", "echo alive").stdout == "alive\n"


def test_what_is_typed_ahead_in_the_shell_outside_arrives_in_the_session(home: Home) -> None:
    shell = home.terminal(command=[need("bash"), "--norc", "-i"])
    shell.wait_for(PROMPT)
    shell.type("sesh ta\recho early-$((40+2))\r")
    wait_until(lambda: "early-42" in logs(home, "ta"), "ta has printed 'early-42'")
    shell.type("\x1c")
    shell.wait_for_raw(b"[detached from ta")
    shell.type("exit\r")
    assert shell.exit_code() == 0


@pytest.fixture
def tmux(home: Home) -> Iterator[str]:
    """A tmux command line whose server belongs to this home and ends with the test."""
    words = [need("tmux"), "-S", f"{home.path}/t", "-f", "/dev/null"]
    yield shlex.join(words)
    subprocess.run([*words, "kill-server"], check=False, capture_output=True)  # no server runs if the test failed


def inside_tmux(home: Home, tmux: str) -> Terminal:
    """Start session beta; return a terminal attached to work, with tmux started in work."""
    home.sesh("open", "beta")
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    terminal.type(f"{tmux} new\r")
    terminal.wait_for("[0]")
    return terminal


def test_a_session_is_not_attached_in_itself_through_tmux(home: Home, tmux: str) -> None:
    """A session attached in itself would draw itself for ever, one row smaller each time."""
    terminal = inside_tmux(home, tmux)
    terminal.type(f"clear; {home.path}/bin/sesh work; echo code-$?\r")
    terminal.wait_for("code-1")
    assert home.summary("work")["attached"] == 1
    beta = home.terminal("beta")
    beta.wait_for(PROMPT)
    beta.type("\x1c")
    assert beta.exit_code() == 0
    work = home.terminal("work")  # attached last
    work.wait_for("code-1")
    work.type("\x1c")
    assert work.exit_code() == 0
    terminal.type(f"clear; {home.path}/bin/sesh -\r")
    wait_until(lambda: home.summary("beta")["attached"] == 1, "a terminal is attached to beta")
    assert home.summary("work")["attached"] == 1
    terminal.type("clear; echo in-$SESH_SESSION\r")  # this client shows beta
    terminal.wait_for("in-beta")
    mark = len(terminal.raw)
    terminal.type("sesh work\r")
    terminal.wait_for_raw(b"this terminal is in work already", start=mark)
    assert home.summary("work")["attached"] == 1
    assert home.summary("beta")["attached"] == 1
