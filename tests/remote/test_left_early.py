r"""Ctrl-\ before there is an attachment: at each wait it leaves at once, and nothing is created, here or there."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.remote.farm import Farm
from tests.remote.patches import command, patch
from tests.remote.test_lookup import PATIENT
from tests.support import Home, Terminal, wait_until

KEYS = pytest.mark.parametrize("key", [b"\x1c", b"\x03"], ids=["quit", "interrupt"])
KEY_AND_INTERRUPT = pytest.mark.parametrize(
    "key", [b"\x1c", pytest.param(b"\x03", marks=pytest.mark.soak)], ids=["quit", "interrupt"]
)
"""Where a wait is dear to come to; at the others both keys are tried in each run."""
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
    began = time.monotonic()
    terminal.type(key)
    assert terminal.exit_code(timeout=10) == 130
    assert time.monotonic() - began < 5
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


@KEY_AND_INTERRUPT
def test_while_a_host_is_waited_for_that_had_the_name(home: Home, farm: Farm, key: bytes) -> None:
    far = farm.host("box", proxied=True)
    assert home.sesh("@box", "--open", "work").code == 0
    assert home.sesh("@box", "--list").code == 0
    far.proxy.refuse()
    far.proxy.cut()
    asked = home.terminal("work", columns=100)
    asked.wait_for("Create here")
    left(asked, key)
    waits = home.terminal("work", columns=100)
    waits.wait_for("Create here")
    waits.type("w")
    waits.wait_for("waiting for @box; Ctrl-C stops")
    left(waits, key)
    assert home.names() == []


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


@KEY_AND_INTERRUPT
def test_at_the_offer_to_deploy_and_at_the_question_which_host(home: Home, farm: Farm, key: bytes) -> None:
    bare = farm.host("bare", installed=False)
    terminal = home.terminal("@bare", "work")
    terminal.wait_for("deploy it there?")
    left(terminal, key)
    assert not bare.exists(".local/bin/sesh")
    for word in ("one", "two"):
        far = farm.host(word)
        assert home.sesh(far.at, "--open", "work").code == 0
    terminal = home.terminal("work")
    terminal.wait_for("Cancel")
    left(terminal, key)
    assert home.names() == []


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


def test_while_the_daemon_over_there_does_not_answer(home: Home, farm: Farm) -> None:
    far = farm.host("box")
    assert home.sesh("@box", "--open", "work").code == 0
    daemon = home.sesh("@box", "--status", "work", "--json").json()["daemon_pid"]
    far.run(f"kill -STOP {daemon}")
    try:
        terminal = home.terminal("@box", "work")
        terminal.wait_until(lambda: b"\x1b[?2004l" in terminal.raw or not terminal.termios()[3] & 2)
        left(terminal, b"\x1c", "[detached from work@box before its daemon answered]")
    finally:
        far.run(f"kill -CONT {daemon}")


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
