"""The clock is set an hour on or back, and the machine sleeps for hours: what sesh measures does not notice."""

from __future__ import annotations

import glob
import json
import re
from pathlib import Path

import pytest

from tests.support import PROMPT, Home, need, wait_until

HOUR = 3600
LIBRARIES = "/usr/lib/*/faketime/libfaketime.so.1"


class Clock:
    """The clock of a home's programs, an hour on or back, or after a sleep."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0)

    def set(self, seconds: int) -> None:
        """Sets the clock so many seconds before or behind the real one, in one step."""
        temporary = self.path.with_suffix(".new")
        temporary.write_text(f"{seconds:+d}\n", encoding="ascii")
        temporary.rename(self.path)


@pytest.fixture
def clock(home: Home, tmp_path: Path) -> Clock:
    """A clock that can be set, of all that the home starts: by libfaketime."""
    need("faketime")
    (library,) = glob.glob(LIBRARIES)[:1] or pytest.skip("no libfaketime where Debian has it")
    clock = Clock(tmp_path / "clock")
    home.env |= {
        "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(clock.path), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
    }  # fmt: skip
    return clock


def test_a_clock_that_is_set_disturbs_no_age_and_no_wait(home: Home, clock: Clock) -> None:
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    job = home.start("--exec", "job", "--json", "--timeout", "2", "--", "sleep", "600")
    wait_until(lambda: "job" in home.names())
    idle = home.start("--wait", "work", "--idle", "1", "--json")
    run = home.start("--run", "work", "--json", "--", "sleep 1.5; echo done")
    wait_until(lambda: home.summary("work")["foreground"]["command"] == ["sleep", "1.5"])
    clock.set(-HOUR)

    shown = home.sesh("--status", "work").stdout + home.sesh("--list").stdout
    assert re.findall(r"(?<![\w-])(?:\d+h|-\d+s)\b", shown) == [], "a few seconds have passed"
    done = json.loads(run.communicate(timeout=30)[0])
    assert done["output"] == "done\n"
    assert done["duration"] < 10
    assert json.loads(idle.communicate(timeout=30)[0])["met"] == "idle"
    late = json.loads(job.communicate(timeout=30)[0])
    assert (late["timed_out"], late["duration"] < 15) == (True, True)
    clock.set(HOUR)
    # --idle counts what is past by a clock that nobody sets.
    assert home.sesh("--wait", "work", "--idle", "600", "--timeout", "0.5").code == 124
    terminal.type("\x1c")
    assert terminal.exit_code() == 0
    home.sesh("--send", "work", "printf '\\a'", "--enter")
    wait_until(lambda: home.summary("work")["unseen"]["bells"] == 1)
    again = home.terminal("work")
    again.wait_for("away a moment: 1 bell")
