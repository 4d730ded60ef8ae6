"""A command of `run` that waits for keys ends the call, and goes on; the next call does not wait for it."""

from __future__ import annotations

import os
import shlex
import sys

import pytest

from sesh.daemon.shell import key_watch
from tests.support import Home, need, says_who_reads, wait_until
from tests.terminal.looking import screen

pytestmark = says_who_reads

_PAGER = """import os, sys, termios, tty
modes = termios.tcgetattr(0)
tty.setcbreak(0)
os.write(1, b"page one\\n:")
while os.read(0, 1) != b"q":
    os.write(1, b"page two\\n:")
termios.tcsetattr(0, termios.TCSANOW, modes)
sys.exit(3)
"""


@pytest.fixture
def pager(home: Home) -> str:
    """Return the command of a pager, which `q` ends with exit code 3."""
    return f"{shlex.quote(sys.executable)} -IS {home.write('pager.py', _PAGER)}"


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a command that has waited for keys for half a second taken for one that needs a person."""
    monkeypatch.setattr(key_watch, "WAITED", 0.5)


NAME = os.path.basename(sys.executable)
WAY = "use it: sesh attach t, or send keys: sesh send t --key q"


@pytest.mark.needs_fork("a program that gets less time")
@pytest.mark.usefixtures("soon")
def test_a_command_that_waits_for_keys_goes_on_alone_and_the_next_ones_are_refused(home: Home, pager: str) -> None:
    """The call waited for its timeout, and so did each call behind it."""
    assert home.sesh("open", "t", "--", "bash").code == 0
    first = home.start("run", "t", "--", pager)
    wait_until(lambda: "page one" in screen(home, "t"), "t shows 'page one'")
    behind = home.start("run", "t", "--", "touch never")
    out, err = first.communicate(timeout=60)
    assert (first.returncode, out) == (255, b"page one\n")
    assert err.decode() == f"sesh: {NAME} waits for keys in t, and the command goes on; {WAY}\n"
    refused = f"{NAME} waits for keys in t; this command did not run; {WAY}"
    _, err = behind.communicate(timeout=60)
    assert (behind.returncode, err.decode()) == (125, f"sesh: {refused}\n")
    next_one = home.sesh("run", "t", "--timeout", "50", "--json", "--", "touch never")
    assert (next_one.code, next_one.json()["error"]) == (125, {"code": "busy", "message": refused})
    home.sesh("send", "t", "--key", "q")
    assert home.sesh("run", "t", "--", "echo after").stdout == "after\n"
    assert not os.path.exists(f"{home.path}/never")
    assert [row["exit_code"] for row in home.sesh("history", "t", "--json").json()] == [3, 0]


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("less", "less long"),
        ("less", "LESS=X less long"),
        ("less", "seq 3000 | less"),
        ("less", "exec less long"),
        ("vim", "vim --clean long"),
        ("nvim", "nvim --clean long"),  # by a process of its own, which is at the other end of a socket
        ("htop", "htop"),  # draws all the time
        ("top", "top"),
        ("node", "NODE_REPL_HISTORY= node"),
        ("bash", "bash -c 'read -n1 -p \"Go on? \"'"),
    ],
)
def test_pagers_editors_and_repls_wait_for_keys(home: Home, name: str, command: str) -> None:
    need(name)
    home.write("long", "".join(f"{number}\n" for number in range(3000)))
    home.sesh("open", "t", "--env", "TERM=xterm-256color", "--", "bash")
    done = home.sesh("run", "t", "--timeout", "50", "--json", "--", command)
    assert (done.code, done.json()["error"]["code"]) == (255, "busy")
    assert done.json()["error"]["message"].startswith(f"{name} waits for keys in t, and the command goes on; ")


_RELAY = """import os, select, socket, tty
near, far = socket.socketpair()
tty.setraw(0)
select.select([0, near], [], [], 1.5)
"""
"""Passes keys on, as ssh does."""
_PROGRESS = """import os, threading, tty
tty.setraw(0)
threading.Thread(target=os.read, args=(0, 1), daemon=True).start()
for part in range(30):
    os.write(1, b"\\r%d/30" % part)
    threading.Event().wait(0.05)
os._exit(0)
"""
"""Reads keys beside its work, and shows how far that is."""


@pytest.mark.soak
@pytest.mark.needs_fork("a program that gets less time")
@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("shell", "command"),
    [
        ("bash", "read -s -n 1 -t 1.5; true"),
        ("zsh", "read -s -k 1 -t 1.5; true"),
        ("fish", "timeout --foreground 1.5 true; and echo so | read -s x"),
        ("bash", "stty -echo; timeout --foreground 1.5 cat; stty echo"),  # as for a password
        ("bash", "stty raw; sleep 1.5; stty sane"),
        ("bash", "bash -c 'read -n 1 -t 0.3'; sleep 1.5"),
        ("bash", "seq 3 | less -F; sleep 1.5"),
        ("bash", f"{shlex.quote(sys.executable)} -IS -c '{_RELAY}'; stty sane"),
        ("bash", f"{shlex.quote(sys.executable)} -IS -c '{_PROGRESS}'; stty sane"),
    ],
)
def test_what_asks_the_shell_or_in_lines_or_works_beside_its_keys_is_waited_for(
    home: Home, shell: str, command: str
) -> None:
    need("less")
    home.sesh("open", "t", "--", need(shell))
    done = home.sesh("run", "t", "--timeout", "50", "--", command)
    assert (done.code, done.stderr) == (0, "")
