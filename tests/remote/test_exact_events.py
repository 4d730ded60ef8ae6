"""Events during a lost link are shown once afterwards, such as a session's end."""

from __future__ import annotations

import re
import signal

from tests.remote.via import Beside, ViaHost
from tests.support import Home, Terminal


def lines(terminal: Terminal) -> list[int]:
    return [int(number) for number in re.findall(r"line-(\d+)-", terminal.text())]


def waiting(home: Home, far: ViaHost, end: str) -> Terminal:
    """Return a terminal with thirty lines, whose program waits for the file `go`."""
    far.write("say", "for i in $(seq $1 $2); do echo line-$i-; done\n")
    script = f"sh say 1 30; while [ ! -e go ]; do sleep 0.02; done; sh say 31 60; {end}"
    terminal = home.terminal("@box", "work", "--", "sh", "-c", script)
    terminal.wait_for("line-30-")
    return terminal


def test_the_end_of_a_session_during_an_outage_is_said_once(home: Home, beside: Beside) -> None:
    """The client shows each line that came before the loss, then how the session ended."""
    far = beside("box")
    terminal = waiting(home, far, "exit 7")
    far.away()
    terminal.wait_until(
        lambda: far.summary("work")["attached"] == 0, "no terminal is attached to work"
    )  # else the session leaves no files
    far.write("go", "")
    terminal.wait_until(lambda: "exited" in far.sesh("status", "work", "--json").stdout, "it has ended", timeout=20)
    far.back()
    assert terminal.exit_code() == 7
    assert terminal.text().count("[work ended: 7]") == 1
    assert lines(terminal) == list(range(1, 31))


def test_stopping_the_client_in_an_outage_loses_and_doubles_nothing(home: Home, beside: Beside) -> None:
    """Only the rows that the screen showed at the stop may appear twice."""
    far = beside("box")
    terminal = waiting(home, far, "sleep 900")
    far.away()
    terminal.wait_until(lambda: "Enter tries" in terminal.screen()[-1], "one line says so", timeout=20)
    terminal.signal(signal.SIGTSTP)
    terminal.wait_until(
        lambda: "line-30-" not in "\n".join(terminal.screen()), "it has made room, to be stopped", timeout=20
    )
    far.write("go", "")
    terminal.signal(signal.SIGCONT)
    far.back()
    terminal.wait_until(lambda: "line-60-" in terminal.text(), "the terminal shows 'line-60-'")
    terminal.wait_until(far.settled, "both sides are at rest")
    assert "since" not in terminal.text()
    found = lines(terminal)
    assert [number for at, number in enumerate(found) if number not in found[at + 1 :]] == list(range(1, 61))
    assert len(found) - 60 < 24
    shown = "\n".join(terminal.screen())
    assert all(f"line-{number}-" in shown for number in range(40, 61)), shown
