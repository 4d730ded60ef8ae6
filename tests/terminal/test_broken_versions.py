"""`reload` refuses a broken sesh, and daemon, program and clients go on undisturbed."""

from __future__ import annotations

import os

import pytest

from tests.support import Home, Sesh
from tests.terminal.test_reload import other, pids

BROKEN = """
import os
def broken(*_, **__):
    raise RuntimeError("it is broken")
"""
WAYS = {
    "import": ("loop/poll.py", "broken()"),
    "format": ("daemon/snapshot.py", "FORMAT = 99"),
    "end": ("daemon/reload.py", "session_of = lambda *_, **__: os._exit(3)"),
    "hang": ("daemon/reload.py", "session_of = lambda *_, **__: __import__('time').sleep(1000)"),
}
"""Each kind of defect: a file, and the code appended to that file."""
LINES = 'stty -echo; PS1=; i=0; echo rea""ding; while read -r x; do i=$((i+1)); echo "line $i $x"; done\r'


@pytest.mark.long
@pytest.mark.parametrize(
    "ways",
    [
        pytest.param(["end"], id="ends"),
        pytest.param([way for way in WAYS if way not in ("end", "hang")], id="fails", marks=pytest.mark.soak),
        pytest.param(["hang"], id="hangs", marks=pytest.mark.soak),
    ],
)
def test_a_version_that_is_broken_is_refused_and_the_session_goes_on(sesh: Sesh, home: Home, ways: list[str]) -> None:
    person = home.terminal("work")
    person.wait_for("ready>")
    person.type(LINES)
    person.wait_for("reading")
    before, files = pids(home, "work"), names(home)
    mine = home.command
    for number, way in enumerate(ways):
        file, text = WAYS[way]
        person.type(f"{way} before\r")
        home.command = other(home, way, file, BROKEN + text)
        answer = sesh("reload", "work", timeout=60)
        home.command = mine
        assert (answer.code, answer.stderr.count("\n")) == (1, 1), way
        assert "cannot take over" in answer.stderr
        assert "work goes on unchanged" in answer.stderr
        assert ("it is broken" in answer.stderr) == ("broken" in text), answer.stderr
        person.type(f"{way} behind\r")
        person.wait_for(f"line {2 * number + 2} {way} behind", timeout=40)
        assert (pids(home, "work"), names(home)) == (before, files)
    shown = [line for line in person.text().splitlines() if line.startswith("line ")]
    lines = [f"{way} {when}" for way in ways for when in ("before", "behind")]
    assert shown == [f"line {number} {line}" for number, line in enumerate(lines, 1)]
    person.type("\x04exit 5\r")
    assert person.exit_code() == 5


def names(home: Home) -> list[str]:
    """Return the files of sessions, except checkpoints, which may be written at any moment."""
    written = (".checkpoint", "..checkpoint", ".screen", ".new-screen")
    return sorted(each for each in os.listdir(home.directory) if not each.startswith(written))
