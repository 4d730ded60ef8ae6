"""Hosts that send without end what costs the client nothing to take, and memory to keep."""

from __future__ import annotations

import json
import os
import re
import sys

import pytest

from tests.support import ROOT, Home, Terminal

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of a process is read from /proc")

DETACH = b"\x1c"
SENT = {"crumbs": 1 << 20}
"""Bytes that the host sends before anybody looks, where they are fewer than 8 MiB: each of these took a hundred."""
RARE = ("pings", "notices", "tellings", "titles")
"""Kept in bounds of their own, which rarely change."""
MOST = 6 << 20
"""What the client may take beyond what it had when the session was shown."""


class Flood:
    """`@evil`, which floods a client that attaches."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.gone = os.path.join(home.path, "gone")
        home.env |= {"PYTHONPATH": ROOT, "ATTEMPTS": self.gone, "SESH_NO_SYNC": "1", "TERM": "xterm-kitty"}

    def attach(self, attack: str) -> Terminal:
        words = f"{sys.executable} -m tests.faults.bridges {attack}"
        self.home.write(".config/sesh/config.toml", f"[remotes.evil]\nvia = {json.dumps(words)}\n")
        return self.home.terminal("@evil", "work")

    def sent(self) -> int:
        try:
            with open(self.gone, encoding="utf-8") as file:
                return int(file.read() or 0)
        except FileNotFoundError:
            return 0


def peak(pid: int) -> int:
    """Bytes that a process has had in memory at the most."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
    assert found is not None
    return int(found[1]) << 10


@pytest.fixture
def flood(home: Home) -> Flood:
    return Flood(home)


@pytest.mark.parametrize(
    "attack",
    ["crumbs", "held"],
)
def test_a_host_that_floods_takes_bounded_memory_and_is_left_at_once(flood: Flood, attack: str) -> None:
    terminal = flood.attach(attack)
    terminal.wait_for_raw(b"hello")  # which the flood soon scrolls away
    before = peak(terminal.pid)
    terminal.wait_until(lambda: flood.sent() > SENT.get(attack, 8 << 20), 120)
    assert peak(terminal.pid) < before + MOST
    terminal.type(DETACH)
    assert terminal.exit_code(5) == 0
    assert terminal.termios() == terminal.first_termios


def test_a_ping_is_short(flood: Flood) -> None:
    terminal = flood.attach("long-ping")
    assert terminal.exit_code() == 1
    assert "malformed" in terminal.text()
    assert terminal.termios() == terminal.first_termios
