"""`--reload` to a sesh that is broken: daemon, program and clients outlive it, whatever it is that fails, and when."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from tests.support import Home, Result, wait_until
from tests.terminal.test_reload import change, other, pids

Sesh = Callable[..., Result]

BROKEN = """
import os, sys, time
def broken(*_, **__):
    raise RuntimeError("it is broken")
"""
HANGS = "def hang(*_):\n    while True:\n        pass\n"
WAYS = {
    "import": ("loop/poller.py", "broken()"),
    "load": ("daemon/upgrade/state.py", "load = broken"),
    "listener": ("daemon/clients/listener.py", "Listener.accept = broken"),
    "read": ("daemon/pty/pump.py", "Pump.take = broken"),
    "write": ("daemon/pty/pump.py", "Pump.enter = broken"),
    "send": ("daemon/clients/connection.py", "Connection.flush = broken"),
    "attach": ("daemon/handler.py", "ClientHandler._attach = broken"),
    "input": ("daemon/handler.py", "ClientHandler.input = broken"),
    "resize": ("daemon/handler.py", "ClientHandler._resize = broken"),
    "screen": ("daemon/clients/relay.py", "Relay.serve = broken"),
    "request": ("daemon/requests.py", "REQUESTS['summary'] = broken"),
    "timer": ("loop/timers.py", "Timers.run = broken"),
    "turn": ("daemon/server.py", "Server._update_poller = broken"),
    "hang": ("daemon/server.py", HANGS + "Server._work = hang"),
    "sleep": ("daemon/server.py", "Server.turn = lambda self: time.sleep(1000)"),
    "exit": ("daemon/server.py", "Server._work = lambda *_: sys.exit(3)"),
    "end": ("daemon/server.py", "Server.turn = lambda self: os._exit(0)"),
    "abort": ("daemon/server.py", "Server.turn = lambda self: os.abort()"),
    "ending": ("daemon/ending.py", "Ending.begin = broken"),
}
"""What is broken: the file, and what is added to it."""
RARE = [
    "turn",
    "listener",
    "write",
    "send",
    "attach",
    "input",
    "resize",
    "screen",
    "timer",
    "exit",
    "abort",
    "ending",
    "sleep",
]
EACH = {way: pytest.param(way, marks=[pytest.mark.soak] if way in RARE else []) for way in WAYS}
"""Those that one of the others stands for are left to `.ci/run`."""
LINES = 'stty -echo; PS1=; i=0; echo rea""ding; while read -r x; do i=$((i+1)); echo "line $i $x"; done\r'


def used(home: Home, reload: Callable[[], object]) -> None:
    """Reloads a session while somebody types in it; all arrives once and in order, in the same processes."""
    person = home.terminal("work")
    person.wait_for("ready>")
    person.type(LINES)
    person.wait_for("reading")
    before = pids(home, "work")
    person.type("a\r")
    reload()
    home.sesh("--list")
    for at, word in enumerate("bcd"):
        person.type(f"{word}\r")
        person.wait_for(f"line {at + 2} {word}", timeout=40)
    assert pids(home, "work") == before
    assert re.findall(r"line (\d+) (\w)", person.text()) == [("1", "a"), ("2", "b"), ("3", "c"), ("4", "d")]
    person.type("\x04exit 5\r")
    assert person.exit_code() == 5


@pytest.mark.parametrize("way", EACH.values())
def test_a_version_that_is_broken_is_refused_and_the_session_goes_on(sesh: Sesh, home: Home, way: str) -> None:
    path, text = WAYS[way]
    sesh("--open", "work")
    mine = home.command

    def reload() -> None:
        home.command = other(home, "broken", path, BROKEN + text)
        if way in ("hang", "sleep"):
            change(home, "broken", "daemon/upgrade/trial.py", "LIMIT = 0.4\n")
        answer = sesh("--reload", "work", timeout=60)
        home.command = mine
        assert (answer.code, answer.stderr.count("\n")) == (1, 1)
        assert "cannot take over" in answer.stderr
        assert "work goes on unchanged" in answer.stderr
        assert ("it is broken" in answer.stderr) == ("broken" in text), answer.stderr

    used(home, reload)


def test_a_trial_leaves_nothing_behind(sesh: Sesh, home: Home) -> None:
    temporary = os.path.join(home.path, "tmp")
    os.mkdir(temporary)
    home.env["TMPDIR"] = temporary
    sesh("--open", "work")

    def files() -> list[str]:
        """A checkpoint may come at any moment."""
        return sorted(each for each in os.listdir(home.directory) if not each.startswith((".check", ".scroll")))

    before = files()
    assert sesh("--reload", "work").code == 0
    home.command = other(home, "broken", "daemon/server.py", BROKEN + WAYS["end"][1])
    assert sesh("--reload", "work").code == 1
    assert os.listdir(temporary) == []
    assert files() == before
    wait_until(lambda: len(home.processes()) == 2)
