"""Over a slow link, keys overtake old output, and the last screen is right."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import nullcontext
from pathlib import Path

import pytest

from sesh.client.reports import ASK_RESET
from sesh.wire.window import MIN_WINDOW
from tests.support import PROMPT, Home, Terminal
from tests.support.load import loaded
from tests.support.slow import Slow

RATE = 125_000
"""Bytes a second: 1 Mbit/s."""
LEAVE = b"\x1c"


@pytest.fixture
def slow(home: Home) -> Slow:
    return Slow(home, 100, RATE)


@pytest.mark.soak
def test_ctrl_c_in_a_flood_waits_for_no_old_output_and_a_flood_that_ends_comes_whole(home: Home, slow: Slow) -> None:
    """Megabytes of old output filled the link's buffers for many seconds."""
    terminal = slow.attach()
    terminal.type("yes 'a line of some length'\r")
    terminal.wait_until(lambda: len(terminal.raw) > RATE // 3, "a third of a second's output has come")
    mark = len(terminal.raw)
    terminal.type("\x03")
    terminal.wait_for_raw(PROMPT.encode(), 20, mark)
    assert len(terminal.raw) - mark < 4 * RATE, "seconds of it, on a busy machine, and not megabytes"
    mark = len(terminal.raw)
    terminal.type("seq 200000; echo end''ed\r")
    terminal.wait_for("ended")
    terminal.wait_until(
        lambda: terminal.screen()[-3:] == ["200000", "ended", f"{PROMPT} "[: len(PROMPT)]],
        "the end of the output and the prompt",
    )
    assert "\n".join(terminal.screen()).rstrip() == home.sesh("screen", "work").stdout.rstrip()
    assert len(terminal.raw) - mark > sum(len(f"{number}\r\n") for number in range(1, 200_001))


@pytest.mark.soak
def test_ctrl_c_over_the_slowest_link_waits_for_one_window_and_keeps_the_link(home: Home) -> None:
    """As much again came from the kernel. And the silence between two frames passed for that of a lost link."""
    home.env["SESH_EVENT_LOG"] = log = f"{home.path}/events"
    terminal = Slow(home, 100, 2000, predict="never").attach()
    terminal.type("yes\r")
    terminal.wait_until(lambda: len(terminal.raw) > 4 * MIN_WINDOW, "the flood has filled the window for a while")
    mark = len(terminal.raw)
    terminal.type("\x03")
    terminal.wait_for_raw(PROMPT.encode(), 20, mark)
    assert len(terminal.raw) - mark < 2 * MIN_WINDOW, (
        "the window, which one frame that comes without queueing lets grow"
    )
    assert not os.path.exists(log) or "reconnect" not in Path(log).read_text()


@pytest.mark.soak
@pytest.mark.parametrize("lines", [pytest.param(30_000, marks=pytest.mark.soak), 70_000])
def test_the_last_words_of_a_session_come_over_a_slow_link(slow: Slow, lines: int) -> None:
    """The session ends before, while or after the daemon finds that the link is slow."""
    terminal = slow.attach()
    terminal.type(f"seq {lines}; echo the last; exit 3\r")
    assert terminal.exit_code() == 3
    assert f"{lines}\nthe last" in "\n".join(row.rstrip() for row in terminal.screen())


@pytest.mark.parametrize("trip", [300, pytest.param(1200, marks=pytest.mark.soak)])
def test_who_leaves_over_a_slow_link_gets_no_empty_rows(home: Home, trip: int) -> None:
    """A busy machine or a long way delays the goodbye, which tells of the screen."""
    terminal = Slow(home, trip, RATE, predict="never").attach()
    terminal.type("clear; echo only'' line\r")
    terminal.wait_for("only line\n" + PROMPT)
    terminal.type(LEAVE)
    assert terminal.exit_code() == 0
    rows = [row.rstrip() for row in terminal.text().splitlines()]
    left = next(index for index, row in enumerate(rows) if row.startswith("[detached from work"))
    assert rows[left - 2 : left] == ["only line", PROMPT]


@pytest.mark.parametrize(
    ("trip", "busy"),
    [(300, False), *(pytest.param(trip, True, marks=pytest.mark.soak) for trip in (None, 0, 300))],
    ids=str,
)
def test_a_late_reply_does_not_reach_the_shell_outside(home: Home, trip: int | None, busy: bool) -> None:
    """The terminal replies to the program when the person has left the session."""
    asks = "stty raw -echo; printf asking; dd bs=1 count=1 2>/dev/null; printf '\\033[c'; exec sleep 60"
    home.sesh("open", "work", "--", "sh", "-c", asks)
    if trip is not None:
        Slow(home, trip)
    words = [*home.command, *([] if trip is None else ["@slow"]), "work"]
    with Terminal(["bash", "--norc", "-i"], env=home.env, cwd=home.path, columns=200) as window:
        window.wait_for(PROMPT)
        with loaded() if busy else nullcontext():
            window.type(f"{shlex.join(words)}\r")
            window.wait_for("asking")
            window.type("x")
            window.wait_for_raw(b"\x1b[c")
            window.type(LEAVE)
            window.wait_for_raw(b"\x18\x1b\\")
            window.type(b"\x1b[?62;22c")
            window.wait_for_raw(ASK_RESET)
            window.type(b"\x1b[?7373;0$y\x1b[?62;22c")
            window.wait_for(re.compile(rf"\[detached from work.*\n{PROMPT}"))
        window.type("echo a$((1+1))b\r")
        window.wait_for("a2b")
        assert "62;22c" not in window.text()
