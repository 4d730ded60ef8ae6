"""The clock is set an hour on or back, and the machine sleeps for hours: what sesh measures does not notice."""

from __future__ import annotations

import glob
import json
import os
import re
import time
from pathlib import Path

import pytest

from tests.support import PROMPT, Home, need, wait_until, warm

HOUR = 3600
LIBRARIES = "/usr/lib/*/faketime/libfaketime.so.1"

# A process that sleeps and wakes: its monotonic clock stands meanwhile, the two others go on.
ASLEEP = """
import time
_wall, _since_boot = time.time, time.clock_gettime
def _slept():
    with open({path!r}) as file:
        return float(file.read())
time.time = lambda: _wall() + _slept()
time.clock_gettime = lambda which: _since_boot(which) + (_slept() if which == time.CLOCK_BOOTTIME else 0)
"""


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


@pytest.fixture
def sleeper(home: Home, tmp_path: Path) -> Clock:
    """A machine that sleeps, as all that the home starts sees it."""
    clock = Clock(tmp_path / "slept")
    home.command = warm.changed(ASLEEP.format(path=str(clock.path)).strip())
    return clock


def row(home: Home, name: str = "work") -> str:
    return next(line for line in home.sesh("--list").stdout.splitlines() if f" {name} " in line)


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["on", "back"])
def test_a_clock_that_is_set_disturbs_no_age_and_no_wait(home: Home, clock: Clock, step: int) -> None:
    home.sesh("--open", "work")
    wait_until(lambda: home.sesh("--wait", "work", "--prompt", "--timeout", "10").code == 0)
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    job = home.start("--exec", "job", "--json", "--timeout", "2", "--", "sleep", "600")
    wait_until(lambda: "job" in home.names())
    began = time.monotonic()
    idle = home.start("--wait", "work", "--idle", "1", "--json")
    run = home.start("--run", "work", "--json", "--", "read -t 1.5 x </dev/zero; sleep 0.3; echo done")
    wait_until(lambda: home.summary("work")["foreground"] is not None)
    clock.set(step)

    shown = home.sesh("--status", "work").stdout
    assert re.findall(r"\b\d+h\b|-\d+s", shown + row(home)) == [], "a few seconds have passed"
    created = home.sesh("--status", "work", "--json").json()["created"]
    assert home.sesh("--list", "--json").json()[-1]["created"] == created, "it is the same each time"
    done = json.loads(run.communicate(timeout=20)[0])
    assert done["output"] == "done\n"
    assert done["duration"] < 10
    assert json.loads(idle.communicate(timeout=20)[0])["met"] == "idle"
    late = json.loads(job.communicate(timeout=20)[0])
    assert 1.9 < time.monotonic() - began < 15
    assert (late["timed_out"], late["duration"] < 15) == (True, True)
    # --idle counts what is past by a clock that nobody sets.
    assert home.sesh("--wait", "work", "--idle", "600", "--timeout", "0.5").code == 124
    assert home.sesh("--run", "work", "--", "echo on").stdout == "on\n"
    terminal.type("\x1c")
    assert terminal.exit_code() == 0
    home.sesh("--send", "work", "printf '\\a'", "--enter")
    wait_until(lambda: home.summary("work")["unseen"]["bells"] == 1)
    again = home.terminal("work")
    again.wait_for("1 bell")
    assert "away a moment: 1 bell" in again.text()
    again.type("\x1c")
    assert again.exit_code() == 0


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["on", "back"])
def test_a_clock_that_is_set_disturbs_no_reload_and_no_checkpoint(home: Home, clock: Clock, step: int) -> None:
    job = home.start(
        "--exec", "job", "--json", "--timeout", "30", "--", "sh", "-c", "echo one; read x; echo two; read x"
    )
    wait_until(lambda: "one" in home.sesh("--logs", "job").stdout)
    clock.set(step)
    assert home.sesh("--reload", "job").code == 0
    assert re.findall(r"\b\d+h\b", row(home, "job")) == []
    home.sesh("--send", "job", "--enter", "go")
    wait_until(lambda: "two" in home.sesh("--logs", "job").stdout)
    home.sesh("--send", "job", "--enter", "go")
    done = json.loads(job.communicate(timeout=20)[0])
    assert (done["exit_code"], done["timed_out"]) == (0, False)
    assert 0 <= done["duration"] < 25

    home.sesh("--open", "work", "--", "sh", "-c", "echo before; read x; echo behind; exec sleep 600")
    wait_until(lambda: "before" in home.sesh("--logs", "work").stdout)
    clock.set(0)
    home.sesh("--send", "work", "--enter", "go")
    checkpoint = os.path.join(home.directory, f".checkpoint.{home.summary('work')['id']}")
    wait_until(lambda: os.path.exists(checkpoint) and b"behind" in Path(checkpoint).read_bytes(), 15)


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["on", "back"])
def test_a_clock_that_is_set_disturbs_no_sweep(home: Home, clock: Clock, step: int) -> None:
    home.sesh("--open", "failed", "--", "false")
    wait_until(lambda: home.summary("failed").get("state") == "exited")
    clock.set(step)
    done = home.sesh("--sweep", "--older", "30m", "--json")
    assert done.json()["pieces"] == [], "it ended a moment ago"
    assert home.summary("failed")["state"] == "exited"


def test_hours_of_sleep_count_for_ages_and_for_no_wait(home: Home, sleeper: Clock) -> None:
    home.sesh("--open", "work")
    assert home.sesh("--wait", "work", "--prompt", "--timeout", "10").code == 0
    job = home.start("--exec", "job", "--json", "--timeout", "60", "--", "sh", "-c", "echo one; read x")
    wait_until(lambda: "one" in home.sesh("--logs", "job").stdout)
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    terminal.type("\x1c")
    assert terminal.exit_code() == 0
    home.sesh("--send", "work", "printf '\\a'", "--enter")
    wait_until(lambda: home.summary("work")["unseen"]["bells"] == 1)
    sleeper.set(3 * HOUR)
    assert "3h" in row(home), "it is that old"
    again = home.terminal("work")
    again.wait_for("away 3 h")
    again.type("\x1c")
    assert again.exit_code() == 0
    # The program has run for a few seconds only.
    assert home.sesh("--wait", "work", "--idle", "600", "--timeout", "0.3").code == 124
    assert home.sesh("--reload", "job").code == 0
    assert home.sesh("--run", "work", "--", "echo on").stdout == "on\n"
    home.sesh("--send", "job", "--enter", "go")
    done = json.loads(job.communicate(timeout=20)[0])
    assert (done["exit_code"], done["timed_out"]) == (0, False)
