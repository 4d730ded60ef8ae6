"""The detach key ends a waiting sesh at once, and creates nothing anywhere."""

from __future__ import annotations

import os
import re
import signal
import termios

import pytest

from sesh.cli import attach
from sesh.reach import find
from sesh.remote import known
from sesh.store import recent
from sesh.wire import messages
from tests.remote.farm import Farm
from tests.remote.via import Beside
from tests.support import PROMPT, Home, Terminal, wait_until


def left(terminal: Terminal, key: bytes, said: str = "interrupted") -> None:
    """Check that the key ends sesh with 130, and that sesh says so."""
    terminal.type(key)
    assert terminal.exit_code() == 130
    assert said in terminal.text()


def test_while_a_name_is_looked_for_the_key_creates_nothing(home: Home, beside: Beside) -> None:
    """The session was created here 1.9 s later, and hid the real one."""
    far = beside("box")
    assert home.sesh("@box", "open", "work").code == 0
    far.fall_silent()
    terminal = home.terminal("work", columns=100)
    terminal.wait_for("looking for work on @box")
    left(terminal, b"\x1c")
    assert home.names() == []
    wait_until(lambda: not home.processes(), "no process is left")


def test_while_it_connects_to_a_host_or_pushes_files(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    far.proxy.silence()
    for words in (["@box", "work"], ["@box", "new", "work"]):
        calls = len(farm.connections())
        terminal = home.terminal(*words)
        terminal.wait_until(lambda calls=calls: len(farm.connections()) > calls, "ssh has been called")  # type: ignore[misc]
        left(terminal, b"\x1c")
    far.proxy.restore()
    home.write(".config/sesh/sync", "stuff\n")
    home.write("stuff", os.urandom(1 << 20))
    assert home.sesh("@box", "list").code == 0
    far.proxy.silence()
    calls = len(farm.connections())
    terminal = home.terminal("@box", "work")
    terminal.wait_until(lambda: len(farm.connections()) > calls, "ssh has been called")
    left(terminal, b"\x1c")
    far.proxy.restore()
    assert far.names() == home.names() == []


@pytest.mark.needs_fork("Ctrl-C between two calls")
@pytest.mark.parametrize(("module", "function"), [(known, "cache_changes"), (attach, "_check_not_inside")])
@pytest.mark.parametrize("words", [["@box", "work"], ["@box", "new", "work"]], ids=["go", "new"])
def test_once_the_host_has_created_the_session_the_last_line_says_so(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch, module: object, function: str, words: list[str]
) -> None:
    """It said only `interrupted`."""
    far = beside("box")
    monkeypatch.setattr(module, function, lambda *_, **__: signal.raise_signal(signal.SIGINT))
    terminal = home.terminal(*words, columns=120)
    assert terminal.exit_code() == 130
    assert re.search(r"sesh: interrupted; work (runs|may have been created); .*: sesh @box", terminal.text())
    assert far.names() == ["work"]


def test_while_a_switch_connects_to_a_host_the_key_returns_to_the_session_that_was_left(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terminal printed the key, and went on waiting."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    far = beside("box")
    assert home.sesh("@box", "open", "work").code == 0
    terminal = home.terminal("one")
    terminal.wait_for(PROMPT)
    far.fall_silent()
    calls = len(far.links())
    find.request("one", messages.SWITCH, to="work", host="box")
    terminal.wait_until(lambda: len(far.links()) > calls, "another link has begun")
    terminal.type(b"\x1c")
    terminal.wait_until(lambda: not terminal.termios()[3] & termios.ICANON, "the session's terminal is raw")
    terminal.type("echo still-$SESH_SESSION\n")
    terminal.wait_for("still-one")


@pytest.mark.needs_fork("Ctrl-C between two calls")
def test_once_it_is_created_here_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "remember", lambda *_: signal.raise_signal(signal.SIGINT))
    terminal = home.terminal("work", columns=120)
    assert terminal.exit_code() == 130
    assert "sesh: interrupted; work runs; to return to it: sesh work" in terminal.text()
    assert home.names() == ["work"]


def test_at_ssh_s_own_question(home: Home, farm: Farm) -> None:
    far = farm.host("box", sshd={"PasswordAuthentication": "yes"}, config={"IdentityFile": "/nonexistent"})
    terminal = home.terminal("@box", "work")
    terminal.wait_for("assword:")
    left(terminal, b"\x1c", said="")
    assert far.names() == []
    wait_until(lambda: not farm.masters(), "no shared connection is left")
