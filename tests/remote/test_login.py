"""Lost links to hosts with a login: sesh asks in place, and tries once."""

from __future__ import annotations

import os
import re
import signal
import termios
from functools import partial

import pytest

from tests.remote.accounts import ROOT
from tests.remote.farm import Farm, SshHost
from tests.support import PROMPT, Home, Terminal, processes, wait_until

pytestmark = pytest.mark.skipif(not ROOT, reason="a login with a password takes root")

SECRET = "far away"  # noqa: S105 (the test's own)
DETACH = b"\x1c"
WANTED = "no link to box since "
ENTER = "Enter logs in, Ctrl-C leaves"
LATER = 3.0
"""Seconds in which another attempt would be made: the first pause is a second."""


def refusals(far: SshHost) -> int:
    """Count the logins that were begun and not completed since sshd was started."""
    return len(re.findall("Connection (closed|reset) by authenticating user", far.sshd.messages()))


@pytest.fixture
def far(farm: Farm) -> SshHost:
    box = farm.host("box", sshd={"PasswordAuthentication": "yes", "PubkeyAuthentication": "no"}, proxied=True)
    box.account.set_password(SECRET)
    return box


def logged_in(home: Home, *words: str) -> Terminal:
    terminal = home.terminal("@box", *(words or ("work",)), columns=120)
    terminal.wait_for("password:")
    terminal.type(f"{SECRET}\r")
    terminal.wait_for(PROMPT)
    return terminal


def cut(far: SshHost) -> int:
    """Break the link; return how many logins were refused before."""
    before = refusals(far)
    far.proxy.cut()
    return before


def _prompted(terminal: Terminal, times: int) -> bool:
    return terminal.raw.count(b"password:") == times


def stands(terminal: Terminal, text: str = ENTER) -> None:
    """Wait until the terminal has shown `text`: by default, that Enter logs in."""
    start = len(terminal.raw)
    terminal.wait_until(lambda: text.encode() in terminal.raw[max(0, start - 4000) :], text, timeout=15)


@pytest.mark.soak
def test_lost_links_are_tried_no_more_once_refused_and_one_password_is_asked_for_on_enter(
    home: Home, far: SshHost
) -> None:
    terminal = logged_in(home)
    other = home.terminal("@box", "more", columns=120)
    other.wait_for(PROMPT)
    terminal.type("printf '\\033[?2004h'; echo be''fore; sleep 1; echo mea''nwhile\r")
    terminal.wait_for("before")
    before = cut(far)
    stands(terminal)
    stands(other)
    assert WANTED in terminal.text()
    wait_until(lambda: refusals(far) > before, "sshd notes the refusal")
    while terminal.pump(LATER):
        continue
    refused = refusals(far)
    while terminal.pump(LATER):
        continue
    assert refusals(far) == refused
    terminal.type("\r")
    terminal.wait_for(f"{far.user}@127.0.0.1's password:")
    assert terminal.termios()[3] & 1  # keys make signals again: the terminal is not raw at ssh's prompt
    terminal.type(f"{SECRET}\r")
    terminal.wait_for("meanwhile")
    assert 2004 in terminal.modes
    assert terminal.text().count("meanwhile") == 1
    other.type("\r")
    other.wait_until(
        lambda: "dropped" in other.text() and "dropped" not in "\n".join(other.screen()),
        "the word has scrolled out of the screen",
    )
    for each in (terminal, other):
        each.type("echo b''ack\r")
        each.wait_for(re.compile("^back", re.MULTILINE))
        each.type(DETACH)
        assert each.exit_code() == 0
    assert other.raw.count(b"password:") == 0
    assert refusals(far) == refused


@pytest.mark.soak
def test_a_link_in_doubt_has_no_rival_where_the_first_login_prompted(home: Home, farm: Farm, far: SshHost) -> None:
    """Only a refused login told that the first one, to push files, had prompted."""
    home.write(".config/sesh/sync", ".vimrc\n")
    home.write(".vimrc", "")
    terminal = home.terminal("@box", "work", columns=120)
    terminal.wait_for("password:")
    wait_until(lambda: not terminal.pump(0.1), "a person reads")
    terminal.type(f"{SECRET}\r")
    terminal.wait_for(PROMPT)
    wait_until(far.settled, "both sides are at rest")
    before = farm.connections()
    far.fall_silent()
    terminal.type("x")
    terminal.wait_for("no answer from box")
    assert farm.connections() == before
    far.end_silence()
    terminal.wait_for(f"{PROMPT} x")
    cut(far)
    stands(terminal)
    assert "ControlPath=none" in farm.connections()[-1], "an ssh of its own"


