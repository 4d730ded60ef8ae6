"""What is typed while a link is down arrives whole, or is dropped from some byte on; and the person is told."""

from __future__ import annotations

import json
import os
import sys

import pytest

from tests.remote.patches import patch
from tests.support import PROMPT, Home, Terminal, processes, wait_until

LOST = "Enter tries"
SMALL = """
from sesh.client import unacknowledged_input
unacknowledged_input.LIMIT = 5000
"""


SLOW_END = """
from sesh.remote.ssh import link
link._EXIT_TIMEOUT = 1000.0
"""
LINGERING = """#!/bin/sh
[ -e {} ] && exit 1
exec 3<&0
"$@" <&3 &
echo $! >pid
wait
exec >&- sleep 1000
"""
"""A way to the host that goes on after the link."""


class There:
    """`@there`: this machine, by a command that can be made to fail."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.down = os.path.join(home.path, "down")
        reach = home.write("bin/reach", f'#!/bin/sh\n[ -e {self.down} ] && exit 1\necho $$ >pid\nexec "$@"\n', 0o755)
        home.write(".config/sesh/config.toml", f"[remotes.there]\nvia = {json.dumps(reach)}\n")
        home.env["PATH"] = f"{os.path.dirname(sys.executable)}:{home.env['PATH']}"

    def attach(self) -> Terminal:
        """A terminal on a session that writes what is typed to the file `typed`."""
        terminal = self.home.terminal("@there", "work")
        terminal.wait_for(PROMPT, 15)
        terminal.type("stty raw -echo; echo be''gun; exec cat >typed\r")
        terminal.wait_for("begun")
        return terminal

    def cut(self, terminal: Terminal) -> None:
        self.home.write("down", "")
        with open(os.path.join(self.home.path, "pid"), encoding="utf-8") as file:
            processes.kill([int(file.read())])
        terminal.wait_until(lambda: LOST in terminal.text(), what="the loss is said")

    def typed(self) -> bytes:
        with open(os.path.join(self.home.path, "typed"), "rb") as file:
            return file.read()


@pytest.fixture
def there(home: Home) -> There:
    return There(home)


def typed_in_pieces(terminal: Terminal, *pieces: bytes) -> None:
    for piece in pieces:
        terminal.type(piece)
        while terminal.pump(0.3):
            continue


PIECES = (b"rm -rf ./build; ", b"P" * 3000, b"# " + b"Q" * 3000, b"rm -rf ", b"./precious\r")


def test_what_is_typed_while_the_link_is_down_lacks_nothing_in_its_middle(there: There) -> None:
    """Of 6,037 bytes 3,034 arrived: a piece over 4 KiB was dropped, and those behind it were kept."""
    terminal = there.attach()
    there.cut(terminal)
    typed_in_pieces(terminal, *PIECES)
    os.unlink(there.down)
    wait_until(lambda: there.typed() == b"".join(PIECES), 20)
    assert "dropped" not in terminal.text()


def test_what_follows_dropped_input_is_dropped_as_well_and_said(there: There) -> None:
    patch(there.home, SMALL)
    terminal = there.attach()
    there.cut(terminal)
    typed_in_pieces(terminal, *PIECES)
    terminal.wait_for("dropped")
    os.unlink(there.down)
    wait_until(lambda: there.typed() != b"", 20)
    terminal.wait_for("was dropped")
    terminal.type(b"late\r")  # the end of the same paste, as far as anybody can tell
    while terminal.pump(1.5):
        continue
    terminal.type(b"anew\r")
    wait_until(lambda: there.typed().endswith(b"anew\r"))
    kept = there.typed()[: -len(b"anew\r")]
    assert 5000 <= len(kept) < len(b"".join(PIECES))
    assert b"".join(PIECES).startswith(kept)


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (b"\x1c", "[detached from work@there; what was typed"),
        (b"\x03", "work may still run there; what was typed"),
        (b"\x1b[99;133u", "work may still run there; what was typed"),  # kitty's, with Num Lock
        (b"\x03x", "work may still run there; what was typed"),
    ],
)
def test_who_leaves_without_a_link_is_told_that_the_keys_were_not_delivered(
    there: There, key: bytes, line: str
) -> None:
    """They were gone without a word."""
    terminal = there.attach()
    there.cut(terminal)
    typed_in_pieces(terminal, b"echo one\r", key)
    terminal.exit_code()
    assert line in terminal.text()
    assert "was not delivered]" in terminal.text()
    assert there.typed() == b""


def test_a_command_that_outlives_its_link_keeps_nobody_from_the_next_one(there: There) -> None:
    """The client waited for its end, and read no key meanwhile."""
    patch(there.home, SLOW_END)
    there.home.write("bin/reach", LINGERING.format(there.down), 0o755)
    terminal = there.attach()
    there.cut(terminal)
    os.unlink(there.down)
    terminal.type(b"typed")
    wait_until(lambda: there.typed() == b"typed", 20)
