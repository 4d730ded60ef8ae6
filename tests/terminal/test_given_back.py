"""A terminal that was left has its own colours, tab stops and cursor again."""

from __future__ import annotations

import re

import pytest

from sesh.client.reports import ASK_RESET
from tests.support import Home, Open, Terminal

LEAVE = b"\x1c"
#: What a program sets, what its terminal is asked before, what that replies, and what gives it back.
CHANGES = {
    "palette": (
        r"\x1b]4;1;#123456\x07",
        b"\x1b]4;1;?\x1b\\",
        b"\x1b]4;1;rgb:aa/bb/cc\x07",
        b"\x1b]4;1;rgb:aa/bb/cc\x1b",
    ),
    "shape": (r"\x1b[2 q", b"\x1bP$q q\x1b\\", b"\x1bP1$r6 q\x1b\\", b"\x1b[6 q"),
    "kitty's flags": (r"\x1b[=5u", b"\x1b[?u", b"\x1b[?1u", b"\x1b[=1;1u"),
    "tab stops": (r"\x1b[3g", b"\x1b[2$w", b"\x1bP2$u5/9\x1b\\", b"\x1bP2$t5/9\x1b\\"),
}
READS = "import os, tty; tty.setraw(0); os.write(1, b'%sready'); os.write(1, repr(os.read(0, 99)).encode())"


def leave(window: Terminal) -> bytes:
    """Leave, and reply to what sesh may ask then; return what the terminal was sent from the key on."""
    window.wait_until(lambda: not window.pump(), "no output is on its way")
    start = len(window.raw)
    window.type(LEAVE)
    window.wait_for_raw(b"[detached from", start=start)
    window.type(b"\x1b[?7373;0$y\x1b[?62c")
    assert window.exit_code() == 0
    return bytes(window.raw[start:])


@pytest.mark.parametrize("name", CHANGES)
def test_what_the_session_set_goes_back_each_time(home: Home, terminal: Open, name: str) -> None:
    change, query, reply, back = CHANGES[name]
    program = READS % change
    home.sesh("open", "work", "--", "python3", "-c", program)
    home.sesh("wait", "work", "--for", "ready", "--timeout", "30")
    for _ in range(2):
        window = terminal("work")
        window.wait_for_raw(query)
        window.type(reply)
        assert back in leave(window)


def asked(terminal: Open) -> Terminal:
    """Return a terminal that was asked for its palette, and has not replied; the program reads one key."""
    change, query, _, _ = CHANGES["palette"]
    window = terminal("work", "--", "python3", "-c", READS % change + "; os.read(0, 1)")
    window.wait_for_raw(query)
    window.wait_for("ready")
    return window


def test_the_program_sees_no_reply_to_what_sesh_asked(terminal: Open) -> None:
    window = asked(terminal)
    window.type(CHANGES["palette"][2] + b"key")
    window.wait_for("b'key'")


def test_a_key_that_may_begin_a_reply_arrives_though_none_follows(terminal: Open) -> None:
    window = asked(terminal)
    window.type(b"\x1b")
    window.wait_for(r"b'\x1b'")


def test_a_reply_that_comes_while_leaving_is_given_back(terminal: Open) -> None:
    change, query, reply, back = CHANGES["palette"]
    program = READS % change
    window = terminal("work", "--", "python3", "-c", program)
    window.wait_for_raw(query)
    window.wait_for("ready")
    window.type(LEAVE)
    window.wait_for_raw(ASK_RESET)
    window.type(reply + b"\x1b[?7373;0$y\x1b[?62c")
    assert window.exit_code() == 0
    assert back in window.raw


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_a_reply_of_which_a_part_comes_before_leaving_is_given_back(terminal: Open, cut: int) -> None:
    change, query, reply, back = CHANGES["palette"]
    program = READS % change
    window = terminal("work", "--", "python3", "-c", program)
    window.wait_for_raw(query)
    window.wait_for("ready")
    window.type(LEAVE + reply[:cut])
    window.wait_for_raw(ASK_RESET)
    window.type(reply[cut:] + b"\x1b[?7373;0$y\x1b[?62c")
    assert window.exit_code() == 0
    assert back in window.raw


@pytest.mark.parametrize("name", ["screen", "screen.xterm-256color", "linux"])
def test_a_terminal_that_prints_strings_is_sent_no_query_in_one(home: Home, name: str) -> None:
    change, query, _, _ = CHANGES["shape"]
    home.env["TERM"] = name
    home.env.pop("TMUX", None)
    with home.terminal("work", "--", "python3", "-c", READS % (change + r"\x1b[3g")) as window:
        window.wait_for_raw(CHANGES["tab stops"][1])
        assert query not in window.raw


def test_what_the_session_never_set_is_left_alone(terminal: Open) -> None:
    window = terminal("work", "--", "sh", "-c", "printf ready; exec cat")
    window.wait_for("ready")
    leave(window)
    assert not re.search(rb"\x1b\[[0-9]* q|\x1b\](?:4|1[0-9]|10[0-9]|11[0-9]);|\x1b\[3g|\x1bP|\x1b\[2\$w", window.raw)
