r"""Ctrl-\ before there is an attachment: at each wait it leaves at once, and nothing is created, here or there."""

from __future__ import annotations

import os
import signal

import pytest

from tests.remote.farm import Farm
from tests.remote.patches import command, patch
from tests.support import Home, Terminal, wait_until

PATIENT = """
from sesh.ops import lookup
lookup.PATIENCE = 60
"""

KEYS = pytest.mark.parametrize("key", [b"\x1c", b"\x03"], ids=["quit", "interrupt"])
STRUCK = """
import os
from sesh.remote.ssh.link import Link
from sesh.remote.sync import sync

step, key = sys.argv[1], int(sys.argv[2])
sys.argv[1:3] = []
asked = Link.open_session

def struck(link, verb, *words, **options):
    if verb != "enter":
        return asked(link, verb, *words, **options)
    if step == "made":
        asked(link, verb, *words, **options)
    os.kill(os.getpid(), key)
    raise SystemExit("the key was not heard")

Link.open_session = struck
"""
"""The key comes when a host is asked to create a session: once that was sent, or when it has made it."""


def left(terminal: Terminal, key: bytes, said: str = "interrupted") -> None:
    """The key leaves, with 130 and a word."""
    terminal.type(key)
    assert terminal.exit_code(timeout=10) == 130
    assert said in terminal.text()


@KEYS
def test_while_a_name_is_looked_for_the_key_creates_nothing(home: Home, farm: Farm, key: bytes) -> None:
    """The session was made here 1.9 s later, and hid the real one from then on."""
    far = farm.host("box", proxied=True)
    assert home.sesh("@box", "--open", "work").code == 0
    far.proxy.silence()
    patch(home, PATIENT)
    terminal = home.terminal("work", columns=100)
    terminal.wait_for("looking for work on @box")
    left(terminal, key)
    assert home.names() == []
    wait_until(lambda: not [pid for pid in home.processes() if pid not in farm.masters()])


@KEYS
def test_while_it_connects_to_a_host(home: Home, farm: Farm, key: bytes) -> None:
    far = farm.host("box", proxied=True)
    far.proxy.silence()
    for words in (["@box", "work"], ["@box", "--new", "work"], ["@box", "--attach", "work"]):
        calls = len(farm.connections())
        terminal = home.terminal(*words)
        terminal.wait_until(lambda calls=calls: len(farm.connections()) > calls)  # type: ignore[misc]
        left(terminal, key)
    far.proxy.restore()
    assert far.names() == home.names() == []


@KEYS
def test_at_ssh_s_own_question(home: Home, farm: Farm, key: bytes) -> None:
    far = farm.host("box", sshd={"PasswordAuthentication": "yes"}, config={"IdentityFile": "/nonexistent"})
    terminal = home.terminal("@box", "work")
    terminal.wait_for("assword:")
    left(terminal, key, said="")
    assert far.names() == []


def test_while_files_are_pushed(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    home.write(".config/sesh/sync", "stuff\n")
    home.write("stuff", os.urandom(1 << 20))
    assert home.sesh("@box", "--list").code == 0
    far.proxy.silence()
    calls = len(farm.connections())
    terminal = home.terminal("@box", "work")
    terminal.wait_until(lambda: len(farm.connections()) > calls)
    left(terminal, b"\x1c")
    far.proxy.restore()
    assert far.names() == []


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGINT])
def test_what_a_host_was_asked_to_create_is_looked_for_and_named(
    home: Home, farm: Farm, number: signal.Signals
) -> None:
    far = farm.host("box")
    words = command(home, STRUCK)
    terminal = home.terminal(command=[*words, "asked", str(int(number)), "@box", "work"], columns=120)
    assert terminal.exit_code(timeout=15) == 130
    assert far.names() == (["work"] if "work@box is there already" in terminal.text() else [])
    home.sesh("@box", "--kill-all", "-y")
    terminal = home.terminal(command=[*words, "made", str(int(number)), "@box", "work"], columns=120)
    assert terminal.exit_code(timeout=15) == 130
    said = "sesh: interrupted; work@box is there already and goes on; `sesh @box --kill work` ends it"
    assert terminal.text().strip() == said
    assert far.names() == ["work"]
