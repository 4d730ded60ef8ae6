"""The detach key ends a waiting sesh at once, and creates nothing anywhere."""

from __future__ import annotations

import os

import pytest

from sesh.ops import lookup
from tests.remote.farm import Farm
from tests.remote.via import Beside
from tests.support import Home, Terminal, wait_until


def left(terminal: Terminal, key: bytes, said: str = "interrupted") -> None:
    """Check that the key ends sesh with 130, and that sesh says so."""
    terminal.type(key)
    assert terminal.exit_code() == 130
    assert said in terminal.text()


def test_while_a_name_is_looked_for_the_key_creates_nothing(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session was created here 1.9 s later, and hid the real one."""
    far = beside("box")
    assert home.sesh("@box", "--open", "work").code == 0
    far.fall_silent()
    monkeypatch.setattr(lookup, "HOST_TIMEOUT", 60)
    terminal = home.terminal("work", columns=100)
    terminal.wait_for("looking for work on @box")
    left(terminal, b"\x1c")
    assert home.names() == []
    wait_until(lambda: not home.processes())


def test_while_it_connects_to_a_host_or_pushes_files(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    far.proxy.silence()
    for words in (["@box", "work"], ["@box", "--new", "work"]):
        calls = len(farm.connections())
        terminal = home.terminal(*words)
        terminal.wait_until(lambda calls=calls: len(farm.connections()) > calls)  # type: ignore[misc]
        left(terminal, b"\x1c")
    far.proxy.restore()
    home.write(".config/sesh/sync", "stuff\n")
    home.write("stuff", os.urandom(1 << 20))
    assert home.sesh("@box", "--list").code == 0
    far.proxy.silence()
    calls = len(farm.connections())
    terminal = home.terminal("@box", "work")
    terminal.wait_until(lambda: len(farm.connections()) > calls)
    left(terminal, b"\x1c")
    far.proxy.restore()
    assert far.names() == home.names() == []


def test_at_ssh_s_own_question(home: Home, farm: Farm) -> None:
    far = farm.host("box", sshd={"PasswordAuthentication": "yes"}, config={"IdentityFile": "/nonexistent"})
    terminal = home.terminal("@box", "work")
    terminal.wait_for("assword:")
    left(terminal, b"\x1c", said="")
    assert far.names() == []
    wait_until(lambda: not farm.masters())
