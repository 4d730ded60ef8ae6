"""Keys typed while a link is lost arrive whole, or are dropped with a notice."""

from __future__ import annotations

import json
import os

import pytest

from sesh.client import channel
from sesh.remote.ssh import ssh
from tests.remote.via import Beside, ViaHost
from tests.support import PROMPT, Home, Terminal, processes, wait_until

LINGERING = """#!/bin/sh
[ -e {} ] && exit 1
exec 3<&0
"$@" <&3 &
echo $! >pid
wait
exec >&- sleep 1000
"""
"""A `via` command that goes on after its link has ended."""
PIECES = (b"rm -rf ./build; ", b"P" * 3000, b"# " + b"Q" * 3000, b"rm -rf ", b"./precious\r")


@pytest.fixture
def far(beside: Beside) -> ViaHost:
    return beside("there")


def attached(home: Home) -> Terminal:
    """Return a terminal on a session that writes what is typed to the file `typed`."""
    terminal = home.terminal("@there", "work")
    terminal.wait_for(PROMPT)
    terminal.type("stty raw -echo; echo be''gun; exec cat >typed\r")
    terminal.wait_for("begun")
    return terminal


def cut(far: ViaHost, terminal: Terminal) -> None:
    far.away()
    terminal.wait_until(lambda: "Enter tries" in terminal.text(), "the loss is said")


def typed_in_pieces(terminal: Terminal, *pieces: bytes) -> None:
    for piece in pieces:
        terminal.type(piece)
        terminal.wait_until(lambda: processes.rested([terminal.pid]), "it is read")


@pytest.mark.soak
@pytest.mark.needs_fork("a smaller bound of input")
def test_what_is_typed_without_a_link_is_kept_up_to_a_bound(
    home: Home, far: ViaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "MAX_UNFRAMED_INPUT", 5000)
    terminal = attached(home)
    cut(far, terminal)
    typed_in_pieces(terminal, *PIECES)
    far.back()
    kept = wait_until(
        lambda: typed if len(typed := far.read("typed").encode()) >= 5000 else b"", "the host has all that was typed"
    )
    assert b"".join(PIECES[:3]).startswith(kept)


def test_who_leaves_without_a_link_is_told_that_the_keys_were_not_delivered(home: Home, far: ViaHost) -> None:
    """The keys were dropped without a word."""
    terminal = attached(home)
    cut(far, terminal)
    typed_in_pieces(terminal, b"echo one\r")
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    assert terminal.termios() == terminal.first_termios
    assert b"; keys typed last may not have arrived]" in terminal.raw
    assert (far.read("typed"), far.names()) == ("", ["work"])


@pytest.mark.soak
@pytest.mark.needs_fork("a command that is waited for without end")
def test_a_command_that_outlives_its_link_keeps_nobody_from_the_next_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client waited for the end of the command, and read no key meanwhile."""
    monkeypatch.setattr(ssh, "EXIT_TIMEOUT", 1000.0)
    down = os.path.join(home.path, "down")
    reach = home.write("bin/reach", LINGERING.format(down), 0o755)
    home.write(".config/sesh/config.toml", f"[remotes.there]\nvia = {json.dumps(reach)}\n")
    terminal = attached(home)
    home.write("down", "")
    with open(os.path.join(home.path, "pid"), encoding="utf-8") as file:
        processes.kill([int(file.read())])
    terminal.wait_until(lambda: "Enter tries" in terminal.text(), "the loss is said")
    os.unlink(down)
    terminal.type(b"typed")
    path = os.path.join(home.path, "typed")
    wait_until(lambda: os.path.getsize(path) == len(b"typed"), "the program has what was typed")
