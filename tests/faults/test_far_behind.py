"""A daemon whose emulator is far behind: nothing of what lies on disk is lost, whatever happens."""

from __future__ import annotations

import os
import stat

import pytest

from sesh import platform, protocol, system
from tests.faults.daemons import Daemons, resident
from tests.support import Home, wait_until

pytestmark = pytest.mark.skipif(not platform.LINUX, reason="descriptors of another process are read from /proc")

MEMORY = 2 << 20
COUNT = 60_000
FLOOD = rf'yes "$(printf "%0120d\033[K" 0)" | head -n {COUNT}; seq 1 3000'
"""Eight megabytes in a form that takes no short cut."""


@pytest.fixture
def behind(daemons: Daemons, home: Home, monkeypatch: pytest.MonkeyPatch) -> Daemons:
    """Sessions that keep two megabytes in memory."""
    if not system.on_local_disk(home.directory):
        pytest.skip("the directory of sessions lies in memory")
    monkeypatch.setattr("sesh.daemon.pty.output_log.IN_MEMORY", MEMORY)
    return daemons


def unnamed(pid: int) -> list[os.stat_result]:
    """The files of a daemon that have no name, and memory that outlives `exec` apart."""
    found = []
    for entry in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{entry}"
        try:
            status, target = os.stat(path), os.readlink(path)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(status.st_mode) and not status.st_nlink and "memfd" not in target:
            found.append(status)
    return found


def flooded(daemons: Daemons, home: Home, then: str) -> int:
    """A session that has printed the flood, most of which lies on disk; `then`: what its shell does behind it."""
    pid = daemons.quiet("work", f"read go; {FLOOD}; : >done; {then}", directory=home.path, persist=True)
    daemons.ask("work", "send", b"\n")
    wait_until(lambda: unnamed(pid) or os.path.exists(f"{home.path}/done"), 30, what="the file")
    assert all(stat.S_IMODE(status.st_mode) == 0o600 for status in unnamed(pid))
    wait_until(lambda: os.path.exists(f"{home.path}/done"), 30, what="the flood's end")
    return pid


def drawn(daemons: Daemons) -> str:
    """The last lines, once the emulator has read all. A request that comes before the last bytes of a flood do would
    not wait for them."""
    daemons.wait_for("work", "\n3000", timeout=60)
    return daemons.show("work", "logs", lines=3001)


def exact(shown: str) -> bool:
    return shown.split("\n") == [f"{0:0120}", *map(str, range(1, 3001)), ""]


def test_the_file_goes_when_the_emulator_has_read_it_and_memory_stays_small(behind: Daemons, home: Home) -> None:
    before = sorted(os.listdir(home.directory))
    pid = flooded(behind, home, "exec cat")
    assert exact(drawn(behind))
    assert unnamed(pid) == []
    assert resident(pid) < 60 << 20
    assert {name for name in os.listdir(home.directory) if name[:2] == ".u"} <= set(before)


def test_one_who_attaches_amid_it_gets_screens_and_then_the_bytes(behind: Daemons, home: Home) -> None:
    flooded(behind, home, "exec cat")
    client = behind.attach("work")
    client.wait(protocol.SCREEN)
    client.type(b"now\n")
    client.wait_output(b"now", timeout=30)
    assert len(client.output) < 1000
    assert b"3000" in b"".join(payload for kind, payload in client.frames if kind == protocol.SCREEN)


def test_nothing_lies_on_disk_for_a_session_that_is_to_leave_nothing_there(behind: Daemons, home: Home) -> None:
    pid = behind.quiet("work", f"read go; {FLOOD}; : >done; exec cat", directory=home.path, persist=False)
    behind.ask("work", "send", b"\n")
    wait_until(lambda: unnamed(pid) or os.path.exists(f"{home.path}/done"), 60, what="the flood's end")
    assert unnamed(pid) == []
    assert exact(drawn(behind))
