"""Wishes over a link: the bytes come whole, and no key waits for them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support import PROMPT, Home, Terminal, wait_until
from tests.support.slow import Slow

# What a desktop with a clipboard has: xclip, as far as it is called.
XCLIP = """#!/bin/sh
case "$*" in
*TARGETS*) printf 'TARGETS\\nimage/png\\nUTF8_STRING\\n' ;;
*-o*) cat ~/clipboard; : >~/given ;;
*) cat >~/written ;;
esac
"""


def attached(home: Home, *place: str) -> Terminal:
    """Attach from a machine with a clipboard to a session; return the terminal at the prompt."""
    home.write("desktop/xclip", XCLIP, 0o755)
    config = Path(home.path, ".config/sesh/config.toml")
    config.write_text(f'{config.read_text()}\n[desktop]\npaste = "always"\n')
    home.sesh("open", place[-1])
    path = f"{home.path}/desktop:{home.env['PATH']}"
    terminal = home.terminal(*place, env={"DISPLAY": ":7", "PATH": path})
    terminal.wait_for(PROMPT)
    return terminal


def served(terminal: Terminal, word: str = "served") -> None:
    """Wait until the client serves wishes; then the word shows."""
    terminal.type(f"until sesh paste --list 2>/dev/null; do :; done; clear; echo {word[0]}''{word[1:]}\r")
    terminal.wait_for(word)


def echo_times(terminal: Terminal, count: int) -> list[float]:
    """Type keys one by one; return the seconds that each one's echo took."""
    times = []
    for _ in range(count):
        mark = len(terminal.raw)
        began = time.monotonic()
        terminal.type("x")
        terminal.wait_for_raw(b"x", 30, mark)
        times.append(time.monotonic() - began)
    return times


def test_a_link_that_is_lost_in_the_middle_ends_the_wish_and_heals(home: Home) -> None:
    home.write("clipboard", os.urandom(2_000_000))
    link = Slow(home, 100, 50_000, predict="never")
    terminal = attached(home, "@slow", "work")
    served(terminal)
    terminal.type("sesh paste -t image/png >picture; echo lo''st $?\r")
    wait_until(Path(home.path, "given").exists, "the client has the picture")
    link.cut()
    terminal.wait_for("lost", 60)
    assert Path(home.path, "picture").read_bytes() == b""
    served(terminal, "again")


@pytest.mark.soak
@pytest.mark.parametrize("trip", [100, 800])
def test_a_picture_comes_whole_over_a_long_way(home: Home, trip: int) -> None:
    content = os.urandom(50_000)
    home.write("clipboard", content)
    Slow(home, trip, predict="never")
    terminal = attached(home, "@slow", "work")
    served(terminal)
    terminal.type("sesh paste -t image/png >picture; echo ca''me\r")
    terminal.wait_for("came")
    assert Path(home.path, "picture").read_bytes() == content


@pytest.mark.soak
@pytest.mark.parametrize(("trip", "rate"), [(800, 0), (100, 125_000), (100, 20_000)])
def test_keys_wait_for_no_bytes_of_the_clipboard(home: Home, trip: int, rate: int) -> None:
    content = os.urandom(min(19_000_000, 10 * rate or 19_000_000))
    home.write("clipboard", content)
    Slow(home, trip, rate, predict="never")
    terminal = attached(home, "@slow", "work")
    served(terminal)
    quiet = echo_times(terminal, 5)
    terminal.type("\x15sesh paste -t image/png >picture & clear\r")
    terminal.wait_for(PROMPT)
    busy = echo_times(terminal, 10)
    assert Path(home.path, "picture").stat().st_size == 0, "the picture is still under way"
    assert max(busy) < max(quiet) + 0.8, "a piece takes 0.2 s over the slowest of these links"


def test_a_client_within_a_session_asks_that_sessions_desktop(home: Home) -> None:
    """The person sits in front of `outer`; from there they have gone on to `work` in another terminal, over a link."""
    home.write("clipboard", "from the person's own machine")
    Slow(home, 50, predict="never")
    terminal = attached(home, "outer")
    served(terminal)
    home.sesh("open", "work")
    terminal.type("clear; unset DISPLAY; script -qc 'sesh @slow work' /dev/null\r")
    terminal.wait_for(PROMPT)
    served(terminal, "inner")
    terminal.type("clear; sesh paste; echo '|' $SESH_SESSION\r")
    terminal.wait_for("from the person's own machine| work")
    terminal.type("clear; echo back | sesh copy && echo co''pied\r")
    terminal.wait_for("copied")
    assert Path(home.path, "written").read_text().strip() == "back"
