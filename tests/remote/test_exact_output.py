"""A terminal whose link breaks shows each line once, in order, and nothing else."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from sesh.client.view import TerminalView
from sesh.daemon.clients.client import Client
from sesh.daemon.clients.sender import Sender
from tests.remote.farm import Farm
from tests.remote.pace import hasty
from tests.remote.storm import BREAKS, LONG, OUTAGE, TOLD, Storm
from tests.remote.streams import KINDS, stream
from tests.remote.via import Beside
from tests.support import Home, processes, rounds


@pytest.mark.long
@pytest.mark.needs_fork("no line about a host that takes half a second to connect")
@pytest.mark.timeout(rounds(120, 600))
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind == "mixed" else [pytest.mark.soak]) for kind in KINDS],
)
@pytest.mark.parametrize("seed", range(1, rounds(1, 3) + 1))
def test_a_flood_over_a_link_that_breaks_is_shown_exactly(home: Home, farm: Farm, kind: str, seed: int) -> None:
    far = farm.host("box", proxied=True)
    storm = Storm(home, far, stream(kind, seed, rounds(40_000, 160_000)), seed)
    storm.rounds(rounds(len(BREAKS), 20), BREAKS)
    storm.judge()


@pytest.mark.needs_fork("a daemon that stops within a screen")
def test_a_link_that_breaks_within_the_first_screen_costs_no_line_and_doubles_none(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A screen comes in parts; the daemon halts after the first ones."""
    hasty(monkeypatch)
    far, send_pieces, show = beside("box"), Sender._send_pieces, TerminalView.show
    halted, taken = Path(far.root, "halted"), Path(far.root, "taken")

    def show_and_note(view: TerminalView, kind: int, payload: bytes) -> None:
        show(view, kind, payload)
        taken.touch()

    def send_and_halt(sender: Sender, client: Client, now: float) -> None:
        send_pieces(sender, client, now)
        if client.screen is not None and not halted.exists():
            halted.touch()
            os.kill(os.getpid(), signal.SIGSTOP)

    monkeypatch.setattr(Sender, "_send_pieces", send_and_halt)
    monkeypatch.setattr(TerminalView, "show", show_and_note)
    assert far.sesh("open", "work", "--", "sh", "-c", "seq 1001 3000; exec sleep 1000").code == 0
    far.prints("work", "^3000$")
    daemon = far.summary("work")["daemon_pid"]
    terminal = home.terminal("@box", "work")
    # A link that breaks before the client is attached is an error, not a loss.
    terminal.wait_until(
        lambda: processes.stopped(daemon) and taken.exists(), "the daemon is stopped, and the client is attached"
    )
    far.cut()
    os.kill(daemon, signal.SIGCONT)
    terminal.wait_for("3000")
    lines = [int(number) for number in re.findall(r"^\d{4}$", terminal.text(), re.MULTILINE)]
    assert lines == list(range(lines[0], 3001))
    assert len(lines) >= 1000


def test_all_lines_come_that_were_printed_without_a_link(home: Home, beside: Beside) -> None:
    """The limit of a replay is for a terminal that attaches, or is late."""
    storm = Storm(home, beside("box"), b"".join(b"%d\r\n" % number for number in range(3000)), 1)
    storm.shows(1000)
    storm.allow(len(storm.data))
    LONG.blow(storm, len(storm.data))
    storm.judge()


MIDDLES = {
    "character": ("世".encode(), 2),
    "string": (b"\x1bP1;2|" + b"".join(b"%05d" % at for at in range(5_000)) + b"\x1b\\", 20_000),
    "full row": (b"x" * 70 + b"yz", 71),
    "saved": (b"\x1b7\x1b[3;5Hup\x1b8down", 10),
    "alternate": (b"\x1b[?1049h\x1b[24;1Hlast\x1b[1;1Hrow\x1b[?1049l", 25),
    "colour": (b"\x1b[38;5;208mx", 6),
    "escape": (b"\x1b[1mx", 1),
    "return": (b"\r\n", 1),
    "title": (b"\x1b]2;a title\x1b\\", 6),
    "margins": (b"\x1b[2;20r\x1b[20;1Hin\r\nthem\x1b[r\x1b[20;9H", 20),
}


@pytest.mark.soak
@pytest.mark.parametrize("told", [True, False], ids=["told", "brief"])
def test_a_link_that_breaks_in_the_middle_of_something(home: Home, beside: Beside, told: bool) -> None:
    """Output goes on from the break or an earlier byte, with half characters held back."""
    far = beside("box")
    lines = b"".join(b"row %d\r\n" % row for row in range(30))
    middles = list(MIDDLES.items())[: rounds(5, len(MIDDLES))]
    before = [lines + b"before " + data for _, (data, _) in middles]
    storm = Storm(home, far, b"after\r\n".join([*before, lines]), 1)
    begins = 0
    for name, (data, cut) in middles:
        storm.story.append(name)
        begins += len(lines) + 7
        start = len(storm.terminal.raw)
        storm.allow(begins + cut)
        storm.printed(begins + cut)
        if told:
            storm.terminal.wait_for_raw((b"before " + data[:cut])[-20:].decode(errors="ignore").encode(), start=start)
        (TOLD if told else OUTAGE).blow(storm, begins + cut)
        storm.shows(begins + cut)
        begins += len(data) + 7
    storm.judge()
