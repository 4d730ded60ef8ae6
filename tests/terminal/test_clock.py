"""Setting the clock an hour forward or back changes no duration that sesh measures."""

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
    """The clock of a home's programs, which a test can set forward or back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0)

    def set(self, seconds: int) -> None:
        """Set the clock's offset from the real clock, in one step."""
        temporary = self.path.with_suffix(".new")
        temporary.write_text(f"{seconds:+d}\n", encoding="ascii")
        temporary.rename(self.path)


@pytest.fixture
def clock(home: Home, tmp_path: Path) -> Clock:
    """A settable clock for all programs that the home starts, by libfaketime."""
    need("faketime")
    (library,) = glob.glob(LIBRARIES)[:1] or pytest.skip("no libfaketime where Debian has it")
    clock = Clock(tmp_path / "clock")
    home.env |= {
        "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(clock.path), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
    }  # fmt: skip
    return clock


@pytest.mark.soak
def test_a_clock_that_is_set_disturbs_no_age_and_no_wait(home: Home, clock: Clock) -> None:
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    job = home.start("exec", "job", "--json", "--timeout", "2", "--", "sleep", "600")
    wait_until(lambda: "job" in home.names(), "the session job exists")
    idle = home.start("wait", "work", "--idle", "1", "--json")
    run = home.start("run", "work", "--json", "--", "sleep 1.5; echo done")
    wait_until(lambda: home.summary("work")["foreground"]["command"] == ["sleep", "1.5"], "sleep runs in work")
    clock.set(-HOUR)

    shown = home.sesh("status", "work").stdout + home.sesh("list").stdout
    assert re.findall(r"(?<![\w-])(?:\d+h|-\d+s)\b", shown) == [], "a few seconds have passed"
    done = json.loads(run.communicate(timeout=30)[0])
    assert done["output"] == "done\n"
    assert done["duration"] < 10
    assert json.loads(idle.communicate(timeout=30)[0])["met"] == "idle"
    late = json.loads(job.communicate(timeout=30)[0])
    assert (late["timed_out"], late["duration"] < 15) == (True, True)
    clock.set(HOUR)
    # --idle measures past silence by the monotonic clock.
    assert home.sesh("wait", "work", "--idle", "600", "--timeout", "0.5").code == 124
    terminal.type("\x1c")
    assert terminal.exit_code() == 0
    home.sesh("send", "work", "printf '\\a'", "--enter")
    wait_until(lambda: home.summary("work")["unseen"]["bells"] == 1, "the bell has rung")
    again = home.terminal("work")
    again.wait_for("away a moment: 1 bell")
