"""What happens while a link is dark is shown once afterwards: an end, a resize, a rename, another client's keys."""

from __future__ import annotations

import re
import signal

import pytest

from tests.remote.farm import Far, Farm
from tests.remote.pace import brisk, hasty
from tests.remote.storm import Storm
from tests.remote.streams import stream
from tests.support import Home, Terminal, rounds

# Whether the outage lasts until the person is told of it; `make test` plays the first.
TOLD_FIRST = [pytest.param(True, id="told"), pytest.param(False, id="brief", marks=pytest.mark.soak)]
BRIEF_FIRST = [pytest.param(False, id="brief"), pytest.param(True, id="told", marks=pytest.mark.soak)]


def lines(terminal: Terminal) -> list[int]:
    return [int(number) for number in re.findall(r"line-(\d+)-", terminal.text())]


def goes_dark(terminal: Terminal, far: Far, told: bool) -> None:
    far.proxy.refuse()
    far.proxy.cut()
    if told:
        terminal.wait_until(lambda: "Enter tries" in terminal.screen()[-1], 20, "one line says so")


def waiting(home: Home, far: Far, end: str) -> Terminal:
    """A terminal with thirty lines, on a program that goes on once there is a file `go`."""
    far.write("say", "for i in $(seq $1 $2); do echo line-$i-; done\n")
    script = f"sh say 1 30; while [ ! -e go ]; do sleep 0.02; done; sh say 31 60; {end}"
    terminal = home.terminal("@box", "work", "--", "sh", "-c", script)
    terminal.wait_for("line-30-")
    return terminal


@pytest.mark.parametrize("told", BRIEF_FIRST)
def test_the_last_output_and_the_end_of_a_session_come_once(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """The person sees what it printed last, then how it ended."""
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    terminal = waiting(home, far, "exit 7")
    goes_dark(terminal, far, told)
    far.write("go", "")
    terminal.wait_until(lambda: "exited" in far.sesh("--status", "work", "--json").stdout, 20, "it has ended")
    far.proxy.restore()
    assert terminal.exit_code() == 7
    assert terminal.text().count("[work ended: 7]") == 1
    assert lines(terminal) == list(range(1, 31))


@pytest.mark.parametrize("told", TOLD_FIRST)
def test_stopping_the_client_in_an_outage_loses_and_doubles_nothing(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    terminal = waiting(home, far, "sleep 900")
    goes_dark(terminal, far, told)
    terminal.signal(signal.SIGTSTP)
    terminal.wait_until(lambda: "line-30-" not in "\n".join(terminal.screen()), 20, "it has made room, to be stopped")
    far.write("go", "")
    terminal.signal(signal.SIGCONT)
    far.proxy.restore()
    terminal.wait_until(lambda: "line-60-" in terminal.text())
    terminal.wait_until(far.settled)
    assert "since" not in terminal.text()
    assert in_order(lines(terminal), 60)
    shown = "\n".join(terminal.screen())
    assert all(f"line-{number}-" in shown for number in range(40, 61)), shown


def in_order(found: list[int], last: int) -> bool:
    """Whether all stand there, where what the terminal showed at that time may stand twice."""
    once = [number for at, number in enumerate(found) if number not in found[at + 1 :]]
    return once == list(range(1, last + 1)) and len(found) - last < 24


@pytest.mark.parametrize("told", BRIEF_FIRST)
@pytest.mark.parametrize("size", [(80, 20), pytest.param((100, 30), marks=pytest.mark.soak)])
def test_a_resize_in_an_outage_loses_nothing(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, told: bool, size: tuple[int, int]
) -> None:
    """Terminals move their rows in ways of their own then: some may stand twice."""
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    terminal = waiting(home, far, "sleep 900")
    goes_dark(terminal, far, told)
    terminal.resize(*size)
    far.write("go", "")
    far.prints("work", "line-60-")
    far.proxy.restore()
    terminal.wait_until(lambda: "line-60-" in terminal.text())
    terminal.wait_until(far.settled)
    assert in_order(lines(terminal), 60)
    assert "since" not in terminal.text()


def test_a_rename_in_an_outage_is_told_and_nothing_is_lost(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    terminal = waiting(home, far, "read x; exit 7")
    goes_dark(terminal, far, True)
    assert far.sesh("--rename", "work", "other").code == 0
    far.write("go", "")
    far.proxy.restore()
    terminal.wait_until(lambda: "line-60-" in terminal.text())
    terminal.type("\r")
    assert terminal.exit_code() == 7
    assert "[other ended: 7]" in terminal.text()
    assert lines(terminal) == list(range(1, 61))


@pytest.mark.soak
@pytest.mark.timeout(rounds(120, 600))
def test_two_clients_of_which_one_is_cut_off_both_show_all(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one goes on meanwhile, and types."""
    hasty(monkeypatch)
    far = farm.host("box", proxied=True)
    other = farm.host("near", same_user=far)
    storm = Storm(home, farm, far, stream("mixed", 2, 30_000), 2)
    second = home.terminal("@near", "work")
    second.wait_until(lambda: b"\x1b" in second.raw)
    storm.rounds(rounds(3, 20))
    storm.judge()
    assert other.user == far.user
    wanted = storm.expected.text()
    second.wait_until(lambda: second.text() == wanted, 20, wanted)