def test_nothing_typed_while_a_login_is_wanted_reaches_the_shell_and_who_does_not_log_in_leaves(
    home: Home, far: SshHost
) -> None:
    terminal = logged_in(home)
    fresh = terminal.first_termios
    terminal.type("cat >typed\r")
    wait_until(lambda: far.exists("typed"), "the host has the file 'typed'")
    far.proxy.refuse()
    cut(far)
    terminal.wait_until(lambda: "Enter tries" in terminal.text(), "the terminal shows 'Enter tries'")
    terminal.type(f"{SECRET}1\r")  # blindly
    far.proxy.restore()
    stands(terminal)
    terminal.type(f"{SECRET}2")
    terminal.type("\r")
    terminal.wait_for("password:")
    assert re.search(r"\[no link to box since [-\d: ]+; work keeps running; keys .* dropped\]", terminal.text())
    terminal.type(f"{SECRET}\r")
    terminal.wait_until(lambda: not terminal.termios()[3] & 2, "the terminal is in raw mode")
    terminal.type("after\r\x04")
    terminal.wait_for(re.compile(f"{PROMPT}\\s*$"))
    assert far.read("typed") == "after\n"
    cut(far)
    terminal.wait_for(ENTER)
    prompts = terminal.raw.count(b"password:")
    terminal.type("\r")
    terminal.wait_until(lambda: terminal.raw.count(b"password:") > prompts, "the password is asked for again")
    terminal.type(b"\x03")
    assert terminal.exit_code() == 1
    assert "lost the link to @box; work may still run there" in terminal.text()
    assert terminal.termios() == fresh


@pytest.mark.soak
def test_a_login_that_fails_is_offered_again_in_the_last_row(home: Home, far: SshHost) -> None:
    terminal = logged_in(home)
    cut(far)
    prompts = 1
    for secrets in (["wrong"] * 3, [SECRET]):
        terminal.wait_until(lambda: ENTER in terminal.screen()[-1], "Enter logs in")
        terminal.type("\r")
        for secret in secrets:
            prompts += 1
            terminal.wait_until(partial(_prompted, terminal, prompts), "a prompt")
            terminal.type(f"{secret}\r")
    terminal.wait_until(lambda: not terminal.termios()[3] & termios.ICANON, "the terminal is in raw mode")
    terminal.type("echo b''ack\r")
    terminal.wait_for(re.compile("^back", re.MULTILINE))
    assert ENTER not in terminal.text()
    terminal.type(DETACH)
    assert terminal.exit_code() == 0


@pytest.mark.soak
@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, *(pytest.param(number, marks=pytest.mark.soak) for number in (signal.SIGHUP, signal.SIGUSR1))],
)
def test_a_signal_leaves_the_terminal_as_it_was_while_a_login_is_wanted(
    home: Home, far: SshHost, number: signal.Signals
) -> None:
    terminal = logged_in(home)
    cut(far)
    stands(terminal)
    terminal.signal(number)
    assert terminal.exit_code() == 128 + number
    assert terminal.termios() == terminal.first_termios


@pytest.mark.soak
@pytest.mark.parametrize(
    ("number", "again"),
    [
        (signal.SIGHUP, False),
        (signal.SIGTERM, True),
        pytest.param(signal.SIGTERM, False, marks=pytest.mark.soak),
        pytest.param(signal.SIGHUP, True, marks=pytest.mark.soak),
    ],
)
def test_a_signal_at_ssh_s_prompt_ends_ssh_and_leaves_the_terminal_as_it_was(
    home: Home, farm: Farm, far: SshHost, number: signal.Signals, again: bool
) -> None:
    """The shell had no echo, and ssh read what was typed there."""
    line = '"$@"; echo "ended: $?"; read line'
    terminal = home.terminal(command=["sh", "-c", line, "sh", *home.command, "@box", "work"], columns=120)
    for prompt in range(1 + again):
        terminal.wait_until(partial(_prompted, terminal, prompt + 1), "a prompt")
        terminal.wait_until(lambda: not terminal.termios()[3] & termios.ECHO, "no echo")
        if prompt < again:
            terminal.type(f"{SECRET}\r")
            terminal.wait_for(PROMPT)
            cut(far)
            stands(terminal)
            terminal.type("\r")
    for _ in range(2):
        os.kill(processes.descendants(terminal.pid)[0], number)
    terminal.wait_for(f"ended: {128 + number}")
    assert terminal.termios() == terminal.first_termios
    assert farm.masters() == []


def test_keys_that_are_no_text_end_nothing_while_a_login_is_wanted(home: Home, far: SshHost) -> None:
    terminal = logged_in(home)
    cut(far)
    stands(terminal)
    prompts = terminal.raw.count(b"password:")
    terminal.type(b"\xe9\xff\r")
    terminal.wait_until(lambda: terminal.raw.count(b"password:") > prompts, "the password is asked for again")
    terminal.type(b"\x03")
    assert terminal.exit_code() == 1


def test_what_follows_a_session_ends_at_the_first_refusal(home: Home, far: SshHost) -> None:
    terminal = logged_in(home)
    terminal.type(DETACH)
    assert terminal.exit_code() == 0
    following = home.start("@box", "wait", "work", "--exit")
    passed = far.proxy.passed
    wait_until(lambda: far.proxy.passed > passed and far.settled(), "something has passed, and both sides are at rest")
    before = cut(far)
    out, err = following.communicate(timeout=30)
    assert following.returncode not in (0, -signal.SIGTERM), out
    assert "password" in err.decode()
    wait_until(lambda: refusals(far) > before, "sshd notes the refusal")
