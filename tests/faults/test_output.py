"""Output faster than the emulator: nothing is lost, and new clients get screens."""

from __future__ import annotations

import os

import pytest

from sesh.daemon.screen.feed import ScreenFeed
from sesh.vt.emulator import Emulator
from sesh.wire import protocol
from tests.faults.daemons import Daemons, resident
from tests.support import Home, wait_until

FLOOD = r'read go; yes "$(printf "%0120d\033[K" 0)" | head -n 6000; seq 1 3000; : >done; exec cat'
"""More than the emulator may lag, in a form for which it has no short cut."""
MAX_BURST = 512 << 10


@pytest.fixture
def halt(home: Home, monkeypatch: pytest.MonkeyPatch) -> str:
    """Lower the limit of the emulator's lag; return a file that makes it rest."""
    for name in ("clients.sender.MAX_LAG", "screen.feed.MAX_LAG"):
        monkeypatch.setattr(f"sesh.daemon.{name}", MAX_BURST)
    step, path = ScreenFeed.step, f"{home.path}/halt"
    monkeypatch.setattr(ScreenFeed, "step", lambda feed, *words: os.path.exists(path) or step(feed, *words))
    return path


@pytest.mark.needs_fork("an emulator that halts")
def test_the_program_waits_for_an_emulator_that_is_far_behind_and_nothing_is_lost(
    daemons: Daemons, home: Home, halt: str
) -> None:
    def position() -> int:
        return int(daemons.ask("work", "status")["position"])

    pid = daemons.quiet("work", FLOOD, directory=home.path, persist=False)
    begun = position()
    open(halt, "w").close()
    daemons.ask("work", "send", b"\n")
    wait_until(lambda: begun + MAX_BURST <= position() == position(), "the program waits")
    assert position() <= begun + MAX_BURST + (128 << 10)
    os.unlink(halt)
    wait_until(lambda: os.path.exists(f"{home.path}/done"), "the flood's end", timeout=60)
    daemons.wait_for("work", "\n3000", timeout=60)  # else `logs` could answer before the flood's last bytes
    shown = home.sesh("logs", "work", "3001", timeout=60).stdout.split("\n")
    assert shown == [f"{0:0120}", *map(str, range(1, 3001)), ""]
    size = 6_000 * (120 + 3 + 2) + sum(len(str(number)) + 2 for number in range(1, 3001))
    assert position() == begun + size
    assert resident(pid) < 60 << 20


EFFECTS = r"printf '\033]52;c;aGk=\007\033[6n'"
BURST = r"""seq -f "$(printf '\033[K')line %.0f" 1 40000"""


@pytest.mark.parametrize("script", [f"{EFFECTS}; {BURST}", f"{BURST}; {EFFECTS}"], ids=["before", "after"])
@pytest.mark.needs_fork("an emulator that is late")
def test_who_attaches_while_the_emulator_is_behind_gets_each_line_once_and_no_old_effects(
    daemons: Daemons, home: Home, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """Raw output was sent, with a clipboard write and a query that came before the client."""
    monkeypatch.setattr("sesh.daemon.screen.feed.PAUSE", 1000.0)
    daemons.sh("work", f"stty -echo; read go; {script}; : >done; exec cat", directory=home.path)
    daemons.ask("work", "send", b"\n")
    wait_until(lambda: os.path.exists(f"{home.path}/done"), "the burst")
    client = daemons.attach("work")
    client.wait(protocol.SCREEN)
    client.type(b"now\n")
    client.wait_output(b"now", timeout=30)
    terminal = Emulator(80, 24, max_lines=50_000, max_bytes=1 << 30)
    terminal.feed(bytes(client.shows))
    numbers = [int(line.split()[1]) for line in terminal.last_lines(50_000) if line.startswith("line ")]
    assert numbers == list(range(numbers[0], 40_001))
    assert len(numbers) >= 1000
    assert b"\x1b]52" not in client.shows
    assert b"\x1b[6n" not in client.shows
