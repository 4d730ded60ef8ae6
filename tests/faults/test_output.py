"""Many megabytes: whole and in order for a raw client, and at the end the emulator agrees with the bytes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time

import pytest

from sesh import protocol
from sesh.daemon.pty.output_log import IN_MEMORY
from tests.faults.daemons import Daemons, resident
from tests.support import Home, rounds, wait_until

LAST = rounds(2_800_000, 10_900_000)
"""`seq 1 LAST` is 24 megabytes on a terminal, where each line ends with two bytes; a hundred under LONG=1."""
MOST = IN_MEMORY + (6 << 20)
"""Bytes that the daemon may take for it: what the emulator may be behind, and its scrollback."""
LAG = IN_MEMORY // 4
"""Bytes that the emulator may be behind where that is tried."""


def expected() -> tuple[int, str]:
    """Size and hash of what the terminal gets."""
    lines = subprocess.run(["seq", "1", str(LAST)], capture_output=True, check=True).stdout
    printed = lines.replace(b"\n", b"\r\n") + b"end"
    return len(printed), hashlib.sha256(printed).hexdigest()


def test_many_megabytes_arrive_whole_and_in_order(daemons: Daemons) -> None:
    pid = daemons.quiet("work", f"read go; seq 1 {LAST}; printf end; exec cat")
    size, digest = expected()
    assert size > MOST
    before = resident(pid)
    client = daemons.attach("work")
    watcher = daemons.attach("work", read_only=True, columns=40, rows=10)
    client.wait(protocol.SCREEN)
    client.type(b"\n")
    found = hashlib.sha256()
    got = 0
    deadline = time.monotonic() + 50
    while got < size:
        client.step()
        take = bytes(client.output[: size - got])
        found.update(take)
        got += len(take)
        client.output.clear()
        watcher.step(0)
        assert time.monotonic() < deadline, f"{got} of {size} bytes"
    assert found.hexdigest() == digest
    assert resident(pid) < before + MOST
    log = daemons.show("work", "logs", lines=2001).split("\n")
    assert log == [*map(str, range(LAST - 1999, LAST + 1)), "end", ""]
    screen = daemons.show("work").split("\n")
    assert screen[-2:] == [str(LAST), "end"]


def test_a_flood_beyond_what_the_emulator_may_be_behind_waits_for_it_and_loses_nothing(
    daemons: Daemons, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the bound, in a form that takes no short cut, with nobody attached."""
    script = r"""read go; yes "$(printf '%0200d\033[K' 0)" | head -n 40000; seq 1 3000; exec cat"""
    monkeypatch.setattr("sesh.daemon.pty.output_log.IN_MEMORY", LAG)
    daemons.quiet("work", script)
    before = daemons.ask("work", "status")["session"]["position"]
    daemons.ask("work", "send", b"\n")
    size = 40_000 * (200 + 3 + 2) + sum(len(str(number)) + 2 for number in range(1, 3001))
    assert size > LAG + (2 << 20)
    daemons.wait_for("work", "\n3000", timeout=60)
    assert daemons.ask("work", "status")["session"]["position"] == before + size
    assert daemons.show("work", "logs", lines=3001).split("\n") == [f"{0:0200}", *map(str, range(1, 3001)), ""]


BURST = r"""
read go; printf '\033]52;c;aGk=\007\033[6n'
seq -f "$(printf '\033[K')line %.0f" 1 100000; : >done; exec cat
"""


def test_who_attaches_while_the_emulator_is_behind_gets_screens_and_none_of_the_old_bytes(
    daemons: Daemons, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that the emulator had not seen within 0.05 s came as it was: megabytes, a clipboard write and a query."""
    monkeypatch.setattr("sesh.daemon.screen.model.LULL", 1000.0)
    daemons.sh("work", f"stty -echo; {BURST}", directory=home.path)
    daemons.ask("work", "send", b"\n")
    wait_until(lambda: os.path.exists(f"{home.path}/done"), 20, what="the burst")
    client = daemons.attach("work", replay=True)
    client.wait(protocol.SCREEN)
    client.type(b"now\n")
    client.wait_output(b"now", timeout=30)
    screens = b"".join(payload for kind, payload in client.frames if kind == protocol.SCREEN)
    assert b"line 99999" in screens
    assert b"line 99001" in screens
    assert len(screens) < 500_000  # the burst is three times that; the longer it takes, the more screens there are
    assert len(client.output) < 20_000
    for part in (screens, bytes(client.output)):
        assert b"\x1b]52" not in part
        assert b"\x1b[6n" not in part


def test_the_retained_output_is_at_least_the_last_quarter_megabyte(daemons: Daemons) -> None:
    result, output = daemons.job("seq 1 400000")
    printed = "".join(f"{number}\r\n" for number in range(1, 400_001))
    assert result["truncated"] == (len(output) < len(printed))
    assert len(output) >= 256 << 10
    assert printed.endswith(output)
